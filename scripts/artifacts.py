"""What was built: records, digests, ownership, and the only code that writes into models/.

doit alone forgets finished work after a kill and trusts altered targets.  So each stage leaves a record,
models/.records/STAGE.json, durably on disk before its targets are moved into place:

    {"stage": "convert:keras", "stack": {…}, "code": sha256, "settings": {…}, "facts": {…},
     "inputs":  {path: sha256}, "outputs": {path: sha256}, "before": {path: [sha256, …]}}

A stage is fresh when what it would read and what it wrote still have the digests of its record.  A file is
ours when a record names it; "before" keeps naming what the outputs replaced until the replacing is done, so a
kill between record and rename loses neither the old target nor its owner.  Nothing in a record depends on the
time or the machine: what `stat` says is kept apart, in a cache that may be deleted.
"""
import contextlib
import errno
import fcntl
import glob
import hashlib
import json
import os
import shutil
import stat
import tempfile
import time
from collections import OrderedDict

from scripts import Fault

CHUNK = 1 << 20  # bytes hashed at a time
# A file whose ctime is this close to now may change again without its stat telling (git's "racy" entries);
# two seconds is the coarsest clock of the file systems in use (FAT).
RACY_NS = 2 * 10 ** 9


def sha256(path):
    """Return the hex sha256 of the file `path`."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for chunk in iter(lambda: stream.read(CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()


def files_of(path):
    """Return the files that make up an input: itself, or every file below a directory, sorted."""
    if not os.path.isdir(path):
        return [path]
    found = []
    for directory, names, files in os.walk(path):
        names.sort()
        found += [os.path.join(directory, name).replace(os.sep, "/") for name in sorted(files)]
    return found


def durable_json(path, value):
    """Write `value` as JSON to `path` so that after a power cut it is there whole, or the old one is."""
    temporary = path + ".new"
    with open(temporary, "w", encoding="utf-8") as stream:
        json.dump(value, stream, indent=1, sort_keys=True, ensure_ascii=True)
        stream.write("\n")
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, path)
    flush_directory(os.path.dirname(path))


def keep(path, text):
    """Write a cache, whole or not at all: where it cannot be written, what it would have held is found out again."""
    # Several builds of other models may do so at once, on other machines too.
    temporary = "%s.%s.%d.new" % (path, os.uname().nodename, os.getpid())
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


def flush_directory(path):
    """Make the names in a directory durable: a rename is not until its directory is."""
    descriptor = os.open(path or ".", os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Digests(object):
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
            raise Fault("%s: %s" % (name, error.strerror))  # not for this user, a name too long, a disk without answer
        if not stat.S_ISREG(status.st_mode):
            return "no file"  # a directory, a pipe, a device, where a file is meant: equal to no digest
        seen = seen_by(status)
        entry = self.entries.get(path) or (last and self.young.get(path)) or None
        if entry is not None and entry[:4] == seen:
            return entry[4]
        age = int(time.time() * 10 ** 9) - status.st_ctime_ns
        try:
            digest = sha256(path)
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
        keep(self.path, json.dumps(self.entries, separators=(",", ":")))


def at_once(path, flags):
    """Open a file for reading; where it is a pipe that nobody writes to, do not wait for one who does."""
    return os.open(path, flags | os.O_NONBLOCK)


def well_formed(record):
    """Whether a JSON value has what every record has, each part of its type."""
    if not isinstance(record, dict) or not isinstance(record.get("stage"), str):
        return False
    if not all(isinstance(record.get(key), dict)
               for key in ("settings", "facts", "stack", "inputs", "outputs", "before")):
        return False
    digests = list(record["outputs"].values())
    for known in record["before"].values():
        digests += known if isinstance(known, list) else [None]
    return all(isinstance(digest, str) for digest in digests)


def seen_by(status):
    """Return what tells that a file changed, of its os.stat_result."""
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def flush(paths):
    """Make the contents of files durable."""
    for path in paths:
        with open(path, "rb") as stream:
            os.fsync(stream.fileno())


class Stage(object):
    """One thing to build: what it reads, what it would do, and what became of it.

    name      str, "convert:keras"
    inputs    callable(record) -> list of paths (files or directories) that are read, or a list; the record is that of
              the last build, {} where none counts
    outputs   list of paths that are known before; a build may add others (shards)
    settings  dict, JSON-able: whatever changes the result
    code      str, sha256 of the stage's source files
    stack     dict, scripts.stack.identity(role)
    keep      True: an output whose content is not of our making is the user's and is left alone (model.h5);
              False: an altered output is built again
    also      callable(record) -> why it is out of date for a reason of its own, or None
    """

    def __init__(self, name, inputs, outputs, settings, code, stack, keep=False, also=None):
        self.name, self.outputs = name, list(outputs)
        self._inputs = inputs
        self.settings, self.code, self.stack, self.keep = settings, code, stack, keep
        self.also = also

    def inputs(self, record):
        paths = self._inputs(record) if callable(self._inputs) else self._inputs
        known = record.get("inputs", ())  # files, or they were not there by this name
        return [name for path in paths for name in ([path] if path in known else files_of(path))]


class House(object):
    """models/: the records, the lock, and the moving of what was built into its place."""

    def __init__(self, root="models", stack_name="modern"):
        self.root = root
        self.records = os.path.join(root, ".records")
        self.building = os.path.join(root, ".building")
        self.digests = Digests(os.path.join(self.records, "stats.%s.json" % stack_name))
        self._locks, self._holder_of_locks = [], None

    # -- records ---------------------------------------------------------------------------------

    def record_path(self, name):
        return os.path.join(self.records, name.replace(":", ".") + ".json")

    def record(self, name):
        """Return the record of stage `name`, or {} where there is none, or none that was written by us: we replace
        records whole."""
        try:
            with open(self.record_path(name), "rb", buffering=0, opener=at_once) as stream:
                record = json.loads(stream.read().decode("utf-8"))
        except PermissionError as error:
            raise Fault("%s cannot be read by user %d (%s)" % (error.filename, os.getuid(), error.strerror))
        except (OSError, ValueError, RecursionError):
            return {}
        return record if well_formed(record) and record["stage"] == name else {}

    def recorded(self):
        """Return what may be names of stages that have a record, sorted: `record` tells."""
        try:
            files = os.listdir(self.records)
        except OSError:  # not there, or not for this user: a build says so
            return []
        return [file[:-len(".json")].replace(".", ":", 1) for file in sorted(files) if file.endswith(".json")]

    def ours(self, record):
        """Return {path: set of sha256} of every file that a record proves to be of our making: all of them stand below
        root, whatever a record from elsewhere names."""
        known = {path: {digest} for path, digest in record.get("outputs", {}).items()}
        for path, digests in record.get("before", {}).items():
            known.setdefault(path, set()).update(digests)
        return {path: digests for path, digests in known.items()
                if os.path.normpath(path).startswith(os.path.normpath(self.root) + os.sep)}

    def users(self, stage):
        """Return the outputs of a `keep` stage that are the user's: there, and not of our making."""
        if not stage.keep:
            return []
        known = self.ours(self.record(stage.name))
        return [path for path in stage.outputs
                if os.path.lexists(path) and self.digests.of(path) not in known.get(path, ())]

    def verdict(self, stage):
        """Return None when `stage` is fresh, else a few words that say why it is not."""
        if self.users(stage):
            return None
        record = self.record(stage.name)
        if not record:
            return "not built yet"
        if record.get("settings") != stage.settings:
            old, new = record.get("settings", {}), stage.settings
            return ", ".join(sorted(key for key in set(old) | set(new) if old.get(key) != new.get(key))) + " changed"
        if record.get("stack") != stage.stack:
            return "stack changed"
        if record.get("code") != stage.code:
            return "code changed"
        for path, digest in sorted(record["outputs"].items()):
            now = self.digests.of(path)
            if now != digest:
                return "%s %s" % (path, "is missing" if now is None else "was altered")
        if set(stage.outputs) - set(record["outputs"]):
            return "not built yet"
        inputs = stage.inputs(record)
        for path in sorted(set(inputs) | set(record["inputs"])):
            if path not in inputs or self.digests.of(path) != record["inputs"].get(path):
                return "%s changed" % path
        return stage.also(record) if stage.also else None

    # -- building --------------------------------------------------------------------------------

    def build(self, stage, produce):
        """Run `produce(directory)` and move what it wrote into place.  Returns the record.

        produce: callable(directory) -> (facts, {target path: name in directory}), targets in the order in
        which they may appear: the one that names the others (model.json) last, so that it is never there
        without them.
        Raises Fault when an input changes meanwhile, or a target's place holds a file that is not ours.
        """
        old = self.record(stage.name)
        stamps = {path: self.digests.stamp(path) for path in stage.inputs({})}
        inputs = {path: self.digests.of(path, last=True) for path in stamps}
        directory = os.path.join(self.building, stage.name.replace(":", "."))
        with writable(self.root):
            shutil.rmtree(directory, ignore_errors=True)
            make_directory(directory)
            os.makedirs(self.records, exist_ok=True)
            try:
                facts, targets = produce(directory)
                built = OrderedDict((target, os.path.join(directory, name)) for target, name in targets.items())
                from concurrent.futures import ThreadPoolExecutor  # not where all is up to date
                with ThreadPoolExecutor(2) as pool:
                    flushed = pool.submit(flush, list(built.values()))  # the disk works while processors hash
                    hashed = pool.submit(lambda: {target: self.digests.of(path, last=True)
                                                  for target, path in built.items()})
                    for path, digest in inputs.items():
                        # Another's bytes may have stood there meanwhile, and its own again now.
                        if self.digests.of(path) != digest or self.digests.stamp(path) != stamps[path]:
                            raise Fault("%s changed while %s read it: run again when it is whole" % (path, stage.name))
                    outputs = hashed.result()
                    flushed.result()
                return self._publish(stage, old, inputs, facts, built, outputs)
            finally:
                shutil.rmtree(directory, ignore_errors=True)
                with contextlib.suppress(OSError):  # another stage may be at work there
                    os.rmdir(self.building)

    def _publish(self, stage, old, inputs, facts, built, outputs):
        known = self.ours(old)
        users = self.users(stage)
        if users:
            raise Fault("%s became yours while %s worked: it is left as it is, and nothing was replaced"
                        % (users[0], stage.name))
        for target in built:
            os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
            there = os.path.lexists(target)  # a link that leads nowhere is there too
            if os.path.isdir(target) or (there and target not in known and self.digests.of(target) != outputs[target]):
                raise Fault("%s is not of this project's making and is in the way: move it, or give this model "
                            "another name in models.toml" % target)
        before = {path: sorted(digests) for path, digests in known.items()}
        record = {"stage": stage.name, "stack": stage.stack, "code": stage.code, "settings": stage.settings,
                  "facts": facts, "inputs": inputs, "outputs": outputs, "before": before}
        durable_json(self.record_path(stage.name), record)
        replaced = [target for target in built if self.digests.of(target) != outputs[target]]
        stale = [path for path in known if path not in outputs]
        if replaced or stale:
            for path in entries_first(list(built)[-1:] + stale):  # back last
                if os.path.lexists(path) and (path in built or self.digests.of(path) in known[path]):
                    os.remove(path)
        for target, path in built.items():
            os.chmod(path, 0o666 & ~UMASK)
            os.replace(path, target)
            self.digests.moved(path, target, outputs[target])
        for parent in sorted({os.path.dirname(path) for path in list(built) + stale}):
            if os.path.isdir(parent or "."):
                flush_directory(parent)
        record["before"] = {}
        durable_json(self.record_path(stage.name), record)
        return record

    def remove(self, name, dryrun=False, spared=()):
        """Delete what stage `name` built, as long as it still is what we built and none of the real paths `spared`.

        Returns (removed, left).  Raises Fault where something may not be removed, or not be seen.
        """
        known = self.ours(self.record(name))
        removed, left = [], []
        for path in entries_first(known):
            digest = self.digests.of(path)
            if digest is None and not os.path.lexists(path):
                for parent in parents(path, self.root):
                    if os.path.islink(parent) and not os.path.exists(parent):  # a disk that is not mounted
                        raise Fault("%s leads nowhere: what was built there cannot be seen" % parent)
                continue
            (removed if digest in known[path] and os.path.realpath(path) not in spared else left).append(path)
        if dryrun:
            return removed, left
        with writable(self.root):
            for path in removed:
                os.remove(path)
                with contextlib.suppress(OSError):  # not empty: somebody's files are there
                    for parent in parents(path, self.root):
                        os.rmdir(parent)
            if known and not left:
                os.remove(self.record_path(name))
        return removed, left

    # -- one at a time ---------------------------------------------------------------------------

    def lock(self, waiting, models=None):
        """Take models/ for this process, or some models in it, waiting for other builds of the same; `waiting(pid)` is
        called once before that.

        models  names: builds of others may go on meanwhile, on this machine or on one that shares models/
        The locks are the kernel's (flock), so they cannot outlive their holder.  Left-overs of killed builds go: with
        all of models/ taken those of any, else those of the same models.
        """
        if self._locks:
            return
        self._holder_of_locks = os.getpid()
        with writable(self.root):
            os.makedirs(self.records, exist_ok=True)
            self._lock("lock", fcntl.LOCK_EX if models is None else fcntl.LOCK_SH, waiting)
            for name in sorted(models or ()):  # in one order everywhere: two builds cannot wait for each other
                self._lock("lock." + name, fcntl.LOCK_EX, waiting)
            if models is None:
                shutil.rmtree(self.building, ignore_errors=True)
                for name in os.listdir(self.records):
                    if name.endswith(".new") or name.startswith("lock."):
                        os.remove(os.path.join(self.records, name))
            elif os.path.isdir(self.building):
                for name in os.listdir(self.building):  # STAGE.MODEL
                    if name.partition(".")[2] in models:
                        shutil.rmtree(os.path.join(self.building, name), ignore_errors=True)
                with contextlib.suppress(OSError):  # others are at work there
                    os.rmdir(self.building)
        self.digests.merge()  # what the other build measured counts too

    def taken(self):
        """Whether this process has a lock, its own or one that it was forked with."""
        return bool(self._locks)

    def _lock(self, name, kind, waiting):
        path = os.path.join(self.records, name)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        stream = os.fdopen(descriptor, "a+b", buffering=0)
        self._locks.append(stream)
        if not locked(stream, kind):
            waiting(self._holder(name))
            fcntl.flock(stream, kind)
        if kind == fcntl.LOCK_EX:
            with contextlib.suppress(OSError):  # a full disk: those who wait are not told for whom
                stream.truncate(0)
                stream.write(b"%d\n" % os.getpid())

    def _holder(self, name):
        """Return the number of a process that holds a lock, as text: of the whole, or of a model where it has that."""
        parts = [part for part in sorted(os.listdir(self.records)) if name == "lock" and part.startswith("lock.")]
        for part in parts + [name]:
            with contextlib.suppress(FileNotFoundError), open(os.path.join(self.records, part), "rb") as stream:
                if part == name or not locked(stream, fcntl.LOCK_SH):
                    return stream.read(20).decode("ascii", "replace").strip() or "?"
        return "?"

    def unlock(self):
        """Give the locks away; in a process that was forked with them, do nothing: they are the other's."""
        if self._holder_of_locks != os.getpid():
            return
        if self._locks:
            self.digests.save()
        while self._locks:
            stream = self._locks.pop()
            fcntl.flock(stream, fcntl.LOCK_UN)  # a forked child holds the same lock open
            stream.close()


def locked(stream, kind):
    """Take the lock of a file, unless another process has it; tell whether it is taken."""
    try:
        fcntl.flock(stream, kind | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


@contextlib.contextmanager
def writable(root):
    """Turn the system's refusals to write below `root` into one line that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise Fault("%s: %s; nothing is half-written, run again when there is room"
                        % (error.filename or root, os.strerror(error.errno)))
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise Fault("%s cannot be written by user %d (%s): give this user the directory, or build as its owner"
                        % (error.filename or root, os.getuid(), os.strerror(error.errno)))
        if error.errno == errno.EIO:
            raise Fault("%s: the disk failed (%s)" % (error.filename or root, os.strerror(error.errno)))
        place = os.fsdecode(error.filename or "")
        if error.errno in IN_THE_WAY and (place + os.sep).startswith(root + os.sep):
            while place and not os.path.lexists(place):  # what is no directory stands further up
                place = os.path.dirname(place)
            raise Fault("%s is in the way of what is built, and no file or directory of this project's making: move it"
                        % place)
        raise


def parents(path, root):
    """Yield the directories that hold `path`, below `root`, the nearest first."""
    parent = os.path.dirname(path)
    while parent.startswith(root + os.sep):
        yield parent
        parent = os.path.dirname(parent)


IN_THE_WAY = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENOTEMPTY)


def entries_first(paths):
    """Return paths in the order in which they may go: what names others (a page, model.json) before what it names."""
    return sorted(paths, key=lambda path: (not path.endswith(".html"), not path.endswith(".json"), path))


def make_directory(path):
    """os.makedirs, while another process (doit -n 2) may remove the same parent because it is empty."""
    for _ in range(1000):
        with contextlib.suppress(FileNotFoundError):
            return os.makedirs(path)
    os.makedirs(path)


def vacant(path, ours=None):
    """Raise Fault where a file that the user named cannot be written without the loss of what is there.

    ours  callable(path) -> whether the file there is an earlier result, which may be replaced; by default none is
    """
    if os.path.lexists(path) and not os.path.isfile(path):  # a device, a pipe, a directory
        raise Fault("%s is there and is no ordinary file: name another place" % path)
    if os.path.lexists(path) and not (ours and ours(path)):
        raise Fault("%s is there already: remove it, or name another place" % path)
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise Fault("%s cannot be written: there is no directory %s: make it, or name another place" % (path, folder))


@contextlib.contextmanager
def whole(path, ours=None):
    """Give the name of a file beside `path` to write to; in the end it is `path`, or nothing is left of it.

    What is there already stays, and is a Fault, as `vacant` says; os.path.isfile as `ours`: any file may be replaced.
    What a process that was killed here left of an earlier attempt is removed.
    """
    vacant(path, ours)
    part = "%s.%d.part" % (path, os.getpid())
    for left in glob.glob(glob.escape(path) + ".*.part"):
        writer = left[len(path) + 1:-len(".part")]
        if writer.isdigit() and not alive(int(writer)):
            with contextlib.suppress(OSError):  # another process's like this one removes it too
                os.remove(left)
    try:
        yield part
        vacant(path, ours)  # it may have come meanwhile
        os.replace(part, path)
    finally:
        if os.path.exists(part):
            os.remove(part)


def alive(pid):
    """Whether a process of this number runs on this machine."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def deliver(directory, names, target, owned=()):
    """Move the files `names` (the one that names the others last) from `directory` into `target`, whole.

    For a command that writes where its user says, outside the records.  `owned` are names in `target` that
    the caller knows to be an earlier result of its own; any other file in the way is a Fault.
    """
    with writable(target):
        os.makedirs(target, exist_ok=True)
        for name in names:
            place = os.path.join(target, name)
            if os.path.lexists(place) and name not in owned:
                raise Fault("%s is there already: remove it, or name another place" % place)
        for name in list(names)[-1:] + [name for name in owned if name not in names]:
            with contextlib.suppress(FileNotFoundError):
                os.remove(os.path.join(target, name))
        for name in names:
            os.chmod(os.path.join(directory, name), 0o666 & ~UMASK)
            os.replace(os.path.join(directory, name), os.path.join(target, name))
        flush_directory(target)


def identity(path):
    """What tells a file apart whatever path leads to it; None where there is none."""
    with contextlib.suppress(OSError):
        found = os.stat(path)
        return found.st_dev, found.st_ino


def into(directory, write, owned=(), read=()):
    """Call `write(path)` with a new empty directory, and `deliver` the files that it names, the first of them last, to
    `directory`, which need not be there.  Raises Fault where that would replace one of the files `read`."""
    sources = {identity(path) for path in (set(read) if owned else ())} - {None}
    for path in [os.path.join(directory, name) for name in owned]:
        if identity(path) in sources:
            raise Fault("%s belongs to the source, and would be overwritten: name another place" % path)
    with writable(directory):
        new, parent = [], directory
        while parent and not os.path.isdir(parent):
            new.append(parent)
            parent = os.path.dirname(parent)
        try:
            os.makedirs(directory, exist_ok=True)
        except (FileExistsError, NotADirectoryError, FileNotFoundError) as error:
            raise Fault("%s: no directory can be made there (%s): name another place" % (directory, error.strerror))
        try:
            with tempfile.TemporaryDirectory(prefix=".", dir=directory) as private:
                names = write(private)
                deliver(private, names[1:] + names[:1], directory, owned)
        finally:
            for made in new:
                if os.listdir(made):
                    break
                os.rmdir(made)
    return names


UMASK = os.umask(0o022)  # read once: it can only be read by setting it, and threads share it
os.umask(UMASK)
