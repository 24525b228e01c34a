// The page: brings together the model, its input, its picture and its list of layers.
// Plain scripts, no modules and no eval, so that the same code runs from a server and inside one file from disk.
'use strict';

(function () {
  const whole = document.querySelector('main'), $ = id => whole.querySelector('#' + id), make = Inputs.make;
  const PATIENCE = 4000; // ms without a prediction, after which the page of a light model shows how far it is
  const CONTINUOUS = 150; // ms: a model that answers faster is run while the pen still moves, and needs no sign that it works
  const {Failure} = Files, {paused} = Engine;

  let page, drawing, model, scene, list, epochs = null, samples = null, theme = 'dark', took = 0, sample = -1;
  const panels = [], values = new Map();

  // Until a light model has predicted, its page stands outside the document: laying it out and painting it takes the
  // processor that shaders are compiled by.
  function appear() {
    document.body.classList.remove('early');
    if (!whole.isConnected) document.querySelector('.skip').after(whole);
  }
  function fail(error) {
    appear();
    const known = error instanceof Failure;
    $('loading').hidden = true;
    $('failure').hidden = false;
    $('words').textContent = known ? error.message : `While the page was busy with "${$('step').textContent}": ${error && error.message || error}`;
  }
  const step = (words, part) => { $('step').textContent = words; $('progress').value = part; };
  const run = inputs => Engine.run(model, drawing, inputs);

  // The scripts that draw: loaded when they are wanted; of a page in one file they stand below this one.
  const later = (document.currentScript.dataset.then || '').split(' ').filter(Boolean);
  const parsed = new Promise(done => document.addEventListener('DOMContentLoaded', done));
  const load = src => new Promise(done => document.head.append(make('script', {async: false, src, onload: done, onerror: done})));
  let loaded = null;
  const scripts = () => (loaded = loaded || (later.length ? Promise.all(later.map(load)) : parsed));

  // Predictions ------------------------------------------------------------------------------------------------

  let working = null, again = false;
  function busy(now) {
    $('predictions').setAttribute('aria-busy', String(now));
    $('busy').textContent = now ? 'computing …' : '';
  }
  function predict() { // one at a time; what came meanwhile is run once more at the end
    if (working) { again = true; return working; }
    working = (async () => {
      do {
        again = false;
        if (took > CONTINUOUS) { busy(true); await new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve))); }
        const inputs = panels.map(panel => panel.values()), start = performance.now();
        const results = await run(inputs);
        took = performance.now() - start;
        show(inputs, results);
      } while (again);
    })().catch(fail).finally(() => { working = null; busy(false); });
    return working;
  }
  function changed(done, fromSample, incomplete) {
    if (!fromSample) select(-1);
    $('predictions').classList.toggle('stale', Boolean(incomplete));
    if (incomplete) { $('busy').textContent = 'of the input before'; return; }
    if (model && (done || took < CONTINUOUS)) predict();
  }

  function show(inputs, results) {
    for (const layer of drawing.layers) {
      const data = Strips.turn(layer, results[layer.output]);
      values.set(layer.name, data);
      list.show(layer.name, data);
    }
    bars();
    if (scene) fill(inputs);
    facts();
  }
  function fill(inputs) { // the picture, with the values that are known
    drawing.inputs.forEach((input, i) => { if (input.drawn) scene.update(input.name, inputs[i]); });
    for (const layer of drawing.layers) scene.update(layer.name, values.get(layer.name));
  }
  function bars() {
    const ends = drawing.layers.filter(layer => layer.terminal);
    $('bars').replaceChildren(...ends.map(layer => {
      const data = Array.from(values.get(layer.name)), names = layer.shape.length === 1 ? labelsOf(layer) : [];
      const truth = sample >= 0 && samples.labels && page.labels && data.length === page.labels.length ? samples.labels[sample] : null;
      if (scene && layer.shape.length === 1) {
        const {order, spell} = Results.answer(data);
        scene.say(layer.name, data.length > 1 ? `${names[order[0]]} · ${spell(data[order[0]], 3)}` : spell(data[0], 3));
      }
      return Results.end(layer, data, names, truth, ends.length > 1);
    }));
  }

  // The panel --------------------------------------------------------------------------------------------------

  function facts() {
    const shown = drawing.layers.length, with_ = [].concat(...drawing.layers.map(layer => layer.chain.slice(1).map(name => Words.called(layer, name)))), left = page.left_out || [];
    const all = shown + with_.length + left.length, parts = [all === shown ? Words.many(shown, 'layer') : `${shown} of ${Words.many(all, 'layer')} shown`];
    if (drawing.parameters) parts.push(`${Words.count(drawing.parameters)} parameters`);
    if (model) parts.push(tf.getBackend() + (took ? ` · ${Words.duration(took)}` : ''));
    $('facts').textContent = parts.join('   ·   ');
    const notes = [];
    if (with_.length) notes.push(`${Words.list(with_, 3)} ${with_.length === 1 ? 'is' : 'are'} drawn with the layer before.`);
    if (left.length) notes.push(`${Words.list(left, 3)} ${left.length === 1 ? 'is' : 'are'} left out: no output of the model, or nothing happens there.`);
    $('facts').title = notes.join('\n');
    $('notes').textContent = notes.join(' ');
  }
  function about(name) { // what is known of a layer besides its shape
    const layer = drawing.layers.find(each => each.name === name), sources = layer.sources || [];
    return {model, nodes: Engine.nodes(), values: values.get(name), before: sources.length === 1 ? values.get(sources[0]) : null, names: layer.terminal && layer.shape.length === 1 ? labelsOf(layer) : null, hue: Palette.of(layer, 'dark')};
  }
  function labelsOf(layer) {
    const size = layer.shape[0], given = page.labels;
    return Array.from({length: size}, (_, i) => given && given.length === size ? given[i] : String(i));
  }

  function buildInputs() {
    drawing.inputs.forEach((input, i) => {
      const panel = Inputs.create(input, page.pixels, (done, incomplete) => changed(done, panel.busy, incomplete));
      panels.push(panel);
      const title = drawing.inputs.length > 1 ? `Input ${i + 1} · ${Words.called(input)}` : 'Input';
      $('inputs').append(make('div', {className: 'panel'}, make('h2', {}, `${title} · ${Words.shape(input.shape)}`), panel.element));
    });
    if (!page.samples) return;
    samples = Samples.create(page.samples, page.labels, {pick});
    $('inputs').append(samples.element, make('p', {className: 'hint'}, `${page.samples.inputs ? 'Samples' : 'Test images'} of ${page.samples.origin}. Give your own, or take one of these.`));
  }

  function select(i) {
    sample = i;
    if (samples) samples.select(i);
  }
  function pick(i) {
    select(i);
    for (const panel of panels) panel.busy = true;
    samples.give(i, panels);
    for (const panel of panels) panel.busy = false;
    return working || predict();
  }

  async function trained(bytes, last) { // the model after another epoch
    const before = model;
    model = await Engine.reweighted(bytes);
    if (working) await working;
    before.dispose();
    if (!epochs) return; // the first prediction comes
    $('match').hidden = !last || !page.reference;
    await predict();
  }

  async function compare() {
    if (!page.reference) return;
    const found = await Compare.differences(page.reference, drawing, run);
    let worst = 0, off = 0;
    for (const layer of drawing.layers) {
      const one = found.get(layer.output);
      if (!one) continue;
      list.compare(layer.name, one);
      worst = one.difference <= worst ? worst : one.difference;
      off += !one.holds;
    }
    $('match').hidden = false;
    $('match').classList.toggle('off', off > 0);
    $('match').textContent = off ? `${Words.many(off, 'layer')} ${off === 1 ? 'differs' : 'differ'} from Keras, by up to ${Words.small(worst)}` : Words.agrees(worst);
    $('match').title = `${Words.many(page.reference.samples, 'input')}, every layer, computed by this browser (${tf.getBackend()}) and by Keras`;
    window.viewer.differences = Object.fromEntries(drawing.layers.map(layer => [layer.name, (found.get(layer.output) || {}).difference]));
  }

  // Buttons and keys ---------------------------------------------------------------------------------------------

  function marks() {
    if (list) list.mark(scene, theme);
    if (scene && scene.blocks.length) {
      $('fold').hidden = false;
      $('fold').textContent = scene.blocks.some(block => block.folded) ? 'Unfold' : 'Fold';
    }
  }
  async function toggle(name) {
    if (scene) await scene.show(name, !scene.isOpen(name));
  }
  function setTheme(next) {
    theme = next;
    document.documentElement.dataset.theme = next;
    $('theme').textContent = next === 'dark' ? 'Light' : 'Dark';
    if (scene) scene.setTheme(next);
    marks();
  }
  function firstTheme() {
    const asked = new URLSearchParams(location.search).get('theme');
    return asked === 'light' || asked === 'dark' ? asked : window.matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark';
  }
  const showAll = open => scene && scene.showAll(open).then(marks);
  const foldAll = () => scene && scene.foldAll(!scene.blocks.some(block => block.folded));
  function picture() {
    if (!scene) return;
    make('a', {href: scene.picture(page.title, $('facts').textContent), download: `${page.title || 'model'}.png`}).click();
  }
  function help() {
    $('keys').hidden = !$('keys').hidden;
    $('help').setAttribute('aria-expanded', String(!$('keys').hidden));
    ($('keys').hidden ? $('help') : $('close-help')).focus();
  }
  function walk(by) {
    const buttons = list.buttons(), at = buttons.indexOf(document.activeElement);
    buttons[Math.max(0, Math.min(buttons.length - 1, at < 0 ? 0 : at + by))].focus();
  }
  function next(by, label) {
    if (!samples) return;
    const {labels, count: size} = samples;
    for (let i = 1; i <= size; i++) {
      const at = ((sample < 0 && by < 0 ? size : sample) + by * i + 2 * size) % size;
      if (label === undefined || labels && page.labels[labels[at]] === label) { pick(at); return; }
    }
  }
  function buttons() {
    $('open-all').addEventListener('click', () => showAll(true));
    $('close-all').addEventListener('click', () => showAll(false));
    $('fold').addEventListener('click', foldAll);
    $('fit').addEventListener('click', () => scene && scene.fit(true));
    $('picture').addEventListener('click', picture);
    $('theme').addEventListener('click', () => setTheme(theme === 'dark' ? 'light' : 'dark'));
    $('help').addEventListener('click', help);
    $('close-help').addEventListener('click', help);
    $('copy').addEventListener('click', () => navigator.clipboard.writeText($('code').textContent).then(() => { $('copy').textContent = 'Copied'; }));
    $('strongest').addEventListener('change', () => scene && scene.sort($('strongest').checked));
    const keys = {
      o: () => showAll(true), c: () => showAll(false), u: foldAll, f: () => scene && scene.fit(true), p: picture, '?': help,
      t: () => setTheme(theme === 'dark' ? 'light' : 'dark'), Escape: () => { if (!$('keys').hidden) help(); }, ArrowLeft: () => next(-1), ArrowRight: () => next(1),
      ArrowUp: () => walk(-1), ArrowDown: () => walk(1), Delete: () => panels.forEach(panel => panel.clear()), Backspace: () => panels.forEach(panel => panel.clear()),
    };
    document.addEventListener('keydown', event => {
      if (event.ctrlKey || event.metaKey || event.altKey || /^(TEXTAREA|SELECT)$/.test(event.target.tagName) || /^(text|number)$/.test(event.target.type)) return;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const action = keys[key] || (/^[0-9]$/.test(key) && page && (() => next(1, key)));
      if (!action) return;
      event.preventDefault();
      action();
    });
  }

  function needed(...names) {
    for (const name of names) if (!window[name]) throw new Failure(`A script of this page (${name}) did not load.\nBuild the page again.`);
  }
  function draw() {
    try {
      scene = Scene.create($('scene'), drawing, labelsOf, theme, {hover: name => list.light(name), changed: marks});
    } catch (error) {
      const bare = !document.createElement('canvas').getContext('webgl');
      fail(new Failure(bare ? 'This browser has no WebGL, which the picture in three dimensions needs: switch on its hardware acceleration, or take another browser.\n' +
        'The model itself runs: draw on the right, and see every layer in the list.' : `TensorSpace could not draw this model: ${error.message}`));
      return;
    }
    list.build(scene.blocks);
    if (values.size) {
      bars();
      fill(panels.map(panel => panel.values()));
    }
    scene.canvas.addEventListener('webglcontextlost', () => fail(new Failure('The graphics processor was taken away from this page.\nLoad the page again.')));
  }

  async function main() {
    setTheme(firstTheme());
    buttons();
    step('Loading the page', 0.02);
    page = await Files.page;
    needed('tf');
    const light = await Files.light;
    if (light) {
      whole.remove();
      setTimeout(appear, PATIENCE);
      await Engine.chooseBackend();
    }
    drawing = page.drawing;
    document.title = page.title;
    $('title').textContent = page.title;
    facts();
    $('snippet').hidden = !page.snippet;
    $('code').textContent = page.snippet || '';
    buildInputs();
    list = List.create($('list'), drawing, {toggle, hover: name => scene && scene.highlight(name), fold: (i, folded) => scene && scene.fold(i, folded), page: (name, by) => scene && scene.turnPage(name, by), facts: about});
    list.build([]);
    marks();
    if (!samples) panels.forEach(panel => panel.example());
    const drawn = async () => {
      appear();
      await scripts();
      needed('THREE', 'TWEEN', 'TSP');
      await paused();
      draw();
    };
    if (!light) { // something to look at while the weights come
      await drawn();
      await new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)));
      await Engine.chooseBackend();
    }
    try {
      model = await Engine.load(page, step);
    } catch (error) {
      if (error instanceof Failure) throw error;
      throw new Failure(`TensorFlow.js does not take this model: ${error.message}`);
    }
    if (drawing.outputs === 1 && page.hidden > 1) {
      $('inputs').before(make('section', {className: 'note'}, make('p', {}, `This model has a single output, so only its last layer is drawn. python -m scripts.encapsulate makes its other ${page.hidden - 1} layers outputs too.`)));
    }
    if (page.epochs) epochs = await Epochs.create($('epochs'), trained);
    step('First prediction', 0.93);
    if (!light) await paused();
    const first = Number(new URLSearchParams(location.search).get('sample')) || 0;
    if (samples) await pick(Math.min(first, samples.count - 1)); else await predict();
    if (light) await drawn();
    $('loading').hidden = true;
    await compare();
    if (took > CONTINUOUS && took < 3000) await predict(); // the first one also compiled its shaders; how long does it really take?
    if (scene) await scene.still();
    marks();
  }

  // For tests and for the curious: what the page knows, and the ways in that its buttons use.
  window.viewer = {
    run, pick, toggle, showAll, setTheme, still: async () => { while (working) await working; }, values: name => values.get(name), get scene() { return scene; }, get page() { return page; }, get panels() { return panels; }, get epochs() { return epochs; },
  };
  window.viewer.ready = main().catch(fail);
})();
