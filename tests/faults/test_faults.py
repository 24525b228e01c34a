"""Killed, interrupted, out of disk, read-only: a target is whole or absent, and the next run ends as if undisturbed.

FAULT_KILLS=1000 kills more often than the 100 times of an ordinary run: 80 on the modern stack, 20 on Python 3.6.
"""
import os
import random
import resource
import shutil
import signal
import subprocess
import time

import numpy
import pytest

from scripts.training import dataset
from tests import needs
from tests.project import DIGITS, Project

one_stack = pytest.mark.modern  # what is on the disk is looked at by this project's code, which is one
KILLS = int(os.environ.get("FAULT_KILLS", "80" if needs.STACK == "modern" else "20"))
# Read from a file: the stage that reads the images writes most of its time, and imports no sklearn each time.
FILE = DIGITS.replace('"digits"', '"given.npz"')
# What a user may have lost when the next build starts, and with it the stages that run then.
LOST = {"data": ["models/data.npz"],
        "train": ["models/model.h5"],
        "encapsulate": ["models/enc_model.h5"],
        "convert": ["models/json_models/keras/model.json"]}
CONVERSION = LOST["encapsulate"] + LOST["convert"]
TRAINING = LOST["train"] + CONVERSION


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A finished build, and for each stage how long a run takes to come to it here, and from there to its end."""
    needs.tensorflow()
    project = Project.create(tmp_path_factory.mktemp("undisturbed") / "project", FILE)
    numpy.savez(project.file("given.npz"), **dataset.digits())
    project.ran("data")
    project.seconds = {}
    for stage in ("train", "data", "encapsulate", "convert"):
        lose(project, LOST[stage] if stage != "train" else [])
        started = time.time()
        process = start(project)
        assert reached(process, stage)
        there = time.time()
        process.communicate()
        assert process.returncode == 0
        project.seconds[stage] = there - started, time.time() - there
    return project


@pytest.fixture
def project(undisturbed, tmp_path):
    shutil.copytree(undisturbed.path, str(tmp_path / "project"))
    return Project(tmp_path / "project")


def lose(project, names):
    for name in names:
        os.remove(project.file(name))


def start(project, *arguments, **options):
    """Start doit in a process group of its own, so that all of it can be killed at once."""
    return subprocess.Popen(project.command(*arguments), cwd=project.path, env=project.environment(),
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            preexec_fn=options.get("preexec_fn", os.setsid))


def reached(process, stage):
    """Wait until a running doit says that it is at `stage`; False where it ends before."""
    return any(line.startswith(b".  " + stage.encode()) for line in iter(process.stdout.readline, b""))


def left_over(project):
    """Return the names below models/ that only a build that is going on may hold."""
    return [os.path.join(place, name) for place, directories, files in os.walk(project.file("models"))
            for name in directories + files if name == ".building" or name.endswith((".new", ".part"))]


def ends_as_if_undisturbed(project, undisturbed):
    project.ran()
    assert project.artifacts() == undisturbed.artifacts()
    assert not left_over(project)
    assert project.ran() == set()


def test_a_build_killed_at_any_moment_ends_as_if_undisturbed(project, undisturbed):
    """SIGKILL to the whole group, in each stage in turn, also on the way to it, and in a training too.  What had
    finished before was not killed, and does not count."""
    chance, killed = random.Random(0), 0
    while killed < KILLS:
        stage = "train" if killed % 80 in (9, 19) else ("data", "encapsulate", "convert")[killed % 3]
        before, during = undisturbed.seconds[stage]
        lose(project, LOST[stage])
        process = start(project)
        if killed % 20 < 10:
            reached(process, stage)
            time.sleep(chance.uniform(0, during))
        else:
            time.sleep(chance.uniform(0, before + during))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        # Before anything is mended: the entry is there only with all that it names.
        if os.path.exists(project.file(CONVERSION[1])):
            now, then = project.artifacts(), undisturbed.artifacts()
            for name in then:
                if name.startswith("models/json_models"):
                    assert now.get(name) == then[name]
        project.ran()
        assert project.artifacts() == undisturbed.artifacts(), f"after kill {killed}, in {stage}"
        assert not left_over(project), f"after kill {killed}, in {stage}"
    ends_as_if_undisturbed(project, undisturbed)


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_build_that_is_told_to_end_says_nothing_and_leaves_nothing(project, undisturbed, number, status):
    chance = random.Random(1)
    for turn in range(6):
        lose(project, TRAINING if turn == 5 else CONVERSION)
        process = start(project)
        for line in iter(process.stdout.readline, b""):
            if line.startswith(b".  "):
                break
        time.sleep(chance.uniform(0, 0.3))
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass  # it had finished
        out, err = process.communicate(timeout=60)
        assert process.returncode in (0, status), err.decode()
        assert b"Traceback" not in out + err
        project.ran()
    ends_as_if_undisturbed(project, undisturbed)


@pytest.mark.parametrize("limit", [0, 1000, 5000, 100000, 180000])
def test_a_disk_quota_is_one_line_and_replaces_nothing(project, undisturbed, limit):
    """RLIMIT_FSIZE: a file beyond it cannot be written; smaller ones can."""
    before = project.artifacts()
    toml = FILE.replace('"Softmax"]', '"Dense_2", "Softmax"]')
    project.write("models/models.toml", toml)

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    process = start(project, preexec_fn=limited)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, (out, err)
    assert err.count(b"\n") == 1 and b"Traceback" not in err, err.decode()
    project.write("models/models.toml", FILE)
    after = project.artifacts()
    assert not {name for name in after if after[name] != before.get(name)}
    ends_as_if_undisturbed(project, undisturbed)


@pytest.fixture
def small_disk(project):
    """models/ on a file system of its own that has room for little more than what it holds."""
    needs.root()
    held = project.file("models")
    os.rename(held, held + "-before")
    os.mkdir(held)
    subprocess.check_call(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", held])
    try:
        subprocess.check_call(["cp", "-a", held + "-before/.", held])
        yield project
    finally:
        subprocess.check_call(["umount", held])


def test_a_full_disk_is_one_line_and_the_next_run_with_room_ends_undisturbed(small_disk, undisturbed):
    filler = small_disk.file("models/filler")
    lose(small_disk, CONVERSION)
    status = os.statvfs(small_disk.file("models"))
    small_disk.write("models/filler", b"\0" * (status.f_bavail * status.f_frsize - 60000))
    line = small_disk.fault()
    assert "room" in line or "space" in line
    os.remove(filler)
    ends_as_if_undisturbed(small_disk, undisturbed)


@one_stack
def test_a_read_only_disk_is_one_line(small_disk):
    held = small_disk.file("models")
    lose(small_disk, CONVERSION)
    subprocess.check_call(["mount", "-o", "remount,ro", held])
    assert "cannot be written" in small_disk.fault()
    assert small_disk.doit("list")[0] == 0


@one_stack
@pytest.mark.parametrize("name", ["models/json_models", "models/json_models/keras"])
def test_a_directory_lost_between_two_runs_is_made_again(project, undisturbed, name):
    shutil.rmtree(project.file(name))
    ends_as_if_undisturbed(project, undisturbed)


@one_stack
def test_without_records_nothing_is_ours_and_nothing_is_overwritten(project):
    """What no record proves to be of our making is the user's: one line says so, and every byte stays."""
    shutil.rmtree(project.file("models/.records"))
    before = project.artifacts()
    assert "is not of this project's making" in project.fault()
    assert project.artifacts() == before
