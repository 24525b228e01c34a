"""The Keras 2 of this stack, without its warnings, and the h5 that Keras writes, without timestamps."""
import importlib
import os
import sys
import types
from typing import Any

from ..base import child, command, files, place
from ..base.fault import Fault


def legacy_keras() -> types.ModuleType:
    """Import and return the Keras 2 of this stack: keras 2.6 on py36, tf_keras on modern.

    Raises Fault where it is not installed.
    """
    child.hush()
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    try:
        with child.importing():
            return importlib.import_module("keras" if sys.version_info < (3, 7) else "tf_keras")
    except ImportError as error:
        raise Fault(f"Keras 2 is not installed here ({command.one_line(error)}): {place.installs_reference()} "
                    "installs it")


def save_h5(model: Any, path: str) -> None:
    """Write a Keras model as h5 at `path`, whole or not at all, the same bytes for the same model.

    TensorFlow 2.6's h5py stamps the time on each dataset; everything is copied into a file without stamps.
    """
    import h5py
    child.hush()
    stamped = f"{path}.{os.getpid()}.h5"
    try:
        model.save(stamped)
        with files.whole(path) as part, h5py.File(stamped, "r") as source, h5py.File(part, "w") as target:
            _copy(source, target)
    finally:
        if os.path.exists(stamped):
            os.remove(stamped)


def _copy(source, target):
    """Copy attributes, datasets and groups of an h5py group, in the order of their names, without timestamps."""
    import h5py
    for name in sorted(source.attrs):
        kind = source.attrs.get_id(name)
        target.attrs.create(name, source.attrs[name], shape=kind.shape, dtype=kind.dtype)
    for name in sorted(source):
        if isinstance(source[name], h5py.Group):
            _copy(source[name], target.create_group(name))
        else:
            target.create_dataset(name, data=source[name][()], dtype=source[name].dtype, track_times=False)
