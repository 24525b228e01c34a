// The model in three dimensions: the drawing of page.json made into TensorSpace layers, and the camera around them.
// TensorSpace draws; it neither loads nor runs the model, so a layer shows exactly the values that it is given.
'use strict';

const Scene = (function () {
  const HUES = { // by TensorSpace class, for dark and light ground
    Input: ['#e8edf7', '#64748b'], Conv: ['#facc15', '#c27803'], Depthwise: ['#fb923c', '#c2410c'], Pooling: ['#38d6e8', '#0e8ba3'],
    Dense: ['#4ade80', '#15923f'], Output: ['#e8edf7', '#475569'], Padding: ['#7db8ff', '#3b76c4'], Cropping: ['#bef264', '#5d8a0c'],
    GlobalPooling: ['#60a5fa', '#2563eb'], UpSampling: ['#34e0c8', '#0d8a78'], Flatten: ['#c7d2fe', '#6672c4'], Reshape: ['#b197fc', '#7c4fd8'],
    Activation: ['#fb7db4', '#c62a74'], Concatenate: ['#f9a8d4', '#b83280'], Layer: ['#f2986a', '#bd5724'], Merge: ['#f8647b', '#c81e40'],
  };
  const GROUND = {dark: 0x0b0f17, light: 0xf3f5f9};
  const STEP = 50; // between levels, as TensorSpace has it
  const VIEW = [0.4, 0.22, 1]; // from where the camera looks at first
  const TALL = [0.5, -1.5, 0.8]; // at a deep model from its input, so that it recedes instead of being a line

  function hue(kind, theme) {
    const family = Object.keys(HUES).filter(name => kind.startsWith(name) || (name === 'Input' && kind.endsWith('Input')));
    return HUES[family.sort((a, b) => b.length - a.length)[0] || 'Merge'][theme === 'light' ? 1 : 0];
  }

  // TensorSpace takes the first size for the width; Keras has the height first.
  function drawnShape(layer) {
    const shape = layer.shape;
    if (layer.class === 'GreyscaleInput') return [shape[1], shape[0]];
    return shape.length === 3 ? [shape[1], shape[0], shape[2]] : shape.slice();
  }

  // The levels of the graph, by the longest way from an input.  TensorSpace's own search walks every path
  // (18 s for InceptionV3) and finds the same.
  function createGraph(inputs, layers, parents, terminals) {
    return function () {
      this.layers = inputs.concat(layers);
      const level = new Map(inputs.map(input => [input, 0]));
      for (const layer of layers) level.set(layer, 1 + Math.max(0, ...parents.get(layer).map(parent => level.get(parent))));
      const last = Math.max(...level.values());
      for (const layer of terminals) level.set(layer, last);
      this.layerLookupMap = this.layers.map(layer => level.get(layer));
      this.levelMap = Array.from({length: last + 1}, () => []);
      this.layerLookupMap.forEach((depth, i) => this.levelMap[depth].push(i));
      this.modelDepth = this.levelMap.length;
      this.levelCenters = this.levelMap.map((_, i) => ({x: 0, y: (i - last / 2) * STEP, z: 0}));
    };
  }

  // container: element; drawing: page.json's; labels: by output; theme: 'dark' or 'light'.  Throws where WebGL is missing.
  function create(container, drawing, labels, theme) {
    const motion = window.matchMedia('(prefers-reduced-motion: reduce)').matches ? 1 : 700;
    const byName = new Map(), parents = new Map();
    const inputs = drawing.inputs.filter(input => input.drawn);
    // A small model shows itself open at once; of a large one only what it ends in.
    const small = drawing.layers.length <= 12 && drawing.layers.every(layer => layer.shape.length === 1 ? !layer.config.paging : layer.shape[layer.shape.length - 1] <= 64 && layer.shape[0] <= 64);
    const opened = layer => small || (layer.class === 'Output1d' && !layer.config.paging);
    for (const entry of inputs.concat(drawing.layers)) {
      const shape = drawnShape(entry);
      const config = Object.assign({name: entry.name, color: hue(entry.class, theme)}, entry.config);
      const above = (entry.parents || []).map(name => byName.get(name));
      let layer;
      if (entry.class === 'Output1d') config.outputs = labels(entry);
      if (entry.class === 'Reshape') {
        layer = new TSP.layers.Reshape(Object.assign(config, {shape})); // setShape would forget its parent
      } else {
        const merge = above.length > 1;
        layer = merge ? TSP.layers[entry.class](above, config) : new TSP.layers[entry.class](config);
        layer.setShape(shape);
      }
      if ('actualLayer' in layer) { // merges and Reshape wrap a layer, and forget to pass on what their children ask for
        for (const fact of ['aggregationWidth', 'aggregationHeight', 'openCenterList', 'layerLevel', 'layerType', 'openTime', 'isOpen']) {
          Object.defineProperty(layer, fact, {get: () => layer.actualLayer && layer.actualLayer[fact]});
        }
      }
      if (config.paging) layer.totalSegments = Math.ceil(shape[0] / config.segmentLength); // Dense leaves it out
      if (above.length === 1 && drawing.kind === 'Model') layer.apply(above[0]);
      byName.set(entry.name, layer);
      parents.set(layer, above);
    }
    const layers = drawing.layers.map(entry => byName.get(entry.name));
    const tops = inputs.map(entry => byName.get(entry.name));
    const settings = {animeTime: motion, color: {background: GROUND[theme]}};
    let model;
    if (drawing.kind === 'Sequential') {
      model = new TSP.models.Sequential(container, settings);
      for (const layer of tops.concat(layers)) model.add(layer);
    } else {
      const ends = layers.filter((layer, i) => drawing.layers[i].terminal);
      model = new TSP.models.Model(container, Object.assign(settings, {inputs: tops, outputs: ends}));
      model.createGraph = createGraph(tops, layers, parents, ends);
    }
    model.init();

    const inner = layer => layer.actualLayer || layer;
    const {renderer, camera, scene, cameraControls: controls} = model.modelRenderer;
    renderer.setPixelRatio(Math.min(window.devicePixelRatio || 1, 2));
    model.modelRenderer.onResize();
    controls.rotateSpeed = 2;

    // TensorSpace renders sixty times a second, whatever happens; here only while something moves or has changed.
    const render = renderer.render.bind(renderer), seen = new THREE.Matrix4();
    let due = 0;
    const stir = () => { due = 8; }; // a few frames more: a texture or a hover shows one frame late
    renderer.render = (...view) => {
      camera.updateMatrixWorld();
      if (!due && !TWEEN.getAll().length && seen.equals(camera.matrixWorld)) return;
      seen.copy(camera.matrixWorld);
      due = Math.max(0, due - 1);
      render(...view);
    };
    for (const event of ['pointermove', 'pointerdown', 'pointerup', 'click', 'wheel', 'mousemove']) renderer.domElement.addEventListener(event, stir);
    new ResizeObserver(stir).observe(container);
    stir();

    function look(box, direction, moved) {
      if (box.isEmpty()) return;
      const centre = box.getCenter(new THREE.Vector3());
      const back = direction.clone().normalize();
      const right = new THREE.Vector3().crossVectors(camera.up, back).normalize();
      const up = new THREE.Vector3().crossVectors(back, right);
      const slope = Math.tan(THREE.MathUtils.degToRad(camera.fov / 2));
      const points = [];
      for (let corner = 0; corner < 8; corner++) {
        points.push(new THREE.Vector3(corner & 1 ? box.max.x : box.min.x, corner & 2 ? box.max.y : box.min.y, corner & 4 ? box.max.z : box.min.z));
      }
      let distance = 2 * box.getSize(new THREE.Vector3()).length();
      for (let round = 0; round < 12; round++) { // near corners look farther out than far ones: centre and scale what is seen
        const seen = points.map(point => {
          const from = point.clone().sub(centre), depth = (distance - from.dot(back)) * slope;
          return [from.dot(right) / depth / camera.aspect, from.dot(up) / depth];
        });
        const spans = [0, 1].map(axis => [Math.min(...seen.map(each => each[axis])), Math.max(...seen.map(each => each[axis]))]);
        const middle = spans.map(([least, most]) => (least + most) / 2);
        centre.addScaledVector(right, middle[0] * distance * slope * camera.aspect).addScaledVector(up, middle[1] * distance * slope);
        const nearest = Math.max(...points.map(point => point.clone().sub(centre).dot(back)));
        distance = Math.max(nearest + 1, nearest + (distance - nearest) * Math.max(...spans.map(([least, most]) => (most - least) / 2)) * 1.16);
      }
      const to = centre.clone().addScaledVector(back, distance);
      if (!moved) {
        camera.position.copy(to);
        controls.target.copy(centre);
        controls.update();
        stir();
        return;
      }
      const from = camera.position.clone(), turned = controls.target.clone();
      new TWEEN.Tween({t: 0}).to({t: 1}, motion).easing(TWEEN.Easing.Cubic.InOut).onUpdate(({t}) => {
        camera.position.lerpVectors(from, to, t);
        controls.target.lerpVectors(turned, centre, t);
      }).start();
    }
    const tall = model.depth > 14;
    const boxOf = object => { object.updateMatrixWorld(true); return new THREE.Box3().setFromObject(object); };
    const direction = () => camera.position.clone().sub(controls.target);

    // TensorSpace's layers break when told to open while they move.
    function still() {
      return new Promise(resolve => {
        (function ask() { TWEEN.getAll().length ? requestAnimationFrame(ask) : resolve(); })();
      });
    }
    const isOpen = name => Boolean(inner(byName.get(name)).isOpen);
    const openable = name => inner(byName.get(name)).closeable !== false;
    function turn(name, open) {
      const layer = inner(byName.get(name));
      if (layer.closeable === false || Boolean(layer.isOpen) === open) return;
      open ? layer.openLayer() : layer.closeLayer();
      if (drawing.kind === 'Model') model.rearrangeLayerInLevel(model.layerLookupMap[layer.layerIndex], layer.openTime);
    }
    let queue = Promise.resolve();
    const inTurn = step => { queue = queue.then(still).then(step).then(still).then(stir); return queue; };

    const self = {
      update(name, values) { const layer = byName.get(name); stir(); if (layer) { layer.clear(); layer.updateValue(values); } },
      isOpen,
      has: name => byName.has(name),
      openable,
      still: () => queue.then(still),
      show: (name, open) => inTurn(() => turn(name, open)),
      showAll: open => inTurn(() => { for (const entry of drawing.layers) turn(entry.name, open); }).then(() => self.fit(true)),
      focus(name) {
        return inTurn(() => look(boxOf(inner(byName.get(name)).neuralGroup), direction(), true));
      },
      fit(moved) { return inTurn(() => look(boxOf(model.modelContext), direction(), moved)); },
      home(from) { look(boxOf(model.modelContext), new THREE.Vector3(...(from || (tall ? TALL : VIEW))), false); },
      picture() { render(scene, camera); return renderer.domElement.toDataURL('image/png'); },
      // How many pixels differ from the ground right after a render: a page that draws nothing has none.
      drawnPixels() {
        render(scene, camera);
        const gl = renderer.getContext(), pixels = new Uint8Array(4 * gl.drawingBufferWidth * gl.drawingBufferHeight);
        gl.readPixels(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
        const ground = scene.background, is = [ground.r, ground.g, ground.b].map(part => Math.round(255 * part));
        let count = 0;
        for (let i = 0; i < pixels.length; i += 4) if (is.some((part, j) => Math.abs(pixels[i + j] - part) > 2)) count++;
        return count;
      },
      setTheme(next) {
        stir();
        scene.background = new THREE.Color(GROUND[next]);
        for (const entry of inputs.concat(drawing.layers)) {
          const layer = inner(byName.get(entry.name)), colour = hue(entry.class, next);
          layer.color = colour;
          for (const part of ['aggregationHandler', 'queueHandler', 'outputHandler', 'lineGroupHandler']) if (layer[part]) layer[part].color = colour;
          if (layer.neuralGroup) layer.neuralGroup.traverse(object => {
            for (const material of [].concat(object.material || [])) if (material.color) material.color.set(colour);
          });
        }
      },
      model,
      canvas: renderer.domElement,
    };
    self.home();
    inTurn(() => { for (const layer of drawing.layers) if (opened(layer)) turn(layer.name, true); }).then(() => { if (small) self.home(); });
    return self;
  }

  return {create, hue};
})();
