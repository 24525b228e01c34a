"""Hostile graph models of TensorFlow.js: circles, functions without end, loops without end, lists without end."""
import json
import os

from scripts.wire.protobuf import field
from tests.attacks.builders import at
from tests.unit import graphs

MANY = 8000


def written(folder, graph, change=None):
    """A graph as TensorFlow.js has it; change(document) bends its json."""
    from scripts.tfjs import write_graph
    write_graph.write(graph, at(folder, "graph"))
    path = at(folder, "graph", "model.json")
    with open(path) as file:
        document = json.load(file)
    if change:
        change(document)
    with open(path, "w") as file:
        json.dump(document, file)
    return path


def node(name, op, *inputs, **attributes):
    return {"name": name, "op": op, "input": list(inputs), "attr": attributes}


REAL = {"type": "DT_FLOAT"}


def ending(document, name):
    """Let the graph's own output read another operation."""
    document["modelTopology"]["node"].append(node("end", "Relu", name, T=REAL))
    document["signature"]["outputs"] = {"end": {"name": "end:0"}}


def circle(folder):
    def change(document):
        document["modelTopology"]["node"] += [node("a", "Add", "x", "b", T=REAL), node("b", "Relu", "a", T=REAL)]
        ending(document, "a")
    return written(folder, graphs.fused(), change)


def reads_nothing_there(folder):
    return written(folder, graphs.fused(), lambda document: ending(document, "nowhere"))


def two_of_one_name(folder):
    return written(folder, graphs.fused(), lambda document: document["modelTopology"]["node"].append(
        document["modelTopology"]["node"][0]))


def weight_that_is_missing(folder):
    def change(document):
        document["modelTopology"]["node"].append(node("gone", "Const", dtype=REAL))
        ending(document, "gone")
    return written(folder, graphs.fused(), change)


def nodes_that_are_text(folder):
    return written(folder, graphs.fused(), lambda document: document["modelTopology"].update(node="node"))


def attributes_without_end(folder):
    def change(document):
        value = {"i": "1"}
        for _ in range(60):
            value = {"func": {"name": "f", "attr": {"f": value}}}
        document["modelTopology"]["node"][0]["attr"]["deep"] = value
    return written(folder, graphs.fused(), change)


def shape_of_many_dimensions(folder):
    return written(folder, graphs.fused(), lambda document: document["modelTopology"]["node"][0]["attr"].update(
        shape={"shape": {"dim": [{"size": "2"}] * 100000}}))


def output_out_of_the_directory(folder):
    return written(folder, graphs.fused(), lambda document: document["weightsManifest"][0].update(
        paths=["../../canary"]))


def loop_without_end(folder):
    def change(document):
        for one in document["modelTopology"]["library"]["function"]:
            if one["signature"]["name"] == "step":
                one["ret"]["i_"] = "i"
    return written(folder, graphs.loop(), change)


def loops_without_end(folder):
    def change(document):
        for one in document["modelTopology"]["library"]["function"]:
            if one["signature"]["name"] == "step":
                one["ret"]["i_"] = "i"
        nodes = document["modelTopology"]["node"]
        first = next(one for one in nodes if one["op"] == "StatelessWhile")
        nodes += [dict(first, name=f"while{place}") for place in range(300)]
    return written(folder, graphs.loop(), change)


def function_of_itself(folder):
    def change(document):
        library = document["modelTopology"]["library"]["function"]
        library.append({"signature": {"name": "again", "inputArg": [{"name": "x"}], "outputArg": [{"name": "y"}]},
                        "nodeDef": [node(name, "PartitionedCall", "x", f={"func": {"name": "again"}}, Tout={
                            "list": {"type": ["DT_FLOAT"]}}) for name in ("one", "two", "three")],
                        "ret": {"y": "one:output:0"}})
        document["modelTopology"]["node"].append(node("call", "PartitionedCall", "x", f={"func": {"name": "again"}},
                                                      Tout={"list": {"type": ["DT_FLOAT"]}}))
        ending(document, "call")
    return written(folder, graphs.loop(), change)


def values_without_end(folder):
    """Each of many tensors is the square of the one before it, or that several times."""
    def change(document):
        nodes = document["modelTopology"]["node"]
        nodes.append(node("s0", "Shape", "x", T=REAL))
        nodes.extend(node(f"s{place}", "Mul", f"s{place - 1}", f"s{place - 1}", T={"type": "DT_INT32"})
                     for place in range(1, MANY // 2))
        nodes.extend(node(f"t{place}", "Tile", f"s{place}", "sizes", T={"type": "DT_INT32"})
                     for place in range(MANY // 2))
        ending(document, f"s{MANY // 2 - 1}")
    return written(folder, graphs.loop(), change)


def many_layers(folder):
    """A chain of layers, each in a scope of its own, and each an output."""
    def change(document):
        nodes = document["modelTopology"]["node"]
        nodes += [node(f"m/l{place}/Relu", "Relu", f"m/l{place - 1}/Relu" if place else "x", T=REAL)
                  for place in range(3000)]
        ending(document, "m/l2999/Relu")
    return written(folder, graphs.fused(), change)


def path_of_many_scopes(folder):
    return written(folder, graphs.fused(), lambda document: (document["modelTopology"]["node"].append(
        node("a/" * 100000 + "Relu", "Relu", "x", T=REAL)), ending(document, "a/" * 100000 + "Relu")))


# Of before TensorFlow.js 1.0: tensorflowjs_model.pb and weights_manifest.json ---------------------------------------

def first(build):
    """The attack of a model.json as a GraphDef with a manifest beside it."""
    def bent(folder):
        from scripts.formats import tfjs_graph_json
        from scripts.operations import graphdef
        path = build(folder)
        with open(path) as file:
            document = json.load(file)
        os.remove(path)
        for one in document["modelTopology"]["node"]:
            if one["op"] == "Const":
                one["attr"]["value"] = {"tensor": {"dtype": one["attr"]["dtype"]["type"]}}
        nodes = document["modelTopology"]["node"]
        pieces = [graphdef.written_node(tfjs_graph_json.node(one, {}, graphdef.number_of_output)) for one in nodes]
        whole = graphdef.write(tfjs_graph_json.graph(dict(document["modelTopology"], node=[]), {}))
        return of_bytes(folder, b"".join(field(1, one) for one in pieces) + whole, document["weightsManifest"])
    bent.__name__ = "first_" + build.__name__
    return bent


def of_bytes(folder, graph, manifest=()):
    """The file of a GraphDef's bytes, with a manifest beside it."""
    os.makedirs(at(folder, "graph"), exist_ok=True)
    with open(at(folder, "graph", "weights_manifest.json"), "w") as file:
        json.dump(list(manifest), file)
    path = at(folder, "graph", "tensorflowjs_model.pb")
    with open(path, "wb") as file:
        file.write(graph)
    return path


INPUT = field(1, field(1, "x") + field(2, "Placeholder"))


def first_cut_short(folder):
    return of_bytes(folder, INPUT + field(1, field(1, "y") + field(2, "Relu") + field(3, "x"))[:-2])


def first_of_many_operations(folder):
    return of_bytes(folder, INPUT + field(1, b"") * 250000)


def first_of_many_fields(folder):
    return of_bytes(folder, INPUT + field(30, 1) * 2000000)


def first_of_attributes_without_end(folder):
    value = field(3, 1)
    for _ in range(2000):
        value = field(10, field(1, "f") + field(2, field(1, "a") + field(2, value)))
    return of_bytes(folder, INPUT + field(1, field(1, "y") + field(2, "Relu") + field(3, "x") + field(
        5, field(1, "deep") + field(2, value))))


def first_of_many_dimensions(folder):
    sizes = field(7, field(2, field(1, 2)) * 100000)
    return of_bytes(folder, field(1, field(1, "x") + field(2, "Placeholder") + field(
        5, field(1, "shape") + field(2, sizes))) + field(1, field(1, "y") + field(2, "Relu") + field(3, "x")))


def first_whose_manifest_is_none(folder):
    path = of_bytes(folder, INPUT)
    with open(at(folder, "graph", "weights_manifest.json"), "w") as file:
        file.write("[" * 20000)
    return path


def first_with_terabytes(folder):
    return of_bytes(folder, INPUT, [{"paths": [], "weights": [{"name": "w", "shape": [1 << 40], "dtype": "float32"}]}])


FIRST = [(first(build), words) for build, words in (
    (circle, "reads what is computed of it"), (reads_nothing_there, "no operation 'nowhere'"),
    (two_of_one_name, "two nodes of one name"), (weight_that_is_missing, "'gone' is not in the manifest"),
    (output_out_of_the_directory, "leads out of its directory"))] + [
    (first_cut_short, "cut short"), (first_of_many_operations, "of 250001 operations: more than 200000 are refused"),
    (first_of_many_fields, "more than 1048576 fields"), (first_of_attributes_without_end, "nested too deep"),
    (first_of_many_dimensions, "100000 dimensions"), (first_whose_manifest_is_none, "nested"),
    (first_with_terabytes, "too few for weight")]
REFUSED = FIRST + [
    (circle, "reads what is computed of it"), (reads_nothing_there, "no operation 'nowhere'"),
    (two_of_one_name, "two nodes of one name"), (weight_that_is_missing, "'gone' is not in the manifest"),
    (nodes_that_are_text, "no list where a list should be"), (attributes_without_end, "nested"),
    (shape_of_many_dimensions, "100000 dimensions"), (output_out_of_the_directory, "leads out of its directory"),
    (function_of_itself, "TensorFlow.js has no PartitionedCall")]
CONVERTED = [values_without_end, loop_without_end, loops_without_end, many_layers, path_of_many_scopes]
CONVERTED += [first(build) for build in (values_without_end, many_layers, path_of_many_scopes)]
