// All figures that stand still as one object: their boxes, sheets and rows of units, with their pictures side by side in
// one texture.  What it has taken over stays in its group, unseen, for the pointer to find and to come back while it moves.
'use strict';

const Merged = (function () {
  const WIDE = 1024, HIGH = 2048; // texels of the texture at most; a picture that does not fit stays an object of its own
  const PLAIN = 256; // texels of the first row, each more opaque than the one before: a box without a picture takes its own

  const pictureOf = ({material}) => !Array.isArray(material) && material.alphaMap && material.alphaMap.isDataTexture ? material.alphaMap : null;

  const plain = ({material}) => !Array.isArray(material) && material.isMeshBasicMaterial && !material.map && !material.alphaMap;

  // Places for pictures of these sizes, in rows, the lowest first, as many as fit: [{x, y}], null for one that does not.
  function packed(sizes) {
    const places = sizes.map(() => null);
    let x = PLAIN, y = 0, high = 1;
    for (const i of sizes.map((_, i) => i).sort((a, b) => sizes[a].height - sizes[b].height || a - b)) {
      const {width, height} = sizes[i];
      if (!width) { places[i] = {x: 0, y: 0}; continue; }
      if (x + width > WIDE) { x = 0; y += high; high = 0; }
      if (width > WIDE || y + height > HIGH) continue;
      places[i] = {x, y};
      x += width;
      high = Math.max(high, height);
    }
    return {places, height: y + high};
  }

  // Each vertex names the part of the texture that its picture takes: at a picture's edge no texel of the next one is drawn.
  function within(shader) {
    shader.vertexShader = shader.vertexShader.replace('void main() {', 'attribute vec4 bounds;\nvarying vec4 vBounds;\nvoid main() {\nvBounds = bounds;');
    shader.fragmentShader = shader.fragmentShader.replace('void main() {', 'varying vec4 vBounds;\nvoid main() {')
      .replace('#include <alphamap_fragment>', 'diffuseColor.a *= texture2D(alphaMap, clamp(vUv, vBounds.xy, vBounds.zw)).g;');
  }

  // parent: what the figures' groups stand in.
  function create(parent) {
    const material = Object.assign(new THREE.MeshBasicMaterial({vertexColors: true, transparent: true}), {onBeforeCompile: within}), mesh = new THREE.Mesh(new THREE.BufferGeometry(), material);
    Object.assign(mesh, {frustumCulled: false, visible: false, raycast() {}});
    parent.add(mesh);
    let parts = [], groups = [], texels = null, order = '';

    // What can be taken over in the groups: {object, group, picture or null, matrices: one per copy}.
    function found() {
      const all = [];
      for (const group of groups) {
        group.updateMatrixWorld(true);
        group.traverse(object => {
          if (!object.isMesh || !object.visible) return;
          const picture = pictureOf(object);
          if (picture && picture.minFilter !== THREE.LinearFilter) Object.assign(picture, {minFilter: THREE.LinearFilter, needsUpdate: true});
          if (object.isInstancedMesh) {
            all.push({object, group, picture: null, matrices: Array.from({length: object.count}, (_, i) => {
              const matrix = new THREE.Matrix4();
              object.getMatrixAt(i, matrix);
              return matrix.premultiply(object.matrixWorld);
            })});
          } else if (picture || plain(object)) all.push({object, group, picture, matrices: [object.matrixWorld]});
        });
      }
      return all;
    }
    function forget() {
      for (const {object} of parts) object.visible = true;
      if (material.alphaMap) material.alphaMap.dispose();
      parts = [];
      order = '';
    }
    function build() {
      forget();
      const all = found(), {places, height} = packed(all.map(({picture}) => picture ? picture.image : {width: 0, height: 0}));
      parts = all.filter((_, i) => places[i]);
      const at = places.filter(Boolean), points = [], uvs = [], bounds = [], colours = [], point = new THREE.Vector3();
      texels = new Uint8Array(WIDE * height);
      for (let i = 0; i < PLAIN; i++) texels[i] = i;
      let index = 0;
      parts.forEach((part, i) => {
        const {geometry, material: {color}} = part.object, {position, uv} = geometry.attributes, {x, y} = at[i], size = part.picture && part.picture.image;
        Object.assign(part, {x, y, vertices: position.count, first: points.length / 3, indices: [], said: null, middle: new THREE.Vector3()});
        for (const matrix of part.matrices) {
          const offset = points.length / 3;
          for (let j = 0; j < position.count; j++) {
            points.push(...point.fromBufferAttribute(position, j).applyMatrix4(matrix).toArray());
            part.middle.addScaledVector(point, 1 / position.count / part.matrices.length);
            uvs.push(...size ? [(x + uv.getX(j) * size.width) / WIDE, (y + uv.getY(j) * size.height) / height] : [(PLAIN - 0.5) / WIDE, 0.5 / height]);
            bounds.push(...size ? [(x + 0.5) / WIDE, (y + 0.5) / height, (x + size.width - 0.5) / WIDE, (y + size.height - 0.5) / height] : [0, 0, 1, 1]);
            colours.push(color.r, color.g, color.b);
          }
          for (let j = 0; j < geometry.index.count; j++) part.indices.push(offset + geometry.index.getX(j));
        }
        index += part.indices.length;
        part.object.visible = false;
      });
      material.alphaMap = new THREE.DataTexture(texels, WIDE, height, THREE.LuminanceFormat, THREE.UnsignedByteType);
      Object.assign(material.alphaMap, {magFilter: THREE.NearestFilter, minFilter: THREE.LinearFilter, generateMipmaps: false, needsUpdate: true});
      mesh.geometry.dispose();
      mesh.geometry = new THREE.BufferGeometry();
      for (const [name, values, size] of [['position', points, 3], ['uv', uvs, 2], ['bounds', bounds, 4], ['color', colours, 3]]) mesh.geometry.setAttribute(name, new THREE.Float32BufferAttribute(values, size));
      mesh.geometry.setIndex(new THREE.BufferAttribute(new Uint32Array(index), 1));
      mesh.visible = parts.length > 0;
    }
    // A layer that turned a page, or sorted its maps, has thrown away what was taken over.
    const gone = ({object, group}) => {
      for (let above = object; above !== group; above = above.parent) if (!above) return true;
      return false;
    };
    function copy({picture: {image: {data, width, height}}, x, y}) {
      for (let row = 0; row < height; row++) texels.set(data.subarray(row * width, (row + 1) * width), (y + row) * WIDE + x);
    }
    function paint({object, first, vertices}, array) { // the colours of units
      const colour = mesh.geometry.attributes.color;
      for (let i = 0; i < object.count; i++) for (let j = 0; j < vertices; j++) colour.array.set(array.subarray(3 * i, 3 * i + 3), 3 * (first + i * vertices + j));
      colour.needsUpdate = true;
    }
    function fade({first, vertices}, opacity) { // a box without a picture
      const {uv} = mesh.geometry.attributes;
      for (let j = 0; j < vertices; j++) uv.setX(first + j, (Math.round((PLAIN - 1) * opacity) + 0.5) / WIDE);
      uv.needsUpdate = true;
    }
    // Take over what is new of a part.
    function update(part) {
      const {object, picture, said} = part;
      if (picture) {
        if (picture.version === said) return;
        copy(part);
        part.said = picture.version;
        material.alphaMap.needsUpdate = true;
      } else if (object.isInstancedMesh) {
        const {array} = object.instanceColor;
        if (said && array.every((value, i) => value === said[i])) return;
        paint(part, array);
        part.said = array.slice();
      } else if (object.material.opacity !== said) {
        part.said = Number(object.material.opacity);
        fade(part, part.said);
      }
    }
    function sort(camera) { // what is farther away goes first, as it is seen through what is nearer
      const far = parts.map(({middle}) => middle.distanceToSquared(camera.position)), sorted = parts.map((_, i) => i).sort((a, b) => far[b] - far[a]), now = sorted.join();
      if (now === order) return;
      order = now;
      const {index} = mesh.geometry;
      let at = 0;
      for (const i of sorted) { index.array.set(parts[i].indices, at); at += parts[i].indices.length; }
      index.needsUpdate = true;
    }

    return {
      // shown: the groups of the figures that are shown, at their places.
      set(shown) { groups = shown; build(); },
      // The figures are about to move: they show themselves.
      leave() { forget(); mesh.visible = false; },
      // Before a picture: take over the values, the colours and the order that are new.
      refresh(camera) {
        if (!mesh.visible) return;
        if (parts.some(gone)) build();
        parts.forEach(update);
        sort(camera);
      },
    };
  }

  return {create};
})();
