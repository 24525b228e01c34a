// The model's edges: a thin line from each layer to each one that reads it, with an arrow at its end.
// All lines are one object and all arrows another, so that they cost two draw calls whatever the model.
'use strict';

const Edges = (function () {
  const STEPS = 20; // points of a curve
  const ARROW = [3, 9]; // radius and length, in pixels of a model that fills the window
  const UP = new THREE.Vector3(0, 1, 0);
  const vector = (x, y, z) => new THREE.Vector3(x, y, z);

  // from, to: as Layout has them, with their sizes.  A neighbour is reached straight, a later one of the row by an
  // arc over those between, the next row by a turn at the side, and any other by a curve behind the rows.
  function curve(from, to) {
    const next = to.column === from.column + 1;
    const start = vector(from.x + from.turn * (from.w / 2 + 2), from.y, 0), end = vector(to.x - to.turn * (to.w / 2 + 2), to.y, 0);
    if (from.row === to.row && next) {
      const half = (end.x - start.x) / 2;
      return new THREE.CubicBezierCurve3(start, vector(start.x + half, start.y, 0), vector(end.x - half, end.y, 0), end);
    }
    if (from.row === to.row) { // over the row, or under it from a lower branch
      const up = from.y >= (from.top + from.bottom) / 2 - 20 ? 1 : -1, far = 10 + 0.05 * Math.abs(to.x - from.x);
      const begin = vector(from.x, from.y + up * (from.h / 2 + 2), 0), onto = vector(to.x, to.y + up * (to.h / 2 + 2), 0);
      const level = (up > 0 ? from.top : from.bottom) + up * far, bend = at => level + (level - at) / 3;
      return new THREE.CubicBezierCurve3(begin, vector(begin.x, bend(begin.y), 0), vector(onto.x, bend(onto.y), 0), onto);
    }
    if (to.row === from.row + 1 && next) {
      const side = Math.max(from.turn * start.x, from.turn * end.x) + 40;
      return new THREE.CubicBezierCurve3(start, vector(from.turn * side, start.y, 0), vector(from.turn * side, end.y, 0), end);
    }
    const down = vector(from.x, from.y - from.h / 2 - 2, -12), onto = vector(to.x, to.y + to.h / 2 + 2, -12), bend = (down.y - onto.y) / 2;
    return new THREE.CubicBezierCurve3(down, vector(down.x, down.y - bend, -60), vector(onto.x, onto.y + bend, -60), onto);
  }

  function create(parent, theme) {
    const lines = new THREE.LineSegments(new THREE.BufferGeometry(), new THREE.LineBasicMaterial({vertexColors: true, transparent: true, opacity: 0.85}));
    const shape = new THREE.ConeBufferGeometry(ARROW[0], ARROW[1], 10).translate(0, -ARROW[1] / 2, 0);
    let arrows = null, edges = [], colours = Palette.THEMES[theme], lit = null;
    lines.frustumCulled = false;
    parent.add(lines);

    function paint() {
      const plain = new THREE.Color(colours.edge), bright = new THREE.Color(colours.bright), values = [];
      edges.forEach(({from, to}, i) => {
        const colour = lit !== null && (from === lit || to === lit) ? bright : plain;
        for (let j = 0; j < 2 * STEPS; j++) values.push(colour.r, colour.g, colour.b);
        arrows.setColorAt(i, colour);
      });
      lines.geometry.setAttribute('color', new THREE.Float32BufferAttribute(values, 3));
      if (arrows.instanceColor) arrows.instanceColor.needsUpdate = true;
    }

    return {
      // wanted: [[name, name]]; places: Map of name to where it stands, as Layout has it, with its size.
      set(wanted, places) {
        if (arrows) { parent.remove(arrows); arrows.dispose(); arrows.material.dispose(); }
        edges = wanted.map(([from, to]) => ({from, to, curve: curve(places.get(from), places.get(to))}));
        arrows = new THREE.InstancedMesh(shape, new THREE.MeshBasicMaterial(), Math.max(1, edges.length));
        arrows.count = edges.length;
        arrows.frustumCulled = false;
        const points = [], matrix = new THREE.Matrix4();
        edges.forEach((edge, i) => {
          edge.points = edge.curve.getPoints(STEPS);
          for (let j = 0; j < STEPS; j++) points.push(...edge.points[j].toArray(), ...edge.points[j + 1].toArray());
          const turned = new THREE.Quaternion().setFromUnitVectors(UP, edge.curve.getTangent(1));
          const size = 1 / places.get(edge.to).scale;
          arrows.setMatrixAt(i, matrix.compose(edge.points[STEPS], turned, vector(size, size, size)));
        });
        lines.geometry.setAttribute('position', new THREE.Float32BufferAttribute(points, 3));
        parent.add(arrows);
        paint();
      },
      visible(shown) { lines.visible = shown; if (arrows) arrows.visible = shown; },
      highlight(name) { if (lit !== name) { lit = name; paint(); } },
      setTheme(next) { colours = Palette.THEMES[next]; paint(); },
      points: () => [].concat(...edges.map(edge => edge.points)),
      list: () => edges.map(({from, to}) => [from, to]),
    };
  }

  return {create};
})();
