// Which layers of a deep model are folded into one box: runs of layers whose maps are of one size, as the blocks of
// ResNet, MobileNet and Inception are, and in a model of one size throughout the repeats of a pattern of classes.
'use strict';

const Blocks = (function () {
  const DEEP = 24; // a model of so many layers begins folded
  const LEAST = 4; // fewer layers than these are not worth a box

  const spatial = layer => layer.shape.length === 1 ? 'row' : layer.shape.slice(0, -1).join('x');

  // The longest repeat of a pattern of classes that begins at `start`: its period, and how many layers it covers.
  function repeat(layers, start, end) {
    const kind = i => layers[i].keras;
    let best = {period: 0, covered: 0};
    for (let period = 2; start + 2 * period <= end; period++) {
      let at = start + period;
      while (at < end && kind(at) === kind(at - period)) at++;
      const covered = Math.floor((at - start) / period) * period;
      if (covered >= 2 * period && covered > best.covered) best = {period, covered};
    }
    return best;
  }

  // "conv2_block1 … 3" where names count, else the first and the last.
  function title(members) {
    const last = members[members.length - 1];
    for (const first of members) {
      let same = 0;
      while (same < first.length && first[same] === last[same]) same++;
      const stem = first.slice(0, same).replace(/\d+$/, ''), [from, to] = [first, last].map(name => /^\d+/.exec(name.slice(stem.length)));
      if (/[a-z]{2}/i.test(stem) && from && to && from[0] !== to[0]) return `${stem}${from[0]} … ${to[0]}`;
    }
    return `${members[0]} … ${last}`;
  }

  // layers: as page.json has them, parents first.  Returns a list of {title, members: [names]}, each a run without a gap.
  function find(layers) {
    if (layers.length <= DEEP) return [];
    const runs = [];
    for (let start = 0, end = 1; start < layers.length; start = end, end = start + 1) {
      if (layers[start].shape.length === 1) continue;
      while (end < layers.length && spatial(layers[end]) === spatial(layers[start])) end++;
      if (end - start > 0.6 * layers.length) { // of one size nearly throughout: by its pattern
        for (let at = start; at < end;) {
          const {period, covered} = repeat(layers, at, end);
          for (let turn = 0; turn < covered && period >= LEAST; turn += period) runs.push(layers.slice(at + turn, at + turn + period));
          at += covered || 1;
        }
      } else if (end - start >= LEAST) {
        runs.push(layers.slice(start, end));
      }
    }
    return runs.map(run => run.map(layer => layer.name)).map(members => ({title: title(members), members}));
  }

  return {find};
})();
