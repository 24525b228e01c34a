"""Cases of keras.ops in a functional model, by theme: {theme: {name: case}}, a case gives the outputs of a branch.

Its arguments: ops; x and y, floats of (4, 6); z, an image of (5, 7, 3); i and j, whole numbers of (4,).
"""
import numpy

SIX = numpy.linspace(-1, 1, 6).astype("float32")
NAN = float("nan")


def holes(ops, x):
    """x with numbers that are none, and infinite ones."""
    return ops.where(x > 0.8, (x - x) / (x - x), ops.where(x < -0.8, -1 / (x - x), x))


ARITHMETIC = {
    "add": lambda ops, x, y, z, i, j: [x + y, x + 1, 1.5 + x, x + SIX, i + j, i + 2, i + 0.5, i + x[:, :, 0], x + i[:, :, None],
                                       ops.add(SIX, x), ops.add(x, numpy.ones((4, 6)))],
    "bools": lambda ops, x, y, z, i, j: [(x > 0) + 1, (x > 0) * 2.5,
                                         ops.subtract(ops.cast(x > 0, "int32"), y > 0)],
    "sub": lambda ops, x, y, z, i, j: [x - y, 1 - x, i - j, 2 - i, x - SIX, ops.subtract(SIX, x)],
    "mul": lambda ops, x, y, z, i, j: [x * y, 3 * x, i * j, i * 2, x * i[:, :, None], i * 0.5],
    "div": lambda ops, x, y, z, i, j: [x / (y * y + 1), 1 / (x * x + 1), i / (j + 1), x / 2, i / 4, ops.divide(SIX, x * x + 1),
                                       ops.divide_no_nan(x, ops.cast(i, "float32")[:, :, None])],
    "floor_div": lambda ops, x, y, z, i, j: [x // 0.7, i // 2, (i - 3) // 2, i // (j + 1), x // (y * y + 0.5), 7 // (i + 1), i // 1.5],
    "mod": lambda ops, x, y, z, i, j: [x % 0.7, (i - 3) % 2, (i - 3) % (j + 1), x % -0.7, ops.fmod(x, 0.7), ops.fmod(i - 3, 2),
                                       5.5 % (x * x + 1)],
    "pow": lambda ops, x, y, z, i, j: [x ** 2, 2 ** x, i ** 2, 2 ** i, ops.power(x * x, y), i ** 0.5, x ** 3],
    "extreme": lambda ops, x, y, z, i, j: [ops.maximum(x, y), ops.minimum(x, 0.3), ops.maximum(i, 2), ops.minimum(SIX, x),
                                           ops.maximum(i, 0.5), ops.clip(x, -0.5, 0.5), ops.clip(i, 1, 2), ops.clip(x, 0, 1)],
    "unary": lambda ops, x, y, z, i, j: [-x, -i, abs(x), abs(i - 2), ops.square(x), ops.square(i), ops.sign(x), ops.sign(i - 2), ops.abs(x),
                                         ops.sqrt(x * x), ops.rsqrt(x * x + 1), ops.exp(x), ops.exp(i), ops.expm1(x), ops.log(x * x + 1),
                                         ops.log1p(x * x), ops.log2(x * x + 1), ops.log10(i + 1), ops.exp2(x), ops.reciprocal(x * x + 1),
                                         ops.cbrt(x), ops.square(x > 0), ops.negative(x)],
    "trigonometry": lambda ops, x, y, z, i, j: [ops.sin(x), ops.cos(i), ops.tan(x), ops.sinh(x), ops.cosh(x), ops.tanh(x), ops.arcsin(ops.tanh(x)),
                                                ops.arccos(ops.tanh(x)), ops.arctan(x), ops.arcsinh(x), ops.arccosh(x * x + 1),
                                                ops.arctanh(ops.tanh(x)), ops.arctan2(x, y), ops.arctan2(i, j + 1), ops.hypot(x, y), ops.sinc(x),
                                                ops.deg2rad(x), ops.rad2deg(x), ops.angle(x)],
    "rounding": lambda ops, x, y, z, i, j: [ops.ceil(x), ops.floor(x * 3), ops.floor(i), ops.ceil(i), ops.round(x * 3), ops.round(x, 2),
                                            ops.trunc(x * 3), ops.trunc(i), ops.round(i), ops.round(x * 100, -1)],
    "special": lambda ops, x, y, z, i, j: [ops.erf(x), ops.erfc(x) if hasattr(ops, "erfc") else x, ops.erfinv(ops.tanh(x)), ops.logaddexp(x, y), ops.logaddexp2(x, y),
                                           ops.heaviside(ops.round(x), SIX), ops.heaviside(i - 2, y[:, :, 0]), ops.ldexp(x, i[:, :, None])],
    "bits": lambda ops, x, y, z, i, j: [ops.bitwise_invert(i), ops.left_shift(i, 2), ops.right_shift(i * 5, 1), ops.bitwise_not(i)],
    "cast": lambda ops, x, y, z, i, j: [ops.cast(x * 3, "int32"), ops.cast(i, "float32"), ops.cast(x, "bool"), ops.cast(x > 0, "float32"), ops.cast(i, "bool"),
                                        ops.cast(x > 0, "int32"), ops.cast(x * x * 20, "uint8"), ops.cast(i * 100, "uint8"), ops.cast(i * 100, "int8"),
                                        ops.cast(x, "float16") * 0 + 1, ops.cast(i, "int64"), ops.saturate_cast(x * 300, "uint8"), ops.saturate_cast(x * 200, "int8")],
    "copies": lambda ops, x, y, z, i, j: [ops.copy(x), ops.stop_gradient(x) * 2, ops.convert_to_tensor(x) + 1, ops.real(x), ops.conj(x), ops.imag(x)],
}

LOGIC = {
    "compare": lambda ops, x, y, z, i, j: [x > y, x >= 0, x < 0.5, x <= y, ops.equal(i, j), ops.not_equal(i, 2), i > 1.5, ops.equal(x > 0, y > 0),
                                           0 < i, ops.less(SIX, x), i >= j, ops.greater(SIX, x)],
    "logic": lambda ops, x, y, z, i, j: [ops.logical_and(x > 0, y > 0), ops.logical_or(x > 0, y > 0), ops.logical_xor(x > 0, y > 0), ops.logical_not(x > 0),
                                         ops.logical_and(i, j), ops.logical_not(i), ops.logical_or(i, 0), ops.logical_xor(i, j)],
    "where": lambda ops, x, y, z, i, j: [ops.where(x > 0, x, y), ops.where(x > 0, x, 0), ops.where(x > 0, 1, 0), ops.where(x > 0, 1.0, x), ops.where(i > 1, i, 0.5),
                                         ops.where(i[:, :, None] > 1, x, y), ops.where(i > 1, i, -1), ops.where(x > 0, SIX, x), ops.where(SIX > 0, x, y),
                                         ops.where(i, j, 7), ops.where(x > 0, x > 1, y > 0), ops.where(i[:, :, None] > 1, x, i[:, :1, None])],
    "select": lambda ops, x, y, z, i, j: [ops.select([x > 1, x > 0], [x, y], 3.0)],
    "nan": lambda ops, x, y, z, i, j: [ops.isnan(holes(ops, x)), ops.isinf(holes(ops, x)), ops.isfinite(holes(ops, x)), ops.isneginf(holes(ops, x)),
                                       ops.isposinf(-holes(ops, x)), ops.nan_to_num(holes(ops, x)), ops.nan_to_num(holes(ops, x), 1.0, 2.0, 3.0),
                                       ops.isnan(i), ops.isreal(x), ops.signbit(x), ops.isclose(x, x + 1e-6 * y), ops.isclose(x, y, 0.5, 0.5)],
}

AXES = (None, 0, 1, -1, (1, 2))
REDUCING = {
    name: lambda ops, x, y, z, i, j, name=name: [getattr(ops, name)(x, axis) for axis in AXES] + [
        getattr(ops, name)(x, axis=(0, 2), keepdims=True), getattr(ops, name)(x, keepdims=True), getattr(ops, name)(i if name != "logsumexp" else x, 1), getattr(ops, name)(z, (1, -1))]
    for name in ("sum", "mean", "max", "min", "prod", "var", "std", "any", "all", "amax", "amin", "ptp", "logsumexp")}
REDUCING.update({
    "initial": lambda ops, x, y, z, i, j: [ops.max(x, 1, initial=0.5), ops.min(x, 1, initial=-0.5), ops.max(i, 1, initial=2), ops.max(x > 0, 1), ops.min(x > 0, 1)],
    "of bools": lambda ops, x, y, z, i, j: [ops.sum(x > 0, 1), ops.mean(x > 0, 1), ops.prod(x > -1, 1), ops.any(x > 0, 1), ops.all(x > -1, 1), ops.mean(i)],
    "count": lambda ops, x, y, z, i, j: [ops.count_nonzero(i, 1), ops.count_nonzero(x > 0, (1, 2)), ops.count_nonzero(x)],
    "average": lambda ops, x, y, z, i, j: [ops.average(x, 1), ops.average(x, 1, numpy.array([1., 2, 3, 4])), ops.average(x, -1, SIX + 2), ops.average(x, 1, y * y + 1),
                                           ops.average(x), ops.average(i, 1)],
    "places": lambda ops, x, y, z, i, j: [ops.argmax(x), ops.argmax(x, 1), ops.argmax(x, -1, keepdims=True), ops.argmin(x, 1), ops.argmin(i, 1), ops.argmax(z, -2),
                                          ops.argmin(x, -1, True), ops.argmax(x, 1, keepdims=True)],
    "running": lambda ops, x, y, z, i, j: [ops.cumsum(x, 1), ops.cumsum(x, -1), ops.cumsum(i, 1), ops.cumprod(x, 1), ops.cumprod(x, 2), ops.cumprod(i, 1), ops.cumsum(x > 0, 1),
                                           ops.cumsum(i, 1, dtype="float32")],
    "trapezoid": lambda ops, x, y, z, i, j: [ops.trapezoid(x, dx=0.5, axis=1)],
    "nan": lambda ops, x, y, z, i, j: [getattr(ops, name)(ops.where(x > 0.8, (x - x) / (x - x), x), axis=1) for name in (
        "nansum", "nanmean", "nanmax", "nanmin", "nanprod", "nanvar", "nanstd", "nancumsum", "nancumprod", "nanargmax", "nanargmin") if hasattr(ops, name)],
})

SHAPING = {
    "reshape": lambda ops, x, y, z, i, j: [ops.reshape(x, (-1, 3)), ops.reshape(x, (-1, 24)), ops.reshape(x, (-1, 2, 3, 4)), ops.reshape(x, (2, -1)), ops.ravel(x), ops.reshape(i, (-1, 2, 2))],
    "transpose": lambda ops, x, y, z, i, j: [ops.transpose(x, (0, 2, 1)), ops.transpose(x), ops.moveaxis(z, 1, -1), ops.moveaxis(z, (1, 2), (-1, 1)), ops.swapaxes(z, 1, 3), ops.transpose(x, (2, 0, 1))],
    "expand": lambda ops, x, y, z, i, j: [ops.expand_dims(x, 1), ops.expand_dims(x, -1), ops.squeeze(x[:, :1], 1), ops.squeeze(x[:, :1]), ops.expand_dims(x, (1, 3)), ops.squeeze(ops.expand_dims(x, (1, 3)), (1, 3))],
    "join": lambda ops, x, y, z, i, j: [ops.concatenate([x, y], 1), ops.concatenate([x, y, x], -1), ops.stack([x, y], 0), ops.stack([x, y], -1), ops.stack([x, y], 2), ops.hstack([x, y]),
                                        ops.vstack([x, y]), ops.dstack([x, y]), ops.append(x, y, 1), ops.append(x, y), ops.concatenate([i, x[:, :, 0]], 1), ops.stack([i, i * 2], 1),
                                        ops.concatenate([x, numpy.ones((2, 4, 1), "float32")], -1)],
    "split": lambda ops, x, y, z, i, j: [*ops.split(x, 2, 2), *ops.split(x, [1, 3], 1), *ops.unstack(x, axis=1), *ops.split(x, [2], -1), *ops.unstack(i, axis=-1),
                                         *ops.array_split(x, 4, 2), *ops.hsplit(x, 2), *ops.dsplit(x, 3), ops.split(x, 3, -1)[1]],
    "repeat": lambda ops, x, y, z, i, j: [ops.tile(x, (1, 2, 3)), ops.tile(x, 2), ops.tile(x, (2, 1, 1, 1)), ops.repeat(x, 2, 1), ops.repeat(x, 3, -1), ops.repeat(x, [1, 2, 1, 3], 1), ops.repeat(x, 2), ops.repeat(x, 2, 0), ops.repeat(i, 2, 1)],
    "flip": lambda ops, x, y, z, i, j: [ops.flip(x), ops.flip(x, 1), ops.flip(x, (1, 2)), ops.flip(x, 0), ops.fliplr(x), ops.flipud(x), ops.rot90(z, 1, (1, 2)), ops.rot90(z[:, :, :5], 2, (1, 2)), ops.rot90(z[:, :, :5], 3, (1, 2)), ops.rot90(x, -1, (1, 2))],
    "roll": lambda ops, x, y, z, i, j: [ops.roll(x, 1, 1), ops.roll(x, -2, 2), ops.roll(x, (1, 2), (1, 2)), ops.roll(x, 7, 1), ops.roll(x, 1), ops.roll(i, 1, 1)],
    "pad": lambda ops, x, y, z, i, j: [ops.pad(x, ((0, 0), (1, 2), (0, 3))), ops.pad(x, ((0, 0), (1, 2), (0, 3)), constant_values=2.5), ops.pad(x, ((0, 0), (1, 2), (3, 0)), "reflect"),
                                       ops.pad(x, ((0, 0), (1, 2), (3, 0)), "symmetric"), ops.pad(i, ((0, 0), (2, 0))), ops.pad(x > 0, ((0, 0), (1, 0), (0, 0)))],
    "broadcast": lambda ops, x, y, z, i, j: [ops.broadcast_to(x[:1, :1], (2, 4, 6)), ops.broadcast_to(x[0], (3, 4, 6)), *ops.meshgrid(x[0, 0], y[0, 1]), *ops.meshgrid(x[0, 0], y[0, :, 1], z[0, 0, :, 0], indexing="ij")],
    "like": lambda ops, x, y, z, i, j: [ops.zeros_like(x) + 1, ops.ones_like(x), ops.full_like(x, 3), ops.full_like(i, 3), ops.ones_like(i), ops.ones_like(x, dtype="int32"), ops.size(x), ops.ndim(x), ops.full((2, 3), x[0, 0, 0])],
}

INDEXING = {
    "getitem": lambda ops, x, y, z, i, j: [x[:, 1:], x[:, :-1], x[..., 0], x[:, -1], x[:, None], x[:, 1:, None, ::-1], x[:, ::2, 1::3], x[0], x[-1], x[:1, :], x[:, 1, 2], x[..., -1:], x[..., None],
                                           x[:, 3:0:-1], z[:, 1:-1, ::-2, 0], x[::-1, :], x[1:, :], x[:5, :], x[-1:, ...], x[::2, :], i[:, 0], i[:, 1:], x[:, -3:-1], x[:, :100], x[0, :, 1]],
    "take": lambda ops, x, y, z, i, j: [ops.take(x, [0, 2], 1), ops.take(x, numpy.array([[0, -1], [1, 1]]), 2), ops.take(x, 1, 1), ops.take(x, [0, 5]), ops.take(x, i % 4, 1), ops.take(numpy.arange(12.).reshape(4, 3), i % 4, 0),
                                        ops.take(x, -1, -1), ops.take(x, [-1], 0), ops.take(SIX, i - 1), ops.take(x, [1, 0], -1)],
    "take_along_axis": lambda ops, x, y, z, i, j: [ops.take_along_axis(x, i[:, :, None] % 6, 2), ops.take_along_axis(x, ops.argsort(x, 1), 1), ops.take_along_axis(x, i[:, :2, None] % 4, 1), ops.take_along_axis(i, j % 4, 1), ops.take_along_axis(x, ops.argmax(x, -1, keepdims=True), -1)],
    "slice": lambda ops, x, y, z, i, j: [ops.slice(x, [0, 1, 2], [2, 2, 3]), ops.slice_update(x[0], [1, 2], numpy.ones((2, 3), "float32"))],
    "diagonal": lambda ops, x, y, z, i, j: [ops.diagonal(x, axis1=1, axis2=2), ops.diagonal(x, 1, 1, 2), ops.diagonal(x, -2, 2, 1), ops.trace(x, axis1=1, axis2=2), ops.trace(x, 1, 2, 1), ops.tril(x), ops.triu(x), ops.tril(x, 1), ops.triu(x, -1), ops.triu(x, 2), ops.diag(x[0, 0]), ops.diag(x[0, 0], 2), ops.diag(x[0, 0], -1), ops.diag(x[0]), ops.diagflat(x[0, :2, :2]), ops.tril(x > 0)],
    "sort": lambda ops, x, y, z, i, j: [ops.sort(x), ops.sort(x, 1), ops.argsort(x), ops.argsort(x, 1), ops.sort(i), ops.argsort(i), *ops.top_k(x, 3), ops.sort(x[0], None), ops.argsort(x[0], None), *ops.top_k(i, 2), ops.median(x[0]), ops.median(x, 1), ops.median(x, (1, 2), keepdims=True), ops.median(i, 1)],
    "quantile": lambda ops, x, y, z, i, j: [ops.quantile(x[0], 0.3), ops.quantile(x, [0.25, 0.5], 1), ops.quantile(x, 0.4, 2, method="nearest"), ops.quantile(x, 0.4, 2, method="lower"), ops.quantile(x, 0.4, 1, method="higher"), ops.quantile(x, 0.4, 1, method="midpoint"), ops.quantile(x, 0.4, 1, keepdims=True)] + ([ops.percentile(x, 30, 1), ops.percentile(x, 40, 1, method="higher"), ops.percentile(x, 40, 1, method="midpoint")] if hasattr(ops, "percentile") else []),
    "bins": lambda ops, x, y, z, i, j: [ops.digitize(x, numpy.array([-0.5, 0.0, 0.5])), ops.searchsorted(SIX, x[0, 0]), ops.searchsorted(SIX, x[0, 1], side="right"), ops.isin(i, [1, 3]), ops.isin(i, [1, 3], invert=True), ops.diff(x), ops.diff(x, 2, 1), ops.diff(i)],
    "one_hot": lambda ops, x, y, z, i, j: [ops.one_hot(i, 4), ops.one_hot(i, 4, axis=1), ops.one_hot(i, 4, dtype="int32"), ops.multi_hot(i, 4), ops.one_hot(i - 1, 3), ops.in_top_k(i[:, 0] % 6, x[:, 0], 2)],
}

LINEAR = {
    "matmul": lambda ops, x, y, z, i, j: [ops.matmul(x, ops.transpose(y, (0, 2, 1))), ops.matmul(x, numpy.ones((6, 2), "float32")), x @ SIX, ops.matmul(i, numpy.ones((4, 2), "int32")), ops.matmul(z, numpy.ones((3, 4), "float32")), ops.matmul(z, numpy.linspace(0, 1, 36).reshape(1, 1, 3, 12).astype("float32")), ops.matmul(numpy.ones((2, 4), "float32"), x)],
    "dot": lambda ops, x, y, z, i, j: [ops.dot(x, numpy.ones((6, 2), "float32")), ops.dot(x, SIX), ops.dot(x, 2.0), ops.dot(x[0], ops.transpose(y[0])), ops.dot(x[0, 0], y[0, 0])],
    "tensordot": lambda ops, x, y, z, i, j: [ops.tensordot(x, numpy.ones((6, 2), "float32"), 1), ops.tensordot(x, numpy.linspace(0, 1, 48).reshape(4, 6, 2).astype("float32"), 2), ops.tensordot(x, numpy.linspace(0, 1, 48).reshape(6, 4, 2).astype("float32"), ([1, 2], [1, 0])), ops.tensordot(x, y, ([2], [2]))],
    "vectors": lambda ops, x, y, z, i, j: [ops.outer(x[0, 0], y[0, 1]), ops.inner(x[0], y[0]), ops.vdot(x[0], y[0]), ops.inner(x, SIX), ops.kron(x[0], y[0]), ops.cross(z, z[..., ::-1]), ops.cross(z, numpy.array([1., 2, 3], "float32")), ops.cross(z[..., :2], z[..., 1:]), ops.vander(x[0, 0], 3) if hasattr(ops, "vander") else x],
    "norm": lambda ops, x, y, z, i, j: [ops.norm(x[0]), ops.norm(x, axis=1), ops.norm(x, ord=1, axis=1), ops.norm(x, ord=2, axis=-1, keepdims=True), ops.norm(x, axis=(1, 2)), ops.norm(x, ord=1, axis=(1, 2)), ops.norm(x, ord="fro", axis=(1, 2), keepdims=True), ops.norm(x, ord=3, axis=1), ops.norm(x, ord=0, axis=1), ops.norm(x, ord=-1, axis=(1, 2)), ops.normalize(x), ops.normalize(x, 1, 1)],
    "matrices": lambda ops, x, y, z, i, j: [ops.det(x[:, :3, :3]), ops.corrcoef(x[0]), ops.correlate(x[0, 0], y[0, 0], "full"), ops.correlate(x[0, 0], SIX[:3], "same"), ops.correlate(x[0, 0], SIX[:3], "valid")],
}

NEURAL = {
    "activations": lambda ops, x, y, z, i, j: [getattr(ops, name)(x * 3) for name in (
        "relu", "relu6", "sigmoid", "sparse_sigmoid", "softplus", "softsign", "soft_shrink", "sparse_plus", "silu", "squareplus", "log_sigmoid", "leaky_relu", "hard_sigmoid", "hard_silu", "elu", "selu",
        "gelu", "celu", "glu", "tanh_shrink", "hard_tanh", "hard_shrink", "softmax", "log_softmax", "sparsemax") if hasattr(ops, name)],
    "settings": lambda ops, x, y, z, i, j: [ops.leaky_relu(x, 0.4), ops.elu(x, 0.7), ops.gelu(x, False), ops.celu(x, 0.6), ops.glu(x, 1), ops.softmax(x, 1), ops.log_softmax(x, 1), ops.softmax(x, None), ops.threshold(x, 0.2, -3.0), ops.hard_shrink(x, 0.3), ops.soft_shrink(x, 0.3), ops.squareplus(x, 2), ops.sparsemax(x, 1), ops.relu(i - 2)],
    "normal": lambda ops, x, y, z, i, j: [*ops.moments(x, [1]), *ops.moments(x, (1, 2), keepdims=True), ops.batch_normalization(x, SIX, SIX * SIX + 1, -1, SIX, SIX + 2), ops.batch_normalization(x, SIX[:4], SIX[:4] ** 2 + 1, 1), ops.rms_normalization(x, SIX + 2), ops.rms_normalization(x), ops.layer_normalization(x, SIX + 2, SIX), ops.layer_normalization(x, axis=1)],
    "attention": lambda ops, x, y, z, i, j: [ops.dot_product_attention(*[ops.reshape(one, (-1, 4, 2, 3)) for one in (x, y, x)]), ops.dot_product_attention(*[ops.reshape(one, (-1, 4, 2, 3)) for one in (x, y, x)], is_causal=True), ops.dot_product_attention(*[ops.reshape(one, (-1, 4, 2, 3)) for one in (x, y, x)], mask=numpy.tri(4, dtype=bool)[None, None], scale=0.3)],
}
def kernel(*shape):
    """Numbers of that shape."""
    return numpy.sin(numpy.arange(numpy.prod(shape))).reshape(shape).astype("float32")


IMAGING = {
    "conv": lambda ops, x, y, z, i, j: [ops.conv(z, kernel(2, 3, 3, 4)), ops.conv(z, kernel(2, 3, 3, 4), 2, "same"), ops.conv(z, kernel(3, 2, 3, 2), 1, "same", dilation_rate=2), ops.conv(x, kernel(3, 6, 2), 1, "same"),
                                        ops.depthwise_conv(z, kernel(2, 3, 3, 2), 1, "same"), ops.depthwise_conv(z, kernel(2, 2, 3, 1), 2), ops.separable_conv(z, kernel(2, 3, 3, 2), kernel(1, 1, 6, 4), 1, "same")],
    "pool": lambda ops, x, y, z, i, j: [ops.max_pool(z, 2), ops.max_pool(z, (2, 3), 1, "same"), ops.average_pool(z, 2, padding="same"), ops.average_pool(x, 2, 1), ops.max_pool(x, 2), ops.max_pool(ops.transpose(z, (0, 3, 1, 2)), 2, data_format="channels_first"), ops.average_pool(z, (3, 2), (1, 2))]
            + ([ops.adaptive_average_pool(z, (2, 3)), ops.adaptive_max_pool(z, (3, 2))] if hasattr(ops, "adaptive_max_pool") else []),
    "blocks": lambda ops, x, y, z, i, j: ([ops.depth_to_space(ops.reshape(x, (-1, 2, 3, 4)), 2), ops.space_to_depth(z[:, :4, :6], 2), ops.depth_to_space(ops.reshape(x, (-1, 4, 2, 3)), 2, data_format="channels_first")] if hasattr(ops, "depth_to_space") else [])
              + [ops.image.extract_patches(z, (2, 3)), ops.image.extract_patches(z, 2, 1, padding="same"), ops.image.extract_patches(z, 2, 1, 2), ops.image.extract_patches(z[0], 2)] + ([ops.unfold(ops.transpose(z, (0, 3, 1, 2)), (2, 3), padding=1, stride=2)] if hasattr(ops, "unfold") else []),
    "colours": lambda ops, x, y, z, i, j: [ops.image.rgb_to_grayscale(z), ops.image.rgb_to_hsv(ops.sigmoid(z)), ops.image.hsv_to_rgb(ops.sigmoid(z)), ops.image.rgb_to_grayscale(z[..., :1]), ops.image.rgb_to_grayscale(z[0]), ops.image.rgb_to_hsv(ops.round(ops.sigmoid(z)))],
    "resize": lambda ops, x, y, z, i, j: [ops.image.resize(z, (3, 9)), ops.image.resize(z, (8, 4), "nearest"), ops.image.resize(z, (3, 9), "bicubic"), ops.image.resize(z, (3, 4), antialias=True), ops.image.resize(z, (4, 4), crop_to_aspect_ratio=True),
                                          ops.image.resize(z, (4, 4), pad_to_aspect_ratio=True, fill_value=0.5), ops.image.resize(z[0], (3, 9)), ops.image.resize(ops.transpose(z, (0, 3, 1, 2)), (3, 9), data_format="channels_first"), ops.image.resize(z, (9, 3), "lanczos3")],
    "margins": lambda ops, x, y, z, i, j: [ops.image.pad_images(z, 1, 2, 3, 0), ops.image.pad_images(z, 1, 2, target_height=9, target_width=10), ops.image.crop_images(z, 1, 2, 0, 3), ops.image.crop_images(z, 1, 1, target_height=3, target_width=4)],
    "filters": lambda ops, x, y, z, i, j: ([ops.image.gaussian_blur(z), ops.image.gaussian_blur(z, (3, 3), (0.7, 1.4)), ops.image.gaussian_blur(z, (5, 3), (0.7, 1.4))] if hasattr(ops.image, "gaussian_blur") else []) + ([ops.image.sobel_edges(z)] if hasattr(ops.image, "sobel_edges") else []),
}
THEMES = {"imaging": IMAGING, "arithmetic": ARITHMETIC, "logic": LOGIC, "reducing": REDUCING, "shaping": SHAPING, "indexing": INDEXING, "linear": LINEAR, "neural": NEURAL}
