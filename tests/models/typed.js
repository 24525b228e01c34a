// Node: turns typed words into the inputs of a converted model, as the page does.
// stdin: {"scripts": [paths], "texts": of model.json, "sizes": {name of an input: how many numbers}, "typed": [{source: text}]}
// stdout: {name of an input: [its numbers, for each of "typed"]}
'use strict';
const fs = require('fs'), vm = require('vm');
const asked = JSON.parse(fs.readFileSync(0, 'utf8'));
const {Text} = vm.runInThisContext(asked.scripts.map(path => fs.readFileSync(path, 'utf8').replace("'use strict';", '')).join('\n') + '\n({Text})');
const found = {};
for (const spec of asked.texts) {
  found[spec.input] = asked.typed.map(fields => {
    try {
      return Array.from(Text.values(spec, Text.tokens(spec, spec.from.map(name => fields[name])), asked.sizes[spec.input]));
    } catch (error) {
      return error.message;
    }
  });
}
process.stdout.write(JSON.stringify(found));
