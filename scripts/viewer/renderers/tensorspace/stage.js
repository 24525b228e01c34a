// What is around the model: TensorSpace's renderer and camera, drawn only when something changed, and the pointer in them.
'use strict';

const Stage = (function () {
  const VIEW = [0.3, 0.17, 1]; // from where the camera looks at first
  const LENS = 24; // degrees: a long one, so that the near end of a row is not much larger than the far end
  const CLICK = 6; // pixels: what moved farther was a drag

  // model: TensorSpace's; act: {before(), seen(): around a picture, hover(figure or null, hits), click(figure), resized()}.
  function create(container, model, act) {
    const view = model.modelRenderer, {renderer, camera, scene, cameraControls: controls} = view, canvas = renderer.domElement;
    renderer.setPixelRatio(Math.min(window.devicePixelRatio || 1, 2));
    Object.assign(camera, {fov: LENS, near: 1, far: 60000});
    renderer.debug.checkShaderErrors = false; // asking for them waits until each is compiled
    view.onResize();
    controls.rotateSpeed = 2;

    // TensorSpace renders sixty times a second, whatever happens; here only while something moves or has changed.
    const plain = renderer.render.bind(renderer), render = (...given) => { act.before(); plain(...given); }, seen = new THREE.Matrix4();
    let due = 0;
    const stir = () => { due = 8; }; // a few frames more: a texture or a hover shows one frame late
    renderer.render = (...given) => {
      camera.updateMatrixWorld();
      if (!due && !TWEEN.getAll().length && seen.equals(camera.matrixWorld)) return;
      seen.copy(camera.matrixWorld);
      due = Math.max(0, due - 1);
      render(...given);
      act.seen();
    };
    for (const event of ['pointerdown', 'pointerup', 'wheel']) canvas.addEventListener(event, stir);
    let size = '';
    new ResizeObserver(() => {
      const now = `${container.clientWidth} x ${container.clientHeight}`;
      if (now === size || !container.clientWidth) return;
      const first = !size;
      size = now;
      view.onResize();
      stir();
      if (!first) act.resized();
    }).observe(container);
    stir();

    // What lies under the pointer, nearest first, with the figure that it belongs to.
    function hits(event) {
      const box = canvas.getBoundingClientRect();
      view.mouse.set(2 * (event.clientX - box.left) / box.width - 1, 1 - 2 * (event.clientY - box.top) / box.height);
      view.raycaster.setFromCamera(view.mouse, camera);
      return view.raycaster.intersectObjects(model.modelContext.children.filter(group => group.visible && group.userData.figure), true).filter(hit => hit.object.type === 'Mesh');
    }
    function figureOf(object) {
      while (object && !object.userData.figure) object = object.parent;
      return object && object.userData.figure;
    }
    let pressed = [0, 0], asked = false;
    canvas.addEventListener('pointerdown', event => { pressed = [event.clientX, event.clientY]; });
    canvas.addEventListener('pointerleave', () => { act.hover(null, []); stir(); });
    view.onMouseMove = event => { // once a frame is enough
      if (asked || event.buttons) return;
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        const found = hits(event), figure = found.length ? figureOf(found[0].object) : null;
        canvas.style.cursor = figure ? 'pointer' : '';
        act.hover(figure, found);
        stir();
      });
    };
    view.onClick = event => {
      if (Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > CLICK) return;
      const [first] = hits(event);
      if (first) act.click(figureOf(first.object));
    };

    function pixels() {
      render(scene, camera);
      const gl = renderer.getContext(), [width, height] = [gl.drawingBufferWidth, gl.drawingBufferHeight], bytes = new Uint8Array(4 * width * height);
      gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
      return {width, height, bytes};
    }
    function drawnBox() {
      const {width, height, bytes} = pixels(), ground = [scene.background.r, scene.background.g, scene.background.b].map(part => Math.round(255 * part));
      const box = {left: width, right: -1, top: height, bottom: -1, count: 0, width, height};
      for (let i = 0; i < bytes.length; i += 4) {
        if (!ground.some((part, j) => Math.abs(bytes[i + j] - part) > 2)) continue;
        const x = i / 4 % width, y = height - 1 - Math.floor(i / 4 / width);
        Object.assign(box, {left: Math.min(box.left, x), right: Math.max(box.right, x + 1), top: Math.min(box.top, y), bottom: Math.max(box.bottom, y + 1), count: box.count + 1});
      }
      return box;
    }

    return {
      camera, controls, canvas, scene, stir,
      direction: () => camera.position.clone().sub(controls.target),
      home() {
        camera.up.set(0, 1, 0);
        camera.position.copy(controls.target).add(new THREE.Vector3(...VIEW));
      },
      look({position, target}) {
        camera.position.copy(position);
        controls.target.copy(target);
        controls.update();
        stir();
      },
      // Points of the world as the rectangle that they take in the window, in CSS pixels.
      rect(points) {
        const rect = {left: Infinity, right: -Infinity, top: Infinity, bottom: -Infinity}, [width, height] = [container.clientWidth, container.clientHeight];
        for (const point of points) {
          const {x, y} = point.clone().project(camera), [at, down] = [(x + 1) / 2 * width, (1 - y) / 2 * height];
          Object.assign(rect, {left: Math.min(rect.left, at), right: Math.max(rect.right, at), top: Math.min(rect.top, down), bottom: Math.max(rect.bottom, down)});
        }
        return rect;
      },
      // The box of all pixels that differ from the ground, right after a render, in drawing-buffer pixels, and their count.
      drawnBox,
      pixels,
      calls() { render(scene, camera); return renderer.info.render.calls; },
      draw() { render(scene, camera); return canvas; },
      // Resolves when what has changed last is on the screen, and a change of the window's or the title's size is heard of: two frames.
      drawn: () => new Promise(resolve => { let frames = 0; (function ask() { due === 8 || frames++ < 2 ? requestAnimationFrame(ask) : resolve(); })(); }),
      setGround(colour) { scene.background = new THREE.Color(colour); stir(); },
    };
  }

  return {create};
})();
