"""Graphs as TensorFlow 1's zoos have them, built by its own operations: detection, Slim, TF-Hub, Inception of 2015.

Only the names, scopes and operations are those of the zoos; weights are random and images are small.
"""
import os

import numpy

from tests import needs


def session_of(build, path, loops=1):
    """Build a graph of the version of loops, initialize it and write it frozen; build() returns its outputs."""
    import tensorflow
    v1 = tensorflow.compat.v1
    (v1.disable_control_flow_v2 if loops == 1 else v1.enable_control_flow_v2)()
    try:
        with tensorflow.Graph().as_default() as graph, v1.Session() as session:
            ends = [end.op.name for end in build(tensorflow)]
            session.run(v1.global_variables_initializer())
            frozen = v1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), ends)
    finally:
        v1.enable_control_flow_v2()
    with open(str(path), "wb") as file:
        file.write(frozen.SerializeToString())


class Layers:
    """Slim's layers, with weights of one random state."""

    def __init__(self, tensorflow):
        self.tf, self.v1, self.random = tensorflow, tensorflow.compat.v1, numpy.random.RandomState(0)

    def weights(self, name, *shape, low=-0.4, high=0.4):
        return self.v1.get_variable(name, initializer=self.random.uniform(low, high, shape).astype("float32"))

    def convolution(self, x, name, filters=None, stride=1, size=3):
        """With a batch normalization and a Relu6; without filters it is depthwise."""
        with self.v1.variable_scope(name):
            channels, end = int(x.shape[-1]), filters or int(x.shape[-1])
            kernel = self.weights("weights" if filters else "depthwise_weights", size, size, channels, filters or 1)
            run = self.v1.nn.conv2d if filters else self.v1.nn.depthwise_conv2d
            x = run(x, kernel, strides=[1, stride, stride, 1], padding="SAME",
                    name="Conv2D" if filters else "depthwise")
            with self.v1.variable_scope("BatchNorm"):
                held = [self.weights(key, end, low=0.5, high=1) for key in (
                    "gamma", "beta", "moving_mean", "moving_variance")]
                x = self.v1.nn.fused_batch_norm(x, *held, is_training=False)[0]
            return self.tf.nn.relu6(x, name="Relu6")

    def predictor(self, x, name, filters):
        with self.v1.variable_scope(name):
            x = self.tf.nn.conv2d(x, self.weights("weights", 1, 1, int(x.shape[-1]), filters), 1, "SAME", name="Conv2D")
            return self.tf.nn.bias_add(x, self.weights("biases", filters), name="BiasAdd")


def detector(tensorflow):
    """Object detection's: images of any size, resized one by one; boxes by non-maximum suppression, image by image."""
    v1, layers = tensorflow.compat.v1, Layers(tensorflow)
    images = v1.placeholder(tensorflow.uint8, [None, None, None, 3], name="image_tensor")
    x = tensorflow.cast(images, tensorflow.float32, name="ToFloat")
    with tensorflow.name_scope("Preprocessor"):
        def resized(image):
            image = v1.image.resize_images(tensorflow.expand_dims(image, 0), [32, 24])
            return tensorflow.squeeze(image, 0), tensorflow.stack([32, 24, 3])
        x, shapes = v1.map_fn(resized, x, dtype=(tensorflow.float32, tensorflow.int32))
        x = x * (2.0 / 255.0) - 1.0
    with v1.variable_scope("FeatureExtractor"), v1.variable_scope("MobilenetV1"), v1.variable_scope("MobilenetV1"):
        x = layers.convolution(layers.convolution(x, "Conv2d_0", 8, 2), "Conv2d_1_depthwise")
        first = layers.convolution(x, "Conv2d_1_pointwise", 12, 2, 1)
        second = layers.convolution(first, "Conv2d_2_pointwise", 16, 2)
    boxes, classes = [], []
    for place, features in enumerate((first, second)):
        with v1.variable_scope(f"BoxPredictor_{place}"):
            count = tensorflow.shape(features)[0]
            boxes.append(tensorflow.reshape(layers.predictor(features, "BoxEncodingPredictor", 8), [count, -1, 1, 4]))
            classes.append(tensorflow.reshape(layers.predictor(features, "ClassPredictor", 6), [count, -1, 3]))
    boxes, classes = tensorflow.concat(boxes, 1, name="concat"), tensorflow.concat(classes, 1, name="concat_1")
    with tensorflow.name_scope("Postprocessor"):
        scores = tensorflow.sigmoid(classes, name="convert_scores")

        def best(given):
            kept = tensorflow.image.non_max_suppression(given[0], given[1][:, 1], 10, 0.5)
            kept = tensorflow.pad(kept, [[0, 10 - tensorflow.shape(kept)[0]]])
            return tensorflow.gather(given[0], kept), tensorflow.gather(given[1][:, 1], kept)
        found = v1.map_fn(best, (tensorflow.squeeze(boxes, 2), scores, shapes), dtype=(tensorflow.float32,) * 2)
    return [tensorflow.identity(one, name=name) for one, name in zip(found, ("detection_boxes", "detection_scores"))]


def inception(tensorflow):
    """Slim's: branches in blocks, predictions behind a reshape."""
    v1, layers = tensorflow.compat.v1, Layers(tensorflow)
    x = v1.placeholder(tensorflow.float32, [None, 24, 20, 3], name="input")
    with v1.variable_scope("InceptionV3"):
        with v1.variable_scope("InceptionV3"):
            x = layers.convolution(x, "Conv2d_1a_3x3", 8, 2)
            for block in ("Mixed_5b", "Mixed_5c"):
                with v1.variable_scope(block):
                    with v1.variable_scope("Branch_0"):
                        one = layers.convolution(x, "Conv2d_0a_1x1", 4, 1, 1)
                    with v1.variable_scope("Branch_1"):
                        other = layers.convolution(layers.convolution(x, "Conv2d_0a_1x1", 4, 1, 1), "Conv2d_0b_5x5", 6)
                    x = tensorflow.concat([one, other], 3, name="concat")
        with v1.variable_scope("Logits"):
            x = tensorflow.reduce_mean(x, [1, 2], keepdims=True, name="AvgPool_1a_8x8")
            x = tensorflow.squeeze(layers.predictor(x, "Conv2d_1c_1x1", 5), [1, 2], name="SpatialSqueeze")
        with tensorflow.name_scope("Predictions"):
            probable = tensorflow.nn.softmax(tensorflow.reshape(x, [-1, 5], name="Reshape"), name="Softmax")
            return [tensorflow.reshape(probable, tensorflow.shape(x), name="Reshape_1")]


def of_jpeg(tensorflow):
    """Inception's of 2015: the bytes of a JPEG go in."""
    v1, layers = tensorflow.compat.v1, Layers(tensorflow)
    image = tensorflow.image.decode_jpeg(v1.placeholder(tensorflow.string, [], "DecodeJpeg/contents"), channels=3)
    x = tensorflow.expand_dims(tensorflow.cast(image, tensorflow.float32, name="Cast"), 0, name="ExpandDims")
    x = tensorflow.multiply(v1.image.resize_bilinear(x, [24, 20], name="ResizeBilinear") - 128.0, 1 / 128.0, "Mul")
    x = layers.convolution(layers.convolution(x, "conv", 8, 2), "conv_1", 8, 2)
    x = tensorflow.reshape(tensorflow.nn.avg_pool2d(x, [6, 5], 1, "VALID", name="pool_3"), [1, 8], "pool_3/_reshape")
    return [tensorflow.nn.softmax(tensorflow.matmul(x, layers.weights("kernel", 8, 5), name="logits"), name="softmax")]


def jpeg(tensorflow):
    """The bytes of a JPEG of any size go in."""
    content = tensorflow.compat.v1.placeholder(tensorflow.string, [], "contents")
    image = tensorflow.image.decode_jpeg(content, channels=3)
    x = tensorflow.expand_dims(tensorflow.cast(image, tensorflow.float32, name="Cast"), 0, name="ExpandDims")
    return [tensorflow.reduce_mean(Layers(tensorflow).convolution(x, "conv", 8, 2), [1, 2], name="mean")]


def steps(count):
    """A recurrent layer of so many steps, behind a convolution."""
    def build(tensorflow):
        v1, layers = tensorflow.compat.v1, Layers(tensorflow)
        x = v1.placeholder(tensorflow.float32, [None, 8, 8, 3], name="input")
        x = tensorflow.reduce_mean(layers.convolution(x, "conv", 4), [1, 2], name="mean")
        kernel = layers.weights("kernel", 4, 4)
        return [tensorflow.identity(tensorflow.while_loop(
            lambda place, state: place < count,
            lambda place, state: (place + 1, tensorflow.tanh(tensorflow.matmul(state, kernel) + x)), [0, x])[1], "end")]
    return build


def module(path):
    """A module of TF-Hub 1: a graph without tags and one to train, signatures of its own."""
    import tensorflow
    v1 = tensorflow.compat.v1
    signed = v1.saved_model.predict_signature_def
    with tensorflow.Graph().as_default(), v1.Session() as session:
        images = v1.placeholder(tensorflow.float32, [None, 24, 20, 3], name="images")
        features = Layers(tensorflow).convolution(images, "module/conv", 8, 2)
        mean = tensorflow.reduce_mean(features, [1, 2], name="feature")
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(path))
        builder.add_meta_graph_and_variables(session, [], {
            "default": signed({"images": images}, {"default": mean}),
            "image_feature_vector": signed({"images": images}, {"default": mean, "conv": features})})
        builder.add_meta_graph(["train"], {"default": signed({"images": images}, {"default": mean})})
        builder.save()


def of_words(path, length=6):
    """A SavedModel of TensorFlow 1 that looks words up in a table."""
    import tensorflow
    v1, lookup = tensorflow.compat.v1, tensorflow.lookup
    with tensorflow.Graph().as_default(), v1.Session() as session:
        words, layers = v1.placeholder(tensorflow.string, [None, length], name="words"), Layers(tensorflow)
        numbers = tensorflow.constant([1, 2, 3], tensorflow.int64)
        keys = tensorflow.constant(["a", "b", "c"])
        table = lookup.StaticHashTable(lookup.KeyValueTensorInitializer(keys, numbers), 0)
        found = tensorflow.nn.embedding_lookup(layers.weights("embeddings", 4, 5), table.lookup(words), name="embedded")
        mean = tensorflow.reduce_mean(found, 1, name="mean")
        scores = tensorflow.nn.softmax(tensorflow.matmul(mean, layers.weights("kernel", 5, 2), name="logits"))
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        v1.saved_model.simple_save(session, str(path), {"words": words}, {"scores": scores, "mean": mean},
                                   legacy_init_op=v1.tables_initializer())


def first_of(frozen, directory, quantize=None):
    """Write a frozen graph as tensorflowjs_converter 0.8 did: a GraphDef of the operations of that time whose constants
    lack their bytes, which stand in shards, by the official converter's own code; quantize: {dtype: patterns}."""
    from tensorflow.core.framework import graph_pb2
    from tensorflow.python.framework import tensor_util

    from scripts.verification import reference
    tensorflowjs = reference.tensorflowjs()
    graph, entries = graph_pb2.GraphDef(), []
    with open(str(frozen), "rb") as file:
        graph.ParseFromString(file.read())
    for node in graph.node:
        node.op = {"FusedBatchNormV3": "FusedBatchNorm", "AddV2": "Add"}.get(node.op, node.op)
        node.attr.pop("U", None)
        if node.op == "Const":
            entries.append({"name": node.name, "data": tensor_util.MakeNdarray(node.attr["value"].tensor)})
            kept = node.attr["value"].tensor
            kept.CopyFrom(type(kept)(dtype=kept.dtype, tensor_shape=kept.tensor_shape))
    tensorflowjs.write_weights.write_weights([entries], str(directory), quantization_dtype_map=quantize)
    with open(os.path.join(str(directory), "tensorflowjs_model.pb"), "wb") as file:
        file.write(graph.SerializeToString())


def write(name, path):
    """Write the model `name` to the new `path`."""
    needs.tensorflow()
    if name in ("module", "of_words"):
        globals()[name](path)
    elif name == "of_any_words":
        of_words(path, None)
    else:
        session_of({"detector": detector, "detector 2": detector, "inception": inception, "of_jpeg": of_jpeg,
                    "jpeg": jpeg}[name],
                   path, 2 if name.endswith("2") else 1)
