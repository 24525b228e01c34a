// The maps of an opened layer: one mesh and one texture for all that are shown at once, however many they are.
// TensorSpace makes a mesh of six draw calls per map and shows every map; this takes its place in a layer (`adopt`) and
// answers to the same names, so that TensorSpace's own lines and hovering go on working.  A layer of two dimensions, whose
// numbers TensorSpace strings on one thread per feature, is a single map here: steps to the right, features downwards.
'use strict';

const Maps = (function () {
  const PAGE = 64; // maps shown at once
  const SPACE = 0.18; // between maps, of a map's size
  const MOST = 256; // texels along a map's longer side
  const SIDE = 0.6; // opacity of a map's sides, of TensorSpace's least

  // Somewhat wider than high, and with a whole last row where a number near that has one.
  function columnsFor(count, width, height) {
    const wanted = Math.sqrt(1.4 * count * height / width), able = [];
    for (let columns = Math.max(1, Math.floor(0.8 * wanted)); columns <= Math.min(count, Math.ceil(1.45 * wanted)); columns++) able.push(columns);
    const cost = columns => (Math.ceil(count / columns) * columns - count) / columns + Math.abs(Math.log(columns / wanted));
    return able.sort((a, b) => cost(a) - cost(b))[0] || 1;
  }

  // What TensorSpace takes for one map: a place in space that can be hovered, without a mesh of its own.
  class Place extends THREE.Object3D {
    constructor(sheet, slot, channel, layerIndex) {
      super();
      Object.assign(this, {type: 'Mesh', elementType: 'featureMap', hoverable: true, emissiveable: true, context: this, sheet, slot, fmIndex: channel, layerIndex});
    }
    raycast(caster, found) {
      const inverse = new THREE.Matrix4().copy(this.matrixWorld).invert(), ray = caster.ray.clone().applyMatrix4(inverse);
      const {width, height, thick} = this.sheet.size, point = new THREE.Vector3(), half = (1 + SPACE) / 2; // no gap between maps
      const box = new THREE.Box3(new THREE.Vector3(-width * half, -thick / 2, -height * half), new THREE.Vector3(width * half, thick / 2, height * half));
      if (!ray.intersectBox(box, point)) return;
      point.applyMatrix4(this.matrixWorld);
      found.push({distance: caster.ray.origin.distanceTo(point), point, object: this});
    }
    emissive() { this.sheet.light(this.slot, 40); }
    darken() { this.sheet.light(this.slot, 0); }
  }

  // channels: list of those shown; columns: 0 for those that suit them; cells: {width, height} of a map, unit: a cell's length; read(values, channel, x, y).
  class Sheet {
    constructor(channels, columns, cells, read, {unitLength: unit, color: colour, layerIndex, minOpacity: least}) {
      const {width, height} = cells, count = channels.length;
      this.step = Math.ceil(Math.max(width, height) / MOST);
      this.cells = {width: Math.ceil(width / this.step), height: Math.ceil(height / this.step)};
      this.read = read;
      this.size = {width: width * unit, height: height * unit, thick: 0.06 * Math.max(width, height) * unit};
      this.columns = columns || columnsFor(count, width, height);
      this.rows = Math.ceil(count / this.columns);
      this.channels = channels;
      this.least = least;
      this.places = channels.map((channel, slot) => new Place(this, slot, channel, layerIndex));
      this.stride = this.columns * this.cells.width;
      this.data = new Uint8Array(this.stride * (this.rows * this.cells.height + 1)).fill(255 * least); // its last row is the sides'
      this.data.fill(255 * least * SIDE, this.stride * this.rows * this.cells.height);
      this.texture = new THREE.DataTexture(this.data, this.stride, this.rows * this.cells.height + 1, THREE.LuminanceFormat, THREE.UnsignedByteType);
      Object.assign(this.texture, {magFilter: THREE.NearestFilter, minFilter: THREE.LinearFilter, generateMipmaps: false, needsUpdate: true});
      this.geometry = new THREE.BufferGeometry();
      this.mesh = new THREE.Mesh(this.geometry, new THREE.MeshBasicMaterial({color: colour, alphaMap: this.texture, transparent: true}));
      this.mesh.frustumCulled = false;
      this.mesh.raycast = () => {};
      this.group = new THREE.Group().add(this.mesh, ...this.places);
      this.spread(1);
    }
    centre(slot) {
      const {width, height} = this.size, column = slot % this.columns, row = Math.floor(slot / this.columns);
      return [(column - (this.columns - 1) / 2) * width * (1 + SPACE), (row - (this.rows - 1) / 2) * height * (1 + SPACE)];
    }
    // part: 0 where all maps lie in the middle, 1 where each is at its place.
    spread(part) {
      const points = [], uvs = [], index = [], {width, height, thick} = this.size, tall = this.rows * this.cells.height + 1;
      const face = (corners, texels) => {
        const first = points.length / 3;
        corners.forEach(corner => points.push(...corner));
        texels.forEach(texel => uvs.push(...texel));
        index.push(first, first + 1, first + 2, first, first + 2, first + 3);
      };
      const dark = Array(4).fill([0.5 / this.stride, 1 - 0.5 / tall]);
      this.places.forEach((place, slot) => {
        const [x, z] = this.centre(slot).map(value => value * part), y = thick / 2;
        place.position.set(x, 0, z);
        const [l, r, b, t] = [x - width / 2, x + width / 2, z + height / 2, z - height / 2];
        const u = slot % this.columns * this.cells.width / this.stride, v = Math.floor(slot / this.columns) * this.cells.height / tall;
        const right = u + this.cells.width / this.stride, bottom = v + this.cells.height / tall;
        face([[l, y, b], [r, y, b], [r, y, t], [l, y, t]], [[u, bottom], [right, bottom], [right, v], [u, v]]);
        face([[r, y, b], [r, -y, b], [r, -y, t], [r, y, t]], dark);
        face([[l, y, t], [l, -y, t], [l, -y, b], [l, y, b]], dark);
        face([[l, y, b], [l, -y, b], [r, -y, b], [r, y, b]], dark);
        face([[r, y, t], [r, -y, t], [l, -y, t], [l, y, t]], dark);
      });
      this.geometry.setAttribute('position', new THREE.Float32BufferAttribute(points, 3));
      this.geometry.setAttribute('uv', new THREE.Float32BufferAttribute(uvs, 2));
      this.geometry.setIndex(index);
      this.geometry.computeBoundingBox();
      this.geometry.computeBoundingSphere();
    }
    // values: the whole layer's, channels last; each map from its least to its most, as TensorSpace has it.
    paint(values) {
      const {width, height} = this.cells, step = this.step;
      this.channels.forEach((channel, slot) => {
        const at = (x, y) => this.read(values, channel, x * step, y * step);
        let least = Infinity, most = -Infinity;
        for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) { const value = at(x, y); if (value < least) least = value; if (value > most) most = value; }
        const range = most - least, start = Math.floor(slot / this.columns) * height * this.stride + slot % this.columns * width;
        for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
          this.data[start + y * this.stride + x] = 255 * (this.least + (1 - this.least) * (range > 0 ? (at(x, y) - least) / range : 0));
        }
      });
      this.texture.needsUpdate = true;
    }
    light(slot, by) {
      const {width, height} = this.cells, start = Math.floor(slot / this.columns) * height * this.stride + slot % this.columns * width;
      const change = by - (this.lit || 0);
      this.lit = by;
      for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
        const i = start + y * this.stride + x;
        if (change > 0) { this.before = this.before || new Map(); this.before.set(i, this.data[i]); this.data[i] = Math.min(255, this.data[i] + change); } else if (this.before && this.before.has(i)) this.data[i] = this.before.get(i);
      }
      if (change < 0) this.before = null;
      this.texture.needsUpdate = true;
    }
    dispose() { this.geometry.dispose(); this.texture.dispose(); this.mesh.material.dispose(); }
  }

  // The channels in the order in which they are shown.
  function order(values, depth, strongest) {
    const all = Array.from({length: depth}, (_, i) => i);
    if (!strongest || !values) return all;
    const most = new Float32Array(depth).fill(-Infinity);
    for (let i = 0; i < values.length; i++) if (values[i] > most[i % depth]) most[i % depth] = values[i];
    return all.sort((a, b) => most[b] - most[a] || a - b);
  }

  // Give a layer of two or three dimensions a sheet in place of its maps.  layer: TensorSpace's, after its init; strip:
  // the entry's, of a layer of several steps, whose pages are in their order.
  function adopt(layer, strip) {
    const flat = layer.layerDimension === 2, {width, height, depth} = layer, count = flat ? 1 : depth;
    const stepped = strip ? Strips.pages(strip, PAGE) : null, pages = stepped ? stepped.length : Math.ceil(count / PAGE);
    const cells = flat ? {width, height: depth} : {width, height};
    const read = flat ? (values, channel, x, y) => values[x * depth + y] : (values, channel, x, y) => values[(y * width + x) * depth + channel];
    let sheet = null, page = 0, strongest = false, channels = null;
    const handler = place => ({getElement: () => place, updatePos() {}, updateVis() {}, clear() {}, emissive() {}, darken() {}, showText() {}, hideText() {}});
    const chosen = () => stepped ? stepped[page].channels : order(layer.neuralValue, count, strongest).slice(page * PAGE, (page + 1) * PAGE);
    Object.assign(layer, {
      initSegregationElements() {
        channels = chosen();
        sheet = new Sheet(channels, stepped ? stepped[page].columns : 0, cells, read, layer);
        layer.neuralGroup.add(sheet.group);
        const places = new Map(channels.map((channel, slot) => [channel, sheet.places[slot]]));
        const handlers = Array.from({length: depth}, (_, i) => handler(places.get(i) || sheet.places[0]));
        if (flat) layer.queueHandlers = handlers; else layer.segregationHandlers = handlers;
        if (layer.neuralValue) layer.updateSegregationVis();
      },
      disposeSegregationElements() {
        layer.neuralGroup.remove(sheet.group);
        sheet.dispose();
        sheet = null;
        if (flat) layer.queueHandlers = []; else layer.segregationHandlers = [];
      },
      updateSegregationVis() {
        const now = strongest ? chosen() : channels;
        if (now.some((channel, i) => channel !== channels[i])) self.again(); else sheet.paint(layer.neuralValue);
      },
      provideRelativeElements(request) {
        const all = sheet ? sheet.places : [layer.aggregationHandler.getElement()];
        const one = () => (flat ? layer.queueHandlers : layer.segregationHandlers)[request.index].getElement();
        return {isOpen: layer.isOpen, elementList: request.all || !sheet ? all : [one()]};
      },
      showText() {},
      hideText() {},
    });
    const self = {
      pages,
      count,
      get shown() { return sheet ? channels.slice() : []; },
      spread(part) { if (sheet) sheet.spread(part); },
      again() { if (sheet) { layer.disposeSegregationElements(); layer.initSegregationElements(); } },
      turn(by) { page = (page + by + pages) % pages; self.again(); },
      sort(wanted) { strongest = wanted; self.again(); },
      setColour(colour) { if (sheet) sheet.mesh.material.color.set(colour); },
      words: () => stepped ? stepped[page].words : `${page * PAGE + 1} – ${Math.min(count, (page + 1) * PAGE)} of ${count}`,
    };
    return self;
  }

  return {adopt, PAGE};
})();
