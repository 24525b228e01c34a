// The samples of a page: pictures, or numbers for models of anything else, one button each.
'use strict';

const Samples = (function () {
  const {make} = Inputs;
  const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));

  // What each input is given for each sample: a list of lists of {pixels} or {values}.
  function unpack(samples) {
    const inputs = samples.inputs || [{shape: samples.shape, dtype: 'uint8', data: samples.pixels}], count = samples.count || samples.labels.length;
    const parts = inputs.map(({shape, dtype, data}) => {
      const size = shape.reduce((product, length) => product * length, 1), all = bytes(data), values = dtype === 'uint8' ? all : new Float32Array(all.buffer, 0, count * size);
      return Array.from({length: count}, (_, i) => ({[dtype === 'uint8' ? 'pixels' : 'values']: values.subarray(i * size, (i + 1) * size), shape}));
    });
    return Array.from({length: count}, (_, i) => parts.map(part => part[i]));
  }

  // samples: page.json's; names: of the classes, or null; act.pick(i).  Returns {element, labels, images, give(i, panels), select(i)}.
  function create(samples, names, act) {
    const images = unpack(samples), labels = samples.labels || null;
    const element = make('div', {className: 'samples'});
    element.setAttribute('role', 'group');
    element.setAttribute('aria-label', 'Samples; arrow keys go from one to the next');
    const buttons = images.map((parts, i) => {
      const said = labels ? `, labelled ${names && names[labels[i]] || labels[i]}` : '', picture = parts.find(part => part.pixels);
      let face = String(i + 1);
      if (picture) {
        face = make('canvas');
        const [height, width, channels] = picture.shape.length > 3 ? picture.shape.slice(-3) : picture.shape; // of several steps the first
        Inputs.paint(face, picture.pixels, height, width, channels || 1);
      }
      const button = make('button', {type: 'button', title: `sample ${i + 1}${said}`, tabIndex: i ? -1 : 0}, face);
      button.setAttribute('aria-label', `Test image ${i + 1}${said}`.replace('Test image', picture ? 'Test image' : 'Sample'));
      button.addEventListener('click', () => act.pick(i));
      element.append(button);
      return button;
    });
    return {
      element,
      labels,
      count: images.length,
      give(i, panels) { images[i].forEach((part, j) => part.pixels ? panels[j].set(part.pixels) : panels[j].setValues(part.values)); },
      // The samples are one stop of the Tab key: the chosen one, or the first.
      select(i) {
        const within = buttons.includes(document.activeElement);
        buttons.forEach((button, j) => {
          button.setAttribute('aria-pressed', String(i === j));
          button.tabIndex = j === Math.max(0, i) ? 0 : -1;
        });
        if (within && i >= 0) buttons[i].focus();
      },
    };
  }

  return {create};
})();
