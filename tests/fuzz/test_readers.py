"""Every reader, on inputs that run.py bends: a fixed number of them from a fixed seed, so that a failure comes again.

An hour of it: python -m tests.fuzz.run.  What an hour has found stands in test_findings.py and tests/attacks.
"""
import os
import re
import subprocess
import sys

import pytest

from scripts import Fault
from tests import needs
from tests.fuzz import run, seeds, targets

RUNS = int(os.environ.get("FUZZ_RUNS", "100" if needs.STACK == "modern" else "40"))


def fuzz(folder, *arguments):
    """Run the fuzzer, which must find nothing; returns the lines that it prints."""
    done = subprocess.run([sys.executable, "-m", "tests.fuzz.run", "--found", str(folder / "found")] + list(arguments),
                          cwd=needs.ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=800)
    out = done.stdout.decode("utf-8")
    said = "".join(path.read_text() for path in sorted((folder / "found").glob("*.txt"))) if done.returncode else ""
    assert done.returncode == 0, out + done.stderr.decode("utf-8") + said
    return out.splitlines()


@pytest.mark.parametrize("name", run.NAMES)
def test_every_input_of_the_corpus_is_read_to_its_end(name, tmp_path):
    target = targets.TARGETS[name]
    for pieces in target.seeds(str(tmp_path)):
        assert target.unpack(target.pack(pieces)) == [bytes(piece) for piece in pieces]
        assert target.try_one(target.pack(pieces), str(tmp_path / "files")) is None
        assert name in ("frozen", "catalogue") or target.said == ""
        if name not in ("frozen", "catalogue"):
            assert os.path.exists(str(tmp_path / "files" / "second" / "model.json"))


def test_bent_inputs_are_refused_with_a_fault_or_read(tmp_path):
    lines = fuzz(tmp_path, "--blind", "--runs", str(RUNS))
    assert [line.split(":")[0] for line in lines] == list(run.NAMES)
    assert all(re.search(fr": {RUNS} runs, 0 findings, 0 too slow", line) for line in lines)


@pytest.mark.modern
def test_inputs_that_reach_new_code_are_refused_with_a_fault_or_read(tmp_path):
    needs.atheris()
    lines = fuzz(tmp_path, "--runs", str(RUNS))
    for line in lines:
        assert re.search(r"0 findings, 0 too slow, .*cov: \d+", line), line


def test_what_is_no_fault_is_found_and_written_down(tmp_path, monkeypatch):
    """The fuzzer itself: an exception, a crash of memory and a model that cannot be read again are findings."""
    def broken(folder, data):
        raise {b"k": KeyError("x"), b"f": Fault("as it should be")}.get(data, ZeroDivisionError("y"))

    monkeypatch.setattr(targets, "TARGETS", {})
    trial = run.Trial(targets.Target("broken", ["bend_bytes"], None, broken), str(tmp_path / "found"), str(tmp_path))
    for data in (b"k", b"f", b"k", b"z"):
        trial(trial.target.pack([data]))
    assert trial.runs == 4
    kept = sorted(path.name.split("-")[1] for path in (tmp_path / "found").glob("*.txt"))
    assert kept == ["KeyError", "ZeroDivisionError"]
    with pytest.raises(targets.Finding):
        with targets.written():
            raise Fault("cannot be read")


def test_the_corpus_holds_what_the_project_reads_as_one_model(tmp_path):
    """One topology, in each of the formats: the same layers and the same shapes of weights come out of each."""
    from scripts import formats
    record, major = seeds.topologies()[2]
    found = []
    for name in ("h5", "keras", "separated", "tfjs", "saved-model"):
        folder = tmp_path / name
        folder.mkdir()
        pieces = next(pieces for pieces in targets.TARGETS[name].seeds(str(folder)) if b'"shared"' in b"".join(pieces))
        assert targets.TARGETS[name].try_one(targets.TARGETS[name].pack(pieces), str(folder / "files")) is None
        path = {"h5": "model.h5", "keras": "model.keras", "separated": "topology.json", "tfjs": "model.json",
                "saved-model": "saved"}[name]
        weights = str(folder / "files" / "weights.h5") if name == "separated" else None
        with formats.read(str(folder / "files" / path), weights) as model:
            found.append({layer: [weight.shape for weight in own] for layer, own in model.weights.items() if own})
    assert all(each == found[0] for each in found) and found[0]["shared"] == [(4, 4)]
