"""SavedModels of Keras, of TensorFlow 2 and of TensorFlow 1: scripts/formats/saved_model.py, scripts/tfjs/graph.py."""
import json
import os
import re
import resource
import shutil
import subprocess
import sys

import numpy
import pytest

from scripts import Fault, encapsulate, formats, preprocess, verify
from scripts.base import child
from scripts.formats import saved_model
from scripts.tfjs import graph, write_layers
from scripts.training import lenet
from scripts.viewer import predict
from tests import needs, shared_tensorflow
from tests.models import graph_models
from tests.project import Project


def convert_graph(path, directory, outputs=None, tags=None, signature=None, **settings):
    """Convert a graph as scripts.preprocess does: (names of the files, {"inputs": …, "outputs": …})."""
    return graph.convert(formats.read(path, saved_model_tags=tags, signature=signature), directory, outputs, **settings)


def keras2():
    needs.reference()
    return __import__("keras" if needs.STACK == "py36" else "tf_keras")


def randomize(model, seed=5):
    random = numpy.random.RandomState(seed)
    model.set_weights([random.uniform(0.1, 0.6, weight.shape) * random.choice([1, 1, -1]) ** (weight.ndim > 1)
                       for weight in model.get_weights()])
    return model


def branched(keras):
    """Shared, nested, wrapped and recurrent layers, and weights that are not trained, in every place."""
    layers = keras.layers
    inside = keras.Input((7,), name="inside")
    inner = keras.Model(inside, layers.Dense(3, name="inner_dense")(layers.BatchNormalization(name="norm")(inside)),
                        name="inner")
    frozen = keras.models.Sequential([keras.Input((7,)), layers.BatchNormalization(name="still_norm"),
                                      layers.Dense(4, name="still_dense")], name="still")
    frozen.trainable = False
    left, right = keras.Input((7,), name="left"), keras.Input((7,), name="right")
    shared = layers.Dense(7, name="shared")
    row = layers.Reshape((1, 7), name="row")(right)
    both = layers.Bidirectional(layers.LSTM(4, return_sequences=True), name="both")(row)
    return keras.Model([left, right], [
        layers.Add(name="sum")([shared(left), shared(right)]), inner(shared(left)), frozen(left),
        layers.TimeDistributed(layers.Dense(2), name="each")(both)])


@pytest.fixture(scope="module")
def keras_models(tmp_path_factory):
    """{name: (SavedModel's directory, inputs, what Keras predicts)}."""
    keras = keras2()
    found = {}
    for name, build in (("lenet", lenet.build), ("branched", branched)):
        model = randomize(build(keras))
        path = str(tmp_path_factory.mktemp("keras") / name)
        model.save(path, save_format="tf")
        random = numpy.random.RandomState(1)
        inputs = [random.rand(3, *tensor.shape[1:]).astype(numpy.float32) for tensor in model.inputs]
        wanted = model.predict(inputs, verbose=0)
        found[name] = path, inputs, wanted if isinstance(wanted, list) else [wanted]
    return found


@pytest.fixture(scope="module")
def graphs(tmp_path_factory):
    """SavedModels without Keras: {name: (directory, inputs, {tensor: what TensorFlow computes})}."""
    needs.tensorflow()
    import tensorflow
    v1, random = tensorflow.compat.v1, numpy.random.RandomState(2)
    directory = tmp_path_factory.mktemp("graphs")

    class Scores(tensorflow.Module):
        def __init__(self):
            super().__init__()
            self.kernel = tensorflow.Variable(random.rand(4, 3).astype(numpy.float32))
            self.bias = tensorflow.Variable(random.rand(3).astype(numpy.float32))

        @tensorflow.function(input_signature=[tensorflow.TensorSpec([None, 4], tensorflow.float32)])
        def run(self, x):
            hidden = tensorflow.nn.relu(tensorflow.matmul(x, self.kernel) + self.bias, name="hidden")
            return {"output_10": tensorflow.nn.softmax(hidden), "output_2": hidden * 2.0}

        @tensorflow.function(input_signature=[tensorflow.TensorSpec([None, 4], tensorflow.float32)])
        def total(self, x):
            return {"total": tensorflow.reduce_sum(x, axis=1)}

    scores, x = Scores(), random.rand(2, 4).astype(numpy.float32)
    tensorflow.saved_model.save(scores, str(directory / "two"),
                                signatures={"serving_default": scores.run, "total": scores.total})
    found = {key: value.numpy() for key, value in scores.run(tensorflow.constant(x)).items()}
    found.update(hidden=found["output_2"] / 2, total=x.sum(axis=1))
    result = {"two": (str(directory / "two"), [x], found)}

    with tensorflow.Graph().as_default() as whole, v1.Session() as session:
        image = v1.placeholder(tensorflow.float32, [None, 8, 8, 3], name="image")
        kernel, scale, offset = [
            v1.get_variable(name, initializer=random.rand(*shape).astype(numpy.float32), use_resource=name[:2] == "bn")
            for name, shape in (("conv/kernel", (3, 3, 3, 4)), ("bn/gamma", (4,)), ("bn/beta", (4,)))]
        conv = tensorflow.nn.conv2d(image, kernel, 1, "SAME", name="conv/Conv2D")
        norm = v1.nn.fused_batch_norm(conv, scale, offset, mean=random.rand(4), variance=random.rand(4) + 1,
                                      is_training=False, name="bn/norm")[0]
        pool = tensorflow.reduce_mean(tensorflow.nn.relu(norm, name="relu"), [1, 2], name="pool")
        first, second = tensorflow.split(pool, 2, axis=1, name="split")
        session.run(v1.global_variables_initializer())
        picture = random.rand(2, 8, 8, 3).astype(numpy.float32)
        tensors = {"conv/Conv2D": conv, "bn/norm": norm, "relu": "relu:0", "y": pool, "split:1": second, "first": first}
        values = dict(zip(tensors, session.run(list(tensors.values()), {image: picture})))
        v1.saved_model.simple_save(session, str(directory / "one"), {"image": image}, {"y": pool, "first": first})
        result["one"] = str(directory / "one"), [picture], values
        constant = v1.graph_util.convert_variables_to_constants(session, whole.as_graph_def(), ["pool", "split"])
    (directory / "frozen.pb").write_bytes(constant.SerializeToString())
    result["frozen"] = str(directory / "frozen.pb"), [picture], values
    return result


def agree(found, wanted, bound=1e-5):
    assert found.shape == wanted.shape
    assert numpy.abs(found - wanted).max() <= bound * max(1, numpy.abs(wanted).max())


# Keras's -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["lenet", "branched"])
def test_a_keras_savedmodel_becomes_a_model_that_predicts_the_same(keras_models, tmp_path, name):
    path, inputs, wanted = keras_models[name]
    assert saved_model.match(path) and not formats.is_graph(path)
    target = str(tmp_path / "enc_model.h5")
    outputs = encapsulate.build(path, target)["outputs"]
    found = dict(zip(outputs, keras2().models.load_model(target, compile=False).predict(inputs, verbose=0)))
    ends = {"lenet": ["Softmax"], "branched": ["sum", "inner", "still", "each"]}[name]
    for end, values in zip(ends, wanted):
        assert numpy.array_equal(found[end], values), end


def test_it_is_read_without_tensorflow(keras_models):
    script = ("import sys; from scripts import formats\n"
              "with formats.read(sys.argv[1]) as model:\n"
              "    print(sum(w.read().size for ws in model.weights.values() for w in ws))\n"
              "assert not {'tensorflow', 'keras', 'tf_keras', 'google.protobuf'} & set(sys.modules)")
    done = subprocess.run([sys.executable, "-c", script, keras_models["lenet"][0]], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 0 and done.stdout == "44426\n", done.stderr


def test_it_opens_in_tensorflow_js(keras_models, tmp_path):
    needs.node()
    path, inputs, wanted = keras_models["lenet"]
    preprocess.preprocess(path, str(tmp_path), layers=["Conv2D_1", "Softmax"])
    found = predict.predict(str(tmp_path / "model.json"), inputs)
    assert len(found) == 2
    agree(found[1][1], wanted[0])


def test_weights_that_are_another_model_s_are_refused(keras_models, tmp_path):
    shutil.copytree(keras_models["lenet"][0], str(tmp_path / "mixed"))
    shutil.rmtree(str(tmp_path / "mixed" / "variables"))
    shutil.copytree(os.path.join(keras_models["branched"][0], "variables"), str(tmp_path / "mixed" / "variables"))
    with pytest.raises(Fault, match="does not belong"):
        formats.read(str(tmp_path / "mixed"))


@pytest.mark.parametrize("name", ["saved_model.pb", "keras_metadata.pb", os.path.join("variables", "variables.index"),
                                  os.path.join("variables", "variables.data-00000-of-00001")])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.97])
def test_a_savedmodel_with_a_truncated_file_is_one_line(keras_models, tmp_path, name, share):
    shutil.copytree(keras_models["lenet"][0], str(tmp_path / "short"))
    path = tmp_path / "short" / name
    content = path.read_bytes()
    path.write_bytes(content[:int(share * len(content))])
    with pytest.raises(Fault) as fault:
        with formats.read_layers(str(tmp_path / "short")) as model:
            [weight.read() for weights in model.weights.values() for weight in weights]
    assert "\n" not in str(fault.value) and "short" in str(fault.value)


def test_tags_that_are_not_there_are_refused_with_those_that_are(keras_models):
    with pytest.raises(Fault, match="tagged gpu; there are serve"):
        formats.read(keras_models["lenet"][0], saved_model_tags="gpu")


def test_code_in_a_savedmodel_is_not_run_and_the_layer_is_refused_by_name(tmp_path):
    keras = keras2()
    model = keras.models.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x * 2, name="doubled")])
    model.save(str(tmp_path / "source"), save_format="tf")
    with formats.read(str(tmp_path / "source")) as found:
        with pytest.raises(Fault, match="'doubled'.*Lambda"):
            write_layers.write(found, str(tmp_path))


def test_a_savedmodel_with_a_class_of_the_user_s_own_is_a_graph_whose_layers_are_outputs(tmp_path):
    needs.node()
    keras = keras2()

    class Own(keras.layers.Layer):
        def call(self, x):
            return x * 2.0 + 1.0

    model = randomize(keras.models.Sequential([keras.Input((6, 6, 2)), keras.layers.Conv2D(3, 3, name="seen"),
                                               Own(name="own"), keras.layers.Flatten(name="flat"),
                                               keras.layers.Dense(2, name="last")]))
    path, x = str(tmp_path / "source"), numpy.random.RandomState(1).rand(3, 6, 6, 2).astype("float32")
    model.save(path, save_format="tf")
    assert formats.is_graph(path)
    done = preprocess.preprocess(path, str(tmp_path / "out"))
    assert done.facts["outputs"][0] == "seen" and done.facts["outputs"][-1] == "last"
    preprocess.preprocess(path, str(tmp_path / "asked"), layers=["own", "seen"])
    for directory in ("out", "asked"):
        for name, values in predict.predict(str(tmp_path / directory / "model.json"), [x], sync=True):
            agree(values, keras.Model(model.inputs, model.get_layer(name).output).predict(x, verbose=0))


@pytest.mark.modern  # the command takes it on both stacks, below
def test_doit_takes_the_signature_of_a_savedmodel_with_a_lambda_too(tmp_path):
    needs.node()
    keras = keras2()
    project = Project.create(tmp_path / "project", '[odd]\nsource = "given"\n')
    model = keras.models.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="seen"),
                                     keras.layers.Lambda(lambda x: x * 2, name="doubled")])
    model.save(project.file("given"), save_format="tf")
    status, said, wrong = project.doit("verify")
    assert (status, wrong) == (0, ""), wrong
    assert "'doubled' is a Lambda" in said and "what its signature computes is taken" in said
    manifest = json.loads(project.read("models/json_models/odd/manifest.json").decode())
    assert (manifest["format"], manifest["layers"]) == ("graph-model", ["seen", "doubled"])
    assert project.ran("convert") == set()


def test_a_savedmodel_with_a_lambda_is_the_graph_of_its_signature(tmp_path):
    needs.node()
    keras = keras2()
    model = keras.models.Sequential([keras.Input((None, 3)), keras.layers.Dense(2, name="seen"),
                                     keras.layers.Lambda(lambda x: x * 2, name="doubled")])
    model.save(str(tmp_path / "source"), save_format="tf")
    done = preprocess.preprocess(str(tmp_path / "source"), str(tmp_path / "out"), input_shape=[4, 3])
    assert done.facts["outputs"] == ["seen", "doubled"] and "what its signature computes" in done.facts["why"]
    told = json.loads((tmp_path / "out" / "model.json").read_text())["userDefinedMetadata"]["tensorspace"]["layers"]
    assert [one["shape"] for one in told] == [[None, 4, 3], [None, 4, 2], [None, 4, 2]]
    x = numpy.random.RandomState(1).rand(3, 4, 3).astype("float32")
    first, second = predict.predict(str(tmp_path / "out" / "model.json"), [x], sync=True)
    agree(first.values, keras.Model(model.inputs, model.get_layer("seen").output).predict(x, verbose=0))
    agree(second.values, model.predict(x, verbose=0))
    with pytest.raises(Fault, match="'doubled'.*Lambda"):
        preprocess.preprocess(str(tmp_path / "source"), str(tmp_path / "layers"), format="layers")


# Graphs -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, outputs, tensors", [
    ("two", None, ["output_2", "output_10"]),
    ("two", ["output_10", "hidden"], ["output_10", "hidden"]),
    ("one", None, ["first", "y"]),
    ("one", ["relu", "y", "conv/Conv2D", "split:1", "bn/norm"], ["relu", "y", "conv/Conv2D", "split:1", "bn/norm"]),
    ("one", ["bn", "pool"], ["bn/norm", "y"]),
    ("frozen", ["split:1", "conv/Conv2D", "pool"], ["split:1", "conv/Conv2D", "y"]),
    ("frozen", None, ["first", "split:1"]),
])
def test_a_graph_s_tensors_are_outputs_in_the_order_asked_for_with_tensorflow_s_values(
        graphs, tmp_path, name, outputs, tensors):
    needs.node()
    path, inputs, wanted = graphs[name]
    assert formats.is_graph(path)
    names, facts = convert_graph(path, str(tmp_path), outputs, json_name="graph.json")
    assert names == ["graph.json", "group1-shard1of1.bin"] and sorted(os.listdir(str(tmp_path))) == names
    found = predict.predict(str(tmp_path / "graph.json"), inputs)
    assert [key for key, _ in found] == facts["outputs"] and len(found) == len(tensors)
    for (_, values), tensor in zip(found, tensors):
        agree(values, wanted[tensor])


@pytest.mark.parametrize("name, form", [("one", "tf_saved"), ("frozen", "tf_frozen")])
def test_the_old_converter_s_flags_for_graphs_are_taken(graphs, tmp_path, name, form):
    path, inputs, wanted = graphs[name]
    done = subprocess.run([sys.executable, "-m", "scripts.preprocess", "--input_model_from=tensorflow", path,
                           "--input_model_format=" + form, "--output_layer_names=pool,relu",
                           str(tmp_path / "out")], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True)
    assert (done.returncode, done.stderr) == (0, "") and "2 outputs: pool, relu" in done.stdout
    found = predict.predict(str(tmp_path / "out" / "model.json"), inputs)
    for (_, values), key in zip(found, ("y", "relu")):
        agree(values, wanted[key])


@pytest.mark.parametrize("name, outputs", [("one", ["conv/Conv2D", "y"]), ("two", None)])
def test_a_converted_graph_is_verified_against_tensorflow(graphs, tmp_path, name, outputs):
    needs.node()
    convert_graph(graphs[name][0], str(tmp_path), outputs)
    report, _ = verify.verify(graphs[name][0], str(tmp_path / "model.json"), outputs)
    assert report["agree"] and len(report["outputs"]) == 2 and all(row["largest"] > 0 for row in report["outputs"])


@pytest.mark.parametrize("name", ["one", "two", "frozen", "branched"])
def test_every_tensor_inside_is_what_tensorflow_computes(name, request, tmp_path):
    needs.node()
    of_keras = name == "branched"
    path = request.getfixturevalue("keras_models" if of_keras else "graphs")[name][0]
    names = graph_models.agree_inside(path, tmp_path, **({"format": "graph"} if of_keras else {}))
    assert len(names) > {"one": 6, "two": 4, "frozen": 5, "branched": 40}[name]


def test_another_signature_can_be_asked_for(graphs, tmp_path):
    needs.node()
    path, inputs, wanted = graphs["two"]
    convert_graph(path, str(tmp_path), signature="total")
    (_, values), = predict.predict(str(tmp_path / "model.json"), inputs)
    agree(values, wanted["total"])


def test_the_same_graph_gives_the_same_bytes_in_the_shared_process_and_in_a_child_of_its_own(
        graphs, tmp_path, monkeypatch):
    for name, run in (("a", shared_tensorflow.run), ("b", shared_tensorflow.ALONE)):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(child, "run", run)
        convert_graph(graphs["one"][0], str(tmp_path / name), ["conv/Conv2D", "y"])
    for name in os.listdir(str(tmp_path / "a")):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_an_error_and_the_end_of_the_shared_process_name_the_graph_and_the_next_one_is_converted(graphs, tmp_path):
    path = graphs["two"][0]
    with pytest.raises(RuntimeError, match="no_such_by_tensorflow " + re.escape(path)):
        shared_tensorflow.run("no_such_by_tensorflow", [path], quiet=True)
    shared_tensorflow.TENSORFLOW.process.kill()
    with pytest.raises(RuntimeError, match=re.escape(path) + ".* ended with -9"):
        convert_graph(path, str(tmp_path / "out"))
    convert_graph(path, str(tmp_path / "again"))


def test_weights_can_be_cut_and_quantized(graphs, tmp_path):
    names, _ = convert_graph(graphs["one"][0], str(tmp_path), shard_size=100,
                                            quantize={"uint8": ["conv/*"]})
    manifest = json.loads((tmp_path / "model.json").read_text())["weightsManifest"][0]
    assert names[1:] == manifest["paths"] and len(names) > 2
    assert [w["name"] for w in manifest["weights"] if "quantization" in w] == ["conv/kernel"]


@pytest.mark.parametrize("name, settings, words", [
    ("one", {"outputs": ["reluu"]}, "no tensor 'reluu'.*relu"),
    ("one", {"outputs": ["relu", "relu"]}, "twice"),
    ("one", {"outputs": ["relu:3"]}, "has 1 outputs"),
    ("one", {"outputs": ["relu:x"]}, "OPERATION:NUMBER"),
    ("two", {"signature": "nothing"}, "no signature 'nothing'.*serving_default, total"),
    ("two", {"tags": "gpu"}, "tagged gpu"),
    ("one", {"json_name": "model.json", "outputs": []}, "name them"),
])
def test_what_cannot_be_had_of_a_graph_is_one_line(graphs, tmp_path, name, settings, words):
    with pytest.raises(Fault, match=words) as fault:
        convert_graph(graphs[name][0], str(tmp_path), **settings)
    assert "\n" not in str(fault.value) and os.listdir(str(tmp_path)) == []


@pytest.mark.parametrize("name", ["one", "two"])
@pytest.mark.parametrize("lost, words", [
    ("variables", "variables.index: No such file.*copy the whole directory"),
    ("variables/variables.data-00000-of-00001", "cut short.*copy the whole directory")])
def test_a_graph_without_all_of_its_variables_is_one_line(graphs, tmp_path, name, lost, words):
    copy = tmp_path / "copy"
    shutil.copytree(graphs[name][0], str(copy))
    if (copy / lost).is_dir():
        shutil.rmtree(str(copy / lost))
    else:
        (copy / lost).write_bytes(b"")
    with pytest.raises(Fault, match=words) as fault:
        convert_graph(str(copy), str(tmp_path / "out"))
    assert "\n" not in str(fault.value) and os.listdir(str(tmp_path)) == ["copy"]


def test_what_is_about_layers_is_refused_of_a_graph(graphs, tmp_path):
    for setting in ("weights", "input_shape", "enc_model"):
        with pytest.raises(Fault, match="has no layers: leave out " + setting):
            preprocess.preprocess(graphs["two"][0], str(tmp_path), **{setting: __file__})


def test_a_saved_model_pb_of_another_name_is_told_its_own(graphs, tmp_path):
    shutil.copy(os.path.join(graphs["two"][0], "saved_model.pb"), str(tmp_path / "mine.pb"))
    with pytest.raises(Fault, match="mine.pb: a SavedModel's saved_model.pb under another name"):
        convert_graph(str(tmp_path / "mine.pb"), str(tmp_path / "out"))


def test_the_one_signature_is_taken_and_of_several_one_must_be_named(graphs, tmp_path):
    import tensorflow
    module = tensorflow.Module()
    module.run = tensorflow.function(lambda x: x * 2.0, [tensorflow.TensorSpec([None, 4], tensorflow.float32)])
    for names in (["own"], ["first", "second"]):
        tensorflow.saved_model.save(module, str(tmp_path / names[0]), signatures={name: module.run for name in names})
    assert convert_graph(str(tmp_path / "own"), str(tmp_path / "out"))[0]
    with pytest.raises(Fault, match="there are first, second: name one"):
        convert_graph(str(tmp_path / "first"), str(tmp_path / "out2"))
    assert convert_graph(str(tmp_path / "first"), str(tmp_path / "out2"), signature="second")[0]


def test_a_full_disk_is_one_line_and_a_new_directory_is_made(graphs, tmp_path):
    def quota():
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))  # room for the line that says so

    def run(**options):
        return subprocess.run([sys.executable, "-m", "scripts.preprocess", graphs["two"][0],
                               str(tmp_path / "new")],
                              cwd=needs.ROOT, stderr=subprocess.PIPE, universal_newlines=True, **options)

    done = run(preexec_fn=quota)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1) and "nothing is half-written" in done.stderr
    assert os.listdir(str(tmp_path)) == []
    assert run().returncode == 0 and "model.json" in os.listdir(str(tmp_path / "new"))


@pytest.mark.parametrize("place", ["../mine.json", "{mine}"])
def test_a_name_for_the_json_leads_nowhere_else(place, graphs, tmp_path):
    (tmp_path / "mine.json").write_text("mine")
    with pytest.raises(Fault, match="is not a plain file name"):
        convert_graph(graphs["two"][0], str(tmp_path / "out"),
                                    json_name=place.format(mine=tmp_path / "mine.json"))
    assert (tmp_path / "mine.json").read_text() == "mine"


@pytest.mark.parametrize("name", ["one", "two", "frozen"])
def test_a_graph_has_no_layers_and_no_enc_model(graphs, name):
    with pytest.raises(Fault, match="graph model, and has no enc_model.h5"):
        formats.read_layers(graphs[name][0])


def test_an_operation_that_tensorflow_js_lacks_is_named(tmp_path):
    needs.reference()
    import tensorflow
    v1 = tensorflow.compat.v1
    with tensorflow.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tensorflow.float32, [None, 4], name="x")
        y = tensorflow.math.betainc(x, x, x, name="strange")
        v1.saved_model.simple_save(session, str(tmp_path / "m"), {"x": x}, {"y": y})
    (tmp_path / "out").mkdir()
    with pytest.raises(Fault, match=r"TensorFlow.js has no Betainc \(strange\)"):
        convert_graph(str(tmp_path / "m"), str(tmp_path / "out"))
