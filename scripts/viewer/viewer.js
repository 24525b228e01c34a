// The page: loads the model that page.json names, runs it in TensorFlow.js, and shows what every layer makes of an input.
// Plain scripts, no modules and no eval, so that the same code runs from a server and inside one file from disk.
'use strict';

(function () {
  const $ = id => document.getElementById(id), make = Inputs.make;
  const BACKENDS = ['webgl', 'cpu'];
  const BOUND = 1e-4; // times the largest value of a layer: what counts as the same
  const CONTINUOUS = 150; // ms: a model that answers faster is run while the pen still moves

  let page, drawing, model, scene, theme = 'dark', took = 0, sample = -1;
  const panels = [], rows = new Map(), values = new Map();

  class Failure extends Error {} // its message is for the reader of the page

  function fail(error) {
    const known = error instanceof Failure;
    $('loading').hidden = true;
    $('failure').hidden = false;
    $('words').textContent = known ? error.message : `While the page was busy with "${$('step').textContent}": ${error && error.message || error}`;
  }
  const step = (words, part) => { $('step').textContent = words; $('progress').value = part; };
  const paused = () => new Promise(resolve => setTimeout(resolve)); // lets the browser paint the step

  // Files: from the server, or out of this document where the page is a single file ------------------------------

  async function read(name, progress) {
    const inside = document.getElementById('file:' + name);
    if (inside) {
      const text = atob(inside.textContent.trim());
      return Uint8Array.from(text, letter => letter.charCodeAt(0));
    }
    if (location.protocol === 'file:') {
      throw new Failure('A browser does not let a page from disk read the files beside it.\nServe this directory ' +
        '(python -m scripts.viewer.serve DIRECTORY), or make the page one file (--standalone).');
    }
    let response;
    try {
      response = await fetch(name.split('/').map(encodeURIComponent).join('/'));
    } catch (error) {
      throw new Failure(`${name} could not be fetched (${error.message}).\nIs the server still running?`);
    }
    if (!response.ok) throw new Failure(`${name} is missing: the server answered ${response.status}.\nBuild the page again.`);
    const pieces = [];
    let size = 0;
    try {
      const reader = response.body.getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        pieces.push(part.value);
        size += part.value.length;
        if (progress) progress(size);
      }
    } catch (error) {
      throw new Failure(`${name} broke off after ${size} bytes (${error.message}).\nLoad the page again.`);
    }
    const bytes = new Uint8Array(size);
    let offset = 0;
    for (const piece of pieces) { bytes.set(piece, offset); offset += piece.length; }
    return bytes;
  }
  const readJson = async (name, progress) => JSON.parse(new TextDecoder().decode(await read(name, progress)));

  async function check(file, bytes) {
    if (bytes.length !== file.bytes) {
      throw new Failure(`${file.name} has ${bytes.length} bytes, ${file.bytes} are right: it was cut short or replaced.\nBuild the page again.`);
    }
    if (!window.crypto || !crypto.subtle) return; // only where the browser trusts the page's origin
    const digest = Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)), byte => byte.toString(16).padStart(2, '0')).join('');
    if (digest !== file.sha256) throw new Failure(`${file.name} is not the file that this page was built with.\nBuild the page again.`);
  }

  async function loadModel() {
    const total = page.files.reduce((sum, file) => sum + file.bytes, 0), found = {};
    let before = 0;
    for (const file of page.files) {
      const name = file.name.split('/').pop();
      const bytes = await read(file.name, size => step(`Loading ${name}`, 0.7 * (before + size) / total));
      await check(file, bytes);
      before += bytes.length;
      found[file.name] = bytes;
    }
    step('Building the model', 0.75);
    await paused();
    const json = JSON.parse(new TextDecoder().decode(found[page.files[0].name]));
    const groups = json.weightsManifest || [], folder = page.files[0].name.replace(/[^/]*$/, '');
    const shards = [].concat(...groups.map(group => group.paths)).map(path => found[folder + path]);
    if (shards.some(shard => !shard)) throw new Failure('model.json names weights that this page was not built with.\nBuild the page again.');
    const data = new Uint8Array(shards.reduce((sum, shard) => sum + shard.length, 0));
    shards.reduce((offset, shard) => { data.set(shard, offset); return offset + shard.length; }, 0);
    const artifacts = Object.assign({}, json, {weightSpecs: [].concat(...groups.map(group => group.weights)), weightData: data.buffer});
    delete artifacts.weightsManifest;
    const handler = {load: async () => artifacts};
    return drawing.format === 'graph' ? tf.loadGraphModel(handler) : tf.loadLayersModel(handler);
  }

  async function chooseBackend() {
    const wanted = new URLSearchParams(location.search).get('backend');
    for (const name of wanted ? [wanted] : BACKENDS) {
      try {
        if (await tf.setBackend(name)) { await tf.ready(); return; }
      } catch (error) { /* the next one */ }
    }
    throw new Failure(`TensorFlow.js has no backend ${wanted || 'at all'} in this browser.`);
  }

  // Predictions ------------------------------------------------------------------------------------------------

  // inputs: list of Float32Array, in the model's order.  Resolves to a list of typed arrays, one per output that is
  // drawn; the others stay where they were computed.
  async function run(inputs) {
    const tensors = tf.tidy(() => {
      const given = inputs.map((data, i) => tf.tensor(data, [1].concat(drawing.inputs[i].shape), drawing.inputs[i].dtype === 'int32' ? 'int32' : 'float32'));
      if (drawing.format !== 'graph') return [].concat(model.predict(given));
      const fed = {};
      model.inputs.forEach((input, i) => { fed[input.name] = given[i]; });
      return [].concat(model.execute(fed, model.outputs.map(output => output.name)));
    });
    const drawn = new Set(drawing.layers.map(layer => layer.output));
    const results = await Promise.all(tensors.map((tensor, i) => drawn.has(i) ? tensor.data() : null));
    tf.dispose(tensors);
    return results;
  }

  let working = null, again = false;
  function predict() { // one at a time; what came meanwhile is run once more at the end
    if (working) { again = true; return working; }
    working = (async () => {
      do {
        again = false;
        const inputs = panels.map(panel => panel.values()), start = performance.now();
        const results = await run(inputs);
        took = performance.now() - start;
        show(inputs, results);
      } while (again);
    })().catch(fail).finally(() => { working = null; });
    return working;
  }
  function changed(done, fromSample) {
    if (!fromSample) select(-1);
    if (model && (done || took < CONTINUOUS)) predict();
  }

  function show(inputs, results) {
    drawing.inputs.forEach((input, i) => { if (scene && input.drawn) scene.update(input.name, inputs[i]); });
    for (const layer of drawing.layers) {
      const data = results[layer.output];
      values.set(layer.name, data);
      if (scene) scene.update(layer.name, data);
      thumbnail(rows.get(layer.name).picture, layer, data);
    }
    bars();
    facts();
  }

  // The panel --------------------------------------------------------------------------------------------------

  const spell = shape => shape.join(' × ');
  const count = number => number >= 1e6 ? (number / 1e6).toFixed(1) + ' M' : number >= 1e4 ? Math.round(number / 1e3) + ' k' : String(number);
  const small = number => number === 0 ? '0' : number.toExponential(0).replace('e-', 'e-').replace('e+', 'e');

  function facts() {
    const parts = [`${drawing.layers.length} layers`];
    if (drawing.parameters) parts.push(`${count(drawing.parameters)} parameters`);
    if (model) parts.push(tf.getBackend() + (took ? ` · ${took < 10 ? took.toFixed(1) : Math.round(took)} ms` : ''));
    $('facts').textContent = parts.join('   ·   ');
  }

  function labelsOf(layer) {
    const size = layer.shape[0], given = page.labels;
    return Array.from({length: size}, (_, i) => given && given.length === size ? given[i] : String(i));
  }

  function buildInputs() {
    drawing.inputs.forEach((input, i) => {
      const panel = Inputs.create(input, page.pixels, done => changed(done, panel.busy));
      panels.push(panel);
      const title = drawing.inputs.length > 1 ? `Input ${i + 1} · ${input.name}` : 'Input';
      $('inputs').append(make('div', {className: 'panel'}, make('h2', {}, `${title} · ${spell(input.shape)}`), panel.element));
    });
    if (!page.samples) return;
    const strip = make('div', {className: 'samples'}), [height, width] = page.samples.shape;
    const bytes = Uint8Array.from(atob(page.samples.pixels), letter => letter.charCodeAt(0));
    page.samples.images = page.samples.labels.map((label, i) => {
      const image = bytes.subarray(i * height * width, (i + 1) * height * width), canvas = make('canvas');
      Inputs.paint(canvas, image, height, width, 1);
      const button = make('button', {type: 'button', title: `test image, a ${page.labels[label]}`}, canvas);
      button.setAttribute('aria-label', `Test image ${i + 1}, a ${page.labels[label]}`);
      button.addEventListener('click', () => pick(i));
      strip.append(button);
      return image;
    });
    $('inputs').append(strip, make('p', {className: 'hint'}, `Test images of ${page.samples.origin}. Draw, or take one of these.`));
  }

  function select(i) {
    sample = i;
    document.querySelectorAll('.samples button').forEach((button, j) => button.setAttribute('aria-pressed', String(i === j)));
  }
  function pick(i) {
    select(i);
    panels[0].busy = true;
    panels[0].set(page.samples.images[i]);
    panels[0].busy = false;
    return working || predict();
  }

  function bars() {
    const parts = [];
    for (const layer of drawing.layers.filter(each => each.terminal)) {
      const data = Array.from(values.get(layer.name)), heads = drawing.layers.filter(each => each.terminal).length;
      const title = heads > 1 ? [make('h3', {}, `${layer.name} · ${spell(layer.shape)}`)] : [];
      if (layer.shape.length > 1) {
        const picture = make('canvas', {className: 'photo'});
        image(picture, layer, data);
        parts.push(make('div', {className: 'bars'}, ...title, picture));
        continue;
      }
      const names = labelsOf(layer), total = data.reduce((sum, value) => sum + value, 0);
      const shares = data.every(value => value >= -1e-6 && value <= 1 + 1e-6) && (Math.abs(total - 1) < 1e-3 || data.length === 1);
      const order = data.map((_, i) => i).sort((a, b) => data[b] - data[a]), shown = data.length > 12 ? order.slice(0, 8) : data.map((_, i) => i);
      const largest = Math.max(1e-9, ...data.map(Math.abs));
      const truth = sample >= 0 && page.samples && data.length === page.labels.length ? page.samples.labels[sample] : null;
      const first = make('div', {className: 'head'}, make('strong', {className: names[order[0]].length > 4 ? 'long' : ''}, names[order[0]]),
        make('span', {}, shares ? `${(100 * data[order[0]]).toFixed(1)} %` : data[order[0]].toPrecision(4)));
      if (truth !== null) first.append(make('span', {className: truth === order[0] ? 'right' : 'wrong'}, truth === order[0] ? '✓ as labelled' : `✗ labelled ${names[truth]}`));
      const lines = shown.map(i => {
        const fill = make('b'), line = make('div', {className: 'bar' + (i === order[0] ? ' first' : '')}, make('span', {title: names[i]}, names[i]),
          make('i', {}, fill), make('span', {}, shares ? (100 * data[i]).toFixed(1) + ' %' : data[i].toPrecision(3)));
        fill.style.transform = `scaleX(${Math.max(0, shares ? data[i] : data[i] / largest)})`;
        return line;
      });
      parts.push(make('div', {className: 'bars' + (shown.some(i => names[i].length > 4) ? ' wide' : '')}, ...title, ...(data.length > 1 ? [first] : []), ...lines));
    }
    $('bars').replaceChildren(...parts);
  }

  function buildList() {
    const all = Math.max(1, drawing.parameters);
    for (const layer of drawing.layers) {
      const share = layer.parameters / all, fill = make('b'), picture = make('canvas');
      const difference = make('p', {className: 'difference', hidden: true});
      const through = layer.chain.length > 1 ? ` with ${layer.chain.slice(1).join(', ')}` : '';
      const button = make('button', {type: 'button', title: `${layer.name}: open or close it in 3D`},
        make('span', {className: 'two'}, make('span', {className: 'name'}, layer.chain[0] || layer.name), make('span', {className: 'shape'}, spell(layer.shape))),
        make('span', {className: 'two'}, make('span', {className: 'kind'}, `${layer.keras} → ${layer.class}${through}`),
          make('span', {className: 'weights'}, layer.parameters ? `${count(layer.parameters)} · ${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %` : '')),
        make('span', {className: 'share'}, fill), picture, difference);
      fill.style.width = `${100 * share}%`;
      button.setAttribute('aria-pressed', 'false');
      button.addEventListener('click', () => toggle(layer.name));
      $('list').append(make('li', {}, button));
      rows.set(layer.name, {button, picture, difference, layer});
    }
  }
  function marks() {
    for (const [name, row] of rows) {
      row.button.setAttribute('aria-pressed', String(Boolean(scene && scene.isOpen(name))));
      row.button.style.setProperty('--hue', Scene.hue(row.layer.class, theme));
    }
  }
  async function toggle(name) {
    if (!scene) return;
    const open = !scene.isOpen(name);
    await scene.show(name, open);
    marks();
    await (open ? scene.focus(name) : scene.fit(true));
  }

  // Values of a layer as pixels: channels side by side, rows of numbers as one band, each stretched from its least to its most.
  function tiles(layer, data, most) {
    const shape = layer.shape;
    if (shape.length === 1) {
      const width = Math.min(shape[0], most);
      return {height: 1, width, at: (_, x) => data[x]};
    }
    if (shape.length === 2) return {height: Math.min(shape[1], 48), width: Math.min(shape[0], most), at: (y, x) => data[x * shape[1] + y]};
    const [height, width, channels] = shape, number = Math.max(1, Math.min(channels, Math.floor(most / (width + 1)) || 1, 16));
    return {height, width: number * (width + 1) - 1, at: (y, x) => x % (width + 1) === width ? null : data[(y * width + x % (width + 1)) * channels + Math.floor(x / (width + 1))]};
  }
  function shade(canvas, {height, width, at}, colour) {
    let least = Infinity, most = -Infinity;
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
      const value = at(y, x);
      if (value !== null) { least = Math.min(least, value); most = Math.max(most, value); }
    }
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext('2d'), pixels = context.createImageData(width, height), range = most - least || 1;
    const rgb = [1, 3, 5].map(i => parseInt(colour.slice(i, i + 2), 16));
    for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i += 4) {
      const value = at(y, x);
      for (let c = 0; c < 3; c++) pixels.data[i + c] = value === null ? 0 : rgb[c] * (0.06 + 0.94 * (value - least) / range);
      pixels.data[i + 3] = value === null ? 0 : 255;
    }
    context.putImageData(pixels, 0, 0);
  }
  function thumbnail(canvas, layer, data) {
    const most = layer.shape.length === 3 ? Math.max(9 * layer.shape[0], layer.shape[1]) : 640;
    shade(canvas, tiles(layer, data, most), Scene.hue(layer.class, 'dark'));
  }
  function image(canvas, layer, data) { // an output that is an image itself
    const [height, width, channels] = layer.shape;
    if (layer.shape.length < 3 || channels !== 3) return shade(canvas, tiles(layer, data, 640), '#ffffff');
    const least = Math.min(...data), range = Math.max(...data) - least || 1;
    Inputs.paint(canvas, data.map(value => 255 * (value - least) / range), height, width, 3);
  }

  // The reference that was stored when the page was built -----------------------------------------------------------

  async function compare() {
    if (!page.reference) return;
    const about = page.reference, bytes = await read(about.file);
    const floats = new Float32Array(bytes.buffer, 0, bytes.length / 4);
    let offset = 0, worst = 0, off = 0;
    const take = size => floats.subarray(offset, offset += size);
    const differences = new Map();
    for (let i = 0; i < about.samples; i++) {
      const results = await run(drawing.inputs.map(input => take(input.shape.reduce((product, size) => product * size, 1)).slice()));
      for (const {output, values: number, stride} of about.outputs) {
        const expected = take(number), got = results[output];
        let difference = 0, largest = 1;
        for (let j = 0; j < number; j++) {
          largest = Math.max(largest, Math.abs(expected[j]));
          const distance = Math.abs(got[j * stride] - expected[j]);
          difference = distance <= difference ? difference : distance; // NaN stays
        }
        const before = differences.get(output) || {difference: 0, holds: true};
        differences.set(output, {difference: difference <= before.difference ? before.difference : difference, holds: before.holds && difference <= BOUND * largest});
      }
    }
    for (const layer of drawing.layers) {
      const found = differences.get(layer.output);
      if (!found) continue;
      const words = rows.get(layer.name).difference;
      words.hidden = false;
      words.textContent = found.holds ? `matches Keras within ${small(found.difference)}` : `differs from Keras by ${small(found.difference)}`;
      words.classList.toggle('off', !found.holds);
      worst = found.difference <= worst ? worst : found.difference;
      off += !found.holds;
    }
    $('match').hidden = false;
    $('match').classList.toggle('off', off > 0);
    $('match').textContent = off ? `${off} layers differ from Keras, by up to ${small(worst)}` : `matches Keras within ${small(worst)}`;
    $('match').title = `${about.samples} test images, every layer, computed by this browser (${tf.getBackend()}) and by Keras`;
    window.viewer.differences = Object.fromEntries(drawing.layers.map(layer => [layer.name, (differences.get(layer.output) || {}).difference]));
  }

  // Buttons and keys ---------------------------------------------------------------------------------------------

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
  function picture() {
    if (!scene) return;
    make('a', {href: scene.picture(), download: `${page.title || 'model'}.png`}).click();
  }
  function help() {
    $('keys').hidden = !$('keys').hidden;
    $('help').setAttribute('aria-expanded', String(!$('keys').hidden));
  }
  function walk(by) {
    const buttons = Array.from(rows.values(), row => row.button), at = buttons.indexOf(document.activeElement);
    buttons[Math.max(0, Math.min(buttons.length - 1, at < 0 ? 0 : at + by))].focus();
  }
  function next(by, label) {
    if (!page.samples) return;
    const {labels} = page.samples, size = labels.length;
    for (let i = 1; i <= size; i++) {
      const at = ((sample < 0 && by < 0 ? size : sample) + by * i + 2 * size) % size;
      if (label === undefined || page.labels[labels[at]] === label) { pick(at); return; }
    }
  }
  function buttons() {
    $('open-all').addEventListener('click', () => showAll(true));
    $('close-all').addEventListener('click', () => showAll(false));
    $('fit').addEventListener('click', () => scene && scene.fit(true));
    $('picture').addEventListener('click', picture);
    $('theme').addEventListener('click', () => setTheme(theme === 'dark' ? 'light' : 'dark'));
    $('help').addEventListener('click', help);
    const keys = {
      o: () => showAll(true), c: () => showAll(false), f: () => scene && scene.fit(true), p: picture, '?': help,
      t: () => setTheme(theme === 'dark' ? 'light' : 'dark'), Escape: () => { $('keys').hidden = true; }, ArrowLeft: () => next(-1), ArrowRight: () => next(1),
      ArrowUp: () => walk(-1), ArrowDown: () => walk(1), Delete: () => panels.forEach(panel => panel.clear()), Backspace: () => panels.forEach(panel => panel.clear()),
    };
    document.addEventListener('keydown', event => {
      if (event.ctrlKey || event.metaKey || event.altKey || /^(TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const action = keys[key] || (/^[0-9]$/.test(key) && page && (() => next(1, key)));
      if (!action) return;
      event.preventDefault();
      action();
    });
  }

  function draw() {
    try {
      scene = Scene.create($('scene'), drawing, labelsOf, theme);
    } catch (error) {
      const bare = !document.createElement('canvas').getContext('webgl');
      fail(new Failure(bare ? 'This browser has no WebGL, which the picture in three dimensions needs: switch on its hardware acceleration, or take another browser.\n' +
        'The model itself runs: draw on the right, and see every layer in the list.' : `TensorSpace could not draw this model: ${error.message}`));
      return;
    }
    scene.canvas.addEventListener('webglcontextlost', () => fail(new Failure('The graphics processor was taken away from this page.\nLoad the page again.')));
    scene.canvas.addEventListener('click', () => scene.still().then(marks));
  }

  async function main() {
    setTheme(firstTheme());
    buttons();
    step('Loading the page', 0.02);
    page = await readJson('page.json');
    drawing = page.drawing;
    document.title = page.title;
    $('title').textContent = page.title;
    facts();
    buildInputs();
    buildList();
    marks();
    for (const name of ['THREE', 'TWEEN', 'tf', 'TSP']) if (!window[name]) throw new Failure(`A script of this page (${name}) did not load.\nBuild the page again.`);
    await chooseBackend();
    try {
      model = await loadModel();
    } catch (error) {
      if (error instanceof Failure) throw error;
      throw new Failure(`TensorFlow.js does not take this model: ${error.message}`);
    }
    if (drawing.outputs === 1 && page.hidden > 1) {
      $('inputs').before(make('section', {className: 'note'}, make('p', {}, `This model has a single output, so only its last layer is drawn. python -m scripts.encapsulate makes its other ${page.hidden - 1} layers outputs too.`)));
    }
    step('Drawing', 0.85);
    await paused();
    draw();
    step('First prediction', 0.93);
    await paused();
    const first = Number(new URLSearchParams(location.search).get('sample')) || 0;
    if (page.samples) await pick(Math.min(first, page.samples.labels.length - 1)); else { panels.forEach(panel => panel.example()); await (working || predict()); }
    await compare();
    $('loading').hidden = true;
    if (took > CONTINUOUS && took < 3000) await predict(); // the first one also compiled its shaders; how long does it really take?
    if (scene) await scene.still();
    marks();
  }

  // For tests and for the curious: what the page knows, and the ways in that its buttons use.
  window.viewer = {
    run, pick, toggle, showAll, still: async () => { while (working) await working; }, values: name => values.get(name), get scene() { return scene; }, get page() { return page; }, get panels() { return panels; },
  };
  window.viewer.ready = main().catch(fail);
})();
