"""Cases of TensorFlow as operations2 has them, of fields of their own: segments, spectra, matrices, losses."""
import numpy

from tests.models.operations2 import kernel

ROWS = numpy.array([0, 2, 0, 3], "int32")
PLACES = [[0, 1, 2], [0, 0, 3], [1, 3, 5]]


def square(tf, x):
    """Positive definite matrices of three rows."""
    return tf.matmul(x[:, :3, :3], x[:, :3, :3], transpose_b=True) + 2 * numpy.eye(3, dtype="float32")


def few_bits(tf, x):
    """Numbers of 8 and 16 bits that overflow."""
    whole = tf.cast(x * 99, tf.int32) * 9
    u, s, v = [tf.cast(whole, kind) for kind in (tf.uint8, tf.int8, tf.int16)]
    return [u + u, u * u, u - 7, s * s, -s, tf.abs(s), v * v, tf.square(whole * 9) % 7, tf.cumsum(u, 1),
            tf.reduce_sum(s, 1), u / 3, u // 7, tf.cast(u * 2, tf.float32), tf.argmax(u * 2, -1),
            tf.cast(tf.cast(u, tf.int32) + 250, tf.uint8) + 9, tf.concat([u, u * 2], -1) * 100, tf.stack([u, u], 1) * 3,
            tf.transpose(u, (0, 2, 1)) * 3, u[:, 1:] * 3, tf.where(x > 0, u, u * 2) * 3,
            tf.saturate_cast(x * 300, tf.uint8) * 2, tf.reduce_max(u, 1) * 3, tf.zeros_like(u, tf.int32) - 300,
            tf.reduce_mean(s, 1) * 3] + more_bits(tf, u, s, v)


def more_bits(tf, u, s, v):
    """Products of such numbers, and what puts them elsewhere."""
    square, low = v[:, :4, :4], u[..., None]
    return [
        s ** 3, v ** 5, tf.pow(v, tf.abs(v) % 5), tf.reduce_prod(u, 1) * 3, tf.reduce_prod(v, [1, 2], True),
        tf.math.cumprod(u, 1), tf.math.cumprod(v, 2, True, True) * 3, tf.linalg.band_part(v, 1, 0) * 3,
        tf.linalg.diag(u[:, 0]) * 3, tf.linalg.diag_part(square) * 3, tf.linalg.set_diag(v, v[:, 0, :4]) * 3,
        tf.linalg.trace(square), tf.linalg.cross(v[..., :3], v[..., 3:]), tf.reverse_sequence(u, [2, 4], 1, 0) * 3,
        tf.scatter_nd([[0], [2], [0], [1]], u[0], [3, 6]), tf.tensor_scatter_nd_add(v, PLACES, v[0, 0, :3]),
        tf.math.unsorted_segment_sum(u[0], ROWS, 5), tf.math.unsorted_segment_max(s[0], ROWS, 5),
        tf.math.unsorted_segment_prod(v[0], ROWS, 5), tf.image.resize(low, (3, 9), "nearest") * 3,
        tf.image.extract_patches(low, [1, 2, 2, 1], [1, 1, 1, 1], [1, 1, 1, 1], "VALID") * 3,
        tf.image.rgb_to_grayscale(tf.reshape(u, (-1, 4, 2, 3)))]


def windows(tf, x, z, kernel):
    """What slides over images."""
    return [
        tf.nn.conv1d_transpose(x, kernel(3, 5, 6), [2, 8, 5], 2), tf.nn.conv1d_transpose(x, kernel(
            3, 5, 6), [2, 10, 5], 2, "VALID"),
        tf.nn.conv2d_transpose(z, kernel(3, 2, 4, 3), [2, 10, 7, 4], [2, 1]), tf.nn.conv2d_transpose(
            z, kernel(2, 3, 4, 3), [2, 9, 14, 4], 2), tf.nn.conv2d_transpose(z, kernel(2, 3, 4, 3), [
                2, 10, 15, 4], 2, "VALID"),
        tf.nn.conv3d_transpose(z[..., None], kernel(2, 3, 2, 4, 1), [2, 10, 7, 6, 4], [2, 1, 2]),
        tf.nn.atrous_conv2d(z, kernel(2, 3, 3, 4), 2, "SAME"), tf.nn.atrous_conv2d(z, kernel(2, 2, 3, 4), 2, "VALID"),
        tf.nn.pool(z, [2, 3], "MAX", strides=[2, 1], padding="SAME"), tf.nn.pool(z, [2, 2], "AVG"),
        tf.nn.pool(x, [2], "AVG", strides=[2], padding="SAME"), tf.nn.pool(
            z, [2, 3], "MAX", dilations=[2, 1]),
        tf.nn.pool(z, [2, 2], "AVG", dilations=[2, 3]), tf.nn.pool(x, [2], "AVG", dilations=[2]),
        tf.nn.atrous_conv2d_transpose(z, kernel(2, 3, 4, 3), [2, 5, 7, 4], 2, "SAME"),
        tf.nn.atrous_conv2d_transpose(z, kernel(3, 2, 4, 3), [2, 9, 9, 4], 2, "VALID"),
        tf.nn.local_response_normalization(z, 1, 0.5, 2.0, 0.7), tf.nn.local_response_normalization(x[:, None]),
        tf.nn.dilation2d(z, kernel(2, 3, 3), [1, 1, 1, 1], "SAME", "NHWC", [1, 1, 1, 1]),
        tf.nn.dilation2d(z, kernel(2, 2, 3), [1, 2, 1, 1], "VALID", "NHWC", [1, 2, 1, 1]),
        tf.image.crop_and_resize(z, [[0.1, 0.2, 0.8, 0.9], [-0.2, 0.0, 1.2, 1.0], [0.5, 0.9, 0.1, 0.3]], [0, 1, 0], [
            4, 3]),
        tf.image.crop_and_resize(z, [[0.1, 0.2, 0.8, 0.9]], [1], [1, 2], "nearest", 3.0),
        tf.image.resize_with_pad(z, 8, 6), tf.image.resize_with_pad(z, 4, 9, "bicubic"), tf.image.resize_with_pad(
            z[0], 3, 3, antialias=True)]


def resized(tf, z):
    """Images by the functions of TensorFlow 1."""
    image = tf.compat.v1.image
    return [getattr(image, "resize_" + name)(z, size, align_corners=bool(size[0] % 2))
            for name in ("bilinear", "nearest_neighbor", "bicubic", "area") for size in ((4, 5), (9, 4), (1, 11))]


def rarest(tf, x, y, z, i):
    """Sequences, diagonals, the gamma function."""
    return [
        tf.reverse_sequence(x, [2, 4], 1, 0), tf.reverse_sequence(z, i[:, 0] + 1, seq_axis=2, batch_axis=0),
        tf.reverse_sequence(z, tf.constant([1, 2, 7]), 2, 3), tf.linalg.set_diag(x, y[:, 0, :4]),
        tf.linalg.set_diag(x, y[:, 0, :4], k=1), tf.linalg.set_diag(x, y[:, 0, :3], k=-1),
        tf.linalg.diag(x[:, :3], k=(-1, 1)), tf.linalg.diag(x[:, 0], k=-2), tf.linalg.diag(
            x[:, :2], k=(0, 1), num_rows=6, num_cols=9, padding_value=2.5), tf.linalg.diag(x[:, 0], k=1, num_cols=9),
        tf.linalg.diag_part(x, k=(-1, 2)), tf.linalg.diag_part(x, k=(-2, 1), padding_value=7.5, align="RIGHT_RIGHT"),
        tf.linalg.diag_part(x, k=(1, 3), align="LEFT_RIGHT"), tf.linalg.diag_part(x, k=-3), tf.linalg.tensor_diag(x[0]),
        tf.linalg.tensor_diag_part(tf.reshape(x[:1, :4, :4], [2, 2, 2, 2])), *tf.linalg.qr(x),
        *tf.linalg.qr(x, full_matrices=True),
        tf.math.lgamma(x * 9), tf.math.lgamma(tf.abs(y) * 99 + 0.01), tf.math.digamma(tf.abs(x) * 9 + 0.1),
        tf.math.digamma(tf.floor(y * 3) + 0.3), tf.quantization.fake_quant_with_min_max_vars(x, -0.8, 1.1),
        tf.quantization.fake_quant_with_min_max_vars(x, -abs(y[0, 0, 0]) - 0.1, 1.1, 5, True),
        tf.quantization.fake_quant_with_min_max_vars_per_channel(z, [-1.0, -0.5, 0.0], [0.5, 1.0, 2.0], 4)]


def counted(tf, x, y, i, modern):
    """Counts, segments in a row, lists of tensors, functions of Bessel's."""
    m, row = tf.math, numpy.array([0, 0, 1, 3], "int32")
    numbers = tf.cast(x * 30, "int8")
    return [
        *[getattr(m, "segment_" + name)(x[0], row) for name in ("sum", "mean", "max", "min", "prod")],
        m.unsorted_segment_mean(x[0], row, 5), m.unsorted_segment_sqrt_n(x[0], row, 5),
        *[m.bincount(i, minlength=5, maxlength=5, axis=axis) for axis in (None, -1) if modern],
        m.confusion_matrix(i[0], i[1], 5), tf.histogram_fixed_width(x, [-1.0, 1.0], 5), tf.histogram_fixed_width_bins(
            x, [-1.0, 1.0], 5), m.in_top_k(i[0], x[0], 2), tf.searchsorted(tf.sort(x), y, side="right"), m.angle(x),
        m.imag(x), *tf.identity_n([x, y]), *tf.shape_n([x, y]), tf.truncatediv(i - 3, 2), tf.eye(
            tf.shape(x)[1], 6) + x, *tf.unstack(tf.unravel_index(i[0], [2, 3])), *tf.dynamic_partition(
                x[0], [0, 1, 0, 1], 2), tf.linalg.global_norm([x, y]), *tf.clip_by_global_norm([x, y], 1.5)[0],
        tf.debugging.check_numerics(x, "no number"), m.is_strictly_increasing(x), m.is_non_decreasing(tf.sort(x[0, 0])),
        m.bessel_i0e(x * 6), m.bessel_i1(x * 3), m.bessel_i1e(x * 6), m.ndtri(tf.sigmoid(x)), m.erfcinv(
            tf.sigmoid(x) * 1.8 + 0.05), tf.nn.log_poisson_loss(tf.abs(x), y), tf.nn.log_poisson_loss(
                tf.abs(x) * 3, y, True), tf.quantization.quantize_and_dequantize_v2(x, [-1.0] * 4, [1.0] * 4, axis=1),
        tf.quantization.quantize_and_dequantize_v2(x, -1.0, 1.5, True, 5, True, narrow_range=True),
        *(m.approx_max_k(x, 2) if modern else []), m.lbeta(tf.abs(x) + 0.1), m.invert_permutation(tf.argsort(x[0, 0])),
        *list(tf.nn.sufficient_statistics(x, [1]))[:3],
        tf.dynamic_stitch([[0, 2], [1, 2]], [x[0, :2], y[0, 2:]]),
        tf.extract_volume_patches(x[..., None, None], [1, 2, 2, 1, 1], [1, 1, 2, 1, 1], "VALID"), tf.image.psnr(
            x[..., None], y[..., None], 1.5), *[tf.image.convert_image_dtype(numbers, kind) for kind in (
                "float32", "uint8")]]


def waves(tf, x, y):
    """What computes with complex numbers, and transforms of frames."""
    signal, row = tf.signal, tf.reshape(x, [-1, 24])
    wave, numbers = signal.stft(row, 8, 4), tf.complex(x, y)
    return [
        tf.abs(wave), tf.math.real(signal.stft(row, 6, 4, 16, pad_end=True)), tf.math.angle(numbers), tf.math.imag(
            tf.math.conj(numbers) * numbers[:, :1] - numbers), signal.inverse_stft(wave, 8, 4), tf.math.imag(
                signal.ifft(signal.fft(tf.transpose(tf.cast(x, "complex64"), (0, 2, 1))) * 2)), tf.abs(
                    signal.fft2d(numbers)), tf.cast(
                    numbers, "float32"), signal.mdct(row, 8), signal.mdct(row, 8, norm="ortho"), signal.inverse_mdct(
                        signal.mdct(row, 8)), signal.mfccs_from_log_mel_spectrograms(x), signal.fftshift(x, axes=2),
        signal.ifftshift(x[:, :3], axes=[1, 2])]


def decomposed(tf, x):
    """Triangles, and singular values."""
    high, cube = x[:, :, :2], square(tf, x)
    return [
        *tf.linalg.qr(x), *tf.linalg.qr(high, True),
        *[tf.linalg.triangular_solve(cube, high[:, :3], *how) for how in ((), (False,), (True, True))],
        *tf.linalg.lu(x[:, :, :4]), tf.linalg.svd(high)[0], tf.linalg.svd(high, compute_uv=False),
        tf.linalg.eigvalsh(cube), tf.linalg.eigh(cube)[0], tf.linalg.pinv(high), tf.linalg.matrix_rank(high, 1.0),
        tf.norm(high, 2, [1, 2]), tf.norm(high, 2, [-1, -2], keepdims=True),
        tf.nn.ctc_loss([[1, 1], [2, 3]], x, [2, 1], [4, 3], logits_time_major=False),
        tf.nn.ctc_loss([[1, 4], [2, 3]], tf.transpose(x, [1, 0, 2]), [2, 1], [4, 3], blank_index=-1)]


def rare(tf, x, y, z, i, j):
    """What hardly a model holds."""
    return [
        tf.image.convert_image_dtype(x, tf.float32), tf.image.convert_image_dtype(
            tf.cast(i * 50, tf.uint8), tf.float32),
        tf.image.convert_image_dtype(tf.sigmoid(x), tf.uint8), tf.image.convert_image_dtype(x, tf.uint8, True),
        tf.image.psnr(z, z * 0.5, 2.0), tf.truncatediv(i - 3, j + 2), tf.math.imag(x), tf.math.angle(x),
        tf.math.lbeta(tf.abs(x) + 0.3), tf.math.is_non_decreasing(x),
        tf.math.is_strictly_increasing(tf.cumsum(i[0] + 1)),
        tf.math.unsorted_segment_mean(x[0], ROWS, 4), tf.math.segment_mean(x[0], [0, 2, 2, 3]),
        tf.histogram_fixed_width_bins(x, [-1.0, 1.0], 7), tf.histogram_fixed_width(y, [-1.5, 1.0], 5),
        tf.linalg.lstsq(x[:, :, :2], y[:, :, :3]), tf.linalg.lstsq(x[:, :2], y[:, :2, :1]),
        tf.nn.log_poisson_loss(x * x * 3, y), tf.nn.log_poisson_loss(x * x * 3, y, True),
        tf.signal.fftshift(x, [1]), tf.signal.ifftshift(z, [1, 2]), tf.signal.fftshift(x), tf.signal.ifftshift(z)]


def picked(tf, x, i):
    """Places, values that differ, counts: how many there are is known when they are computed."""
    return [tf.where(x > 0.5), tf.where(x > 99), tf.boolean_mask(x, x[:, :, 0] > 0), *tf.unique(tf.reshape(i, [-1])),
            *tf.unique_with_counts(i[0])]


FUNCTIONS = {
    "counted": lambda tf, keras, x, y, z, i, j: counted(tf, x, y, i, "tf_keras" in keras.__name__),
    "waves": lambda tf, keras, x, y, z, i, j: waves(tf, x, y),
    "places of pooling": lambda tf, keras, x, y, z, i, j: [
        *tf.nn.max_pool_with_argmax(z, 2, 2, "SAME"), *tf.nn.max_pool_with_argmax(
            z, [2, 3], 1, "VALID", include_batch_in_index=True), tf.nn.erosion2d(
                z, kernel(2, 3, 3), [1, 2, 1, 1], "SAME", "NHWC", [1, 1, 1, 1]), tf.image.adjust_brightness(
                    tf.cast(tf.abs(z) * 60, "uint8"), 0.2), tf.nn.max_pool2d(tf.cast(z * 40, "int32"), 2,
                    2, "VALID") // 3],
    "triangles": lambda tf, keras, x, y, z, i, j: [
        tf.linalg.triangular_solve(square(tf, x), y[:, :3]), tf.linalg.triangular_solve(
            square(tf, x), y[:, :3], False, True), tf.linalg.tridiagonal_matmul(
                x[:, :3, :4], y[:, :, :2]), tf.linalg.tridiagonal_solve(x[:, :3, :4] + [[[0.0], [5.0], [0.0]]], y)],
    "windows": lambda tf, keras, x, y, z, i, j: windows(tf, x, z, kernel),
    "rarest": lambda tf, keras, x, y, z, i, j: rarest(tf, x, y, z, i),
    "few bits": lambda tf, keras, x, y, z, i, j: few_bits(tf, x),
    "pictures": lambda tf, keras, x, y, z, i, j: [
        tf.image.adjust_brightness(z, 0.3), tf.image.adjust_contrast(z, 1.7), tf.image.adjust_gamma(z * z, 0.7, 2.0),
        tf.image.adjust_saturation(tf.sigmoid(z), 1.4), tf.image.adjust_hue(tf.sigmoid(z), 0.3),
        tf.image.adjust_hue(tf.sigmoid(z), -0.4), tf.image.rgb_to_yiq(z), tf.image.yiq_to_rgb(z),
        tf.image.rgb_to_yuv(z), tf.image.yuv_to_rgb(z), tf.image.transpose(z), tf.image.rot90(z), tf.image.rot90(z, 3),
        tf.image.rot90(z[0], 2), tf.image.pad_to_bounding_box(z, 1, 2, 9, 10), tf.image.total_variation(z),
        *tf.image.image_gradients(z), tf.image.ssim(tf.sigmoid(z), tf.tanh(z * z), 1.0, 4),
        tf.image.ssim(tf.sigmoid(z), tf.sigmoid(z * z), 1.5, 3, 0.9, 0.02),
        tf.image.extract_patches(z, [1, 2, 3, 1], [1, 2, 1, 1], [1, 1, 1, 1], "SAME"),
        tf.image.extract_patches(z, [1, 2, 2, 1], [1, 1, 1, 1], [1, 2, 1, 1], "VALID")],
    "resized": lambda tf, keras, x, y, z, i, j: resized(tf, z) + [
        tf.compat.v1.image.resize(z, (4, 5), method) for method in range(4)] if "tf_keras" in keras.__name__ else [],
    "seldom": lambda tf, keras, x, y, z, i, j: [
        tf.bitwise.invert(i), tf.bitwise.left_shift(i, 2), tf.bitwise.right_shift(i * 5, j), tf.realdiv(x, y * y + 1),
        tf.scalar_mul(1.5, x),
        tf.math.bessel_i0(x), tf.math.xdivy(tf.nn.relu(x), y * y + 1), tf.math.xlog1py(tf.nn.relu(x), y * y),
        tf.math.polyval([1.0, -2.0, 0.5], x), tf.math.zero_fraction(tf.nn.relu(x)),
        tf.reduce_mean(i * 500000000 + 2, 1), tf.reduce_mean(-500000001 - i * 400000000, [0, 1], True),
        tf.math.reduce_euclidean_norm(x, 1), tf.math.reduce_euclidean_norm(x, [1, 2], True),
        tf.math.cumulative_logsumexp(x, 1), tf.math.cumulative_logsumexp(x, -1, reverse=True),
        tf.math.cumulative_logsumexp(tf.math.log(tf.nn.relu(x)), 1),
        tf.clip_by_norm(x, 1.5, [1, 2]), tf.clip_by_norm(x, 100.0), tf.linalg.matrix_transpose(x),
        tf.linalg.adjoint(x),
        tf.linalg.det(square(tf, x)), tf.linalg.inv(square(tf, x)), tf.linalg.cholesky(square(tf, x)),
        tf.linalg.logdet(square(tf, x)),
        tf.linalg.solve(square(tf, x) + tf.linalg.band_part(y[:, :3, :3], 0, -1), y[:, :3, :2], adjoint=True),
        tf.linalg.cholesky_solve(tf.linalg.cholesky(square(tf, x)), y[:, :3, :2]), *tf.linalg.normalize(x, axis=-1),
        *tf.linalg.normalize(x), *tf.linalg.normalize(x, 1, -1), *tf.linalg.normalize(x, axis=[1, 2]),
        tf.math.cumulative_logsumexp(x, 1, exclusive=True)] + decomposed(tf, x) + picked(tf, x, i) + rare(
            tf, x, y, z, i, j) + [
            x[x > 0], x[x[:, :, 0] > 0.3], tf.boolean_mask(x, numpy.eye(4, 6) > 0, axis=1),
            tf.boolean_mask(x, x > 99)] + (
            [tf.math.bincount(i), tf.math.bincount(j, minlength=6, axis=-1), tf.math.bincount(
                i, weights=x[:, :, 0], maxlength=3)] if hasattr(tf.math, "approx_max_k") else []),  # not before 2.7
    "places": lambda tf, keras, x, y, z, i, j: [
        getattr(tf.math, "unsorted_segment_" + name)(x[0], ROWS, 4) for name in ("sum", "max", "min", "prod")] + [
        getattr(tf.math, "segment_" + name)(x[0], [0, 2, 2, 3]) for name in ("sum", "max", "min", "prod")] + [
        tf.tensor_scatter_nd_update(x, PLACES, [5.0, 6.0, 7.0]), tf.tensor_scatter_nd_add(x, PLACES, y[0, 0, :3]),
        tf.tensor_scatter_nd_sub(x, PLACES, [5.0, 6.0, 7.0]), tf.tensor_scatter_nd_max(x, PLACES, [0.1, 0.2, 0.3]),
        tf.tensor_scatter_nd_min(i, [[0, 1], [1, 2]], [0, 1])],
    "losses": lambda tf, keras, x, y, z, i, j: [
        tf.nn.crelu(x), tf.nn.l2_loss(x),
        tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.cast(y > 0, tf.float32), logits=x * 5),
        tf.nn.weighted_cross_entropy_with_logits(labels=tf.cast(y > 0, tf.float32), logits=x * 5, pos_weight=2.5),
        tf.nn.softmax_cross_entropy_with_logits(labels=tf.nn.softmax(y), logits=x),
        tf.nn.softmax_cross_entropy_with_logits(labels=tf.nn.softmax(y, 1), logits=x, axis=1),
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=i, logits=x),
        *tf.nn.weighted_moments(x, [1], y * y + 1), *tf.nn.weighted_moments(x, [1, 2], y * y + 1, keepdims=True),
        tf.signal.frame(x, 3, 2), tf.signal.frame(x, 4, 3, True, 0.5), tf.signal.frame(z, 3, 2, axis=1),
        tf.signal.overlap_and_add(x, 2), tf.signal.overlap_and_add(x, 5),
        *[tf.signal.dct(x, kind, norm=norm) for kind in (2, 3, 4) for norm in (None, "ortho")], tf.signal.dct(x, 1),
        tf.signal.dct(x, n=4), tf.signal.dct(x, n=9), tf.signal.idct(x),
        tf.quantization.fake_quant_with_min_max_args(x),
        tf.quantization.fake_quant_with_min_max_args(x, -0.7, 1.3, 4, True)],
}


def raw(tf, x, z, i, j):
    """What pictures, seldom and losses have operations of TensorFlow's for."""
    cube = square(tf, x)
    return resized(tf, z) + [
        tf.image.adjust_contrast(z, 1.7), tf.image.adjust_saturation(tf.sigmoid(z), 1.4),
        tf.image.adjust_hue(tf.sigmoid(z), 0.3), tf.image.extract_patches(z, [1, 2, 3, 1], [1, 2, 1, 1], [
            1, 1, 1, 1], "SAME"), tf.bitwise.invert(i), tf.bitwise.left_shift(i, 2), tf.bitwise.right_shift(i * 5, j),
        tf.math.bessel_i0(x), tf.math.xdivy(tf.nn.relu(x), x * x + 1), tf.math.xlog1py(tf.nn.relu(x), x * x),
        tf.math.cumulative_logsumexp(x, 1), tf.linalg.det(cube), tf.linalg.inv(cube), tf.linalg.cholesky(cube),
        tf.linalg.solve(cube, x[:, :3, :2]), tf.reduce_prod(tf.cast(i + 99, tf.uint8), 1),
        *tf.raw_ops.SoftmaxCrossEntropyWithLogits(features=x[0], labels=tf.nn.softmax(x[1])),
        *tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(features=x[0], labels=i[1]), tf.nn.l2_loss(x),
        tf.quantization.fake_quant_with_min_max_args(x),
        *tf.linalg.qr(x), *tf.linalg.slogdet(cube), tf.linalg.triangular_solve(cube, x[:, :3, :2]), *tf.linalg.lu(cube),
        tf.linalg.svd(x[:, :, :2], compute_uv=False), tf.linalg.eigvalsh(cube)] + picked(tf, x, i)


NODES = {  # as the TensorFlowOpLayers of Keras before 2.4
    "seldom": lambda tf, keras, x, y, z, i, j: raw(tf, x, z, i, j) + windows(tf, x, z, kernel) + rarest(
        tf, x, y, z, i) + FUNCTIONS["places"](tf, keras, x, y, z, i, j)}
