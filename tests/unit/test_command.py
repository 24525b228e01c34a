"""scripts/base/command.py: the characters and the length of a printed line."""
import importlib
import types

import pytest

from scripts.base import command


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
