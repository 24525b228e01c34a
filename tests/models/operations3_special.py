"""Cases of keras.ops as operations3 has them, of fields of their own: segments, spectra, matrices, bits."""
import numpy

from tests.models.operations3 import SIX

PLACES = numpy.array([[0, 1, 2], [0, 0, 3], [0, 3, 5]], "int32")
ENDS = numpy.array([0, 1, 1, 1, 1, 0], "float32")  # the imaginary parts of a real row's transform
ROWS = numpy.array([0, 2, 0, 3], "int32")


def square(ops, x, size):
    """Positive definite matrices of that many rows."""
    part = x[:, :size, :size]
    return ops.matmul(part, ops.transpose(part, (0, 2, 1))) + 2 * numpy.eye(size, dtype="float32")


def signal(ops, x):
    """24 samples."""
    return ops.reshape(x, (-1, 24))


def wrapping(ops, f):
    """Numbers of 8 and 16 bits, from floats."""
    whole = ops.cast(f * 99, "int32")
    return [ops.cast(whole * 9, kind) for kind in ("uint8", "int8", "uint16", "int16")]


def few_bits(ops, x, i):
    """What overflows, and what hands on the type."""
    (u, s, w, v), five = wrapping(ops, x), numpy.full((6,), 250, "uint8")
    return [
        u + u, u * u, u - w, s - u, s * s, -s, abs(s), v * v, w * w + 1, u + 7, u - 200, 3 - u, ops.square(v),
        u * five, ops.cumsum(u, 1), ops.sum(u, 1), u / 3, u * 2.5, u // 7, u % 7, ops.maximum(u, s) * 2,
        (u + s) * ops.cast(v, "int32"), ops.concatenate([u, s], -1) * 100, ops.stack([u, w], 1) * 300,
        ops.transpose(u, (0, 2, 1)) * 3, u[:, 1:] * 3, ops.where(x > 0, u, s) * 200, ops.mean(u * 3, 1),
        ops.max(u, 1) * 2, u & (u * 3), ops.cast(u * 3 > 100, "int32"), ops.argmax(u * 2, -1),
        ops.cast(u * 2, "bool"), *[part * 2 for part in ops.top_k(u * 2, 2)], ops.bitwise_invert(u),
        ops.zeros_like(u, dtype="int32") - u, ops.ones_like(u) * 255 + 1, ops.diff(u), ops.clip(u * 2, 5, 200) * 2,
        ops.cast(u, "int8"), ops.cast(s, "uint8"), ops.cast(ops.cast(v, "uint16"), "int32"),
        ops.cast(u, "int32") * 300, ops.saturate_cast(v, "int8") * 2, ops.cast(u, "int16") * v, ops.one_hot(u, 3),
        ops.left_shift(u, 3), ops.cast(x > 0, "uint8") * 255 + 2, ops.prod(u[:, :2], 1), ops.cast(i, "uint8") - 1,
        ops.left_shift(u, 9),
        (u & 255) * 3, abs(v) * abs(v) * 3, -v * v, ops.sign(v) * v * v] + products(ops, u, s, w, v)


def products(ops, u, s, w, v):
    """What is made of products, and what puts numbers elsewhere."""
    four, places = numpy.full((6,), 4, "uint8"), [[0, 1, 2], [0, 1, 2]]
    less = u % four
    turned = ops.transpose(less, (0, 2, 1))
    return [
        u ** 5, s ** 3, v ** 3, w ** 0, ops.power(v, less), ops.power(3, u % (four + four)), ops.cumprod(w, 1) * 3,
        ops.cumprod(u, 2, dtype="int8"), ops.prod(u, 1, dtype="int16"), ops.nancumsum(w, 1), ops.nancumprod(s, 1),
        ops.nansum(u, 1), ops.nanprod(s[:, :2], 1), ops.nanmax(u, 1) * 3, ops.matmul(less, turned) * 9,
        ops.matmul(s, ops.transpose(s, (0, 2, 1))), ops.dot(less, less[0, 0]), ops.inner(less, less),
        ops.tensordot(less, less[0], [[2], [1]]), ops.vdot(less, less), ops.einsum("bij,bkj->bik", less, less) * 9,
        ops.einsum("bij,bkj->bik", s, s), ops.outer(u[0, 0], w[1, 0]), ops.kron(v[0], v[1]), ops.cross(
            v[..., :3], v[..., 3:]), ops.trace(u, 0, 1, 2), ops.vander(less[0, 0], 3), ops.ptp(s, 1),
        ops.gcd(s, ops.flip(s, 1)), ops.lcm(w, ops.flip(w, 1)), ops.fmod(s, four.astype("int8")) * 99,
        ops.scatter(ROWS[:, None], u[0], (5, 6)), ops.scatter_update(v, places, v[0, 0, :2], "add") * 3,
        ops.segment_sum(w[0], ROWS, 4) * 3, ops.segment_max(s[0], ROWS, 5), ops.segment_prod(v[0], ROWS, 5),
        *[part * 3 for part in ops.meshgrid(u[0, 0], u[0, :, 0])],
        ops.image.resize(u[..., None], (7, 9), "bicubic") * 3,
        ops.image.resize(v[..., None], (3, 4)), ops.layer_normalization(s),
        ops.unfold(u[:, None], (2, 2)) * 3, ops.threshold(u, 9, 2) * 3, ops.fold(v, (3, 4), (2, 2)) * 99,
        ops.rms_normalization(v) * 300]


def sure(ops, x):
    """Probabilities along the last axis."""
    return ops.softmax(x + 0.1) * 1.0


TURN = numpy.array([[0.9, 0.25, -1.3, -0.2, 1.1, 0.4, 0, 0], [1.2, -0.1, 2.6, 0.3, -0.8, 4.2, 0.02, -0.03]], "float32")
CORNERS = numpy.array([[0, 0], [6, 0], [0, 4], [6, 4]], "float32")
BENT = CORNERS + numpy.array([[0.6, 0.3], [-0.7, 0.2], [0.4, -0.4], [0.3, 0.8]], "float32")
SPOTS = (numpy.sin(numpy.arange(162)) * 9).reshape(3, 6, 9).astype("float32")
WARPED = [("bilinear", "constant", 2.5), ("nearest", "constant", 0), ("bilinear", "nearest", 0),
          ("bilinear", "wrap", 0), ("nearest", "wrap", 0), ("bilinear", "reflect", 0), ("nearest", "reflect", 0)]


def warped(ops, x, z, i):
    """Images by transforms: constant ones and tensors, of one for all images and of one for each."""
    affine, turned = ops.image.affine_transform, ops.transpose(z, (0, 3, 1, 2))
    own = ops.tanh(x[:, 0, :1]) * 3 + numpy.array([[0.9, 0.2, -1, 0.1, 0.8, 0.3, 0.01, 0.02]], "float32")
    return [affine(z, TURN[0], *how) for how in WARPED] + [affine(z, TURN, *how) for how in WARPED[::3]] + [
        affine(z, own, *how) for how in WARPED] + [
        affine(z[0], TURN[1], "nearest"), affine(z[1], own[0]), affine(i[:, :, None, None] * 3, TURN[0]),
        affine(turned, TURN[0] * 3, fill_mode="reflect", data_format="channels_first"),
        affine(z, TURN[0] * 20 - 60, fill_mode="wrap"), affine(z, TURN * 9, fill_mode="reflect")]


def bent(ops, x, z):
    """Images by four points."""
    bend, moved = ops.image.perspective_transform, ops.tanh(x[:, :, :2]) * 0.9
    return [bend(z, CORNERS, BENT), bend(z, BENT, CORNERS, "nearest", 1.5), bend(z[0], BENT, CORNERS[::-1]),
            bend(z, ops.add(CORNERS, moved), ops.add(BENT, moved[:, ::-1])),
            bend(z, numpy.stack([CORNERS, BENT]), numpy.stack([BENT, CORNERS])),
            bend(ops.transpose(z, (0, 3, 1, 2)), CORNERS, BENT, data_format="channels_first")]


def looked_up(ops, x, z, i):
    """Values at places between others."""
    look = ops.image.map_coordinates
    near = numpy.clip(SPOTS, -4, 4)  # Keras mirrors the place behind the last one to a place that is not there
    return [look(z[0], SPOTS, order, mode, 1.5) for order in (0, 1) for mode in ("constant", "nearest", "wrap")] + [
        look(z[0], numpy.abs(SPOTS[:, :, :2]) % 2, order, "mirror") for order in (0, 1)] + [
        look(z[0, :, :, 0], near[:2], order, "reflect") for order in (0, 1)] + [
        look(x[0], ops.stack([ops.abs(y) * 2 for y in (x[0], x[1])]), 1), look(i, SPOTS[:2] * 0.4, 1, "nearest"),
        look(i, SPOTS[:2].astype("int32"), 0, "constant", 7), look(x, SPOTS, 1, "wrap")]


def scaled(ops, x, z):
    """Images of another size."""
    scale, by, moved = ops.image.scale_and_translate, numpy.array([1.5, 0.7], "float32"), ops.tanh(x[0, 0, :2])
    return [scale(z, (None, 8, 4, 3), by, numpy.array([0.3, -1.1], "float32"), (1, 2), name, smooth)
            for name in ("linear", "cubic", "lanczos3", "lanczos5") for smooth in (True, False)] + [
        scale(z, (None, 8, 4, 3), moved + 1.6, moved, (1, -2), "bicubic"),
        scale(z, (None, 5, 7, 3), by, by, (), "linear"), scale(x[0], (4, 11), by[:1], by[1:], (1,), "trilinear")]


SHIFTED = SIX + 0.3


def singular(ops, x, y):
    """Singular values, and what they are for, of matrices high and wide, of every rank."""
    high, wide = x[:, :, :3], y[:, :2, :5]
    flat, five = ops.matmul(high[:, :, :2], wide[:, :, :3]), ops.matmul(y, ops.transpose(y, (0, 2, 1))) - 2
    return [
        ops.svd(high, compute_uv=False), ops.svd(wide)[1], ops.pinv(high), ops.pinv(wide), ops.pinv(flat),
        ops.pinv(high * 0), ops.pinv(high, rcond=0.5), ops.matrix_rank(high), ops.matrix_rank(flat),
        ops.matrix_rank(wide, tol=1.7), ops.lstsq(high[0], y[0, :, :2]), ops.lstsq(wide[1], x[0, 0, :2], rcond=-1.0),
        ops.lstsq(flat[0], x[0, :, 0]), ops.norm(high, 2, (1, 2)), ops.norm(wide, "nuc", (-1, -2)),
        ops.norm(high, -2, (1, 2), keepdims=True), ops.eigh(five)[0], ops.eigh(x[0, :4, :4])[0],
        ops.pinv(x[:, 0, :1, None]), *ops.lu_factor(x[0, :, :4]), *ops.lu_factor(five[1]),
        *ops.lu_factor(ops.sign(y[1, :, 1:5]) + 3 * SHIFTED[:4])]


def without_numbers(ops, x, i):
    """Quantiles of rows of which some hold a few numbers, and one holds none."""
    few = ops.where(x > 0.3, (x - x) / (x - x), ops.where(x < -1, -1 / (x - x), x))
    none = ops.concatenate([few[:, :3], few[:, 3:] * (x[:, :1] - x[:, :1]) / (x[:, :1] - x[:, :1])], 1)
    ways = ("linear", "lower", "higher", "nearest", "midpoint")
    return [ops.nanmedian(few[0]), ops.nanmedian(few[0], keepdims=True), ops.nanmedian(none, -1), ops.nanmedian(i[0]),
            ops.nanmedian(few, (2, 1), keepdims=True), ops.nanmedian(few, ()), ops.nanmedian(few[0], 0)] + [
        ops.nanquantile(none, 0.3, 2, method=way) for way in ways] + [
        ops.nanpercentile(few, [20, 55], (1, 2), method=way, keepdims=True) for way in ways] + [
        ops.nanquantile(few[0], [0.1, 0.25, 0.9]), ops.nanpercentile(few, 70.0, 1)]


CASES = {
    "warped": lambda ops, x, y, z, i, j: warped(ops, x, z, i),
    "bent": lambda ops, x, y, z, i, j: bent(ops, x, z) if hasattr(ops.image, "perspective_transform") else [],
    "looked_up": lambda ops, x, y, z, i, j: looked_up(ops, x, z, i),
    "scaled": lambda ops, x, y, z, i, j: scaled(ops, x, z) if hasattr(ops.image, "scale_and_translate") else [],
    "scatter": lambda ops, x, y, z, i, j: [
        ops.scatter_update(x, PLACES, numpy.array([5, 6, 7], "float32"), *how) for how in (
            (), ("add",), ("max",), ("min",), ("mul",))] + [
        ops.scatter_update(x, [[0], [0]], y[:1, :] * numpy.ones((2, 1, 1), "float32")),
        ops.scatter_update(i, PLACES[:, :2], numpy.array([7, 8, 9], "int32")),
        ops.scatter_update(x, i[:1, :3] % 2, y[0, 0, :1], "add")],
    "segments": lambda ops, x, y, z, i, j: [
        getattr(ops, "segment_" + name)(data, ROWS, num_segments=count) for name in ("sum", "max") for data in (
            x[0], i[0], z[0, :4]) for count in (4, 6)] + [
        getattr(ops, "segment_" + name)(x[0], *how) for name in ("sum", "max") for how in (
            (ROWS // 2,), (numpy.sort(ROWS), None, True), (i[0] % 1,), (ops.sort(j[0]), None, True))] + [
        ops.segment_max(i[1], j[0] + 1),
        ops.segment_sum(x[0], i[0], num_segments=5), ops.segment_max(x[0, :, 0], i[0] % 3, num_segments=3)] + [
        getattr(ops, name)(x[0], ROWS, num_segments=4) for name in ("segment_min", "segment_prod")
        if hasattr(ops, name)],
    "losses": lambda ops, x, y, z, i, j: [
        ops.binary_crossentropy(ops.cast(y > 0, "float32"), ops.sigmoid(x) * 0.9 + 0.01),
        ops.binary_crossentropy(ops.cast(y > 0, "float32"), x, from_logits=True),
        ops.categorical_crossentropy(sure(ops, y), sure(ops, x)),
        ops.categorical_crossentropy(sure(ops, y), x, from_logits=True),
        ops.sparse_categorical_crossentropy(i % 6, sure(ops, x)),
        ops.sparse_categorical_crossentropy(i % 6, x, from_logits=True), ops.psnr(x, y, 2.0)],
    "alike": lambda ops, x, y, z, i, j: [
        ops.image.ssim(z, ops.sin(z), filter_size=3), ops.image.ssim(z[0], z[1], 2.0, 4, 0.8, 0.02, 0.05),
        ops.image.ssim(ops.transpose(z, (0, 3, 1, 2)), z[0, :, :, 0] * ops.ones((2, 3, 1, 1)), filter_size=5,
                       data_format="channels_first")] if hasattr(ops.image, "ssim") else [],
    "decoded": lambda ops, x, y, z, i, j: [
        one for given, blank, merged in ((x, 0, True), (x, 3, False), (y, None, True), (z[:, :, :, 0], -2, True),
                                         (ops.repeat(x, 3, 1)[:, :, :3], 0, True), (x[:, :1], 0, True))
        for one in ops.ctc_decode(given, 1 + i[:, 0] % (2 if given.shape[1] > 1 else 1) + (given.shape[1] > 3) * 2,
                                  mask_index=blank, merge_repeated=merged)],
    "picked": lambda ops, x, y, z, i, j: [
        ops.where(x > 0.5), *ops.nonzero(x > 0.5), *ops.nonzero(i % 2), *ops.nonzero(x[0] * 0), ops.bincount(i),
        ops.bincount(i[0], minlength=6), ops.bincount(j[1], weights=[0.5, 1.0, 2.0, 3.0])] + ([
            ops.unique(i), *ops.unique(i, True, True, True, True), *ops.unique(j, False, True, True, True),
            *ops.unique(x[0], True, True, False, True, size=30, fill_value=-1.5), ops.unique(i, size=2),
            *ops.unique(j[0], axis=0, return_inverse=True)] if hasattr(ops, "unique") else []),
    "likely": lambda ops, x, y, z, i, j: [
        ops.ctc_loss(i[:, :2] % 3 + 1, ops.reshape(x * 2, (-1, 6, 4)), i[:, 0] % 3, 3 + j[:, 0] % 4),
        ops.ctc_loss(i[:, :3] * 0 + ROWS[:3], y, 1 + i[:, 1] % 3, j[:, 1] % 5, mask_index=4),
        ops.ctc_loss(i[:, :1] % 5, z[:, :, 0], 1 + i[:, 1] * 0, 5 + j[:, 0] * 0, mask_index=-1)],
    "fold": lambda ops, x, y, z, i, j: [
        ops.fold(ops.reshape(x, (-1, 12, 2)), (2, 3), 2), ops.fold(ops.reshape(x, (-1, 4, 6)), (4, 3), 2, padding=1,
                                                                   stride=2, dilation=1)]
    if hasattr(ops, "fold") else [],
    "spaces": lambda ops, x, y, z, i, j: [
        ops.geomspace(x[0] * x[0] + 1, y[0] * y[0] + 2, 5), ops.geomspace(SIX[:2] - 3, -1.0 - x[0, 0, :2] ** 2, 4,
                                                                          endpoint=False)]
    if hasattr(ops, "geomspace") else [],
    "fourier": lambda ops, x, y, z, i, j: [
        *ops.fft((x, y)), *ops.fft2((x, y)), *ops.ifft2((x, y)), *ops.rfft(x), *ops.rfft(x, 5), *ops.rfft(x, 9),
        ops.irfft((x, y * ENDS)), ops.irfft((x, y), 7), ops.irfft((x, y), 15)],
    "frames": lambda ops, x, y, z, i, j: [
        ops.extract_sequences(x, 3, 2), ops.extract_sequences(i, 2, 1), *ops.stft(signal(ops, x), 8, 3, 8),
        *ops.stft(x[:, :, :], 4, 2, 4, window="hamming", center=False),
        *ops.stft(signal(ops, x), 5, 4, 9, window=[0.1, 0.5, 1.0, 0.5, 0.2]),
        *ops.stft(signal(ops, y), 6, 5, 7, window=None),
        ops.istft((x[:, :, :5], y[:, :, :5] * ENDS[:5] * ENDS[::-1][:5]), 8, 3, 8),
        ops.istft((x[:, :, :5], y[:, :, :5]), 5, 2, 9, length=7, window="hamming"),
        ops.istft((x, y), 10, 4, 11, window=None, center=False)],
    "rearrangements": lambda ops, x, y, z, i, j: [  # Keras knows none where the batch is open
        ops.rearrange(z[0], "h w c -> c h w"), ops.rearrange(z[0], "h w c -> w (c h)"),
        ops.rearrange(x[0], "(h1 h) (w w1) -> h w (w1 h1)", h1=2, w1=3), ops.rearrange(i[0], "(a b) -> b a", a=2)]
    if hasattr(ops, "rearrange") else [],
    "matrices": lambda ops, x, y, z, i, j: [
        ops.inv(square(ops, x, 3)), ops.inv(square(ops, x, 2)), ops.cholesky(square(ops, x, 4)),
        ops.solve(square(ops, x, 3), y[:, :3, :2]), ops.logdet(square(ops, x, 4)), *ops.slogdet(square(ops, x, 3)[0]),
        ops.solve_triangular(ops.cholesky(square(ops, x, 4)), y, lower=True),
        ops.solve_triangular(square(ops, x, 4), y[:, :4, :1])],
    "few bits": lambda ops, x, y, z, i, j: few_bits(ops, x, i),
    "decomposed": lambda ops, x, y, z, i, j: [
        *ops.qr(x), *ops.qr(x, "complete"), *ops.qr(ops.transpose(x, (0, 2, 1))), *ops.qr(x[:, :, :4] * SHIFTED[:4]),
        *ops.qr(ops.transpose(x, (0, 2, 1)), "complete"), *ops.qr(-ops.abs(z)), *ops.qr(x[0, :, :1]),
        *ops.qr(ops.triu(y[:, :3, :3])), *ops.qr(x[:, :1])] + [
        ops.inv(square(ops, x, 4)), ops.det(x[:, :, :4]), ops.det(ops.triu(y[:, :, 2:])), *ops.slogdet(x[0, :, 1:5]),
        ops.solve(square(ops, x, 4), y), ops.solve(square(ops, x, 4), y[:, :, 0])] + [
        ops.cholesky_inverse(ops.cholesky(square(ops, x, 4)) + ops.triu(y[:, :4, :4], 1)),
        ops.cholesky_inverse(square(ops, y, 3), True)] if hasattr(ops, "cholesky_inverse") else [],
    "singular": lambda ops, x, y, z, i, j: singular(ops, x, y) if hasattr(ops, "pinv") else [],
    "not a number": lambda ops, x, y, z, i, j: without_numbers(ops, x, i) if hasattr(ops, "nanmedian") else [],
    "divisors": lambda ops, x, y, z, i, j: [ops.gcd(i * 12, j * 18), ops.lcm(i * 4, j * 6), ops.gcd(i * 30 - 60, 45)]
    if hasattr(ops, "gcd") else [],
    "bits": lambda ops, x, y, z, i, j: [ops.bitwise_and(i, j * 0 + 5), ops.bitwise_or(i, j), ops.bitwise_xor(i, j),
                                        ops.bitwise_and(i - 3, j - 2)],
    "special": lambda ops, x, y, z, i, j: [ops.i0(x), ops.i0(x * 6)] if hasattr(ops, "i0") else [],
}
NEWER = {  # what TensorFlow.js 1.0.0 cannot
    "scatter": lambda ops, x, y, z, i, j: [ops.scatter_update(i[:, 0], j[0, :1, None] % 2, [9])],
}
