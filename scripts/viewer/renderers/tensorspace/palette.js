// The colours of the picture: one hue per family of TensorSpace classes, and what lies around the layers.
'use strict';

const Palette = (function () {
  const HUES = { // by TensorSpace class, for dark and light ground
    Input: ['#e8edf7', '#64748b'], Conv: ['#facc15', '#c27803'], Depthwise: ['#fb923c', '#c2410c'], Pooling: ['#38d6e8', '#0e8ba3'],
    Dense: ['#4ade80', '#15923f'], Output: ['#e8edf7', '#475569'], Padding: ['#7db8ff', '#3b76c4'], Cropping: ['#bef264', '#5d8a0c'],
    GlobalPooling: ['#60a5fa', '#2563eb'], UpSampling: ['#34e0c8', '#0d8a78'], Flatten: ['#c7d2fe', '#6672c4'], Reshape: ['#b197fc', '#7c4fd8'],
    Recurrent: ['#fca5a5', '#b4432f'], Attention: ['#e5a1ff', '#9333c6'], Embedding: ['#d9c27a', '#806515'], Activation: ['#fb7db4', '#c62a74'], Concatenate: ['#f9a8d4', '#b83280'], Layer: ['#f2986a', '#bd5724'], Merge: ['#f8647b', '#c81e40'],
  };
  const THEMES = {
    dark: {ground: 0x0b0f17, edge: 0x6b7a99, bright: 0x4fd1c5, frame: 0x8d99b3, text: '#e7ecf5', soft: '#a9b4c9'},
    light: {ground: 0xf3f5f9, edge: 0x7f8ba3, bright: 0x0f766e, frame: 0x94a3b8, text: '#172033', soft: '#4a556b'},
  };

  const GENERAL = [ // TensorSpace's Layer1d … 3d: by Keras's class
    [/LSTM|GRU|RNN|Bidirectional/, 'Recurrent'], [/Attention/, 'Attention'], [/Embedding/, 'Embedding'], [/^Global.*Pool/, 'GlobalPooling'], [/Pool/, 'Pooling'],
    [/^(Separable)?Conv/, 'Conv'], [/^Depthwise/, 'Depthwise'], [/Padding/, 'Padding'], [/Cropping/, 'Cropping'], [/^UpSampling/, 'UpSampling'], [/^(Dense|EinsumDense)$/, 'Dense'],
    [/^Concatenate$/, 'Concatenate'], [/^(Add|Subtract|Multiply|Average|Maximum|Minimum|Dot)$/, 'Merge'], [/^(Reshape|Permute|Flatten)$/, 'Reshape'], [/Activation|ReLU|ELU|Softmax/, 'Activation'],
  ];

  // Of a layer, or of an input.
  function of({class: kind, keras}, theme) {
    const [, family] = kind.startsWith('Layer') && GENERAL.find(([pattern]) => pattern.test(keras)) || [];
    return hue(family || kind, theme);
  }
  function hue(kind, theme) {
    const family = Object.keys(HUES).filter(name => kind.startsWith(name) || (name === 'Input' && kind.endsWith('Input')));
    return HUES[family.sort((a, b) => b.length - a.length)[0] || 'Merge'][theme === 'light' ? 1 : 0];
  }

  return {of, THEMES};
})();
