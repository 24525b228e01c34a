"""The records: what is fresh, which files are this project's, and that a target is whole or absent."""
import errno
import json
import os
import signal
import tempfile

import pytest

from scripts import Fault
from scripts.base import files
from scripts.builds import digests, records
from tests import needs


@pytest.fixture
def house(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return records.House("models")


def stage(**changes):
    options = dict(name="copy:a", inputs=["in"], outputs=["models/out"], settings={"k": 1}, code="c",
                   stack={"name": "s"})
    options.update(changes)
    return records.Stage(**options)


def write(path, text):
    directory = os.path.dirname(str(path))
    if directory:
        os.makedirs(directory, exist_ok=True)
    with open(str(path), "w") as stream:
        stream.write(text)


def read(path):
    with open(path) as stream:
        return stream.read()


def copying(text="built", names=("out",)):
    def produce(directory):
        for name in names:
            write(os.path.join(directory, name), text + name)
        return {}, {"models/" + name: name for name in names}
    return produce


def test_a_stage_is_fresh_once_it_is_built(house):
    write("in", "x")
    assert house.verdict(stage()) == "not built yet"
    house.build(stage(), copying())
    assert house.verdict(stage()) is None
    assert records.House("models").verdict(stage()) is None


@pytest.mark.parametrize("beside", [False, True])
def test_an_input_that_changes_while_it_is_read_replaces_nothing(house, beside):
    own = stage(beside=beside)
    write("in", "x")
    assert house.build(own, copying())["inputs"] == {"in": files.sha256("in")} and house.verdict(own) is None
    write("in", "y")
    assert house.verdict(own) == "in changed"

    def produce(directory):
        write("in", "z")
        return copying("other")(directory)

    with pytest.raises(Fault, match="in changed while copy:a read it: run again when it is whole"):
        house.build(own, produce)
    assert read("models/out") == "builtout"


@pytest.mark.parametrize("change, words", [
    (dict(settings={"k": 2}), "k changed"), (dict(code="d"), "code changed"), (dict(stack={"name": "t"}), "stack"),
    (dict(inputs=["in", "other"]), "other changed"), (dict(inputs=[]), "in changed"),
    (dict(outputs=["models/out", "models/more"]), "not built yet")])
def test_settings_code_stack_and_inputs_are_dependencies(house, change, words):
    write("in", "x")
    write("other", "y")
    house.build(stage(), copying())
    assert words in house.verdict(stage(**change))


def test_touching_an_input_without_changing_it_does_nothing(house):
    write("in", "x")
    house.build(stage(), copying())
    os.utime("in", (1, 1))
    assert house.verdict(stage()) is None


def test_an_edit_that_keeps_size_and_mtime_is_seen(house):
    write("in", "one")
    os.utime("in", (1000, 1000))
    house.build(stage(), copying())
    assert house.verdict(stage()) is None
    write("in", "two")
    os.utime("in", (1000, 1000))
    assert house.verdict(stage()) == "in changed"


def test_an_edit_in_the_same_tick_of_the_clock_is_seen(house, monkeypatch):
    """A stat that is as new as the clock proves nothing: such a file is hashed again every time."""
    write("in", "one")
    assert house.digests.of("in") == files.sha256("in")
    frozen = os.stat("in")
    write("in", "two")
    real = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **options: frozen if path == "in" else real(path, **options))
    assert house.digests.of("in") == files.sha256("in")


def test_an_old_file_is_not_read_twice(house, monkeypatch):
    write("in", "one")
    now = digests.time.time()
    monkeypatch.setattr(digests.time, "time", lambda: now + 10)
    first = house.digests.of("in")
    monkeypatch.setattr(files, "sha256", lambda path: pytest.fail("read again"))
    assert house.digests.of("in") == first


def test_a_clock_that_jumps_back_does_not_hide_an_edit(house, monkeypatch):
    write("in", "one")
    now = digests.time.time()
    monkeypatch.setattr(digests.time, "time", lambda: now - 86400)
    assert house.digests.of("in") == files.sha256("in")
    write("in", "two")
    assert house.digests.of("in") == files.sha256("in")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"in": 3}', '{"in": [1, 2, 3, 4, 5]}'])
def test_a_damaged_cache_of_stats_costs_a_measurement_and_nothing_else(house, text):
    write("in", "x")
    write("models/.records/stats.modern.json", text)
    assert records.House("models").digests.of("in") == files.sha256("in")


def test_an_altered_or_deleted_output_is_built_again(house):
    write("in", "x")
    house.build(stage(), copying())
    write("models/out", "edited")
    assert house.verdict(stage()) == "models/out was altered"
    house.build(stage(), copying())
    assert read("models/out") == "builtout"
    os.remove("models/out")
    assert house.verdict(stage()) == "models/out is missing"


def test_a_file_that_is_not_ours_is_never_overwritten(house):
    write("in", "x")
    write("models/out", "the user's")
    with pytest.raises(Fault) as caught:
        house.build(stage(), copying())
    assert "models/out is not of this project's making" in str(caught.value)
    assert read("models/out") == "the user's"
    assert not os.path.exists("models/.building")


def test_a_file_with_the_very_bytes_that_would_be_built_is_adopted(house):
    write("in", "x")
    write("models/out", "builtout")
    house.build(stage(), copying())
    assert house.verdict(stage()) is None


def test_a_directory_in_the_way_is_refused(house):
    write("in", "x")
    os.makedirs("models/out")
    with pytest.raises(Fault):
        house.build(stage(), copying())


def test_a_model_that_the_user_put_there_is_the_users(house):
    write("in", "x")
    kept = stage(keep=True)
    house.build(kept, copying())
    assert house.users(kept) == []
    write("models/out", "the user's")
    assert house.users(kept) == ["models/out"]
    assert house.verdict(kept) is None
    assert house.remove("copy:a") == ([], ["models/out"])
    assert read("models/out") == "the user's"


def test_a_target_without_a_record_is_the_users(house):
    write("models/out", "brought along")
    assert house.users(stage(keep=True)) == ["models/out"]


def test_a_link_that_leads_nowhere_for_the_moment_is_the_users(house):
    write("in", "x")
    kept = stage(keep=True)
    house.build(kept, copying())
    os.remove("models/out")
    os.symlink("/mnt/not/there/model.h5", "models/out")
    assert house.users(kept) == ["models/out"] and house.verdict(kept) is None


def test_a_record_from_elsewhere_makes_nothing_outside_ours(house):
    write("in", "x")
    write("precious", "builtout")
    house.build(stage(), copying())
    with open(house.record_path("copy:a")) as stream:
        record = json.load(stream)
    for path in ("precious", "models/../precious", os.path.abspath("precious")):
        record["outputs"][path] = record["outputs"]["models/out"]
    files.durable_json(house.record_path("copy:a"), record)
    assert house.remove("copy:a") == (["models/out"], [])
    assert read("precious") == "builtout"


def test_what_cannot_be_seen_for_the_moment_stays_on_record(house):
    write("in", "x")
    os.makedirs("disk")
    os.makedirs("models")
    os.symlink("../disk", "models/mine")
    mine = stage(outputs=["models/mine/out"])
    house.build(mine, lambda directory: ({}, {"models/mine/out": copying()(directory)[1]["models/out"]}))
    os.rename("disk", "unplugged")
    with pytest.raises(Fault, match="models/mine leads nowhere"):
        house.remove("copy:a")
    os.rename("unplugged", "disk")
    assert house.verdict(mine) is None
    assert house.remove("copy:a") == (["models/mine/out"], [])


@pytest.fixture
def disk(tmp_path):
    """A directory on another disk than the tests' own."""
    if not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == os.stat(str(tmp_path)).st_dev:
        needs.lacking("a second file system at /dev/shm")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as path:
        yield path


def test_what_is_built_may_lie_on_another_disk(house, disk):
    write("in", "x")
    os.makedirs("models")
    os.symlink(disk, "models/far")
    far = stage(outputs=["models/far/shard", "models/far/out"])

    def produce(text):
        return lambda directory: ({}, {"models/far/" + name.split("/")[1]: name.split("/")[1]
                                       for name in copying(text, ("shard", "out"))(directory)[1]})
    for text in ("built", "again"):
        house.build(far, produce(text))
        assert read("models/far/out") == text + "out" and house.verdict(far) is None
        assert sorted(os.listdir(disk)) == ["out", "shard"]
        write("in", text)
    house.build(far, produce("third"))
    assert house.remove("copy:a") == (["models/far/out", "models/far/shard"], []) and os.listdir(disk) == []


def test_a_full_other_disk_replaces_nothing(house, disk, monkeypatch):
    write("in", "x")
    os.makedirs("models")
    os.symlink(disk, "models/far")
    far = stage(outputs=["models/far/out"])
    house.build(far, lambda directory: ({}, {"models/far/out": copying()(directory)[1]["models/out"]}))
    write("in", "y")

    def full(source, target):
        write(target, "half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), target)
    monkeypatch.setattr(files.shutil, "copyfile", full)
    with pytest.raises(Fault, match="run again when there is room"):
        house.build(far, lambda directory: ({}, {"models/far/out": copying("new")(directory)[1]["models/out"]}))
    assert read("models/far/out") == "builtout" and os.listdir(disk) == ["out"]


@pytest.mark.parametrize("name", ["models/far", "models/.building", "models/.records"])
def test_a_link_to_a_disk_that_is_not_there_is_one_line(house, name):
    write("in", "x")
    os.makedirs("models")
    os.symlink("/mnt/not/there", name)
    far = stage(outputs=["models/far/a/out"])
    with pytest.raises(Fault, match="leads nowhere|is in the way"):
        house.build(far, lambda directory: ({}, {"models/far/a/out": copying()(directory)[1]["models/out"]}))
    assert os.path.islink(name)


def test_models_that_are_moved_meanwhile_are_one_line(house):
    write("in", "x")

    def produce(directory):
        made = copying()(directory)
        os.rename("models/.records", "elsewhere")
        return made
    with pytest.raises(Fault, match="models/.records was moved or removed while it was written to: run again"):
        house.build(stage(), produce)


def test_outputs_that_are_no_longer_built_go(house):
    write("in", "x")
    house.build(stage(), copying(names=("shard1", "shard2", "out")))
    write("models/notes.txt", "the user's")
    house.build(stage(settings={}), copying(names=("shard1", "out")))
    assert sorted(name for name in os.listdir("models") if name[0] != ".") == ["notes.txt", "out", "shard1"]


def test_a_stale_output_that_the_user_changed_stays(house):
    write("in", "x")
    house.build(stage(), copying(names=("shard1", "shard2", "out")))
    write("models/shard2", "the user's")
    house.build(stage(settings={}), copying(names=("shard1", "out")))
    assert read("models/shard2") == "the user's"


def test_an_input_that_changes_meanwhile_is_noticed(house):
    write("in", "x")

    def produce(directory):
        result = copying()(directory)
        write("in", "changed while it was read")
        return result

    with pytest.raises(Fault) as caught:
        house.build(stage(), produce)
    assert "in changed while" in str(caught.value)
    assert not os.path.exists("models/out")


def test_an_input_that_changed_in_the_tick_of_its_last_reading_is_noticed(house, monkeypatch):
    """A build begins with what was last read, and makes sure in the end."""
    write("in", "one")
    house.digests.of("in")
    frozen = os.stat("in")
    write("in", "two")
    real = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **options: frozen if path == "in" else real(path, **options))
    with pytest.raises(Fault, match="in changed while"):
        house.build(stage(), copying())
    assert not os.path.exists("models/out")


def test_what_was_just_built_is_read_once_more_and_no_oftener(house, monkeypatch):
    """Once for its record; once, by the stage that reads it, to be sure that it is still the same."""
    write("in", "x")
    seen, real = [], files.sha256
    monkeypatch.setattr(files, "sha256", lambda path: seen.append(path) or real(path))

    def produce(directory):
        result = copying(names=("shard", "out"))(directory)
        assert house.digests.of(os.path.join(directory, "shard"), last=True)  # for a manifest
        return result

    house.build(stage(), produce)
    assert seen.count("models/.building/copy.a/shard") == seen.count("models/.building/copy.a/out") == 1
    del seen[:]
    house.build(stage(name="next:a", inputs=["models/out"], outputs=["models/next"]),
                lambda directory: (copying(names=("next",))(directory)[0], {"models/next": "next"}))
    assert seen.count("models/out") == 1


def test_a_failed_build_leaves_the_old_target_and_no_temporary_file(house):
    write("in", "x")
    house.build(stage(), copying())

    def produce(directory):
        write(os.path.join(directory, "out"), "half")
        raise Fault("no")

    with pytest.raises(Fault):
        house.build(stage(settings={}), produce)
    assert read("models/out") == "builtout"
    assert sorted(os.listdir("models")) == [".records", "out"]


@pytest.mark.parametrize("step", range(40))
def test_a_kill_between_any_two_steps_loses_neither_owner_nor_bytes(house, monkeypatch, step):
    """Every system call that changes the disk is a place to be killed at; the next build must end as if undisturbed."""
    write("in", "x")
    names = ("shard1", "shard2", "out")
    house.build(stage(), copying("old ", names))

    class Killed(BaseException):
        pass

    count = [0]

    def counted(function):
        def call(*args, **options):
            count[0] += 1
            if count[0] > step:
                raise Killed()
            return function(*args, **options)
        return call

    real = {name: getattr(os, name) for name in ("replace", "remove", "fsync", "chmod", "rmdir")}
    for name, function in real.items():
        monkeypatch.setattr(os, name, counted(function))
    try:
        house.build(stage(settings={}), copying("new ", names[1:]))
    except Killed:
        pass
    for name, function in real.items():
        monkeypatch.setattr(os, name, function)

    if os.path.exists("models/out"):  # the entry is there only with everything that it names
        word = read("models/out").split()[0]
        for name in names if word == "old" else names[1:]:
            assert read("models/" + name).split()[0] == word
    again = records.House("models")
    again.lock(lambda pid: pytest.fail("locked"))
    if again.verdict(stage(settings={})):
        again.build(stage(settings={}), copying("new ", names[1:]))
    again.unlock()
    assert [read("models/" + name) for name in names[1:]] == ["new shard2", "new out"]
    assert sorted(os.listdir("models")) == [".records", "out", "shard2"]
    assert sorted(os.listdir("models/.records")) == ["copy.a.json", "lock"]


def test_what_a_record_says_depends_on_neither_time_nor_place(tmp_path, monkeypatch):
    written = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        write("in", "x")
        records.House("models").build(stage(), copying())
        written.append(read("models/.records/copy.a.json"))
    assert written[0] == written[1]
    assert json.loads(written[0])["before"] == {}


def test_cleaning_removes_what_was_built_and_nothing_else(house):
    write("in", "x")
    house.build(stage(), copying(names=("shard", "out")))
    write("models/notes.txt", "the user's")
    assert house.remove("copy:a", dryrun=True)[0] == ["models/out", "models/shard"]
    assert os.path.exists("models/out")
    house.remove("copy:a")
    assert sorted(os.listdir("models")) == [".records", "notes.txt"]
    assert house.verdict(stage()) == "not built yet"


def test_a_second_build_waits_for_the_first_and_says_who_is_at_work(house):
    house.lock(lambda pid: pytest.fail("nobody is there"))
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        records.House("models").lock(lambda pid: os.write(writing, pid.encode()))
        os.write(writing, b" then mine")
        os._exit(0)
    os.close(writing)
    assert os.read(reading, 100).decode() == str(os.getpid())
    house.unlock()
    assert os.read(reading, 100) == b" then mine"
    os.waitpid(child, 0)


@pytest.mark.parametrize("number, words", [(errno.ENOSPC, "room"), (errno.EROFS, "cannot be written"),
                                           (errno.EACCES, "cannot be written")])
def test_a_disk_that_takes_nothing_is_one_line(house, number, words):
    write("in", "x")
    house.build(stage(), copying())

    def produce(directory):
        raise OSError(number, os.strerror(number), "models/x")

    with pytest.raises(Fault) as caught:
        house.build(stage(settings={}), produce)
    assert words in str(caught.value)
    assert read("models/out") == "builtout"


def test_a_directory_as_input_is_every_file_in_it(house):
    write("saved/a", "1")
    write("saved/variables/b", "2")
    directory = stage(inputs=["saved"])
    house.build(directory, copying())
    assert house.verdict(directory) is None
    write("saved/variables/b", "3")
    assert house.verdict(directory) == "saved/variables/b changed"
    write("saved/variables/b", "2")
    write("saved/c", "4")
    assert house.verdict(directory) == "saved/c changed"


def test_a_place_to_build_in_that_goes_meanwhile_is_made_again(house, monkeypatch):
    write("in", "x")
    real, calls = os.makedirs, []

    def makedirs(path, *arguments, **options):
        calls.append(path)
        if len(calls) == 1:  # what another process's rmdir of the parent looks like from here
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "makedirs", makedirs)
    house.build(stage(), copying())
    assert read("models/out") == "builtout"


def test_processes_that_build_side_by_side_do_not_take_each_others_place(house):
    """What is left empty by one is removed while the other is about to use it."""
    write("in", "x")
    children = []
    for number in range(3):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                for turn in range(150):
                    name = f"out-{number}-{turn}"
                    house.build(stage(name="copy:" + name, outputs=["models/" + name]), copying(names=(name,)))
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert len([name for name in os.listdir("models") if name.startswith("out-")]) == 450


def at_work(models, holding=False):
    """Fork a process that takes `models` and says on the returned pipe whom it waits for, and that it has them; it ends
    at once, or `holding` them until it is killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            own = records.House("models")  # which holds its locks as long as it lives
            own.lock(lambda pid: os.write(writing, b"waits for %s, " % pid.encode()), models)
            os.write(writing, b"mine")
            os.close(writing)
            if holding:
                signal.pause()
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    return child, reading


def said_by(child, reading):
    said = b""
    while True:
        more = os.read(reading, 100)
        if not more:
            os.close(reading)
            assert os.waitpid(child, 0)[1] == 0
            return said
        said += more


def test_builds_of_different_models_go_on_at_once_and_of_the_same_wait(house):
    house.lock(lambda pid: pytest.fail("nobody is there"), {"a", "b"})
    assert said_by(*at_work({"c"})) == b"mine"
    same = at_work({"c", "b"})
    whole = at_work(None)
    for _, reading in (same, whole):
        assert os.read(reading, 100).startswith(b"waits for ")
    house.unlock()
    assert (said_by(*same), said_by(*whole)) == (b"mine", b"mine")


def test_a_build_of_one_model_waits_for_one_of_all_and_touches_nothing_of_others(house):
    child, reading = at_work(None, holding=True)
    assert os.read(reading, 100) == b"mine"
    write("models/.building/copy.b/half", "at work")
    one, said = at_work({"a"})
    assert os.read(said, 100) == b"waits for %d, " % child
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reading)
    assert said_by(one, said) == b"mine"
    assert os.path.exists("models/.building/copy.b/half")
    house.lock(lambda pid: pytest.fail("nobody is there"))
    assert sorted(os.listdir("models/.records")) == ["lock"] and not os.path.exists("models/.building")


def test_what_two_builds_measured_at_once_is_kept(house, monkeypatch):
    now = digests.time.time()
    monkeypatch.setattr(digests.time, "time", lambda: now + 10)
    houses = [records.House("models"), records.House("models")]
    for name, each in zip("ab", houses):
        write(name, name)
        each.lock(lambda pid: pytest.fail("waited"), {name})
        each.digests.of(name)
    for each in houses:
        each.unlock()
    assert sorted(records.House("models").digests.entries) == ["a", "b"]
    assert not [name for name in os.listdir("models/.records") if name.endswith(".new")]
