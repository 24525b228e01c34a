"""The image is the same for whoever builds it, holds what it should and no more, and does what README says."""
import glob
import os
import re
import shutil
import subprocess
import tarfile

import pytest

from scripts.release import engines, inside, reproduce
from tests import needs
from tests.image.places import USER, checkout, elsewhere, project

pytestmark = [pytest.mark.modern, pytest.mark.timeout(1800)]  # one stack is enough: the image has its own
BYTECODE = """
import os, struct, sys
for top in sys.argv[1:]:
    for directory, names, files in os.walk(top):
        for name in files:
            path = os.path.join(directory, name)
            if not name.endswith(".py"):
                continue
            cached = os.path.join(directory, "__pycache__", name[:-3] + ".cpython-36.pyc")
            if not os.path.exists(cached):
                print("none", path)
                continue
            with open(cached, "rb") as stream:
                head = struct.unpack("<4sII", stream.read(12))
            status = os.stat(path)
            if head[1:] != (int(status.st_mtime), status.st_size):
                print("stale", path, head, status.st_mtime)
"""


@pytest.fixture(scope="module")
def archive(engine, cpu_archive, tmp_path_factory):
    """The cpu image's archive, unpacked: a list of the layers' tar files, the base's first, and its JSON."""
    place = tmp_path_factory.mktemp("archive")
    with tarfile.open(cpu_archive) as archive:
        archive.extractall(str(place))
    configuration = engine.configuration(engine.tag("cpu"))
    yield [str(place / (layer[7:] + ".tar")) for layer in configuration["layers"]], glob.glob(str(place / "*.json"))
    shutil.rmtree(str(place))


def test_a_build_elsewhere_by_another_user_at_another_time_gives_the_same_digest(store, convert_image, tmp_path):
    with elsewhere(tmp_path) as place:
        assert store().build("convert", context=place) == convert_image


def test_the_convert_image_is_small_and_has_no_tensorflow(engine, convert_image, tmp_path):
    engine.archive("convert", str(tmp_path / "image.tar"))
    assert os.path.getsize(str(tmp_path / "image.tar")) < 250e6
    words = ["python", "-c", "import doit, h5py, numpy; import tensorflow"]
    said = engine.run("convert", words, project(tmp_path / "p"))
    assert "No module named 'tensorflow'" in said.stdout


def test_nothing_of_the_machine_that_built_it_is_in_it(archive, certificate):
    layers, documents = archive
    traces = [b"PRIVATE AUTHORITY OF THE TESTS", engines.ROOT.encode() + b"/"]
    for path in layers[1:] + documents:
        with open(path, "rb") as stream:
            content = stream.read()
        for trace in traces:
            assert trace not in content, (trace, path)
        assert not re.search(rb"(?i)(https?_proxy|pip_index_url|pip_cert)=", content[:20000])


def test_only_python_packages_scripts_and_bytecode_are_added_to_the_base(archive):
    ours = re.compile(r"(opt/venv|opt/project|usr/local/lib/python3\.6/.*__pycache__)(/|$)|project$")
    for path in archive[0][1:]:
        with tarfile.open(path) as layer:
            for member in layer:
                if member.isdir() or ours.match(member.name):
                    assert member.mtime == int(engines.EPOCH), member.name
                    assert member.uid == member.gid == 0, member.name
                    assert member.issym() or not member.mode & 0o022 or member.name == "tmp", member.name
                else:  # files that the engine mounts over: empty
                    assert member.name in ("etc/hosts", "etc/hostname", "etc/resolv.conf"), member.name
                    assert member.size == 0


def test_the_baked_scripts_are_those_of_the_checkout_and_no_more(archive):
    with tarfile.open(archive[0][-1]) as layer:
        there = {member.name[len("opt/project/"):]: layer.extractfile(member).read() for member in layer
                 if member.isfile() and not member.name.endswith(".pyc")}
    assert {name.split("/")[0] for name in there} == {"LICENSE", "docker", "dodo.py", "scripts"}
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "scripts", "dodo.py"],
                            cwd=engines.ROOT, stdout=subprocess.PIPE, universal_newlines=True, check=True)
    assert {name for name in there if name.startswith(("scripts/", "dodo"))} == set(listed.stdout.split())
    for name, content in there.items():
        with open(os.path.join(engines.ROOT, name), "rb") as stream:
            assert stream.read() == content, name


@pytest.mark.parametrize("target, places", [
    ("convert", ["/opt/venv", "/opt/project"]), ("cpu", ["/opt/venv/lib/python3.6/site-packages/tensorflow/python",
                                                        "/opt/project", "/usr/local/lib/python3.6/json"])])
def test_bytecode_is_there_and_python_takes_it_for_fresh(engine, cpu_image, tmp_path, target, places):
    said = engine.run(target, ["python", "-c", BYTECODE] + places, project(tmp_path / "project"), user=USER)
    assert (said.returncode, said.stdout) == (0, "")


def test_labels_say_what_it_is_and_what_it_stands_on(engine, cpu_image):
    config = engine.configuration(engine.tag("cpu"))["config"]
    labels = {key[len("org.opencontainers.image."):]: value for key, value in config["Labels"].items()}
    with open(os.path.join(engines.ROOT, "setup.cfg")) as stream:
        metadata = dict(re.findall(r"^(\w+) = (.*)", stream.read(), re.M))
    assert (labels["version"], labels["licenses"]) == (metadata["version"], metadata["license"])
    assert labels["base.name"] == engine.base()
    assert config["User"] not in ("", "0", "root", "0:0")


def test_what_it_builds_is_what_the_same_stack_builds_outside_it_and_the_same_again(
        engine, cpu_image, outside, tmp_path):
    expected = inside.built(outside)
    assert {"model.h5", "enc_model.h5", "json_models/keras/model.json", "json_models/keras/manifest.json",
            "json_models/keras/group1-shard1of1.bin"} <= set(expected)
    for name in ("first", "second"):
        directory = project(tmp_path / name, known=name == "second")
        said = engine.run("cpu", [], directory, user=USER)
        assert said.returncode == 0, said.stdout
        assert inside.built(directory) == expected
        owners = {os.stat(path).st_uid for path in glob.glob(directory + "/models/**", recursive=True)}
        assert owners == {int(USER.split(":")[0])}


def test_the_convert_image_builds_the_same_from_a_trained_model(engine, convert_image, outside, tmp_path):
    source = os.path.join(outside, "models", "model.h5")
    there = project(tmp_path / "there", inside.SOURCE, source)
    expected = inside.convert_outside(needs.environment("py36"), there)
    directory = project(tmp_path / "here", inside.SOURCE, source)
    said = engine.run("convert", [], directory, user=USER)
    assert said.returncode == 0, said.stdout
    assert inside.built(directory) == expected


def test_a_mounted_project_runs_with_its_own_tasks(engine, convert_image, tmp_path):
    directory = project(tmp_path / "project")
    with open(os.path.join(directory, "dodo.py"), "w") as stream:
        stream.write("def task_mine():\n    'A task of this project'\n"
                     "    return {'actions': ['echo mine > mine.txt']}\n")
    said = engine.run("convert", ["doit", "list"], directory, user=USER)
    assert (said.returncode, said.stdout) == (0, "mine   A task of this project\n")
    assert engine.run("convert", ["doit", "mine"], directory, user=USER).returncode == 0
    with open(os.path.join(directory, "mine.txt")) as stream:
        assert stream.read() == "mine\n"


def test_without_tasks_of_its_own_a_project_has_the_baked_ones(engine, cpu_image, tmp_path):
    said = engine.run("cpu", ["doit", "list"], project(tmp_path / "project"), user=USER)
    assert said.returncode == 0
    assert re.search(r"^convert\s+\w+", said.stdout, re.M), said.stdout


def test_a_stage_and_any_program_can_be_run_by_name(engine, cpu_image, tmp_path):
    directory = project(tmp_path / "project")
    for words, expected in [(["python", "-m", "scripts.convert", "--help"], "usage: python -m scripts.convert"),
                            (["tensorflowjs_converter", "--version"], "tensorflowjs 3.18.0")]:
        said = engine.run("cpu", words, directory, user=USER)
        assert said.returncode == 0 and expected in said.stdout, said.stdout
    said = engine.run("cpu", ["konvert"], directory, user=USER)
    assert said.returncode == 1 and len(said.stdout.splitlines()) == 1 and "doit list" in said.stdout


def test_a_directory_that_cannot_be_written_gets_one_line(engine, convert_image, tmp_path):
    directory = inside.project(str(tmp_path / "roots"))
    said = engine.run("convert", [], directory, user=USER)
    assert said.returncode == 1
    assert said.stdout.splitlines() == ['/project/models cannot be written by user 4321: mount a directory of yours on '
                                        'it and add --user "$(id -u):$(id -g)"']


def test_a_directory_without_a_catalogue_gets_one_line(engine, convert_image, tmp_path):
    os.makedirs(str(tmp_path / "empty"))
    os.chown(str(tmp_path / "empty"), 4321, 4321)
    said = engine.run("convert", [], str(tmp_path / "empty"), user=USER)
    assert said.returncode == 1 and len(said.stdout.splitlines()) == 1
    assert "models/models.toml" in said.stdout
    assert os.listdir(str(tmp_path / "empty")) == []


def test_it_is_confined_and_home_can_be_written(engine, convert_image, tmp_path):
    probe = ("import os, socket\n"
             "open(os.path.expanduser('~/here'), 'w').close()\n"
             "for path in ('/opt/x', '/x', '/usr/local/x'):\n"
             "    try: open(path, 'w'); print('wrote', path)\n"
             "    except OSError: pass\n"
             "status = open('/proc/self/status').read()\n"
             "caps = [line.split()[1] for line in status.splitlines() if line[:6] in ('CapEff', 'CapBnd')]\n"
             "print(os.getuid(), caps, 'NoNewPrivs:\\t1' in status, os.listdir('/sys/class/net'))\n")
    said = engine.run("convert", ["python", "-c", probe], project(tmp_path / "project"), user=USER)
    assert said.stdout == "4321 ['{}', '{}'] True ['lo']\n".format("0" * 16, "0" * 16)


def test_the_doctor_finds_everything_in_it_that_it_needs(engine, cpu_image, tmp_path):
    said = engine.run("cpu", ["python", "-m", "scripts.doctor"], project(tmp_path / "project"), user=USER)
    assert said.returncode == 0, said.stdout
    assert "Python 3.6.15, the py36 stack" in said.stdout
    assert re.search(r"^ok +packages: train, \d+ as in docker/locks/py36-train.txt$", said.stdout, re.M), said.stdout
    assert re.search(r"^- +GPU: none .*; training runs on the CPU$", said.stdout, re.M)


def test_what_differs_between_two_images_is_named(engine, convert_image, tmp_path):
    place = checkout(str(tmp_path / "changed"))
    with open(os.path.join(place, "dodo.py"), "a") as stream:
        stream.write("# one more line\n")

    class Other(type(engine)):
        """The engine under other names, in the same store: what did not change is not built again."""

        def tag(self, target):
            return super().tag(target) + "-changed"

    other = Other(engine.store)
    assert other.build("convert", context=place) != convert_image
    named = reproduce.unlike([engine, other], "convert").split(", ")
    assert [name.split(":", 1)[1] for name in named] == ["opt/project/__pycache__/dodo.cpython-36.pyc",
                                                         "opt/project/dodo.py"]
