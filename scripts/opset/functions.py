"""The model's own functions, put in place of their calls: modules of PyTorch's exporters, and what these call.

    Net -> Conv2d_conv1 -> aten_convolution -> Conv      four nodes become one, which is a layer under its own name

A node in a function has the name of the call before its own: "Net_1/Conv2d_conv1/Conv".  The walk handles the other
functions: those with graphs in them, those of another opset, and those that call each other without an end.
"""
from collections import OrderedDict
from typing import Collection, Dict, List, Optional

from ..formats.onnx_graph import SCOPES, Function, Graph, Model, Node, Reference
from .rules import rule_of
from .walk import DEEPEST, INSIDE, OLDEST

PARTS = "pkg.onnxscript"  # how domains of functions begin that are no modules, but operations of PyTorch's


def inlined(model: Model) -> Model:
    """Return the model with the nodes of its functions in place of their calls; itself where there are none."""
    if not model.functions:
        return model
    nodes: List[Node] = []
    waiting = [(node, 0) for node in reversed(model.graph.nodes)]
    while waiting:
        node, depth = waiting.pop()
        function = called(model, node)
        if function is None:
            nodes.append(node)
        elif depth == DEEPEST or len(nodes) + len(waiting) + len(function.nodes) > INSIDE + len(model.graph.nodes):
            return model  # the walk says so
        else:
            waiting += [(inner, depth + 1) for inner in reversed(instead(node, function))]
    return model._replace(graph=model.graph._replace(nodes=nodes))


def called(model: Model, node: Node) -> Optional[Function]:
    """Return the function that a node calls, None where it calls none, or one that stays."""
    function = model.functions.get((node.domain, node.op))
    if function is None or rule_of(node.domain, node.op, model.opsets.get(node.domain, OLDEST)) or any(
            model.opsets.get(domain, version) != version for domain, version in function.opsets.items()):
        return None
    values = [value for inner in function.nodes for value in inner.attributes.values()]
    graphs = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return None if any(isinstance(one, Graph) for one in graphs) else function


def instead(call: Node, function: Function) -> List[Node]:
    """Return the nodes that compute what a call does: its tensors have the call's names, those inside their own."""
    outermost = call.outputs[0] if call.outputs else call.name  # no two calls have one
    own: Dict[str, str] = dict.fromkeys(function.inputs, "")
    own.update(zip(function.inputs, call.inputs))
    ends = {name: outer for name, outer in zip(function.outputs, call.outputs) if outer and name not in own}
    given = dict(function.defaults, **call.attributes)
    found = []

    def inside(name: str) -> str:
        return own[name] if name in own else ends.get(name) or name and f"{outermost}/{name}"

    for node in function.nodes:
        attributes = OrderedDict((key, given.get(value.name) if isinstance(value, Reference) else value)
                                 for key, value in node.attributes.items())
        found.append(node._replace(
            name=name_of(call, node, ends), inputs=[inside(name) for name in node.inputs],
            outputs=[inside(name) for name in node.outputs], properties=dict(call.properties, **node.properties),
            attributes=OrderedDict((key, value) for key, value in attributes.items() if value is not None)))
    for name, outer in zip(function.outputs, call.outputs):
        if outer and ends.get(name) != outer:  # an input, or another output
            found.append(Node(name_of(call, call), "Identity", "", [inside(name)], [outer], {}, call.properties))
    return found


def name_of(call: Node, node: Node, ends: Collection[str] = ()) -> str:
    """The name of a node inside of a function: in the module of the call, or in that which the call is.

    In a module, what computes the results of the call has its name.
    """
    is_part = call.name.startswith("/") or SCOPES in call.properties or call.domain.startswith(PARTS)
    outer = call.name or "".join(call.outputs[:1])
    if is_part and any(name in ends for name in node.outputs):
        return outer
    return f"{outer}{'.' if is_part else '/'}{(node.name or node.op).strip('/')}"
