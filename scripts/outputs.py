"""Pure functions: which tensors of a graph are its outputs, and what is left of it then.

An output is asked for as NAME; NAME@CALL where the layer is called several times (0 is the first call);
NAME:OUTPUT where the layer has several outputs (0 is the default); OUTER/INNER for a layer inside a nested
model, which is then put in place of its nested model.
"""
import difflib
import re
from collections import OrderedDict

from scripts import Fault
from scripts.topology import Graph, Layer, Ref, batch_shape, layer_order, redirect, references

SUFFIX = re.compile(r"^(.*?)(?:@(\d+))?(?::(\d+))?$", re.DOTALL)


def spelling(source, ref):
    """How a user names `ref`: the shortest form that tells it apart."""
    call = "@%d" % ref.node if source.node_count(ref.layer) > 1 else ""
    return ref.layer + call + (":%d" % ref.tensor if ref.tensor else "")


def every_output(source):
    """Every layer but the inputs, in the order of `model.layers`: the first output of each call, and behind it
    those further outputs of the call that are outputs of the model."""
    refs = []
    for name in layer_order(source):
        if source.layers[name].is_input:
            continue
        for node in range(source.node_count(name)):
            own = sorted({ref for ref in source.outputs if ref[:2] == (name, node)})
            refs += [Ref(name, node, 0)] + [ref for ref in own if ref.tensor]
    return refs


def find(source, names):
    """Return the Refs that `names` ask for, in their order.

    Raises Fault for a name that is not there, is an input, stands twice, or does not tell two calls apart;
    the line lists what there is and the nearest match.
    """
    if not names:
        raise Fault("no output layer is asked for; there are: %s" % listing(source))
    refs = []
    for name in names:
        ref = find_one(source, name)
        if ref in refs:
            raise Fault("layer %r is asked for twice" % name)
        refs.append(ref)
    return refs


def find_one(source, name):
    layer, call, tensor = (name, None, None) if name in source.layers else SUFFIX.match(name).groups()
    if layer not in source.layers:
        choices = [item for item in source.layers if not source.layers[item].is_input]
        near = difflib.get_close_matches(name, choices, 1, 0.5) or \
            [item for item in choices if item.lower() == name.lower()]
        raise Fault("no layer is called %r%s; there are: %s"
                    % (name, ", did you mean %r?" % near[0] if near else "", listing(source)))
    if source.layers[layer].is_input:
        raise Fault("%r is an input, and an input cannot be an output; there are: %s" % (name, listing(source)))
    count = source.node_count(layer)
    if call is None and count > 1:
        raise Fault("layer %r is called %d times: ask for %s" % (
            layer, count, " or ".join("%s@%d" % (layer, node) for node in range(count))))
    if int(call or 0) >= count:
        raise Fault("%r: layer %r is called %d time%s, and calls count from 0"
                    % (name, layer, count, "" if count == 1 else "s"))
    return Ref(layer, int(call or 0), int(tensor or 0))


def listing(source, limit=40):
    names = [spelling(source, ref) for ref in every_output(source)]
    return ", ".join(names[:limit]) + (", … (%d in all)" % len(names) if len(names) > limit else "")


def prune(source, outputs):
    """Return the Graph whose outputs are `outputs`; calls and layers that none of them needs are left out.

    Inputs stay, as far as an output needs them.
    """
    needed, stack = set(), [ref[:2] for ref in outputs]
    while stack:
        node = stack.pop()
        if node in needed:
            continue
        needed.add(node)
        layer = source.layers[node[0]]
        if not layer.is_input:
            stack += [ref[:2] for ref in references(layer.calls[node[1]], source.layers)]
    number = {}
    for name, node in sorted(needed):
        number[name, node] = sum(1 for key in number if key[0] == name)

    def renumber(ref):
        return ref._replace(node=number[ref.layer, ref.node])

    layers = OrderedDict()
    for name, layer in source.layers.items():
        kept = [call for node, call in enumerate(layer.calls) if (name, node) in needed]
        if kept or (name, 0) in needed:
            layers[name] = Layer(layer.record, [redirect(call, source.layers, renumber) for call in kept])
    inputs = [ref for ref in source.inputs if ref.layer in layers]
    return Graph(layers, inputs, [renumber(ref) for ref in outputs], source.rest)


def fix_input_shape(source, shape):
    """Set the sizes that the model leaves open (None) to those of `shape`.

    shape: list of int or None without the batch size, for a model with one input, or a dict of input name to
    such a list.  Raises Fault where it contradicts a size that the model fixes.
    """
    names = [ref.layer for ref in source.inputs]
    if not isinstance(shape, dict):
        if len(names) != 1:
            raise Fault("input_shape: the model has %d inputs (%s): give a shape for each by name"
                        % (len(names), ", ".join(names)))
        shape = {names[0]: shape}
    for name, sizes in shape.items():
        if name not in names:
            raise Fault("input_shape: no input is called %r; there are: %s" % (name, ", ".join(names)))
        layer = source.layers[name]
        old = batch_shape(layer)
        sizes = list(sizes)
        if len(sizes) != len(old) - 1 or any(a is not None and b is not None and a != b
                                             for a, b in zip(old[1:], sizes)):
            raise Fault("input_shape: %s contradicts what input %r declares: %s" % (sizes, name, old[1:]))
        if any(size is not None and (type(size) is not int or size < 1) for size in sizes):
            raise Fault("input_shape: sizes must be positive whole numbers, not %s" % (sizes,))
        key = "batch_shape" if "batch_shape" in layer.config else "batch_input_shape"
        fixed = old[:1] + [a if a is not None else b for a, b in zip(old[1:], sizes)]
        layer.record = dict(layer.record, config=dict(layer.config, **{key: fixed}))
