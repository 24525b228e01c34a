// Names in the picture: one label below each figure, which faces the viewer, fades with distance and covers no other.
// They are elements of the page, laid over the canvas; `paint` draws the same ones into a picture that is saved.
'use strict';

const Labels = (function () {
  const NAME = '600 11px system-ui, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif', WORDS = NAME.replace('600 11px', '400 10px');
  const LINE = 13; // height of a line
  const LEAST = 40; // a narrower label says nothing
  const TWO = 60; // a label so wide has a second line
  const NARROW = 8; // a thinner figure has no label
  const WIDE = 150; // a label that stands alone may be so wide, whatever the room of its figure
  const SPACE = 6; // beside a label
  const FAR = 0.8; // opacity of the farthest

  const context = document.createElement('canvas').getContext('2d');
  const widths = new Map();
  function widthOf(text, font) {
    const key = font + text;
    if (!widths.has(key)) { context.font = font; widths.set(key, Math.ceil(context.measureText(text).width) + 1); }
    return widths.get(key);
  }
  // What tells the layers of a block apart stands at the end of their names: its last words, or else both ends.
  function shortened(text, most, font) {
    if (widthOf(text, font) <= most) return text;
    const [head, ...rest] = text.split(' … ');
    if (rest.length) { // a block's: its first layer says more than both ends
      const heads = Array.from((head + '_').matchAll(/[_/. ]+/g), match => head.slice(0, match.index)).filter(each => /\d/.test(each)).reverse(); // a number tells blocks apart
      for (const end of [' …', '']) {
        const fitting = heads.find(each => each.length > 2 && widthOf(each + end, font) <= most);
        if (fitting) return fitting + end;
      }
      text = head;
    }
    const ends = Array.from(text.matchAll(/[_/. ]+(?=[^_/. ])/g), match => text.slice(match.index + match[0].length)).filter(end => /[a-z]{2}/i.test(end));
    const end = ends.find(each => widthOf(each, font) <= most);
    if (end && (most < 90 || end.length > 0.5 * text.length)) return end;
    for (let keep = text.length - 1; keep >= 2; keep--) {
      const tail = /\d$/.test(text) ? Math.floor(keep / 2) : 0, short = text.slice(0, keep - tail) + '…' + text.slice(text.length - tail); // a number tells it apart
      if (widthOf(short, font) <= most) return short;
    }
    return '…';
  }

  // container: element over the canvas; act: {click(name), hover(name or null), page(name, by)}.
  function create(container, act) {
    const labels = new Map();
    let placed = [];

    function make(name) {
      const element = document.createElement('div'), first = document.createElement('b'), second = document.createElement('span');
      element.className = 'label';
      element.append(first, second);
      element.addEventListener('click', () => act.click(name));
      element.addEventListener('pointerenter', () => act.hover(name));
      element.addEventListener('pointerleave', () => act.hover(null));
      container.append(element);
      const label = {element, first, second, pager: null};
      labels.set(name, label);
      return label;
    }
    function pagerOf(label, name) {
      if (label.pager) return label.pager;
      label.pager = document.createElement('i');
      for (const [by, sign, words] of [[-1, '‹', 'Maps before'], [1, '›', 'Maps after']]) {
        const turn = document.createElement('u');
        turn.textContent = sign;
        turn.title = words;
        turn.addEventListener('click', event => { event.stopPropagation(); act.page(name, by); });
        label.pager.append(turn);
      }
      label.element.append(label.pager);
      return label.pager;
    }

    return {
      // wanted: [{name, title, words, pages, rect: {left, right, top, bottom}, room: width that is free, near: 0 … 1, first: bool}]
      place(wanted) {
        placed = [];
        const least = wanted.map(({name, rect}) => ({name, box: {left: (rect.left + rect.right - LEAST) / 2, right: (rect.left + rect.right + LEAST) / 2, top: rect.bottom + 3, bottom: rect.bottom + 3 + LINE}}));
        const order = wanted.slice().sort((a, b) => b.first - a.first || b.near - a.near), seen = new Set();
        for (const {name, title, words, pages, rect, room, near, first} of order) {
          const label = labels.get(name) || make(name), middle = (rect.left + rect.right) / 2;
          const attempt = (most, down = 0, second = true) => { // the lines that fit, and the box that they take
            const lines = [shortened(title, most, NAME)];
            const parts = words.split(' · '), said = [words, parts.slice(1).join(' · '), parts[0]].find(each => each && widthOf(each, WORDS) <= most);
            if (said && second && most >= TWO) lines.push(said);
            const wide = Math.max(...lines.map((line, i) => widthOf(line, i ? WORDS : NAME)), pages ? 44 : 0), high = LINE * lines.length + (pages ? 20 : 0), top = rect.bottom + 3 + down;
            return {lines, box: {left: middle - wide / 2 - SPACE / 2, right: middle + wide / 2 + SPACE / 2, top, bottom: top + high}};
          };
          const apart = (box, other) => box.right <= other.left || box.left >= other.right || box.bottom <= other.top || box.top >= other.bottom;
          const clear = ({box}) => placed.every(({box: other}) => apart(box, other));
          // Its own place, or as wide as its words where neither a figure nor the least of another label stands.
          const inner = box => ({left: box.left + SPACE / 2 + 1, right: box.right - SPACE / 2 - 1, top: box.top, bottom: box.bottom}); // its letters
          const alone = ({box}) => wanted.every((other, i) => other.name === name || apart(inner(box), other.rect) && apart(box, least[i].box));
          const tried = first ? [attempt(260)] : [attempt(Math.max(room, LEAST)), attempt(Math.max(rect.right - rect.left, LEAST))];
          const wide = first || tried[0].lines[0] === title ? [] : [attempt(WIDE), attempt(WIDE, 0, false)];
          tried.unshift(...wide.filter(each => each.lines[0] === title && alone(each)));
          const lower = first || pages ? null : attempt(Math.max(rect.right - rect.left, LEAST), LINE + 4); // beside another label, a line below it
          if (lower && wanted.every(other => other.name === name || apart(inner(lower.box), other.rect))) tried.push(lower);
          const narrower = () => [0.75, 0.5].map(part => attempt(Math.max(part * (rect.right - rect.left), LEAST))).find(clear); // of a neighbour that leaves less
          const found = first || rect.right - rect.left >= NARROW ? tried.find(clear) || narrower() : null, free = Boolean(found), {lines, box} = found || tried[0];
          label.element.style.visibility = free ? 'visible' : 'hidden';
          if (!free) continue;
          seen.add(name);
          const opacity = first ? 1 : FAR + (1 - FAR) * near;
          placed.push({name, box, lines, opacity, first});
          label.element.style.transform = `translate(${middle}px, ${box.top}px) translateX(-50%)`;
          label.element.style.opacity = opacity;
          label.element.classList.toggle('lit', first);
          if (label.first.textContent !== lines[0]) label.first.textContent = lines[0];
          if (label.second.textContent !== (lines[1] || '')) label.second.textContent = lines[1] || '';
          label.element.title = `${title} · ${words}`;
          if (pages || label.pager) pagerOf(label, name).hidden = !pages;
        }
        for (const [name, {element}] of labels) if (!seen.has(name)) element.style.visibility = 'hidden';
      },
      boxes: () => placed.map(({name, box, lines}) => Object.assign({name, lines}, box)),
      // Draw the labels that are shown into a 2D context, `ratio` times as large.
      paint(target, ratio, colours) {
        target.save();
        target.scale(ratio, ratio);
        target.textAlign = 'center';
        target.textBaseline = 'top';
        target.lineJoin = 'round';
        target.lineWidth = 3;
        target.strokeStyle = `#${colours.ground.toString(16).padStart(6, '0')}`; // a halo: lines pass behind
        for (const {box, lines, opacity} of placed) {
          target.globalAlpha = opacity;
          lines.forEach((line, i) => {
            target.font = i ? WORDS : NAME;
            target.fillStyle = i ? colours.soft : colours.text;
            target.strokeText(line, (box.left + box.right) / 2, box.top + 1 + LINE * i);
            target.fillText(line, (box.left + box.right) / 2, box.top + 1 + LINE * i);
          });
        }
        target.restore();
      },
    };
  }

  return {create};
})();
