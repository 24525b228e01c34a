"""Keras's HDF5 files: model.save("model.h5") of Keras 2, tf.keras and Keras 3.  Reads and writes.

    attributes  keras_version, backend, model_config, training_config
    group       model_weights (attribute layer_names), in it one group per layer (attribute weight_names),
                in it one dataset per weight, at the path that the weight's name is

Keras splits an attribute beyond 64 512 bytes: layer_names0, layer_names1, … (hdf5_format.py,
save_attributes_to_hdf5_group).  External and virtual datasets and links would read other files: refused.
"""
import itertools
import json
import os
import re
from collections import OrderedDict

import numpy

from ..base import command, files
from ..base.fault import Fault
from ..layers.model import PIECE_BYTES, Model, Weight
from ..layers.spelling import as_lists, usual
from . import attributes
from .json_text import parse
from .paths import head

ATTRIBUTES = ("model_config", "training_config", "keras_version", "backend")  # of a whole model, as they are read
SIGNATURE = b"\x89HDF\r\n\x1a\n"
ATTRIBUTE_BYTES = 64512  # keras hdf5_format.HDF5_OBJECT_HEADER_LIMIT
LISTS = re.compile(r"2\.(0|1|2\.[0-2])\b")  # Kerases whose Sequential is a list of layers
CHUNK_BYTES = 256 * 1024 * 1024  # HDF5 unpacks a chunk as a whole; h5py makes them of up to 1 MB
GZIP_RATIO = 1100  # deflate cannot do better than 1032 : 1; a dataset that claims more holds nothing
PACKED_RATIO, PACKED_BYTES = 100, 16 * 1024 * 1024  # of all that is packed; a pruned model's weights are 20 : 1


def match(path):
    """An HDF5 file (the signature stands at 0 or at a power of two from 512 on; Keras writes it at 0)."""
    return head(path, 8) == SIGNATURE


def read(path, **options):
    """Return the Model in the h5 file `path`.  Raises Fault if it holds no whole model."""
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
        return Model(usual(record, list(weights)), weights, version(file),
                     text(file.attrs.get("backend", "tensorflow")), training, file.close)
    except Exception as error:
        file.close()
        raise as_fault(error, path)


def open_h5(path):
    """Return the h5py.File, or raise a Fault that says whether the file is cut short, in use, or no HDF5."""
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


def as_fault(error, path):
    """Turn what h5py raises on a damaged file into a Fault; everything else stays as it is."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, (OSError, KeyError, RuntimeError, UnicodeDecodeError)):
        return Fault("{}: HDF5 cannot read this file, it is damaged ({})".format(path, str(error).split("\n")[0]))
    return error


def text(value):
    """An attribute as str: h5py 2 and 3 give str, bytes or a numpy scalar."""
    if isinstance(value, numpy.ndarray) and value.shape == ():
        value = value[()]
    if isinstance(value, bytes):
        return value.decode("utf-8")
    try:
        str.encode(value, "utf-8")  # h5py passes bytes that are no UTF-8 on as lone surrogates
    except (TypeError, UnicodeEncodeError):
        raise Fault("an attribute is no text: the file is damaged")
    return str(value)


def version(file):
    return text(file.attrs.get("keras_version", "2.0.0"))


def without_topology(file, path):
    """The line about an h5 file that holds no model_config."""
    names = list(file.keys())
    if "layer_names" in file.attrs or "layer_names0" in file.attrs or "_layer_checkpoint_dependencies" in names \
            or "layers" in names:
        return f"{path}: weights without a topology: give the topology json too (topology.json with --weights " \
            f"{path}; in models.toml source and weights)"
    if "vars" in names:  # Keras 3's, of a model that is a class of its own
        return f"{path}: weights of a model without a graph of layers (a subclass), which cannot be converted: build " \
            "it as a Sequential or Functional model, and save that"
    if "optimizer_weights" in names or "optimizer" in names:
        return f"{path}: an optimizer's state, no model in it"
    return f"{path}: an HDF5 file, but no Keras model in it"


# Reading weights -------------------------------------------------------------------------------------------

def names_attribute(group, name):
    """Return the list of str in the attribute `name`, put together if Keras has split it."""
    names = [name]
    if name not in group.attrs:
        names = list(itertools.takewhile(group.attrs.__contains__,
                                         ("%s%d" % (name, part) for part in itertools.count())))
    # Of no cost for Keras's own: of one length, they need no heap.
    attributes.attempt(group, group.file.filename, names)
    chunks = [group.attrs[part] for part in names]
    return [text(item) for chunk in chunks for item in numpy.asarray(chunk).reshape(-1).tolist()]


def subgroup(group, name, path):
    """group[name] if it is a group that lies in this very file, reached by hard links alone; else a Fault."""
    import h5py
    here = follow(group, name, path)
    if not isinstance(here, h5py.Group):
        raise Fault(f"{path}: {name!r} is no group: the file is damaged")
    return here


def follow(group, name, path):
    import h5py
    for part in [part for part in name.split("/") if part]:
        link = group.get(part, getlink=True) if isinstance(group, h5py.Group) else None
        if link is None:
            raise Fault(f"{path}: {name!r} is missing: the file is damaged")
        if not isinstance(link, h5py.HardLink):
            raise Fault(f"{path}: {name!r} is a link to somewhere else: refused")
        group = group[part]
    return group


def read_weights(group, path):
    """Return OrderedDict: layer name -> list of Weights, from a group with a layer_names attribute."""
    weights, seen = OrderedDict(), set()
    for layer in names_attribute(group, "layer_names"):
        inner = once(subgroup(group, layer, path), layer, path, seen)
        weights[layer] = [weight(once(follow(inner, name, path), name, path, seen), name, path)
                          for name in names_attribute(inner, "weight_names")]
    return within(weights, group.file, path)


def once(found, name, path, seen):
    """The group or dataset `found` itself, unless its address is in the set `seen` already: Keras makes one for each
    name, and what is listed or linked twice would be read and written as often as a file cares to say."""
    if address(found) in seen:
        raise Fault(f"{path}: {name!r} is read already, by this or another name: the file is damaged")
    seen.add(address(found))
    return found


def address(found):
    """Where in its file an HDF5 object lies, by whatever name it was reached."""
    import h5py
    return h5py.h5o.get_info(found.id).addr


def within(weights, file, path):
    """The weights of an h5py.File themselves, unless they are more than the file can hold: datasets may lie over one
    another, or be packed zeros."""
    size = file.id.get_filesize()
    packed = [weight for own in weights.values() for weight in own if weight.band is not None]
    plain = [weight for own in weights.values() for weight in own if weight.band is None]
    for some, most in (plain, size), (packed, max(PACKED_BYTES, PACKED_RATIO * size)):
        total = sum(weight.nbytes for weight in some)
        if total > most:
            raise Fault("%s: its weights claim %d bytes but the file has %d in all: the file is damaged"
                        % (path, total, size))
    return weights


def weight(dataset, name, path):
    """A lazily read Weight of an h5py.Dataset.  Raises Fault for what would read other files or lie in size."""
    import h5py
    where = f"{path}: weight {name!r}"
    if not isinstance(dataset, h5py.Dataset):
        raise Fault(f"{where} is no dataset: the file is damaged")
    if dataset.external or dataset.is_virtual:
        raise Fault(f"{where} is stored in another file: refused")
    if dataset.dtype.kind not in "fiub" or dataset.shape is None:
        raise Fault("{} holds {}, not numbers{}".format(where, dataset.dtype, (
            ": bfloat16, perhaps: build the model with dtype float32, copy the weights over, and save that")
            if dataset.dtype.str[1:] == "V2" else ""))
    result = Weight(name, dataset.shape, dataset.dtype.newbyteorder("="),
                    lambda: read_rows(dataset, None, None, where),
                    lambda start, stop: read_rows(dataset, start, stop, where), band(dataset))
    held = min(dataset.id.get_storage_size(), dataset.file.id.get_filesize())  # the former is what a header says
    if result.nbytes > GZIP_RATIO * held or dataset.dtype.itemsize > 8:
        raise Fault("%s claims %d bytes but the file holds %d for it: the file is damaged"
                    % (where, result.nbytes, held))
    if dataset.chunks:
        wide = [max(pair) for pair in zip(dataset.chunks, dataset.shape)]
        together = dataset.chunks if result.band is None else [result.band] + wide[1:]
        if Weight(name, together, dataset.dtype, None).nbytes > CHUNK_BYTES:
            raise Fault("%s is stored so that more than %d MB are unpacked at once: refused"
                        % (where, CHUNK_BYTES >> 20))
    return result


def band(dataset):
    """How many rows of a dataset HDF5 packs together, None where it packs nothing."""
    return dataset.chunks[0] if dataset.chunks and dataset.id.get_create_plist().get_nfilters() else None


def read_rows(dataset, start, stop, where):
    """dataset[start:stop], all of it where these are None; a Fault where HDF5 cannot."""
    try:
        if not dataset.chunks or not dataset.size:
            return dataset[() if stop is None else slice(start, stop)]
        # HDF5 may leave out chunks that were never written, and h5py 3.1 would give what was in memory for them.
        count = dataset.shape[0] if stop is None else stop - start
        values = numpy.zeros((count,) + dataset.shape[1:], dataset.dtype)
        dataset.read_direct(values, numpy.s_[start:stop])
        return values
    except (OSError, RuntimeError) as error:
        raise Fault("{} cannot be read, the file is damaged ({})".format(where, str(error).split("\n")[0]))


# Writing ---------------------------------------------------------------------------------------------------

def write(model, path):
    """Write `model` to a new h5 file, as its Keras would save it; the same model gives the same bytes.

    Datasets store no times (track_times=False); groups never do under h5py's default format.
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
        write_names(group, "layer_names", list(model.weights))
        for layer, weights in model.weights.items():
            inner = new_group(group, layer)
            write_names(inner, "weight_names", [weight.name for weight in weights])
            for weight in weights:
                signals.let_in()
                write_weight(inner, weight)


def new_group(group, layer):
    try:
        return group.create_group(layer)
    except (ValueError, RuntimeError) as error:  # "." is the group itself, and names with "/" are ways to places
        raise Fault("layer {!r} cannot be stored in an h5 file ({})".format(layer, str(error).split("\n")[0]))


class Disk:
    """The file that HDF5 writes through.  HDF5 crashes the process when a write fails as it closes a file (no room, a
    quota), so the first refusal is kept, later writes are dropped, and leaving raises it as the OSError that it was."""

    def __init__(self, path):
        self.file = open(path, "w+b", buffering=0)
        self.error = None
        self.read, self.readinto, self.seek, self.tell = (
            self.file.read, self.file.readinto, self.file.seek, self.file.tell)

    def write(self, data):
        view = memoryview(data).cast("B")
        done = 0
        while self.error is None and done < len(view):
            done += self.attempt(self.file.write, view[done:]) or 0
        return len(view)

    def truncate(self, size=None):
        self.attempt(self.file.truncate, size)

    def flush(self):
        pass  # unbuffered

    def attempt(self, function, argument):
        try:
            return function(argument)
        except OSError as error:
            self.error = self.error or error

    def __enter__(self):
        return self

    def __exit__(self, kind, exception, trace):
        self.file.close()
        if self.error is not None:
            raise self.error


def write_text(place, name, value):
    """A text attribute as Keras writes it: variable-length bytes, which every Keras's h5py can decode and which
    HDF5 keeps outside the object header, so that its length is free."""
    import h5py
    place.attrs.create(name, value.encode("utf-8"), dtype=h5py.special_dtype(vlen=bytes))


def write_names(group, name, names):
    """Write a list of names as Keras does: fixed-length bytes, split where HDF5's header limit asks for it."""
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
        group.attrs["%s%d" % (name, index)] = chunk


def write_weight(group, weight):
    """Write one weight piece by piece, so that memory does not grow with it."""
    try:
        dataset = group.create_dataset(weight.name, weight.shape, dtype=weight.dtype, track_times=False)
    except (ValueError, RuntimeError) as error:
        raise Fault("weight {!r} cannot be stored in an h5 file ({})".format(weight.name, str(error).split("\n")[0]))
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


def deliver(target, write_to, read=None):
    """Call `write_to(path)` and put the h5 that it writes at `target`, whole; return what it returned.

    read: None: what is there is left, a Fault; else it is replaced, unless it is one of these files.
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
