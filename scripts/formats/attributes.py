"""Attributes of HDF5 files, read by another process first.

HDF5 (1.12, 1.14) goes round for ever in a damaged heap of texts, deaf to Ctrl-C, and h5py can only wait.  So a helper,
forked once per process and ended with it, opens the file too and reads the texts before they are read in earnest:
the same attributes in the same order, each whatever became of the one before.
"""
import atexit
import contextlib
import os
import signal
import struct
import warnings

from ..base import command
from ..base.fault import Fault

SECONDS = 3  # of processor time to read a group's attributes in, which takes microseconds


class Helper:
    """A forked process that reads the attributes it is asked for, and what connects it with this one."""

    def __init__(self):
        self.owner = os.getpid()
        asked, ask = os.pipe()
        self.answer, answers = os.pipe()
        # What ends a whole process group must reach the parent alone: a helper that it ended would look like a crash.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, command.NOTICED)
        with warnings.catch_warnings():  # of threads that the helper lacks: it needs none
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if not self.pid:
            try:
                serve(asked, answers)
            finally:
                os._exit(0)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        self.ask = os.fdopen(ask, "wb")
        os.close(asked)
        os.close(answers)

    def tries(self, path, name, wanted):
        """Whether the helper gets through the attributes called `wanted` of the group `name` in `path`."""
        request = "\0".join([path, name] + list(wanted)).encode("utf-8", "surrogateescape")
        try:
            self.ask.write(struct.pack("<I", len(request)) + request)
            self.ask.flush()
            return os.read(self.answer, 1) != b""
        except BrokenPipeError:  # it was killed while it waited
            return False

    def end(self):
        """End the helper, in the process that it belongs to."""
        with contextlib.suppress(BrokenPipeError):  # what it did not read any more
            self.ask.close()
        os.close(self.answer)
        if self.owner == os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


HELPER = []  # this process's, or nothing


def attempt(group, path, names):
    """Have the attributes of an h5py group that are called `names` read by the helper, unless they are numbers and
    texts of one length, for which HDF5 needs no heap.

    names: list of str, all that will be read in earnest, in that order; those that the group lacks are left out.
    Raises Fault where HDF5 does not come back from it or crashes; every other error comes again when they are read in
    earnest.  Without fork (Windows) nothing is tried.
    """
    names = [name for name in names if name in group.attrs]
    if not hasattr(os, "fork") or all(group.attrs.get_id(name).dtype.kind in "biufS" for name in names):
        return
    if HELPER and HELPER[0].owner != os.getpid():
        HELPER.pop().end()  # this process was forked from the one that it belongs to
    if not HELPER:
        HELPER.append(Helper())
        atexit.register(finish, HELPER[0])
    well = False
    try:
        well = HELPER[0].tries(os.path.abspath(group.file.filename), group.name, names)
    finally:
        if not well:  # also on Ctrl-C: what it was asked last must not be taken for the next answer
            HELPER.pop().end()
    if not well:
        raise Fault(f"{path}: HDF5 does not get through its attributes, the file is damaged")


def finish(helper):
    """End a helper before its process ends: nothing of a command is left when the command is over."""
    if helper in HELPER:
        HELPER.remove(helper)
        helper.end()


def serve(asked, answers):
    """In the helper: read what is asked for until the parent is gone.  Its only words are a byte for each request."""
    import resource

    import h5py
    # Nothing else of the parent's may outlive it here, its locks and pipes least of all.
    highest = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    kept = sorted((asked, answers))
    os.closerange(3, kept[0])
    os.closerange(kept[0] + 1, kept[1])
    os.closerange(kept[1] + 1, min(highest, 65536))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # it ends the process, whatever HDF5 is at
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    requests = os.fdopen(asked, "rb")
    for head in iter(lambda: requests.read(4), b""):
        request = requests.read(struct.unpack("<I", head)[0])
        path, name, *wanted = request.decode("utf-8", "surrogateescape").split("\0")
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        with contextlib.suppress(Exception):
            # By another driver: HDF5 would give what it knows of a file that was open here before the fork.
            with h5py.File(path, "r", driver="stdio") as file:
                attributes = file[name].attrs
                for key in wanted:
                    with contextlib.suppress(Exception):
                        attributes[key]
        signal.setitimer(signal.ITIMER_PROF, 0)
        os.write(answers, b".")
