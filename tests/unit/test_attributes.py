"""The helper that reads HDF5's texts first: what it survives, and that nothing is left of it."""
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time

import h5py
import numpy
import pytest

from scripts import Fault
from scripts.formats import attributes, keras_h5
from tests.attacks import builders
from tests.needs import ROOT


@pytest.fixture
def good(tmp_path):
    """An h5 file with a text in its heap."""
    path = str(tmp_path / "good.h5")
    with h5py.File(path, "w") as file:
        file.attrs["text"] = "t\xe9xt"
        file.create_group("a").create_group("b \u5c42").attrs["text"] = "t" * 5000
    return path


def attempt(path, group="/"):
    with h5py.File(path, "r") as file:
        attributes.attempt(file[group], path, list(file[group].attrs))


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_one_helper_serves_all_files_and_groups(good):
    attempt(good)
    pid = attributes.HELPER[0].pid
    attempt(good, "a/b \u5c42")
    assert [helper.pid for helper in attributes.HELPER] == [pid]


def test_numbers_and_texts_of_one_length_need_no_helper(tmp_path, monkeypatch):
    monkeypatch.setattr(attributes, "HELPER", [])
    path = str(tmp_path / "m.h5")
    with h5py.File(path, "w") as file:
        file.attrs["names"] = numpy.array([b"one", b"two"])
        file.attrs["number"] = 3
    attempt(path)
    assert attributes.HELPER == []


def test_an_attribute_that_cannot_be_read_does_not_hide_the_next(tmp_path):
    """HDF5 refuses the first text, and never comes back from the second."""
    def change(file):
        h5py.h5a.create(file.id, b"first", h5py.h5t.UNIX_D32LE, h5py.h5s.create_simple((1,)))

    helper = attributes.Helper()
    try:
        assert not helper.tries(builders.heap_without_end(str(tmp_path), change), "/", ["first", "model_config"])
    finally:
        helper.end()


def test_texts_inside_a_record_are_tried_too(good, monkeypatch):
    monkeypatch.setattr(attributes, "HELPER", [])
    with h5py.File(good, "r+") as file:
        file.attrs["pair"] = numpy.array((1, b"x"), [("number", "i4"), ("text", h5py.special_dtype(vlen=bytes))])
        attributes.attempt(file, good, ["number", "none"])
        assert attributes.HELPER == []
        attributes.attempt(file, good, ["pair"])
    attributes.HELPER[0].end()


def test_after_a_heap_without_end_another_helper_serves(good, tmp_path):
    bad = builders.heap_without_end(str(tmp_path))
    attempt(good)
    pid = attributes.HELPER[0].pid
    with pytest.raises(Fault, match="does not get through its attributes"):
        attempt(bad)
    assert attributes.HELPER == [] and gone(pid)
    attempt(good)
    assert attributes.HELPER[0].pid != pid


def test_what_it_has_used_of_the_processor_is_not_counted_against_the_next_file(good):
    """Each request has SECONDS; a helper of a thousand models has used more than that."""
    code = ("import os, sys; from scripts.formats import attributes; from tests.unit.test_attributes import attempt\n"
            "attributes.SECONDS, used = 0.2, 0\n"
            "while used < 0.6 * os.sysconf('SC_CLK_TCK'):\n"
            "    attempt(sys.argv[1])\n"
            "    stat = open('/proc/%d/stat' % attributes.HELPER[0].pid).read().split()\n"
            "    used = int(stat[13]) + int(stat[14])\n")
    done = subprocess.run([sys.executable, "-c", code, good], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_helper_that_was_killed_is_a_fault_and_not_a_hang(good):
    attempt(good)
    os.kill(attributes.HELPER[0].pid, signal.SIGKILL)
    with pytest.raises(Fault):
        attempt(good)
    attempt(good)


def test_it_ends_with_its_process_even_with_one_that_is_killed(good):
    code = ("import os, sys; from scripts.formats import attributes; from tests.unit.test_attributes import attempt\n"
            "attempt(sys.argv[1]); print(attributes.HELPER[0].pid); sys.stdout.flush(); os.kill(os.getpid(), 9)")
    said = subprocess.run([sys.executable, "-c", code, good], cwd=ROOT, stdout=subprocess.PIPE).stdout
    until = time.monotonic() + 10
    while not gone(int(said)) and time.monotonic() < until:
        time.sleep(0.1)
    assert gone(int(said)), "it is still there"


@pytest.mark.parametrize("ending", ["", "raise SystemExit(1)",
                                    "command.run(lambda arguments: os.kill(os.getpid(), 15))",
                                    "command.run(lambda arguments: os.kill(os.getpid(), 2))", "1 / 0"])
def test_it_is_gone_when_its_process_is(ending, good):
    code = ("import os, sys; from scripts.base import command; from scripts.formats import attributes\n"
            "from tests.unit.test_attributes import attempt\n"
            f"attempt(sys.argv[1]); print(attributes.HELPER[0].pid); sys.stdout.flush()\n{ending}")
    done = subprocess.run([sys.executable, "-c", code, good], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert gone(int(done.stdout)), "it is still there"


def test_it_holds_none_of_the_locks_and_pipes_of_its_process(good, tmp_path, monkeypatch):
    monkeypatch.setattr(attributes, "HELPER", [])
    reading, writing = os.pipe()
    with open(str(tmp_path / "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        attempt(good)
    os.close(writing)
    assert os.read(reading, 1) == b""  # else it would wait for the helper
    os.close(reading)
    with open(str(tmp_path / "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    attributes.HELPER[0].end()


def test_no_other_thread_is_inside_h5py_while_it_is_forked(good, monkeypatch):
    """Else it would wait for that thread, which it lacks, for ever."""
    from h5py._objects import phil
    free, plain = [], os.fork

    def look():
        free.append(phil.acquire(blocking=False))
        if free[-1]:
            phil.release()

    def fork():
        other = threading.Thread(target=look)
        other.start()
        other.join()
        return plain()

    monkeypatch.setattr(attributes, "HELPER", [])
    monkeypatch.setattr(attributes.os, "fork", fork)
    attempt(good)
    attributes.HELPER[0].end()
    assert free == [False]


def test_a_forked_process_has_one_of_its_own(good):
    attempt(good)
    pid = attributes.HELPER[0].pid
    child = os.fork()
    if not child:
        try:
            attempt(good)
            own = attributes.HELPER[0]
            if own.pid != pid and own.owner == os.getpid():
                own.end()
                os._exit(7)
        finally:
            os._exit(1)
    assert os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 7
    attempt(good)
    assert attributes.HELPER[0].pid == pid


def test_a_file_that_is_damaged_while_it_is_open_is_looked_at_anew(tmp_path):
    """The helper was forked while the file was open and whole: HDF5 must not give it what it knew then."""
    bad = builders.heap_without_end(str(tmp_path))
    with h5py.File(bad, "r") as file:
        helper = attributes.Helper()
        try:
            assert not helper.tries(bad, file.name, keras_h5.ATTRIBUTES)
        finally:
            helper.end()
