// Many runs of predict.js with one TensorFlow.js: node onnx_cases.js PREDICT_JS BUNDLE; a line on stdin each, a line on stdout each.
//
// line    JSON [MODEL_JSON, REQUEST, ANSWER], the arguments of predict.js
// answer  JSON null, or the error's first line
'use strict';

const path = require('path');
const readline = require('readline');

const {answer} = require(path.resolve(process.argv[2]));
const tf = require(path.resolve(process.argv[3]));

async function serve() {
  for await (const line of readline.createInterface({input: process.stdin})) {
    let said = null;
    try {
      tf.engine().startScope();
      await answer(tf, ...JSON.parse(line));
    } catch (error) {
      said = String((error && error.message) || error).split('\n')[0];
    } finally {
      tf.engine().endScope();
    }
    process.stdout.write(JSON.stringify(said) + '\n');
  }
}

serve();
