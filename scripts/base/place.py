"""The place of this code: a checkout, as the package `scripts`, or where pip installed it, as `tensorspace_keras`.

A line that advises a command asks here how the command is spelled in that place.
"""
import os
import sys

PACKAGE = __name__.split(".")[0]
CHECKOUT = PACKAGE == "scripts"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # of the checkout, or site-packages
DISTRIBUTION = "tensorspace-keras-build"  # setup.cfg's name
# setup.cfg's console_scripts, by the module that they run.
CONSOLE = {"preprocess": ("tensorspace-preprocess", "tensorspacejs_converter"), "build": ("tensorspace-build",),
           "check": ("tensorspace-check",)}
# What needs more than converting does: the extra of setup.cfg that holds it, by the name that is imported.
EXTRAS = {"tensorflow": "tensorflow", "keras": "tensorflow", "sklearn": "tensorflow"}


def spelled(module: str) -> str:
    """Return the command that runs a module of this package: "python -m scripts.preprocess" for "preprocess".

    An installed module with a console command goes by that name, and by the one that it was started as.
    """
    names = CONSOLE.get(module, ())
    if CHECKOUT or not names:
        return f"python -m {PACKAGE}.{module}"
    own = os.path.basename(sys.argv[0])
    return own if own in names else names[0]


def doit(words: str = "") -> str:
    """Return the command that builds: "doit convert:mine" for "convert:mine"."""
    return " ".join(filter(None, ["doit" if CHECKOUT else "tensorspace-build", words]))


def makes(target: str = "") -> str:
    """Return the command that builds what the catalogue asks for: "`make view`" for "view"."""
    return f"`{' '.join(['make', target]).strip()}`" if CHECKOUT else f"`{doit(target)}`"


def advice(text: str) -> str:
    """Return a text with every `python -m scripts.MODULE` in it spelled as here."""
    if CHECKOUT:
        return text
    first, *others = text.split("python -m scripts.")
    for part in others:
        words = part.split(None, 1)
        module = words[0].rstrip(".,:;)`")
        first += spelled(module) + part[len(module):]
    return first


def installs(package: str) -> str:
    """Return the command that brings a package, by the name that is imported, to the Python that runs this."""
    if CHECKOUT:
        return "`make`"
    extra = EXTRAS.get(package)
    return f"`{sys.executable} -m pip install \"{DISTRIBUTION}[{extra}]\"`" if extra \
        else f"`{sys.executable} -m pip install {package}`"


def installs_reference() -> str:
    """Return the command that brings the official converter and its Keras 2 to the Python that runs this.

    They go without their dependencies: docker/locks/modern-reference.in says why.
    """
    if CHECKOUT:
        return f"`{sys.executable} scripts/bootstrap.py reference`"
    return f"`{sys.executable} -m pip install --no-deps tensorflowjs tf-keras`"
