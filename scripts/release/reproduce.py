"""Whether the image and what it builds are the same for everyone: each target is built twice from nothing, then the
artifacts twice in it, and everything is compared with docker/DIGESTS, whose lines are

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

from .. import image
from ..base import command, files
from ..base.fault import Fault
from .engines import ROOT, TARGETS, engine_class

DIGESTS = os.path.join(ROOT, "docker", "DIGESTS")
KINDS = ("layer", "artifact")


def reproduce(targets=TARGETS, record=False):
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
                directories = [os.path.join(place, "%s-%d" % (target, number)) for number in (1, 2)]
                files = same_artifacts(engines, target, directories, model)
                measured.update((("artifact", processor(), "digits", target, path), digest)
                                for path, digest in files.items())
                model = model or os.path.join(directories[0], "models", "model.h5")
    if record:
        known = read(DIGESTS)
        known.update(measured)
        write(DIGESTS, known)
        return command.say("docker/DIGESTS: %d lines written" % len(measured))
    compare(measured, read(DIGESTS))


@contextlib.contextmanager
def stores(kind):
    """Yield two engines that share nothing, and leave nothing of them behind."""
    with tempfile.TemporaryDirectory(prefix="reproduce-") as place:
        engines = [kind(os.path.join(place, name)) for name in ("one", "two")]
        try:
            yield engines
        finally:
            for engine in engines:
                engine.forget()


def same_layers(engines, target):
    """Build `target` with two engines.  Returns {key: sha256} of its layers; Fault where the two images differ."""
    digests = [engine.build(target, fresh=True) for engine in engines]
    if digests[0] != digests[1]:
        raise Fault("two builds of %s differ (%s, %s): %s" % ((target,) + tuple(digests) + (unlike(engines, target),)))
    command.say(f"{target}: built twice from nothing, both {digests[0]}")
    below = engines[0].base_layers()
    above = engines[0].configuration(engines[0].tag(target))["layers"][len(below):-1]
    return {("layer", engines[0].kind(), below[-1][7:19], target, str(number)): digest[7:]
            for number, digest in enumerate(above, 1)}


def same_artifacts(engines, target, directories, model):
    """Run `doit convert` in the two images.  Returns {path: sha256}; Fault where the two runs' files differ."""
    catalogue = image.DIGITS if target != "convert" else image.SOURCE
    runs = [image.convert_inside(engine, target, image.project(directory, catalogue, model))
            for engine, directory in zip(engines, directories)]
    if runs[0] != runs[1]:
        raise Fault("the {} image built these differently the second time: {}".format(
            target, ", ".join(image.differences(*runs))))
    command.say("%s: %d files built twice in it, the same bytes" % (target, len(runs[0])))
    return runs[0]


def unlike(engines, target):
    """Return what differs between two engines' images: paths, or words of the configuration."""
    with tempfile.TemporaryDirectory() as place:
        for number, engine in enumerate(engines):
            engine.archive(target, os.path.join(place, str(number)))
        seen = [contents(os.path.join(place, str(number))) for number in range(len(engines))]
    names = image.differences(*seen)
    configurations = [engine.configuration(engine.tag(target))["config"] for engine in engines]
    return ", ".join(names[:20] or image.differences(*configurations) or ["the history"])


def contents(path):
    """Return {"LAYER:PATH": (type, mode, owner, group, time, link, sha256)} of a docker archive's layers."""
    seen = {}
    with tarfile.open(path) as archive:
        layers = json.loads(archive.extractfile("manifest.json").read().decode("utf-8"))[0]["Layers"]
        for number, layer in enumerate(layers):
            with tarfile.open(fileobj=archive.extractfile(layer)) as inner:
                for member in inner:
                    seen["%d:%s" % (number, member.name)] = (
                        member.type, member.mode, member.uid, member.gid, member.mtime, member.linkname,
                        digest_of(inner.extractfile(member)) if member.isfile() else None)
    return seen


def digest_of(stream):
    """Return the hex sha256 of an open file, a piece at a time: the libraries in an image are large."""
    digest = hashlib.sha256()
    for piece in iter(lambda: stream.read(files.CHUNK), b""):
        digest.update(piece)
    return digest.hexdigest()


def processor():
    """Return "AuthenticAMD-25-17", say: the maker, family and model of this machine's processor, as Linux has them."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            facts = dict(re.findall(r"^([\w ]+?)\s*: (.*)$", stream.read(), re.M))
        return "-".join(facts[name] for name in ("vendor_id", "cpu family", "model"))
    except (OSError, KeyError):
        return platform.machine()


def compare(measured, expected):
    """Say how much of what was measured is as docker/DIGESTS has it.  Raises Fault where it is not."""
    unknown = sorted({" ".join(key[:3]) for key in measured if key not in expected})
    wrong = {key: digest for key, digest in measured.items() if expected.get(key, digest) != digest}
    if unknown:
        command.say("docker/DIGESTS has no entry for {}: compared with each other alone".format(", ".join(unknown)))
    for key, digest in sorted(wrong.items()):
        command.complain("{}: {}, docker/DIGESTS has {}".format(" ".join(key), digest, expected[key]))
    if any(key[0] == "layer" for key in wrong):
        raise Fault("built twice alike, yet not what docker/DIGESTS has: were locks, Dockerfile or engine changed?")
    if wrong:
        raise Fault("built twice alike, yet not what docker/DIGESTS has: the image is the same, so the scripts were "
                    "changed, or processors of one model trained different weights")
    command.say("as docker/DIGESTS has it: %d of %d" % (sum(key in expected for key in measured), len(measured)))


def read(path):
    """Return {key: sha256} of a file of digests; the key is a tuple of the words before it."""
    with open(path, encoding="utf-8") as stream:
        lines = [line.split() for line in stream if line.strip() and not line.startswith("#")]
    return {tuple(words[:-1]): words[-1] for words in lines}


def write(path, digests):
    """Replace a file of digests' lines; the comment at its top stays."""
    with open(path, encoding="utf-8") as stream:
        head = [line for line in stream if line.startswith("#")]
    with open(path + ".new", "w", encoding="utf-8") as stream:
        stream.writelines(head)
        for key, digest in sorted(digests.items(), key=lambda item: (KINDS.index(item[0][0]), item[0])):
            stream.write(" ".join(key + (digest,)) + "\n")
    os.replace(path + ".new", path)
