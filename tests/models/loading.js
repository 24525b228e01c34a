// The sizes that TensorFlow.js tells as it loads models: node loading.js BUNDLE; a topology per line on stdin, a line of JSON on stdout each:
// the shapes of the outputs, or the error's first line.
'use strict';

const path = require('path');
const readline = require('readline');

for (const level of ['debug', 'info', 'log', 'warn', 'error']) console[level] = () => {};
const tf = require(path.resolve(process.argv[2]));

async function serve() {
  await tf.setBackend('cpu');
  for await (const line of readline.createInterface({input: process.stdin})) {
    let said;
    try {
      const model = await tf.loadLayersModel({load: async () => ({modelTopology: {model_config: JSON.parse(line), keras_version: '2.6.0'}})});
      said = model.outputs.map(output => output.shape);
    } catch (error) {
      said = String((error && error.message) || error).split('\n')[0];
    }
    process.stdout.write(JSON.stringify(said) + '\n');
  }
}

serve();
