// Fewer draw calls for the same picture: TensorSpace draws each box face by face, six calls, and its frame as a seventh.
// A box becomes one call, and the frames of all figures become one object.
'use strict';

const Slim = (function () {
  const FACES = {left: [0, 8], top: [8, 16], front: [16, 20], back: [20, 24]}; // vertices of a box: x sides, y sides, z sides
  const FRAME = 0xa5a5a5;
  const UNITS = ['outputNeural', 'globalPoolingElement']; // TensorSpace's names for them
  const MOST = 6; // frames of a figure; of many small boxes they would hide the boxes

  // One material for a whole box: the one of its upper face, whose picture the sides take a single texel of.  A row of
  // numbers has its picture on all long sides; at the back it runs the other way.
  function box(mesh) {
    const [, , face, , front] = mesh.material, {geometry} = mesh, uv = geometry.getAttribute('uv');
    if (!face || !uv || uv.count !== 24) return;
    const picture = face.alphaMap || face.map, {width, height} = picture && picture.image || {width: 1, height: 1};
    const single = ([from, to]) => { for (let i = from; i < to; i++) uv.setXY(i, 0.5 / width, 0.5 / height); };
    single(FACES.left);
    if (front === face) {
      for (let i = FACES.back[0]; i < FACES.back[1]; i++) uv.setX(i, 1 - uv.getX(i));
    } else {
      single(FACES.front);
      single(FACES.back);
    }
    uv.needsUpdate = true;
    geometry.clearGroups();
    mesh.material = face;
  }
  // A merge shows an icon until it has values, and takes its six materials up again with each value: it gets one for good.
  function merge(handler) {
    if (!handler || !Array.isArray(handler.dataMaterial)) return;
    handler.cube.material = handler.dataMaterial;
    box(handler.cube);
    handler.dataMaterial = handler.clearMaterial = handler.cube.material;
  }
  function figure(group, layer) {
    merge(layer.aggregationHandler);
    group.traverse(object => {
      if (object.isMesh && Array.isArray(object.material)) box(object);
      if (object.isLineSegments) object.visible = false; // `frames` draws it
    });
  }

  // TensorSpace's buttons for the pages of a row are discs at its ends, thicker than the row; its label has buttons too.
  function buttons(group) {
    const has = object => object.elementType === 'paginationButton' || object.children.some(has);
    group.remove(...group.children.filter(has));
  }

  const unitsOf = group => {
    const found = [];
    group.traverse(object => { if (object.isMesh && UNITS.includes(object.elementType)) found.push(object); });
    return found;
  };
  // What global pooling leaves is a row: TensorSpace has it in the square that the maps before it were in.
  function row(group) {
    unitsOf(group).forEach((unit, i, all) => {
      const {width} = unit.geometry.parameters;
      unit.parent.position.set((i - (all.length - 1) / 2) * 1.25 * width, 0, 0);
    });
  }
  // The units of a row that are a box each (outputs, what global pooling leaves): one object that takes their places and,
  // before every picture, their colours.  They stay in the group, unseen, for the pointer to find.
  function units(group) {
    const found = unitsOf(group), matrix = new THREE.Matrix4(), colour = new THREE.Color(), behind = new THREE.Color();
    if (found.length < 2) return null;
    const merged = new THREE.InstancedMesh(found[0].geometry, new THREE.MeshBasicMaterial(), found.length);
    Object.assign(merged, {frustumCulled: false, raycast() {}});
    group.updateMatrixWorld(true);
    const local = group.matrixWorld.clone().invert();
    found.forEach((unit, i) => {
      merged.setMatrixAt(i, matrix.multiplyMatrices(local, unit.matrixWorld));
      unit.visible = false;
    });
    group.add(merged);
    return {
      // ground: the colour that a faint unit fades to.
      paint(ground) {
        behind.set(ground);
        found.forEach(({material}, i) => merged.setColorAt(i, colour.copy(behind).lerp(material.color, Number(material.opacity))));
        merged.instanceColor.needsUpdate = true;
      },
      remove() {
        group.remove(merged);
        merged.dispose();
        merged.material.dispose();
        for (const unit of found) unit.visible = true;
      },
    };
  }

  // The frames of figures as one object in `parent`.
  function frames(parent) {
    const lines = new THREE.LineSegments(new THREE.BufferGeometry(), new THREE.LineBasicMaterial({vertexColors: true}));
    lines.frustumCulled = false;
    parent.add(lines);
    return {
      visible(shown) { lines.visible = shown; },
      // groups: those that are shown; ground: the colour that a faint line fades to.
      set(groups, ground) {
        const points = [], colours = [], point = new THREE.Vector3(), colour = new THREE.Color(), behind = new THREE.Color(ground);
        for (const group of groups) {
          const found = [];
          group.updateMatrixWorld(true);
          group.traverse(object => { if (object.isLineSegments) found.push(object); });
          if (found.length > MOST) continue;
          for (const object of found) {
            const {position} = object.geometry.attributes;
            colour.copy(object.userData.tint ? object.material.color : new THREE.Color(FRAME)).lerp(behind, 1 - object.material.opacity);
            for (let i = 0; i < position.count; i++) {
              points.push(...point.fromBufferAttribute(position, i).applyMatrix4(object.matrixWorld).toArray());
              colours.push(colour.r, colour.g, colour.b);
            }
          }
        }
        lines.geometry.setAttribute('position', new THREE.Float32BufferAttribute(points, 3));
        lines.geometry.setAttribute('color', new THREE.Float32BufferAttribute(colours, 3));
      },
    };
  }

  return {figure, buttons, row, units, frames};
})();
