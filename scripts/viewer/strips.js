// Values of more dimensions than the picture has, in the order in which they are drawn: see strips.py.
'use strict';

const Strips = (function () {
  // An output's values as TensorSpace has them: height, width, and the channels of all steps.
  function turn(layer, values) {
    if (!layer.strip) return values;
    const {steps, channels} = layer.strip, [height, width, depth] = layer.shape, found = new values.constructor(values.length);
    for (let step = 0, i = 0; step < steps; step++) for (let place = 0; place < height * width; place++) {
      for (let c = 0; c < channels; c++, i++) found[place * depth + step * channels + c] = values[i];
    }
    return found;
  }
  // The shape of an input's picture.
  function shape({shape: own, montage}) {
    if (!montage) return own;
    const {columns, rows, height, width, colours} = montage, size = [rows * (height + 1) - 1, columns * (width + 1) - 1];
    return colours === 3 ? size.concat(3) : size;
  }
  // An input's values as that picture: steps and channels side by side, a pixel apart.
  function picture(input, values) {
    if (!input.montage) return values;
    const {tiles, columns, height, width, channels, colours, stride} = input.montage, [, wide] = shape(input), [fullHeight, fullWidth] = input.shape.slice(-3);
    let least = Infinity;
    for (const value of values) if (value < least) least = value;
    const found = new Float32Array(shape(input).reduce((product, size) => product * size, 1)).fill(least);
    for (let tile = 0; tile < tiles; tile++) {
      const step = Math.floor(tile * colours / channels), first = tile * colours % channels;
      const top = Math.floor(tile / columns) * (height + 1), left = tile % columns * (width + 1);
      for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) for (let c = 0; c < colours; c++) {
        found[((top + y) * wide + left + x) * colours + c] = values[((step * fullHeight + y * stride) * fullWidth + x * stride) * channels + first + c];
      }
    }
    return found;
  }
  // Which maps an open layer of several steps shows at once, a list per page, and what is said of each.
  function pages(strip, most) {
    const {steps, channels, of} = strip, found = [];
    const range = (from, to, all) => to - from === 1 ? `${from + 1} of ${all}` : `${from + 1} – ${to} of ${all}`;
    if (channels <= 8) { // steps side by side, the channels of each below one another
      const group = Math.min(steps, Math.floor(most / channels), channels === 1 ? most : 12);
      for (let first = 0; first < steps; first += group) {
        const last = Math.min(steps, first + group), shown = [];
        for (let c = 0; c < channels; c++) for (let step = first; step < last; step++) shown.push(step * channels + c);
        found.push({channels: shown, columns: channels === 1 ? 0 : last - first, words: group === steps ? Words.many(steps, of) : `${of}${last - first === 1 ? '' : 's'} ${range(first, last, steps)}`});
      }
      return found;
    }
    for (let step = 0; step < steps; step++) for (let first = 0; first < channels; first += most) {
      const last = Math.min(channels, first + most);
      found.push({channels: Array.from({length: last - first}, (_, i) => step * channels + first + i), columns: 0,
        words: `${of} ${step + 1} of ${steps}${channels > most ? `, ${range(first, last, channels)}` : ''}`});
    }
    return found;
  }

  return {turn, shape, picture, pages};
})();
