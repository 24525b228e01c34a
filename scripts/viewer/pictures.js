// Where a picture comes from: a file that is chosen, dropped or pasted, or the camera.
'use strict';

const Pictures = (function () {
  const FRAME = 200; // ms between two pictures of the camera

  // Pixels 0 … 255 of a picture, its middle at the size asked for, its proportions kept: H x W x 3, or grey H x W.
  function cropped(image, height, width, channels) {
    const canvas = document.createElement('canvas'), own = [image.videoWidth || image.width, image.videoHeight || image.height];
    Object.assign(canvas, {width, height});
    const context = canvas.getContext('2d', Pixels.PLAIN), scale = Math.max(width / own[0], height / own[1]);
    context.imageSmoothingQuality = 'high';
    context.fillStyle = '#fff'; // what is transparent is paper
    context.fillRect(0, 0, width, height);
    context.drawImage(image, (width - own[0] * scale) / 2, (height - own[1] * scale) / 2, own[0] * scale, own[1] * scale);
    const {data} = context.getImageData(0, 0, width, height);
    const at = channels === 3 ? i => data[4 * Math.floor(i / 3) + i % 3] : i => 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2];
    return Float32Array.from({length: height * width * channels}, (_, i) => at(i));
  }

  // taken(pixels) is called with each picture; area: the element that files are dropped on.  Returns the elements that a panel shows.
  function source(height, width, channels, area, taken) {
    const {make} = Inputs;
    const file = make('input', {type: 'file', accept: 'image/*', hidden: true}), words = make('p', {}, channels === 3 ? `cropped to ${width} × ${height} pixels` : '');
    const choose = make('button', {type: 'button', title: 'Or drop one here, or paste one'}, 'Choose an image'), camera = make('button', {type: 'button'}, 'Camera');
    words.setAttribute('role', 'status');
    async function open(blob) {
      stop();
      try {
        const image = await createImageBitmap(blob);
        words.textContent = `${blob.name || 'a picture'}, cropped to ${width} × ${height} pixels`;
        taken(cropped(image, height, width, channels));
      } catch (error) {
        words.textContent = `${blob.name || 'this'}: this is no image that the browser can read`;
      }
    }
    let current = null; // the camera that is on, {stream}, or is asked for, {stream: null}
    function release(stream) {
      if (stream) for (const track of stream.getTracks()) track.stop();
    }
    function stop() {
      if (current) release(current.stream);
      current = null;
      camera.textContent = 'Camera';
    }
    async function start() {
      const mine = current = {stream: null};
      camera.textContent = 'Stop';
      try {
        mine.stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: 'environment', width: {ideal: 640}}});
        if (current !== mine) return release(mine.stream); // stopped while the browser asked whether it may
        const video = make('video', {muted: true, playsInline: true, srcObject: mine.stream});
        words.textContent = `the camera, cropped to ${width} × ${height} pixels`;
        await video.play();
        (function next() {
          if (current !== mine) return;
          taken(cropped(video, height, width, channels));
          setTimeout(next, FRAME);
        })();
      } catch (error) {
        if (current !== mine) return; // what was stopped does not play
        stop();
        words.textContent = `The camera cannot be used (${error.name === 'NotAllowedError' ? 'it was not allowed' : error.message}).`;
      }
    }
    camera.hidden = !(navigator.mediaDevices && navigator.mediaDevices.getUserMedia); // a page from disk may have none
    camera.addEventListener('click', () => current ? stop() : start());
    choose.addEventListener('click', () => file.click());
    file.addEventListener('change', () => { if (file.files[0]) open(file.files[0]); });
    area.addEventListener('dragover', event => { event.preventDefault(); area.classList.add('dropping'); });
    area.addEventListener('dragleave', () => area.classList.remove('dropping'));
    area.addEventListener('drop', event => {
      event.preventDefault();
      area.classList.remove('dropping');
      if (event.dataTransfer.files[0]) open(event.dataTransfer.files[0]);
    });
    document.addEventListener('paste', event => { const pasted = event.clipboardData && event.clipboardData.files[0]; if (pasted && area.isConnected) open(pasted); });
    return {elements: [choose, camera, words, file], stop};
  }

  return {source, cropped};
})();
