"""Models that become graph models: converting them against Keras's export and the official converter, and running them.

    python -m bench.lowered save NAME PATH        write a model of MODELS as .keras
    python -m bench.lowered official PATH OUT     the route through TensorFlow: export(), then tensorflowjs_converter
"""
import json
import os
import shutil
import subprocess
import sys

from bench import measure

RUNS = """
const [bundle, models, shape] = [process.argv[2], process.argv.slice(4), JSON.parse(process.argv[3])];
const fs = require('fs'), path = require('path'), tf = require(bundle);
for (const level of ['warn', 'info', 'log']) console[level] = () => {};
const load = async file => {
  const json = JSON.parse(fs.readFileSync(file)), dir = path.dirname(file), specs = [], shards = [];
  for (const group of json.weightsManifest) {
    specs.push(...group.weights);
    for (const name of group.paths) shards.push(fs.readFileSync(path.join(dir, name)));
  }
  const weightData = new Uint8Array(Buffer.concat(shards)).buffer;
  const loaded = Object.assign({}, json, {weightSpecs: specs, weightData});
  delete loaded.weightsManifest;
  const handler = {load: async () => loaded};
  const start = process.hrtime.bigint();
  const graph = json.format === 'graph-model';
  const model = await (graph ? tf.loadGraphModel(handler) : tf.loadLayersModel(handler));
  const loading = Number(process.hrtime.bigint() - start) / 1e9;
  const run = graph ? x => model.execute(x, model.outputs.map(o => o.name)) : x => model.predict(x);
  return {loading, run};
};
(async () => {
  await tf.setBackend('cpu');
  const loaded = [];
  for (const file of models) loaded.push(await load(file));
  const times = loaded.map(() => []);
  const x = tf.randomUniform(shape);
  for (let turn = 0; turn < 6; turn++) {
    loaded.forEach((model, i) => {
      const start = process.hrtime.bigint();
      [].concat(tf.tidy(() => [].concat(model.run(x)).map(y => y.dataSync()[0])));
      if (turn) times[i].push(Number(process.hrtime.bigint() - start) / 1e9);
    });
  }
  const middle = list => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];
  process.stdout.write(JSON.stringify({loading: loaded.map(m => m.loading), seconds: times.map(middle)}));
})();
"""


def mobilenet(keras):
    """MobileNetV3Small: hard_silu, and x / 127.5 - 1 in the model."""
    return keras.applications.MobileNetV3Small(weights=None, input_shape=(96, 96, 3))


def convnext(keras):
    """ConvNeXtTiny: depthwise convolutions in groups, LayerScale."""
    return keras.applications.ConvNeXtTiny(weights=None, input_shape=(64, 64, 3))


def transformer(keras, blocks=6, steps=32, width=64):
    """A transformer encoder."""
    layers = keras.layers
    start = x = keras.Input((steps, width))
    for _ in range(blocks):
        x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(4, width // 4)(x, x)]))
        x = layers.LayerNormalization()(layers.Add()([x, layers.Dense(width)(layers.Dense(4 * width, "gelu")(x))]))
    return keras.Model(start, layers.Dense(10)(layers.GlobalAveragePooling1D()(x)))


def gru(keras):
    """GRU(64) over 50 steps, with Keras's default reset_after."""
    return keras.Sequential([keras.Input((50, 16)), keras.layers.GRU(64), keras.layers.Dense(4)])


def lstm(keras):
    """LSTM(128) over 200 steps, which both formats have."""
    return keras.Sequential([keras.Input((200, 16)), keras.layers.LSTM(128), keras.layers.Dense(4)])


def lenet(keras):
    """The guide's LeNet, which both formats have."""
    layers = keras.layers
    return keras.Sequential([
        keras.Input((28, 28, 1)), layers.Conv2D(6, 5, activation="relu"), layers.MaxPooling2D(), layers.Conv2D(
            16, 5, activation="relu"), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(120, activation="relu"),
        layers.Dense(84, activation="relu"), layers.Dense(10, activation="softmax")])


MODELS = {function.__name__: function for function in (mobilenet, convnext, transformer, gru, lstm, lenet)}
BOTH = ("lstm", "lenet")  # models that both formats hold


def lowered(place):
    """Models that become graph models, in cold processes, against export() and the official converter; and their speed.

    Prediction in Node on the cpu, batch of one: the graph model against the layers model, where there is one.
    """
    rows = []
    for name in MODELS:
        source, ours, theirs = (os.path.join(place, name + end) for end in (".keras", "-ours", "-theirs"))
        measure.once([sys.executable, "-m", "bench.lowered", "save", name, source])

        def prepare(contender, made=(ours, theirs)):
            shutil.rmtree(made[contender == "official"], ignore_errors=True)

        got = measure.side_by_side({
            "ours": [[sys.executable, "-m", "scripts.preprocess", source, ours, "--format", "graph"]],
            "official": [[sys.executable, "-m", "bench.lowered", "official", source, theirs]],
        }, runs=3, prepare=prepare)
        kinds = [ours]
        if name in BOTH:
            layers = os.path.join(place, name + "-layers")
            measure.once([sys.executable, "-m", "scripts.preprocess", source, layers, "--format", "layers"])
            kinds.append(layers)
        times = timed(source, kinds)
        rows.append({
            "model": name, "ours s": got["ours"]["seconds"], "official s": got["official"]["seconds"],
            "times faster": round(got["official"]["seconds"] / got["ours"]["seconds"], 1),
            "ours MB": got["ours"]["megabytes"], "official MB": got["official"]["megabytes"],
            "model.json kB": round(os.path.getsize(os.path.join(ours, "model.json")) / 1e3),
            "loads s": round(times["loading"][0], 3), "predicts s": round(times["seconds"][0], 4),
            "of the layers model": round(times["seconds"][0] / times["seconds"][1], 2) if name in BOTH else ""})
    return rows, ("Every layer is an output. The official side holds the model's own output alone, of convnext with "
                  "an operation that TensorFlow.js lacks (Erfc).")


def timed(source, directories):
    """Run models in TensorFlow.js in turn; return {"loading": [s], "seconds": [s of one prediction]}."""
    from scripts import formats
    from scripts.layers import topology
    from scripts.viewer import packages
    with formats.read(source) as model:
        graph = topology.graph(model.topology, model.keras_major)
        shape = [1] + topology.batch_shape(graph.layers[graph.inputs[0].layer])[1:]
    command = packages.node() + [script(os.path.dirname(source)), packages.bundle("@tensorflow/tfjs"),
                                 json.dumps(shape)]
    done = subprocess.run(command + [os.path.join(path, "model.json") for path in directories], check=True,
                          stdout=subprocess.PIPE)
    return json.loads(done.stdout.decode("utf-8"))


def script(place):
    """Write the script that Node runs; return its path."""
    path = os.path.join(place, "runs.js")
    with open(path, "w") as stream:
        stream.write(RUNS)
    return path


def main(task, *arguments):
    """Run one of the two commands."""
    if task == "save":
        import keras
        MODELS[arguments[0]](keras).save(arguments[1])
        return
    import tempfile

    from scripts.verification import reference
    converter = reference.tensorflowjs().converters.converter
    import keras
    with tempfile.TemporaryDirectory() as private:
        keras.models.load_model(arguments[0], compile=False).export(private)
        # Keras 3 computes gelu by Erfc, which TensorFlow.js lacks: the converter writes a model that does not run
        converter.convert(["--input_format=tf_saved_model", "--skip_op_check", private, arguments[1]])


if __name__ == "__main__":
    main(*sys.argv[1:])
