"""Snapshots("out"): a Keras callback that keeps the model of each epoch, and a page with a slider over them.

    model.fit(x, y, epochs=10, callbacks=[Snapshots("out")])

    out/model.json and its shards        the model as it is now, what TensorSpace opens
    out/epochs/epochs.json, 0001.bin, …  the weights after each epoch, in the order of model.json's manifest
    out/index.html and what it needs     the page; served while the model trains (scripts.viewer.serve out), it follows

The topology is written once.  The callback works in Keras 3, tf_keras and the Keras of TensorFlow 2, and imports none
of them.
"""
import json
import os
import tempfile
from typing import Any, Dict, List, Optional

from . import api, showing
from .base import command, files
from .base.fault import Fault
from .formats.json_text import json_object
from .viewer import inline, page

MADE_BY = "scripts.snapshots"
INDEX = "epochs.json"


class Snapshots:
    """A callback with the methods of Keras's own, of every version.

    directory  where the model, its epochs and the page go; an earlier training's are replaced, foreign files are not
    every      epochs between two snapshots
    layers, input_shape, format   as api.convert's
    labels     one word per class, for the page
    page       False: write no page; a page takes Node

        >>> model.fit(x, y, epochs=10, callbacks=[Snapshots("out", labels=["cat", "dog"])])
    """

    _supports_tf_logs = False

    def __init__(self, directory: Any, every: int = 1, layers: api.Names = None, input_shape: Any = None,
                 format: str = "auto", labels: Optional[List[str]] = None, page: bool = True) -> None:
        if not isinstance(every, int) or isinstance(every, bool) or every < 1:
            raise Fault(f"every: {every!r} is no number of epochs: give 1 or more")
        self.directory, self.every, self.labels, self.page = os.fspath(directory), every, labels, page
        self.settings = {"layers": layers, "input_shape": input_shape, "format": format}
        self.model: Any = None
        self.params: Dict[str, Any] = {}
        self.entries: List[Dict[str, Any]] = []
        self.made: Optional[api.Converted] = None

    # What Keras calls ----------------------------------------------------------------------------------------

    def set_model(self, model: Any) -> None:
        """Take the model that trains."""
        self.model = model

    def set_params(self, params: Dict[str, Any]) -> None:
        """Take the training's settings."""
        self.params = params

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin anew, with the weights before the first epoch, where the model has some.

        Raises Fault where the model cannot be converted: before hours of training, not after.
        """
        self.entries, self.made = [], None
        self.remove_earlier()
        if getattr(self.model, "built", False) and not self.has_no_inputs():
            self.take(0, {})

    def on_epoch_end(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Keep the weights after an epoch; a fault here is a line, and the training goes on."""
        if (epoch + 1) % self.every:
            return
        try:
            self.take(epoch + 1, logs or {})
        except (Fault, OSError) as error:
            command.complain(f"epoch {epoch + 1} is not kept: {error}")

    def __getattr__(self, name: str) -> Any:
        """Nothing happens at the other moments: on_batch_end, on_test_begin, and those that Keras will add."""
        if name.startswith("on_"):
            return nothing
        if name.startswith("_implements_"):  # Keras 2 asks whether batches are of interest
            return lambda: False
        raise AttributeError(name)

    # What is kept ----------------------------------------------------------------------------------------------

    @property
    def epochs(self) -> str:
        """The directory of the epochs."""
        return os.path.join(self.directory, "epochs")

    def has_no_inputs(self) -> bool:
        """Tell whether a model does not know its input yet: a subclassed one that has not been called."""
        return not getattr(self.model, "inputs", None) and self.settings["input_shape"] is None \
            and not getattr(self.model, "_build_shapes_dict", None)

    def remove_earlier(self) -> None:
        """Remove the epochs of an earlier training.  Raises Fault for a foreign file in their place."""
        with files.writable(self.directory):
            if not os.path.lexists(self.epochs):
                return
            found = json_object(os.path.join(self.epochs, INDEX)) if os.path.isdir(self.epochs) and os.path.isfile(
                os.path.join(self.epochs, INDEX)) else None
            names = os.listdir(self.epochs) if os.path.isdir(self.epochs) else None
            if names and (found or {}).get("made-by") != MADE_BY:
                raise Fault(f"{self.epochs} is there already, and not of an earlier training: remove it, or name "
                            "another place")
            for name in names or ():
                if name == INDEX or name.endswith(".bin"):
                    os.remove(os.path.join(self.epochs, name))

    def take(self, epoch: int, logs: Dict[str, Any]) -> None:
        """Keep the model as it is now, as that of an epoch."""
        made = api.convert(self.model, self.directory, **self.settings)
        if self.made is not None and made.files != self.made.files:
            raise Fault(f"{self.directory}: the model has other weights than before")
        with files.writable(self.directory):
            os.makedirs(self.epochs, exist_ok=True)
            name = f"{epoch:04d}.bin"
            with open(os.path.join(self.epochs, name), "wb") as stream:
                for shard in made.files[1:]:
                    with open(os.path.join(self.directory, shard), "rb") as part:
                        stream.write(part.read())
            path = os.path.join(self.epochs, name)
            numbers = {key: float(value) for key, value in logs.items() if is_number(value)}
            self.entries.append({"epoch": epoch, "file": name, "bytes": os.path.getsize(path),
                                 "sha256": files.sha256(path), "logs": numbers})
            files.durable_json(os.path.join(self.epochs, INDEX), {"made-by": MADE_BY, "epochs": self.entries})
        if self.made is None and self.page:
            self.write_page(made)
        self.made = made

    def write_page(self, made: api.Converted) -> None:
        """Make the page of the training, once."""
        try:
            page.publish(made.model_json, self.directory, title=str(getattr(self.model, "name", "")) or None,
                         labels=self.labels, epochs=True)
        except Fault as fault:
            command.complain(f"no page: {fault}")

    def show(self, samples: Any = None, y: Any = None, height: int = showing.HEIGHT,
             path: Optional[str] = None) -> None:
        """Show the training so far as api.show does: a page in one piece, with the slider over the epochs.

        The arguments are those of show.  Raises Fault before the first snapshot.
        """
        if self.made is None:
            raise Fault(f"{self.directory}: no epoch is kept yet: give this callback to model.fit first")
        with tempfile.TemporaryDirectory(prefix="show-") as private:
            given = showing.written_samples(samples, y, self.made, private)
            reference = showing.reference_of(self.model, None, self.made, api.named(self.settings["layers"]), samples,
                                             private) if self.is_last() else None
            html = os.path.join(private, "model.html") if path is None else os.fspath(path)
            warning = inline.warning(page.weight(self.made.model_json) * (len(self.entries) + 1), True)
            if warning:
                command.say(warning)
            page.standalone(self.made.model_json, html, epochs=self.epochs, given=given, reference=reference,
                            title=showing.title_of(self.model), labels=self.labels)
            if path is None:
                showing.present(html, height)

    def is_last(self) -> bool:
        """Tell whether the model still has the weights of the last snapshot."""
        with tempfile.TemporaryDirectory(prefix="show-") as private:
            now = api.convert(self.model, private, **self.settings)
            return all(files.sha256(os.path.join(private, name)) == files.sha256(os.path.join(self.directory, name))
                       for name in now.files[1:])


def nothing(*given: Any, **settings: Any) -> None:
    """Do nothing."""


def is_number(value: Any) -> bool:
    """Tell whether a value of the logs is a finite number."""
    try:
        return json.dumps(float(value)) not in ("NaN", "Infinity", "-Infinity")
    except (TypeError, ValueError):
        return False
