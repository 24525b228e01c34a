"""A file that a command writes where its user says is whole or absent, and never stands where another was."""
import contextlib
import os
import shutil
import stat
import subprocess
import threading

import pytest

from scripts import Fault
from scripts.base import files


def write(path, text):
    with open(str(path), "w") as stream:
        stream.write(text)


def read(path):
    with open(str(path)) as stream:
        return stream.read()


def test_what_a_killed_process_left_of_a_file_goes_with_the_next_attempt_and_a_living_one_s_stays(tmp_path):
    path = str(tmp_path / "[kept].npz")
    gone = subprocess.Popen(["true"])
    gone.wait()
    with files.whole(path, os.path.isfile) as part:
        here = part[len(path):].split(f".{os.getpid()}.")[0]
        write(part, "")
    for name in (path, path + here + f".{gone.pid}.part", path + here + ".99999999999999999999.part"):
        write(name, "old")
    stay = ["[kept].npz" + name for name in (
        here + ".1.part", here + ".notes.part", here + ".².part", here + f".0{gone.pid}.part",
        f".elsewhere.{gone.pid}.part", f".{gone.pid}.part")] + [f"k.npz{here}.{gone.pid}.part"]
    for name in stay:
        write(tmp_path / name, "old")
    with files.whole(path, os.path.isfile) as part:
        write(part, "new")
    assert read(path) == "new"
    assert sorted(os.listdir(str(tmp_path))) == sorted(["[kept].npz"] + stay)


def test_the_files_below_a_directory_are_found_where_links_lead_and_once(tmp_path):
    """A SavedModel whose variables/ are on another disk."""
    for name in ("model/assets", "disk"):
        os.makedirs(str(tmp_path / name))
    write(tmp_path / "model" / "saved_model.pb", "1")
    write(tmp_path / "disk" / "variables.index", "2")
    os.symlink("../disk", str(tmp_path / "model" / "variables"))
    os.symlink("../../model", str(tmp_path / "model" / "assets" / "again"))
    assert files.files_of(str(tmp_path / "model")) == [
        str(tmp_path / "model" / name) for name in ("saved_model.pb", "variables/variables.index")]


def test_no_name_is_no_directory_and_not_the_root_of_all():
    with pytest.raises(Fault, match="no directory can be made there"):
        files.into("", lambda path: pytest.fail("not there"))


def test_deliver_moves_files_whole_and_spares_what_is_there(tmp_path):
    source, target = tmp_path / "new", tmp_path / "out"
    source.mkdir()
    for name in ("b.bin", "model.json"):
        (source / name).write_text("new " + name)
    files.deliver(str(source), ["b.bin", "model.json"], str(target))
    assert (target / "model.json").read_text() == "new model.json"
    (source / "model.json").write_text("again")
    with pytest.raises(Fault) as caught:
        files.deliver(str(source), ["model.json"], str(target))
    assert "is there already" in str(caught.value)
    files.deliver(str(source), ["model.json"], str(target), owned=["model.json", "b.bin"])
    assert sorted(os.listdir(str(target))) == ["model.json"]


def test_a_pipe_or_a_device_that_the_user_names_is_not_replaced_by_a_file(tmp_path):
    """As root, `--out /dev/null` would replace the device for the whole machine."""
    pipe = tmp_path / "pipe"
    os.mkfifo(str(pipe))
    for place in (pipe, tmp_path):
        with pytest.raises(Fault) as caught:
            files.vacant(str(place), os.path.isfile)
        assert "no ordinary file" in str(caught.value)
    assert stat.S_ISFIFO(os.stat(str(pipe)).st_mode)


def test_a_file_that_the_user_names_is_replaced_only_where_it_is_known_for_an_earlier_result(tmp_path):
    path = str(tmp_path / "file")
    with files.whole(path) as part:
        write(part, "first")
    for ours in (None, lambda path: False):
        with pytest.raises(Fault, match="is there already"):
            with files.whole(path, ours):
                raise AssertionError("not before the work")
    with files.whole(path, lambda path: read(path) == "first") as part:
        write(part, "second")
    assert os.listdir(str(tmp_path)) == ["file"] and read(path) == "second"


def test_a_file_that_came_while_another_was_made_for_its_place_stays(tmp_path):
    path = str(tmp_path / "file")
    with pytest.raises(Fault, match="is there already"):
        with files.whole(path) as part:
            write(part, "new")
            write(path, "mine")
    assert os.listdir(str(tmp_path)) == ["file"] and read(path) == "mine"


def test_a_directory_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Fault, match="there is no directory .*no: make it"):
        files.vacant(str(tmp_path / "no" / "file"))


def delivering(text, meanwhile=lambda: None):
    """A `write` for files.into: two files that hold the same word."""
    def write(path):
        for name in ("model.json", "shard.bin"):
            with open(os.path.join(path, name), "w") as stream:
                stream.write(text)
        meanwhile()
        return ["model.json", "shard.bin"]
    return write


def test_of_two_commands_into_one_directory_the_later_one_says_so_and_nothing_is_mixed(tmp_path):
    place, owned = str(tmp_path / "out"), ["model.json", "shard.bin"]
    files.into(place, delivering("first"))
    with pytest.raises(Fault, match="model.json was replaced by another command meanwhile"):
        files.into(place, delivering("slow", lambda: files.into(place, delivering("quick"), owned)), owned)
    assert {(tmp_path / "out" / name).read_text() for name in owned} == {"quick"}
    assert sorted(os.listdir(place)) == owned


def test_what_the_user_removes_meanwhile_is_not_missed(tmp_path):
    place, owned = str(tmp_path / "out"), ["model.json", "shard.bin"]
    files.into(place, delivering("first"))
    files.into(place, delivering("second", lambda: os.remove(os.path.join(place, "model.json"))), owned)
    assert {(tmp_path / "out" / name).read_text() for name in owned} == {"second"}


def test_a_command_that_fails_takes_no_new_directory_from_another_one(tmp_path):
    """Both make the directories around theirs, and the one that fails removes them where they are empty."""
    stop, said = threading.Event(), []

    def fail(path):
        raise Fault("mine")

    def failing():
        while not stop.is_set():
            try:
                files.into(str(tmp_path / "new" / "other" / "out"), fail)
            except Exception as error:
                said.append(str(error))

    other = threading.Thread(target=failing)
    other.start()
    try:
        for _ in range(300):
            files.into(str(tmp_path / "new" / "mine" / "out"), delivering("whole"))
            assert sorted(os.listdir(str(tmp_path / "new" / "mine" / "out"))) == ["model.json", "shard.bin"]
            shutil.rmtree(str(tmp_path / "new" / "mine"))
            with contextlib.suppress(OSError):
                os.rmdir(str(tmp_path / "new"))
    finally:
        stop.set()
        other.join()
    assert set(said) == {"mine"}


def test_two_commands_write_files_of_their_own_into_one_directory(tmp_path):
    def other(path):
        with open(os.path.join(path, "b.h5"), "w"):
            return ["b.h5"]

    place = str(tmp_path)
    files.into(place, delivering("a", lambda: files.into(place, other)))
    assert sorted(os.listdir(place)) == ["b.h5", "model.json", "shard.bin"]
