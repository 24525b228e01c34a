// The model itself: loaded from the files that page.json names, run by TensorFlow.js.
'use strict';

const Engine = (function () {
  const BACKENDS = ['webgl', 'cpu'];
  const {Failure} = Files;
  const paused = () => new Promise(resolve => setTimeout(resolve)); // lets the browser paint

  async function chooseBackend() {
    const wanted = new URLSearchParams(location.search).get('backend');
    for (const name of wanted ? [wanted] : BACKENDS) {
      try {
        if (await tf.setBackend(name)) { await tf.ready(); return; }
      } catch (error) { /* the next one */ }
    }
    throw new Failure(`TensorFlow.js has no backend ${wanted || 'at all'} in this browser.`);
  }

  let artifacts = null, format = 'layers'; // of the model that was loaded

  const made = handed => format === 'graph' ? tf.loadGraphModel({load: async () => handed}) : tf.loadLayersModel({load: async () => handed});
  // The model again, with other weights: all of them one after the other, as the shards have them.
  const reweighted = bytes => made(Object.assign({}, artifacts, {weightData: bytes.slice().buffer}));

  // page: page.json's content; step(words, part): tells how far it is.  Resolves to TensorFlow.js's model.
  async function load(page, step) {
    const found = await Files.model((name, part) => step(`Loading ${name.split('/').pop()}`, 0.1 + 0.6 * part));
    step('Building the model', 0.75);
    await paused();
    const json = JSON.parse(new TextDecoder().decode(found[page.files[0].name]));
    const groups = json.weightsManifest || [], folder = page.files[0].name.replace(/[^/]*$/, '');
    const shards = [].concat(...groups.map(group => group.paths)).map(path => found[folder + path]);
    if (shards.some(shard => !shard)) throw new Failure('model.json names weights that this page was not built with.\nBuild the page again.');
    const data = new Uint8Array(shards.reduce((sum, shard) => sum + shard.length, 0));
    shards.reduce((offset, shard) => { data.set(shard, offset); return offset + shard.length; }, 0);
    artifacts = Object.assign({}, json, {weightSpecs: [].concat(...groups.map(group => group.weights)), weightData: data.buffer});
    delete artifacts.weightsManifest;
    format = page.drawing.format;
    return made(artifacts);
  }

  // inputs: list of Float32Array, in the model's order.  Resolves to a list of typed arrays, one per output that is
  // drawn; the others stay where they were computed.  What the graphics processor cannot compute, the other one does.
  async function run(model, drawing, inputs) {
    try {
      return await once(model, drawing, inputs);
    } catch (error) {
      if (tf.getBackend() === 'cpu') throw error;
      await tf.setBackend('cpu');
      return once(model, drawing, inputs);
    }
  }
  async function once(model, drawing, inputs) {
    const given = inputs.map((data, i) => tf.tensor(data, [1].concat(drawing.inputs[i].shape), drawing.inputs[i].dtype === 'int32' ? 'int32' : 'float32'));
    const tensors = drawing.format === 'graph' ? await executed(model, given) : tf.tidy(() => [].concat(model.predict(given)));
    tf.dispose(given);
    const drawn = new Set(drawing.layers.map(layer => layer.output));
    const results = await Promise.all(tensors.map((tensor, i) => drawn.has(i) ? tensor.data() : null));
    tf.dispose(tensors);
    return results;
  }

  // What a graph model makes of its inputs; one with control flow or sizes that values decide runs by executeAsync alone.
  const slow = new WeakSet();
  async function executed(model, given) {
    const fed = {}, names = model.outputs.map(output => output.name);
    model.inputs.forEach((input, i) => { fed[input.name] = given[i]; });
    if (!slow.has(model)) {
      try {
        return tf.tidy(() => [].concat(model.execute(fed, names)));
      } catch (error) {
        if (!/executeAsync/.test(error.message)) throw error;
        slow.add(model);
      }
    }
    return [].concat(await model.executeAsync(fed, names));
  }

  // Of a graph model its topology's nodes by name, else null.
  let graph = null;
  function nodes() {
    if (format === 'graph' && artifacts && !graph) graph = new Map(artifacts.modelTopology.node.map(node => [node.name, node]));
    return graph;
  }

  return {chooseBackend, nodes, load, reweighted, run, paused};
})();
