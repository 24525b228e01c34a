"""The stages that take a trained Keras or TensorFlow model to one that TensorSpace opens.

Each module is one stage, one reader or one piece of ground; every stage has a command line:
``python -m scripts.STAGE --help``.  Nothing here imports TensorFlow, Keras or h5py when it is itself imported.
"""


class Fault(Exception):
    """What the user gave is at fault: a file, a name, a setting.

    The message is one line: what is wrong, where, and what to do about it.  A command prints it on
    stderr and exits with 1; every other exception that leaves a stage is a bug of ours.
    """
