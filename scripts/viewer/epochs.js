// The epochs of a training: the model's weights after each, and the slider that goes through them.
// A page that is served while the model trains asks for new epochs, and follows them as long as the slider is at the end.
'use strict';

const Epochs = (function () {
  const SECONDS = 2; // between two looks for a new epoch
  const INDEX = 'epochs/epochs.json'; // {epochs: [{epoch, file, bytes, sha256, logs: {loss: 0.1}}]}, in their order
  const {make} = Inputs;

  const words = entry => [`epoch ${entry.epoch}`].concat(Object.entries(entry.logs).map(([name, value]) => `${name} ${Number(value).toPrecision(3)}`)).join(' · ');

  // show(bytes, last): runs the model with the weights of an epoch.  Resolves when the last one is shown.
  async function create(place, show) {
    let entries = (await Files.readJson(INDEX)).epochs, at = -1, wanted = -1, working = null;
    const slider = make('input', {type: 'range', min: 0, step: 1, id: 'epoch'}), said = make('output', {htmlFor: 'epoch', className: 'hint'});
    slider.setAttribute('aria-label', 'Epoch');
    place.append(make('h2', {}, 'Training'), slider, said);
    place.hidden = false;

    function go(i) { // one at a time; of those that came meanwhile the last one is shown
      wanted = i;
      slider.max = entries.length - 1;
      slider.value = i;
      said.textContent = words(entries[i]);
      slider.setAttribute('aria-valuetext', said.textContent);
      working = working || (async () => {
        while (at !== wanted) {
          const next = wanted, entry = entries[next], file = {name: `epochs/${entry.file}`, bytes: entry.bytes, sha256: entry.sha256};
          const bytes = await Files.read(file.name);
          await Files.check(file, bytes);
          await show(bytes, next === entries.length - 1);
          at = next;
        }
      })().finally(() => { working = null; });
      return working;
    }
    async function look() {
      try {
        const found = (await Files.readJson(INDEX)).epochs, follows = wanted === entries.length - 1, more = found.length !== entries.length;
        entries = found;
        if (more) { slider.max = entries.length - 1; if (follows || wanted >= entries.length) await go(entries.length - 1); }
      } catch (error) { /* the training ended, and its server: what is here stays */ }
      setTimeout(look, SECONDS * 1000);
    }
    slider.addEventListener('input', () => go(Number(slider.value)));
    await go(entries.length - 1);
    if (/^http/.test(location.protocol) && !document.getElementById('file:' + INDEX)) setTimeout(look, SECONDS * 1000);
    return {go, get at() { return at; }, get count() { return entries.length; }};
  }

  return {create};
})();
