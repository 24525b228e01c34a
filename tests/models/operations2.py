"""Cases of TensorFlow's functions in a functional model of Keras 2, by theme; a case gives the outputs of a branch.

Its arguments: tf, keras; x and y, floats of (4, 6); z, an image of (5, 7, 3); i and j, whole numbers of (4,).
"""
import numpy

SIX = numpy.linspace(-1, 1, 6).astype("float32")

def kernel(*shape):
    """Numbers of that shape."""
    return numpy.sin(numpy.arange(numpy.prod(shape))).reshape(shape).astype("float32")


THEMES = {
    "arithmetic": lambda tf, keras, x, y, z, i, j: [
        x + y, x + 1, 1.5 + x, x + SIX, i + j, i + 2, tf.add(x, tf.ones((6,))), SIX + x, tf.add(x, SIX, name="named"),
        x - y, 1 - x, i - j, x * y, 3 * x, i * j, x / (y * y + 1), 1 / (x * x + 1), i / (j + 1), i / 4, tf.divide(x,
        2.0),
        x // 0.7, i // 2, (i - 3) // 2, x % 0.7, (i - 3) % 2, x ** 2, 2 ** x, i ** 2, tf.pow(x * x, y), -x, -i,
        abs(x),
        tf.maximum(x, y), tf.minimum(x, 0.3), tf.maximum(i, 2), tf.clip_by_value(x, -0.5, 0.5), tf.clip_by_value(i,
        1, 2),
        tf.math.divide_no_nan(x, tf.cast(i, tf.float32)[:, :, None]), tf.add_n([x, y, x]),
        tf.math.squared_difference(x, y),
        tf.math.floordiv(x, 0.5), tf.math.floormod(i, 3), tf.math.multiply_no_nan(x, tf.cast(i, tf.float32)[:, :,
        None]),
        tf.math.xlogy(tf.nn.relu(x), y * y + 1), tf.math.reciprocal_no_nan(tf.nn.relu(x))],
    "unary": lambda tf, keras, x, y, z, i, j: [
        tf.sqrt(x * x), tf.math.rsqrt(x * x + 1), tf.exp(x), tf.math.expm1(x), tf.math.log(x * x + 1),
        tf.math.log1p(x * x),
        tf.sin(x), tf.cos(x), tf.tan(x), tf.sinh(x), tf.cosh(x), tf.tanh(x), tf.asin(tf.tanh(x)), tf.acos(tf.tanh(x)),
        tf.atan(x), tf.asinh(x), tf.acosh(x * x + 1), tf.atanh(tf.tanh(x) * 0.9), tf.atan2(x, y), tf.square(i),
        tf.abs(i - 2), tf.sign(x),
        tf.math.ceil(x), tf.floor(x * 3), tf.round(x * 3), tf.math.erf(x), tf.math.erfc(x),
        tf.math.reciprocal(x * x + 1),
        tf.identity(x), tf.stop_gradient(x) * 2, tf.cast(x * 3, tf.int32), tf.cast(i, tf.float32), tf.cast(x > 0,
        "float32"), tf.cast(i, tf.bool),
        tf.cast(i * 100, tf.uint8), tf.math.sigmoid(x), tf.math.is_nan(x), tf.math.is_finite(x),
        tf.saturate_cast(x * 300, tf.uint8), tf.cast(i, tf.int64)],
    "logic": lambda tf, keras, x, y, z, i, j: [
        x > y, x >= 0, x < 0.5, x <= y, tf.equal(i, j), tf.not_equal(i, 2), (x > 0) & (y > 0), (x > 0) | (y > 0),
        ~(x > 0),
        tf.math.logical_xor(x > 0, y > 0), tf.logical_not(x > 0), tf.where(x > 0, x, y), tf.where(x > 0, x, -1.0),
        tf.where(x > 0, 1, 0),
        tf.where(i[:, :, None] > 1, x, 0.0), tf.where(i > 1, i, -1)],
    "reducing": lambda tf, keras, x, y, z, i, j: [
        of(*given) for of in (tf.reduce_sum, tf.reduce_mean, tf.reduce_max, tf.reduce_min, tf.reduce_prod)
        for given in ((x,), (x, 1), (x, [1, 2], True), (i, 1), (z, (1, -1)))] + [
        tf.reduce_any(x > 0, 1), tf.reduce_all(x > -1, axis=[1, 2]), tf.math.reduce_std(x, 1),
        tf.math.reduce_variance(x, [1, 2], True),
        tf.reduce_logsumexp(x, -1), tf.math.count_nonzero(i, 1), tf.argmax(x, 1), tf.argmin(x, -1), tf.argmax(i,
        axis=-1, output_type=tf.int32),
        tf.cumsum(x, 1), tf.cumsum(x, 1, exclusive=True), tf.cumsum(x, -1, reverse=True), tf.math.cumprod(x, 1),
        tf.math.cumprod(x, 1, True, True),
        *tf.nn.moments(x, [1]), keras.backend.mean(x, 1), keras.backend.sum(x, -1, keepdims=True),
        keras.backend.max(x, 2), tf.argmax(x)],
    "shaping": lambda tf, keras, x, y, z, i, j: [
        tf.reshape(x, (-1, 3)), tf.reshape(x, [tf.shape(x)[0], -1]), tf.reshape(x, [tf.shape(x)[0], 6, 4]),
        tf.reshape(x, tf.shape(y)), tf.transpose(x, [0, 2, 1]), tf.transpose(x), tf.expand_dims(x, 1),
        tf.expand_dims(x, -1), tf.squeeze(x[:, :1], 1),
        tf.squeeze(x[:, :1]), tf.concat([x, y], -1), tf.concat([x, y, x], axis=1), tf.stack([x, y], 1), tf.stack([x,
        y]), *tf.split(x, 2, 2), *tf.split(x, [1, 3], 1),
        *tf.split(x, [2, -1], -1), *tf.unstack(x, axis=1), tf.tile(x, [1, 2, 3]), tf.repeat(x, 2, 1), tf.reverse(x,
        [1]),
        tf.roll(x, 1, 1), tf.roll(x, [1, 2], [1, 2]), tf.pad(x, [[0, 0], [1, 2], [0, 0]]), tf.pad(x, [[0, 0], [1,
        2], [0, 3]], constant_values=2.5),
        tf.pad(x, [[0, 0], [1, 2], [3, 0]], "REFLECT"), tf.pad(x, [[0, 0], [1, 2], [3, 0]], "SYMMETRIC"),
        tf.broadcast_to(x[:1, :1], [2, 4, 6]),
        tf.zeros_like(x) + 1, tf.ones_like(i), tf.shape(x), tf.size(x), tf.rank(x), tf.tile(x, [tf.shape(x)[0], 1,
        1]), keras.backend.concatenate([x, y]),
        keras.backend.flatten(x), keras.backend.permute_dimensions(x, (0, 2, 1)), keras.backend.expand_dims(x, 2),
        keras.backend.reverse(x, 1),
        tf.concat([x, tf.zeros_like(x)[:, :, :1]], 2), tf.concat([x], 1), tf.stack([x], 1)],
    "sizes": lambda tf, keras, x, y, z, i, j: [
        tf.repeat(x, [1, 2, 1, 3], axis=1),
        tf.reshape(x, [-1, tf.shape(x)[2], 2]), tf.reshape(x, [tf.shape(x)[0], tf.shape(x)[1], 3, -1]),
        tf.zeros([tf.shape(x)[0], 3]) + 1, tf.ones(tf.shape(x)), tf.fill([tf.shape(x)[0], 2], 2.5),
        tf.range(tf.shape(x)[0]), tf.range(tf.shape(x)[1]) + i, tf.sequence_mask(i[:, 0], 5),
        tf.linspace(x[0, 0, 0], 3.0, 4), tf.scatter_nd([[0], [2]], x[0, :2], [4, 6]), tf.boolean_mask(x, [True,
        False, True, True], axis=1), tf.reshape(x, tf.concat([tf.shape(x)[:1], [-1]], 0))],
    "indexing": lambda tf, keras, x, y, z, i, j: [
        x[:, 1:], x[:, :-1], x[..., 0], x[:, -1], x[:, None], x[:, 1:, None, ::-1], x[:, ::2, 1::3], x[0], x[-1],
        x[:1], x[:, 1, 2], x[..., tf.newaxis],
        x[:, 3:0:-1], z[:, 1:-1, ::-2, 0], x[::-1], x[1:], x[:5], x[-1:], x[:, i[0, 0] % 4], x[:,
        :tf.shape(x)[1] - 1], x[:, :, :i[0, 0] % 4 + 1],
        tf.gather(x, [0, 2], axis=1), tf.gather(x, i % 4, axis=1, batch_dims=1),
        tf.gather(numpy.arange(12.).reshape(4, 3).astype("float32"), i % 4), tf.gather(x, 1, axis=-1),
        tf.gather(z, i % 5, axis=1, batch_dims=1), tf.gather(z, i % 7, axis=2, batch_dims=1),
        tf.gather(x, tf.stack([i % 4, j % 4], -1), axis=1, batch_dims=1),
        tf.gather(x, tf.stack([i % 6, j % 6], -1), batch_dims=2), tf.gather(x, i % 6, axis=2, batch_dims=1),
        tf.gather(i, j % 4, batch_dims=1), tf.gather_nd(x, [[0, 1], [1, 2]]), tf.slice(x, [0, 1, 0], [-1, 2, 3]),
        tf.strided_slice(x, [0, 1, 0], [2, 3, 5], [1, 1, 2]), tf.strided_slice(x, [0, 1], [0, 3], begin_mask=1,
        end_mask=1),
        tf.one_hot(i, 4), tf.one_hot(i, 3, axis=1), tf.one_hot(i, 3, on_value=2.0, off_value=-1.0), tf.one_hot(i, 4,
        dtype=tf.int32), tf.sort(x, 1), tf.sort(x, -1, "DESCENDING"), tf.argsort(x), tf.argsort(x, 1, "DESCENDING"),
        *tf.math.top_k(x, 3),
        tf.linalg.band_part(tf.matmul(x, y, transpose_b=True), -1, 0), tf.linalg.band_part(x, 1, 2),
        tf.linalg.diag_part(x), tf.linalg.trace(x), tf.linalg.diag(x[:, 0])],
    "linear": lambda tf, keras, x, y, z, i, j: [
        tf.matmul(x, y, transpose_b=True), tf.matmul(x, y, transpose_a=True), x @ numpy.ones((6, 2), "float32"),
        tf.linalg.matmul(x, tf.transpose(y, [0, 2, 1])),
        tf.tensordot(x, numpy.ones((6, 2), "float32"), 1), tf.tensordot(x, numpy.linspace(0, 1, 48).reshape(6, 4,
        2).astype("float32"), [[1, 2], [1, 0]]), tf.norm(x, axis=-1), tf.norm(x, ord=1, axis=1, keepdims=True),
        tf.norm(x),
        tf.nn.l2_normalize(x, -1), tf.math.l2_normalize(x, [1, 2]), tf.linalg.cross(z, z[..., ::-1]),
        tf.nn.bias_add(x, SIX), keras.backend.l2_normalize(x, 1), keras.backend.dot(x,
        keras.backend.constant(numpy.ones((6, 2)))), keras.backend.batch_dot(x, y, (2, 2))],
    "neural": lambda tf, keras, x, y, z, i, j: [
        tf.nn.relu(x), tf.nn.relu6(x * 4), tf.nn.softmax(x), tf.nn.softmax(x, axis=1), tf.nn.log_softmax(x),
        tf.nn.softmax(x * 100 - 1e9), tf.nn.leaky_relu(x), tf.nn.leaky_relu(x, 0.4), tf.nn.elu(x), tf.nn.selu(x),
        tf.nn.gelu(x), tf.nn.gelu(x, approximate=True), tf.nn.swish(x), tf.nn.softplus(x), tf.nn.softsign(x),
        tf.math.log_sigmoid(x), tf.nn.sigmoid(x), tf.nn.tanh(x), tf.nn.relu(i - 2),
        keras.activations.relu(x, alpha=0.1, max_value=1.0, threshold=0.2), keras.activations.hard_sigmoid(x),
        keras.activations.swish(x), keras.activations.softmax(x), keras.backend.relu(x), keras.backend.sigmoid(x),
        keras.backend.softmax(x), keras.activations.gelu(x), keras.activations.exponential(x),
        tf.nn.batch_normalization(x, SIX, SIX * SIX + 1, SIX, SIX + 2, 1e-3), tf.nn.dropout(x, 0.0)],
    "imaging": lambda tf, keras, x, y, z, i, j: [
        tf.nn.conv2d(z, kernel(2, 3, 3, 4), 1, "SAME"), tf.nn.conv2d(z, kernel(2, 3, 3, 4), [1, 2, 1, 1], "VALID"),
        tf.nn.conv2d(z, kernel(2, 3, 3, 4), 2, [[0, 0], [1, 0], [2, 1], [0, 0]]), tf.nn.conv1d(x, kernel(3, 6, 2),
        1, "SAME"),
        tf.nn.convolution(z, kernel(3, 2, 3, 2), padding="SAME", dilations=2), tf.nn.depthwise_conv2d(z, kernel(2,
        3, 3, 2), [1, 1, 1, 1], "SAME"), tf.nn.separable_conv2d(z, kernel(2, 3, 3, 2), kernel(1, 1, 6, 4), [1, 1, 1,
        1], "SAME"),
        tf.nn.max_pool2d(z, 2, 2, "SAME"), tf.nn.avg_pool2d(z, (2, 3), 1, "VALID"), tf.nn.max_pool(z, 2, 1,
        "VALID"), tf.nn.avg_pool(x, 2, 2, "SAME"), tf.nn.max_pool1d(x, 2, 2, "VALID"), keras.backend.pool2d(z, (2,
        2), (2, 2), "same"),
        tf.image.resize(z, (3, 9)), tf.image.resize(z, [8, 4], "nearest"), tf.image.resize(z, (3, 9), "bicubic"),
        tf.image.resize(z, (3, 4), antialias=True), tf.image.resize(z, (4, 4), preserve_aspect_ratio=True),
        tf.image.resize(z, tf.shape(z)[1:3] * 2),
        tf.image.resize_with_crop_or_pad(z, 3, 9), keras.backend.resize_images(z, 2, 3, "channels_last"),
        keras.backend.resize_images(z, 2, 2, "channels_last", "bilinear"),
        tf.nn.space_to_depth(z[:, :4, :6], 2), tf.nn.depth_to_space(tf.reshape(x, [-1, 2, 3, 4]), 2),
        tf.image.rgb_to_grayscale(z), tf.image.rgb_to_hsv(tf.nn.sigmoid(z)), tf.image.hsv_to_rgb(tf.nn.sigmoid(z)),
        tf.image.flip_left_right(z),
        tf.image.flip_up_down(z), tf.image.central_crop(z, 0.5), tf.image.crop_to_bounding_box(z, 1, 2, 3, 4),
        tf.image.per_image_standardization(z), tf.image.sobel_edges(z), tf.image.grayscale_to_rgb(z[..., :1])],
}
