"""manifest.json, beside a converted model: sha256 of every input and output, versions, settings.

Nothing in it depends on the time, the machine or the path.  What converts depends on the code of this module.
"""
import json
import os
import sys
from typing import Any, Dict, List, Optional, Sequence

from ..base import stack
from .digests import Digests

NAME = "manifest.json"


def inputs(source: Sequence[str], trusted: Sequence[str] = (), enc_model: Optional[str] = None) -> Dict[str, str]:
    """Return {name in the manifest: path} of the files that a model is converted from.

    source   the files of the source model
    trusted  the files of Python that run
    """
    found = {"source" if len(source) == 1 else f"source/{index}": path for index, path in enumerate(source)}
    found.update((f"trust/{index}", path) for index, path in enumerate(trusted))
    found.update({} if enc_model is None else {"enc_model.h5": enc_model})
    return found


def write(directory: str, files: List[str], digests: Digests, **told: Any) -> None:
    """Write manifest.json about the converted model in `directory`.

    files    names of all its files
    digests  knows the sha256 of files
    told     the other values of the manifest by their keys: name, inputs ({name: sha256}), settings, layers, format;
             layout and trained where they are not None
    """
    from concurrent.futures import ThreadPoolExecutor  # not where all is up to date

    import numpy
    with ThreadPoolExecutor(2) as pool:
        digests.begin([os.path.join(directory, name) for name in files], pool)
        outputs = {name: digests.of(os.path.join(directory, name), last=True) for name in files}
    versions = {"stack": stack.identity("convert"), "python": "{}.{}".format(*sys.version_info),
                "numpy": numpy.__version__, "h5py": version_of_h5py()}
    manifest = dict(told, outputs=outputs, versions=versions)
    for key in ("layout", "trained"):
        if manifest.get(key) is None:
            manifest.pop(key, None)
    with open(os.path.join(directory, NAME), "w", encoding="utf-8") as stream:
        json.dump(manifest, stream, indent=1, sort_keys=True)
        stream.write("\n")


def version_of_h5py() -> str:
    """Return the version of h5py, which is not imported where Python knows it without (3.8)."""
    try:
        from importlib import metadata
        return metadata.version("h5py")
    except ImportError:
        import h5py
        return h5py.__version__
