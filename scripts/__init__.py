"""The stages that take a trained Keras or TensorFlow model to one that TensorSpace opens.

    build       doit's side: reports, names, ends       stages      what each stage reads, runs and writes
    preprocess  the whole way in one command            bootstrap   the environments, from the locks
    train       encapsulate  convert  graph             the stages  (graph: TensorFlow's own graphs)
    recipes     resume  workers                         an epoch of training, checkpoints, several machines
    verify      oracle  reference                       against Keras, and the guide's own route
    viewer/     the page, its server, its browser       summary     the table of layers
    image       engines  reproduce                      the image, by docker, podman or buildah
    doctor      sbom  lock  audit                       this machine, what is pinned
    formats/    one reader per source format            dataset     the images to train on
    model       topology  references  outputs           a model as data: layers, graph, chosen outputs
    dialect     supported  variables  shapes            Keras 3 and 1 -> what TensorFlow.js reads
    masks       execution  normalization                what it computes otherwise, or has under another name
    graph_operations                                    the same of TensorFlow's operations
    shards      checkpoint                              TensorFlow.js's and TensorFlow's binary formats
    catalog     artifacts  digests  files               models.toml, records, what changed, whole files
    stack       child  command                          versions, processes, the edge

Arrows run down.  Each module is one of these; every stage has a command line: ``python -m scripts.STAGE --help``.
Nothing here imports TensorFlow, Keras or h5py when it is itself imported.
"""
import sys


class Fault(Exception):
    """What the user gave is at fault: a file, a name, a setting.

    The message is one line: what is wrong, where, and what to do about it.  A command prints it on
    stderr and exits with 1; every other exception that leaves a stage is a bug of ours.
    """


def lacking(error):
    """Return the line for an ImportError of a package that this Python lacks, None for any other exception."""
    package = (getattr(error, "name", None) or "").split(".")[0]
    if isinstance(error, ModuleNotFoundError) and package not in ("", "scripts"):
        return ("%s has no %s: `make` puts it into .venv; run this with .venv/bin/python (.venv-py36/bin/python for "
                "the stack of Python 3.6)" % (sys.executable, package))


def _hook(kind, error, trace):
    line = lacking(error)
    if line:
        sys.stderr.write(line + "\n")
    else:
        sys.__excepthook__(kind, error, trace)


if sys.argv[:1] == ["-m"]:  # `python -m scripts.STAGE`, whose own imports come before anything that could catch this
    sys.excepthook = _hook
