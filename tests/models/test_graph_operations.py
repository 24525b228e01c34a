"""Graphs: the operations that TensorFlow.js computes as TensorFlow does; those that it does not are refused."""
import json

import numpy
import pytest

from scripts import Fault, formats, preprocess
from scripts.base import child
from scripts.formats import freeze_by_tensorflow
from scripts.layers.topology import of
from scripts.operations import graphdef, unlike
from scripts.tfjs import graph, operations, rewritten
from scripts.viewer import packages, predict
from tests import needs, shared_tensorflow
from tests.models import graph_models, oracle

needs.tensorflow()
import tensorflow as tf  # noqa: E402

EACH = 1 if needs.STACK == "modern" else 3  # TensorFlow 2.6 writes the same operations: every third of them is tried


class Module(tf.Module):
    """A function to save, and a table that it may look into."""
    made = None

    def __init__(self, function, specs):
        super().__init__()
        self.kept = Module.made = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(
            tf.constant([0, 1, 2, 3]), tf.constant([5.0, 6.0, 7.0, 8.0])), 0.0)
        self.run = tf.function(lambda *values: {"y": function(*values)}, input_signature=specs,
                               autograph=False)  # which parses this file for each lambda

    @classmethod
    def table(cls):
        return cls.made


def computed(function, inputs, folder, tracked=None):
    """Save the function as a SavedModel and convert it; return (what TensorFlow gives, what TensorFlow.js gives)."""
    specs = [tf.TensorSpec(value.shape, value.dtype, name=f"i{place}") for place, value in enumerate(inputs)]
    folder.mkdir(exist_ok=True)
    module, path, target = Module(function, specs), str(folder / "saved"), folder / "js"
    module.tracked = tracked
    expected = module.run(*[tf.constant(value) for value in inputs])["y"].numpy()
    tf.saved_model.save(module, path, signatures=module.run)
    target.mkdir(exist_ok=True)
    with of(path):
        graph.write(freeze_by_tensorflow.freeze(path), str(target))
    return expected, predict.predict(str(target / "model.json"), inputs)[0][1]


def agree_in_the_oldest(expected, inputs, target):
    """TensorFlow.js 1.0.0 computes what TensorFlow does, if it has the model's operations."""
    nodes = json.loads((target / "model.json").read_text())["modelTopology"]["node"]
    if all(operations.SINCE[node["op"]] == operations.OLDEST for node in nodes):
        found = predict.predict(str(target / "model.json"), inputs, packages.bundle("@tensorflow/tfjs", "1.0.0"))
        assert expected.shape == found[0].values.shape and oracle.distance(expected, found[0].values) <= 1e-5


def weights(model, flavour):
    """Return what a Module tracks of a Keras model.  Keras 2 else saves every layer's functions beside the one asked
    for."""
    return model.variables if flavour == "keras2" else model


def floats(*shape):
    return numpy.random.RandomState(4).uniform(-2, 2, shape).astype("float32")


def whole(*shape):
    return numpy.random.RandomState(5).randint(0, 4, shape).astype("int32")


def flat(*tensors):
    """All values of several tensors in a row."""
    return tf.concat([tf.reshape(tf.cast(one, tf.float32), [-1]) for one in tensors], 0)


def columns(i):
    """A sparse tensor of the categories of each row, as feature columns have it: 0 is none."""
    there = tf.where(i > 0)
    return tf.SparseTensor(there, tf.cast(tf.gather_nd(i, there), tf.int64), tf.cast(tf.shape(i), tf.int64))


def looked_up(i):
    """The embeddings of sparse categories, one row of them empty; of one table and of two parts of it."""
    rows = columns(i)
    shares = tf.SparseTensor(rows.indices, tf.cast(rows.values, tf.float32) * 0.5, rows.dense_shape)
    look = tf.compat.v1.nn.safe_embedding_lookup_sparse
    return flat(*[look(tf.constant(LOOKED_UP), rows, None, combiner=how) for how in ("sum", "mean", "sqrtn")], look(
        tf.constant(LOOKED_UP), rows, shares), look([tf.constant(LOOKED_UP[:3]), tf.constant(LOOKED_UP[3:])], rows,
                                                    None, partition_strategy="div"),
                tf.one_hot(tf.sparse.to_dense(rows, default_value=-1), 6), tf.sparse.sparse_dense_matmul(
                    shares, tf.constant(LOOKED_UP[:3])), tf.sparse.reduce_sum(shares, 1))


def squashed(x):
    """Two steps of the recurrent cells that are one operation each, with and without all that they can have."""
    kernel, bias, none, peeps = floats(5, 8), floats(8), tf.zeros((3, 2)), [floats(2) * share for share in (1, 2, 3)]
    rest = dict(cs_prev=none, h_prev=none, w=kernel, b=bias, **dict(zip(("wci", "wcf", "wco"), peeps)))
    steps = tf.stack([x, x * 2, x])
    one = RAW.LSTMBlockCell(x=x, use_peephole=True, cell_clip=0.5, **rest)
    every = RAW.BlockLSTM(seq_len_max=tf.constant(2, tf.int64), x=steps, use_peephole=True, **rest)
    second = RAW.BlockLSTMV2(seq_len_max=tf.cast(tf.shape(x)[0] - 1, tf.int64), x=steps, **rest)
    gru = RAW.GRUBlockCell(x=x, h_prev=one[6], w_ru=floats(5, 4), w_c=floats(5, 2), b_ru=floats(4), b_c=floats(2))
    return flat(*one, every[1], every[6], second[1], second[6], *gru)  # of others nothing is told behind the last step


LOOKED_UP = floats(6, 3)
RAW, X, CUBE = tf.raw_ops, floats(3, 3), floats(1, 4, 4, 4)
IMAGES, MATRICES = abs(floats(2, 5, 6, 3)) / 2, floats(2, 5, 5) + 4 * numpy.eye(5, dtype="float32")
RIGHT = {
    "bias": (lambda x: tf.nn.bias_add(x, [1.0, 2.0, 3.0]), [X]),
    "one hot": (lambda i: tf.one_hot(i, 4), [whole(3)]),
    "mean": (lambda x: tf.reduce_mean(x, 0), [X]),
    "cast": (lambda x: tf.cast(tf.cast(x > 0, tf.uint8), tf.float32), [X]),
    "colours": (lambda i: tf.cast(tf.gather(tf.constant([7, 200, 9, 255], tf.uint8), i), tf.float32), [whole(3)]),
    "einsum": (lambda x: tf.einsum("ij,kj->ik", x, x), [X]),
    "batches": (lambda x, y: tf.matmul(x, y), [floats(2, 5, 3, 4), floats(5, 4, 3)]),
    "one batch": (lambda x, y: tf.matmul(x, y), [floats(1, 3, 4), floats(2, 4, 3)]),
    "cumulative": (lambda x: tf.cumsum(x, axis=-1, exclusive=True), [X]),
    "cumulative product": (lambda x: tf.math.cumprod(x, axis=-2, reverse=True), [X]),
    "cumulative along a computed axis": (lambda x, i: tf.cumsum(x, axis=i[0], exclusive=True) + tf.math.cumprod(
        x, axis=i[1], reverse=True), [floats(3, 4, 2), numpy.array([1, -1], "int32")]),
    "choice": (lambda x: tf.where(x > 0, x, -x), [X]),
    "gelu": (lambda x: 0.5 * x * RAW.Erfc(x=-x * 0.70710678), [floats(5, 5)]),
    "volume": (lambda x: tf.nn.conv3d(x, floats(3, 3, 3, 2, 2), [1, 2, 2, 2, 1], "SAME"), [floats(1, 5, 5, 5, 2)]),
    "condition": (lambda x: tf.cond(x[0, 0] > 0, lambda: 1.0, lambda: 2.0), [X]),
    "other condition": (lambda x: tf.cond(x[0, 0] < 0, lambda: 1.0, lambda: 2.0), [X]),
    "half a condition": (lambda x: tf.cond(x[0, 0] > 9, lambda: x, lambda: tf.constant([[5.0]])), [X]),
    "loop in a loop": (lambda x: tf.while_loop(lambda i, s: i < 3, lambda i, s: (i + 1, tf.while_loop(
        lambda j, t: j < 2, lambda j, t: (j + 1, t * 1.5 + 1.0), [0, s])[1]), [0, x])[1], [X]),
    "map": (lambda x: tf.map_fn(lambda row: tf.cumsum(row) * 2.0, x), [X]),
    "condition in a loop": (lambda x: tf.while_loop(lambda i, s: i < 5, lambda i, s: (i + 1, s + tf.cond(
        s > 3, lambda: 1.0, lambda: 2.0)), [0, x[0, 0]])[1], [X]),
    "loop in a condition": (lambda x: tf.cond(x[0, 0] < 9, lambda: tf.while_loop(
        lambda i, s: i < 4, lambda i, s: (i + 1, s * 2.0), [0, tf.constant(3.0)])[1], lambda: 2.0), [X]),
    "band": (lambda x: tf.linalg.band_part(x, 1, 1), [X]),
    "buckets": (lambda x: RAW.Bucketize(input=x, boundaries=[-1.0, 0.0, 0.5, 3.0]), [
        numpy.array([[-9, -1, -0.5], [0, 0.5, numpy.inf], [numpy.nan, 3, 2.9]], "float32")]),
    "buckets of whole numbers": (lambda i: RAW.Bucketize(input=i, boundaries=[1.0, 2.5]) * 2, [whole(2, 3)]),
    "no buckets": (lambda x: RAW.Bucketize(input=x, boundaries=[]), [X]),
    "slice to the end": (lambda x: RAW.StridedSlice(
        input=x, begin=tf.constant([1], tf.int64), end=tf.constant([2 ** 63 - 1], tf.int64),
        strides=tf.constant([1], tf.int64)), [X]),
    "groups": (lambda x: tf.nn.conv2d(x, floats(2, 2, 2, 6), 1, "SAME"), [CUBE]),
    "groups of steps": (lambda x: tf.nn.conv2d(x, floats(3, 2, 2, 4), [1, 2, 1, 1], "VALID"), [floats(2, 5, 5, 4)]),
    "groups with a padding of their own": (lambda x: tf.nn.conv2d(
        x, floats(2, 2, 2, 4), 1, [[0, 0], [1, 0], [2, 1], [0, 0]]), [CUBE]),
    "groups of what is computed": (lambda x, y: tf.nn.conv2d(x, tf.exp(y), 1, "SAME"), [CUBE, floats(2, 2, 2, 4)]),
    "channels apart": (lambda x: tf.nn.conv2d(x, floats(3, 3, 1, 4), 1, "SAME"), [CUBE]),
    "several filters of channels apart": (lambda x: tf.nn.conv2d(
        x, floats(2, 2, 1, 8), 1, "VALID", dilations=2), [CUBE]),
    "a kernel that is not square": (lambda x: tf.nn.conv2d(x, floats(3, 2, 4, 2), 1, "SAME"), [CUBE]),
    "margins that differ": (lambda x: tf.nn.conv2d(x, floats(3, 3, 2, 2), 2, "SAME"), [floats(1, 4, 5, 2)]),
    "dilations": (lambda x: tf.nn.conv2d(x, floats(3, 2, 2, 2), 1, "SAME", dilations=2), [floats(1, 6, 5, 2)]),
    "slices": (lambda x: flat(x[:, 0], x[:, 1:], x[..., -1], x[:, None, -1, None], x[1, ..., ::2, None], x[:, ::-1],
                              x[tf.shape(x)[0] - 1:]), [floats(2, 3, 4)]),
    "limits": (lambda x: RAW.ClipByValue(t=x, clip_value_min=-0.5, clip_value_max=1.0), [X]),
    "what the oldest lacks": (lambda x: flat(
        tf.broadcast_to(x[:1], [2, 3, 3]), tf.math.divide_no_nan(x, [0.0, 1.0, 2.0]), tf.math.is_finite(1 / (x - x[0])),
        tf.math.is_nan(x / (x - x)), tf.math.is_inf(1 / (x - x[:1])), tf.pad(x, [[1, 2], [2, 1]], "REFLECT"),
        tf.pad(x, [[1, 2], [2, 0]], "SYMMETRIC"), tf.split(tf.tile(x, [1, 2]), [1, -1, 2], 1)[1]), [X]),
    "sizes of images": (lambda x: flat(tf.image.resize(x, (9, 4)), tf.image.resize(x, (7, 9), "nearest")), [IMAGES]),
    "looked up in batches": (lambda x, i: tf.gather(x, i, batch_dims=1, axis=1), [floats(2, 4, 3), whole(2, 3)]),
    "softsign": (lambda x: tf.nn.softsign(x), [X]),
    "rint": (lambda x: RAW.Rint(x=x), [numpy.array([0.5, 1.5, 2.5, -0.5, 0.2], "float32")]),
    "checked": (lambda x: tf.debugging.check_numerics(x, "x") * 2.0, [X])}


@pytest.mark.parametrize("name", sorted(RIGHT)[::EACH])
def test_what_tensorflow_js_computes_alike_is_converted(name, tmp_path):
    needs.node()
    needs.reference()
    expected, found = computed(RIGHT[name][0], RIGHT[name][1], tmp_path)
    assert oracle.distance(expected, found) <= 1e-5
    agree_in_the_oldest(expected, RIGHT[name][1], tmp_path / "js")


UNLIKE = {
    "table": (lambda i: Module.table().lookup(i), [whole(3)], "whose table")}


def best(op, **more):
    """Return a function of scores: all that one of TensorFlow's operations gives of eight boxes, one behind another.

    Two boxes are alike, one has no area, one has its corners the other way round.
    """
    boxes = [[0, 0, 1, 1], [0.9, 0, 0, 1], [2, 2, 3, 3], [2.1, 2, 3, 3.1], [5, 5, 6, 6], [2, 2, 3, 3], [1, 1, 1, 1],
             [5, 5, 6, 6]]
    return lambda s: flat(*op(boxes=tf.constant(boxes, tf.float32), scores=s, iou_threshold=0.5, **more))


SCORES = numpy.array([0.9, 0.8, 0.7, 0.95, 0.1, -0.4, -0.1, -0.2], "float32")
MOVED = numpy.array([[1, 0.1, -1, 0, 1.1, 0.5, 0, 0], [0.7, -0.2, 1, 0.1, 0.9, 0, 0.01, 0.002]], "float32")
# What TensorFlow.js computes differently, and is made of what it computes alike; the words that it is refused with else
REMADE = {
    "bias": (lambda x: RAW.BiasAdd(value=x, bias=[1.0, 2.0, 3.0, 4.0], data_format="NCHW"), [CUBE],
             "a BiasAdd with the channels first"),
    "one hot": (lambda i: tf.one_hot(i, 3, 2.0, -1.0, axis=0), [whole(3)], "a OneHot along axis 0"),
    "mean": (lambda i: tf.reduce_mean(i + [[0], [0], [0], [2147483600], [-2147483600]], 1), [numpy.array(
        [[1, 2], [3, 5], [-1, -2], [47, 46], [-48, -45]], "int32")], "a Mean of whole numbers"),
    "mean of colours": (lambda i: tf.cast(tf.reduce_mean(tf.cast(i, tf.uint8), [0, -1], keepdims=True), tf.float32), [
        whole(2, 3, 4) + 250], "to a narrow"),
    "bits": (lambda i: tf.bitwise.bitwise_and(i * [1, 1, 99999, -1], [6, 255, -9, -1]), [numpy.array(
        [5, -3, 2 ** 14, -2 ** 24], "int32")], "a BitwiseAnd"),
    "padded boxes": (best(RAW.NonMaxSuppressionV4, max_output_size=5, score_threshold=0.0, pad_to_max_output_size=True),
                     [SCORES], "with padding"),
    "counted boxes": (best(RAW.NonMaxSuppressionV5, max_output_size=5, score_threshold=0.0, soft_nms_sigma=0.0),
                      [SCORES], "whose number of boxes"),
    "soft boxes": (best(RAW.NonMaxSuppressionV5, max_output_size=9, score_threshold=-0.3, soft_nms_sigma=0.4),
                   [SCORES], "with a sigma"),
    "padded soft boxes": (best(RAW.NonMaxSuppressionV5, max_output_size=9, score_threshold=float("-inf"),
                               soft_nms_sigma=0.5, pad_to_max_output_size=True), [SCORES], "with a sigma"),
    "moved images": (lambda x, p: RAW.ImageProjectiveTransformV3(
        images=x, transforms=p, output_shape=[4, 9], fill_value=-1.5, interpolation="BILINEAR", fill_mode="CONSTANT"), [
            floats(2, 5, 6, 3), MOVED], "an? ImageProjectiveTransformV3 of which"),
    "division": (lambda i: RAW.Div(x=i, y=tf.constant([2, 2, -2, -2])), [numpy.array([-7, 7, -7, 7], "int32")],
                 "a Div of whole"),
    "modulo": (lambda x: RAW.Mod(x=x, y=tf.constant([3.0, -3.0, 2.5])), [numpy.array([-7.0, 8.0, -4.25], "float32")],
               "a Mod with the sign"),
    "cast": (lambda i: tf.cast(tf.cast(i, tf.uint8), tf.float32), [numpy.array([300, 44, -1, -300], "int32")],
             "to a narrow"),
    "signed cast": (lambda i: tf.cast(tf.cast(i, tf.int8), tf.float32), [numpy.array([300, 130, -129, 5], "int32")],
                    "to a narrow"),
    "diagonal": (lambda x: tf.einsum("ii->i", x), [X], "an? Einsum with ii->i"),
    "equation": (lambda x, y: tf.einsum("...ij,jk->...ik", x, y), [floats(2, 4, 3), X], "an? Einsum with"),
    "batches": (lambda x, y: tf.matmul(x, y), [floats(2, 1, 3, 4), floats(1, 5, 4, 3)], "batches that are broadcast"),
    "batch": (lambda x, y: tf.matmul(x, y, transpose_b=True), [floats(2, 5, 3, 4), floats(2, 1, 3, 4)],
              "of batches that are broadcast"),
    "rows": (lambda x: RAW.Select(condition=[True, False, False], x=x, y=-x), [X], "a Select of whole rows"),
    "band": (lambda x: tf.linalg.band_part(x, -1, 0), [X], "a MatrixBandPart with"),
    "wide band": (lambda x: tf.linalg.band_part(x, 0, 2), [floats(2, 3, 5)], "a MatrixBandPart with"),
    "scatter": (lambda x: x + tf.tensor_scatter_nd_update(x, [[0]], [[9.0, 9.0, 9.0]]), [X], "TensorScatterUpdate"),
    "pooling": (lambda x: tf.nn.max_pool2d(x, 2, 2, [[0, 0], [1, 1], [1, 0], [0, 0]]), [CUBE - 3],
                "padding of its own"),
    "training": (lambda x: RAW.FusedBatchNormV3(x=x, scale=[1.0, 2.0, 0.5, 1.0], offset=[0.0, 1.0, 0.0, 0.0], mean=[],
                                                variance=[], is_training=True)[0], [CUBE], "BatchNormV3 in training"),
    "training of channels first": (lambda x: RAW.FusedBatchNormV3(
        x=x, scale=[1.0, 2.0, 0.5], offset=[0.0, 1.0, 0.0], mean=[], variance=[], is_training=True,
        data_format="NCHW")[0], [floats(2, 3, 4, 5)], "FusedBatchNormV3 in training"),
    "volume": (lambda x: tf.nn.conv3d(x, floats(1, 1, 2, 2, 2), [1, 2, 2, 2, 1], "SAME"), [floats(1, 4, 4, 5, 2)],
               "a Conv3D whose strides leave out"),
    "pooled volume": (lambda x: tf.nn.avg_pool3d(x, 1, 2, "SAME"), [floats(1, 4, 4, 5, 2)], "AvgPool3D whose"),
    "complex numbers": (lambda x: flat(*[part(found) for found in (
        tf.complex(x, 2 * x) * tf.complex(x[0], x[1]), tf.complex(x, x) - tf.complex(x[0], x[2])) for part in (
            tf.math.real, tf.math.imag)]), [X], "a Mul of complex numbers of unlike|Sub of complex numbers of unlike"),
    "quantized": (lambda x: tf.quantization.fake_quant_with_min_max_vars(x, -1.0, 1.2, 2), [X], "a FakeQuant"),
    "steps": (lambda x: tf.quantization.fake_quant_with_min_max_vars(x, 0.1, 3.3, 8, True), [X], "a FakeQuant")}
LACKING = {  # of it, and no line but that
    "matrices": (lambda x: flat(
        tf.linalg.inv(x, adjoint=True), tf.linalg.det(x), tf.linalg.solve(x, x[..., :2], adjoint=True), tf.linalg.diag(
            x[:, 1]), tf.linalg.set_diag(x, x[:, 0]), tf.linalg.diag_part(x, k=-1),
        tf.linalg.cholesky(tf.matmul(x, x, transpose_b=True))), [MATRICES]),
    "colours": (lambda x: flat(
        tf.image.adjust_contrast(x, 1.7), tf.image.adjust_hue(x, 0.2), tf.image.adjust_saturation(x, 0.4),
        tf.image.hsv_to_rgb(tf.image.rgb_to_hsv(x)), tf.image.resize(x, (9, 4), "bicubic"),
        tf.compat.v1.image.resize_bicubic(x, (9, 4)), tf.image.resize(x, (3, 4), antialias=True)), [IMAGES]),
    "segments": (lambda x: flat(
        tf.math.unsorted_segment_sum(x, [0, 1, 0], 2), tf.math.unsorted_segment_max(x, [0, 1, 0], 2),
        tf.tensor_scatter_nd_add(x, [[0], [2], [0]], tf.ones((3, 3))), tf.roll(x, [1, -1], [0, 1]), tf.reverse_sequence(
            x, [2, 3, 1], seq_axis=1), tf.math.xlogy(x, abs(x)), tf.math.cumulative_logsumexp(x, 1),
        tf.math.lgamma(abs(x)), tf.linalg.cross(x, x[::-1])), [X]),
    "more bits": (lambda i: tf.bitwise.bitwise_or(i, 6) + tf.bitwise.bitwise_xor(i, [-7, 9, 1, 0]) + tf.bitwise.invert(
        i) + tf.bitwise.left_shift(i, [3, 31, 40, 1]) + tf.bitwise.right_shift(i * 99999, [31, 2, 40, 0]) + tf.cast(
            tf.bitwise.left_shift(tf.bitwise.invert(tf.cast(i, tf.uint8)), tf.constant(3, tf.uint8)), tf.int32), [
                numpy.array([5, -3, 1, 77], "int32")]),
    "images of a size that is told": (lambda x, p: RAW.ImageProjectiveTransformV2(
        images=tf.cast(x * 50, tf.int32), transforms=p, output_shape=tf.shape(x)[1:3], interpolation="NEAREST"), [
            floats(2, 5, 6, 3), MOVED[:1]]),
    "blocks": (lambda x: tf.nn.space_to_depth(x, 2), [floats(2, 4, 6, 3)]),
    "signs of zeros": (lambda x: flat(tf.less(tf.bitwise.bitwise_and(tf.bitcast(x, tf.int32), tf.int32.min), 0)), [
        numpy.array([[0.0, -0.0, 1.5], [-2.0, numpy.inf, -numpy.inf]], "float32")]),
    "choice": (lambda x: flat(
        tf.where(x > 0, x, 0.0), tf.where(x[0] > 0, x, 1.0), tf.where(x[:, :1] > 0, x[0], x)), [X]),
    "feature columns": (looked_up, [numpy.array([[1, 2, 0], [0, 0, 0], [3, 3, 5], [4, 0, 0]], "int32")]),
    "as many as the numbers say": (lambda x, i: flat(
        tf.where(x > 0), tf.boolean_mask(x, x[:, 0] > 0), *tf.unique(i), *tf.unique_with_counts(i), *RAW.UniqueV2(
            x=i, axis=[0]), *tf.compat.v1.setdiff1d(i, [1, 2]), *tf.dynamic_partition(x, i % 2, 2), tf.repeat(
                x, i, axis=0), tf.dynamic_stitch([tf.argsort(i), [3, 4]], [x, tf.ones((2, 3))])), [
                    X, numpy.array([2, 3, 2], "int32")]),
    "sorted segments": (lambda x, i: flat(*[getattr(tf.math, f"segment_{how}")(x, i) for how in (
        "sum", "mean", "max", "min", "prod")], tf.sparse.segment_sum(x, [0, 2, 1], i), tf.sparse.segment_mean(
            x, [0, 2, 1], i), tf.sparse.segment_sqrt_n(x, [0, 2, 1], i), RAW.SparseSegmentSumWithNumSegments(
                data=x, indices=[2, 1, 0], segment_ids=i, num_segments=4), tf.math.unsorted_segment_sum(
                    x, i, tf.reduce_max(i) + 2)), [X, numpy.array([0, 0, 2], "int32")]),
    "more matrices": (lambda x: flat(
        tf.linalg.triangular_solve(x, x), *tf.linalg.qr(x), tf.linalg.svd(x, compute_uv=False), tf.linalg.eigvalsh(
            x + tf.linalg.matrix_transpose(x)), *tf.linalg.slogdet(x), tf.linalg.lu(x)[0], tf.linalg.tensor_diag(
                x[0, 0]), tf.linalg.tensor_diag_part(x[0])), [MATRICES]),
    "special functions": (lambda x: flat(
        tf.math.erfinv(x / 3), tf.math.ndtri(abs(x) / 3 + 0.1), tf.math.bessel_i0e(x), tf.math.bessel_i1(x),
        tf.math.bessel_i1e(x)), [X]),
    "losses": (lambda x: flat(
        tf.nn.softmax_cross_entropy_with_logits(tf.nn.softmax(x), x), tf.math.in_top_k([0, 2, 1], x, 2),
        tf.nn.sparse_softmax_cross_entropy_with_logits([0, 2, 1], x)), [X]),
    "cells that are one operation": (squashed, [X]),
    "operations of the first years": (lambda x: flat(
        RAW.BatchToSpace(input=RAW.SpaceToBatch(input=x, paddings=[[0, 2], [0, 0]], block_size=2) * 2, crops=[
            [0, 2], [0, 0]], block_size=2), RAW.MaxPoolV2(input=x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1],
                                                          padding="SAME"),
        RAW.FusedPadConv2D(input=x, paddings=[[0, 0], [1, 2], [0, 1], [0, 0]], filter=floats(2, 2, 4, 3),
                           mode="SYMMETRIC", strides=[1, 1, 1, 1], padding="VALID"),
        RAW.FusedResizeAndPadConv2D(input=x, size=[6, 5], paddings=[[0, 0], [1, 2], [0, 1], [0, 0]], filter=floats(
            2, 2, 4, 3), mode="REFLECT", strides=[1, 1, 1, 1], padding="VALID"),
        tf.ensure_shape(x, [None, 4, 4, 4]), tf.norm(x, ord=1), tf.image.resize(x, (3, 3), "area"),
        RAW.QuantizeAndDequantizeV3(input=x, input_min=-1.0, input_max=1.5, num_bits=6, range_given=True)), [CUBE]),
    "cosines": (lambda x: tf.signal.dct(x), [X]),
    "steps of each channel": (lambda x: tf.quantization.fake_quant_with_min_max_vars_per_channel(
        x, [-1.0, 0.0, -2.0], [1.0, 2.0, 0.5]), [X]),
    "steps that are told": (lambda x: tf.quantization.fake_quant_with_min_max_args(x, -1.5, 2.0, 4), [X]),
    "cut division": (lambda i: tf.truncatediv(i, [2, -2, 3]) + RAW.TruncateMod(x=i, y=[2, -2, 3]), [
        numpy.array([-7, 7, -8], "int32")])}


@pytest.mark.parametrize("name", (sorted(REMADE) + sorted(LACKING))[::EACH])
def test_what_it_computes_otherwise_or_lacks_is_made_of_what_it_computes_alike(name, tmp_path, monkeypatch):
    needs.node()
    needs.reference()
    function, inputs = (REMADE.get(name) or LACKING[name])[:2]
    expected, found = computed(function, inputs, tmp_path)
    assert expected.shape == found.shape and oracle.distance(expected, found) <= 1e-5
    assert not name.startswith("mean") or (expected == found).all()
    agree_in_the_oldest(expected, inputs, tmp_path / "js")
    if name in REMADE:
        monkeypatch.setattr(rewritten, "rewrite", lambda graph: None)
        with pytest.raises(Fault, match=REMADE[name][2]), of(str(tmp_path / "saved")):
            graph.write(freeze_by_tensorflow.freeze(str(tmp_path / "saved")), str(tmp_path / "no"))


def test_what_depends_on_numbers_and_open_sizes_runs_at_once_and_takes_its_inputs_in_order(tmp_path):
    """As TensorSpace runs it.  TensorFlow.js 1.0.0 knows no inputs of 64 bits, and takes the inputs in their nodes'
    order."""
    needs.node()
    images, classes = IMAGES[..., :2], numpy.array([3, 0], "int64")
    with tf.Graph().as_default() as whole, tf.compat.v1.Session() as session:
        i = tf.compat.v1.placeholder(tf.int64, [None], name="i")
        x = tf.compat.v1.placeholder(tf.float32, [None, 5, 6, 2], name="x")
        ends = [tf.one_hot(i, 5), tf.gather(x, tf.where(i > 0)[:, 0]), tf.image.resize(x, (9, 4), "lanczos3"),
                tf.repeat(x, [1, 2, 1, 3, 1], axis=1), tf.nn.conv3d_transpose(
                    x[..., None], floats(2, 2, 2, 3, 1), tf.stack([tf.shape(x)[0], 10, 12, 4, 3]), 2)]
        names = [tf.identity(end, f"end{place}").op.name for place, end in enumerate(ends)]
        expected = session.run(ends, {i: classes, x: images})
    content = whole.as_graph_def()
    content.node.sort(key=lambda node: node.name != "x")
    (tmp_path / "graph").write_bytes(content.SerializeToString())
    done = preprocess.preprocess(str(tmp_path / "graph"), str(tmp_path / "js"), layers=names)
    values = [{"i": classes, "x": images}[name] for name in done.facts["inputs"]]
    assert "why" not in done.facts
    for version in ("1.0.0", "4.22.0"):
        found = predict.predict(str(tmp_path / "js" / "model.json"), values, packages.bundle(
            "@tensorflow/tfjs", version), names, sync=True)
        for wanted, output in zip(expected, found):
            assert wanted.shape == output.values.shape and oracle.distance(wanted, output.values) <= 1e-5, output.name


def test_a_batch_normalization_of_2015_is_composed(tmp_path):
    """Inception's; TensorFlow computes it in graphs of that age alone."""
    needs.node()
    content = tf.compat.v1.GraphDef()
    content.versions.producer = 8
    more = {name: numpy.float32(values) for name, values in (
        ("m", [0.1, 0.2, -0.3, 0]), ("v", [0.5, 1, 2, 0.1]), ("beta", [1, 0, -1, 0.5]), ("gamma", [2, 1, 0.5, -1]))}
    with tf.Graph().as_default() as whole:
        tf.compat.v1.placeholder(tf.float32, [None, 4, 4, 4], name="x")
        for name, values in more.items():
            tf.constant(values, name=name)
    content.node.extend(whole.as_graph_def().node)
    node = content.node.add(name="y", op="BatchNormWithGlobalNormalization", input=["x", *more])
    node.attr["T"].type, node.attr["variance_epsilon"].f = tf.float32.as_datatype_enum, 1e-3
    node.attr["scale_after_normalization"].b = True
    (tmp_path / "graph").write_bytes(content.SerializeToString())
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.import_graph_def(content, name="")
        expected = session.run("y:0", {"x:0": CUBE})
    preprocess.preprocess(str(tmp_path / "graph"), str(tmp_path / "js"), layers=["y"])
    found = predict.predict(str(tmp_path / "js" / "model.json"), [CUBE], packages.bundle("@tensorflow/tfjs", "1.0.0"))
    assert oracle.distance(expected, found[0].values) <= 1e-5


def test_parts_of_a_variable_are_those_of_one_tensor_of_the_checkpoint(tmp_path):
    """As partitioners of TensorFlow 1 save it; a variable that the checkpoint lacks is one line."""
    needs.node()
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        v1.disable_resource_variables()
        parts = v1.get_variable("table", (5, 3), partitioner=v1.fixed_size_partitioner(2))
        v1.enable_resource_variables()
        lost = v1.get_variable("lost", (5, 3), collections=[v1.GraphKeys.LOCAL_VARIABLES])
        x = v1.placeholder(tf.float32, [None, 5], name="x")
        ends = {"y": tf.matmul(x, tf.convert_to_tensor(parts)), "z": tf.matmul(x, lost)}
        session.run([v1.global_variables_initializer(), v1.local_variables_initializer()])
        table = session.run(tf.convert_to_tensor(parts))
        v1.saved_model.simple_save(session, str(tmp_path / "saved"), {"x": x}, ends)
    preprocess.preprocess(str(tmp_path / "saved"), str(tmp_path / "js"), layers=["y"])
    given = numpy.random.RandomState(2).rand(2, 5).astype("float32")
    found = predict.predict(str(tmp_path / "js" / "model.json"), [given])
    assert oracle.distance(given @ table, found[0].values) <= 1e-6
    with pytest.raises(Fault, match="an output needs lost, .* a variable that the checkpoint lacks"):
        preprocess.preprocess(str(tmp_path / "saved"), str(tmp_path / "no"), layers=["z"])


@pytest.mark.parametrize("name", sorted(UNLIKE))
def test_what_it_computes_otherwise_is_refused_and_does_differ(name, tmp_path, monkeypatch):
    needs.node()
    needs.reference()
    function, inputs, line = UNLIKE[name]
    with pytest.raises(Fault, match=line):
        computed(function, inputs, tmp_path)
    monkeypatch.setattr(unlike, "check", lambda *arguments: None)
    try:
        expected, found = computed(function, inputs, tmp_path / "again")
    except Fault as fault:
        assert "TensorFlow.js in Node" in str(fault)
    except ValueError as error:  # fewer numbers than its shape says
        assert "cannot reshape" in str(error)
    else:
        assert oracle.distance(expected, found) > 1e-3


# (operation, its constants, what else it is told); windows and strides are (rows, columns), the channels' are 1
FIRST = [("Conv2D", {"filter": floats(3, 2, 4, 6)}, {"strides": (1, 2), "padding": "SAME"}),
         ("Conv2D", {"filter": floats(2, 2, 2, 6)}, {"strides": (1, 1), "padding": "VALID"}),
         ("DepthwiseConv2dNative", {"filter": floats(3, 3, 4, 2)}, {"strides": (1, 1), "padding": "SAME"}),
         ("MaxPool", {}, {"ksize": (2, 3), "strides": (2, 1), "padding": "SAME"}),
         ("AvgPool", {}, {"ksize": (2, 3), "strides": (2, 2), "padding": "VALID"}),
         ("DepthToSpace", {}, {"block_size": 2}), ("SpaceToDepth", {}, {"block_size": 2})]


def test_channels_first_are_what_channels_last_give(tmp_path):
    """TensorFlow has no kernels of channels first for a processor: it computes the same with the channels last."""
    needs.node()
    image, names = floats(2, 4, 6, 8), [f"end{place}" for place in range(len(FIRST))]
    with tf.Graph().as_default() as whole:
        x = tf.compat.v1.placeholder(tf.float32, [None, 4, 6, 8], name="x")
        for name, (op, inputs, told) in zip(names, FIRST):
            tf.identity(run_first(op, x, inputs, told, "NCHW"), name)
    (tmp_path / "graph").write_bytes(whole.as_graph_def().SerializeToString())
    preprocess.preprocess(str(tmp_path / "graph"), str(tmp_path / "js"), layers=names)
    for version in ("1.0.0", "4.22.0"):
        bundle = packages.bundle("@tensorflow/tfjs", version)
        found = predict.predict(str(tmp_path / "js" / "model.json"), [image], bundle)
        for output, (op, inputs, told) in zip(found, FIRST):
            wanted = numpy.moveaxis(run_first(op, numpy.moveaxis(image, 1, -1), inputs, told, "NHWC").numpy(), -1, 1)
            assert oracle.distance(wanted, output.values) <= 1e-5, op


def run_first(op, x, inputs, told, order):
    """Return what one of FIRST gives of a tensor whose channels stand where `order` says."""
    sizes = {key: [1, *value, 1] if order == "NHWC" else [1, 1, *value] for key, value in told.items()
             if isinstance(value, tuple)}
    first = "value" if op == "AvgPool" else "input"
    return getattr(RAW, op)(data_format=order, **{first: x}, **inputs, **dict(told, **sizes))


def odd(name, x):
    """An operation that is refused, on a tensor (batch, 4, 4, 4)."""
    if name == "lacking":
        return tf.math.betainc(tf.abs(x), tf.abs(x) + 1.0, tf.zeros_like(x))
    if name == "chance":
        return tf.compat.v1.random_gamma([], tf.abs(x) + 1.0)
    if name == "chance of a seed":
        drawn = RAW.StatelessRandomUniformFullInt(shape=tf.shape(x), seed=[1, 2], dtype=tf.int32)
        return x + tf.cast(drawn, tf.float32)
    return tf.quantization.fake_quant_with_min_max_vars(x, tf.reduce_min(x), tf.reduce_max(x))


@pytest.mark.parametrize("name", ["lacking", "unlike", "chance", "chance of a seed"])
def test_the_outputs_before_an_operation_that_is_refused_are_named_and_convert(name, tmp_path):
    needs.node()
    kernel, x = tf.constant(floats(3, 3, 4, 4)), CUBE
    with tf.Graph().as_default() as whole, tf.compat.v1.Session() as session:
        start = tf.compat.v1.placeholder(tf.float32, [None, 4, 4, 4], name="start")
        first = tf.nn.relu(tf.nn.conv2d(start, kernel.numpy(), 1, "SAME", name="first/Conv2D"), name="first/Relu")
        second = tf.nn.relu(tf.nn.conv2d(odd(name, first), kernel.numpy(), 1, "SAME", name="second/Conv2D"),
                            name="second/Relu")
        tf.identity(second, name="end")
        expected = session.run(first, {start: x})
    (tmp_path / "graph.pb").write_bytes(whole.as_graph_def().SerializeToString())
    with pytest.raises(Fault, match="ask for outputs before (it|them): first$") as caught:
        preprocess.preprocess(str(tmp_path / "graph.pb"), str(tmp_path / "out"))
    asked = str(caught.value).rpartition(": ")[2].split(", ")
    (tmp_path / "again").mkdir()
    assert preprocess.preprocess(str(tmp_path / "graph.pb"), str(tmp_path / "again"), layers=asked).facts[
        "outputs"] == ["first"]
    assert oracle.distance(expected, predict.predict(str(tmp_path / "again" / "model.json"), [x])[0][1]) <= 1e-5


def test_a_look_at_an_operation_leaves_it_as_it_is():
    """MaxPoolWithArgmax has no data_format, for which the others of its kind are asked."""
    with tf.Graph().as_default() as whole:
        x = tf.compat.v1.placeholder(tf.float32, [1, 4, 4, 1], name="x")
        RAW.MaxPoolWithArgmax(input=x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID", name="y")
    found = graphdef.read(whole.as_graph_def().SerializeToString())
    before = graphdef.write(found)
    unlike.check(found)
    assert graphdef.write(found) == before


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "Bidirectional", "masked"])
def test_recurrent_layers_of_a_graph_run(kind, flavour, tmp_path):
    """Loops: TensorFlow bundles control inputs there, which TensorFlow.js would wait for."""
    needs.node()
    needs.reference()
    keras = oracle.load(flavour)
    layers = keras.layers
    start = x = keras.Input((5, 3))
    if kind == "masked":
        x = layers.Masking()(x)
    x = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(x) if kind == "Bidirectional" else x
    model = keras.Model(start, (layers.GRU if kind == "GRU" else layers.LSTM)(4)(x))
    value = floats(2, 5, 3)
    value[0, 3:] = 0
    expected, found = computed(lambda one: model(one), [value], tmp_path, weights(model, flavour))
    assert oracle.distance(expected, found) <= 1e-5


class Counting(tf.Module):
    """A count of calls beside the result, and one that the result needs."""

    def __init__(self):
        super().__init__()
        self.calls, self.weight = tf.Variable(5, dtype=tf.int64), tf.Variable(floats(3, 3))

    @tf.function(input_signature=[tf.TensorSpec([3, 3], tf.float32, name="x")])
    def run(self, x):
        before = tf.cast(self.calls, tf.float32)
        self.calls.assign_add(1)
        after = tf.cast(self.calls, tf.float32)
        return {"product": tf.matmul(x, self.weight), "before": x * before, "after": x * after}


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_grouped_convolutions_of_keras_are_in_a_graph(flavour, tmp_path):
    """ResNeXt's and ConvNeXt's; Keras has them compiled, as functions that TensorFlow does not inline by itself."""
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    layers = keras.layers
    start = keras.Input((6, 6, 4))
    bias = needs.STACK == "modern"  # TensorFlow 2.6 cannot run its own fused kernel of both
    x = layers.Conv2D(6, 3, groups=2, use_bias=bias, name="two")(start)
    apart = layers.Conv2D(8, 3, groups=4, padding="same", use_bias=bias, name="apart")(start)
    row = layers.Conv1D(6, 3, groups=3, use_bias=bias, name="row")(layers.Reshape((16, 6))(x))
    model = keras.Model(start, layers.Concatenate()([layers.Flatten()(row), layers.Flatten()(apart)]))
    images = floats(2, 6, 6, 4)
    expected, found = computed(lambda x: model(x, training=False), [images], tmp_path, model)
    assert oracle.distance(oracle.predict(model, [images])[0], found) <= 1e-5
    assert oracle.distance(expected, found) <= 1e-5
    found = predict.predict(str(tmp_path / "js" / "model.json"), [images], packages.bundle("@tensorflow/tfjs", "1.0.0"))
    assert oracle.distance(expected, found[0].values) <= 1e-5


def test_a_variable_that_is_written_is_not_in_the_way_of_outputs_that_do_not_need_it(tmp_path):
    needs.node()
    module, path = Counting(), str(tmp_path / "saved")
    tf.saved_model.save(module, path, signatures=module.run)
    expected = {key: value.numpy() for key, value in module.run(tf.constant(X)).items()}
    graph.write(freeze_by_tensorflow.freeze(path, ["product", "before"]), str(tmp_path / "js"))
    found = predict.predict(str(tmp_path / "js" / "model.json"), [X])
    assert [name for name, _ in found] == ["product", "before"]
    for name, values in found:
        assert oracle.distance(expected[name], values) <= 1e-5
    with pytest.raises(Fault, match="has no ReadVariableOp"):  # its value is not the one that was saved
        graph.write(freeze_by_tensorflow.freeze(path, ["after"]), str(tmp_path / "no"))


@pytest.mark.modern
def test_random_layers_that_keras_3_exports_at_work_are_told_and_the_advice_works(tmp_path):
    """Keras 3.15: export() calls a model without training=False, and RandomFlip is at work then; Dropout is not."""
    needs.node()
    keras = oracle.load("keras3")
    layers = keras.layers
    start = keras.Input((6, 6, 3), name="start")
    x = layers.Dropout(0.5, name="drop")(layers.Conv2D(4, 3, name="before")(start))
    model = keras.Model(start, layers.Dense(2, name="behind")(layers.Flatten()(layers.RandomFlip(name="flip")(x))))
    images = numpy.random.RandomState(1).rand(2, 6, 6, 3).astype("float32")
    exported, archive = str(tmp_path / "exported"), str(tmp_path / "model.keras")
    model.export(exported, verbose=False)
    with pytest.raises(Fault, match="random layers at work: save it without them .*keras of model.save.*, or ask for"):
        preprocess.preprocess(exported, str(tmp_path / "no"))
    _, facts = preprocess.preprocess(exported, str(tmp_path / "js"), layers=["before"])
    model.save(archive)
    (tmp_path / "whole").mkdir()
    preprocess.preprocess(archive, str(tmp_path / "whole"), layers=["before", "behind"])
    expected = oracle.predict(oracle.multi_output(keras, model, ["before", "behind"]), [images])
    found = predict.predict(str(tmp_path / "js" / "model.json"), [images])
    assert facts["outputs"] == ["before"] and oracle.distance(expected[0], found[0].values) <= 1e-5
    for value, output in zip(expected, predict.predict(str(tmp_path / "whole" / "model.json"), [images])):
        assert oracle.distance(value, output.values) <= 1e-5
    calm = keras.Model(start, layers.Dense(2)(layers.Flatten()(x)))
    calm.export(str(tmp_path / "calm"), verbose=False)
    preprocess.preprocess(str(tmp_path / "calm"), str(tmp_path / "calm_js"))
    found = predict.predict(str(tmp_path / "calm_js" / "model.json"), [images])
    assert oracle.distance(oracle.predict(calm, [images])[0], found[-1].values) <= 1e-5
    assert len(graph_models.agree_inside(tmp_path / "calm", tmp_path / "inside")) >= 5


def test_the_branches_of_a_frozen_graph_may_have_constants_of_one_name(tmp_path):
    """Not lowered: its conditions are functions."""
    needs.node()
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
    weight = tf.Variable(floats(3, 3))

    def run(x):
        y = tf.cond(x[0, 0] > 0, lambda: tf.matmul(x, weight) + 2.0, lambda: x * 3.5)
        return tf.cond(y[0, 0] < 0, lambda: y * 4.5, lambda: tf.matmul(y, weight) - 1.5)

    function = tf.function(run).get_concrete_function(tf.TensorSpec([3, 3], tf.float32, name="x"))
    whole = convert_variables_to_constants_v2(function, lower_control_flow=False).graph.as_graph_def()
    assert [node for node in whole.node if node.op.endswith("If")]
    (tmp_path / "graph").write_bytes(whole.SerializeToString())
    found = freeze_by_tensorflow.freeze(str(tmp_path / "graph"))
    graph.write(found, str(tmp_path / "js"))
    names = [node.name for node in found.every_node() if node.op == "Const"]
    assert len(set(names)) == len(names) > 4
    for value in (X, -X, floats(3, 3) + 5):
        wanted = run(tf.constant(value)).numpy()
        assert oracle.distance(wanted, predict.predict(str(tmp_path / "js" / "model.json"), [value])[0][1]) <= 1e-5


def written(n, x):
    """A list, written by a loop that the data count."""
    made = tf.TensorArray(tf.float32, n, element_shape=[3])
    return tf.while_loop(lambda i, made, s: i < n, lambda i, made, s: (i + 1, made.write(i, s + x[1]), s * 1.1), [
        0, made, x[0]])[1].stack()


def chosen(n, x):
    """A list of which each item is written in one branch or the other, of constants in one."""
    made = tf.TensorArray(tf.float32, n, element_shape=[3])
    return tf.while_loop(lambda i, made: i < n, lambda i, made: (i + 1, tf.cond(
        x[0, 0] > tf.cast(i, tf.float32) - 1, lambda: made.write(i, x[1]), lambda: made.write(i, [1.0, 2.0, 3.0]))), [
        0, made])[1].stack()


def within(n, x):
    """A list that is written in a loop, and one of constants, in a loop."""
    made = tf.TensorArray(tf.float32, n, element_shape=[2, 3])

    def inner(i):
        rows, first = tf.TensorArray(tf.float32, 2, element_shape=[3]), tf.constant([1.0, 2.0, 3.0])
        return tf.while_loop(lambda j, rows, t: j < tf.minimum(2, n), lambda j, rows, t: (
            j + 1, rows.write(j, t + tf.cast(tf.range(3) * i, tf.float32)), t * 0.5), [0, rows, first])[1].stack()
    return tf.while_loop(lambda i, made: i < n, lambda i, made: (i + 1, made.write(i, inner(i))), [0, made])[1].stack()


BY_DATA = [written, chosen, within,
           lambda n, x: tf.while_loop(lambda i, s: i < n, lambda i, s: (i + 1, tf.constant([7.0])), [0, x[0, :1]])[1],
           lambda n, x: tf.while_loop(lambda i, s: i < n, lambda i, s: (i + 1, tf.concat([s, x], 0)), [0, x],
                                      shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, 3])])[1],
           lambda n, x: tf.cond(n > 3, lambda: x[0] * 2, lambda: tf.while_loop(
               lambda i, s: i < n, lambda i, s: (i + 1, s + x[0]), [0, tf.constant([0.5, 1, 2])])[1])]


def test_loops_and_conditions_that_are_functions_run_where_the_data_count_them(tmp_path):
    needs.node()
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    def run(x):
        n = tf.cast(tf.reduce_sum(tf.abs(x)), tf.int32) % 4 + 2
        return [tf.identity(function(n, x), f"end{place}") for place, function in enumerate(BY_DATA)]

    function = tf.function(run).get_concrete_function(tf.TensorSpec([3, 3], tf.float32, name="x"))
    whole = convert_variables_to_constants_v2(function, lower_control_flow=False).graph.as_graph_def()
    assert {"While", "If"} <= {node.op.replace("Stateless", "") for node in whole.node}
    (tmp_path / "graph").write_bytes(whole.SerializeToString())
    names = [f"end{place}" for place in range(len(BY_DATA))]
    done = preprocess.preprocess(str(tmp_path / "graph"), str(tmp_path / "js"), layers=names)
    assert "by executeAsync alone" in done.facts["why"]
    for value in (X, floats(3, 3) + 1):
        found = predict.predict(str(tmp_path / "js" / "model.json"), [value])
        for wanted, output in zip(run(tf.constant(value)), found):
            assert oracle.distance(wanted.numpy(), output.values) <= 1e-5, output.name


def test_a_graph_with_a_loop_gives_the_same_bytes_in_every_process(tmp_path, monkeypatch):
    """TensorFlow marks some of the nodes of a loop, others every time."""
    keras = oracle.load(oracle.FLAVOURS[-1])
    start = keras.Input((5, 3))
    model = keras.Model(start, keras.layers.LSTM(4)(keras.layers.Masking()(start)))
    module = Module(lambda x: model(x), [tf.TensorSpec([2, 5, 3], tf.float32, name="x")])
    module.tracked = weights(model, oracle.FLAVOURS[-1])
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.run)
    for name in ("a", "b", "c"):
        monkeypatch.setattr(child, "run", shared_tensorflow.ALONE)
        graph.convert(formats.read(str(tmp_path / "saved")), str(tmp_path / name))
    first = (tmp_path / "a" / "model.json").read_bytes()
    assert first == (tmp_path / "b" / "model.json").read_bytes() == (tmp_path / "c" / "model.json").read_bytes()
