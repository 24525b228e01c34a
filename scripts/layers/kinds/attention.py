"""Attention and EinsumDense (Keras 3 layers/attention/, layers/core/einsum_dense.py; tf_keras layers/attention/)."""
from typing import Any, List, Optional

from .kind import Config, Mask, Shape, Variable, row
from .sizes import several


def dense_attention(config: Config) -> List[Variable]:
    """A scale of the scores, and one of their sum where query and key are added."""
    return [Variable("scale", [])] * bool(config.get("use_scale")) \
        + [Variable("concat_score_weight", [])] * (config.get("score_mode") == "concat")


def additive(config: Config) -> List[Variable]:
    """A scale of each feature."""
    return [Variable("scale", [None])] * bool(config.get("use_scale", True))


def attended(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
    """The query's steps with the value's features; then the scores, which a call may ask for."""
    query, value = inputs[:2]
    return [list(query[:-1]) + [value[-1]], list(query[:-1]) + [value[-2]]]


def projection(name: str, before: List[Optional[int]], after: List[Optional[int]], config: Config) -> List[Variable]:
    """A kernel between these sizes, and a bias."""
    return [Variable(f"{name}/kernel", before + after)] + [Variable(f"{name}/bias", after)] * bool(
        config.get("use_bias", True))


def heads(config: Config) -> List[Variable]:
    """The variables of MultiHeadAttention's projections, in the order in which Keras makes them."""
    count, size = config["num_heads"], config["key_dim"]
    values = config.get("value_dim") or size
    shape = config.get("output_shape")
    gate = projection("gate", [None], [count, values], config) if config.get("use_gate") else []
    return projection("query", [None], [count, size], config) \
        + projection("key", [None], [count, size], config) + gate \
        + projection("value", [None], [count, values], config) \
        + projection("output", [count, values], several(shape, 1) if shape else [None], config)


def grouped_heads(config: Config) -> List[Variable]:
    """The variables of GroupedQueryAttention's projections."""
    size, queries, shared = config["head_dim"], config["num_query_heads"], config["num_key_value_heads"]
    gate = projection("gate", [None], [queries, size], config) if config.get("use_gate") else []
    return projection("query", [None], [queries, size], config) \
        + projection("key", [None], [shared, size], config) + gate \
        + projection("value", [None], [shared, size], config) \
        + projection("output", [queries, size], [None], config)


def projected(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
    """The query's shape, with the features that the config asks for; then the scores, which a call may ask for."""
    shape, query, value = config.get("output_shape"), inputs[0], inputs[min(1, len(inputs) - 1)]
    axes = config.get("attention_axes")
    axes = list(range(1, len(query) - 1)) if axes is None else [axis % len(query) for axis in several(axes, 1)]
    kept = [size for place, size in enumerate(query[:-1]) if place not in axes]
    scores = kept + [config.get("num_heads") or config.get("num_query_heads")] + [
        tensor[axis] for tensor in (query, value) for axis in axes]
    return [list(query[:-1]) + (several(shape, 1) if shape else [query[-1]]), scores]


def einsum_dense(config: Config) -> List[Variable]:
    """Their shapes depend on the input's."""
    return [Variable("kernel", None)] + [Variable("bias", None)] * bool(config.get("bias_axes"))


def einsum(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
    """The sizes that the config says, behind the batch, or behind the dimensions that "..." stands for in front."""
    first = config["equation"].replace(" ", "").split(",")[0]
    given = len(inputs[0]) - len(first) + 3 if first.startswith("...") else 1
    return [list(inputs[0][:given]) + several(config["output_shape"], 1)]


row("attention", "Attention", shape=attended, variables=dense_attention, outputs=lambda config, count: None,
    mask=Mask.PASSES)
row("attention", "AdditiveAttention", shape=attended, variables=additive, outputs=lambda config, count: None,
    mask=Mask.PASSES)
row("attention", "MultiHeadAttention", shape=projected, variables=heads, outputs=lambda config, count: None,
    mask=Mask.PASSES_IN_3)  # and from Keras 2.10 on
row("attention", "GroupQueryAttention GroupedQueryAttention", shape=projected, variables=grouped_heads,
    outputs=lambda config, count: None, mask=Mask.PASSES)
row("attention", "EinsumDense", shape=einsum, variables=einsum_dense)
