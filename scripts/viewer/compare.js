// How far this browser's numbers are from those that were stored when the page was built.
'use strict';

const Compare = (function () {
  const BOUND = 1e-4; // times the largest value of a layer: what counts as the same
  const worse = (a, b) => a <= b ? b : a; // NaN stays

  // reference: page.json's; run(inputs): the engine's.  Resolves to a Map of output's place to {difference, holds}.
  async function differences(reference, drawing, run) {
    const bytes = await Files.read(reference.file), floats = new Float32Array(bytes.buffer, 0, bytes.length / 4), found = new Map();
    let offset = 0;
    const take = size => floats.subarray(offset, offset += size);
    for (let i = 0; i < reference.samples; i++) {
      const results = await run(drawing.inputs.map(input => take(input.shape.reduce((product, size) => product * size, 1)).slice()));
      for (const {output, values: number, stride} of reference.outputs) {
        const expected = take(number), got = results[output];
        let difference = 0, largest = 1;
        for (let j = 0; j < number; j++) {
          largest = Math.max(largest, Math.abs(expected[j]));
          const distance = Math.abs(got[j * stride] - expected[j]);
          difference = distance <= difference ? difference : distance;
        }
        const before = found.get(output) || {difference: 0, holds: true};
        found.set(output, {difference: worse(difference, before.difference), holds: before.holds && difference <= BOUND * largest});
      }
    }
    return found;
  }

  return {differences};
})();
