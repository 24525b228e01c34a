"""`.keras` archives of Keras 3 and tf_keras: a zip of config.json, metadata.json and model.weights.h5.

The weights file knows no weight's name: it has a group per layer, called by the layer's class and a counter
(layers/conv2d_1/vars/0, keras saving_lib._save_container_state).  Which layer that is, and which weight,
follows from the topology.  Only these three members are read, and nothing is unpacked to a path.
"""
import io
import os
import struct
import zipfile
import zlib
from collections import OrderedDict

from ..base.fault import Fault
from ..layers import variables
from ..layers.kinds.operations import is_operation
from ..layers.kinds.wrappers import ways
from ..layers.model import Model
from ..layers.spelling import snake_case, usual
from ..layers.topology import Layer, inner_records, is_model
from . import keras_h5
from .json_text import MAX_JSON_BYTES, MAX_JSON_TEXT, parse
from .paths import head

MEMBERS = CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
CELLS = ("LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM2D", "ConvLSTM1D", "ConvLSTM3D")
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # Keras stores; whoever packs an archive again deflates
# What zipfile raises on damaged archives, struct's where Python 3.6 reads a field that is cut short.
DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, OSError, RuntimeError, NotImplementedError, KeyError, EOFError)
SHARED_RATIO = 8  # of all weights, those of a layer in several models as often as there are models, to the file's size
PROJECTIONS = ("query_dense", "key_dense", "value_dense", "output_dense")  # MultiHeadAttention, in order of creation


def match(path):
    """A zip that holds a config.json."""
    if not head(path, 4) == b"PK\x03\x04":
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return CONFIG in archive.namelist()
    except DAMAGED + (ValueError,):
        return False


def read(path, **options):
    """Return the Model in the archive `path`.  Raises Fault if it is damaged or not all there."""
    archive = zipfile.ZipFile(path)
    try:
        names = archive.namelist()
        for name in MEMBERS:
            if names.count(name) != 1 and (name in names or name != METADATA):
                raise Fault("{}: {} in it: the file is damaged or no Keras archive".format(
                    path, f"two {name}" if name in names else f"no {name}"))
        record = parse(member(archive, CONFIG, path), f"{path}: {CONFIG}")
        metadata = parse(member(archive, METADATA, path), f"{path}: {METADATA}") if METADATA in names else {}
        version = str(metadata.get("keras_version", "3.0.0")) if isinstance(metadata, dict) else "3.0.0"
        record = usual(record) if isinstance(record, dict) else record
        if not isinstance(record, dict) or not is_model(record):
            raise Fault("{}: the model is a {}, not a Sequential or Functional model: only those have a graph of "
                        "layers that can be converted".format(path, record.get("class_name")
                                                          if isinstance(record, dict) else "list"))
        file = open_weights(archive, path)
        model = Model(record, close=closing(file, archive), keras_version=version)
        if model.keras_major < 3:
            model.topology = without_modules(record)
        model.weights = read_weights(file, record, path)
        return model
    except DAMAGED as error:
        archive.close()
        raise Fault("{}: the archive is damaged ({})".format(path, str(error).split("\n")[0]))
    except Fault:
        archive.close()
        raise


def closing(*opened):
    def close():
        for file in opened:
            file.close()
    return close


def member(archive, name, path):
    """The bytes of a small member."""
    info = archive.getinfo(name)
    stored = info.compress_type == zipfile.ZIP_STORED
    limit = MAX_JSON_TEXT if stored else MAX_JSON_BYTES  # what is stored is in the file byte for byte
    if info.file_size > limit:
        remedy = "" if stored or info.file_size > MAX_JSON_TEXT else ": pack the archive again with zip -0"
        raise Fault(f"{path}: {name} claims to be {info.file_size} bytes long: refused{remedy}")
    if info.compress_type not in PACKED:
        raise Fault("%s: %s is packed by method %d, which is not read here: pack the archive again with zip -0"
                    % (path, name, info.compress_type))
    with archive.open(name) as file:
        data = file.read(limit + 1)
    return data


class Window(io.RawIOBase):
    """The bytes [start, start + size) of an open file, as a file."""

    def __init__(self, file, start, size):
        super().__init__()
        self.file, self.start, self.size, self.position = file, start, size, 0

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=io.SEEK_SET):
        self.position = offset + (0, self.position, self.size)[whence]
        return self.position

    def tell(self):
        return self.position

    def readinto(self, buffer):
        self.file.seek(self.start + self.position)
        count = self.file.readinto(memoryview(buffer)[:max(0, self.size - self.position)])
        if count < len(buffer):  # HDF5 would take what is in its memory for the rest
            raise OSError("the archive ends too early")
        self.position += count
        return count

    def close(self):
        self.file.close()
        super().close()


def open_weights(archive, path):
    """Return model.weights.h5 as an h5py.File, read in place: Keras stores it uncompressed."""
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
            raise Fault("%s: %s claims to be %d bytes long but the archive holds %d of it: the file is damaged"
                        % (path, WEIGHTS, info.file_size, min(info.compress_size, held)))
        return h5py.File(Window(file, start, info.file_size), "r")
    except (OSError, ValueError):
        file.close()
        raise Fault(f"{path}: {WEIGHTS} is no HDF5 file or damaged")
    except Fault:
        file.close()
        raise


def without_modules(value):
    """tf_keras's config in the spelling of its h5 files: what is Keras's own loses its module.  shared_object_id is
    an address in the memory of whoever saved it."""
    if isinstance(value, list):
        return [without_modules(item) for item in value]
    if not isinstance(value, dict):
        return value
    own = str(value.get("module") or "keras").split(".")[0] in ("keras", "tf_keras", "builtins")
    dropped = ("module", "registered_name", "build_config", "compile_config") if own and "class_name" in value else ()
    return OrderedDict((key, without_modules(item)) for key, item in value.items()
                       if key not in dropped and key != "shared_object_id")


# Weights ---------------------------------------------------------------------------------------------------

def read_weights(file, record, path):
    """Return OrderedDict: name of a top-level layer -> its Weights in the order of Keras's h5 files."""
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


def places(record, prefix):
    """[(layer record, its group's path)] for the layers of a model, as Keras counts them."""
    layers = inner_records(record)
    if record["class_name"] == "Sequential":
        layers = [layer for layer in layers if layer["class_name"] != "InputLayer"]
    return list(zip_names([layer for layer in layers if not is_operation(layer, 3)
                           or layer["class_name"] == "TFOpLambda"], prefix))


def zip_names(layers, prefix):
    used = {}
    for layer in layers:
        name = snake_case(getattr(layer, "own", layer["class_name"]))
        used[name] = used.get(name, -1) + 1
        yield layer, "{}/{}{}".format(prefix, name, "_%d" % used[name] if used[name] else "")


def leaves(file, record, place, scope, trainable, path, shared):
    """[(Weight, trainable)] of a layer and all that is in it, in the order in which Keras makes them.

    shared: {scope: (record, its Weights)} of the layers before.  Keras writes one that several models hold where it
    comes first, and nothing in the other places (saving_lib._save_state: visited_saveables).
    """
    name, config = record["class_name"], record["config"]
    trainable = trainable and (not isinstance(config, dict) or config.get("trainable", True) is not False)
    if is_model(record):
        inner = [(layer, where, Layer(layer).name) for layer, where in places(record, place + "/layers")]
    elif name == "TimeDistributed":
        inner = [(config["layer"], place + "/layer", scope)]
    elif name == "Bidirectional":
        inner = [(layer, f"{place}/{way}_layer", "{}/{}_{}".format(scope, way, Layer(config["layer"]).name))
                 for way, layer in ways(config)]
    elif name == "RNN":
        inner = [(config["cell"], place + "/cell", scope)]
    elif name == "StackedRNNCells":
        inner = [(cell, where, "{}/{}".format(scope, where.split("/")[-1]))
                 for cell, where in zip_names(config["cells"], place + "/cells")]
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
        return [(weight, trainable and not weight.name.split("/")[-1].startswith("moving_")) for weight in found]
    return [item for layer, where, name in inner for item in leaves(file, layer, where, name, trainable, path, shared)]


def stored(file, record, place, scope, path, seen=None):
    """The Weights in place/vars, and for a class whose insides are not known in the groups below it.

    seen: set of the addresses of groups, each of which is walked once: they may lead to one another.
    """
    if not present(file, place):
        return []
    names = [own.name for own in variables.layer_variables(record["class_name"], record["config"])]
    count = len(keras_h5.subgroup(file, place + "/vars", path)) if present(file, place + "/vars") else 0
    if count != len(names):
        names = [str(index) for index in range(count)]
    found = [keras_h5.weight(keras_h5.follow(file, "%s/vars/%d" % (place, index), path), f"{scope}/{name}", path)
             for index, name in enumerate(names)]
    if not variables.layer_variables(record["class_name"], record["config"]):
        group, seen = keras_h5.subgroup(file, place, path), set() if seen is None else seen
        if keras_h5.address(group) in seen:
            raise Fault(f"{path}: there are two ways to the group {place!r}: the file is damaged")
        seen.add(keras_h5.address(group))
        below = [key for key in group if key not in ("vars", "seed_generator", "random_generator", "_random_generator")]
        for key in sorted(below, key=lambda key: (PROJECTIONS.index(key) if key in PROJECTIONS else 99, key)):
            found += stored(file, {"class_name": "?", "config": {}}, f"{place}/{key}",
                            "{}/{}".format(scope, key.replace("_dense", "")), path, seen)
    return found


def present(file, place):
    group = file
    for part in place.split("/"):
        if not hasattr(group, "keys") or part not in group:
            return False
        group = keras_h5.follow(group, part, "the weights")
    return True
