"""Cases of keras.ops as operations3 has them: what is seldom in a model.  {name: case}."""
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
        ops.left_shift(u, 3), ops.cast(x > 0, "uint8") * 255 + 2, ops.prod(u[:, :2], 1), ops.cast(i, "uint8") - 1]


def sure(ops, x):
    """Probabilities along the last axis."""
    return ops.softmax(x + 0.1) * 1.0


REST = {
    "scatter": lambda ops, x, y, z, i, j: [
        ops.scatter_update(x, PLACES, numpy.array([5, 6, 7], "float32"), *how) for how in (
            (), ("add",), ("max",), ("min",), ("mul",))] + [
        ops.scatter_update(x, [[0], [0]], y[:1, :] * numpy.ones((2, 1, 1), "float32")),
        ops.scatter_update(i, PLACES[:, :2], numpy.array([7, 8, 9], "int32")),
        ops.scatter_update(x, i[:1, :3] % 2, y[0, 0, :1], "add")],
    "segments": lambda ops, x, y, z, i, j: [
        getattr(ops, "segment_" + name)(data, ROWS, num_segments=count) for name in ("sum", "max") for data in (
            x[0], i[0], z[0, :4]) for count in (4, 6)] + [
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
    "divisors": lambda ops, x, y, z, i, j: [ops.gcd(i * 12, j * 18), ops.lcm(i * 4, j * 6), ops.gcd(i * 30 - 60, 45)]
    if hasattr(ops, "gcd") else [],
    "bits": lambda ops, x, y, z, i, j: [ops.bitwise_and(i, j * 0 + 5), ops.bitwise_or(i, j), ops.bitwise_xor(i, j),
                                        ops.bitwise_and(i - 3, j - 2)],
    "special": lambda ops, x, y, z, i, j: [ops.i0(x), ops.i0(x * 6)] if hasattr(ops, "i0") else [],
}
NEWER = {  # what TensorFlow.js 1.0.0 cannot
    "scatter": lambda ops, x, y, z, i, j: [ops.scatter_update(i[:, 0], j[0, :1, None] % 2, [9])],
}
