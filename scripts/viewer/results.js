// What a model says at its ends: bars for classes and numbers, a picture where an output is one; and values as pixels.
'use strict';

const Results = (function () {
  const {make} = Inputs;
  const ALL = 12; // so many numbers are all shown, in their order; of more the largest
  const LARGEST = 8;

  // Values of a layer as pixels: channels side by side, rows of numbers as one band, each stretched from its least to its most.
  function tiles(layer, data, most) {
    const shape = layer.shape;
    if (shape.length === 1) return {height: 1, width: Math.min(shape[0], most), at: (_, x) => data[x]};
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
    const context = canvas.getContext('2d', Pixels.PLAIN), pixels = context.createImageData(width, height), range = most - least || 1;
    const rgb = [1, 3, 5].map(i => parseInt(colour.slice(i, i + 2), 16));
    for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i += 4) {
      const value = at(y, x);
      for (let c = 0; c < 3; c++) pixels.data[i + c] = value === null ? 0 : rgb[c] * (0.06 + 0.94 * (value - least) / range);
      pixels.data[i + 3] = value === null ? 0 : 255;
    }
    context.putImageData(pixels, 0, 0);
  }
  function thumbnail(canvas, layer, data) {
    shade(canvas, tiles(layer, data, layer.shape.length === 3 ? Math.max(9 * layer.shape[0], layer.shape[1]) : 640), Palette.of(layer, 'dark'));
  }
  function image(canvas, layer, data) { // an output that is an image itself
    const [height, width, channels] = layer.shape;
    canvas.classList.toggle('coarse', Math.max(height, width) < 20);
    if (layer.shape.length < 3 || channels !== 3) return shade(canvas, tiles(layer, data, 640), '#ffffff');
    const least = Math.min(...data), range = Math.max(...data) - least || 1;
    Inputs.paint(canvas, data.map(value => 255 * (value - least) / range), height, width, 3);
  }

  // What the model answers: probabilities where they are some, else numbers; the order is from the largest to the least.
  function answer(data) {
    const total = data.reduce((sum, value) => sum + value, 0);
    const shares = data.every(value => value >= -1e-6 && value <= 1 + 1e-6) && (Math.abs(total - 1) < 1e-3 || data.length === 1);
    const spell = (value, digits) => shares ? `${(100 * value).toFixed(1)} %` : value.toPrecision(digits);
    return {shares, spell, order: data.map((_, i) => i).sort((a, b) => data[b] - data[a])};
  }

  // One end of the model as an element.  names: its classes; truth: the place of the right one, or null; titled: whether its name stands above.
  function end(layer, data, names, truth, titled) {
    const title = titled ? [make('h3', {}, `${layer.name} · ${Words.shape(layer.full || layer.shape)}`)] : [];
    if (layer.shape.length > 1) {
      const picture = make('canvas', {className: 'photo'});
      picture.setAttribute('role', 'img');
      picture.setAttribute('aria-label', `${layer.name}, as a picture`);
      image(picture, layer, data);
      return make('div', {className: 'bars'}, ...title, picture);
    }
    const {shares, spell, order} = answer(data), shown = data.length > ALL ? order.slice(0, LARGEST) : data.map((_, i) => i);
    const largest = Math.max(1e-9, ...data.map(Math.abs));
    const head = make('div', {className: 'head'}, make('strong', {className: names[order[0]].length > 4 ? 'long' : ''}, names[order[0]]), make('span', {}, spell(data[order[0]], 4)));
    if (truth !== null) head.append(make('span', {className: truth === order[0] ? 'right' : 'wrong'}, truth === order[0] ? '✓ as labelled' : `✗ labelled ${names[truth]}`));
    const lines = shown.map(i => {
      const fill = make('b'), line = make('div', {className: 'bar' + (i === order[0] ? ' first' : '')}, make('span', {title: names[i]}, names[i]),
        make('i', {}, fill), make('span', {}, spell(data[i], 3)));
      fill.style.transform = `scaleX(${Math.max(0, shares ? data[i] : data[i] / largest)})`;
      return line;
    });
    return make('div', {className: 'bars' + (shown.some(i => names[i].length > 4) ? ' wide' : '')}, ...title, ...(data.length > 1 ? [head] : []), ...lines);
  }

  return {answer, end, thumbnail};
})();
