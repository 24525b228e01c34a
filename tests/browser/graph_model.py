"""A graph model with four outputs, made by the official converter from a SavedModel, in a process of its own.

    python -m tests.browser.graph_model DIRECTORY
"""
import json
import os
import subprocess
import sys

import numpy

from tests import needs


def convert(directory):
    """Write directory/saved and directory/graph; return the latter, which holds model.json."""
    subprocess.run([sys.executable, "-m", "tests.browser.graph_model", str(directory)], cwd=needs.ROOT, check=True)
    return os.path.join(str(directory), "graph")


def slow(directory):
    """Write directory/model.json, a graph whose sizes its values decide: four numbers, those above -99 of them.

    TensorFlow.js runs Where by executeAsync alone.
    """
    def node(name, op, *inputs, **attributes):
        return {"name": name, "op": op, "input": list(inputs), "attr": attributes}

    kind, sizes = {"type": "DT_FLOAT"}, {"shape": {"dim": [{"size": "-1"}, {"size": "4"}]}}
    weights = [("low", "float32", [], [-99.0]), ("sizes", "int32", [2], [1, 4])]
    nodes = [node("row", "Placeholder", dtype=kind, shape=sizes)]
    nodes += [node(name, "Const", dtype={"type": {"float32": "DT_FLOAT", "int32": "DT_INT32"}[dtype]})
              for name, dtype, _, _ in weights]
    nodes += [node("above", "Greater", "row", "low", T=kind), node("places", "Where", "above"),
              node("found", "GatherNd", "row", "places", Tparams=kind),
              node("kept", "Reshape", "found", "sizes", T=kind)]
    manifest = {"paths": ["w.bin"], "weights": [
        {"name": name, "dtype": dtype, "shape": shape} for name, dtype, shape, _ in weights]}
    model = {"format": "graph-model", "modelTopology": {"node": nodes, "versions": {"producer": 1}},
             "weightsManifest": [manifest]}
    with open(os.path.join(str(directory), "model.json"), "w") as stream:
        json.dump(model, stream)
    with open(os.path.join(str(directory), "w.bin"), "wb") as stream:
        for _, dtype, _, values in weights:
            stream.write(numpy.array(values, dtype).tobytes())


def main(directory):
    import tensorflow as tf

    from scripts.verification import reference
    tf.random.set_seed(1)

    class Net(tf.Module):
        def __init__(self):
            super().__init__()
            self.kernel = tf.Variable(tf.random.normal((5, 5, 1, 4), seed=1))
            self.hidden = tf.Variable(tf.random.normal((12 * 12 * 4, 20), stddev=0.05, seed=2))
            self.last = tf.Variable(tf.random.normal((20, 10), seed=3))

        @tf.function(input_signature=[tf.TensorSpec((None, 28, 28, 1), tf.float32, name="image")])
        def predict(self, image):
            conv = tf.nn.relu(tf.nn.conv2d(image, self.kernel, 1, "VALID"))
            pool = tf.nn.max_pool2d(conv, 2, 2, "VALID")
            hidden = tf.nn.relu(tf.reshape(pool, (-1, 12 * 12 * 4)) @ self.hidden)
            return {"a_conv": conv, "b_pool": pool, "c_hidden": hidden, "d_last": tf.nn.softmax(hidden @ self.last)}

    net = Net()
    saved, graph = os.path.join(directory, "saved"), os.path.join(directory, "graph")
    tf.saved_model.save(net, saved, signatures=net.predict)
    converter = reference.tensorflowjs().converters.converter
    converter.convert(["--input_format=tf_saved_model", saved, graph])


if __name__ == "__main__":
    main(sys.argv[1])
