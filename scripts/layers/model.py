"""Model: a topology and its lazily read weights.  Readers make one; stages and writers pass it on.

Reading a file gives a Model without reading one weight; a weight is read when something asks for its values,
whole (`read`) or piece by piece (`pieces`), so memory does not grow with the model.
"""
from collections import OrderedDict
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence

import numpy

from ..base.fault import Fault
from .records import MAX_SIZE

MAX_RANK = 32  # dimensions of a weight, as many as numpy 1 and HDF5 have
PIECE_BYTES = 4 * 1024 * 1024  # of a weight in memory at once: one shard's worth


def check_shape(name: str, shape: Sequence[int]) -> None:
    """Raise a Fault for a shape that no weight has, before its sizes are multiplied."""
    if len(shape) > MAX_RANK or any(size >= MAX_SIZE for size in shape):
        raise Fault(f"weight {name!r} claims a shape of {len(shape)} dimensions, the largest of {max(shape)}: the file "
                    "is damaged")


class Weight:
    """One variable of a layer.

    name   str, as the source file spells it, e.g. "Conv2D_1/kernel:0"
    shape  tuple of int
    dtype  numpy.dtype of the values
    kept   None, or the Quantized form in which the source has them and a writer may keep them
    """

    def __init__(self, name: str, shape: Iterable[Any], dtype: Any, read: Callable[[], numpy.ndarray],
                 read_rows: Optional[Callable[[int, int], numpy.ndarray]] = None, band: Optional[int] = None,
                 kept: 'Optional[Quantized]' = None) -> None:
        """Keep the functions that read the values.

        read       read() returns the whole array
        read_rows  read_rows(start, stop) returns array[start:stop] along the first axis without reading the rest;
                   None where the source cannot do it
        band       number of rows that the source packs together, and unpacks together; None where it packs nothing
        """
        self.name = name
        self.shape = tuple(int(size) for size in shape)
        check_shape(name, self.shape)
        self.dtype = numpy.dtype(dtype)
        self._read = read
        self._read_rows = read_rows
        self.band = band
        self.kept = kept

    @classmethod
    def of(cls, name: str, array: Any) -> 'Weight':
        """Return a Weight whose values are in memory already."""
        array = numpy.asarray(array)
        return cls(name, array.shape, array.dtype, lambda: array, lambda start, stop: array[start:stop])

    @property
    def size(self) -> int:
        """The number of values (1 for a scalar), as a Python int: shapes in hostile files overflow int64."""
        size = 1
        for length in self.shape:
            size *= length
        return size

    @property
    def nbytes(self) -> int:
        """The number of bytes of all values."""
        return self.size * self.dtype.itemsize

    def renamed(self, name: str) -> 'Weight':
        """Return the same values under another name."""
        return Weight(name, self.shape, self.dtype, self._read, self._read_rows, self.band, self.kept)

    def read(self) -> numpy.ndarray:
        """Return the values, an ndarray of `shape` and `dtype`."""
        return numpy.asarray(self._read(), dtype=self.dtype).reshape(self.shape)

    def pieces(self, limit: int = PIECE_BYTES) -> Iterator[numpy.ndarray]:
        """Yield the values in C order as 1-d arrays of at most `limit` bytes.

        A piece is larger where the source cannot read by rows, or where a row, or a band of rows, is larger.
        """
        if self._read_rows is None or not self.shape or self.nbytes <= limit:
            yield self.read().reshape(-1)
            return
        row_bytes = max(1, self.nbytes // max(1, self.shape[0]))
        band = self.band or 1
        step = max(1, limit // row_bytes // band) * band
        for start in range(0, self.shape[0], step):
            rows = self._read_rows(start, min(start + step, self.shape[0]))
            yield numpy.ascontiguousarray(rows, dtype=self.dtype).reshape(-1)


class Quantized(NamedTuple):
    """A weight as a TensorFlow.js file has it: the stored numbers, and the entry `quantization` of its manifest."""

    stored: Weight
    quantization: Dict[str, Any]


class Model:
    """A Keras model as data.

    topology         dict, {"class_name": …, "config": {…}} as the source's Keras wrote it
    weights          OrderedDict: name of a top-level layer -> list of its Weights, in Keras's order
    keras_version    str, of the Keras that wrote the source ("2.6.0", "3.15.1")
    backend          str, "tensorflow" if the source does not say
    training_config  dict or None, what compile() left in the file
    output_names     list of str or None, the outputs' names as the user asked for them
    renamed          dict: name of a layer -> its name in the source, where that is another
    texts            list: what turns words into the numbers of an input, see words.described
    """

    def __init__(self, topology: Dict[str, Any], weights: Optional[Mapping[str, List[Weight]]] = None,
                 keras_version: str = "2.0.0", backend: str = "tensorflow",
                 training_config: Optional[Dict[str, Any]] = None, close: Optional[Callable[[], None]] = None) -> None:
        self.topology = topology
        self.weights = OrderedDict(weights or ())
        self.keras_version = keras_version
        self.backend = backend
        self.training_config = training_config
        self.output_names = None
        self.renamed: Dict[str, str] = {}
        self.texts: List[Dict[str, Any]] = []
        self._close = close

    @property
    def keras_major(self) -> int:
        """The Keras dialect that `topology` is written in: 1, 2 or 3."""
        head = str(self.keras_version).split(".")[0]
        return int(head) if head.isdecimal() else 2

    def replaced(self, topology: Dict[str, Any], weights: Mapping[str, List[Weight]]) -> 'Model':
        """Return a Model with another topology and other weights; closing it closes the same source."""
        result = Model(topology, weights, self.keras_version, self.backend, self.training_config, self.close)
        result.texts = self.texts
        return result

    def close(self) -> None:
        """Close the file behind the weights.  Weights cannot be read afterwards."""
        if self._close is not None:
            self._close()
            self._close = None

    def __enter__(self) -> 'Model':
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()
