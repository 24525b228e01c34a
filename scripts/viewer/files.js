// The files of the page: fetched from the server beside it, or out of this document where the page is a single file; what
// is missing, cut short or another page's is named in words for the reader.
'use strict';

const Files = (function () {
  class Failure extends Error {} // its message is for the reader of the page

  async function read(name, progress) {
    const inside = document.getElementById('file:' + name);
    if (inside) {
      const text = atob(inside.textContent.trim());
      return Uint8Array.from(text, letter => letter.charCodeAt(0));
    }
    if (location.protocol === 'file:') {
      throw new Failure('A browser does not let a page from disk read the files beside it.\nServe this directory ' +
        '(python -m scripts.viewer.serve DIRECTORY), or make the page one file (--standalone).');
    }
    let response;
    try {
      response = await fetch(name.split('/').map(encodeURIComponent).join('/'));
    } catch (error) {
      throw new Failure(`${name} could not be fetched (${error.message}).\nIs the server still running?`);
    }
    if (!response.ok) throw new Failure(`${name} is missing: the server answered ${response.status}.\nBuild the page again.`);
    const pieces = [];
    let size = 0;
    try {
      const reader = response.body.getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        pieces.push(part.value);
        size += part.value.length;
        if (progress) progress(size);
      }
    } catch (error) {
      throw new Failure(`${name} broke off after ${size} bytes (${error.message}).\nLoad the page again.`);
    }
    const bytes = new Uint8Array(size);
    let offset = 0;
    for (const piece of pieces) { bytes.set(piece, offset); offset += piece.length; }
    return bytes;
  }
  const readJson = async (name, progress) => JSON.parse(new TextDecoder().decode(await read(name, progress)));

  async function check(file, bytes) {
    if (bytes.length !== file.bytes) {
      throw new Failure(`${file.name} has ${bytes.length} bytes, ${file.bytes} are right: it was cut short or replaced.\nBuild the page again.`);
    }
    if (!window.crypto || !crypto.subtle) return; // only where the browser trusts the page's origin
    const digest = Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)), byte => byte.toString(16).padStart(2, '0')).join('');
    if (digest !== file.sha256) throw new Failure(`${file.name} is not the file that this page was built with.\nBuild the page again.`);
  }

  // What every visit needs is asked for while TensorFlow.js is still on its way: page.json, and the files of a light model.
  const LIGHT = 8e6; // bytes of a model that is there before its picture could be: it predicts first
  const page = readJson('page.json'), light = page.then(({files}) => files.reduce((sum, file) => sum + file.bytes, 0) < LIGHT);
  let coming = null, progress = () => {};
  function fetched() {
    coming = coming || page.then(async ({files}) => {
      const total = files.reduce((sum, file) => sum + file.bytes, 0), sizes = files.map(() => 0), found = {};
      await Promise.all(files.map(async (file, i) => {
        const bytes = await read(file.name, size => {
          sizes[i] = size;
          progress(file.name, sizes.reduce((sum, each) => sum + each, 0) / total);
        });
        await check(file, bytes);
        found[file.name] = bytes;
      }));
      return found;
    });
    coming.catch(() => {}); // whoever asks for them hears of it
    return coming;
  }
  light.then(early => { if (early) fetched(); }).catch(() => {});

  return {
    Failure, read, readJson, check, page, light,
    // The model's files as {name: bytes}; tell(name, part): called as they come.
    model(tell) { progress = tell; return fetched(); },
  };
})();
