// The weight that moves a drawn layer: of a layers model the layer's first one, of a graph model the constant of the
// convolution or the matrix product behind the layer's output.
'use strict';

const Weights = (function () {
  const KINDS = { // of operations that have a kernel; as the beginning of Keras's class
    Conv2D: 'Conv', _FusedConv2D: 'Conv', Conv3D: 'Conv', DepthwiseConv2dNative: 'Depthwise', FusedDepthwiseConv2dNative: 'Depthwise',
    Conv2DBackpropInput: 'ConvTranspose', MatMul: 'Dense', _FusedMatMul: 'Dense', BatchMatMul: 'Dense', BatchMatMulV2: 'Dense',
  };
  const FAR = 24; // operations behind an output

  const plain = name => name.replace(/:\d+$/, '');

  // A matrix that the product takes turned about, as (inputs, units).
  function turned({shape: [units, inputs], dataSync}, values = dataSync()) {
    return {shape: [inputs, units], dataSync: () => Float32Array.from(values, (_, i) => values[i % units * inputs + Math.floor(i / units)])};
  }
  const dataOf = tensor => ({shape: tensor.shape, dataSync: () => tensor.dataSync()});

  // nodes: Map of name to the topology's node.
  function ofGraph(model, nodes, layer) {
    const ends = new Set(model.outputs.map(output => plain(output.name)));
    function constant(name) {
      let node = nodes.get(name);
      while (node && node.op === 'Identity') node = nodes.get(plain(node.input[0]));
      const found = node && node.op === 'Const' && model.weights[node.name];
      return found ? dataOf(found[0]) : null;
    }
    const named = part => constant(`${layer.chain[0]}/${part}`);
    const depthwise = /^Separable/.test(layer.keras) && named('depthwise_kernel');
    if (depthwise) return {kind: layer.keras, tensor: depthwise};
    for (let name = plain(model.outputs[layer.output].name), step = 0; step < FAR && nodes.has(name); step++) {
      const {op, input, attr = {}} = nodes.get(name), inputs = (input || []).filter(each => !each.startsWith('^')).map(plain);
      const tensor = op in KINDS && constant(inputs[1]), turn = attr.transpose_b || attr.adj_y;
      if (tensor) {
        const steps = /^Conv1D/.test(layer.keras) && tensor.shape.length === 4 && tensor.shape[0] === 1;
        return {kind: KINDS[op], tensor: turn && turn.b ? turned(tensor) : steps ? {shape: tensor.shape.slice(1), dataSync: tensor.dataSync} : tensor};
      }
      const moving = inputs.filter(each => !constant(each));
      if (moving.length !== 1 || ends.has(moving[0])) break;
      [name] = moving;
    }
    const kernel = named('kernel');
    return kernel && {kind: layer.keras, tensor: kernel};
  }

  // nodes: as above, null of a layers model.  Returns {kind: as the beginning of Keras's class, tensor: {shape, dataSync()}}, or null.
  function of(model, nodes, layer) {
    if (nodes) return ofGraph(model, nodes, layer);
    try {
      const found = model.getLayer(layer.chain[0]).getWeights();
      return found.length ? {kind: layer.keras, tensor: dataOf(found[0])} : null;
    } catch (error) {
      return null; // a layer of a nested model
    }
  }

  return {of};
})();
