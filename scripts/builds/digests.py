"""What tells whether a file changed: its sha256, and its stat."""
import errno
import json
import os
import stat
import time

from ..base import files
from ..base.fault import Fault

# A file whose ctime is this close to now may change again without its stat telling (git's "racy" entries);
# two seconds is the coarsest clock of the file systems in use (FAT).
RACY_NS = 2 * 10 ** 9


class Digests:
    """sha256 of files, remembered by their stat: an unchanged file is known without reading it.

    The memory is a cache beside doit's state, never part of an artifact.  An entry is [size, mtime, ctime,
    inode, sha256]; a file whose ctime is as new as the clock is never remembered, since a later edit in the same
    tick would keep that stat.  Within a run even those are, for who asks for the digest that a file had when it was
    last read (`last`) and asks again, for sure, in the end.
    """

    def __init__(self, path=None):
        self.path, self.read = path, None
        self.entries = {}
        self.young = {}  # entries too new to be kept
        self.changed = False
        self.merge()

    def merge(self):
        """Take over what other runs have kept since it was last read."""
        try:
            status = seen_by(os.stat(self.path)) if self.path else None
            if status == self.read:
                return
            with open(self.path, encoding="utf-8") as stream:
                kept = {key: value for key, value in json.load(stream).items() if len(value) == 5}
        except (OSError, ValueError, AttributeError, TypeError):
            return  # a cache: what cannot be read is measured again
        self.entries, self.read = dict(kept, **self.entries), status

    def of(self, path, last=False):
        """Return the sha256 of the file `path`, or None if there is no such file.

        last  True: the digest that it had when it was last read will do, where its stat is the same
        """
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
            raise Fault("%s cannot be read by user %d (%s)" % (path, os.getuid(), error.strerror))
        if age > RACY_NS:
            self.entries[path] = seen + [digest]
            self.changed = True
        else:
            self.young[path] = seen + [digest]
        return digest

    @staticmethod
    def stamp(path):
        """Return what changes when the file `path` is written, even where its bytes are the same afterwards."""
        try:
            return seen_by(os.stat(path))
        except OSError:
            return None

    def moved(self, source, target, digest):
        """`source`, of this digest, was just moved to `target`."""
        for known in (self.entries, self.young):
            known.pop(source, None)
        self.young[target] = seen_by(os.stat(target)) + [digest]

    def save(self):
        """Keep the cache for the next run."""
        if not (self.path and self.changed):
            return
        self.merge()
        files.keep(self.path, json.dumps(self.entries, separators=(",", ":")))


def seen_by(status):
    """Return what tells that a file changed, of its os.stat_result."""
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
