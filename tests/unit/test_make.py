"""make test: which tests run in which process, and that one failure is the whole's."""
import os
import shutil
import subprocess

import pytest

from tests import needs

# In the place of bootstrap.py: it prints what would be run, and fails for the tests that $FAILING names.
STAND_IN = """
import os, sys
given = sys.argv[1:]
if given == ["--python36"]:
    print(sys.executable)
elif "--" in given:
    print(" ".join(["ran"] + given[given.index("--") + 1:]))
    sys.exit(os.environ.get("FAILING") in given)
"""
EVERYTHING = "ran -m pytest"


def make(folder, *arguments, **environment):
    """Return (exit status, [what was run, sorted]) of `make test` with the arguments."""
    (folder / "scripts").mkdir()
    shutil.copy(os.path.join(needs.ROOT, "Makefile"), str(folder))
    (folder / "scripts" / "bootstrap.py").write_text(STAND_IN)
    done = subprocess.run([needs.command("make", "apt install make"), "test"] + list(arguments), cwd=str(folder),
                          env=dict(os.environ, **environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    lines = done.stdout.decode().splitlines()
    return done.returncode, sorted(line.rstrip() for line in lines if line.startswith("ran"))


def test_both_stacks_run_everything(tmp_path):
    assert make(tmp_path) == (0, [EVERYTHING] * 2)


def test_what_is_set_apart_runs_in_a_process_of_its_own_and_nothing_runs_twice_or_not_at_all(tmp_path):
    assert make(tmp_path, "-j3", "-O", "APART=tests/models", "ARGS=--durations=15") == (0, [
        EVERYTHING + " --durations=15", EVERYTHING + " --durations=15 --ignore=tests/models",
        EVERYTHING + " --durations=15 tests/models"])


@pytest.mark.parametrize("failing", ["tests/models", "--ignore=tests/models"])
def test_a_failure_of_one_of_them_is_a_failure(failing, tmp_path):
    status, ran = make(tmp_path, "-j3", "-O", "APART=tests/models", FAILING=failing)
    assert status != 0 and len(ran) == 3


def test_arguments_keep_their_quotes(tmp_path):
    (tmp_path / "one").mkdir()
    assert make(tmp_path / "one", "ARGS=tests/unit -k 'a or b'") == (0, [EVERYTHING + " tests/unit -k a or b"] * 2)
