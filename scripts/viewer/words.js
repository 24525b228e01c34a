// How numbers, shapes and counts are spelled on the page.
'use strict';

const Words = {
  shape: shape => shape.join(' × '),
  count: number => number >= 1e6 ? (number / 1e6).toFixed(1) + ' M' : number >= 1e4 ? Math.round(number / 1e3) + ' k' : String(number),
  many: (number, one) => `${number} ${one}${number === 1 ? '' : 's'}`,
  small: number => number.toExponential(0),
  duration: ms => ms < 10 ? `${ms.toFixed(1)} ms` : ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`,
  // "a, b and c"; of many the first few.
  list(names, most = 6) {
    const shown = names.length > most ? names.slice(0, most).concat(`${names.length - most} more`) : names;
    return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} and ${shown[shown.length - 1]}`;
  },
  // What the source calls a layer (default: that of an entry) whose name TensorFlow.js did not take.
  called: (entry, name = (entry.chain || [])[0] || entry.name) => (entry.called || {})[name] || name,
  // Of how far the browser is from Keras.
  agrees: difference => difference === 0 ? 'equal to Keras' : `matches Keras within ${Words.small(difference)}`,
};
