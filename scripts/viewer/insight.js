// Into one layer: how its values are spread, the kernels of a convolution, and what a unit of a Dense layer is moved by.
'use strict';

const Insight = (function () {
  const {make} = Inputs;
  const BINS = 48, HEIGHT = 40;
  const KERNELS = 64; // shown at once
  const STRONGEST = 6;

  function histogram(canvas, values, colour) {
    let least = Infinity, most = -Infinity;
    for (const value of values) { if (value < least) least = value; if (value > most) most = value; }
    const bins = new Float64Array(BINS), range = most - least || 1;
    for (const value of values) bins[Math.min(BINS - 1, Math.floor((value - least) / range * BINS))] += 1;
    Object.assign(canvas, {width: 4 * BINS, height: HEIGHT});
    const context = canvas.getContext('2d', Pixels.PLAIN), top = Math.log1p(Math.max(...bins)); // a ReLU's zeros would hide all others
    context.fillStyle = colour;
    bins.forEach((count, i) => { const high = Math.log1p(count) / top * HEIGHT; context.fillRect(4 * i, HEIGHT - high, 3, high); });
    return `${least.toPrecision(3)} … ${most.toPrecision(3)}, ${(100 * values.reduce((sum, value) => sum + (value === 0), 0) / values.length).toFixed(0)} % zero; heights are logarithms`;
  }

  // A kernel as {count, height, width, channels, at(kernel, y, x, channel)}, or null where a layer has none of two dimensions.
  function kernelsOf(keras, tensor) {
    const shape = tensor.shape, values = tensor.dataSync();
    if (shape.length === 3) { // Conv1D: steps, inputs, outputs
      const [steps, inputs, outputs] = shape;
      return {count: outputs, height: Math.min(inputs, 24), width: steps, channels: 1, at: (k, y, x) => values[(x * inputs + y) * outputs + k]};
    }
    if (shape.length === 5) { // of a volume: its slices side by side, each the mean of the inputs
      const [slices, height, wide, inputs, outputs] = shape;
      const mean = (k, y, x) => {
        let sum = 0;
        for (let i = 0; i < inputs; i++) sum += values[(((Math.floor(x / wide) * height + y) * wide + x % wide) * inputs + i) * outputs + k];
        return sum / inputs;
      };
      return {count: outputs, height, width: slices * wide, channels: 1, at: mean};
    }
    if (shape.length !== 4) return null;
    const [height, width, third, fourth] = shape, at = (y, x, i, j) => values[((y * width + x) * third + i) * fourth + j];
    if (/^(Depthwise|Separable)/.test(keras)) return {count: third * fourth, height, width, channels: 1, at: (k, y, x) => at(y, x, Math.floor(k / fourth), k % fourth)};
    const turned = keras.includes('Transpose'), [inputs, outputs] = turned ? [fourth, third] : [third, fourth];
    const channels = inputs === 3 ? 3 : 1; // of more inputs their mean
    const one = (k, y, x, c) => turned ? at(y, x, k, c) : at(y, x, c, k);
    const mean = (k, y, x) => { let sum = 0; for (let i = 0; i < inputs; i++) sum += one(k, y, x, i); return sum / inputs; };
    return {count: outputs, height, width, channels, at: channels === 3 ? one : mean};
  }
  function drawKernels(canvas, {count, height, width, channels, at}) {
    const shown = Math.min(KERNELS, count), columns = Math.min(shown, Math.ceil(Math.sqrt(shown * 3 * height / width))), rows = Math.ceil(shown / columns);
    Object.assign(canvas, {width: columns * (width + 1) - 1, height: rows * (height + 1) - 1});
    const context = canvas.getContext('2d', Pixels.PLAIN), pixels = context.createImageData(canvas.width, canvas.height);
    for (let k = 0; k < shown; k++) {
      let most = 1e-9;
      for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) for (let c = 0; c < channels; c++) most = Math.max(most, Math.abs(at(k, y, x, c)));
      for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
        const i = 4 * ((Math.floor(k / columns) * (height + 1) + y) * canvas.width + k % columns * (width + 1) + x);
        for (let c = 0; c < 3; c++) pixels.data[i + c] = 127.5 * (1 + at(k, y, x, channels === 3 ? c : 0) / most);
        pixels.data[i + 3] = 255;
      }
    }
    context.putImageData(pixels, 0, 0);
    return shown;
  }

  // What moves the unit of a Dense layer that is largest now: the inputs with the largest weight times value.
  function strongest(tensor, values, before, names) {
    const [inputs, units] = tensor.shape, weights = tensor.dataSync(), unit = values.indexOf(Math.max(...values));
    const given = before && before.length === inputs ? before : null;
    const parts = Array.from({length: inputs}, (_, i) => [i, weights[i * units + unit] * (given ? given[i] : 1)]);
    parts.sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
    return `Unit ${names ? names[unit] : unit}, the largest, is moved most by ${given ? 'inputs' : 'the weights of inputs'} ` +
      parts.slice(0, STRONGEST).map(([i, value]) => `${i} (${value < 0 ? '−' : '+'}${Math.abs(value).toPrecision(2)})`).join(', ');
  }

  // An element of a layer's row.  ask(): {model: TensorFlow.js's, nodes: its graph's or null, values, before: the values that it reads, or null, names, hue}.
  function create(layer, ask) {
    const plot = make('canvas'), spread = make('p'), kernels = make('canvas', {className: 'kernels', hidden: true}), words = make('p', {hidden: true});
    const element = make('details', {className: 'insight'}, make('summary', {}, 'Values and weights'), plot, spread, kernels, words);
    plot.setAttribute('role', 'img');
    plot.setAttribute('aria-label', `Histogram of ${layer.name}`);
    kernels.setAttribute('role', 'img');
    kernels.setAttribute('aria-label', `Kernels of ${layer.name}`);
    let drawn = false;
    function update() {
      const {model, nodes, values, before, names, hue} = ask();
      if (!element.open || !values) return;
      spread.textContent = histogram(plot, values, hue);
      const weight = model && /^Dense$|Conv/.test(layer.keras) ? Weights.of(model, nodes, layer) : null;
      if (!weight) return;
      const {kind, tensor} = weight;
      if (kind === 'Dense' && tensor.shape.length === 2) {
        if (tensor.shape[1] !== values.length) return; // one of several rows
        words.hidden = false;
        words.textContent = strongest(tensor, values, before, names);
      } else if (!drawn && kind !== 'Dense') {
        const found = kernelsOf(kind, tensor);
        if (!found) return;
        const shown = drawKernels(kernels, found);
        drawn = true;
        kernels.hidden = words.hidden = false;
        words.textContent = `${shown < found.count ? `${shown} of ` : ''}${found.count} kernels, ${found.height} × ${found.width}${found.channels === 3 ? ', in colour' : ''}: dark is negative, light positive`;
      }
    }
    element.addEventListener('toggle', update);
    return {element, update};
  }

  return {create};
})();
