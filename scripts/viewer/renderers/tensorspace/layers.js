// The drawing of page.json made into TensorSpace's layers and its model.  TensorSpace draws; it neither loads nor runs
// the model, so a layer shows exactly the values that it is given.
'use strict';

const Layers = (function () {
  const THICK = 10; // of a closed layer, before it is scaled

  // TensorSpace takes the first size for the width; Keras has the height first.
  function drawnShape(layer) {
    const shape = layer.shape;
    if (layer.class === 'GreyscaleInput') return [shape[1], shape[0]];
    return shape.length === 3 ? [shape[1], shape[0], shape[2]] : shape.slice();
  }

  // The levels of the graph, by the longest way from an input.  TensorSpace's own search walks every path
  // (18 s for InceptionV3) and finds the same.
  function createGraph(inputs, layers, parents) {
    return function () {
      this.layers = inputs.concat(layers);
      const level = new Map(inputs.map(input => [input, 0]));
      for (const layer of layers) level.set(layer, 1 + Math.max(0, ...parents.get(layer).map(parent => level.get(parent))));
      this.layerLookupMap = this.layers.map(layer => level.get(layer));
      this.levelMap = Array.from({length: 1 + Math.max(...level.values())}, () => []);
      this.layerLookupMap.forEach((depth, i) => this.levelMap[depth].push(i));
      this.modelDepth = this.levelMap.length;
    };
  }

  // Returns {model, byName: Map of name to TensorSpace's layer}.  Throws where WebGL is missing.
  function create(container, drawing, labels, theme) {
    const byName = new Map(), parents = new Map(), inputs = drawing.inputs.filter(input => input.drawn);
    for (const entry of inputs.concat(drawing.layers)) {
      const shape = drawnShape(entry), config = Object.assign({name: entry.name, color: Palette.of(entry, theme)}, entry.config);
      const above = (entry.parents || []).map(name => byName.get(name));
      let layer;
      if (entry.class === 'Output1d') config.outputs = labels(entry);
      if (entry.class === 'Reshape') {
        layer = new TSP.layers.Reshape(Object.assign(config, {shape})); // setShape would forget its parent
      } else {
        layer = above.length > 1 ? TSP.layers[entry.class](above, config) : new TSP.layers[entry.class](config);
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
    const layers = drawing.layers.map(entry => byName.get(entry.name)), tops = inputs.map(entry => byName.get(entry.name));
    // One millisecond: the scene moves the layers itself.  Its labels say the sizes and the classes, and a click closes a layer.
    const settings = {animeTime: 1, textSystem: 'disable', hasCloseButton: false, color: {background: Palette.THEMES[theme].ground}};
    let model;
    if (drawing.kind === 'Sequential') {
      model = new TSP.models.Sequential(container, settings);
      for (const layer of tops.concat(layers)) model.add(layer);
    } else {
      model = new TSP.models.Model(container, Object.assign(settings, {inputs: tops, outputs: layers.filter((layer, i) => drawing.layers[i].terminal)}));
      model.createGraph = createGraph(tops, layers, parents);
    }
    model.createModelElements = function () {
      for (const layer of this.layers) {
        layer.init({x: 0, y: 0, z: 0}, THICK);
        (layer.actualLayer || layer).neuralGroup.visible = false; // TensorSpace draws at once, all layers at one place
      }
    };
    model.init();
    return {model, byName};
  }

  return {create};
})();
