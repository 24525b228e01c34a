"""Checkpoints of a training: one npz with every variable of model and optimizer, written whole at each epoch's end.

    identity   JSON text: data, settings, code and versions of the training; another training does not use the file
    epochs     the number of finished epochs
    model N, optimizer N   the variables' values, in the order in which Keras lists them
"""
import json
import os
import zipfile
from typing import Any, Dict

import numpy

from ..base import command, files
from ..base.fault import Fault


def variables(model: Any) -> Dict[str, Any]:
    """Return {key: variable} of everything that the next epoch depends on; the optimizer's are made if need be."""
    optimizer = model.optimizer
    if hasattr(optimizer, "_create_all_weights"):  # Keras 2.6, which has no public name for it
        optimizer._create_all_weights(model.trainable_variables)
    elif not optimizer.built:
        optimizer.build(model.trainable_variables)
    states = optimizer.variables() if callable(optimizer.variables) else optimizer.variables
    found = {f"model {number}": variable for number, variable in enumerate(model.weights)}
    found.update((f"optimizer {number}", variable) for number, variable in enumerate(states))
    return found


def keep(model: Any, path: str, identity: dict, epochs: int) -> None:
    """Write the checkpoint `path` after `epochs` epochs.  identity: JSON-able."""
    arrays = {key: variable.numpy() for key, variable in variables(model).items()}
    with files.writable(path):
        try:
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise Fault(f"{path}: no checkpoint can be kept there ({error.strerror}): name another place")
        with files.whole(path, os.path.isfile) as part, open(part, "wb") as stream:
            numpy.savez(stream, identity=json.dumps(identity, sort_keys=True), epochs=epochs, **arrays)


def restore(model: Any, path: str, identity: dict) -> int:
    """Give `model` the values in the checkpoint `path`; return the number of epochs that gave them.

    0, and a line that says why, where the file is damaged or of a training of something else.  Raises Fault where it is
    no checkpoint: the first one would take its place.
    """
    own = variables(model)  # in either case: Keras 2.6 names an optimizer's variables by where they are made
    if not os.path.lexists(path):
        return 0
    if not os.path.isfile(path):
        raise foreign(path)
    try:
        with open(path, "rb") as file:
            start = file.read(4)
        if not b"PK\x03\x04".startswith(start):  # no archive, cut short or not
            raise foreign(path)
        with numpy.load(path) as file:
            if "identity" not in file.files:
                raise foreign(path)
            arrays = {key: file[key] for key in file.files}
        old, epochs = json.loads(str(arrays["identity"])), int(arrays["epochs"])
        values = [(variable, arrays[key]) for key, variable in own.items()] if old == identity else []
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        command.say(f"{path} is damaged: training from the start")
        return 0
    if old != identity:
        changed = sorted(key for key in set(old) | set(identity) if old.get(key) != identity.get(key))
        command.say(f"{path} is of another training ({', '.join(changed)} changed): training from the start")
        return 0
    for variable, value in values:
        variable.assign(value)
    command.say(f"resuming after epoch {epochs}: {path}")
    return epochs


def foreign(path: str) -> Fault:
    """Return the Fault for a file that is no checkpoint."""
    return Fault(f"{path} is there already and is no checkpoint: name another place")
