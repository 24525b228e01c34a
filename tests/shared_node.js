// One Node process for many runs of predict.js: node shared_node.js PREDICT_JS; a request per line on stdin, an answer per line on stdout.
//
// request  JSON [BUNDLE, MODEL_JSON, REQUEST, ANSWER], the arguments of predict.js
// answer   JSON null, or the error's first line
// A bundle is compiled once, and evaluated anew for each request: no model meets what another has left in TensorFlow.js.
'use strict';

const fs = require('fs');
const path = require('path');
const readline = require('readline');
const vm = require('vm');

const {answer} = require(path.resolve(process.argv[2]));
const compiled = {};
const before = new Set(Object.getOwnPropertyNames(globalThis));

function fresh(bundle) {
  for (const name of Object.getOwnPropertyNames(globalThis)) if (!before.has(name)) delete globalThis[name];
  if (!compiled[bundle]) {
    const source = '(function (exports, require, module) {' + fs.readFileSync(bundle, 'utf8') + '\n})';
    compiled[bundle] = new vm.Script(source, {filename: bundle});
  }
  const loaded = {exports: {}};
  compiled[bundle].runInThisContext().call(loaded.exports, loaded.exports, require, loaded);
  return loaded.exports;
}

async function serve() {
  for await (const line of readline.createInterface({input: process.stdin})) {
    const [bundle, ...files] = JSON.parse(line);
    let said = null;
    try {
      await answer(fresh(bundle), ...files);
    } catch (error) {
      said = String((error && error.message) || error).split('\n')[0];
    }
    fs.writeSync(1, JSON.stringify(said) + '\n');
  }
}

serve();
