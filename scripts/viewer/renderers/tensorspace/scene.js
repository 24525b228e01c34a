// The model in three dimensions: figures, edges and labels brought together, and what opens, folds and moves them.
'use strict';

const Scene = (function () {
  const ROOM = 9e5; // square units: about what a window shows with every map still to be told from the next
  const SMALL = 12; // a model of so many layers shows itself open at once

  // container: element; drawing: page.json's; labelsOf: by output; tell: {hover(name or null), changed()}.  Throws where WebGL is missing.
  function create(container, drawing, labelsOf, theme, tell) {
    const motion = window.matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 650;
    const inputs = drawing.inputs.filter(input => input.drawn), pictures = inputs.map(input => Object.assign({}, input, {shape: Strips.shape(input), full: input.shape}));
    const fed = new Map(inputs.map(input => [input.name, input])), entries = pictures.concat(drawing.layers);
    const {model, byName} = Layers.create(container, Object.assign({}, drawing, {inputs: pictures}), labelsOf, theme), scale = Figures.scaleOf(entries);
    const figures = new Map(entries.map(entry => [entry.name, new Figures.Figure(entry, byName.get(entry.name), scale, fed.has(entry.name))]));
    const blocks = Blocks.find(drawing.layers).map(block => Object.assign(block, {folded: true, last: block.members[block.members.length - 1]}));
    const blockOf = new Map([].concat(...blocks.map(block => block.members.map(name => [name, block]))));
    const said = new Map(); // what a label says besides: an output's first class
    const words = document.createElement('div');
    words.className = 'labels';
    words.setAttribute('aria-hidden', 'true'); // the list says the same
    container.append(words);

    let places = new Map(), lit = null, shown = [];
    const stage = Stage.create(container, model, {before: tint, seen: () => name(), hover, click, resized: () => inTurn(() => arrange(false))});
    const edges = Edges.create(model.modelContext, theme), frames = Slim.frames(model.modelContext), merged = Merged.create(model.modelContext);
    function tint() {
      for (const {units} of shown) if (units) units.paint(Palette.THEMES[theme].ground);
      merged.refresh(stage.camera);
    }
    function outline() {
      const groups = shown.map(figure => figure.group);
      frames.set(groups, Palette.THEMES[theme].ground);
      merged.set(groups);
    }
    const labels = Labels.create(words, {click: one => click(figures.get(one)), hover: one => hover(one && figures.get(one), []), page: (one, by) => self.turnPage(one, by)});

    // Which figures are shown, and who reads whom among them ----------------------------------------------------------

    const standing = one => { const block = blockOf.get(one); return block && block.folded ? block.last : one; };
    function visible() {
      const found = new Map();
      for (const entry of entries) {
        const figure = figures.get(entry.name), block = blockOf.get(entry.name), folded = Boolean(block && block.folded);
        figure.group.visible = standing(entry.name) === entry.name;
        figure.block = folded && figure.group.visible ? block : null;
        if (!figure.block && figure.frames) figure.group.remove(figure.frames);
        const at = standing(entry.name), sources = (entry.sources || entry.parents || []).map(standing).filter(source => source !== at && figures.has(source)); // an input that no branch begins with is not drawn
        found.set(at, new Set([...(found.get(at) || []), ...sources]));
      }
      shown = entries.filter(entry => figures.get(entry.name).group.visible).map(entry => figures.get(entry.name));
      return found;
    }

    // Layout and camera -------------------------------------------------------------------------------------------------

    function stand(figure, at) {
      const offset = figure.middle.clone().multiply(figure.group.scale).applyQuaternion(figure.group.quaternion);
      return new THREE.Vector3(at.x, at.y, 0).sub(offset);
    }
    const points = () => [].concat(...shown.map(figure => figure.corners()), edges.points());

    // Lay out what is shown, and let the camera have all of it.  moved: as a motion; grown: figures whose maps fly apart.
    function arrange(moved, grown = []) {
      const sources = visible();
      for (const figure of shown) figure.fit();
      const [wide, high] = [container.clientWidth, Math.max(1, container.clientHeight)];
      places = Layout.arrange(shown.map(figure => ({name: figure.name, parents: [...sources.get(figure.name)], w: figure.size.w, h: figure.size.h, paged: figure.isPaged})), wide, high);
      const before = new Map(shown.map(figure => [figure, figure.group.position.clone()]));
      const after = new Map(shown.map(figure => [figure, stand(figure, places.get(figure.name))]));
      for (const [figure, position] of after) { figure.group.position.copy(position); Object.assign(places.get(figure.name), figure.size); }
      edges.set([].concat(...shown.map(figure => [...sources.get(figure.name)].map(source => [source, figure.name]))), places);
      look(moved, part => {
        edges.visible(part === 1);
        frames.visible(part === 1);
        if (part < 1) merged.leave();
        for (const [figure, position] of after) figure.group.position.lerpVectors(before.get(figure), position, part);
        for (const figure of grown) if (figure.maps) figure.maps.spread(part);
        if (part === 1) outline();
      });
    }
    function look(moved, along = () => {}, at = points()) {
      const from = {position: stage.camera.position.clone(), target: stage.controls.target.clone()}, to = Camera.fit(at, stage.direction(), stage.camera);
      const go = part => {
        along(part);
        stage.camera.position.lerpVectors(from.position, to.position, part);
        stage.controls.target.lerpVectors(from.target, to.target, part);
      };
      if (!moved || !motion) { go(1); stage.look(to); return; }
      go(0);
      new TWEEN.Tween({t: 0}).to({t: 1}, motion).easing(TWEEN.Easing.Cubic.InOut).onUpdate(({t}) => go(t)).onComplete(() => { go(1); stage.stir(); }).start();
    }
    function still() {
      return new Promise(resolve => { (function ask() { TWEEN.getAll().length ? requestAnimationFrame(ask) : resolve(); })(); });
    }
    let queue = Promise.resolve();
    const inTurn = step => { queue = queue.then(still).then(step).then(still).then(() => { stage.stir(); tell.changed(); }); return queue; };

    // Opening -------------------------------------------------------------------------------------------------------------

    const rowTooLong = figure => figure.rank === 1 && figure.entry.shape[0] > 400 && !figure.entry.config.paging;
    function area(figure) { // of an open figure, roughly
      if (!figure.maps) return 180 * 60;
      return figure.rank === 2 ? 190 * 190 : Math.min(Maps.PAGE, figure.maps.count) * 45 * 45;
    }
    function fitting() { // from both ends, as these are what one looks at first
      let left = ROOM;
      const able = shown.filter(figure => figure.openable && !figure.block && !rowTooLong(figure)), found = [];
      const order = able.map((_, i) => able[i % 2 ? able.length - 1 - (i >> 1) : i >> 1]);
      for (const figure of order) if ((left -= area(figure)) > 0) found.push(figure);
      return found;
    }
    function set(wanted, open) {
      const grown = wanted.filter(figure => figure.openable && figure.isOpen !== open);
      for (const figure of grown) figure.turn(open);
      return open ? grown : [];
    }
    function fold(block, folded) {
      block.folded = folded;
      if (folded) set(block.members.map(one => figures.get(one)), false);
    }

    // Pointer and names ---------------------------------------------------------------------------------------------------

    function hover(figure, found) {
      const one = figure ? figure.name : null, linked = figure && figure.isOpen && (figure.entry.parents || []).every(parent => figures.get(parent).group.visible);
      model.modelRenderer.handlers.handleHover(linked ? found : []); // TensorSpace's lines
      if (one === lit) return;
      lit = one;
      edges.highlight(one);
      stage.stir();
      tell.hover(figure && figure.block ? figure.block.members[0] : one);
    }
    function click(figure) {
      if (figure.block) self.fold(blocks.indexOf(figure.block), false);
      else if (figure.openable) self.show(figure.name, !figure.isOpen);
    }
    function name() {
      const near = shown.map(figure => stage.camera.position.distanceTo(new THREE.Vector3(places.get(figure.name).x, places.get(figure.name).y, 0)));
      const [least, most] = [Math.min(...near), Math.max(...near)];
      labels.place(shown.map((figure, i) => {
        const rect = stage.rect(figure.corners()), {entry, block, maps, pager} = figure, size = (entry.full || entry.shape).join(' × ');
        const paged = figure.isPaged, told = paged || maps && figure.isOpen && entry.strip;
        const kind = block ? `${block.members.length} layers · ${size}` : figure.isInput ? size : `${entry.keras} · ${told ? pager.words() : size}`;
        return {name: figure.name, title: block ? block.title : figure.isInput ? (inputs.length > 1 ? Words.called(entry) : 'input') : Words.called(entry), words: said.get(figure.name) || kind, rect,
          room: rect.right - rect.left + Layout.GAP * (rect.right - rect.left) / figure.size.w * 0.8, near: most > least ? 1 - (near[i] - least) / (most - least) : 1,
          first: figure.name === lit, pages: paged};
      }));
    }

    const self = {
      model,
      canvas: stage.canvas,
      blocks,
      has: one => figures.has(one),
      isOpen: one => figures.get(one).isOpen,
      openable: one => figures.get(one).openable,
      async still() {
        for (let heard = null; heard !== queue;) {
          heard = queue;
          await heard.then(still).then(stage.drawn);
        }
      },
      update(one, values) { const layer = byName.get(one); stage.stir(); if (layer) { layer.clear(); layer.updateValue(fed.has(one) ? Strips.picture(fed.get(one), values) : values); } },
      say(one, text) { said.set(one, text); stage.stir(); },
      show: (one, open) => inTurn(() => {
        const block = blockOf.get(one);
        if (block && block.folded && open) fold(block, false);
        arrange(true, set([figures.get(one)], open));
      }),
      showAll: open => inTurn(() => {
        if (!open) for (const block of blocks) fold(block, true);
        visible();
        arrange(true, set(open ? fitting() : [...figures.values()], open));
      }),
      fold: (i, folded) => inTurn(() => { fold(blocks[i], folded); arrange(true); }),
      foldAll: folded => inTurn(() => { for (const block of blocks) fold(block, folded); arrange(true); }),
      fit: moved => inTurn(() => look(moved)),
      focus: one => inTurn(() => look(true, undefined, figures.get(standing(one)).corners())),
      highlight(one) { if (!one || figures.has(one)) hover(one && figures.get(standing(one)), []); },
      pages(one) { const {pager, isPaged} = figures.get(one); return isPaged ? pager.words() : null; },
      turnPage(one, by) { figures.get(one).pager.turn(by); return inTurn(() => arrange(false)); },
      sort(strongest) { for (const {maps} of figures.values()) if (maps) maps.sort(strongest); stage.stir(); },
      // The picture with its labels and, above it, the title.  Returns a data URL.
      picture(title, facts) {
        const drawn = stage.draw(), picture = document.createElement('canvas'), ratio = drawn.width / container.clientWidth, colours = Palette.THEMES[theme], top = title ? 64 * ratio : 0;
        Object.assign(picture, {width: drawn.width, height: drawn.height + top});
        const context = picture.getContext('2d');
        context.fillStyle = '#' + colours.ground.toString(16).padStart(6, '0');
        context.fillRect(0, 0, picture.width, picture.height);
        context.drawImage(drawn, 0, top);
        for (const [text, font, colour, y] of title ? [[title, '600 21px', colours.text, 32], [facts, '400 13px', colours.soft, 54]] : []) {
          context.font = `${font.replace(/\d+px/, size => parseInt(size) * ratio + 'px')} system-ui, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif`;
          context.fillStyle = colour;
          context.fillText(text, 24 * ratio, y * ratio);
        }
        context.translate(0, top);
        labels.paint(context, ratio, colours);
        return picture.toDataURL('image/png');
      },
      setTheme(next) {
        theme = next;
        stage.setGround(Palette.THEMES[next].ground);
        for (const figure of figures.values()) figure.setColour(Palette.of(figure.entry, next));
        edges.setTheme(next);
        outline();
      },
      // For tests: how many pixels differ from the ground (a page that draws nothing has none), and where everything is.
      drawnPixels: () => stage.drawnBox().count,
      drawnBox: stage.drawnBox,
      drawCalls: stage.calls,
      // Which part of the picture is another one where each figure draws itself, in how many draw calls.
      apart() {
        const one = stage.pixels().bytes;
        merged.leave();
        const other = stage.pixels().bytes, drawn = stage.calls();
        outline();
        return {part: one.reduce((sum, value, i) => sum + (value !== other[i]), 0) / one.length, drawn};
      },
      figures: () => shown.map(figure => Object.assign(stage.rect(figure.corners()), {name: figure.name, open: figure.isOpen, folded: Boolean(figure.block), maps: figure.maps ? figure.maps.shown.length : 0,
        box: new THREE.Box3().setFromPoints(figure.corners())})),
      labels: labels.boxes,
      edges: edges.list,
    };
    visible();
    const small = drawing.layers.length <= SMALL;
    set(small ? fitting() : shown.filter(figure => figure.entry.class === 'Output1d' && !figure.entry.config.paging), true);
    stage.home();
    arrange(false);
    return self;
  }

  return {create};
})();
