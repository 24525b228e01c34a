"""tests/turns.py: processes that share the tests run each of them once, whole files at a time, and leave none out."""
import os
import subprocess
import sys

import pytest

from tests.needs import ROOT

pytestmark = pytest.mark.modern  # one stack is enough: .ci/run has it in both

FILE = """
import os, time
import pytest

def note(word):
    with open({log!r}, "a") as stream:
        stream.write(word + " {name} " + str(os.getpid()) + "\\n")

def begun():
    with open({log!r}) as stream:
        return {{line.split()[2] for line in stream if line.endswith("\\n")}}

@pytest.fixture(scope="module", autouse=True)
def shared():
    note("begin")
    until = time.time() + 60
    while len(begun()) < int(os.environ["COUNT"]) and time.time() < until:  # each process takes a file, however late
        time.sleep(0.02)
    yield
    note("end")

@pytest.mark.parametrize("number", [0, 1, 2])
def test_it(number):
    note("test-" + str(number))
    assert {name!r} != os.environ.get("FAILING")
"""
NAMES = ["tests/unit/test_a.py", "tests/unit/test_b.py", "tests/unit/test_c.py", "tests/unit/test_d.py",
         "tests/browser/test_e.py", "tests/browser/test_f.py", "tests/faults/test_faults.py"]


@pytest.fixture
def folder(tmp_path):
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(FILE.format(log=str(tmp_path / "log"), name=name))
    (tmp_path / "turns").mkdir()
    return tmp_path


def run(folder, count, **environment):
    """Run that many processes at once; return their exit statuses and [(word, file, process)] in the order of time."""
    environment.update(os.environ, PYTHONPATH=ROOT, TURNS=str(folder / "turns"), COUNT=str(count))
    words = [sys.executable, "-m", "pytest", "-q", "-p", "tests.turns", "-p", "no:cacheprovider", "--rootdir",
             str(folder), "tests"]
    running = [subprocess.Popen(words, cwd=str(folder), env=environment, stdout=subprocess.DEVNULL)
               for _ in range(count)]
    statuses = sorted(process.wait() for process in running)
    return statuses, [line.split() for line in (folder / "log").read_text().splitlines()]


def test_each_test_runs_once_and_a_file_in_one_process(folder):
    statuses, said = run(folder, 3)
    assert statuses == [0, 0, 0]
    for name in NAMES:
        own = [(word, process) for word, file, process in said if file == name]
        assert [word for word, _ in own] == ["begin", "test-0", "test-1", "test-2", "end"], name
        assert len({process for _, process in own}) == 1
    assert len(said) == 5 * len(NAMES) and len({process for _, _, process in said}) == 3
    assert len({process for _, file, process in said if "browser" in file}) == 1


def test_the_longest_comes_first(folder):
    files = [file for _, file, _ in run(folder, 1)[1]]
    assert [name for place, name in enumerate(files) if name not in files[:place]] == [
        "tests/faults/test_faults.py"] + NAMES[4:6] + NAMES[:4]


def test_a_failure_is_that_of_its_process(folder):
    assert run(folder, 2, FAILING=NAMES[1])[0] == [0, 1]


def test_what_is_named_as_the_longest_is_there():
    from tests import turns
    for name in [path for paths in turns.TOGETHER.values() for path in paths] + list(turns.LONGEST):
        assert os.path.exists(os.path.join(ROOT, name)), name
