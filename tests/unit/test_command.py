"""scripts/base/command.py: the characters and the length of a printed line, and the end of a process."""
import gc
import importlib
import os
import subprocess
import sys
import types

import pytest

from scripts.base import child, command
from tests.needs import ROOT


@pytest.mark.parametrize("text, line", [
    ("plain 层 🙂", "plain 层 🙂"), ("a\nb\r\x1b[2J", "a\\nb\\r\\x1b[2J"), ("\ud800", "\\ud800"), (5, "5")])
def test_a_line_is_printable_whatever_it_is_made_of(text, line):
    assert command.one_line(text) == line


def test_a_line_and_its_end_are_one_write(monkeypatch):
    """Jobs that run at once share stdout; with PYTHONUNBUFFERED each write goes out by itself."""
    written = []
    monkeypatch.setattr(command.sys, "stdout", types.SimpleNamespace(write=written.append, flush=lambda: None))
    command.say("one\nline")
    assert written == ["one\\nline\n"]


@pytest.mark.parametrize("module, status", [("h5py_that_is_not_there", 1), ("scripts.not_there", 2)])
def test_a_package_that_is_imported_late_and_is_not_there_is_one_line_and_a_module_of_ours_a_bug(
        module, status, capsys, monkeypatch):
    for name in ("heed_signals", "finished"):
        monkeypatch.setattr(command, name, lambda: None)
    with pytest.raises(SystemExit) as ended:
        command.run(lambda _: importlib.import_module(module), [])
    err = capsys.readouterr().err
    assert ended.value.code == status and ("Traceback" in err) == (status == 2)
    assert (err.count("\n") == 1 and ".venv/bin/python" in err) == (status == 1)


def test_what_a_user_may_not_read_is_one_line(capsys, monkeypatch):
    for name in ("heed_signals", "finished"):
        monkeypatch.setattr(command, name, lambda: None)

    def main(arguments):
        raise PermissionError(13, "Permission denied", *arguments)

    with pytest.raises(SystemExit) as end:
        command.run(main, ["mine.html"])
    assert (end.value.code, capsys.readouterr().err) == (1, "mine.html: Permission denied\n")
    with pytest.raises(SystemExit) as end:
        command.run(main, [])  # of which nothing is known
    assert end.value.code == 2 and "Traceback" in capsys.readouterr().err


def test_a_line_of_millions_of_letters_keeps_its_ends():
    assert command.one_line("x" * command.LINE) == "x" * command.LINE
    for letter in ("x", "\U000e0001"):
        line = command.one_line("begin" + letter * 3000000 + "end")
        assert line.startswith("begin") and line.endswith("end") and len(line) < 11 * command.LINE
        assert f"… ({3000008 - command.LINE} letters more) …" in line and line.isprintable()


# Objects that are taken apart at the end of Python would say so.
ENDS = """
import atexit, sys
from scripts.base import command

class Large:
    def __del__(self):
        print("taken apart")

def main(arguments):
    print("done", "x" * 70000, end="")
    return 3

large = Large()
large.itself = large
atexit.register(print, "at the end", file=sys.stderr)
command.run(main, [], at_once=True)
"""


def test_a_process_that_ends_at_once_has_said_all_and_done_what_was_to_be_done_at_its_end():
    done = subprocess.run([sys.executable, "-c", ENDS], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True)
    assert (done.returncode, done.stderr) == (3, "at the end\n")
    assert done.stdout == "done " + "x" * 70000


@pytest.mark.parametrize("where, status", [("/dev/full", command.BUG), ("a reader that left", 0), ("closed", 3)])
def test_a_process_that_ends_at_once_and_cannot_say_it_ends_as_another_does(where, status):
    reader, writer = os.pipe()
    os.close(reader)
    with open("/dev/full", "w") as full:
        done = subprocess.run(["sh", "-c", 'exec "$0" -c "$1"' + (" >&-" if where == "closed" else ""), sys.executable,
                               ENDS], cwd=ROOT, stdout=full if where == "/dev/full" else writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert done.returncode == status, done.stderr
    assert (b"No space left" in done.stderr) == (where == "/dev/full")


def test_what_is_imported_beside_tensorflow_is_there_afterwards_and_garbage_is_collected():
    before = sys.modules.get("sklearn")
    with pytest.raises(KeyError):
        with child.importing():
            with child.importing():
                assert not gc.isenabled() and "sklearn" in sys.modules
            raise KeyError
    assert gc.isenabled() and sys.modules.get("sklearn") is before
