// Typed words as the numbers that Keras makes of them: what model.json tells of a layer of words (scripts/layers/words.py).
// keras/src/layers/preprocessing: text_vectorization.py, index_lookup.py, hashing.py, hashed_crossing.py.
'use strict';

const Text = (function () {
  const PUNCTUATION = /[!"#$%&()*+,\-./:;<=>?@[\\\]^_`{|}~']/g, CROSSING = 0xDECAFCAFFEn; // sparse_ops.py: _DEFAULT_HASH_KEY
  const bytes = word => new TextEncoder().encode(word);
  const tables = new WeakMap();

  // The words of a text, as TextVectorization finds them: letters beyond ASCII keep their case.
  function split(spec, text) {
    const standardize = spec.standardize || '';
    let words = standardize.startsWith('lower') ? text.replace(/[A-Z]/g, letter => letter.toLowerCase()) : text;
    if (standardize.endsWith('strip_punctuation')) words = words.replace(PUNCTUATION, '');
    words = spec.split === 'whitespace' ? words.split(/[\t\n\v\f\r ]+/).filter(Boolean) : spec.split === 'character' ? Array.from(words) : [words];
    return spec.ngrams ? grams(words, spec.ngrams) : words;
  }
  function grams(words, wide) {
    const found = [];
    for (const size of wide) for (let i = 0; i + size <= words.length; i++) found.push(words.slice(i, i + size).join(' '));
    return found;
  }

  function table(spec) {
    if (!tables.has(spec)) tables.set(spec, new Map(spec.vocabulary.map((word, i) => [String(word), spec.first + i])));
    return tables.get(spec);
  }
  const bucket = (word, salt, count) => Number((salt ? Hashes.sip(bytes(word), salt) : Hashes.farm(bytes(word))) % BigInt(count));

  // {number, unknown} of a word; number is null for what is masked and left out of what is counted.
  function look(spec, word) {
    if (spec.mask !== null && word === String(spec.mask)) return {number: spec.mode === 'int' ? 0 : null, unknown: false};
    const number = table(spec).get(word);
    if (number !== undefined) return {number, unknown: false};
    if (!spec.oov) throw new Error(`“${word}” is none of the ${spec.vocabulary.length} words that this model knows`);
    return {number: spec.first - spec.oov + (spec.oov > 1 ? bucket(word, spec.salt, spec.oov) : 0), unknown: true};
  }
  function hash(spec, word) {
    const masked = spec.mask !== null && spec.bins > 1;
    if (masked && word === String(spec.mask)) return {number: 0, unknown: false};
    return {number: masked ? 1 + bucket(word, spec.salt, spec.bins - 1) : bucket(word, spec.salt, spec.bins), unknown: false};
  }
  function cross(spec, words) {
    const each = words.map((word, i) => spec.strings[i] ? Hashes.farm(bytes(word)) : BigInt.asUintN(64, BigInt(word)));
    return {number: Number(each.reduce(Hashes.joined, CROSSING) % BigInt(spec.bins)), unknown: false};
  }

  // The words in a field that takes several, or one: parted by commas, but for one.
  function listed(spec, text, strings) {
    let words = spec.words === 1 ? [text] : text.split(',').map(word => word.trim());
    if (spec.words !== null && words.length !== spec.words) throw new Error(`${words.length} of ${spec.words} words, with commas between`);
    if (!strings) {
      const strange = words.find(word => !/^\s*[-+]?\d+(\.\d*)?\s*$/.test(word));
      if (strange !== undefined) throw new Error(`“${strange.slice(0, 20)}” is no whole number`);
      words = words.map(word => String(BigInt(word.trim().replace(/^\+/, '').replace(/\..*$/, ''))));
    }
    return words;
  }

  // [{word, number, unknown}] of what was typed into the fields of an input, one text per source.  Throws what is wrong.
  function tokens(spec, typed) {
    if (spec.class === 'TextVectorization') {
      const words = spec.split ? split(spec, typed[0]) : [].concat(...listed(spec, typed[0], true).map(word => split(Object.assign({}, spec, {ngrams: null}), word)));
      return (spec.split || !spec.ngrams ? words : grams(words, spec.ngrams)).map(word => Object.assign({word}, look(spec, word)));
    }
    const fields = typed.map((text, i) => listed(spec, text, spec.strings[i]));
    return fields[0].map((word, i) => Object.assign({word: fields.map(field => field[i]).join(' × ')},
      spec.class === 'HashedCrossing' ? cross(spec, fields.map(field => field[i])) : spec.class === 'Hashing' ? hash(spec, word) : look(spec, word)));
  }

  // The values of an input of so many numbers; found: of `tokens`.
  function values(spec, found, count) {
    const result = new Float32Array(count);
    if (spec.mode === 'int') {
      found.slice(0, count).forEach(({number}, i) => { result[i] = number; });
    } else if (spec.mode === 'one_hot') {
      found.forEach(({number}, i) => { if (number !== null) result[i * spec.depth + number] = 1; });
    } else {
      for (const {number} of found) if (number !== null && number < spec.depth) result[number] = spec.mode === 'multi_hot' ? 1 : result[number] + 1;
      if (spec.mode === 'tf_idf') result.forEach((times, i) => { result[i] = times * spec.idf[i]; });
    }
    return result;
  }

  // The words that such numbers stand for, where they are places in a vocabulary.
  const words = (spec, numbers) => Array.from(numbers, number => number >= spec.first ? spec.vocabulary[number - spec.first] : number ? '?' : '')
    .filter(word => word !== '' && word !== undefined).join(spec.class === 'TextVectorization' ? spec.split === 'character' ? '' : ' ' : ', ');

  return {tokens, values, words};
})();
