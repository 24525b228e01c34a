// From a picture's pixels, 0 … 255, to the numbers that a model was trained on, and back.
'use strict';

const Pixels = (function () {
  const CAFFE = [103.939, 116.779, 123.68]; // ImageNet's mean in the order blue, green, red: keras.applications' "caffe"
  const NAMES = {'0..1': 'pixels 0 … 1', '-1..1': 'pixels −1 … 1', '0..255': 'pixels 0 … 255', caffe: 'BGR minus the mean', standard: 'mean and deviation'};
  const each = (values, change) => Float32Array.from(values, change);
  const WAYS = { // channels: 1 or 3
    '0..1': {to: values => each(values, value => value / 255), back: values => each(values, value => 255 * value)},
    '-1..1': {to: values => each(values, value => value / 127.5 - 1), back: values => each(values, value => 127.5 * (value + 1))},
    '0..255': {to: values => each(values, value => value), back: values => each(values, value => value)},
    caffe: {
      to: (values, channels) => channels < 3 ? each(values, value => value) : each(values, (_, i) => values[i - i % 3 + 2 - i % 3] - CAFFE[i % 3]),
      back: (values, channels) => channels < 3 ? each(values, value => value) : each(values, (_, i) => values[i - i % 3 + 2 - i % 3] + CAFFE[2 - i % 3]),
    },
  };
  // A mean and a deviation per channel, of pixels 0 … 1, as PyTorch's models have them.
  function standard({mean, std}) {
    return {to: values => each(values, (value, i) => (value / 255 - mean[i % mean.length]) / std[i % std.length]),
      back: values => each(values, (value, i) => 255 * (value * std[i % std.length] + mean[i % mean.length]))};
  }

  // asked: page.json's `pixels`.  Returns {element: a choice of all ways, to(values), back(values)}; changed() is called after a choice.
  function choice(asked, channels, changed) {
    const own = typeof asked === 'object' ? standard(asked) : null, first = own ? 'standard' : asked;
    const keys = Object.keys(WAYS).filter(key => key !== 'caffe' || channels === 3 || first === key).concat(own ? 'standard' : []);
    const element = document.createElement('select');
    element.title = 'What the model was trained on';
    element.setAttribute('aria-label', 'What the model was trained on');
    for (const key of keys) element.append(new Option(NAMES[key], key, key === first, key === first));
    element.addEventListener('change', changed);
    const way = () => element.value === 'standard' ? own : WAYS[element.value];
    return {element, to: values => way().to(values, channels), back: values => way().back(values, channels)};
  }

  const PLAIN = {willReadFrequently: true}; // a small canvas: drawn by the processor, which leaves the graphics to the model

  return {choice, PLAIN};
})();
