"""Attributes of HDF5 files: another process reads them first.

HDF5 (1.12, 1.14) loops for ever in a damaged heap of texts.  Ctrl-C does not end the loop, and h5py can only wait.
So a helper process reads the texts first.  It reads the same attributes in the same order, and goes on after an error
in one of them.  It is forked once per process and ends with that process.
"""
import atexit
import contextlib
import os
import signal
import struct
import threading
import warnings
from typing import TYPE_CHECKING, List, Sequence

from ..base import command
from ..base.fault import Fault

if TYPE_CHECKING:
    import h5py

SECONDS = 3  # of processor time for a group's attributes; sound ones take microseconds


class Helper:
    """A forked process that reads attributes, and the two pipes to it."""

    def __init__(self) -> None:
        # h5py's lock.  A helper forked while another thread has it would wait for that thread, which it lacks, for
        # ever.  h5py takes it before a fork by itself since Python 3.7.
        from h5py._objects import phil
        self.owner = os.getpid()
        asked, ask = os.pipe()
        self.answer, answers = os.pipe()
        # A signal to the whole process group must reach the parent alone: a helper that it ended looks like a crash.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, command.NOTICED)
        with phil, warnings.catch_warnings():  # about threads: the helper has none and needs none
            for kind in (DeprecationWarning, RuntimeWarning):  # Python's, and JAX's where Keras runs on it
                warnings.simplefilter("ignore", kind)
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

    def tries(self, path: str, name: str, wanted: Sequence[str]) -> bool:
        """Return whether the helper gets through the attributes `wanted` of the group `name` in the file `path`."""
        request = "\0".join([path, name] + list(wanted)).encode("utf-8", "surrogateescape")
        try:
            self.ask.write(struct.pack("<I", len(request)) + request)
            self.ask.flush()
            return os.read(self.answer, 1) != b""
        except BrokenPipeError:  # the helper was killed while it waited
            return False

    def end(self) -> None:
        """Close the pipes, and end the helper where this process is its parent."""
        with contextlib.suppress(BrokenPipeError):  # from a request that the helper did not read any more
            self.ask.close()
        os.close(self.answer)
        if self.owner == os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


HELPER: List[Helper] = []  # this process's one, or empty
ONE_AT_A_TIME = threading.Lock()  # threads of a program share the helper


def attempt(group: "h5py.Group", path: str, names: Sequence[str]) -> None:
    """Let the helper read the attributes `names` of a group of the file `path`.

    names: all attributes that the caller reads afterwards, in its order; those that the group lacks are left out.
    Numbers and texts of one length stand in no heap, and the helper is not asked about those alone.
    Raises Fault where HDF5 does not come back or crashes.  Every other error comes again when the caller reads.
    Without fork (Windows) nothing is tried.
    """
    names = [name for name in names if name in group.attrs]
    if not hasattr(os, "fork") or all(group.attrs.get_id(name).dtype.kind in "biufS" for name in names):
        return
    with ONE_AT_A_TIME:
        well = asked(os.path.abspath(group.file.filename), group.name, names)
    if not well:
        raise Fault(f"{path}: HDF5 does not get through its attributes, the file is damaged")


def asked(path: str, group: str, names: Sequence[str]) -> bool:
    """Return whether this process's helper, which is started where there is none, gets through the attributes."""
    if HELPER and HELPER[0].owner != os.getpid():
        HELPER.pop().end()  # it belongs to the parent of this process
    if not HELPER:
        HELPER.append(Helper())
        atexit.register(finish, HELPER[0])
    well = False
    try:
        well = HELPER[0].tries(path, group, names)
    finally:
        if not well:  # also on Ctrl-C: its late answer must not be taken for the next one
            HELPER.pop().end()
    return well


def finish(helper: Helper) -> None:
    """End a helper before its process ends: no process is left when a command is over."""
    if helper in HELPER:
        HELPER.remove(helper)
        helper.end()


def serve(asked: int, answers: int) -> None:
    """Read attributes in the helper, and answer each request with one byte, until the parent is gone.

    asked, answers: file descriptors.  A request is its length (uint32, little-endian), then path, group and names of
    attributes in UTF-8, with a zero byte between two of them.
    """
    import resource

    import h5py
    # The parent's other files, its locks and pipes above all, must not outlive it here.
    highest = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    kept = sorted((asked, answers))
    os.closerange(3, kept[0])
    os.closerange(kept[0] + 1, kept[1])
    os.closerange(kept[1] + 1, min(highest, 65536))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # it ends the process at any place in HDF5
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    requests = os.fdopen(asked, "rb")
    for head in iter(lambda: requests.read(4), b""):
        request = requests.read(struct.unpack("<I", head)[0])
        path, name, *wanted = request.decode("utf-8", "surrogateescape").split("\0")
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        with contextlib.suppress(Exception):
            # Another driver reads the file anew: HDF5 keeps what it knows of files that were open before the fork.
            with h5py.File(path, "r", driver="stdio") as file:
                attributes = file[name].attrs
                for key in wanted:
                    with contextlib.suppress(Exception):
                        attributes[key]
        signal.setitimer(signal.ITIMER_PROF, 0)
        os.write(answers, b".")
