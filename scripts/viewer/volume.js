// An input that is no picture and no row: several steps, a volume, or channels that are no colours.
'use strict';

const Volume = (function () {
  const {make, paint} = Inputs;

  // As Inputs.create: {element, values(), set(pixels), setValues(values), clear(), example()}.
  function create(input, first, changed) {
    const {montage, shape} = input, size = shape.reduce((product, length) => product * length, 1);
    const canvas = make('canvas', {className: 'photo'}), again = make('button', {type: 'button'}, 'Another pattern');
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', `${montage.tiles} maps of the input side by side`);
    const range = Pixels.choice(first, montage.colours, () => changed(true));
    const [height, width, channels] = shape.slice(-3), steps = size / (height * width * channels);
    const shown = montage.tiles * montage.colours / channels, words = steps > 1 ? `${Words.many(Math.floor(shown), 'step')}${shown < steps ? ` of ${steps}` : ''}` : Words.many(montage.tiles, 'channel');
    const element = make('div', {className: 'work'}, canvas, make('div', {className: 'seen'}, again, range.element, make('p', {}, `${words}, side by side`)));
    let pixels = new Float32Array(size), turn = 0;
    function refresh() {
      const picture = Strips.picture(input, pixels), [high, wide] = Strips.shape(input);
      paint(canvas, picture, high, wide, montage.colours);
      changed(true);
    }
    const self = {
      element,
      values: () => range.to(pixels),
      set(given) { pixels = Float32Array.from(given); refresh(); },
      setValues(values) { self.set(range.back(values)); },
      clear() { // waves that move on from step to step, others at each turn
        turn += 1;
        self.set(pixels.map((_, i) => {
          const c = i % channels, x = Math.floor(i / channels) % width / width, y = Math.floor(i / channels / width) % height / height, step = Math.floor(i / (channels * width * height)) / steps;
          return 127.5 * (1 + Math.sin((3 + c) * x * turn + 2 * c + 4 * step) * Math.cos((2 + c) * y * turn + turn - 3 * step));
        }));
      },
    };
    self.example = self.clear;
    again.addEventListener('click', self.clear);
    return self;
  }

  return {create};
})();
