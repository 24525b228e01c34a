"""`.keras` archives of Keras 3 and tf_keras: a zip of config.json, metadata.json and model.weights.h5.

The weights file holds no names of weights.  It has a group per layer, called by the layer's class and a counter
(layers/conv2d_1/vars/0, keras saving_lib._save_container_state).  The topology decides the layer of each group and the
weight of each dataset.  Only these three members are read, and the vocabularies of layers of words
(assets/layers/text_vectorization/vocabulary.txt).  Nothing is unpacked to a path.
"""
import io
import os
import struct
import zipfile
import zlib
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, BinaryIO, Callable, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from ..base.fault import Fault
from ..layers import kinds, variables, words
from ..layers.kinds.operations import is_operation
from ..layers.kinds.wrappers import ways
from ..layers.model import Model, Weight
from ..layers.spelling import snake_case, usual
from ..layers.topology import Layer, NoLayers, inner_records, is_model
from . import keras_h5
from .json_text import MAX_JSON_BYTES, MAX_JSON_TEXT, parse
from .paths import head

if TYPE_CHECKING:  # imported where a file is opened
    import h5py

Record = Dict[str, Any]  # of a layer or a model, as the topology spells it
Inner = Tuple[Record, str, str]  # a layer in another, the path of its group, what the names of its weights begin with

MAX_VOCABULARY = 64 * 1024 * 1024  # bytes; a million words have 10 MB
MEMBERS = CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
CELLS = ("LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM2D", "ConvLSTM1D", "ConvLSTM3D")
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # Keras stores; a zip program deflates
# zipfile raises these on damaged archives, struct.error on Python 3.6 for a field that is cut short.
DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, OSError, RuntimeError, NotImplementedError, KeyError, EOFError)
PYTHON_S = {"GroupQueryAttention": "GroupedQueryAttention"}  # config.json has the exported name, groups the class's
SHARED_RATIO = 8  # of all weights to the file's size; a layer's weights count for each model that it is in
OTHERS = ("vars", "seed_generator", "random_generator", "_random_generator")  # groups that hold no layer of a layer
# MultiHeadAttention, in order of creation
PROJECTIONS = ("query_dense", "key_dense", "gate_dense", "value_dense", "output_dense")


def match(path: str) -> bool:
    """Return whether `path` is a zip that holds a config.json."""
    if not head(path, 4) == b"PK\x03\x04":
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return CONFIG in archive.namelist()
    except DAMAGED + (ValueError,):
        return False


def read(path: str, **options: Any) -> Model:
    """Return the Model in the archive `path`.  Raises Fault for an archive that is damaged or not complete."""
    archive = zipfile.ZipFile(path)
    try:
        names = archive.namelist()
        for name in MEMBERS:
            if names.count(name) != 1 and (name in names or name != METADATA):
                raise Fault(f"{path}: {'two' if name in names else 'no'} {name} in it: the file is damaged or no Keras "
                            "archive")
        record = parse(member(archive, CONFIG, path), f"{path}: {CONFIG}")
        metadata = parse(member(archive, METADATA, path), f"{path}: {METADATA}") if METADATA in names else {}
        version = str(metadata.get("keras_version", "3.0.0")) if isinstance(metadata, dict) else "3.0.0"
        record = usual(record) if isinstance(record, dict) else record
        if not isinstance(record, dict) or not is_model(record):
            kind = record.get("class_name") if isinstance(record, dict) else "list"
            raise NoLayers(kind, path)
        file = open_weights(archive, path)
        with_vocabularies(archive, file, record, path)
        model = Model(record, close=closing(file, archive), keras_version=version)
        if model.keras_major < 3:
            model.topology = without_modules(record)
        model.weights = read_weights(file, record, path)
        return model
    except DAMAGED as error:
        archive.close()
        raise Fault(f"{path}: the archive is damaged ({keras_h5.first_line(error)})")
    except Fault:
        archive.close()
        raise


def closing(*opened: Any) -> Callable[[], None]:
    """Return a function that closes these files in their order."""
    def close():
        for file in opened:
            file.close()
    return close


def member(archive: zipfile.ZipFile, name: str, path: str) -> bytes:
    """Return the bytes of a member of JSON.  Raises Fault for one beyond the limits, or packed in a rare way."""
    info = archive.getinfo(name)
    stored = info.compress_type == zipfile.ZIP_STORED
    limit = MAX_JSON_TEXT if stored else MAX_JSON_BYTES  # a stored one lies in the file byte for byte
    if info.file_size > limit:
        remedy = "" if stored or info.file_size > MAX_JSON_TEXT else ": pack the archive again with zip -0"
        raise Fault(f"{path}: {name} claims to be {info.file_size} bytes long: refused{remedy}")
    if info.compress_type not in PACKED:
        raise Fault(f"{path}: {name} is packed by method {info.compress_type}, which is not read here: pack the "
                    "archive again with zip -0")
    with archive.open(name) as file:
        data = file.read(limit + 1)
    return data


class Window(io.RawIOBase):
    """The bytes [start, start + size) of an open file, as a file of its own (io.RawIOBase)."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        super().__init__()
        self.file, self.start, self.size, self.position = file, start, size, 0

    def readable(self) -> bool:
        """Return True: HDF5 reads from it."""
        return True

    def seekable(self) -> bool:
        """Return True: HDF5 reads from any place."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to `offset` bytes from the start, the position or the end, and return the new position."""
        self.position = offset + (0, self.position, self.size)[whence]
        return self.position

    def tell(self) -> int:
        """Return the position, in bytes from the window's start."""
        return self.position

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` from the position on; return its size.  Raises OSError where the window ends before that."""
        self.file.seek(self.start + self.position)
        count = self.file.readinto(memoryview(buffer)[:max(0, self.size - self.position)])
        if count < len(buffer):  # HDF5 would take old memory for the rest
            raise OSError("the archive ends too early")
        self.position += count
        return count

    def close(self) -> None:
        """Close the window and the file."""
        self.file.close()
        super().close()


def open_weights(archive: zipfile.ZipFile, path: str) -> "h5py.File":
    """Return model.weights.h5 as an h5py.File, read in place: Keras stores it uncompressed.

    Raises Fault for a member that is compressed, cut short or no HDF5.
    """
    import h5py
    info = archive.getinfo(WEIGHTS)
    if info.compress_type != zipfile.ZIP_STORED:
        raise Fault(f"{path}: {WEIGHTS} is compressed, which Keras never does: pack the archive again with zip -0")
    with archive.open(WEIGHTS):  # checks the member's own header
        pass
    file = open(path, "rb")
    try:
        file.seek(info.header_offset + 26)  # PKZIP local file header: lengths of name and extra field
        lengths = file.read(4)
        start = info.header_offset + 30 + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
        held = os.fstat(file.fileno()).st_size - start
        if info.file_size != info.compress_size or info.file_size > held:
            raise Fault(f"{path}: {WEIGHTS} claims to be {info.file_size} bytes long but the archive holds "
                        f"{min(info.compress_size, held)} of it: the file is damaged")
        return h5py.File(Window(file, start, info.file_size), "r")
    except (OSError, ValueError):
        file.close()
        raise Fault(f"{path}: {WEIGHTS} is no HDF5 file or damaged")
    except Fault:
        file.close()
        raise


def without_modules(value: Any) -> Any:
    """Return a config of tf_keras in the spelling of its h5 files: Keras's own classes lose their modules.

    shared_object_id is left out: an address in the memory of the process that saved the file.
    """
    if isinstance(value, list):
        return [without_modules(item) for item in value]
    if not isinstance(value, dict):
        return value
    own = str(value.get("module") or "keras").split(".")[0] in ("keras", "tf_keras", "builtins")
    dropped = ("module", "registered_name", "build_config", "compile_config") if own and "class_name" in value else ()
    return OrderedDict((key, without_modules(item)) for key, item in value.items()
                       if key not in dropped and key != "shared_object_id")


# Weights ---------------------------------------------------------------------------------------------------

class Leaf(NamedTuple):
    """A weight of a layer, and whether Keras trains it: h5 files list trained weights first."""

    weight: Weight
    trainable: bool


def read_weights(file: "h5py.File", record: Record, path: str) -> keras_h5.Weights:
    """Return the Weights of each top-level layer of the model `record`, in the order of Keras's h5 files.

    Raises Fault for damage, and for weights that are more than the file can hold.
    """
    weights, shared = OrderedDict(), {}
    for layer, place in places(record, "layers"):
        found = leaves(file, layer, place, Layer(layer).name, True, path, shared)
        weights[Layer(layer).name] = [weight for weight, trainable in found if trainable] \
            + [weight for weight, trainable in found if not trainable]
    once = {id(weight): weight for own in weights.values() for weight in own}
    keras_h5.within({"": list(once.values())}, file, path)
    total, size = sum(weight.nbytes for own in weights.values() for weight in own), file.id.get_filesize()
    if len(once) < sum(map(len, weights.values())) and total > SHARED_RATIO * size:
        raise Fault(f"{path}: its layers share weights so often that they are {total} bytes, and the file has {size}: "
                    "refused")
    return weights


def with_vocabularies(archive: zipfile.ZipFile, file: "h5py.File", record: Record, path: str,
                      prefix: str = "layers") -> None:
    """Put the words that a lookup layer learned, and their weights, into its config, where a built-in vocabulary is.

    keras index_lookup.py: save_assets, save_own_variables.  Raises Fault for a text beyond the limits, or of no words.
    """
    for layer, place in places(record, prefix):
        config = layer.get("config")
        if is_model(layer):
            with_vocabularies(archive, file, layer, path, place + "/layers")
        if layer["class_name"] not in words.LOOKUPS or not isinstance(config, dict):
            continue
        text = f"assets/{place}/vocabulary.txt"
        if not config.get("vocabulary") and text in archive.namelist():
            if archive.getinfo(text).file_size > MAX_VOCABULARY:
                raise Fault(f"{path}: {text} claims to be {archive.getinfo(text).file_size} bytes long: refused")
            try:
                found = member(archive, text, path).decode("utf-8").split("\n")
                config["vocabulary"] = list(map(int, found)) if layer["class_name"] == "IntegerLookup" else found
            except ValueError:
                raise Fault(f"{path}: {text} holds no words of the layer: the file is damaged")
        if not config.get("idf_weights") and present(file, f"{place}/vars/idf_weights"):
            held = keras_h5.weight(keras_h5.follow(file, f"{place}/vars/idf_weights", path), "idf_weights", path)
            if held.nbytes > MAX_VOCABULARY:
                raise Fault(f"{path}: {place} has weights of {held.size} words: refused")
            config["idf_weights"] = held.read().astype(float).reshape(-1).tolist()


def places(record: Record, prefix: str) -> List[Tuple[Record, str]]:
    """Return [(record of a layer, path of its group)] for the layers of a model, as Keras counts them."""
    layers = inner_records(record)
    if record["class_name"] == "Sequential":
        layers = [layer for layer in layers if layer["class_name"] != "InputLayer"]
    return list(zip_names([layer for layer in layers if not is_operation(layer, 3)
                           or layer["class_name"] == "TFOpLambda"], prefix))


def zip_names(layers: List[Record], prefix: str) -> Iterator[Tuple[Record, str]]:
    """Yield (record, path of its group below `prefix`): class in snake case, and a counter from the second one on.

    keras saving_lib._save_container_state.
    """
    used = {}
    for layer in layers:
        name = getattr(layer, "own", layer["class_name"])
        name = snake_case(PYTHON_S.get(name, name))
        used[name] = used.get(name, -1) + 1
        yield layer, f"{prefix}/{name}" + (f"_{used[name]}" if used[name] else "")


def both_ways(config: Dict[str, Any], place: str, scope: str) -> List[Inner]:
    """The layers of a Bidirectional, called by the forward one's name."""
    name = Layer(config["layer"]).name
    return [(layer, f"{place}/{way}_layer", f"{scope}/{way}_{name}") for way, layer in ways(config)]


def stacked(config: Dict[str, Any], place: str, scope: str) -> List[Inner]:
    """The cells of StackedRNNCells."""
    return [(cell, where, f"{scope}/{where.split('/')[-1]}")
            for cell, where in zip_names(config["cells"], place + "/cells")]


# What has no weights but those of the layers in it.  The numbers of LOOKUPS are settings: with_vocabularies
HOLDS: Dict[str, Callable[[Dict[str, Any], str, str], List[Inner]]] = {
    "TimeDistributed": lambda config, place, scope: [(config["layer"], place + "/layer", scope)],
    "Bidirectional": both_ways,
    "RNN": lambda config, place, scope: [(config["cell"], place + "/cell", scope)],
    "StackedRNNCells": stacked,
    **{name: lambda config, place, scope: [] for name in words.LOOKUPS}}


def leaves(file: "h5py.File", record: Record, place: str, scope: str, trainable: bool, path: str,
           shared: Dict[str, Tuple[Record, List[Weight]]]) -> List[Leaf]:
    """Return the weights of a layer and of all layers in it, in the order in which Keras makes them.

    place      path of the layer's group in the file
    scope      what the names of its weights begin with
    trainable  of the model around it
    shared     {scope: (record, its Weights)} of the layers before, added to.  Keras writes a layer of several models
               at its first place alone (saving_lib._save_state: visited_saveables).
    """
    def below(inner: List[Inner]) -> List[Leaf]:
        return [item for layer, where, name in inner
                for item in leaves(file, layer, where, name, trainable, path, shared)]

    name, config = record["class_name"], record["config"]
    trainable = trainable and (not isinstance(config, dict) or config.get("trainable", True) is not False)
    if is_model(record):
        inner = [(layer, where, Layer(layer).name) for layer, where in places(record, place + "/layers")]
    elif name in HOLDS:
        inner = HOLDS[name](config, place, scope)
    elif name == "SpectralNormalization":
        found = leaves(file, config["layer"], place + "/layer", scope, trainable, path, shared)
        return found[:1] + last_leaf(file, place, f"{scope}/vector_u", path) + found[1:]  # kinds/: own_at
    else:
        cell = name in CELLS and not getattr(record, "own", name).startswith("CuDNN")
        group = place + "/cell" if cell else place
        found = stored(file, record, group, scope, path)
        if not found and variables.layer_variables(name, config):
            other, own = shared.get(scope, (record, []))
            same = other["class_name"] == name and without_modules(other["config"]) == without_modules(config)
            found = own if same else found
        elif found:
            shared.setdefault(scope, (record, found))
        trainable = trainable and not variables.is_adapted(record)
        kept = {item.name for item in variables.layer_variables(name, config) if not item.trainable}
        inner = [(part.record, within(file, (group, place), part.scope), f"{scope}/{part.scope}")
                 for part in kinds.activations(config)]
        own = [Leaf(weight, trainable and not is_kept(weight.name.split("/")[-1], kept)) for weight in found]
        return own + below(inner)
    return below(inner)


def within(file: "h5py.File", groups: Tuple[str, ...], key: str) -> str:
    """Return the path of a layer that is the activation `key`: it is in one of `groups`.

    Keras has the activation of a cell as one of the recurrent layer too, and writes it at the place that it meets
    first, in the order of their names (saving_lib._walk_saveable): activation, cell, recurrent_activation.
    """
    return next((f"{group}/{key}" for group in groups if present(file, f"{group}/{key}")), f"{groups[0]}/{key}")


def last_leaf(file: "h5py.File", place: str, name: str, path: str) -> List[Leaf]:
    """Return the last weight in place/vars, not trained; before it is the kernel of the layer within once more."""
    if not present(file, place + "/vars"):
        return []
    index = len(keras_h5.subgroup(file, place + "/vars", path)) - 1
    return [Leaf(keras_h5.weight(keras_h5.follow(file, f"{place}/vars/{index}", path), name, path), False)]


def is_kept(name: str, kept: Set[str]) -> bool:
    """Whether a weight is one that training keeps of its data.  kept: the names of these, of a class that is known."""
    return name in kept or name.startswith("moving_")


def stored(file: "h5py.File", record: Record, place: str, scope: str, path: str,
           seen: Optional[Set[int]] = None) -> List[Weight]:
    """Return the Weights in place/vars, and those in the groups below it of a class of unknown or parted insides.

    seen: addresses of the groups that were walked.  Each is walked once: in a damaged file they lead to one another.
    """
    if not present(file, place):
        return []
    known = [own.name for own in variables.layer_variables(record["class_name"], record["config"])]
    parted = any("/" in name for name in known)  # MultiHeadAttention: each of its projections has a group
    count = len(keras_h5.subgroup(file, place + "/vars", path)) if present(file, place + "/vars") else 0
    names = known if count == len(known) else [str(index) for index in range(count)]
    found = [keras_h5.weight(keras_h5.follow(file, f"{place}/vars/{index}", path), f"{scope}/{name}", path)
             for index, name in enumerate(names)]
    if parted or not known:
        group, seen = keras_h5.subgroup(file, place, path), set() if seen is None else seen
        if keras_h5.address(group) in seen:
            raise Fault(f"{path}: there are two ways to the group {place!r}: the file is damaged")
        seen.add(keras_h5.address(group))
        others = OTHERS + tuple(part.scope for part in kinds.activations(record["config"]))
        for key in sorted((key for key in group if key not in others), key=in_order_of_creation):
            found += stored(file, {"class_name": "?", "config": {}}, f"{place}/{key}",
                            f"{scope}/{key.replace('_dense', '')}", path, seen)
    if parted and len(known) == len(found):
        found = [weight.renamed(f"{scope}/{name}") for weight, name in zip(found, known)]
    return found


def in_order_of_creation(group: str) -> Tuple[int, str]:
    """The key by which the groups of sublayers are sorted; keras 3 writes "_gate_dense" beside "query_dense"."""
    name = group.lstrip("_")
    return PROJECTIONS.index(name) if name in PROJECTIONS else len(PROJECTIONS), group


def present(file: "h5py.Group", place: str) -> bool:
    """Return whether there is a group or dataset at the path `place`.  Raises Fault for a link to somewhere else."""
    group = file
    for part in place.split("/"):
        if not hasattr(group, "keys") or part not in group:
            return False
        group = keras_h5.follow(group, part, "the weights")
    return True
