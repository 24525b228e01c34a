"""Operations on complex numbers, composed of real ones: TensorFlow.js spreads and slices complex numbers wrongly."""
from typing import Dict, List

from ..emit import Value
from ..emit.core import DType
from ..operations.graph import Attribute, Node, Tensor
from .remaking import Remaking, Rule, Unknown, put_out


def sides(make: Remaking, node: Node, place: int) -> List[Value]:
    """The real and the imaginary part of an input of complex numbers."""
    spec = make.graph.spec(node.inputs[place])
    if spec is None or spec.shape is None or spec.dtype != "DT_COMPLEX64":
        raise Unknown
    kinds = {"T": Attribute("type", spec.dtype), "Tout": DType("float32")}
    return [make.one(op, [Value("float32", spec.shape, node.inputs[place])], "float32", spec.shape, **kinds)
            for op in ("Real", "Imag")]


def complex_of(make: Remaking, parts: List[Value]) -> Value:
    """The complex numbers of a real and an imaginary part."""
    return make.one("Complex", parts, "float32", parts[0].shape, T=DType("float32"), Tout=Attribute(
        "type", "DT_COMPLEX64"))


def sliced(make: Remaking, node: Node) -> Value:
    """A StridedSlice of complex numbers: of their real and of their imaginary parts."""
    spec, parts = put_out(node), []
    for side in sides(make, node, 0):
        part = make.graph.add(Node(f"{side.tensor.node}/part", "StridedSlice", [side.tensor] + node.inputs[1:],
                                   attributes=dict(node.attributes, T=Attribute("type", "DT_FLOAT")),
                                   outputs=[spec._replace(dtype="DT_FLOAT")]))
        parts.append(make.of(Tensor(part.name), "DT_FLOAT", spec.shape))
    return complex_of(make, parts)


def arithmetic(make: Remaking, node: Node) -> Value:
    """A sum, a difference or a product of complex numbers of unlike shapes, which TensorFlow.js spreads wrongly."""
    (a, b), (c, d) = [sides(make, node, place) for place in (0, 1)]
    if node.op == "Mul":
        return complex_of(make, [make.sub(make.mul(a, c), make.mul(b, d)), make.add(make.mul(a, d), make.mul(b, c))])
    change = make.sub if node.op == "Sub" else make.add
    return complex_of(make, [change(a, c), change(b, d)])


RULES: Dict[str, Rule] = {"StridedSlice": sliced, "Add": arithmetic, "AddV2": arithmetic, "Sub": arithmetic,
                          "Mul": arithmetic}
