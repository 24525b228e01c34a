"""Records, digests and ownership of built files, and the only code that writes into models/.

doit alone forgets finished work after a kill and trusts altered targets.  So each stage leaves a record,
models/.records/STAGE.json, which is durably on disk before its targets are moved into place:

    {"stage": "convert:keras", "stack": {…}, "code": sha256, "settings": {…}, "facts": {…},
     "inputs":  {path: sha256}, "outputs": {path: sha256}, "before": {path: [sha256, …]}}

"settings" holds those that are not the catalogue's default.  A stage is fresh if the files that it reads and the files
that it wrote still have the digests of its record.  A file is this project's if a record names it.  "before" names the
files that the outputs replace, until they are replaced: a kill between record and rename loses neither the old target
nor its owner.  Nothing in a record depends on the time or the machine.  The results of `stat` are kept in a cache
beside it, which may be deleted.
"""
import contextlib
import errno
import fcntl
import json
import os
import shutil
import stat
from collections import OrderedDict
from typing import Any, BinaryIO, Callable, Dict, Iterable, List, Optional, Set, Tuple, Union

from ..base import files
from ..base.fault import Fault
from . import catalog, code
from .digests import Digests


def well_formed(record: Any) -> bool:
    """Whether a JSON value has all parts of a record, each of its type."""
    if not isinstance(record, dict) or not isinstance(record.get("stage"), str):
        return False
    if not all(isinstance(record.get(key), dict)
               for key in ("settings", "facts", "stack", "inputs", "outputs", "before")):
        return False
    digests = list(record["outputs"].values())
    for known in record["before"].values():
        digests += known if isinstance(known, list) else [None]
    return all(isinstance(digest, str) for digest in digests)


class Stage:
    """One thing to build: what it reads, what it would do, and what became of it.

    name      str, "convert:keras"
    inputs    callable(record) -> list of paths (files or directories) that are read, or a list; the record is that of
              the last build, {} where none counts
    outputs   list of paths that are known before; a build may add others (shards)
    settings  dict, JSON-able: whatever changes the result.  Those that are the catalogue's defaults are left out
    code      sha256 of the code that makes the outputs, or a callable that finds it out where it is asked for
    stack     dict, scripts.base.stack.identity(role)
    keep      True: an output whose content is not of this project's making is the user's and is left alone (model.h5);
              False: an altered output is built again
    also      callable(record) -> why it is out of date for a reason of its own, or None
    beside    True: what makes the outputs forks no process, and its inputs are hashed in threads meanwhile
    """

    def __init__(self, name: str, inputs: Union[Iterable[str], Callable[[dict], Iterable[str]]],
                 outputs: Iterable[str], settings: dict, code: Union[str, Callable[[], str]], stack: dict,
                 keep: bool = False, also: Optional[Callable[[dict], Optional[str]]] = None,
                 beside: bool = False) -> None:
        self.name, self.outputs = name, list(outputs)
        self._inputs = inputs
        self.settings, self._code, self.stack, self.keep = catalog.told(settings), code, stack, keep
        self.also, self.beside = also, beside

    @property
    def code(self) -> str:
        """The sha256 of the code that makes the outputs."""
        if callable(self._code):
            self._code = self._code()
        return self._code

    def inputs(self, record: dict) -> List[str]:
        """Return the files that are read, those of directories one by one."""
        paths = self._inputs(record) if callable(self._inputs) else self._inputs
        known = record.get("inputs", ())  # files, or they were not there by this name
        return [name for path in paths for name in ([path] if path in known else files.files_of(path))]

    def changed(self, settings: dict) -> List[str]:
        """Return the names of the settings that are others now than on a record."""
        old, new = catalog.told(settings), self.settings
        return sorted(key for key in set(old) | set(new) if old.get(key) != new.get(key))


class House:
    """models/: the records, the lock, and the moving of what was built into its place.

    root     path of the directory; `records` and `building` stand in it
    digests  Digests of all files that are read and written
    code     code.Code of this package
    """

    def __init__(self, root: str = "models", stack_name: str = "modern") -> None:
        self.root = root
        self.records = os.path.join(root, ".records")
        self.building = os.path.join(root, ".building")
        self.digests = Digests(os.path.join(self.records, f"stats.{stack_name}.json"))
        self.code = code.Code(self.digests, os.path.join(self.records, "code.json"))
        self._locks, self._holder_of_locks = [], None

    # -- records ---------------------------------------------------------------------------------

    def record_path(self, name: str) -> str:
        """Return the path of the record of stage `name`."""
        return os.path.join(self.records, name.replace(":", ".") + ".json")

    def record(self, name: str) -> dict:
        """Return the record of stage `name`, or {} where there is none that was written here: records are replaced
        whole."""
        try:
            with open(self.record_path(name), "rb", buffering=0, opener=files.at_once) as stream:
                record = json.loads(stream.read().decode("utf-8"))
        except PermissionError as error:
            raise Fault(f"{error.filename} cannot be read by user {os.getuid()} ({error.strerror})")
        except (OSError, ValueError, RecursionError):
            return {}
        return record if well_formed(record) and record["stage"] == name else {}

    def recorded(self) -> List[str]:
        """Return what may be names of stages that have a record, sorted: `record` tells."""
        try:
            names = os.listdir(self.records)
        except OSError:  # not there, or not for this user: a build says so
            return []
        return [name[:-len(".json")].replace(".", ":", 1) for name in sorted(names) if name.endswith(".json")]

    def own(self, record: dict) -> Dict[str, Set[str]]:
        """Return {path: set of sha256} of every file that a record proves to be of this project's making.

        All of them stand below root, whatever a record from elsewhere names.
        """
        known = {path: {digest} for path, digest in record.get("outputs", {}).items()}
        for path, digests in record.get("before", {}).items():
            known.setdefault(path, set()).update(digests)
        return {path: digests for path, digests in known.items()
                if os.path.normpath(path).startswith(os.path.normpath(self.root) + os.sep)}

    def users(self, stage: Stage) -> List[str]:
        """Return the outputs of a `keep` stage that are the user's: they are there, and no record has their bytes."""
        if not stage.keep:
            return []
        known = self.own(self.record(stage.name))
        return [path for path in stage.outputs
                if os.path.islink(path) or os.path.lexists(path) and self.digests.of(path) not in known.get(path, ())]

    def verdict(self, stage: Stage) -> Optional[str]:
        """Return None when `stage` is fresh, else a few words that say why it is not."""
        if self.users(stage):
            return None
        record = self.record(stage.name)
        if not record:
            return "not built yet"
        changed = stage.changed(record["settings"])
        if changed:
            return ", ".join(changed) + " changed"
        if record["stack"] != stage.stack:
            return "stack changed"
        if not code.same(stage.name.split(":")[0], record.get("code"), stage.code):
            return "code changed"
        for path, digest in sorted(record["outputs"].items()):
            now = self.digests.of(path)
            if now != digest:
                return f"{path} is missing" if now is None else f"{path} was altered"
        if set(stage.outputs) - set(record["outputs"]):
            return "not built yet"
        inputs = stage.inputs(record)
        for path in sorted(set(inputs) | set(record["inputs"])):
            if path not in inputs or self.digests.of(path) != record["inputs"].get(path):
                return f"{path} changed"
        return stage.also(record) if stage.also else None

    # -- building --------------------------------------------------------------------------------

    def build(self, stage: Stage, produce: Callable[[str], Tuple[dict, Dict[str, str]]]) -> dict:
        """Run `produce(directory)` and move what it wrote into place.  Returns the record.

        produce: callable(directory) -> (facts, {target path: name in directory}), targets in the order in
        which they may appear: the one that names the others (model.json) last, so that it is never there
        without them.
        Raises Fault when an input changes meanwhile, or a target's place holds a file of the user's.
        """
        old, _ = self.record(stage.name), stage.code  # the code that is about to run
        stamps = {path: self.digests.stamp(path) for path in stage.inputs({})}
        directory = os.path.join(self.building, stage.name.replace(":", "."))
        with files.writable(self.root):
            shutil.rmtree(directory, ignore_errors=True)
            files.make_directory(directory)
            os.makedirs(self.records, exist_ok=True)
            from concurrent.futures import ThreadPoolExecutor  # not where all is up to date
            try:
                with ThreadPoolExecutor(2) as pool:
                    self.digests.begin(stamps if stage.beside else (), pool)
                    inputs = {} if stage.beside else {path: self.digests.of(path, last=True) for path in stamps}
                    facts, targets = produce(directory)
                    inputs = inputs or {path: self.digests.of(path, last=True) for path in stamps}
                    built = OrderedDict((target, os.path.join(directory, name)) for target, name in targets.items())
                    flushed = pool.submit(files.flush, list(built.values()))  # the disk works while processors hash
                    hashed = pool.submit(lambda: {target: self.digests.of(path, last=True)
                                                  for target, path in built.items()})
                    for path, digest in inputs.items():
                        # Another's bytes may have stood there meanwhile, and its own again now.
                        if self.digests.of(path) != digest or self.digests.stamp(path) != stamps[path]:
                            raise Fault(f"{path} changed while {stage.name} read it: run again when it is whole")
                    outputs = hashed.result()
                    flushed.result()
                return self._publish(stage, old, inputs, facts, built, outputs)
            finally:
                shutil.rmtree(directory, ignore_errors=True)
                with contextlib.suppress(OSError):  # another stage may be at work there
                    os.rmdir(self.building)

    def _publish(self, stage, old, inputs, facts, built, outputs):
        known = self.own(old)
        users = self.users(stage)
        if users:
            raise Fault(f"{users[0]} became yours while {stage.name} worked: it is left as it is, and nothing was "
                        "replaced")
        for target in built:
            os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
            there = os.path.lexists(target)  # a link that leads nowhere is there too
            if os.path.isdir(target) or (there and target not in known and self.digests.of(target) != outputs[target]):
                raise Fault(f"{target} is not of this project's making and is in the way: move it, or give this model "
                            "another name in models.toml")
        placed = OrderedDict()
        try:
            for target, path in built.items():  # before anything is removed
                placed[target] = files.beside(path, target)
            return self._replace(stage, known, inputs, facts, built, outputs, placed)
        finally:
            for target, path in placed.items():
                if path != built[target] and os.path.lexists(path):
                    os.remove(path)

    def _replace(self, stage, known, inputs, facts, built, outputs, placed):
        before = {path: sorted(digests) for path, digests in known.items()}
        record = {"stage": stage.name, "stack": stage.stack, "code": stage.code, "settings": stage.settings,
                  "facts": facts, "inputs": inputs, "outputs": outputs, "before": before}
        files.durable_json(self.record_path(stage.name), record)
        replaced = [target for target in built if self.digests.of(target) != outputs[target]]
        stale = [path for path in known if path not in outputs]
        if replaced or stale:
            for path in entries_first(list(built)[-1:] + stale):  # back last
                if os.path.lexists(path) and (path in built or self.digests.of(path) in known[path]):
                    os.remove(path)
        for target, path in built.items():
            os.chmod(placed[target], 0o666 & ~files.UMASK)
            os.replace(placed[target], target)
            self.digests.moved(path, target, outputs[target])
        for parent in sorted({os.path.dirname(path) for path in list(built) + stale}):
            if os.path.isdir(parent or "."):
                files.flush_directory(parent)
        record["before"] = {}
        files.durable_json(self.record_path(stage.name), record)
        return record

    def remove(self, name: str, dryrun: bool = False, spared: Iterable[str] = ()) -> Tuple[List[str], List[str]]:
        """Delete what stage `name` built, unless it was changed since or is one of the real paths `spared`.

        Returns (paths removed, paths left).  Raises Fault where something may not be removed, or not be seen.
        """
        known = self.own(self.record(name))
        removed, left = [], []
        for path in entries_first(known):
            digest = self.digests.of(path)
            if digest is None and not os.path.lexists(path):
                for parent in parents(path, self.root):
                    if os.path.islink(parent) and not os.path.exists(parent):  # a disk that is not mounted
                        raise Fault(f"{parent} leads nowhere: what was built there cannot be seen")
                continue
            (removed if digest in known[path] and os.path.realpath(path) not in spared else left).append(path)
        if dryrun:
            return removed, left
        with files.writable(self.root):
            for path in removed:
                os.remove(path)
                with contextlib.suppress(OSError):  # not empty: other files are there
                    for parent in parents(path, self.root):
                        os.rmdir(parent)
            if known and not left:
                os.remove(self.record_path(name))
        return removed, left

    # -- one at a time ---------------------------------------------------------------------------

    def lock(self, waiting: Callable[[str], None], models: Optional[Iterable[str]] = None) -> None:
        """Take models/ for this process, or some models in it, waiting for other builds of the same; `waiting(pid)` is
        called once before that.

        models  names: builds of others may go on meanwhile, on this machine or on one that shares models/

        The locks are the kernel's (flock), so they cannot outlive their holder.  What killed builds left is removed:
        of any model where all of models/ is taken, else of the same models.
        """
        if self._locks:
            return
        self._holder_of_locks = os.getpid()
        with files.writable(self.root):
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
        self.digests.merge()  # the other build's digests count too

    def taken(self) -> bool:
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
            with contextlib.suppress(OSError):  # a full disk: other builds are not told for which process they wait
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

    def unlock(self) -> None:
        """Give the locks away; in a process that was forked with them, do nothing: they are the other's."""
        if self._holder_of_locks != os.getpid():
            return
        if self._locks:
            self.digests.save()
            self.code.save()
        while self._locks:
            stream = self._locks.pop()
            fcntl.flock(stream, fcntl.LOCK_UN)  # a forked child holds the same lock open
            stream.close()


def locked(stream: BinaryIO, kind: int) -> bool:
    """Take the lock of a file, unless another process has it; tell whether it is taken."""
    try:
        fcntl.flock(stream, kind | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def parents(path: str, root: str) -> Iterable[str]:
    """Yield the directories that hold `path`, below `root`, the nearest first."""
    parent = os.path.dirname(path)
    while parent.startswith(root + os.sep):
        yield parent
        parent = os.path.dirname(parent)


def entries_first(paths: Iterable[str]) -> List[str]:
    """Return paths in the order in which they may go: what names others (a page, model.json) before what it names."""
    return sorted(paths, key=lambda path: (not path.endswith(".html"), not path.endswith(".json"), path))
