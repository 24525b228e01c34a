"""Keras's HDF5 files: model.save("model.h5") of Keras 2, tf.keras and Keras 3.  Reads and writes.

    attributes  keras_version, backend, model_config, training_config; tensorspace_texts of a multi-output model whose
                words have become numbers
    group       model_weights (attribute layer_names), in it one group per layer (attribute weight_names),
                in it one dataset per weight, whose path is the weight's name

Keras splits an attribute beyond 64 512 bytes: layer_names0, layer_names1, … (hdf5_format.py,
save_attributes_to_hdf5_group).  External and virtual datasets, and links, would read other files and are refused.
"""
import itertools
import json
import os
import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence, Set, TypeVar, Union

import numpy

from ..base import command, files
from ..base.fault import Fault
from ..layers import words
from ..layers.model import PIECE_BYTES, Model, Weight
from ..layers.spelling import as_lists, usual
from . import attributes
from .disk import Disk
from .json_text import parse
from .paths import head

if TYPE_CHECKING:  # imported where a file is opened
    import h5py

Object = TypeVar("Object", "h5py.Group", "h5py.Dataset")
Result = TypeVar("Result")
Weights = Dict[str, List[Weight]]  # name of a top-level layer -> its weights, both in the order of the file

TEXTS = "tensorspace_texts"  # this project's own attribute: Model.texts as JSON, which Keras overlooks
ATTRIBUTES = ("model_config", "training_config", "keras_version", "backend", TEXTS)  # in reading order
SIGNATURE = b"\x89HDF\r\n\x1a\n"
ATTRIBUTE_BYTES = 64512  # keras hdf5_format.HDF5_OBJECT_HEADER_LIMIT
LISTS = re.compile(r"2\.(0|1|2\.[0-2])\b")  # Kerases whose Sequential is a list of layers
CHUNK_BYTES = 256 * 1024 * 1024  # HDF5 unpacks a chunk as a whole; h5py makes chunks of up to 1 MB
GZIP_RATIO = 1100  # deflate cannot do better than 1032 : 1; a dataset that claims more holds nothing
PACKED_RATIO, PACKED_BYTES = 100, 16 * 1024 * 1024  # of all packed weights; a pruned model's are 20 : 1


def match(path: str) -> bool:
    """Return whether `path` is an HDF5 file.

    The signature stands at 0 or at a power of two from 512 on; Keras writes it at 0, and 0 alone is looked at.
    """
    return head(path, 8) == SIGNATURE


def read(path: str, **options: Any) -> Model:
    """Return the Model in the h5 file `path`.  Raises Fault for a file without a whole model, or a damaged one."""
    file = open_h5(path)
    try:
        if "model_config" not in file.attrs:
            raise Fault(without_topology(file, path))
        attributes.attempt(file, path, ATTRIBUTES)
        record = parse(text(file.attrs["model_config"]), f"{path}: model_config")
        if not isinstance(record, dict):
            raise Fault(f"{path}: model_config is no model")
        training = None
        if "training_config" in file.attrs:
            training = parse(text(file.attrs["training_config"]), f"{path}: training_config")
        if "model_weights" not in file:
            raise Fault(f"{path}: an h5 with a topology and no weights: save the whole model (model.save)")
        weights = read_weights(subgroup(file, "model_weights", path), path)
        model = Model(usual(record, list(weights)), weights, version(file),
                      text(file.attrs.get("backend", "tensorflow")), training, file.close)
        if TEXTS in file.attrs:
            model.texts = words.checked(parse(text(file.attrs[TEXTS]), f"{path}: {TEXTS}"))
        return model
    except Exception as error:
        file.close()
        raise as_fault(error, path)


def open_h5(path: str) -> "h5py.File":
    """Return the open h5py.File.  Raises Fault for a file that is cut short, in use, or no HDF5."""
    import h5py
    try:
        return h5py.File(path, "r")
    except OSError as error:
        reason = str(error)
        if "truncated" in reason:
            raise Fault(f"{path}: the file is cut short: download or copy it again")
        if "lock" in reason:
            raise Fault(f"{path}: another program has this file open for writing: close it there, or wait")
        raise Fault(f"{path}: HDF5 cannot read this file, it is damaged")


def as_fault(error: Exception, path: str) -> Exception:
    """Return a Fault for an error that h5py raises on a damaged file; every other error stays as it is."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, (OSError, KeyError, RuntimeError, UnicodeDecodeError)):
        return Fault(f"{path}: HDF5 cannot read this file, it is damaged ({first_line(error)})")
    return error


def first_line(error: Exception) -> str:
    """Return the first line of an error's message: HDF5's have many."""
    return str(error).split("\n")[0]


def text(value: Any) -> str:
    """Return an attribute as str: h5py 2 and 3 give str, bytes or a numpy scalar.  Raises Fault for no text."""
    if isinstance(value, numpy.ndarray) and value.shape == ():
        value = value[()]
    if isinstance(value, bytes):
        return value.decode("utf-8")
    try:
        str.encode(value, "utf-8")  # h5py passes bytes that are no UTF-8 on as lone surrogates
    except (TypeError, UnicodeEncodeError):
        raise Fault("an attribute is no text: the file is damaged")
    return str(value)


def version(file: "h5py.File") -> str:
    """Return the version of the Keras that wrote the file; the first ones did not write it."""
    return text(file.attrs.get("keras_version", "2.0.0"))


def without_topology(file: "h5py.File", path: str) -> str:
    """Return the line about an h5 file that holds no model_config."""
    names = list(file.keys())
    if "layer_names" in file.attrs or "layer_names0" in file.attrs or "_layer_checkpoint_dependencies" in names \
            or "layers" in names:
        return f"{path}: weights without a topology: give the topology json too (topology.json with --weights " \
            f"{path}; in models.toml source and weights)"
    if "vars" in names:  # Keras 3 writes it for a model that is a class of its own
        return f"{path}: weights of a subclassed model, which has no graph of layers: --trust FILE.py:FUNCTION (in " \
            "models.toml trust) runs the function that builds it; or build it as a Functional model, and save that"
    if "optimizer_weights" in names or "optimizer" in names:
        return f"{path}: an optimizer's state, no model in it"
    return f"{path}: an HDF5 file, but no Keras model in it"


# Reading weights -------------------------------------------------------------------------------------------

def names_attribute(group: "h5py.Group", name: str) -> List[str]:
    """Return the texts in the attribute `name`, put together if Keras has split it."""
    names = [name]
    if name not in group.attrs:
        names = list(itertools.takewhile(group.attrs.__contains__, (f"{name}{part}" for part in itertools.count())))
    # The attempt costs nothing for files of Keras: its names have one length and need no heap.
    attributes.attempt(group, group.file.filename, names)
    chunks = [group.attrs[part] for part in names]
    return [text(item) for chunk in chunks for item in numpy.asarray(chunk).reshape(-1).tolist()]


def subgroup(group: "h5py.Group", name: str, path: str) -> "h5py.Group":
    """Return the group `group[name]`.  Raises Fault as `follow` does, and for a dataset."""
    import h5py
    here = follow(group, name, path)
    if not isinstance(here, h5py.Group):
        raise Fault(f"{path}: {name!r} is no group: the file is damaged")
    return here


def follow(group: "h5py.Group", name: str, path: str) -> "Union[h5py.Group, h5py.Dataset]":
    """Return `group[name]`, found by hard links alone: all of it lies in this very file.

    Raises Fault where it is missing, and for a soft or external link.
    """
    import h5py
    for part in [part for part in name.split("/") if part]:
        link = group.get(part, getlink=True) if isinstance(group, h5py.Group) else None
        if link is None:
            raise Fault(f"{path}: {name!r} is missing: the file is damaged")
        if not isinstance(link, h5py.HardLink):
            raise Fault(f"{path}: {name!r} is a link to somewhere else: refused")
        group = group[part]
    return group


def read_weights(group: "h5py.Group", path: str) -> Weights:
    """Return the Weights of a group with a layer_names attribute, without their values.

    Raises Fault for damage, and for weights that are not in this file or more than it can hold.
    """
    weights, seen = OrderedDict(), set()
    for layer in names_attribute(group, "layer_names"):
        inner = once(subgroup(group, layer, path), layer, path, seen)
        weights[layer] = [weight(once(follow(inner, name, path), name, path, seen), name, path)
                          for name in names_attribute(inner, "weight_names")]
    return within(weights, group.file, path)


def once(found: Object, name: str, path: str, seen: Set[int]) -> Object:
    """Return the group or dataset `found`, and add its address to `seen`.  Raises Fault if it is there already.

    Keras makes one object for each name.  A damaged file may list or link one of them any number of times.
    """
    if address(found) in seen:
        raise Fault(f"{path}: {name!r} is read already, by this or another name: the file is damaged")
    seen.add(address(found))
    return found


def address(found: "Union[h5py.Group, h5py.Dataset]") -> int:
    """Return the place of an HDF5 object in its file: one for all names of the object."""
    import h5py
    return h5py.h5o.get_info(found.id).addr


def within(weights: Weights, file: "h5py.File", path: str) -> Weights:
    """Return the weights of the file `path`.  Raises Fault where they are more than the file can hold.

    Datasets of a damaged file may lie over one another, or be packed zeros.
    """
    size = file.id.get_filesize()
    packed = [weight for own in weights.values() for weight in own if weight.band is not None]
    plain = [weight for own in weights.values() for weight in own if weight.band is None]
    for some, most in (plain, size), (packed, max(PACKED_BYTES, PACKED_RATIO * size)):
        total = sum(weight.nbytes for weight in some)
        if total > most:
            raise Fault(f"{path}: its weights claim {total} bytes but the file has {size} in all: the file is damaged")
    return weights


def weight(dataset: "h5py.Dataset", name: str, path: str) -> Weight:
    """Return a lazily read Weight of a dataset.

    Raises Fault for a dataset in another file, without numbers, or of a size that the file cannot hold.
    """
    import h5py
    where = f"{path}: weight {name!r}"
    if not isinstance(dataset, h5py.Dataset):
        raise Fault(f"{where} is no dataset: the file is damaged")
    if dataset.external or dataset.is_virtual:
        raise Fault(f"{where} is stored in another file: refused")
    if dataset.dtype.kind not in "fiub" or dataset.shape is None:
        advice = ": bfloat16, perhaps: build the model with dtype float32, copy the weights over, and save that" \
            if dataset.dtype.str[1:] == "V2" else ""
        raise Fault(f"{where} holds {dataset.dtype}, not numbers{advice}")
    result = Weight(name, dataset.shape, dataset.dtype.newbyteorder("="),
                    lambda: read_rows(dataset, None, None, where),
                    lambda start, stop: read_rows(dataset, start, stop, where), band(dataset))
    held = min(dataset.id.get_storage_size(), dataset.file.id.get_filesize())  # a header says the former
    if result.nbytes > GZIP_RATIO * held or dataset.dtype.itemsize > 8:
        raise Fault(f"{where} claims {result.nbytes} bytes but the file holds {held} for it: the file is damaged")
    if dataset.chunks:
        wide = [max(pair) for pair in zip(dataset.chunks, dataset.shape)]
        together = dataset.chunks if result.band is None else [result.band] + wide[1:]
        if Weight(name, together, dataset.dtype, None).nbytes > CHUNK_BYTES:
            raise Fault(f"{where} is stored so that more than {CHUNK_BYTES >> 20} MB are unpacked at once: refused")
    return result


def band(dataset: "h5py.Dataset") -> Optional[int]:
    """Return the number of rows that HDF5 packs together, None where it packs nothing."""
    return dataset.chunks[0] if dataset.chunks and dataset.id.get_create_plist().get_nfilters() else None


def read_rows(dataset: "h5py.Dataset", start: Optional[int], stop: Optional[int], where: str) -> numpy.ndarray:
    """Return dataset[start:stop] along the first axis, all of the dataset for None and None.

    where: the start of the message.  Raises Fault where HDF5 cannot read it.
    """
    try:
        if not dataset.chunks or not dataset.size:
            return dataset[() if stop is None else slice(start, stop)]
        # HDF5 leaves out chunks that were never written, and h5py 3.1 gives the old content of the memory for them.
        count = dataset.shape[0] if stop is None else stop - start
        values = numpy.zeros((count,) + dataset.shape[1:], dataset.dtype)
        dataset.read_direct(values, numpy.s_[start:stop])
        return values
    except (OSError, RuntimeError) as error:
        raise Fault(f"{where} cannot be read, the file is damaged ({first_line(error)})")


# Writing ---------------------------------------------------------------------------------------------------

def write(model: Model, path: str) -> None:
    """Write `model` to a new h5 file, as its Keras would save it; the same model gives the same bytes.

    Datasets store no times (track_times=False); groups never do under h5py's default format.
    Raises Fault for a name that an h5 file cannot hold, and OSError where the disk refuses a write.
    """
    import h5py
    with command.Held() as signals, Disk(path) as disk, h5py.File(disk, "w") as file:
        group = file.create_group("model_weights")
        for place in (file, group):
            write_text(place, "backend", model.backend)
            write_text(place, "keras_version", model.keras_version)
        topology = as_lists(model.topology) if LISTS.match(str(model.keras_version)) else model.topology
        write_text(file, "model_config", json.dumps(topology))
        if model.training_config is not None:
            write_text(file, "training_config", json.dumps(model.training_config))
        if model.texts:
            write_text(file, TEXTS, json.dumps(model.texts))
        write_names(group, "layer_names", list(model.weights))
        for layer, weights in model.weights.items():
            inner = new_group(group, layer)
            write_names(inner, "weight_names", [weight.name for weight in weights])
            for weight in weights:
                signals.let_in()
                write_weight(inner, weight)


def new_group(group: "h5py.Group", layer: str) -> "h5py.Group":
    """Return a new group in `group` for the layer of this name.  Raises Fault for a name that HDF5 cannot store."""
    try:
        return group.create_group(layer)
    except (ValueError, RuntimeError) as error:  # "." is the group itself, and names with "/" are paths
        raise Fault(f"layer {layer!r} cannot be stored in an h5 file ({first_line(error)})")


def write_text(place: "h5py.Group", name: str, value: str) -> None:
    """Write a text attribute as Keras does, as bytes of variable length.

    The h5py of every Keras decodes these.  HDF5 keeps them outside the object header, so their length is free.
    """
    import h5py
    place.attrs.create(name, value.encode("utf-8"), dtype=h5py.special_dtype(vlen=bytes))


def write_names(group: "h5py.Group", name: str, names: Sequence[str]) -> None:
    """Write a list of names as Keras does: bytes of one length, split at HDF5's limit of an object header.

    Raises Fault for a name beyond that limit.
    """
    data = numpy.asarray([item.encode("utf-8") for item in names])
    chunks, count = [data], 1
    while any(chunk.nbytes > ATTRIBUTE_BYTES for chunk in chunks):
        count += 1
        if count > len(names):
            raise Fault("a layer's name is longer than HDF5 can store")
        chunks = numpy.array_split(data, count)
    if count == 1:
        group.attrs[name] = data
        return
    for index, chunk in enumerate(chunks):
        group.attrs[f"{name}{index}"] = chunk


def write_weight(group: "h5py.Group", weight: Weight) -> None:
    """Write one weight piece by piece: the memory for it does not grow with it.

    Raises Fault for a name that HDF5 cannot store.
    """
    try:
        dataset = group.create_dataset(weight.name, weight.shape, dtype=weight.dtype, track_times=False)
    except (ValueError, RuntimeError) as error:
        raise Fault(f"weight {weight.name!r} cannot be stored in an h5 file ({first_line(error)})")
    if not weight.size:
        return
    if weight.nbytes <= PIECE_BYTES:
        dataset[...] = weight.read()
        return
    row = weight.size // weight.shape[0]
    start = 0
    for piece in weight.pieces():
        rows = len(piece) // row
        dataset[start:start + rows] = piece.reshape((rows,) + weight.shape[1:])
        start += rows


def deliver(target: str, write_to: Callable[[str], Result], read: Optional[Sequence[str]] = None) -> Result:
    """Call `write_to(path)` and put the h5 that it writes at `target`, whole; return its result.

    read: the files that `write_to` reads; a file at `target` is replaced unless it is one of them.
          None: no file may be at `target`.
    Raises Fault for a target that is taken, or without an ending of HDF5.
    """
    folder, name = os.path.split(target)
    if not name.lower().endswith((".h5", ".hdf5")):
        raise Fault(f"{target}: what is written is HDF5, which Keras opens by its name: let it end in .h5")
    done = []

    def written(directory):
        done.append(write_to(os.path.join(directory, name)))
        return [name]

    files.into(folder or ".", written, [] if read is None else [name], read or ())
    return done[0]
