// Where the layers stand: one column per level of the graph, the columns in rows that turn like an ox at the plough,
// so that a deep model fills the window instead of being a thread across it.  Pure: sizes in, places out.
'use strict';

const Layout = (function () {
  const GAP = 28; // between columns, where the edges run
  const ROW = 40; // between rows, where skips pass and the next row begins
  const LABEL = 32; // below each item, for its name: pixels
  const TALL = 1.6; // times that where a label has buttons for pages
  const STACK = 12; // between the items of a column
  const FILL = 0.86; // of the window, as the camera has it
  const SHORT = 0.4; // of the widest row: a last row that is shorter looks left over
  const UNEVEN = 0.85; // what such a layout is worth
  const STRETCH = 4; // a row's gaps grow up to this many times to reach both sides

  // Levels by the longest way from an input; an input stands right before the first that reads it.
  // items: [{name, parents: [names]}], parents first.  Returns a list of columns, lists of items.
  function columns(items) {
    const level = new Map();
    for (const item of items) level.set(item.name, item.parents.length ? 1 + Math.max(...item.parents.map(name => level.get(name))) : 0);
    for (const item of items) {
      if (item.parents.length) continue;
      const readers = items.filter(other => other.parents.includes(item.name));
      if (readers.length) level.set(item.name, Math.min(...readers.map(other => level.get(other.name))) - 1);
    }
    const found = [];
    for (const item of items) (found[level.get(item.name)] = found[level.get(item.name)] || []).push(item);
    return found.filter(Boolean);
  }

  const below = (item, label) => item.h + label * (item.paged ? TALL : 1);

  function broken(sizes, limit) {
    const rows = [[]];
    let width = 0;
    sizes.forEach((size, i) => {
      const grown = width + size.w + (width ? GAP : 0);
      if (width && grown > limit) { rows.push([i]); width = size.w; } else { rows[rows.length - 1].push(i); width = grown; }
    });
    return rows;
  }
  const widthOf = (row, sizes) => row.reduce((sum, i) => sum + sizes[i].w, GAP * (row.length - 1));
  const heightOf = (row, sizes) => Math.max(...row.map(i => sizes[i].h));

  // items: [{name, parents, w, h, paged}]; width, height: the window's, in pixels.
  // Returns a Map of name to {x, y, column, row, turn: 1 where its row runs to the right and -1 where it runs to the left,
  // top, bottom: its row's, scale: pixels of a unit when all of it fills the window}.
  function arrange(items, width, height) {
    const found = columns(items);
    const rough = pack(found, width, height, LABEL); // how large a unit will be says how much space a label takes
    return put(found, pack(found, width, height, Math.max(LABEL / 2, Math.min(4 * LABEL, LABEL / rough.scale))), width / height);
  }

  function pack(found, windowWidth, windowHeight, label) {
    const sizes = found.map(column => ({w: Math.max(...column.map(item => item.w)),
      h: column.reduce((sum, item) => sum + below(item, label), STACK * (column.length - 1))}));
    const total = widthOf(found.map((_, i) => i), sizes), least = Math.max(...sizes.map(size => size.w));
    let best = null;
    for (let step = 0; step <= 80; step++) {
      const rows = broken(sizes, least + (total - least) * step * step / 6400);
      const width = Math.max(...rows.map(row => widthOf(row, sizes)));
      const height = rows.reduce((sum, row) => sum + heightOf(row, sizes), ROW * (rows.length - 1));
      const scale = FILL * Math.min(windowWidth / width, windowHeight / height);
      const alone = rows.length > 1 && widthOf(rows[rows.length - 1], sizes) < SHORT * width, worth = scale * (alone ? UNEVEN : 1);
      if (!best || worth > best.worth * 1.02) best = {rows, width, height, scale, worth, sizes, label};
    }
    return best;
  }

  function put(found, {rows, width, height, scale, sizes, label}, aspect) {
    const wide = Math.max(width, Math.min(height * aspect, width * 1.5)), places = new Map();
    let top = height / 2;
    rows.forEach((row, r) => {
      const turn = r % 2 ? -1 : 1, own = widthOf(row, sizes), high = heightOf(row, sizes), last = r > 0 && r === rows.length - 1;
      const full = rows.length > 1 && row.length > 1 && (!last || own > 0.6 * wide);
      const gap = full ? Math.min(GAP * STRETCH, GAP + (wide - own) / (row.length - 1)) : GAP;
      const used = own + (gap - GAP) * (row.length - 1);
      let x = rows.length === 1 ? -used / 2 : -wide / 2; // every row begins where the one before it ended
      for (const i of row) {
        let y = top - (high - sizes[i].h) / 2;
        for (const item of found[i]) {
          places.set(item.name, {column: i, x: turn * (x + sizes[i].w / 2), y: y - item.h / 2, row: r, turn, top, bottom: top - high, scale});
          y -= below(item, label) + STACK;
        }
        x += sizes[i].w + gap;
      }
      top -= high + ROW;
    });
    return places;
  }

  return {arrange, columns, GAP};
})();
