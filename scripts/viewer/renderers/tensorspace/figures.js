// One figure per layer: TensorSpace's group, turned to face the viewer and scaled so that every layer can be seen.
// A row of numbers stands upright, as a column; maps stand like pictures, one beside the other when the layer is open.
'use strict';

const Figures = (function () {
  const FACE = [40, 96]; // of a closed layer: the smallest, and that of the largest maps of the model
  const THICK = [7, 38]; // with few channels, and with the model's most
  const MAP = [22, 52]; // one of the maps of an open layer
  const SHEET = [4.5, [40, 190]]; // an open layer of two dimensions: per step or feature, the least and the most
  const ROW = {closed: [40, 72, 36], unit: 3.2, open: [34, 250, 20]}; // a row of numbers: least and largest height, and how thick
  const OUTPUT = {unit: 17, thick: 22};
  const THREAD = 26; // how high a closed layer of two dimensions is, of which TensorSpace draws one line
  const ASLANT = 0.3; // of a figure's depth: how much wider it looks from aside
  const FRAMES = 3; // that show that a figure stands for several layers

  const UPRIGHT = new THREE.Quaternion().setFromRotationMatrix(new THREE.Matrix4().makeBasis(
    new THREE.Vector3(0, -1, 0), new THREE.Vector3(0, 0, 1), new THREE.Vector3(-1, 0, 0)));
  const FACING = new THREE.Quaternion().setFromAxisAngle(new THREE.Vector3(1, 0, 0), Math.PI / 2);
  const between = (value, [least, most]) => Math.max(least, Math.min(most, value));

  // What all figures of a model are measured by.
  function scaleOf(entries) {
    const maps = entries.filter(entry => entry.shape.length > 1);
    return {side: Math.max(1, ...maps.map(entry => Math.max(...entry.shape.slice(0, 2)))),
      channels: Math.max(2, ...entries.map(entry => entry.shape.length === 3 ? entry.shape[2] : 1)),
      units: Math.max(2, ...entries.filter(entry => entry.shape.length === 1).map(entry => entry.shape[0]))};
  }

  // The pages of a long row, as Maps has those of maps.
  function pagerOf(layer, count) {
    const size = layer.segmentLength, pages = layer.totalSegments;
    return {
      pages,
      words: () => `${layer.segmentIndex * size + 1} – ${Math.min(count, (layer.segmentIndex + 1) * size)} of ${count}`,
      turn(by) {
        const wanted = (layer.segmentIndex + by + pages) % pages;
        while (layer.segmentIndex !== wanted) layer.updatePage(layer.segmentIndex < wanted ? 'next' : 'last');
      },
    };
  }

  class Figure {
    constructor(entry, layer, scale, isInput) {
      this.entry = entry;
      this.name = entry.name;
      this.outer = layer;
      this.layer = layer.actualLayer || layer;
      this.group = this.layer.neuralGroup;
      this.isInput = isInput;
      this.scale = scale;
      this.rank = entry.class === 'GreyscaleInput' ? 3 : entry.shape.length;
      this.maps = !isInput && this.rank > 1 && this.layer.depth > 1 ? Maps.adopt(this.layer, entry.strip) : null;
      this.units = null; // of a row of boxes: see Slim
      this.block = null; // the folded block that it stands for
      this.group.quaternion.copy(this.rank === 1 ? UPRIGHT : FACING);
      this.group.userData.figure = this;
      if (entry.config && entry.config.paging) this.layer.closeButtonHandler = {updatePos() {}}; // turning a page moves it, there or not
      this.pager = this.maps || (entry.config && entry.config.paging ? pagerOf(this.layer, entry.shape[0]) : null);
    }
    get isOpen() { return Boolean(this.layer.isOpen); }
    get isPaged() { return Boolean(this.pager && this.isOpen && this.pager.pages > 1); }
    get openable() { return this.layer.closeable !== false && !this.isInput; }
    // TensorSpace opens by a tween of a millisecond: run on the spot, as its layers break when told to move while they move.
    turn(open) {
      if (!this.openable || this.isOpen === open) return;
      this.layer.handleHoverOut();
      open ? this.layer.openLayer() : this.layer.closeLayer();
      const begun = performance.now();
      for (const late of [1, 50, 100]) TWEEN.update(begun + late);
      if (this.layer.isTransition) this.layer.isTransition = false;
    }
    // Set the group's scale by what is drawn in it; the figure's size in the world, {w, h, d}, is kept in `size`.
    fit() {
      const {group} = this, place = group.position.clone(), turned = group.quaternion.clone();
      if (this.frames) group.remove(this.frames);
      if (this.units) this.units.remove();
      if (this.pager && !this.maps) Slim.buttons(group);
      group.position.set(0, 0, 0);
      group.quaternion.identity();
      group.scale.set(1, 1, 1);
      if (this.entry.class.startsWith('GlobalPooling')) Slim.row(group);
      group.updateMatrixWorld(true);
      const box = new THREE.Box3().setFromObject(group), local = box.getSize(new THREE.Vector3());
      this.middle = box.getCenter(new THREE.Vector3());
      const wanted = this.wanted(local);
      group.scale.set(wanted.x / local.x, wanted.y / local.y, wanted.z / local.z);
      this.size = this.rank === 1 ? {w: wanted.z, h: wanted.x, d: wanted.y} : {w: wanted.x, h: wanted.z, d: wanted.y};
      group.position.copy(place);
      group.quaternion.copy(turned);
      if (this.block) this.frame(local);
      Slim.figure(group, this.layer);
      this.units = this.rank === 1 ? Slim.units(group) : null;
      this.size.w += ASLANT * this.size.d;
    }
    // The lengths that the group's own axes shall have: x along a row or a map's width, z along its height, y towards the viewer.
    wanted(local) {
      const {shape} = this.entry, {side, channels, units} = this.scale;
      const uniform = (factor, depth) => ({x: local.x * factor, z: local.z * factor, y: depth});
      if (this.rank === 1) {
        const output = this.entry.class === 'Output1d', [least, most, thick] = this.isOpen || this.isInput ? ROW.open : ROW.closed;
        const length = this.isOpen || this.isInput ? between(shape[0] * (output ? OUTPUT.unit : ROW.unit), [least, most])
          : least + (most - least) * Math.sqrt(shape[0] / units);
        const across = output && this.isOpen ? OUTPUT.thick : thick;
        return {x: length, y: across, z: across};
      }
      const face = between(FACE[1] * Math.sqrt(Math.max(...shape.slice(0, 2)) / side), FACE) * (this.block ? 1.25 : 1);
      if (this.isOpen && this.maps && this.rank === 2) return {x: between(shape[0] * SHEET[0], SHEET[1]), z: between(shape[1] * SHEET[0], SHEET[1]), y: 4};
      if (this.isOpen && this.maps) {
        const map = between(0.56 * face, MAP), factor = map / Math.max(this.layer.width, this.layer.height) / this.layer.unitLength;
        return uniform(factor, Math.max(3, 0.06 * map));
      }
      const depth = THICK[0] + (THICK[1] - THICK[0]) * Math.sqrt((shape.length === 3 ? shape[2] : 1) / channels);
      if (this.rank === 2 && !this.isOpen) return {x: face, z: THREAD, y: 12};
      return uniform(face / Math.max(local.x, local.z), this.isOpen || this.isInput ? 4 : depth * (this.block ? 1.2 : 1));
    }
    // Frames behind the closed layer that a folded block is shown as.
    frame(local) {
      if (!this.frames) {
        const edges = new THREE.EdgesGeometry(new THREE.BoxBufferGeometry(1, 1, 1));
        this.frames = new THREE.Group();
        for (let i = 1; i <= FRAMES; i++) {
          const frame = new THREE.LineSegments(edges, new THREE.LineBasicMaterial({color: this.layer.color, transparent: true, opacity: 0.9 - 0.22 * i}));
          frame.userData.tint = true;
          this.frames.add(frame);
        }
      }
      this.frames.children.forEach((frame, i) => {
        frame.scale.set(local.x, local.y, local.z);
        frame.position.set(0.06 * (i + 1) * local.x, -0.3 * (i + 1) * local.y, -0.06 * (i + 1) * local.z);
      });
      this.group.add(this.frames);
      const out = 1 + 0.06 * FRAMES;
      Object.assign(this.size, {w: this.size.w * out, h: this.size.h * out});
    }
    setColour(colour) {
      this.layer.color = colour;
      for (const part of ['aggregationHandler', 'queueHandler', 'outputHandler', 'lineGroupHandler']) if (this.layer[part]) this.layer[part].color = colour;
      this.group.traverse(object => { for (const material of [].concat(object.material || [])) if (object.isMesh && material.color && !material.map) material.color.set(colour); });
      if (this.frames) for (const frame of this.frames.children) frame.material.color.set(colour);
      if (this.maps) this.maps.setColour(colour);
    }
    // The corners of all that is drawn of it, in the world.
    corners() {
      const points = [];
      this.group.updateMatrixWorld(true);
      this.group.traverse(object => {
        if (!object.geometry || object.type === 'Line' || object.isInstancedMesh) return; // lines show while something is hovered
        if (!object.geometry.boundingBox) object.geometry.computeBoundingBox();
        const {min, max} = object.geometry.boundingBox;
        for (let i = 0; i < 8; i++) points.push(new THREE.Vector3(i & 1 ? max.x : min.x, i & 2 ? max.y : min.y, i & 4 ? max.z : min.z).applyMatrix4(object.matrixWorld));
      });
      return points;
    }
  }

  return {Figure, scaleOf};
})();
