"""The images that LeNet learns: MNIST, a file of the user's, or the embedded digits, kept as data.npz.

Every source gives Keras's four arrays: x_train, x_test uint8 (n, 28, 28), y_train, y_test uint8 (n,).
Nothing in a data file is ever unpickled.
"""
import gzip
import hashlib
import os
import shutil
import struct
import sys
import tempfile
import zipfile
import zlib
from typing import Dict, Mapping, NamedTuple

import numpy

from ..base import command, files
from ..base.fault import Fault
from .choices import IDX
from .digits import digits

NAMES = ("x_train", "y_train", "x_test", "y_test")
IDX_NAMES = {"x_train": "train-images-idx3-ubyte", "y_train": "train-labels-idx1-ubyte",
             "x_test": "t10k-images-idx3-ubyte", "y_test": "t10k-labels-idx1-ubyte"}
# keras/datasets/mnist.py, load_data: the same address and checksum in every Keras since 2.0.
MNIST_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
MNIST_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
MNIST_BYTES_LIMIT = 64 * 1024 * 1024  # the file has 11 490 434 bytes: what is much more is something else
# sha256 of the values of the four arrays, in the order of NAMES: MNIST is known by what it is, in whatever file.
MNIST_VALUES = "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16"
CONNECT_SECONDS = 5
UNREADABLE = (ValueError, OSError, EOFError, KeyError, RuntimeError, NotImplementedError, MemoryError, OverflowError,
              SyntaxError, struct.error, zlib.error, zipfile.BadZipFile, zipfile.LargeZipFile)

Arrays = Dict[str, numpy.ndarray]


class Images(NamedTuple):
    """Images to train on.

    arrays  NAMES -> uint8, (n, 28, 28) and (n,)
    origin  "mnist", "digits", or "file" for data of the user's own that is not MNIST
    """

    arrays: Arrays
    origin: str


def resolve(setting: str, environ: Mapping[str, str]) -> Images:
    """Return the images of a `data` setting.

    setting  "auto" | "mnist" | "digits" | path of an npz, of a directory with the four IDX files, or of one of them
    environ  MNIST_NPZ, where set, is the path to take whatever the setting; KERAS_HOME as Keras has it

    Raises Fault when what was asked for cannot be had; "auto" always ends with the digits.
    """
    if environ.get("MNIST_NPZ"):
        return _file(environ["MNIST_NPZ"], "MNIST_NPZ: ")
    if setting == "digits":
        return Images(digits(), "digits")
    if setting not in ("auto", "mnist"):
        return _file(setting, "data: ")
    try:
        return Images(mnist(environ), "mnist")
    except Fault as fault:
        if setting == "mnist":
            raise
        command.say(f"MNIST could not be had: {command.one_line(fault)}")
        command.say("*** Taking the embedded digits instead: 1797 small scanned digits, not MNIST's 70000. ***")
        command.say("*** For MNIST set data = PATH in models.toml, or MNIST_NPZ in the environment. ***")
    return Images(digits(), "digits")


def _file(path, prefix):
    """Return the Images in a file that the user named; `prefix` says where it was named."""
    path = os.path.expanduser(path)
    try:
        arrays = read(path)
    except Fault as fault:
        raise Fault(prefix + str(fault))
    return Images(arrays, origin_of(arrays))


def origin_of(arrays: Arrays) -> str:
    """Return "mnist" if the arrays are MNIST's, value for value, else "file"."""
    digest = hashlib.sha256()
    for name in NAMES:
        digest.update(numpy.ascontiguousarray(arrays[name]).data)
    return "mnist" if digest.hexdigest() == MNIST_VALUES else "file"


# Files: npz as Keras writes it, IDX as on MNIST's own page.

def read(path: str) -> Arrays:
    """Return the arrays of an npz file, or of the four IDX files in a directory (any one of them will do as path).

    Raises Fault, which names the file, where it is missing, damaged, or not images and labels for LeNet.
    """
    if os.path.isdir(path):
        return _checked(_read_idx_files(path), path)
    _ordinary(path)
    try:
        with open(path, "rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise Fault(f"{path}: {error.strerror or error}; give an npz file or a directory of IDX files")
    if magic[:2] == b"PK":
        return _checked(_read_npz(path), path)
    if magic[:3] in (b"\0\0\x08", b"\x1f\x8b\x08") and IDX.search(path):
        return _checked(_read_idx_files(os.path.dirname(path) or "."), path)
    raise Fault(f"{path}: neither an npz nor an IDX file (or a truncated one); give Keras's mnist.npz or MNIST's four "
                "files")


def _ordinary(path):
    """Raise Fault for what is no file: a pipe is waited for without end, and a device may have no end."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise Fault(f"{path}: no ordinary file; give an npz file or a directory of IDX files")


def _read_npz(path):
    """Return the arrays of an npz with Keras's names."""
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            missing = [name for name in NAMES if name + ".npy" not in archive.namelist()]
            if missing:
                there = [os.path.splitext(name)[0] for name in archive.namelist()]
                there = command.one_line(", ".join(there[:10])) or "nothing"
                missing = ", ".join(missing)
                raise Fault(f"{path}: has no {missing}, but {there}; give one with Keras's names")
            for name in NAMES:
                arrays[name] = _read_npy(archive, name, path)
    except Fault:
        raise
    except UNREADABLE as error:
        raise Fault(f"{path}: truncated or damaged npz ({command.one_line(error)}); get it again")
    return arrays


def _read_npy(archive, name, path):
    """Return one array of the archive.  Its header is checked before a byte is set aside for what it claims."""
    member = archive.getinfo(name + ".npy")
    with archive.open(member) as file:
        version = numpy.lib.format.read_magic(file)
        read_header = (numpy.lib.format.read_array_header_1_0 if version == (1, 0)
                       else numpy.lib.format.read_array_header_2_0)
        shape, _, dtype = read_header(file)
    _check_kind(name, shape, dtype, path)
    wanted = dtype.itemsize
    for size in shape:
        wanted *= size
    if wanted > member.file_size:
        raise ValueError(f"{name} claims {wanted} bytes, {member.file_size} are there")
    with archive.open(member) as file:
        return numpy.lib.format.read_array(file, allow_pickle=False)


def _read_idx_files(directory):
    """Return the arrays of MNIST's four IDX files in a directory."""
    arrays = {}
    for name, usual in IDX_NAMES.items():
        spellings = [spelling + suffix for spelling in (usual, usual.replace("-idx", ".idx")) for suffix in ("", ".gz")]
        found = [s for s in spellings if os.path.isfile(os.path.join(directory, s))]
        if not found:
            raise Fault(f"{directory}: has no {usual} (or .gz), one of MNIST's four IDX files")
        arrays[name] = _read_idx(os.path.join(directory, found[0]))
    return arrays


def _read_idx(path):
    """Return the uint8 array of an IDX file: two zero bytes, 8 for uint8, the rank, big-endian sizes, values."""
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with (gzip.open if packed else open)(path, "rb") as file:
            zero, kind, rank = struct.unpack(">HBB", file.read(4))
            if zero != 0 or kind != 8 or rank not in (1, 3):
                raise ValueError("not an IDX file of bytes")
            shape = struct.unpack(f">{rank}I", file.read(4 * rank))
            size = 1
            for length in shape:
                size *= length
            values = file.read(size + 1)
            if len(values) != size:
                raise ValueError(f"{size} values claimed, {'more' if len(values) > size else len(values)} there")
    except UNREADABLE as error:
        raise Fault(f"{path}: truncated or damaged IDX file ({command.one_line(error)}); get it again")
    return numpy.frombuffer(values, numpy.uint8).reshape(shape)


def _check_kind(name, shape, dtype, path):
    """Raise Fault unless an array is of the type and shape of images or of labels."""
    if name.startswith("x_"):
        if dtype != numpy.uint8 or len(shape) != 3 or tuple(shape[1:]) != (28, 28):
            raise Fault(f"{path}: {name} is {dtype} {shape}; wanted is uint8 (n, 28, 28), pixels from 0 to 255")
    elif dtype.kind not in "iu" or len(shape) != 1:
        raise Fault(f"{path}: {name} is {dtype} {shape}; wanted are integers (n,), labels from 0 to 9")
    if shape[0] == 0:
        raise Fault(f"{path}: {name} is empty")


def _checked(arrays, path):
    """Return the arrays with labels as uint8; raise Fault unless all fits: kinds, counts, labels 0…9."""
    for name in NAMES:
        _check_kind(name, arrays[name].shape, arrays[name].dtype, path)
    for part in ("train", "test"):
        images, labels = arrays["x_" + part], arrays["y_" + part]
        if len(images) != len(labels):
            raise Fault(f"{path}: x_{part} has {len(images)} images, y_{part} {len(labels)} labels")
        if labels.min() < 0 or labels.max() > 9:
            raise Fault(f"{path}: y_{part} has labels from {labels.min()} to {labels.max()}; wanted are 0 to 9")
        arrays["x_" + part] = numpy.ascontiguousarray(images)
        arrays["y_" + part] = numpy.ascontiguousarray(labels.astype(numpy.uint8))
    return arrays


def save(path: str, arrays: Arrays, origin: str) -> None:
    """Write the arrays and their origin as an npz, the same bytes for the same values on every run and stack.

    numpy.savez stamps the time, and newer numpys pad the header differently; entries here are stored, not packed.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in NAMES + ("origin",):
            array = numpy.array(origin.encode("ascii")) if name == "origin" else arrays[name]
            header = f"{{'descr': '{array.dtype.str}', 'fortran_order': False, 'shape': {array.shape!r}, }}"
            header += " " * (-(10 + len(header) + 1) % 64) + "\n"
            entry = zipfile.ZipInfo(name + ".npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, b"".join((b"\x93NUMPY\x01\x00", struct.pack("<H", len(header)),
                                              header.encode("ascii"), array.tobytes())))


def load(path: str) -> Images:
    """Return the images of a file that `save` wrote; of another npz the origin is found out.  Raises Fault."""
    arrays = read(path)
    try:
        with zipfile.ZipFile(path) as archive, archive.open("origin.npy") as file:
            origin = numpy.lib.format.read_array(file, allow_pickle=False).item().decode("ascii")
    except UNREADABLE + (AttributeError,):
        origin = origin_of(arrays)
    return Images(arrays, origin)


# MNIST, from Keras's cache or from where Keras gets it.

def mnist(environ: Mapping[str, str]) -> Arrays:
    """Return MNIST's arrays; what is downloaded goes into Keras's cache.  Raises Fault with the reason it cannot."""
    home = environ.get("KERAS_HOME") or os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".keras")
    cached = os.path.join(home, "datasets", "mnist.npz")
    if os.path.isfile(cached):
        if files.sha256(cached) == MNIST_SHA256:
            command.say(f"MNIST from Keras's cache, {cached}")
            return read(cached)
        command.say(f"{cached} is not the file that Keras publishes (sha256 differs): left alone, not used")
    directory = tempfile.mkdtemp(prefix="mnist-")
    try:
        fresh = os.path.join(directory, "mnist.npz")
        download(MNIST_URL, fresh, MNIST_SHA256)
        arrays = read(fresh)
        if not os.path.exists(cached):
            _keep(fresh, cached)
        return arrays
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _keep(source, target):
    """Put a copy of `source` at `target`, whole or not at all; a cache that cannot be written is no fault."""
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with files.whole(target, os.path.isfile) as part:
            shutil.copyfile(source, part)
    except OSError as error:
        command.say(f"not kept in Keras's cache: {error}")


def download(url: str, path: str, sha256: str) -> None:
    """Write what `url` gives to `path`, with a progress bar; raise Fault where it cannot be had or is another file."""
    import http.client
    import urllib.request  # 60 ms, which data that is here already does not cost
    try:
        with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as answer, open(path, "wb") as file:
            total = min(int(answer.headers.get("Content-Length") or 0), MNIST_BYTES_LIMIT)
            done = 0
            for piece in iter(lambda: answer.read(64 * 1024), b""):
                file.write(piece)
                done += len(piece)
                if done > MNIST_BYTES_LIMIT:
                    raise Fault(f"{url}: is larger than MNIST")
                _show_progress(done, done - len(piece), total)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Fault(f"{url}: {getattr(error, 'reason', None) or error}")
    if files.sha256(path) != sha256:
        raise Fault(f"{url}: what came is not MNIST (sha256 differs): a proxy's page, or cut short")


def _show_progress(done, before, total):
    """A bar that grows in place on a terminal, one line every tenth in a log."""
    if not total:
        return
    tenth = done * 10 // total
    if sys.stdout.isatty():
        end = "\n" if done >= total else ""
        sys.stdout.write(f"\rMNIST [{'#' * (40 * done // total):40}] {100 * done // total:3} %{end}")
        sys.stdout.flush()
    elif tenth != before * 10 // total:
        command.say(f"MNIST {10 * tenth:3} % of {total / 1e6:.1f} MB")
