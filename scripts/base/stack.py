"""The Python stack, of two, that this process runs on, and what pins it.

`py36` is what the image pins (TensorFlow 2.6, Keras 2.6); `modern` is a current Python with Keras 3.
The stack is a dependency of every artifact: one stack rebuilds what the other has built.
"""
import functools
import glob
import hashlib
import os
import re
import sys
from typing import Any, Dict, Iterable, Optional

from .place import CHECKOUT, ROOT

NAME = "py36" if sys.version_info < (3, 7) else "modern"
LOCKS = os.path.join(ROOT, "docker", "locks")
# What a role's results depend on where no lock pins it: the packages that its stages import.
PACKAGES = {
    "convert": ("h5py", "numpy"),
    "train": ("h5py", "keras", "numpy", "tensorflow", "tensorflow-cpu", "tensorflowjs", "tf-keras"),
    "view": ("h5py", "numpy"),
}


def lock(role: str) -> str:
    """Return the path of the lock of `role` ("convert", "train", "test", …) on this stack."""
    return os.path.join(LOCKS, f"{NAME}-{role}.txt")


@functools.lru_cache(None)
def identity(role: str) -> Dict[str, Any]:
    """Return what a record names this stack by: {"name": stack, "lock": sha256 of the role's lock}.

    A wheel has no locks: where pip installed this package, a stack goes by its versions,
    {"name": stack, "python": "3.12", "packages": {"numpy": "2.3.1", …}}.
    """
    if CHECKOUT:
        with open(lock(role), "rb") as stream:
            return {"name": NAME, "lock": hashlib.sha256(stream.read()).hexdigest()}
    there = installed()
    return {"name": NAME, "python": "{}.{}".format(*sys.version_info),
            "packages": {name: there[name] for name in PACKAGES[role] if name in there}}


def canonical(name: str) -> str:
    """Return a package's name as PEP 503 normalizes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed(paths: Optional[Iterable[str]] = None) -> Dict[str, str]:
    """Return {name: version} of the packages on `paths` (default sys.path), by their .dist-info directories."""
    found = {}
    for place in sys.path if paths is None else paths:
        for directory in glob.glob(os.path.join(glob.escape(place or "."), "*.dist-info")):
            name, _, version = os.path.basename(directory)[:-len(".dist-info")].partition("-")
            found.setdefault(canonical(name), version)
    return found
