"""Files: how one is written whole or not at all, and never over another.

A command writes where its user says by `whole`, `into` or `deliver`; builds/records.py writes into models/.
"""
import contextlib
import errno
import fcntl
import glob
import hashlib
import json
import os
import re
import shutil
import tempfile
from typing import Any, Callable, Iterable, Iterator, List, Optional, Sequence, Tuple

from .fault import Fault

CHUNK = 1 << 22  # bytes hashed at a time: threads that hash seldom wait for others
TURNS = 100  # tries to make a directory that others take away meanwhile
IN_THE_WAY = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENOTEMPTY)


def sha256(path: str) -> str:
    """Return the hex sha256 of the file `path`."""
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as stream:
        room = memoryview(bytearray(min(CHUNK, max(1, os.fstat(stream.fileno()).st_size))))
        for count in iter(lambda: stream.readinto(room), 0):
            digest.update(room[:count])
    return digest.hexdigest()


def files_of(path: str, links: bool = True) -> List[str]:
    """Return the files that make up an input: itself, or every file below a directory, sorted.

    links  whether links to directories are followed
    """
    if not os.path.isdir(path):
        return [path]
    found, seen = [], set()
    for directory, names, own in os.walk(path, followlinks=links):
        if identity(directory) in seen:  # a link to a directory above it, say
            names[:] = []
            continue
        seen.add(identity(directory))
        names.sort()
        found += [os.path.join(directory, name).replace(os.sep, "/") for name in sorted(own)]
    return found


def at_once(path: str, flags: int) -> int:
    """Open a file for reading, without waiting where it is a pipe without a writer."""
    return os.open(path, flags | os.O_NONBLOCK)


def durable_json(path: str, value: Any) -> None:
    """Write `value` as JSON to `path`; after a power cut the whole new file is there, or the whole old one."""
    temporary = path + ".new"
    with open(temporary, "w", encoding="utf-8") as stream:
        json.dump(value, stream, indent=1, sort_keys=True, ensure_ascii=True)
        stream.write("\n")
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, path)
    flush_directory(os.path.dirname(path))


def keep(path: str, text: str) -> None:
    """Write a cache, whole or not at all.  If it cannot be written, its content is computed again the next time."""
    # Several builds of other models may do so at once, on other machines too.
    temporary = f"{path}.{os.uname().nodename}.{os.getpid()}.new"
    try:
        try:
            with open(temporary, "w", encoding="utf-8") as stream:
                stream.write(text)
            os.replace(temporary, path)
        finally:
            if os.path.exists(temporary):
                os.remove(temporary)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.ENOENT,
                               errno.EFBIG, errno.EISDIR):
            raise


def flush(paths: Iterable[str]) -> None:
    """Make the contents of files durable."""
    for path in paths:
        with open(path, "rb") as stream:
            os.fsync(stream.fileno())


def flush_directory(path: str) -> None:
    """Make the names in a directory durable: a rename is not until its directory is."""
    descriptor = os.open(path or ".", os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def beside(path: str, target: str) -> str:
    """Return the file `path` where a rename can put it in the place of `target`: itself, or a copy on that disk."""
    directory, name = os.path.split(target)
    if os.stat(directory or ".").st_dev == os.stat(path).st_dev:
        return path
    copy = os.path.join(directory, f".{name}.new")
    try:
        shutil.copyfile(path, copy)
        flush([copy])
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(copy)
        raise
    return copy


def make_directory(path: str) -> None:
    """Make a directory, while another process (doit -n 2) may remove the same parent because it is empty."""
    for _ in range(1000):
        with contextlib.suppress(FileNotFoundError):
            return os.makedirs(path)
    os.makedirs(path)


@contextlib.contextmanager
def writable(root: str) -> Iterator[None]:
    """Turn the system's refusals to write below `root` into one line that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise Fault(f"{error.filename or root}: {os.strerror(error.errno)}; nothing is half-written, run again "
                        "when there is room")
        place = os.fsdecode(error.filename or "")
        if error.errno in (errno.EACCES, errno.EPERM) and os.path.isfile(place) and not os.access(place, os.R_OK):
            raise Fault(f"{place} cannot be read by user {os.getuid()} ({os.strerror(error.errno)})")
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise Fault(f"{error.filename or root} cannot be written by user {os.getuid()} "
                        f"({os.strerror(error.errno)}): give this user the directory, or build as its owner")
        if error.errno == errno.EIO:
            raise Fault(f"{error.filename or root}: the disk failed ({os.strerror(error.errno)})")
        if error.errno == errno.ENOENT and (place + os.sep).startswith(root.rstrip(os.sep) + os.sep):
            missing = os.path.dirname(place)
            while missing and not os.path.lexists(missing):
                missing = os.path.dirname(missing)
            if os.path.islink(missing) and not os.path.exists(missing):
                raise Fault(f"{missing} is a link that leads nowhere (a disk that is not mounted?): make what it "
                            "leads to, or remove the link")
            if not os.path.isdir(os.path.dirname(place)):
                raise Fault(f"{os.path.dirname(place)} was moved or removed while it was written to: run again")
        if error.errno in IN_THE_WAY and (place + os.sep).startswith(root.rstrip(os.sep) + os.sep):
            while place and not os.path.lexists(place):  # an entry that is no directory stands further up
                place = os.path.dirname(place)
            raise Fault(f"{place} is in the way of what is built, and no file or directory of this project's making: "
                        "move it")
        raise


def vacant(path: str, replaceable: Optional[Callable[[str], bool]] = None) -> None:
    """Raise Fault where a file that the user named cannot be written without the loss of what is there.

    replaceable  replaceable(path) tells whether the file there is an earlier result; by default none is
    """
    if os.path.lexists(path) and not os.path.isfile(path):  # a device, a pipe, a directory
        raise Fault(f"{path} is there and is no ordinary file: name another place")
    if os.path.lexists(path) and not (replaceable and replaceable(path)):
        raise Fault(f"{path} is there already: remove it, or name another place")
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise Fault(f"{path} cannot be written: there is no directory {folder}: make it, or name another place")


@contextlib.contextmanager
def whole(path: str, replaceable: Optional[Callable[[str], bool]] = None) -> Iterator[str]:
    """Yield the name of a file beside `path` to write to; in the end it is `path`, or nothing is left of it.

    A file that is there already stays, and is a Fault, as `vacant` says; with replaceable=os.path.isfile any file is
    replaced.  The rest of an earlier attempt, by a process that was killed on this machine, is removed.
    """
    vacant(path, replaceable)
    # A few letters for this machine: its name may be as long as a file's may be.
    machine = hashlib.sha256(os.uname().nodename.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    own = f"{path}.{machine}."
    part = f"{own}{os.getpid()}.part"
    for left in glob.glob(glob.escape(own) + "*.part"):
        writer = left[len(own):-len(".part")]
        if re.match("[1-9][0-9]*$", writer) and not alive(int(writer)):
            with contextlib.suppress(OSError):  # another process's like this one removes it too
                os.remove(left)
    try:
        yield part
        vacant(path, replaceable)  # it may have come meanwhile
        os.replace(part, path)
    finally:
        if os.path.exists(part):
            os.remove(part)


def alive(pid: int) -> bool:
    """Tell whether a process of this number runs on this machine."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def deliver(directory: str, names: Sequence[str], target: str, owned: Sequence[str] = ()) -> None:
    """Move the files `names` (the one that names the others last) from `directory` into `target`, whole.

    For a command that writes where its user says, outside the records.  `owned` are names in `target` that
    the caller knows to be an earlier result of its own; any other file in the way is a Fault.
    """
    with writable(target):
        os.makedirs(target, exist_ok=True)
        for name in names:
            place = os.path.join(target, name)
            if os.path.lexists(place) and name not in owned:
                raise Fault(f"{place} is there already: remove it, or name another place")
        folders = sorted({os.path.dirname(os.path.join(target, name)) for name in names})
        for folder in folders:
            os.makedirs(folder, exist_ok=True)
        for name in list(names)[-1:] + [name for name in owned if name not in names]:
            with contextlib.suppress(FileNotFoundError):
                os.remove(os.path.join(target, name))
        for name in names:
            os.chmod(os.path.join(directory, name), 0o666 & ~UMASK)
            os.replace(os.path.join(directory, name), os.path.join(target, name))
        for folder in folders:
            flush_directory(folder)


def into(directory: str, write: Callable[[str], List[str]], owned: Sequence[str] = (),
         read: Iterable[str] = ()) -> List[str]:
    """Call `write(path)` with a new empty directory, and `deliver` the files that it names, the first of them last, to
    `directory`, which need not be there.  Returns the names.

    Raises Fault where that would replace one of the files `read`.
    """
    directory = directory.rstrip(os.sep) or directory[:1]
    before = {name: stamp(os.path.join(directory, name)) for name in owned}
    sources = {identity(path) for path in (set(read) if owned else ())} - {None}
    for path in [os.path.join(directory, name) for name in owned]:
        if identity(path) in sources:
            raise Fault(f"{path} belongs to the source, and would be overwritten: name another place")
    with writable(directory):
        new, parent = [], directory
        while parent and not os.path.isdir(parent):
            new.append(parent)
            parent = os.path.dirname(parent)
        try:
            with private_inside(directory) as private:
                names = write(private)
                with one_at_a_time(directory):
                    for name in owned:
                        if stamp(os.path.join(directory, name)) not in (before[name], None):
                            raise Fault(f"{os.path.join(directory, name)} was replaced by another command meanwhile: "
                                        "run again, or name another place")
                    deliver(private, names[1:] + names[:1], directory, owned)
        finally:
            for made in new:
                with contextlib.suppress(OSError):  # not empty, never made, or another command that failed took it away
                    os.rmdir(made)
    return names


def private_inside(directory: str) -> "tempfile.TemporaryDirectory[str]":
    """Make `directory`, and an empty directory in it that goes with the block.  Raises Fault where none can be made.

    Another command that fails takes away the empty directories that it made, which may be these, at any moment.
    """
    for _ in range(TURNS):
        try:
            os.makedirs(directory, exist_ok=True)
            return tempfile.TemporaryDirectory(prefix=".", dir=directory)
        except FileNotFoundError as error:
            why = error
        except (FileExistsError, NotADirectoryError) as error:
            why = error
            break
    raise Fault(f"{directory}: no directory can be made there ({why.strerror}): name another place")


@contextlib.contextmanager
def one_at_a_time(directory: str) -> Iterator[None]:
    """Lock a directory against other commands that deliver files there, if its file system has locks."""
    descriptor = None
    try:
        with contextlib.suppress(OSError):
            descriptor = os.open(directory, os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def stamp(path: str) -> Optional[Tuple[int, int, int, int]]:
    """Return what changes when the file `path` is replaced; None where there is none."""
    with contextlib.suppress(OSError):
        found = os.stat(path)
        return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def identity(path: str) -> Optional[Tuple[int, int]]:
    """Return (device, inode), which tell a file apart whatever path leads to it; None where there is none."""
    with contextlib.suppress(OSError):
        found = os.stat(path)
        return found.st_dev, found.st_ino


UMASK = os.umask(0o022)  # read once: it can only be read by setting it, and threads share it
os.umask(UMASK)
