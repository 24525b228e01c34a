// What goes into the model: a drawing pad for grey images, a photo for colour ones, numbers for rows, samples for all.
'use strict';

const Inputs = (function () {
  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name in element && name !== 'list') element[name] = value; else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  // Paint colour pixels (3 channels) or else the first channel, 0 … 255, of an H x W image on a canvas of that size.
  function paint(canvas, pixels, height, width, channels) {
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext('2d', Pixels.PLAIN), image = context.createImageData(width, height);
    for (let i = 0; i < height * width; i++) {
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = pixels[channels * i + (channels === 3 ? c : 0)];
      image.data[4 * i + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }

  // Average blocks of `factor` x `factor` of a canvas's red channel: H x W values 0 … 255.
  function shrink(canvas, factor) {
    const width = canvas.width / factor, height = canvas.height / factor;
    const data = canvas.getContext('2d', Pixels.PLAIN).getImageData(0, 0, canvas.width, canvas.height).data;
    const pixels = new Float32Array(width * height);
    for (let y = 0, i = 0; y < canvas.height; y++) {
      for (let row = Math.floor(y / factor) * width, x = 0; x < width; x++) for (let part = 0; part < factor; part++, i += 4) pixels[row + x] += data[i];
    }
    return pixels.map(sum => sum / (factor * factor));
  }

  // Strokes, lists of points with 0 <= x, y <= 1, drawn into H x W pixels.  `centred` as MNIST's authors did it: scaled
  // into 20 of 28 with its proportions kept, then its centre of mass put into the middle; the pen is as wide as theirs.
  function rasterize(strokes, height, width, centred) {
    const factor = Math.max(2, Math.min(8, Math.floor(1024 / Math.max(height, width))));
    const canvas = make('canvas', {width: width * factor, height: height * factor});
    const context = canvas.getContext('2d', Pixels.PLAIN);
    const side = Math.min(height, width);
    const draw = (place, pen) => {
      context.fillStyle = '#000';
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.strokeStyle = context.fillStyle = '#fff';
      context.lineCap = context.lineJoin = 'round';
      context.lineWidth = pen * factor;
      for (const stroke of strokes) {
        context.beginPath();
        stroke.forEach((point, i) => { const [x, y] = place(point); i ? context.lineTo(x * factor, y * factor) : context.moveTo(x * factor, y * factor); });
        if (stroke.length === 1) context.lineTo(...place(stroke[0]).map(value => value * factor + 0.01));
        context.stroke();
      }
      return shrink(canvas, factor);
    };
    const pen = side * 2.2 / 28;
    if (!centred || !strokes.length) return draw(([x, y]) => [x * width, y * height], pen);
    const points = strokes.flat(), xs = points.map(point => point[0] * width), ys = points.map(point => point[1] * height);
    const left = Math.min(...xs), top = Math.min(...ys), wide = Math.max(...xs) - left, high = Math.max(...ys) - top;
    const scale = (side * 20 / 28 - pen) / Math.max(wide, high, 1e-6);
    const limited = Math.min(scale, 4); // a dot is not blown up to a disc
    const at = (dx, dy) => ([x, y]) => [(x * width - left - wide / 2) * limited + width / 2 + dx, (y * height - top - high / 2) * limited + height / 2 + dy];
    let pixels = draw(at(0, 0), pen), mass = 0, sumX = 0, sumY = 0;
    pixels.forEach((value, i) => { mass += value; sumX += value * (i % width + 0.5); sumY += value * (Math.floor(i / width) + 0.5); });
    if (mass > 0) pixels = draw(at(width / 2 - sumX / mass, height / 2 - sumY / mass), pen);
    return pixels;
  }

  // Each of these returns {element, values(): Float32Array, set(pixels or values), setValues, clear(), example()}; changed(done)
  // is called after a change, with false while the pen still moves, and with (false, true) when the input is no input yet.

  function drawingPad(input, first, changed) {
    const [height, width] = input.shape, digits = height === 28 && width === 28;
    const pad = make('canvas', {className: 'pad', tabIndex: 0});
    pad.width = Math.round(392 * Math.min(1, width / height));
    pad.height = Math.round(pad.width * height / width);
    pad.style.width = `${pad.width / 2}px`;
    pad.setAttribute('aria-label', 'Draw here with the mouse or a finger');
    const seen = make('canvas'), centre = make('input', {type: 'checkbox', checked: digits});
    const range = Pixels.choice(first, 1, () => refresh(true)), invert = make('input', {type: 'checkbox'});
    const clear = make('button', {type: 'button'}, 'Clear');
    const element = make('div', {className: 'work'}, pad);
    const taken = given => { photo = given; take(); };
    const source = Pictures.source(height, width, 1, element, taken);
    element.append(make('div', {className: 'seen'}, seen, make('p', {}, 'what the model sees'), clear, range.element,
      make('label', {className: 'hint'}, centre, ' centre as MNIST does')),
    make('div', {className: 'sources'}, ...source.elements.slice(0, 2), make('label', {className: 'hint'}, invert, ' invert'), ...source.elements.slice(2)));
    let strokes = [], pixels = new Float32Array(height * width), pen = null, photo = null;
    function take() { // of a picture that was chosen
      strokes = [];
      pixels = photo.map(value => invert.checked ? 255 - value : value);
      refresh(true);
    }
    const context = pad.getContext('2d', Pixels.PLAIN);

    function show() {
      context.fillStyle = '#000';
      context.fillRect(0, 0, pad.width, pad.height);
      if (!strokes.length) {
        const small = make('canvas');
        paint(small, pixels, height, width, 1);
        context.imageSmoothingEnabled = false;
        context.drawImage(small, 0, 0, pad.width, pad.height);
      }
      context.strokeStyle = '#fff';
      context.lineCap = context.lineJoin = 'round';
      context.lineWidth = pad.width * 2.2 / 28;
      for (const stroke of strokes) {
        context.beginPath();
        stroke.forEach(([x, y], i) => i ? context.lineTo(x * pad.width, y * pad.height) : context.moveTo(x * pad.width, y * pad.height));
        if (stroke.length === 1) context.lineTo(stroke[0][0] * pad.width + 0.1, stroke[0][1] * pad.height);
        context.stroke();
      }
      paint(seen, pixels, height, width, 1);
    }
    function refresh(done) {
      if (strokes.length) pixels = rasterize(strokes, height, width, centre.checked);
      show();
      changed(done);
    }
    const point = event => {
      const box = pad.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map(value => Math.max(0, Math.min(1, value)));
    };
    pad.addEventListener('pointerdown', event => {
      if (event.button) return;
      source.stop(); // the camera's next picture would take the place of what is drawn
      pad.setPointerCapture(event.pointerId);
      pen = [point(event)];
      strokes.push(pen);
      refresh(false);
    });
    pad.addEventListener('pointermove', event => {
      if (!pen) return;
      pen.push(point(event));
      refresh(false);
    });
    for (const name of ['pointerup', 'pointercancel']) pad.addEventListener(name, () => { if (pen) { pen = null; refresh(true); } });
    const self = {
      element,
      values: () => range.to(pixels),
      set(given) { source.stop(); strokes = []; photo = null; pixels = Float32Array.from(given); refresh(true); },
      setValues(values) { self.set(range.back(values)); },
      clear() { self.set(new Float32Array(height * width)); },
      example() { source.stop(); strokes = [[[0.3, 0.24], [0.72, 0.24], [0.58, 0.5], [0.46, 0.8]]]; refresh(true); }, // a seven
    };
    clear.addEventListener('click', () => self.clear());
    centre.addEventListener('change', () => refresh(true));
    invert.addEventListener('change', () => { if (photo) take(); });
    show();
    return self;
  }

  function photo(input, first, changed) {
    const [height, width] = input.shape, canvas = make('canvas', {className: 'photo'});
    const again = make('button', {type: 'button', title: 'Colours in place of a photo'}, 'Another pattern'), range = Pixels.choice(first, 3, () => changed(true));
    const element = make('div', {className: 'work'}, canvas), source = Pictures.source(height, width, 3, element, taken => { pixels = taken; refresh(); });
    const [choose, camera, ...rest] = source.elements;
    element.append(make('div', {className: 'seen'}, choose, camera, again, range.element, ...rest));
    let pixels = new Float32Array(3 * height * width), turn = 0;
    function refresh() { paint(canvas, pixels, height, width, 3); changed(true); }
    const self = {
      element,
      values: () => range.to(pixels),
      set(given) { source.stop(); pixels = Float32Array.from(given); refresh(); },
      setValues(values) { self.set(range.back(values)); },
      clear() { // a picture without a file: soft colours, another one at each turn
        turn += 1;
        self.set(pixels.map((_, i) => {
          const c = i % 3, x = Math.floor(i / 3) % width / width, y = Math.floor(i / 3 / width) / height;
          return 127.5 * (1 + Math.sin((3 + c) * x * turn + 2 * c) * Math.cos((2 + c) * y * turn + turn));
        }));
      },
    };
    self.example = self.clear;
    again.addEventListener('click', self.clear);
    return self;
  }

  // Numbers of any shape; whole ones below input.words where an Embedding reads them.
  function numbers(input, first, changed) {
    const count = input.shape.reduce((product, size) => product * size, 1), limit = input.words;
    const asked = limit ? `${Words.many(count, 'whole number')} from 0 to ${limit - 1}` : Words.many(count, 'number');
    const text = make('textarea', {spellcheck: false}), words = make('p', {className: 'hint'}, asked);
    text.setAttribute('aria-label', asked);
    words.setAttribute('role', 'status');
    const again = make('button', {type: 'button'}, 'Random');
    const element = make('div', {}, text, make('div', {className: 'row spread'}, words, again));
    let values = new Float32Array(count), seed = 1;
    function wrong(found, given) { // in words, or null
      const strange = given.find((word, i) => !Number.isFinite(found[i]));
      if (strange !== undefined) return `“${strange.slice(0, 20)}” is no number: this model takes ${asked}`;
      if (limit && found.some(value => !Number.isInteger(value) || value < 0 || value >= limit)) return `This model takes ${asked}`;
      return found.length === count ? null : `${found.length} of ${asked}`;
    }
    text.addEventListener('input', () => {
      const given = text.value.split(/[\s,;]+/).filter(Boolean), found = given.map(Number), problem = wrong(found, given);
      words.textContent = problem || asked;
      words.classList.toggle('bad', Boolean(problem));
      text.setAttribute('aria-invalid', String(Boolean(problem)));
      if (problem) { changed(false, true); return; }
      values = Float32Array.from(found);
      changed(true);
    });
    const self = {
      element,
      values: () => values,
      set(given) {
        values = Float32Array.from(given);
        text.value = Array.from(values, value => +value.toPrecision(5)).join(' ');
        words.textContent = asked;
        words.classList.remove('bad');
        changed(true);
      },
      setValues(given) { self.set(given); },
      clear() {
        self.set(values.map(() => {
          seed = (seed * 48271) % 2147483647; // Park and Miller's: the same numbers on every visit
          return limit ? seed % limit : input.dtype === 'int32' ? seed % 10 : seed / 2147483647;
        }));
      },
    };
    self.example = self.clear;
    again.addEventListener('click', self.clear);
    return self;
  }

  function create(input, first, changed) {
    if (input.text) return Typing.panel(input, changed);
    if (input.montage) return Volume.create(input, first, changed);
    const [height, width] = input.shape, image = input.class !== 'Input1d' && Math.min(height, width) >= 12 && Math.max(height, width) <= 4 * Math.min(height, width);
    const kinds = {GreyscaleInput: image ? drawingPad : numbers, RGBInput: photo, Input1d: numbers}; // (steps, features) is grey to TensorSpace
    return kinds[input.class](input, first, changed);
  }

  return {create, make, paint, rasterize};
})();
