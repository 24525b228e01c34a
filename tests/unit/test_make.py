"""make test: which tests run in which process, and that one failure is the whole's."""
import os
import select
import shutil
import subprocess
import sys

import pytest

from tests import needs

pytestmark = pytest.mark.modern  # one stack is enough: make starts both

# In the place of bootstrap.py: it prints what would be run, and fails in one of the processes where $FAILING is set.
STAND_IN = """
import os, signal, sys
given = sys.argv[1:]
if given == ["--python36"]:
    print(sys.executable)
elif "--" in given:
    if os.environ.get("SAY_TURNS"):
        print("ran in", os.environ["TURNS"], os.listdir(os.environ["TURNS"]))
    print(" ".join(["ran"] + given[given.index("--") + 1:]))
    if os.environ.get("SERVES"):
        print(os.getpid(), flush=True)
        signal.alarm(60)
        signal.pause()
    if os.environ.get("FAILING"):
        number = len(os.listdir(os.environ["TURNS"]))
        open(os.path.join(os.environ["TURNS"], str(os.getpid())), "w").close()
        sys.exit(number == int(os.environ["FAILING"]))
else:
    print(" ".join(["made"] + given))
"""
EVERYTHING = "ran -m pytest"


def lines_of(folder, *arguments, target="test", **environment):
    """Return (exit status, lines) of `make TARGET` with the arguments."""
    environment["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]  # not pyenv's scripts
    (folder / "scripts").mkdir()
    shutil.copy(os.path.join(needs.ROOT, "Makefile"), str(folder))
    (folder / "scripts" / "bootstrap.py").write_text(STAND_IN)
    done = subprocess.run([needs.command("make", "apt install make"), target] + list(arguments), cwd=str(folder),
                          env=dict(os.environ, **environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    print(done.stdout.decode(), done.stderr.decode())  # seen where a test fails
    return done.returncode, [line.rstrip() for line in done.stdout.decode().splitlines()]


def make(folder, *arguments, **environment):
    """Return (exit status, [what was run, sorted]) of `make test` with the arguments."""
    status, lines = lines_of(folder, *arguments, **environment)
    return status, sorted(line for line in lines if line.startswith("ran"))


def test_view_serves_all_models_or_the_one_that_is_named(tmp_path):
    for place, (arguments, task) in enumerate([([], "view"), (["MODEL=mine"], "view:mine")]):
        folder = tmp_path / str(place)
        folder.mkdir()
        status, lines = lines_of(folder, *arguments, target="view")
        assert status == 0 and lines[-1] == f"ran -m doit {task}"


@pytest.mark.parametrize("arguments", [[], ["-j4", "-O", "SHARES=2"]], ids=["in turn", "at once"])
def test_all_environments_are_made_before_the_first_test(arguments, tmp_path):
    lines = [line for line in lines_of(tmp_path, *arguments)[1] if line.startswith(("made", "ran"))]
    assert lines[0] == "made train reference test onnx view notebook"
    assert sorted(lines[1:3]) == ["made keras231", lines[0]]
    assert len(lines) > 4 and all(line.startswith("ran") for line in lines[3:])


def test_both_stacks_run_everything(tmp_path):
    assert make(tmp_path) == (0, [EVERYTHING] * 2)


def test_processes_that_share_a_stack_s_tests_know_of_each_other(tmp_path):
    ran = [EVERYTHING + " -p tests.turns --durations=15"] * 4
    assert make(tmp_path, "-j4", "-O", "SHARES=2", "ARGS=--durations=15") == (0, ran)


def test_each_stack_has_a_number_of_its_own(tmp_path):
    assert make(tmp_path, "-j4", "-O", "SHARES=3", "SHARES36=1") == (0, [EVERYTHING + " -p tests.turns"] * 4)


def test_where_they_take_turns_is_one_new_directory_for_all(tmp_path):
    ran = make(tmp_path, "-j4", "-O", "SHARES=2", SAY_TURNS="1")[1]
    said = {line for line in ran if line.startswith("ran in")}
    assert len(said) == 1 and len(ran) == 8 and said.pop().endswith(" []")


@pytest.mark.parametrize("shares, failing", [(1, 0), (1, 1), (2, 0), (2, 3)])
def test_a_failure_of_one_of_them_is_a_failure(shares, failing, tmp_path):
    status, ran = make(tmp_path, "SHARES=" + str(shares), FAILING=str(failing))
    assert status != 0 and len(ran) == 2 * shares


def test_the_tests_of_what_was_built_set_up_no_second_stack(tmp_path):
    (tmp_path / "one").mkdir()
    status, lines = lines_of(tmp_path / "one", "ARGS=tests/artifacts", REQUIRE_ALL="")
    assert status == 0 and [line for line in lines if line.startswith(("made", "ran"))] == [
        "made train reference test onnx view notebook", EVERYTHING + " tests/artifacts"]
    (tmp_path / "two" / ".venv-py36").mkdir(parents=True)
    assert make(tmp_path / "two", "ARGS=tests/artifacts") == (0, [EVERYTHING + " tests/artifacts"] * 2)


@pytest.mark.parametrize("arguments, ran", [([], "ran -m doit convert"),
                                            (["ARGS=--continue"], "ran -m doit --continue convert")])
def test_make_convert_hands_on_what_doit_takes(arguments, ran, tmp_path):
    assert make(tmp_path, *arguments, target="convert") == (0, [ran])


def test_arguments_keep_their_quotes(tmp_path):
    (tmp_path / "one").mkdir()
    assert make(tmp_path / "one", "ARGS=tests/unit -k 'a or b'") == (0, [EVERYTHING + " tests/unit -k a or b"] * 2)


@pytest.mark.parametrize("target", ["build", "convert", "view"])
def test_what_a_target_runs_ends_with_make(target, tmp_path):
    """No shell stands between the two, which would be ended, and leave a server on its port."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(os.path.join(needs.ROOT, "Makefile"), str(tmp_path))
    (tmp_path / "scripts" / "bootstrap.py").write_text(STAND_IN)
    process = subprocess.Popen([needs.command("make", "apt install make"), target], cwd=str(tmp_path),
                               env=dict(os.environ, SERVES="1"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout.readline().startswith(b"ran -m doit")
    served = int(process.stdout.readline())
    process.terminate()
    assert process.wait(timeout=60) != 0
    assert select.select([process.stdout], [], [], 30)[0], f"{served} lives on"  # its end of the pipe is closed
    process.stdout.close()
