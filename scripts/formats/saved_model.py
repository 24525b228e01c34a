"""TensorFlow's SavedModel directories.  One that Keras wrote is a layers model, and is read without TensorFlow.

    saved_model.pb                  graphs, signatures, and the tree of objects (saved_object_graph.proto)
    keras_metadata.pb               each layer's name, class and config as JSON (keras saved_metadata.proto);
                                    before TensorFlow 2.5 it stands in the tree itself
    variables/variables.{index,data-*}    the checkpoint; it numbers objects as the tree does

A layer's object has a list of its trainable variables.  Its child `keras_api` has a list of the others.  The second
list appended to the first has the weights in the order of Keras's h5 files.  No object is restored: no function of the
graph and no Lambda is run.  Any other SavedModel is a graph: graphs.py.  `match` and `is_graph` import nothing heavy:
doit asks them about models that are up to date.
"""
import os
import re
import struct
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from ..base.fault import Fault
from ..layers import kinds
from ..layers.spelling import as_keras_class, usual
from ..layers.topology import is_model
from ..wire.protobuf import Damaged, Value, message, number, open_file, string, text
from .json_text import MAX_DEPTH, parse

if TYPE_CHECKING:  # all import numpy, and an up-to-date doit imports none of them
    from ..layers.model import Model
    from .bundle import Bundle
    from .graphs import GraphFile

Message = Dict[int, List[Value]]  # a protobuf message: number of a field -> its values

TAGS = "serve"  # the tag of a graph where none is named
INITIALIZER = "__saved_model_init_op"  # TensorFlow 2 writes it among the signatures, and it is no signature
LIMIT = 2 << 30  # a protobuf message cannot be larger
MAX_GRAPHS = 1000  # one for each set of tags: TensorFlow writes one or two
STATISTICS = (("adapt_mean", "mean"), ("adapt_variance", "variance"), ("count",))  # of a Normalization
MAX_LAYERS = 10000  # that are looked at
# Keras 2's classes of layers of which layers/kinds has no row, and what its SavedModels call operations
OTHERS = frozenset("""Lambda Wrapper IntegerLookup CategoryEncoding CategoryCrossing Discretization SequenceFeatures
    LinearModel WideDeepModel AbstractRNNCell ClassMethod InstanceMethod InstanceProperty AddMetric AddLoss Functional
    Model Sequential CuDNNGRU CuDNNLSTM BaseRandomLayer""".split())
ENTRY_BYTES = 16  # of a variable, at least: TensorFlow writes 900 for its object and its entries in two lists


class Owned(NamedTuple):
    """A variable of a layer: the number of its object in the tree, and its full name."""

    node: int
    name: str


class KerasLayers(NamedTuple):
    """The layers of a SavedModel that Keras wrote.

    root       metadata of the model: model_config, keras_version, …
    names      of the top-level layers, in their order
    variables  {name of a layer: its variables in the order of Keras's h5 files}
    """

    root: Dict[str, Any]
    names: List[str]
    variables: Dict[str, List[Owned]]


def match(path: str) -> bool:
    """Return whether `path` is a directory with a saved_model.pb, or that file itself."""
    try:
        with open_file(file_of(path)) as file:
            start = file.read(3)
    except OSError:
        return False
    return start == b"\x08\x01\x12"  # saved_model_schema_version 1, meta_graphs


def file_of(path: str) -> str:
    """Return the path of the saved_model.pb of a SavedModel that is given by its directory or by this file."""
    return os.path.join(path, "saved_model.pb") if os.path.isdir(path) else path


def read(path: str, saved_model_tags: Optional[str] = None, signature: Optional[str] = None, named: bool = False,
         **options: Any) -> "Union[Model, GraphFile]":
    """Return the Model in the SavedModel `path`, a GraphFile where it has no Keras layers.

    saved_model_tags  those of the graph to take, separated by commas
    signature         of a GraphFile, see there
    named             as in `is_graph`
    Raises Fault for a damaged SavedModel, and for tags that no graph of it has.
    """
    from ..layers.model import Model
    from . import keras_archive, vocabularies
    from .bundle import Bundle
    from .graphs import GraphFile
    found = meta_graph(path, saved_model_tags)
    layers = keras_layers(path, found)
    if layers is None or has_own_class(layers.root["model_config"]) and not named:
        return GraphFile(path, saved_model_tags, signature)
    root, names, variables = layers
    if vocabularies.any_in(root["model_config"]):
        with_words(path, found, root["model_config"])
    record = usual(plain(keras_archive.without_modules(root["model_config"])), names)
    weights = OrderedDict()
    if any(variables.values()):
        bundle = Bundle(os.path.join(os.path.dirname(file_of(path)), "variables", "variables"))
        keys = checkpoint_keys(bundle)
        for name in names:
            for node, full in variables[name]:
                key, own = keys.get(node, (None, None))
                if own != full:
                    raise Fault(f"{path}: the checkpoint does not belong to this saved_model.pb ({full!r})")
                weights.setdefault(name, []).append(bundle.weight(key, full + ":0"))
    for name in names:
        weights.setdefault(name, [])
    return Model(record, weights, str(root.get("keras_version") or "2.0.0"), str(root.get("backend") or "tensorflow"),
                 plain(root.get("training_config")))


def with_words(path: str, found: Message, record: Dict[str, Any]) -> None:
    """Put the words of its lookup layers, which are in no checkpoint, into the record of the model.  Raises Fault for
    damage."""
    from .bundle import Bundle
    from .vocabularies import Vocabularies

    def weight(node):
        bundle = Bundle(os.path.join(os.path.dirname(file_of(path)), "variables", "variables"))
        key, name = checkpoint_keys(bundle).get(node, (None, None))
        return bundle.weight(key, name) if key else None

    try:
        Vocabularies(Tree(path, message(found[7][-1]).get(1, [])), found, weight).fill(record)
    except (Damaged, KeyError, IndexError, TypeError, AttributeError, ValueError, struct.error) as error:
        raise Fault(f"{path}: its vocabularies are damaged ({type(error).__name__}: {error})")


def is_graph(path: str, saved_model_tags: Optional[str] = None, named: bool = False) -> bool:
    """Return whether the SavedModel is taken for TensorFlow's operations: it has no Keras layers that can be read, or
    one of a class of the user's own, whose code it does not hold.

    named: whether layers are asked for by name, which may do without a class of the user's own.
    """
    layers = keras_layers(path, meta_graph(path, saved_model_tags))
    return layers is None or has_own_class(layers.root["model_config"]) and not named


def meta_graph(path: str, tags: Optional[str] = None) -> Message:
    """Return the MetaGraphDef with these tags (separated by commas); None, and "serve" where no graph has it: the one
    without tags, or the only one.

    Raises Fault for damage, and where no graph has them.
    """
    wanted = set((tags or TAGS).split(","))
    try:
        if os.path.getsize(file_of(path)) > LIMIT:
            raise Damaged("larger than a message can be")
        with open_file(file_of(path)) as file:
            graphs = message(file.read()).get(2, [])
        if len(graphs) > MAX_GRAPHS:
            raise Damaged(f"{len(graphs)} graphs")
        graphs = [message(graph) for graph in graphs]
        there = [{string(tag) for tag in message(graph[1][-1]).get(4, [])} if 1 in graph else set()
                 for graph in graphs]
    except OSError as error:
        raise Fault(f"{path}: {error.strerror or error}")
    except Damaged as error:
        raise Fault(f"{path}: saved_model.pb is damaged ({error})")
    if wanted == {TAGS} and wanted not in there:  # modules of TF-Hub 1 have a graph without tags, and one to train
        wanted = there[0] if len(there) == 1 else set()
    if wanted in there:
        return graphs[there.index(wanted)]
    wanted = set((tags or TAGS).split(","))
    listed = " and ".join(",".join(sorted(tags)) or "(untagged)" for tags in there)
    raise Fault(f"{path}: no graph is tagged {','.join(sorted(wanted))}; there are {listed or 'none'}")


def check_variables(path: str) -> None:
    """Raise a Fault where the checkpoint of the SavedModel `path` is missing, damaged or cut short."""
    from .bundle import Bundle
    try:
        Bundle(os.path.join(os.path.dirname(file_of(path)), "variables", "variables")).check()
    except Fault as fault:
        raise Fault(f"{fault}: copy the whole directory again, with all that is in its variables/")


def signatures(path: str, found: Message) -> Dict[str, Dict[str, Dict[str, str]]]:
    """Return {name: {"inputs": {key: name of a tensor}, "outputs": …}} of a MetaGraphDef (meta_graph.proto).

    Raises Fault for damage.
    """
    result = OrderedDict()
    try:
        for entry in found.get(5, []):
            name, signature = text(message(entry), 1), message(message(entry).get(2, [b""])[-1])
            if name == INITIALIZER:
                continue
            result[name] = {side: {text(message(pair), 1): text(message(message(pair).get(2, [b""])[-1]), 1)
                                   for pair in signature.get(place, [])}
                            for side, place in (("inputs", 1), ("outputs", 2))}
    except Damaged as error:
        raise Fault(f"{path}: the signatures in saved_model.pb are damaged ({error})")
    return result


def keras_layers(path: str, found: Message) -> Optional[KerasLayers]:
    """Return the Keras layers of a MetaGraphDef, None where its root is no Keras model with a graph of layers.

    Raises Fault for damage.
    """
    try:
        tree = Tree(path, message(found[7][-1]).get(1, []) if 7 in found else [])
        root = tree.metadata(0) if tree.nodes else {}
        if not is_model(as_keras_class(root.get("model_config") or {})):
            return None
        layers = sorted((int(name[6:]), node) for name, node in tree.children(0).items()
                        if re.match(r"layer-[0-9]{1,9}$", name))
        names, variables, left = [], OrderedDict(), len(found[7][-1]) // ENTRY_BYTES
        for _, layer in layers:
            names.append(tree.metadata(layer)["name"])
            layer = listed(tree, layer)
            api = tree.children(layer).get("keras_api")
            lists = [tree.children(tree.children(place)[key]) for place, key in (
                (layer, "trainable_variables"), (api, "non_trainable_variables")) if place is not None
                and key in tree.children(place)]
            left -= sum(map(len, lists))
            if left < 0:  # a damaged file gives one list to any number of layers
                raise Damaged("lists of more variables than it can hold")
            found_here = [entries[str(index)] for entries in lists for index in range(len(entries))] if lists \
                else adapted(tree.children(layer))
            variables[names[-1]] = [Owned(node, tree.variable(node)) for node in found_here]
        return KerasLayers(root, names, variables)
    except (Damaged, KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise Fault(f"{path}: saved_model.pb or keras_metadata.pb is damaged ({type(error).__name__}: {error})")


def adapted(children: Dict[str, int]) -> List[int]:
    """Return the nodes of a Normalization's mean, variance and count; [] for any other layer.

    children: {name: node} of the layer's.  Keras makes such a layer anew from its config, and lists none of its
    variables (keras 2.6 Layer._must_restore_from_config).
    """
    return [next(children[name] for name in names if name in children) for names in STATISTICS] \
        if all(set(names) & set(children) for names in STATISTICS) else []


def has_own_class(record: Any) -> bool:
    """Return whether a layer of a model, or of one in it, is of a class that no Keras has."""
    pending, left = [record], MAX_LAYERS
    while pending and left:
        left -= 1
        try:
            one = as_keras_class(pending.pop())
            config = one["config"]
            if is_model(one):
                pending += config if isinstance(config, list) else config["layers"]
                continue
            name = one["class_name"].rpartition("Keras>")[2]
        except (KeyError, TypeError, AttributeError, ValueError, IndexError):  # the reader says what is damaged
            return False
        if kinds.find(name) is None and name not in OTHERS:
            return True
        pending += [config["layer"]] if isinstance(config, dict) and isinstance(config.get("layer"), dict) else []
    return False


class Tree:
    """The objects of a SavedModel by number (saved_object_graph.proto), each parsed when it is asked for.

    nodes  the messages SavedObject
    """

    def __init__(self, path: str, nodes: Sequence[Value]) -> None:
        self.path, self.nodes = path, nodes
        self.known: Dict[int, Dict[str, int]] = {}
        self.words = words_of(path, nodes)

    def children(self, node: int) -> Dict[str, int]:
        """Return {name: number} of the children of the object `node`."""
        if node not in self.known:
            self.known[node] = {text(child, 2): number(child, 1)
                                for child in map(message, message(self.nodes[node]).get(1, []))}
        return self.known[node]

    def metadata(self, node: int) -> Dict[str, Any]:
        """Return Keras's metadata of the object `node`, {} where Keras wrote none."""
        words = self.words.get(node)
        return parse(words, f"{self.path}: metadata of object {node}") if words else {}

    def variable(self, node: int) -> str:
        """Return the name of the variable `node`."""
        return text(message(message(self.nodes[node])[7][-1]), 6)


def listed(tree: Tree, layer: int) -> int:
    """Return the node that has the layer's lists of variables.

    TensorFlow 1.15 saves no lists of a TimeDistributed, and those of the layer in it.
    """
    for _ in range(MAX_DEPTH):
        if "trainable_variables" in tree.children(layer) or "layer" not in tree.children(layer):
            break
        layer = tree.children(layer)["layer"]
    return layer


def words_of(path: str, nodes: Sequence[Value]) -> Dict[int, str]:
    """Return {node: its metadata, a text of JSON} of Keras's objects."""
    beside = os.path.join(os.path.dirname(file_of(path)), "keras_metadata.pb")
    if os.path.isfile(beside):
        with open(beside, "rb") as file:
            return {number(entry, 2): text(entry, 5) for entry in map(message, message(file.read()).get(1, []))}
    found = {}
    for index, node in enumerate(map(message, nodes)):
        known = message(node[4][-1]) if 4 in node else {}
        if text(known, 1).startswith("_tf_keras_"):
            found[index] = text(known, 3)
    return found


def checkpoint_keys(bundle: "Bundle") -> Dict[int, Tuple[str, str]]:
    """Return {node: (key, full name of the variable)} of a checkpoint (trackable_object_graph.proto).

    Raises Fault for damage.
    """
    found = {}
    try:
        for index, node in enumerate(message(bundle.string("_CHECKPOINTABLE_OBJECT_GRAPH")).get(1, [])):
            for attribute in map(message, message(node).get(2, [])):
                if text(attribute, 1) == "VARIABLE_VALUE":
                    found[index] = text(attribute, 3), text(attribute, 2)
    except Damaged as error:
        raise Fault(f"{bundle.prefix}.index: damaged ({error})")
    return found


def plain(value: Any) -> Any:
    """Return Keras's JSON of SavedModels in the spelling of its h5 files (keras json_utils.Encoder).

    Tuples and shapes are lists in h5 files, and objects have no numbers.
    """
    if isinstance(value, dict):
        if value.get("class_name") in ("__tuple__", "TensorShape") and "items" in value:
            return plain(value["items"])
        return OrderedDict((key, plain(item)) for key, item in value.items() if key != "shared_object_id")
    return [plain(item) for item in value] if isinstance(value, list) else value
