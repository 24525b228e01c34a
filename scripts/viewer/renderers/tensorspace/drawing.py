"""The TensorSpace layer that draws each output: a model.json's topology -> the page's list of layers.

Pure: model.json as a dict and TensorFlow.js's description of the loaded model (predict.describe) -> plain JSON.
The rules are those of TensorSpace 0.6.1: a layer has one parent (merges have several), ranks 1 to 3,
and some classes take their channels' places from their parent.
"""
from collections import OrderedDict, deque
from typing import Any, Dict

from ....base.fault import Fault
from ....layers import kinds
from ....tfjs import write_layers
from . import sources, strips
from .sources import MERGES

WIDE = 400  # a row of more units than this is shown in pages
PAGING = {"paging": True, "segmentLength": 200, "overview": True}

BY_RANK = {  # Keras class -> TensorSpace class, with the output's rank; {} is 1 or 2 for 1D and 2D
    "Conv1D": "Conv1d", "SeparableConv1D": "Conv1d", "Conv2D": "Conv2d", "SeparableConv2D": "Conv2d",
    "Convolution1D": "Conv1d", "Convolution2D": "Conv2d", "SeparableConvolution2D": "Conv2d",
    "Conv2DTranspose": "Conv2dTranspose", "Convolution2DTranspose": "Conv2dTranspose",
    "DepthwiseConv2D": "DepthwiseConv2d", "MaxPooling1D": "Pooling1d", "AveragePooling1D": "Pooling1d",
    "MaxPooling2D": "Pooling2d", "AveragePooling2D": "Pooling2d",
    "GlobalMaxPooling1D": "GlobalPooling1d", "GlobalAveragePooling1D": "GlobalPooling1d",
    "GlobalMaxPooling2D": "GlobalPooling2d", "GlobalAveragePooling2D": "GlobalPooling2d",
    "ZeroPadding1D": "Padding1d", "ZeroPadding2D": "Padding2d", "Cropping1D": "Cropping1d", "Cropping2D": "Cropping2d",
    "UpSampling1D": "UpSampling1d", "UpSampling2D": "UpSampling2d", "Flatten": "Flatten", "Reshape": "Reshape",
    "Dense": "Dense",
}
ACTIVATIONS = ("Activation", "ReLU", "LeakyReLU", "ELU", "PReLU", "ThresholdedReLU", "Softmax")
HEADS = ("Conv1D", "Conv2D", "SeparableConv1D", "SeparableConv2D", "Conv2DTranspose", "DepthwiseConv2D",
         "Dense") + MERGES
TAILS = ("BatchNormalization", "FusedBatchNorm") + ACTIVATIONS
# Nothing happens in them when a model predicts.
SILENT = kinds.idle() | {"InputLayer"}
RANK = {"Conv1d": 2, "Conv2d": 3, "Conv2dTranspose": 3, "DepthwiseConv2d": 3, "Pooling1d": 2, "Pooling2d": 3,
        "GlobalPooling1d": 1, "GlobalPooling2d": 1, "Padding1d": 2, "Padding2d": 3, "Cropping1d": 2, "Cropping2d": 3,
        "UpSampling1d": 2, "UpSampling2d": 3, "Flatten": 1, "Dense": 1}
# Their channels open where the parent's do: the parent must be drawn with as many.
FOLLOWERS = ("Pooling", "Padding", "Cropping", "GlobalPooling", "Activation2d", "Activation3d", "UpSampling1d")


def drawing(model: Dict[str, Any], described: Dict[str, Any], name: str = "model.json") -> Dict[str, Any]:
    """Return what to draw, a JSON-able dict.

    model      the content of model.json (layers model or graph model)
    described  what predict.describe returns
    name       for errors

    {"kind": "Sequential" or "Model", "format": "layers" or "graph",
     "inputs":  [{"name", "class", "shape", "dtype", "feed": its place among the model's inputs,
                  "words": how many an Embedding that reads it has, where one does,
                  "text": what turns typed words into it (layers.words.described), where something does,
                  "montage": how it is one picture, where TensorSpace has no input of its shape: see strips}],
     "layers":  [{"name", "keras", "class", "shape", "config", "parents": [names that TensorSpace is told of],
                  "sources": [names of all layers that it reads], "output": its place among the
                  model's outputs, "chain": [names of the layers that it stands for], "parameters", "terminal"}]}
    An input or a layer whose name, or one of whose chain TensorFlow.js did not take has {name: name in the source} as
    "called".
    shape is the output's without the batch, as Keras has it: [H, W, C].  A layer of more dimensions has the shape
    that is drawn, its own as "full", and "strip": see strips.
    Raises Fault where nothing can be drawn: an input or output without a fixed size, or without a dimension.
    """
    inputs = _inputs(model, described, name)
    tensors, outputs, parameters = sources.of_model(model, described)
    described = dict(described, parameters=parameters)
    _tell_words(inputs, tensors)
    asked = _asked(tensors, outputs, described, name)
    chains = _chains(tensors, asked)
    hidden = {key for key, chain in chains.items() for key in chain[:-1]}
    hidden |= {key for key in asked if _says_nothing(tensors, key, asked, described)}
    drawn = OrderedDict((key, place) for key, place in asked.items() if key not in hidden)
    if not drawn:
        raise Fault(f"{name}: none of its outputs is a layer that can be drawn")
    known, layers = {}, []
    by_input = {entry["tensor"]: entry for entry in inputs}
    order = _topological(tensors, drawn)
    children, nearest = set(), {}
    for key in order:
        head = tensors[chains[key][0]] if key in chains else tensors[key]
        parents = _parents(head, tensors, drawn, by_input, nearest)
        children.update(parent for group in parents for parent in group)
        known[key] = {"key": key, "head": head, "parents": parents}
    by_parent = {key: entry["name"] for key, entry in by_input.items()}
    finished = {
        entry["tensor"]: dict(entry, channels=1 if entry["class"] == "GreyscaleInput" else (entry["shape"] + [1])[-1])
        for entry in inputs}
    taken, counted = {entry["name"]: 1 for entry in inputs}, set()
    for key in order:
        layer = _layer(known[key], drawn[key], tensors, chains.get(key, [key]), described, finished, by_parent, taken,
                       counted, terminal=key not in children)
        finished[key] = dict(layer, channels=layer["shape"][-1])
        by_parent[key] = layer["name"]
        layers.append(layer)
    renamed = write_layers.renamed(model)
    for entry in inputs + layers:
        called = {part: renamed[part] for part in [entry["name"]] + entry.get("chain", []) if part in renamed}
        entry.update({"called": called} if called else {})
    used = {parent for layer in layers for parent in layer["parents"]}
    for entry in inputs:
        entry.pop("tensor")
        entry["drawn"] = entry["name"] in used
    places = [layer["output"] for layer in layers]
    linear = (len(inputs) == 1 and places == sorted(places)
              and all(layer["parents"] == [before["name"]] for before, layer in zip(inputs + layers, layers)))
    return {"kind": "Sequential" if linear else "Model", "format": described["format"], "inputs": inputs,
            "layers": layers, "outputs": len(described["outputs"]),
            "parameters": sum(described["parameters"].values()) or _stored(model)}


def _stored(model):
    """Return how many values the weights manifest of a graph model lists.

    Its operations have no parameters of their own.
    """
    count = 0
    for group in model["weightsManifest"]:
        for weight in group["weights"]:
            size = 1
            for length in weight["shape"]:
                size *= length
            count += size if weight["dtype"] != "int32" else 0  # shapes and axes are stored as weights too
    return count


# The graph --------------------------------------------------------------------------------------------------

def _topological(tensors, drawn):
    """Return the drawn keys, parents first, else in the order of the model's outputs."""
    order, state = [], {}
    for start in drawn:
        stack = [start]
        while stack:
            key = stack[-1]
            sources = [] if isinstance(key, int) or state.get(key) == 2 else tensors[key].sources
            fresh = [source for source in sources if not isinstance(source, int) and state.get(source) is None]
            if state.get(key) is None and fresh:
                state[key] = 1
                stack.extend(reversed(fresh))
                continue
            if fresh:  # seen from elsewhere meanwhile
                stack.extend(reversed(fresh))
                continue
            stack.pop()
            if state.get(key) != 2:
                state[key] = 2
                if key in drawn:
                    order.append(key)
    return order


def _parents(head, tensors, drawn, by_input, nearest):
    """Return, for each argument of the call `head`, the keys of the nearest drawn tensors after it.

    nearest  dict: what is found is kept there, by key, for what lies before it in a row
    """
    groups = []
    for source in head.sources:
        row = []
        while not (source in nearest or source in drawn or isinstance(source, int)
                   or len(tensors[source].sources) != 1):
            row.append(source)
            source = tensors[source].sources[0]
        if source not in nearest:
            nearest[source] = _drawn_behind(source, tensors, drawn, by_input)
        nearest.update((key, nearest[source]) for key in row)
        groups.append(nearest[source])
    return groups


def _drawn_behind(start, tensors, drawn, by_input):
    found, pending, seen = [], deque([start]), set()
    while pending:
        key = pending.popleft()
        if key in seen:
            continue
        seen.add(key)
        if key in drawn or (isinstance(key, int) and key in by_input):
            found.append(key)
        elif not isinstance(key, int):
            pending.extend(tensors[key].sources)
    return found


def _chains(tensors, asked):
    """Return {tail: [head, …, tail]} for every conv -> BatchNormalization -> activation whose tail is an output."""
    users = {}
    for tensor in tensors.values():
        for source in tensor.sources:
            users[source] = users.get(source, 0) + 1
    chains, taken = {}, set()
    for key in reversed(_topological(tensors, asked)):
        if key in taken or isinstance(key, int):
            continue
        chain = [key]
        while tensors[chain[0]].kind in TAILS and len(tensors[chain[0]].sources) == 1:
            source = tensors[chain[0]].sources[0]
            if isinstance(source, int) or users[source] > 1 or tensors[source].kind not in TAILS + HEADS:
                break
            chain.insert(0, source)
        if len(chain) > 1 and tensors[chain[0]].kind in HEADS:
            chains[key] = chain
        taken.update(chain)  # what is in the middle of one that has no head has none either
    return chains


def _says_nothing(tensors, key, asked, described):
    """Whether an output would only repeat the one before it: a Dropout, a (28, 28) -> (28, 28, 1) Reshape."""
    if isinstance(key, int):
        return True
    tensor = tensors[key]
    if tensor.kind in SILENT:
        return True
    if tensor.kind == "Reshape" and len(tensor.sources) == 1:
        source = tensor.sources[0]
        before = described["inputs"][source] if isinstance(source, int) else \
            described["outputs"][asked[source]] if source in asked else None
        if before is not None:
            sizes = [[size for size in entry["shape"][1:] if size != 1]
                     for entry in (before, described["outputs"][asked[key]])]
            return sizes[0] == sizes[1]
    return False


# Layers -----------------------------------------------------------------------------------------------------

def _inputs(model, described, name):
    """Return what is drawn of the inputs."""
    inputs = [_input(entry, place, name) for place, entry in enumerate(described["inputs"])]
    for entry in inputs:
        entry.update(sources.text_of(model, entry["name"]))
    return inputs


def _tell_words(inputs, tensors):
    """Tell the inputs how many words an Embedding behind them has."""
    for tensor in tensors.values():
        if isinstance(tensor.words, int) and tensor.sources and isinstance(tensor.sources[0], int):
            inputs[tensor.sources[0]]["words"] = tensor.words


def _asked(tensors, outputs, described, name):
    """Return {key of a tensor: its place among the outputs}, the last of two equal ones, which is the model's own."""
    asked = OrderedDict()
    for place, key in enumerate(outputs):
        asked.pop(key, None)
        asked[key] = place
    for key, place in asked.items():
        _check_output(tensors[key], described["outputs"][place], name)
    return asked


def _input(entry, place, name):
    shape = list((entry["shape"] or [None])[1:])
    spelled = "input {} of shape ({})".format(entry["name"], ", ".join(str(size) for size in shape))
    if not entry["shape"] or None in shape or 0 in shape:
        raise Fault(f"{name}: {spelled} has no fixed size, which TensorSpace needs: set input_shape for this model "
                    "and convert it "
                    "again")
    if len(shape) == 1:
        kind = "Input1d"
    elif len(shape) == 2 or (len(shape) == 3 and shape[2] == 1):
        kind = "GreyscaleInput"
    elif len(shape) >= 3 and shape[-1] == 3:
        kind = "RGBInput"
    elif len(shape) >= 3:
        kind = "GreyscaleInput"
    else:
        raise Fault(f"{name}: {spelled} cannot be drawn: it is a single number; a layer needs one dimension at least")
    found = {"name": entry["name"], "tensor": place, "class": kind, "shape": shape, "dtype": entry["dtype"],
             "feed": place}
    return dict(found, montage=strips.montage(shape)) if len(shape) > 3 or shape[2:] not in ([], [1], [3]) else found


def _check_output(tensor, entry, name):
    shape = (entry["shape"] or [])[1:]
    if not shape or None in shape or 0 in shape:
        raise Fault("{}: output {} of shape ({}) cannot be drawn: a layer needs one dimension at least, and all of "
                    "a fixed size; leave it out of the model's "
                    "layers".format(name, entry["name"], ", ".join(str(size) for size in shape)))


def _layer(entry, place, tensors, chain, described, finished, names, taken, counted, terminal):
    """One entry of `drawing`'s layers.  Adds to the names that are `taken` and the layers that are `counted`."""
    head = entry["head"]
    shape = described["outputs"][place]["shape"][1:]
    strip = strips.output(shape, head.kind, tensors[chain[-1]].layer)
    shape = strip["shape"] if strip else shape
    rank = len(shape)
    flat = [parent for group in entry["parents"] for parent in group]
    sources = list(OrderedDict.fromkeys(flat))
    parents = sources or [next(iter(finished))]  # behind constants alone: TensorSpace wants a parent
    first = finished[parents[0]]
    kind = BY_RANK.get(head.kind)
    if head.kind in ACTIVATIONS:
        kind = f"Activation{rank}d"
    if strip or kind and RANK.get(kind, rank) != rank:
        kind = None
    if kind and kind.startswith(FOLLOWERS) and not _follows(kind, shape, first):
        kind = None
    if not strip and head.kind in MERGES and _merges(head, shape, parents, entry["parents"], finished):
        kind = head.kind
    if rank == 1 and shape[0] > WIDE and kind in ("GlobalPooling1d", "GlobalPooling2d"):
        kind = None  # these have no pages, and a body of its own for every unit
    if rank == 1 and terminal:
        kind = "Output1d"
    if kind not in MERGES:
        parents = parents[:1]
    config = dict(PAGING) if rank == 1 and shape[0] > WIDE else {}
    name = tensors[chain[-1]].layer
    unique, number = name, taken.get(name, 1)
    while unique in taken:
        number += 1
        unique = f"{name} ({number})"
    taken[name], taken[unique] = number, 1
    layers = list(OrderedDict.fromkeys(tensors[key].layer for key in chain))
    fresh = [layer for layer in layers if layer not in counted]
    counted.update(layers)
    return dict(strip or {}, **{
        "name": unique, "keras": head.kind, "class": kind or f"Layer{rank}d", "shape": shape, "config": config,
        "parents": [names[parent] for parent in parents], "sources": [names[source] for source in sources],
        "output": place, "chain": layers, "terminal": terminal,
        "parameters": sum(described["parameters"].get(layer, 0) for layer in fresh)})


def _follows(kind, shape, parent):
    """Whether a class that opens its channels where its parent's are can be drawn behind `parent`."""
    if parent["class"].startswith(("GlobalPooling", "Output")) or "strip" in parent or "montage" in parent:
        return False
    if parent["class"] == "GreyscaleInput":
        return (kind.endswith("2d") and kind != "Activation2d" and shape[-1] == 1
                or kind == "Activation3d" and shape[-1] == 1)
    wanted = 2 if kind.endswith("1d") or kind == "Activation2d" else 3
    if wanted == 2 and parent["class"] in MERGES + ("Reshape",):
        return False  # these keep the places of three-dimensional channels only
    return len(parent["shape"]) == wanted and parent["channels"] == shape[-1]


def _merges(head, shape, parents, groups, finished):
    """Whether TensorSpace can draw the merge: several different parents, one each, of the shapes it expects."""
    if len(parents) < 2 or any(len(group) != 1 for group in groups) or len(parents) != len(groups):
        return False
    drawn = [finished[parent] for parent in parents]
    if any("Input" in parent["class"] or parent["class"].startswith("GlobalPooling") or "strip" in parent
           for parent in drawn):
        return False
    shapes = [parent["shape"] for parent in drawn]
    if head.kind == "Concatenate":
        return (head.last_axis and all(each[:-1] == shape[:-1] for each in shapes)
                and sum(each[-1] for each in shapes) == shape[-1])
    return all(each == shape for each in shapes)
