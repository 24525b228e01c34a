// Runs a TensorFlow.js model in Node on its cpu backend: node predict.js BUNDLE MODEL_JSON REQUEST ANSWER
//
// BUNDLE      tf.min.js of any @tensorflow/tfjs from 1.0.0 on
// MODEL_JSON  model.json of a layers model or a graph model, its shards beside it
// REQUEST     one line of JSON {"inputs": [{"shape": [...]}, ...], "outputs": [names] or null, "layers": [tensors] or null,
//             "sync": whether a graph model runs as TensorSpace runs it, by execute and never by executeAsync,
//             "at": null, or {"name", "dtype"} of the tensors inside a graph model that are fed in the place of its inputs},
//             then each input's float32 values; a tensor of "layers" is {"path": [names of the models around a layer, and its own],
//             "call", "tensor"}, of any layer of a layers model;
//             or {"describe": true}
// ANSWER      written: one line of JSON {"outputs": [{"name", "shape", "dtype"}, ...]}, then each output's values, float32 or int32;
//             or one line {"format": "layers" or "graph", "inputs": [{"name", "shape", "dtype"}, ...], "outputs": [the same],
//             "parameters": {layer's name: count}}, shapes with the batch's null first
// Nothing is printed but, on failure, one line on stderr, with exit status 1.  Byte order is the machine's, little-endian in practice.
// `require`d, it runs nothing and exports `answer`.
'use strict';

const fs = require('fs');
const path = require('path');

for (const level of ['debug', 'info', 'log', 'warn', 'error']) console[level] = () => {};

function fail(error) {
  fs.writeSync(2, String((error && error.message) || error).split('\n')[0] + '\n');
  process.exit(1);
}

function readRequest(file) {
  const bytes = fs.readFileSync(file);
  const end = bytes.indexOf(10);
  const request = JSON.parse(bytes.subarray(0, end).toString('utf8'));
  let offset = end + 1;
  for (const input of request.inputs || []) {
    const count = input.shape.reduce((product, size) => product * size, 1);
    input.values = new Float32Array(new Uint8Array(bytes.subarray(offset, offset + 4 * count)).buffer);
    offset += 4 * count;
  }
  return request;
}

function artifacts(file) {
  const json = JSON.parse(fs.readFileSync(file, 'utf8'));
  const specs = [], shards = [];
  for (const group of json.weightsManifest || []) {
    specs.push(...group.weights);
    for (const name of group.paths) {
      const beside = path.posix.normalize(name);
      if (beside.startsWith('..') || path.isAbsolute(beside)) throw new Error(`it names the weights ${name}, which do not lie beside it`);
      shards.push(fs.readFileSync(path.join(path.dirname(file), beside)));
    }
  }
  const data = new Uint8Array(Buffer.concat(shards)).buffer; // copied: a Buffer may share a larger pool
  const loaded = Object.assign({}, json, {weightSpecs: specs, weightData: data});
  delete loaded.weightsManifest;
  return loaded;
}

// What a graph model is fed, by the names of its tensors.
function byName(inputs, tensors) {
  return Object.fromEntries(inputs.map((input, i) => [input.name, tensors[i]]));
}

async function execute(graphModel, fed, names, sync) {
  if (sync) return [].concat(graphModel.execute(fed, names));
  let results;
  try {
    results = graphModel.execute(fed, names);
  } catch (error) { // control flow and dynamic shapes run asynchronously only
    results = await graphModel.executeAsync(fed, names);
  }
  return Array.isArray(results) ? results : [results];
}

// The calls of a layer in a model, as node numbers: a nested model's own making is a node that no model around it has.
function callsIn(model, layer) {
  const inside = (model.model || model).containerNodes; // a Sequential holds the model that it is
  return layer.inboundNodes.map((node, i) => i).filter(i => inside.has(`${layer.name}_ib-${i}`));
}

// How often a layer inside nested models is called: each call of a model is as many of the layer as that has in it.
function count(model, [name, ...rest]) {
  const layer = model.getLayer(name);
  return callsIn(model, layer).length * (rest.length ? count(layer, rest) : 1);
}

// The symbolic tensor that a layer gives in one of its calls, which are counted as `count` does.
function tensorOf(tf, model, {path: [name, ...rest], call, tensor}) {
  const layer = model.getLayer(name);
  const calls = callsIn(model, layer);
  if (!rest.length) return [].concat(layer.getOutputAt(calls[call]))[tensor];
  const each = count(layer, rest);
  const inner = tensorOf(tf, layer, {path: rest, call: call % each, tensor});
  const fed = layer.inboundNodes[calls[Math.floor(call / each)]].inputTensors;
  return tf.model({inputs: layer.inputs, outputs: inner}).apply(fed.length === 1 ? fed[0] : fed);
}

const namesOf = tensors => tensors.map(tensor => tensor.sourceLayer.name); // outputNames is empty in a Sequential

// Shapes as the model states them; those that it leaves open come from a run on zeros, where its input sizes are fixed.
async function describe(tf, model, graph) {
  const facts = tensors => tensors.map((tensor, i) => ({
    name: graph ? tensor.name : namesOf(tensors)[i],
    shape: tensor.shape ? [null].concat(tensor.shape.slice(1).map(size => (size > 0 ? size : null))) : null,
    dtype: tensor.dtype,
    ...(tensor.shape && !tensor.shape.length ? {scalar: true} : {}),
  }));
  const found = {format: graph ? 'graph' : 'layers', inputs: facts(model.inputs), outputs: facts(model.outputs), parameters: {}};
  if (!graph) for (const layer of model.layers) found.parameters[layer.name] = layer.countParams();
  const open = output => !output.shape || output.shape.indexOf(null, 1) !== -1;
  if (found.outputs.some(open) && !found.inputs.some(input => open(input) || input.dtype === 'string')) {
    const zeros = model.inputs.map(input => tf.zeros( // a batch of one where it is open
      (input.shape || [1]).map(size => (size > 0 ? size : 1)), ['int32', 'bool'].includes(input.dtype) ? input.dtype : 'float32'));
    const names = found.outputs.map(output => output.name);
    const results = graph ? await execute(model, byName(model.inputs, zeros), names) : [].concat(model.predict(zeros));
    results.forEach((tensor, i) => { found.outputs[i].shape = [null].concat(tensor.shape.slice(1)); });
  }
  return found;
}

async function answer(tf, modelFile, requestFile, answerFile) {
  await tf.setBackend('cpu');
  const request = readRequest(requestFile);
  const loaded = artifacts(modelFile);
  const handler = {load: async () => loaded};
  const graph = loaded.format === 'graph-model' || Boolean(loaded.modelTopology.node);
  let model = await (graph ? tf.loadGraphModel(handler) : tf.loadLayersModel(handler));
  if (request.describe) {
    fs.writeFileSync(answerFile, JSON.stringify(await describe(tf, model, graph)) + '\n');
    return;
  }
  const taken = request.at || model.inputs;
  if (taken.length !== request.inputs.length) {
    throw new Error(`the model takes ${taken.length} input(s), ${request.inputs.length} given`);
  }
  const tensors = request.inputs.map((input, i) => {
    const dtype = ['int32', 'bool'].includes(taken[i].dtype) ? taken[i].dtype : 'float32';
    return tf.tensor(dtype === 'bool' ? Uint8Array.from(input.values) : input.values, input.shape, dtype);
  });

  if (request.layers) {
    if (graph) throw new Error('a graph model has no layers');
    model = tf.model({inputs: model.inputs, outputs: request.layers.map(wanted => tensorOf(tf, model, wanted))});
  }
  let names, results;
  if (graph) {
    names = request.outputs || model.outputs.map(output => output.name);
    results = await execute(model, byName(taken, tensors), names, request.sync);
  } else {
    names = namesOf(model.outputs);
    const batch = request.inputs.length ? request.inputs[0].shape[0] : 1;
    results = model.predict(tensors.length === 1 ? tensors[0] : tensors, {batchSize: batch});
    results = Array.isArray(results) ? results : [results];
    if (request.outputs) {
      for (const name of request.outputs) {
        if (!names.includes(name)) throw new Error(`the model has no output "${name}"; it has: ${names.join(', ')}`);
      }
      results = request.outputs.map(name => results[names.indexOf(name)]);
      names = request.outputs;
    }
  }

  const header = [], bodies = [];
  results.forEach((tensor, i) => {
    let values = tensor.dataSync();
    const dtype = values instanceof Float32Array ? 'float32' : 'int32';
    if (dtype === 'int32') values = Int32Array.from(values); // bool comes as Uint8Array
    header.push({name: names[i], shape: tensor.shape, dtype});
    bodies.push(Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  });
  fs.writeFileSync(answerFile, Buffer.concat([Buffer.from(JSON.stringify({outputs: header}) + '\n', 'utf8'), ...bodies]));
}

if (require.main === module) {
  process.on('unhandledRejection', fail);
  process.on('uncaughtException', fail);
  const [bundle, ...files] = process.argv.slice(2);
  answer(require(path.resolve(bundle)), ...files).catch(fail);
}
module.exports = {answer};
