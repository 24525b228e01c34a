"""A file's sha256 and its stat, which tell whether it changed."""
import errno
import json
import os
import stat
import time
from typing import Any, Iterable, Optional

from ..base import files
from ..base.fault import Fault

# A file whose ctime is this close to now may change again without its stat telling (git's "racy" entries);
# two seconds is the coarsest clock of the file systems in use (FAT).
RACY_NS = 2 * 10 ** 9


class Digests:
    """sha256 of files, remembered by their stat: an unchanged file is known without reading it.

    The memory is a cache beside doit's state, never part of an artifact.  An entry is [size, mtime, ctime,
    inode, sha256]; a file whose ctime is as new as the clock is never kept, since a later edit in the same tick would
    keep that stat.  Within a run such a file is remembered too, for a caller that takes the digest of the last
    reading (`last`) and makes sure in the end.
    """

    def __init__(self, path: Optional[str] = None) -> None:
        self.path, self.read = path, None
        self.entries = {}
        self.young = {}  # entries too new to be kept
        self.changed = False
        self._begun = {}  # {path: Future} of files that threads are hashing
        self.merge()

    def merge(self) -> None:
        """Take over the entries that other runs have kept since the last reading."""
        try:
            status = seen_by(os.stat(self.path)) if self.path else None
            if status == self.read:
                return
            with open(self.path, encoding="utf-8") as stream:
                kept = {key: value for key, value in json.load(stream).items() if len(value) == 5}
        except (OSError, ValueError, AttributeError, TypeError):
            return  # a cache: what cannot be read is measured again
        self.entries, self.read = dict(kept, **self.entries), status

    def begin(self, paths: Iterable[str], pool: Any) -> None:
        """Have the threads of `pool` (concurrent.futures) hash files; `of` waits for the one that it is asked about."""
        for path in paths:
            self._begun[path] = pool.submit(self._measured, path, True)

    def of(self, path: str, last: bool = False) -> Optional[str]:
        """Return the sha256 of the file `path`, or None where there is no such file.

        last  True: the digest of the last reading will do, where the stat is the same
        """
        begun = self._begun.pop(path, None)
        if begun is not None:
            begun.result()  # raises what the thread did
        return self._measured(path, last)

    def _measured(self, path: str, last: bool) -> Optional[str]:
        try:
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                return "a link to itself"
            name = path if len(path) < 200 else path[:80] + "…"
            raise Fault(f"{name}: {error.strerror}")  # not for this user, a name too long, a disk without answer
        if not stat.S_ISREG(status.st_mode):
            return "no file"  # a directory, a pipe, a device, where a file is meant: equal to no digest
        seen = seen_by(status)
        entry = self.entries.get(path) or (last and self.young.get(path)) or None
        if entry is not None and entry[:4] == seen:
            return entry[4]
        age = int(time.time() * 10 ** 9) - status.st_ctime_ns
        try:
            digest = files.sha256(path)
        except PermissionError as error:
            raise Fault(f"{path} cannot be read by user {os.getuid()} ({error.strerror})")
        if age > RACY_NS:
            self.entries[path] = seen + [digest]
            self.changed = True
        else:
            self.young[path] = seen + [digest]
        return digest

    @staticmethod
    def stamp(path: str) -> Optional[list]:
        """Return what changes when the file `path` is written, even where its bytes are the same afterwards."""
        try:
            return seen_by(os.stat(path))
        except OSError:
            return None

    def moved(self, source: str, target: str, digest: str) -> None:
        """Take note that `source`, of this digest, was just moved to `target`."""
        for known in (self.entries, self.young):
            known.pop(source, None)
        self.young[target] = seen_by(os.stat(target)) + [digest]

    def save(self) -> None:
        """Keep the cache for the next run."""
        if not (self.path and self.changed):
            return
        self.merge()
        files.keep(self.path, json.dumps(self.entries, separators=(",", ":")))


def seen_by(status: os.stat_result) -> list:
    """Return what tells that a file changed, of its os.stat_result."""
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
