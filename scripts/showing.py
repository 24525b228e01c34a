"""show(model): the page of a model, below a notebook's cell or in the browser, for a program (api.py).

The model is converted into a private directory, drawn as a page in one file (viewer/page.py), and compared with Keras:
a live model computes its outputs here, a file's Keras in a child process.
"""
import os
import sys
import tempfile
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import numpy

from . import api
from .base import child, command, files
from .base.fault import Fault
from .formats import live_by_keras as live
from .tfjs import write_layers
from .viewer import choices, inline, page, predict

HEIGHT = 640  # pixels of the page below a cell
SAMPLES, SEED = 4, 0  # of random input, where no samples can be compared


class Page(NamedTuple):
    """Settings of a model's page: viewer.page.build's arguments of the same names."""

    title: Optional[str]
    labels: Optional[List[str]]
    pixels: str
    mean: Any
    std: Any


def show(model: Any, samples: Any = None, labels: Optional[Sequence[str]] = None, y: Any = None, *,
         layers: api.Names = None, input_shape: Any = None, quantize: Any = None, title: Optional[str] = None,
         pixels: str = "0..1", mean: Any = None, std: Any = None, compare: bool = True, height: int = HEIGHT,
         path: Optional[str] = None, weights: Optional[str] = None, trust: api.Names = None) -> None:
    """Show a model: in a notebook below the cell, without a server; elsewhere in the browser.

    model     as api.convert's; layers, input_shape, quantize, weights, trust too
    samples   array of inputs, the first axis counts them: x_test[:8]; of several inputs a list of arrays, or a dict by
              the inputs' names.  uint8 is pixels from 0 to 255, other numbers go into the model as they are
    labels    one word per class
    y         one whole number per sample: its class
    title, pixels, mean, std   as the settings of models.toml
    compare   say on the page how far the browser is from Keras
    height    pixels of the page in a notebook
    path      of an HTML file to write in place of showing anything, where none is or an earlier page
    Raises Fault as api.convert does, and for a model that cannot be drawn.

        >>> show(model, samples=x_test[:8], labels=["cat", "dog"])
    """
    if labels is not None and (isinstance(labels, str) or not all(isinstance(word, str) for word in labels)):
        raise Fault('labels: give one word per class, ["cat", "dog"]; y takes the number of each sample\'s class')
    look = Page(title, None if labels is None else list(labels), pixels, mean, std)
    if pixels not in choices.PIXELS:
        raise Fault(f"pixels: {pixels!r} is not one of {', '.join(choices.PIXELS)}")
    with tempfile.TemporaryDirectory(prefix="show-") as private:
        made = api.convert(model, os.path.join(private, "model"), layers, input_shape, quantize, weights=weights,
                           trust=trust)
        warning = inline.warning(page.weight(made.model_json), quantize is not None)
        if warning:
            command.say(warning)
        given = written_samples(samples, y, made, private)
        reference = None
        if compare:
            reference = reference_of(model, weights, made, api.named(layers), samples, private, trust,
                                     api.sizes(input_shape))
        html = os.path.join(private, "model.html") if path is None else os.fspath(path)
        with api.as_faults():
            page.standalone(made.model_json, html, given=given, reference=reference,
                            **dict(look._asdict(), title=title or title_of(model)))
        if path is None:
            present(html, height)


def present(html: str, height: int) -> None:
    """Show a page's file: its text below a notebook's cell, a copy that stays in the browser."""
    with open(html, encoding="utf-8", newline="") as stream:
        text = stream.read()
    if not inline.display(text, height):
        target = inline.place()
        with files.writable(target), files.whole(target) as part, open(part, "w", encoding="utf-8",
                                                                       newline="") as stream:
            stream.write(text)
        inline.browse(target)


def title_of(model: Any) -> str:
    """Return the title of a model's page: its name, or its file's."""
    if api.is_path(model):
        return os.path.basename(os.path.normpath(os.fsdecode(model)))
    return str(getattr(model, "name", type(model).__name__))


def arrays_of(samples: Any, made: api.Converted) -> List[numpy.ndarray]:
    """Return samples as one array per input, in the model's order.  Raises Fault where they are of other inputs."""
    if isinstance(samples, dict):
        lacking = [name for name in made.inputs if name not in samples]
        if lacking or len(samples) != len(made.inputs):
            raise Fault(f"samples: give one array for each of the inputs {', '.join(made.inputs)}, not "
                        f"{', '.join(map(str, samples))}")
        parts = [samples[name] for name in made.inputs]
    else:
        parts = list(samples) if isinstance(samples, (list, tuple)) and len(made.inputs) > 1 else [samples]
    if len(parts) != len(made.inputs):
        raise Fault(f"samples: the model has {len(made.inputs)} inputs, {len(parts)} arrays are given")
    return [numpy.asarray(part) for part in parts]


def written_samples(samples: Any, y: Any, made: api.Converted, directory: str) -> Optional[str]:
    """Write the samples as viewer.samples.given reads them, and return the path, or None where there are none."""
    if samples is None:
        return None
    arrays = {f"input_{place}": array for place, array in enumerate(arrays_of(samples, made))}
    if y is not None:
        arrays["y"] = numpy.asarray(y).reshape(-1)
    path = os.path.join(directory, "the program")  # the page says: samples of the program
    if any(array.dtype.kind not in "fiub" for array in arrays.values()):
        raise Fault("samples: give arrays of numbers, as the model takes them")
    with open(path, "wb") as stream:
        numpy.savez(stream, **arrays)
    return path


def reference_of(model: Any, weights: Optional[str], made: api.Converted, layers: Optional[List[str]], samples: Any,
                 directory: str, trust: api.Names = None, input_shape: Any = None) -> Optional[str]:
    """Return the path of an npz of what Keras computes, None where that cannot be had."""
    values = of_file(model, weights, made, layers, trust) if api.is_path(model) \
        else of_live(model, made, samples, input_shape)
    if values is None:
        return None
    path = os.path.join(directory, "reference.npz")
    numpy.savez(path, **values)
    return path


def of_file(path: Any, weights: Optional[str], made: api.Converted, layers: Optional[List[str]],
            trust: api.Names) -> Optional[Dict[str, numpy.ndarray]]:
    """Return the values that the Keras of a file's own computes in a process of its own."""
    from . import verify
    from .builds.stages.showing import has_tensorflow
    if not has_tensorflow():
        return None
    source = api.command.separated(os.fsdecode(path), None if weights is None else os.fspath(weights))
    try:
        return verify.verify(source.source, made.model_json, layers, source.weights,
                             trust=api.trusted(trust)).values
    except Fault as fault:
        command.say(f"not compared with Keras: {fault}")
        return None


def of_live(model: Any, made: api.Converted, samples: Any,
            input_shape: Any) -> Optional[Dict[str, numpy.ndarray]]:
    """Return the values that a live model computes here; None where they cannot be had, which a line says."""
    fed = fed_to(made, samples)
    try:
        found = by_own_code(model, made, fed, input_shape) if live.own_code(model) else by_layers(model, made, fed)
    except child.REFUSALS + (Fault,) as error:
        command.say(f"not compared with Keras: {child.first_line(error)}")
        return None
    values = {f"input_{place}": array for place, array in enumerate(fed)}
    values.update((f"output_{place}", array.astype(numpy.float32)) for place, array in enumerate(found))
    return values


def by_layers(model: Any, made: api.Converted, fed: List[numpy.ndarray]) -> List[numpy.ndarray]:
    """Return the values of the outputs of a graph of Keras's own layers."""
    from .verification import by_keras
    root = live.root(live.keras_class(model, "Model"))
    keras = sys.modules["tensorflow"].keras if root == "tensorflow" else sys.modules[root]
    renamed = write_layers.source_names(made.model_json)
    return by_keras.values(keras, model, [renamed.get(name, name) for name in told(made)], fed)


def by_own_code(model: Any, made: api.Converted, fed: List[numpy.ndarray], input_shape: Any) -> List[numpy.ndarray]:
    """Return the values of the outputs of a model that was traced.  Raises Fault where it draws random numbers."""
    from .verification import by_keras
    found, again = [by_keras.called(model, told(made), fed, live.named(model), input_shape) for _ in range(2)]
    if not all(numpy.array_equal(*pair) for pair in zip(found, again)):
        raise Fault("it draws random numbers, others each time")
    return found


def told(made: api.Converted) -> List[str]:
    """Return the names of the outputs as they were asked for, in a graph model's order."""
    from .verify import names_told
    return (names_told(made.model_json) if made.format == "graph" else None) or made.outputs


def fed_to(made: api.Converted, samples: Any) -> List[numpy.ndarray]:
    """Return float32 inputs to compare on: the samples where the model takes them as they are, else random numbers."""
    described = predict.describe(made.model_json)["inputs"]
    if samples is not None:
        arrays = arrays_of(samples, made)
        if all(array.dtype != numpy.uint8 for array in arrays):
            return [array[:SAMPLES].reshape([len(array[:SAMPLES])] + [size or 1 for size in entry["shape"][1:]])
                    .astype(numpy.float32) if None not in entry["shape"][1:] else array[:SAMPLES].astype(numpy.float32)
                    for array, entry in zip(arrays, described)]
    random = numpy.random.RandomState(SEED)
    return [random.uniform(0, 1, [SAMPLES] + [size or 1 for size in entry["shape"][1:]]).astype(numpy.float32)
            for entry in described]
