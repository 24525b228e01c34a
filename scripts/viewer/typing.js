// A field for words in the place of an input of numbers, for models that began with a layer of words.
'use strict';

const Typing = (function () {
  const SHOWN = 60; // words whose numbers stand below the field
  let made = 0; // panels, which begin with unlike examples
  const linked = new Map(); // name of an input of the source -> [its fields, their panels' refresh]

  // What a visitor may type: a few words of the vocabulary, others at each turn.
  function example(spec, turn, place) {
    const known = spec.vocabulary ? spec.vocabulary : [], some = spec.strings[place] ? known.length ? known : ['one', 'two', 'three'] : ['1', '20', '300'];
    const many = spec.class === 'TextVectorization' ? Math.min(spec.split === null ? spec.words || 1 : 6, some.length) : spec.words || 1;
    const word = i => String(some[(turn * (many + 1) + i * (turn || 1)) % some.length]);
    return Array.from({length: many}, (_, i) => word(i)).join(spec.class !== 'TextVectorization' || !spec.split ? ', ' : spec.split === 'character' ? '' : ' ');
  }

  // As Inputs' panels: {element, values(), set(values), setValues, clear(), example()}.
  function panel(input, changed) {
    const make = Inputs.make, spec = input.text, count = input.shape.reduce((product, size) => product * size, 1);
    const said = make('p', {className: 'hint'}), shown = make('div', {className: 'tokens'}), again = make('button', {type: 'button'}, 'Other words');
    said.setAttribute('role', 'status');
    const long = spec.class === 'TextVectorization' && spec.split;
    const fields = spec.from.map((name, place) => {
      const field = make(long ? 'textarea' : 'input', {spellcheck: false, autocomplete: 'off'});
      if (!long) field.type = 'text';
      field.setAttribute('aria-label', `${name}: ${spec.strings[place] ? 'words' : 'numbers'} to type`);
      return field;
    });
    const element = make('div', {className: 'typing'}, ...fields.map((field, i) => make('label', {}, spec.from.length > 1 || spec.from[i] !== input.name ? spec.from[i] : '', field)),
      shown, make('div', {className: 'row spread'}, said, again));
    let numbers = new Float32Array(count), turn = made++;

    function tell(found, problem) {
      const unknown = found.filter(token => token.unknown).length, left = spec.mode === 'int' && long ? Math.max(0, found.length - count) : 0;
      const parts = [long ? `${Words.many(found.length, 'word')} of at most ${spec.mode === 'int' ? count : 'any number'}` : ''];
      if (long && spec.mode !== 'int') parts[0] = Words.many(found.length, 'word');
      if (unknown) parts.push(`${unknown} unknown`);
      if (left) parts.push(`the last ${left} left out`);
      said.textContent = problem || parts.filter(Boolean).join(', ');
      said.classList.toggle('bad', Boolean(problem));
      for (const field of fields) field.setAttribute('aria-invalid', String(Boolean(problem)));
      shown.replaceChildren(...found.slice(0, spec.mode === 'int' ? Math.min(SHOWN, count) : SHOWN).map(token => make('span', {
        className: token.unknown ? 'token unknown' : 'token', title: token.unknown ? 'not in the vocabulary' : ''}, token.word || '∅', make('b', {}, token.number === null ? '–' : String(token.number)))));
    }
    function refresh(done) {
      try {
        const found = Text.tokens(spec, fields.map(field => field.value));
        numbers = Text.values(spec, found, count);
        tell(found, '');
        changed(done);
      } catch (error) {
        tell([], error.message);
        changed(false, true);
      }
    }
    fields.forEach((field, place) => {
      const name = spec.from[place], group = linked.get(name) || [];
      linked.set(name, group.concat({field, refresh}));
      field.addEventListener('input', () => { // another input of the model may read the same words
        for (const other of linked.get(name)) if (other.field !== field) other.field.value = field.value;
        for (const other of new Set(linked.get(name).map(each => each.refresh))) other(true);
      });
    });
    const self = {
      element,
      values: () => numbers,
      set(given) { // of a sample: the numbers themselves
        numbers = Float32Array.from(given);
        if (spec.vocabulary && spec.mode === 'int') fields[0].value = Text.words(spec, numbers); else fields.forEach(field => { field.value = ''; });
        shown.replaceChildren();
        said.textContent = 'the numbers of a sample';
        said.classList.remove('bad');
        changed(true);
      },
      setValues(given) { self.set(given); },
      clear() { fields.forEach((field, place) => { field.value = spec.strings[place] ? '' : '0'; }); refresh(true); },
      example() { fields.forEach((field, place) => { field.value = example(spec, turn, place); }); turn += 1; refresh(true); },
    };
    again.addEventListener('click', () => self.example());
    return self;
  }

  return {panel};
})();
