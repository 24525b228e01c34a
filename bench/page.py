"""The page in Chromium: bytes over the wire, the first drawn frame, the first prediction."""
import os
import shutil
import statistics
import sys

from bench import measure
from bench.projects import LAYERS, lenet
from scripts.viewer import packages
from scripts.viewer import page as pages
from scripts.viewer.chromium import Browser, Serving

RUNS = {"LeNet": 5, "MobileNet": 5, "ResNet50": 3}
BUILD = """
import sys
from scripts.training import saved_by_keras
keras = saved_by_keras.legacy_keras()
saved_by_keras.save_h5(getattr(keras.applications, sys.argv[1])(weights=None), sys.argv[2])
"""

# In every page before its own scripts: when there was a frame with the model in it, and when its first prediction.
# A contender says which with two functions; times count from the navigation.
WATCH = """
window.measured = {};
const look = () => {
  if (!measured.frame && %s) requestAnimationFrame(() => { measured.frame = measured.frame || performance.now(); });
  if (!measured.prediction && %s) measured.prediction = performance.now();
  if (!measured.frame || !measured.prediction) setTimeout(look, 5);
};
look();
"""
OURS = ("window.viewer && viewer.scene", "window.viewer && viewer.page && viewer.page.drawing && "
        "viewer.values(viewer.page.drawing.layers[0].name)")
THEIRS = ("window.drawn", "window.predicted")
WIRE = """(async () => {
  while (!measured.frame || !measured.prediction) {
    if (performance.now() > 200000) throw new Error('no frame, or no prediction, in 200 s');
    await new Promise(done => setTimeout(done, 20));
  }
  const all = performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource'));
  return [all.reduce((sum, entry) => sum + entry.transferSize, 0), measured.frame, measured.prediction];
})()"""

# What one writes by hand: TensorFlow.js alone, which draws nothing.
ALONE = """<!DOCTYPE html><meta charset="utf-8"><link rel="icon" href="data:,"><script src="tf.min.js"></script>
<script>
(async () => {
  await tf.setBackend('webgl');
  const model = await tf.loadLayersModel('model/model.json');
  const results = [].concat(model.predict(tf.zeros([1].concat(model.inputs[0].shape.slice(1)))));
  await Promise.all(results.map(result => result.data()));
  window.drawn = window.predicted = true;
})();
</script>"""

# And TensorSpace as its documentation has it, which loads and runs the converted model itself.
BY_HAND = """<!DOCTYPE html><meta charset="utf-8"><link rel="icon" href="data:,">
<div id="scene" style="width: 1000px; height: 600px"></div>%s<script>
const model = new TSP.models.Sequential(document.getElementById('scene'));
const layers = TSP.layers;
[new layers.GreyscaleInput(), new layers.Conv2d(), new layers.Pooling2d(), new layers.Conv2d(),
 new layers.Pooling2d(), new layers.Dense(), new layers.Dense(), new layers.Output1d({outputs: [...'0123456789']})
].forEach(layer => model.add(layer));
model.load({type: 'keras', url: 'model/model.json'});
model.init(() => {
  window.drawn = true;
  requestAnimationFrame(() => setTimeout(() => model.predict(new Float32Array(784), \
() => { window.predicted = true; })));
});
</script>"""


def page(place):
    """A page in headless Chromium, against TensorFlow.js alone and against TensorSpace's own page, written by hand."""
    rows = []
    for name, runs in RUNS.items():
        measure.progress(f"building {name}")
        contenders = prepare(name, os.path.join(place, name))
        got = {contender: [] for contender in contenders}
        for turn in range(runs):
            for contender, (directory, watched) in contenders.items():
                measure.progress(f"{contender}, run {turn + 1} of {runs}")
                got[contender].append(opened(directory, watched))
        middle = {contender: [statistics.median(column) for column in zip(*samples)]
                  for contender, samples in got.items()}
        ours, alone, hand = middle["ours"], middle["alone"], middle.get("by hand")
        predictions = [run[2] for run in got["ours"]]
        rows.append({
            "model": name, "wire MB": round(ours[0] / 1e6, 2), "of tfjs alone": round(ours[0] / alone[0], 2),
            "first frame s": round(ours[1] / 1e3, 2), "first prediction s": round(ours[2] / 1e3, 2),
            "tfjs alone, prediction s": round(alone[2] / 1e3, 2), "of that": round(ours[2] / alone[2], 2),
            "by hand, frame s": round(hand[1] / 1e3, 2) if hand else "",
            "by hand, prediction s": round(hand[2] / 1e3, 2) if hand else "",
            "of the frame": round(ours[1] / hand[1], 2) if hand else "",
            "of the prediction": round(ours[2] / hand[2], 2) if hand else "",
            "spread s": round((max(predictions) - min(predictions)) / 1e3, 2)})
    return rows, ("Fresh profile each time, software WebGL, from 127.0.0.1, uncompressed. tfjs alone loads and runs "
                  "the same files and draws nothing; by hand: TensorSpace's load of what the official converter wrote.")


def prepare(name, place):
    """Build a model and its pages.  Return {contender: (directory, what to watch)}."""
    from scripts import convert, encapsulate
    os.makedirs(place)
    source, encapsulated, converted = (os.path.join(place, part) for part in ("source.h5", "enc_model.h5", "json"))
    if name == "LeNet":
        lenet(sys.executable, source)
    else:
        measure.once([sys.executable, "-c", BUILD, name, source])
    encapsulate.build(source, encapsulated, layers=LAYERS if name == "LeNet" else None)
    os.makedirs(converted)
    convert.convert(encapsulated, converted)
    directories = {contender: os.path.join(place, contender) for contender in ("ours", "alone", "by hand")}
    for directory in directories.values():
        os.makedirs(directory)
    pages.build(converted, directories["ours"])
    shutil.copytree(converted, os.path.join(directories["alone"], "model"))
    shutil.copy(packages.bundle("@tensorflow/tfjs"), directories["alone"])
    write(directories["alone"], ALONE)
    found = {"ours": (directories["ours"], OURS), "alone": (directories["alone"], THEIRS)}
    if name == "LeNet":
        official = os.path.join(directories["by hand"], "model")
        os.makedirs(official)
        measure.once([sys.executable, "-m", "scripts.reference", "convert", encapsulated, official])
        scripts = []
        for package, file in pages.THIRD_PARTY:
            shutil.copy(packages.bundle(package, file=file), directories["by hand"])
            scripts.append(f'<script src="{os.path.basename(file)}"></script>')
        write(directories["by hand"], BY_HAND % "".join(scripts))
        found["by hand"] = (directories["by hand"], THEIRS)
    return found


def write(directory, text):
    with open(os.path.join(directory, "index.html"), "w", encoding="utf-8") as stream:
        stream.write(text)


def opened(directory, watched):
    """Open a page once.  Returns [bytes over the wire, ms to the first frame, ms to the first prediction]."""
    with Serving(directory) as address, Browser() as browser:
        browser.open(address, before=WATCH % watched)
        return browser.evaluate(WIRE)
