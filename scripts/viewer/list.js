// The list of layers: class, shape, share of the parameters and activations of each, in blocks where the picture has blocks.
// All that the picture does with a layer the list does too, with the keyboard.
'use strict';

const List = (function () {
  const {make} = Inputs;

  // element: an ol; act: {toggle(name), hover(name or null), fold(block's place, folded), page(name, by),
  // facts(name): what Insight asks for}.
  function create(element, drawing, act) {
    const rows = new Map(), all = Math.max(1, drawing.parameters);
    let heads = [];

    function row(layer) {
      const share = layer.parameters / all, fill = make('b'), picture = make('canvas'), difference = make('p', {className: 'difference', hidden: true});
      picture.setAttribute('aria-hidden', 'true');
      const through = layer.chain.length > 1 ? ` with ${layer.chain.slice(1).map(name => Words.called(layer, name)).join(', ')}` : '';
      const button = make('button', {type: 'button', title: `${Words.called(layer)}: open or close it in the picture`},
        make('span', {className: 'two'}, make('span', {className: 'name'}, Words.called(layer)), make('span', {className: 'shape'}, Words.shape(layer.full || layer.shape))),
        make('span', {className: 'two'}, make('span', {className: 'kind'}, `${layer.keras} → ${layer.class}${through}`),
          make('span', {className: 'weights'}, layer.parameters ? `${Words.count(layer.parameters)} · ${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %` : '')),
        make('span', {className: 'share'}, fill), picture, difference);
      fill.style.width = `${100 * share}%`;
      button.setAttribute('aria-pressed', 'false');
      button.addEventListener('click', () => act.toggle(layer.name));
      for (const [event, name] of [['pointerenter', layer.name], ['pointerleave', null], ['focus', layer.name], ['blur', null]]) button.addEventListener(event, () => act.hover(name));
      const pager = make('div', {className: 'pager', hidden: true}), words = make('span');
      for (const [by, sign, label] of [[-1, '‹', 'Maps before'], [1, '›', 'Maps after']]) {
        const turn = make('button', {type: 'button', title: label}, sign);
        turn.setAttribute('aria-label', `${label}, ${layer.name}`);
        turn.addEventListener('click', () => act.page(layer.name, by));
        pager.append(turn);
      }
      pager.insertBefore(words, pager.lastChild);
      const insight = Insight.create(layer, () => act.facts(layer.name));
      rows.set(layer.name, {layer, button, picture, difference, pager, words, insight, item: make('li', {}, button, pager, insight.element)});
    }
    for (const layer of drawing.layers) row(layer);

    return {
      buttons: () => Array.from(element.querySelectorAll('li > button')).filter(button => button.offsetParent),
      // blocks: the scene's, or [].
      build(blocks) {
        const first = new Map(blocks.map((block, i) => [block.members[0], [block, i]]));
        const parts = [];
        heads = [];
        for (let i = 0; i < drawing.layers.length; i++) {
          const [block, place] = first.get(drawing.layers[i].name) || [];
          if (!block) { parts.push(rows.get(drawing.layers[i].name).item); continue; }
          const inner = make('ol', {}, ...block.members.map(name => rows.get(name).item));
          const head = make('button', {type: 'button', className: 'block'}, make('span', {className: 'name', title: block.title}, block.title), make('span', {className: 'shape'}, Words.many(block.members.length, 'layer')));
          head.addEventListener('click', () => act.fold(place, !block.folded));
          heads.push({block, head, inner});
          parts.push(make('li', {}, head, inner));
          i += block.members.length - 1;
        }
        element.replaceChildren(...parts);
      },
      show(name, values) { const {picture, layer, insight} = rows.get(name); Results.thumbnail(picture, layer, values); insight.update(); },
      // How far a layer is from Keras: {difference, holds}.
      compare(name, {difference, holds}) {
        const {difference: words} = rows.get(name);
        words.hidden = false;
        words.textContent = holds ? Words.agrees(difference) : `differs from Keras by ${Words.small(difference)}`;
        words.classList.toggle('off', !holds);
      },
      // The picture's state: scene or null.
      mark(scene, theme) {
        for (const [name, {button, layer, pager, words}] of rows) {
          button.setAttribute('aria-pressed', String(Boolean(scene && scene.isOpen(name))));
          button.style.setProperty('--hue', Palette.of(layer, theme));
          const pages = scene && scene.pages(name);
          pager.hidden = !pages;
          if (pages) words.textContent = pages;
        }
        for (const {block, head, inner} of heads) {
          inner.hidden = block.folded;
          head.setAttribute('aria-expanded', String(!block.folded));
        }
      },
      light(name) {
        for (const [other, {button}] of rows) button.classList.toggle('lit', other === name);
        for (const {block, head} of heads) head.classList.toggle('lit', block.folded && block.members.includes(name));
        const found = element.querySelector('.lit');
        if (found && found !== document.activeElement && element.closest('aside').scrollHeight > element.closest('aside').clientHeight) {
          const panel = element.closest('aside'), [box, room] = [found.getBoundingClientRect(), panel.getBoundingClientRect()];
          if (box.top < room.top) panel.scrollTop += box.top - room.top - 8; else if (box.bottom > room.bottom) panel.scrollTop += box.bottom - room.bottom + 8;
        }
      },
    };
  }

  return {create};
})();
