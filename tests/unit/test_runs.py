"""How doit starts, ends and cleans here (builds/run.py, workers.py, doit_patches.py), and what is in a build's way."""
import ast
import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from tests.needs import ROOT
from tests.project import Project
from tests.unit import handmade

one_stack = pytest.mark.modern  # what is on the disk is looked at by this project's code, which is one
MINE = '[mine]\nsource = "model.h5"\n'
# Every build says that it has begun, and takes a while: SLOW seconds, or until there is a file "go".
SLOW = """
import time
plain = House.build


def wait(seconds):
    until = time.time() + seconds
    while time.time() < until and not os.path.exists("go"):
        time.sleep(0.02)


def slow(self, stage, produce):
    if os.environ.get("SLOW"):
        open("began-%d" % os.getpid(), "w").close()
        wait(float(os.environ["SLOW"]))
    return plain(self, stage, produce)


House.build = slow
"""


@pytest.fixture
def project(tmp_path):
    project = Project.create(tmp_path / "project", MINE)
    handmade.h5(project.file("model.h5"))
    return project


@pytest.fixture
def slow(project):
    """The project with four models, whose builds take as many seconds each as SLOW says."""
    project.write("models/models.toml", "".join(MINE.replace("mine", f"m{index}") for index in range(4)))
    project.write("scripts/builds/records.py", project.read("scripts/builds/records.py") + SLOW.encode())
    return project


def start(project, *arguments, **environment):
    return subprocess.Popen(project.command(*arguments), cwd=project.path, env=project.environment(**environment),
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def builders(project, count):
    """Wait until so many processes build; return their numbers."""
    until = time.time() + 60
    while time.time() < until:
        found = [int(name.split("-")[1]) for name in os.listdir(project.path) if name.startswith("began-")]
        if len(found) >= count:
            return found
        time.sleep(0.02)
    raise AssertionError("nobody builds")


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_the_processes_of_a_run_that_is_killed_end_with_it(slow):
    process = start(slow, "-n", "2", SLOW="60")
    workers = builders(slow, 2)
    process.kill()
    process.communicate()
    until = time.time() + 20
    while not all(map(gone, workers)):
        assert time.time() < until
        time.sleep(0.05)
    assert len(slow.ran()) == 8


def test_a_lost_process_ends_the_run_with_one_line(slow):
    process = start(slow, "-n", "2", SLOW="60")
    workers = builders(slow, 2)
    os.kill(workers[0], signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err.count(b"\n")) == (1, 1), err
    assert b"killed by signal 9" in err and b"encapsulate:m0" in err
    assert all(map(gone, workers))
    assert len(slow.ran()) == 8


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_told_to_end_ends_though_one_of_its_processes_lost_the_signal(number, status, slow):
    slow.write("scripts/builds/workers.py", slow.read("scripts/builds/workers.py").replace(
        b"LEAVE_SECONDS = 10", b"LEAVE_SECONDS = 1"))
    slow.write("scripts/builds/records.py", slow.read("scripts/builds/records.py").replace(
        b"        wait(", b"        import signal; signal.signal(signal.SIGTERM, lambda *_: None)\n        wait("))
    process = start(slow, "-n", "2", SLOW="60")
    workers = builders(slow, 2)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (status, b"")
    assert all(map(gone, workers))
    assert len(slow.ran()) == 8


def test_a_signal_at_any_moment_ends_all_processes_of_a_run(slow):
    """At every tenth of the time that an undisturbed run takes."""
    began = time.time()
    slow.ran("-n", "2")
    whole, built = time.time() - began, slow.artifacts()
    for tenth in range(1, 10):
        shutil.rmtree(slow.file("models/.records"), ignore_errors=True)
        process = start(slow, "-n", "2", "-a")
        time.sleep(whole * tenth / 10)
        process.terminate()
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) in ((0, b""), (143, b""), (-signal.SIGTERM, b"")), (tenth, err)
    slow.ran()
    assert slow.artifacts() == built


def test_a_signal_that_python_lost_ends_the_run_after_the_task(slow):
    """What is raised while an object is finalized is printed, and forgotten."""
    slow.write("scripts/builds/records.py", slow.read("scripts/builds/records.py") + b"""
from ..base import command


class Finalized(object):
    def __del__(self):
        open("finalizing", "w").close()
        until = time.time() + 60
        while not command.CAME and time.time() < until:
            time.sleep(0.02)
        time.sleep(0.1)  # in which it comes again


def deaf(self, stage, produce):
    if os.environ.get("SLOW"):
        Finalized()
    return slow(self, stage, produce)


House.build = deaf
""")
    process = start(slow, SLOW="0.01")
    while not os.path.exists(slow.file("finalizing")):
        assert process.poll() is None
        time.sleep(0.02)
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert out.count(b".  ") == 1


def test_what_a_killed_build_of_one_model_left_goes_with_the_next_of_the_same(project):
    project.write("models/.building/convert.mine/group1-shard1of1.bin", "half")
    project.write("models/.building/convert.other.mine/model.json", "another's, at work")
    project.ran("convert:mine")
    assert os.listdir(project.file("models/.building")) == ["convert.other.mine"]


CHAIN = """
[last]
source = "./models/json_models/middle/model.json"
[middle]
source = "%s/models/first/enc_model.h5"
[first]
source = "model.h5"
"""


@pytest.mark.parametrize("words", [[], ["-n", "2"], ["convert:last"]])
def test_a_model_is_built_after_what_it_is_made_from(words, project):
    project.write("models/models.toml", CHAIN % project.path)
    assert len(project.ran(*words)) == 6
    assert project.ran(*words) == set()
    handmade.h5(project.file("model.h5"), weights={
        layer: [(name, values * 2) for name, values in own] for layer, own in handmade.values().items()})
    assert len(project.ran(*words)) == 6


def test_a_product_that_a_link_leads_to_is_what_another_table_made(project):
    project.ran()
    os.symlink(project.file("models/mine/enc_model.h5"), project.file("current.h5"))
    os.symlink("models", project.file("linked"))
    project.write("models/models.toml", '[a]\nsource = "current.h5"\n[b]\nsource = "linked/json_models/a"\n' + MINE)
    project.ran()
    handmade.h5(project.file("model.h5"), weights={
        layer: [(name, values * 2) for name, values in own] for layer, own in handmade.values().items()})
    assert len(project.ran()) == 6
    assert project.ran() == set()
    project.write("models/models.toml", MINE.replace("model.h5", "current.h5"))
    assert "made from itself" in project.fault()
    project.write("models/models.toml", MINE.replace("model.h5", "a/" * 1200 + "x.h5"))
    assert "x.h5: " in project.fault()


@one_stack
def test_a_directory_without_a_model_is_not_read_through(project):
    project.write("models/models.toml", '[mine]\nsource = "given"\n')
    os.mkdir(project.file("given"))
    os.symlink("/proc", project.file("given/endless"))
    project.write("given/notes.txt", "")
    os.mkfifo(project.file("given/pipe"))
    assert "given: no model in this directory" in project.fault()
    project.write("models/models.toml", '[mine]\nsource = "/proc"\n')
    assert "/proc: no model in this directory" in project.fault()
    project.write("models/models.toml", '[mine]\nsource = "/proc/self/mem"\n')
    assert "/proc/self/mem: Input/output error" in project.fault()


def test_models_that_are_made_from_each_other_are_one_line(project):
    project.write("models/models.toml", '[a]\nsource = "models/b/enc_model.h5"\n'
                                        '[b]\nsource = "models/a/enc_model.h5"\n')
    assert "made from itself" in project.fault()


@one_stack
@pytest.mark.parametrize("source", ["models/mine/enc_model.h5", "models/json_models/mine"])
def test_a_model_that_is_made_from_its_own_product_is_one_line_and_stays(source, project):
    project.ran()
    built = project.artifacts()
    project.write("models/models.toml", f'[mine]\nsource = "{source}"\n')
    assert "[mine]: it would be made from itself" in project.fault()
    assert dict(project.artifacts(), **{"models/models.toml": ""}) == dict(built, **{"models/models.toml": ""})


def test_what_doit_offers_and_nothing_here_can_do_is_one_line(project):
    assert "-n -1" in project.fault("-n", "-1")
    for words in (["--backend", "dbm"], ["run", "--backend=sqlite3"], ["list", "--backe=dbm"]):
        assert "its state is a JSON file" in project.fault(*words)


def test_a_task_that_ends_as_a_bug_is_named_with_those_that_wait_for_it(project):
    project.write("scripts/convert.py", project.read("scripts/convert.py") + b"\n\ndef build(*_, **__):\n    1 / 0\n")
    status, _, err = project.doit("--continue", "page")
    assert status == 2 and "failed: convert:mine; not tried for that: page:mine" in err


def test_threads_are_refused_in_one_line(project):
    assert "-P thread" in project.fault("-n", "2", "-P", "thread")


def test_a_model_that_is_not_trained_yet_is_told_so_where_nothing_is_trained(project):
    project.write("models/models.toml", '[keras]\ndata = "digits"\n' + MINE)
    assert "keras is not trained yet" in project.fault("convert:keras", WITHOUT_TRAINING="1")


def test_what_another_kind_of_table_left_is_an_orphan(project):
    project.write("models/models.toml", '[keras]\ndata = "digits"\n' + MINE)
    project.ran("data:keras")
    assert "orphans:" not in project.doit("list", "--all")[1]
    project.write("models/models.toml", '[keras]\nsource = "model.h5"\n' + MINE)
    assert "removed models/data.npz" in project.doit("clean", "orphans")[1]
    assert not os.path.exists(project.file("models/data.npz"))


@one_stack
@pytest.mark.parametrize("source, left", [
    ("models/mine/enc_model.h5", {"mine/enc_model.h5"}), ("%s/models/mine/enc_model.h5", {"mine/enc_model.h5"}),
    ("models/json_models/mine", {"json_models/mine/model.json", "json_models/mine/group1-shard1of1.bin"}),
    ("models/json_models/mine/model.json", {"json_models/mine/model.json", "json_models/mine/group1-shard1of1.bin"})])
def test_what_another_table_reads_is_no_orphan(source, left, project):
    project.ran()
    built = set(project.artifacts()) - {"models/models.toml"}
    project.write("models/models.toml", '[new]\nsource = "{}"\n'.format(source.replace("%s", project.path)))
    status, out, err = project.doit("clean", "orphans")
    assert (status, err) == (0, "")
    assert out.count("a model of models.toml is made from it") == len(left)
    assert set(project.artifacts()) & built == {"models/" + name for name in left}
    assert project.ran() == {"encapsulate:new", "convert:new"}


def test_a_link_that_leads_nowhere_in_the_place_of_a_model_is_not_trained_over(project):
    project.write("models/models.toml", '[keras]\ndata = "digits"\n')
    os.symlink("/mnt/not/there/model.h5", project.file("models/model.h5"))
    assert "models/model.h5 is a link that leads nowhere" in project.fault()
    assert os.path.islink(project.file("models/model.h5"))


@pytest.mark.parametrize("first", [["-r", "json"], ["-r", "zero"], ["audit", "convert"]])
def test_a_second_run_waits_whoever_reports_and_whatever_else_the_first_one_does(first, slow):
    slow.write("scripts/audit.py", "def main(arguments): pass\n")
    process = start(slow, *first, SLOW="60")
    builders(slow, 1)
    second = start(slow)
    said = second.stdout.readline().decode()
    slow.write("go", "")
    _, err = second.communicate(timeout=60)
    assert (second.returncode, err) == (0, b"") and said == f"waiting: process {process.pid} is building in models/\n"
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert slow.ran() == set()


@one_stack
@pytest.mark.parametrize("place", ["models/mine", "models/json_models", "models/json_models/mine", "models/.building",
                                   "models/.records"])
def test_a_file_where_a_directory_is_meant_is_one_line_and_stays(place, project):
    shutil.rmtree(project.file(place), ignore_errors=True)
    project.write(place, "mine")
    line = project.fault()
    assert place in line and "in the way" in line
    assert project.read(place) == b"mine"
    os.remove(project.file(place))
    assert "convert:mine" in project.ran()


@one_stack
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("lock", path),
                                  lambda path: os.symlink("../../model.h5", path)])
def test_a_lock_that_is_no_file_of_ours_is_one_line(make, project):
    before = project.read("model.h5")
    make(project.file("models/.records/lock"))
    assert "models/.records/lock is in the way" in project.fault()
    assert project.read("model.h5") == before


@one_stack
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("enc_model.h5", path),
                                  lambda path: os.symlink("/dev/zero", path)])
def test_a_target_that_is_a_pipe_a_device_or_a_link_to_itself_is_one_line(make, project):
    os.mkdir(project.file("models/mine"))
    make(project.file("models/mine/enc_model.h5"))
    assert "models/mine/enc_model.h5 is not of this project's making" in project.fault()


@one_stack
@pytest.mark.parametrize("key, value", [("outputs", None), ("outputs", []), ("inputs", None), ("before", None),
                                        ("before", {"models/mine/enc_model.h5": 5}), ("settings", None), ("facts", 3),
                                        ("outputs", {"models/mine/enc_model.h5": None}), ("stage", ["x"])])
def test_a_record_that_lacks_a_part_is_none(key, value, project):
    project.ran()
    record = json.loads(project.read("models/.records/encapsulate.mine.json").decode())
    record[key] = value
    project.write("models/.records/encapsulate.mine.json", json.dumps(record))
    assert project.ran() == {"encapsulate:mine"}
    assert project.ran() == set()


def test_a_record_that_is_no_file_is_none(project):
    path = project.file("models/.records/convert.mine.json")
    for make in (os.mkfifo, lambda path: os.symlink("convert.mine.json", path)):
        project.ran()
        os.remove(path)
        make(path)
        assert project.ran() == {"convert:mine"}


def test_cleaning_that_waits_ends_at_a_signal_without_a_word(slow):
    process = start(slow, SLOW="60")
    builders(slow, 1)
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        cleaning = start(slow, "clean", "-a")
        assert cleaning.stdout.readline().startswith(b"waiting")
        cleaning.send_signal(number)
        assert (cleaning.communicate()[1], cleaning.returncode) == (b"", status)
    process.terminate()
    process.communicate()


def test_the_state_of_doit_does_not_take_the_place_of_a_file_of_the_users(project):
    project.write("tsconfig.json", '{"compilerOptions": {"target": "es2020"}}')
    for name in ("model.h5", "tsconfig.json"):
        before = project.read(name)
        assert name + " is no state of doit's" in project.fault("--db-file", name)
        assert project.read(name) == before
    assert len(project.ran("--db-file", "state.json")) == 2
    assert project.ran("--db-file", "state.json") == set()


@pytest.mark.parametrize("words", [["info", "convert:nosuch"], ["list", "convrt"], ["clean", "convrt"],
                                   ["forget", "convrt"], ["ignore", "convrt"]])
def test_every_command_says_in_one_line_that_there_is_no_such_task(words, project):
    assert "convert" in project.fault(*words)


@pytest.mark.parametrize("words, line", [
    (["convert", "mine"], "did you mean convert:mine?"), (["convert:*x"], "no task is like convert:*x"),
    (["convert:mine", "--layers", "fc"], "no option --layers: how a model is converted is set in models/models.toml"),
    (["-o", "/nonexistent/x"], "-o /nonexistent/x: cannot be written"),
    (["-o", "models/models.toml"], "-o models/models.toml is there already")])
def test_what_is_asked_of_doit_in_the_wrong_way_is_one_line(words, line, project):
    before = project.artifacts()
    assert line in project.fault(*words)
    assert project.artifacts() == before


def test_a_pattern_and_a_file_to_write_to_are_taken(project):
    assert project.ran("-o", "said", "convert:*") == set()
    assert "convert:mine" in project.read("said").decode("utf-8")
    assert project.ran("convert:*") == set() and "models/json_models/mine/model.json" in project.artifacts()


@pytest.mark.parametrize("words", [[], ["list"], ["clean", "-a"]])
def test_a_reader_that_leaves_and_a_full_disk_for_what_is_said_end_no_work(words, project):
    project.ran(*["convert"] if words == ["clean", "-a"] else ["list"])
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(project.command(*words), cwd=project.path, env=project.environment(), stdout=writer,
                          stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
    assert os.path.exists(project.file("models/json_models/mine/model.json")) == (words == [])
    with open("/dev/full", "wb") as full:
        done = subprocess.run(project.command(*words), cwd=project.path, env=project.environment(), stdout=full,
                              stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr.count(b"\n")) == (0, 1), done.stderr
    assert b"No space left" in done.stderr


def test_a_source_that_was_another_while_it_was_read_is_not_built(slow):
    """Its own bytes are there again when the build ends, with another stamp."""
    slow.write("models/models.toml", MINE)
    text = slow.read("scripts/builds/records.py").replace(b"return plain(self, stage, produce)", b"""
    def meanwhile(directory):
        data = open("model.h5", "rb").read()
        open("model.h5", "wb").write(data)
        return produce(directory)
    return plain(self, stage, meanwhile if os.environ.get("SLOW") else produce)""")
    slow.write("scripts/builds/records.py", text)
    assert "model.h5 changed while encapsulate:mine read it" in slow.fault(SLOW="0.01")
    assert slow.ran() == {"encapsulate:mine", "convert:mine"}


def test_no_module_of_builds_holds_what_belongs_to_a_run():
    """State has a name, run.Run: no module variable begins empty, or is set from a function."""
    for place, _, names in os.walk(os.path.join(ROOT, "scripts", "builds")):
        for name in names:
            if not name.endswith(".py"):
                continue
            with open(os.path.join(place, name), encoding="utf-8") as stream:
                tree = ast.parse(stream.read())
            assert not [node for node in ast.walk(tree) if isinstance(node, (ast.Global, ast.Nonlocal))], name
            for node in tree.body:
                value = getattr(node, "value", None) if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
                empty = isinstance(value, (ast.List, ast.Tuple)) and not value.elts \
                    or isinstance(value, ast.Dict) and not value.keys \
                    or isinstance(value, ast.Call) and getattr(value.func, "attr", getattr(value.func, "id", "")) in (
                        "set", "list", "dict", "OrderedDict", "House", "Digests", "Code", "Run")
                assert not empty, f"{name}:{node.lineno}"
