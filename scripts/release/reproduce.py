"""Whether the image and its artifacts are the same for everyone.

Each target is built twice from nothing, then the artifacts are built twice in it.  Everything is compared with
docker/DIGESTS, whose lines are

    layer     ENGINE     BASE  TARGET  NUMBER  the layers that the locks decide: above the base, below the scripts
    artifact  PROCESSOR  DATA  TARGET  PATH    what `doit convert` builds in the image

each with its sha256.  ENGINE is the engine and its storage driver, BASE the base image's uppermost layer, PROCESSOR its
maker, family and model: TensorFlow's last bits depend on it.
"""
import contextlib
import hashlib
import json
import os
import platform
import re
import tarfile
import tempfile
from typing import IO, Dict, Iterator, List, Optional, Sequence, Tuple, Type

from ..base import command, files
from ..base.fault import Fault
from . import inside
from .engines import ROOT, TARGETS, Engine, engine_class

DIGESTS = os.path.join(ROOT, "docker", "DIGESTS")
KINDS = ("layer", "artifact")


Key = Tuple[str, ...]  # the words of a line before its sha256


def reproduce(targets: Sequence[str] = TARGETS, record: bool = False) -> None:
    """Build, compare, and check against docker/DIGESTS, or write it.  Raises Fault that says what differs."""
    kind = engine_class()
    kind().reproducible()
    measured, model = {}, None
    with tempfile.TemporaryDirectory() as place:
        for target in sorted(targets, reverse=True):  # gpu, cpu, convert: the last one needs a model
            with stores(kind) as engines:
                measured.update(same_layers(engines, target))
                if target == "convert" and model is None:
                    command.say("convert: what it builds is not compared without cpu beside it, which trains a model")
                    continue
                directories = [os.path.join(place, f"{target}-{number}") for number in (1, 2)]
                files = same_artifacts(engines, target, directories, model)
                measured.update((("artifact", processor(), "digits", target, path), digest)
                                for path, digest in files.items())
                model = model or os.path.join(directories[0], "models", "model.h5")
    if record:
        known = read(DIGESTS)
        known.update(measured)
        write(DIGESTS, known)
        return command.say(f"docker/DIGESTS: {len(measured)} lines written")
    compare(measured, read(DIGESTS))


@contextlib.contextmanager
def stores(kind: Type[Engine]) -> Iterator[List[Engine]]:
    """Yield two engines that share nothing, and leave nothing of them behind."""
    with tempfile.TemporaryDirectory(prefix="reproduce-") as place:
        engines = [kind(os.path.join(place, name)) for name in ("one", "two")]
        try:
            yield engines
        finally:
            for engine in engines:
                engine.forget()


def same_layers(engines: List[Engine], target: str) -> Dict[Key, str]:
    """Build `target` with two engines.  Returns {key: sha256} of its layers; Fault where the two images differ."""
    digests = [engine.build(target, fresh=True) for engine in engines]
    if digests[0] != digests[1]:
        raise Fault(f"two builds of {target} differ ({', '.join(digests)}): {unlike(engines, target)}")
    command.say(f"{target}: built twice from nothing, both {digests[0]}")
    below = engines[0].base_layers()
    above = engines[0].configuration(engines[0].tag(target))["layers"][len(below):-1]
    return {("layer", engines[0].kind(), below[-1][7:19], target, str(number)): digest[7:]
            for number, digest in enumerate(above, 1)}


def same_artifacts(engines: List[Engine], target: str, directories: List[str],
                   model: Optional[str]) -> Dict[str, str]:
    """Run `doit convert` in the two images.  Returns {path: sha256}; Fault where the two runs' files differ."""
    catalogue = inside.DIGITS if target != "convert" else inside.SOURCE
    runs = [inside.convert_inside(engine, target, inside.project(directory, catalogue, model))
            for engine, directory in zip(engines, directories)]
    if runs[0] != runs[1]:
        raise Fault(f"the {target} image built these differently the second time: "
                    f"{', '.join(inside.differences(*runs))}")
    command.say(f"{target}: {len(runs[0])} files built twice in it, the same bytes")
    return runs[0]


def unlike(engines: List[Engine], target: str) -> str:
    """Return what differs between two engines' images: paths, or words of the configuration."""
    with tempfile.TemporaryDirectory() as place:
        for number, engine in enumerate(engines):
            engine.archive(target, os.path.join(place, str(number)))
        seen = [contents(os.path.join(place, str(number))) for number in range(len(engines))]
    names = inside.differences(*seen)
    configurations = [engine.configuration(engine.tag(target))["config"] for engine in engines]
    return ", ".join(names[:20] or inside.differences(*configurations) or ["the history"])


def contents(path: str) -> Dict[str, tuple]:
    """Return {"LAYER:PATH": (type, mode, owner, group, time, link, sha256)} of a docker archive's layers."""
    seen = {}
    with tarfile.open(path) as archive:
        layers = json.loads(archive.extractfile("manifest.json").read().decode("utf-8"))[0]["Layers"]
        for number, layer in enumerate(layers):
            with tarfile.open(fileobj=archive.extractfile(layer)) as inner:
                for member in inner:
                    seen[f"{number}:{member.name}"] = (
                        member.type, member.mode, member.uid, member.gid, member.mtime, member.linkname,
                        digest_of(inner.extractfile(member)) if member.isfile() else None)
    return seen


def digest_of(stream: IO[bytes]) -> str:
    """Return the hex sha256 of an open file, a piece at a time: the libraries in an image are large."""
    digest = hashlib.sha256()
    for piece in iter(lambda: stream.read(files.CHUNK), b""):
        digest.update(piece)
    return digest.hexdigest()


def processor() -> str:
    """Return "AuthenticAMD-25-17", say: the maker, family and model of this machine's processor, as Linux has them."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            facts = dict(re.findall(r"^([\w ]+?)\s*: (.*)$", stream.read(), re.M))
        return "-".join(facts[name] for name in ("vendor_id", "cpu family", "model"))
    except (OSError, KeyError):
        return platform.machine()


def compare(measured: Dict[Key, str], expected: Dict[Key, str]) -> None:
    """Say how many measured digests are as docker/DIGESTS has them.  Raises Fault where one is not."""
    unknown = sorted({" ".join(key[:3]) for key in measured if key not in expected})
    wrong = {key: digest for key, digest in measured.items() if expected.get(key, digest) != digest}
    if unknown:
        command.say(f"docker/DIGESTS has no entry for {', '.join(unknown)}: compared with each other alone")
    for key, digest in sorted(wrong.items()):
        command.complain(f"{' '.join(key)}: {digest}, docker/DIGESTS has {expected[key]}")
    if any(key[0] == "layer" for key in wrong):
        raise Fault("built twice alike, yet not what docker/DIGESTS has: were locks, Dockerfile or engine changed?")
    if wrong:
        raise Fault("built twice alike, yet not what docker/DIGESTS has: the image is the same, so the scripts were "
                    "changed, or processors of one model trained different weights")
    command.say(f"as docker/DIGESTS has it: {sum(key in expected for key in measured)} of {len(measured)}")


def read(path: str) -> Dict[Key, str]:
    """Return {key: sha256} of a file of digests; the key is a tuple of the words before it."""
    with open(path, encoding="utf-8") as stream:
        lines = [line.split() for line in stream if line.strip() and not line.startswith("#")]
    return {tuple(words[:-1]): words[-1] for words in lines}


def write(path: str, digests: Dict[Key, str]) -> None:
    """Replace a file of digests' lines; the comment at its top stays."""
    with open(path, encoding="utf-8") as stream:
        head = [line for line in stream if line.startswith("#")]
    with open(path + ".new", "w", encoding="utf-8") as stream:
        stream.writelines(head)
        for key, digest in sorted(digests.items(), key=lambda item: (KINDS.index(item[0][0]), item[0])):
            stream.write(" ".join(key + (digest,)) + "\n")
    os.replace(path + ".new", path)
