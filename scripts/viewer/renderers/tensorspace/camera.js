// The one fit of the camera: from points that are drawn to a place from where all of them fill the window, centred.
'use strict';

const Camera = (function () {
  const FILL = 0.86; // of the side that is the tighter one

  // points: THREE.Vector3 of the world; back: from the target to the camera.  Returns {position, target}.
  function fit(points, back, camera) {
    const away = back.clone().normalize();
    const right = new THREE.Vector3().crossVectors(camera.up, away).normalize();
    const up = new THREE.Vector3().crossVectors(away, right);
    const slope = Math.tan(THREE.MathUtils.degToRad(camera.fov / 2));
    const box = new THREE.Box3().setFromPoints(points);
    const target = box.getCenter(new THREE.Vector3());
    const nearest = () => Math.max(...points.map(point => point.clone().sub(target).dot(away)));
    let distance = 2 * box.getSize(new THREE.Vector3()).length() + 1;
    for (let round = 0; round < 24; round++) { // near points look farther out than far ones: centre and scale what is seen
      const seen = points.map(point => {
        const from = point.clone().sub(target), depth = (distance - from.dot(away)) * slope;
        return [from.dot(right) / depth / camera.aspect, from.dot(up) / depth];
      });
      const [wide, high] = [0, 1].map(axis => [Math.min(...seen.map(each => each[axis])), Math.max(...seen.map(each => each[axis]))]);
      target.addScaledVector(right, (wide[0] + wide[1]) / 2 * distance * slope * camera.aspect).addScaledVector(up, (high[0] + high[1]) / 2 * distance * slope);
      const filled = Math.max(wide[1] - wide[0], high[1] - high[0]) / 2, front = nearest();
      distance = Math.max(front + 1, front + (distance - front) * filled / FILL);
    }
    return {position: target.clone().addScaledVector(away, distance), target};
  }

  return {fit};
})();
