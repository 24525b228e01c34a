"""Every command in README.md is run, in a copy of the project with the embedded digits; README_zh.md has the same."""
import os
import re
import shutil
import signal
import subprocess
import urllib.request

import pytest

from tests import needs
from tests.needs import ROOT
from tests.project import Project

pytestmark = pytest.mark.modern  # they are typed on the host; the one for Python 3.6 is among them

# Run elsewhere, since each is a test run or a container build of its own: where that is.
ELSEWHERE = {
    "make test": ".ci/run",
    'make test ARGS="tests/artifacts"': ".ci/run",
    "make image": "tests/image/test_image.py",
    "make docker-convert": "tests/image/test_image.py",
}


def commands(name="README.md"):
    """Return the commands of a Markdown file's sh blocks, without their comments."""
    with open(os.path.join(ROOT, name), encoding="utf-8") as stream:
        blocks = re.findall(r"```sh\n(.*?)```", stream.read(), re.DOTALL)
    lines = [re.sub(r"\s+#.*", "", line) for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A checkout whose environments are those of this one, so that `make` finds them made."""
    needs.environment("modern")
    needs.environment("py36")
    path = tmp_path_factory.mktemp("readme") / "project"
    with open(os.path.join(ROOT, "models", "models.toml"), encoding="utf-8") as stream:
        layers = re.search(r"^layers = \[.*?\]", stream.read(), re.DOTALL | re.MULTILINE).group(0)
    project = Project.create(path, f'[keras]\ndata = "digits"\nepochs = 1\n{layers}\n')
    for name in ("Makefile", "pyproject.toml", "setup.cfg"):
        shutil.copy(os.path.join(ROOT, name), str(path))
    for name in (".venv", ".venv-py36"):
        os.symlink(os.path.join(ROOT, name), str(path / name))
    return project


def shell(project, command):
    environment = project.environment(TENSORSPACE_PACKAGES=os.path.join(ROOT, ".packages"))
    environment["PATH"] = os.path.dirname(needs.python36()) + os.pathsep + environment["PATH"]
    return subprocess.Popen(command, shell=True, cwd=project.path, env=environment, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=os.setsid)


def test_what_is_run_elsewhere_still_stands_in_the_readme():
    assert set(ELSEWHERE) <= set(commands())


def test_the_first_two_commands_are_make_and_make_view():
    assert commands()[:2] == ["make", "make view"]


def test_every_command_works_in_the_order_in_which_it_stands(checkout):
    ran = 0
    for command in commands():
        if command in ELSEWHERE or "docker" in command:
            continue
        command = command.replace("/tmp/", checkout.path + "/out-")
        if command == "make view":
            view(checkout)
        else:
            process = shell(checkout, command)
            out, err = process.communicate(timeout=600)
            assert process.returncode == 0, f"{command}\n{out.decode()}\n{err.decode()}"
            if command == "make":
                assert b"test accuracy" in out and b"next: " in out
                assert os.path.exists(checkout.file("models/json_models/keras/model.json"))
        ran += 1
    assert ran > 8
    assert os.path.exists(checkout.file("out-lenet/model.json"))


def test_a_model_of_ones_own_is_converted_and_shown_by_one_command(checkout):
    if not os.path.exists(checkout.file("models/model.h5")):
        checkout.ran()
    view(checkout, "exec .venv/bin/python -m scripts.preprocess models/model.h5 shown --view", "shown/model.json")


def view(checkout, command="exec make view", expected="models/json_models/keras/model.json"):
    """It prints an address that answers, and Ctrl-C ends it."""
    process = shell(checkout, command)
    try:
        address = None
        for line in iter(process.stdout.readline, b""):
            found = re.search(rb"http://127\.0\.0\.1:\d+/", line)
            if found:
                address = found.group().decode()
                break
        assert address, process.stderr.read().decode()
        assert urllib.request.urlopen(address, timeout=20).read().startswith(b"<!DOCTYPE html>")
        served = urllib.request.urlopen(address + "model/model.json", timeout=20).read()
        assert served == checkout.read(expected)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert b"Traceback" not in out + err


def test_the_chinese_readme_has_the_same_commands():
    assert commands("README_zh.md") == commands()


def test_every_file_and_module_that_readme_names_is_there():
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as stream:
        text = stream.read()
    paths, modules = re.findall(r"\]\(([^)#:]+)\)", text), re.findall(r"`(?:python -m )?scripts\.([\w.]+)", text)
    assert len(paths) > 8 and len(modules) > 5
    for path in paths:
        assert os.path.exists(os.path.join(ROOT, path)), path
    for module in modules:
        assert os.path.exists(os.path.join(ROOT, "scripts", module.replace(".", "/") + ".py")), module


def test_every_setting_is_in_the_readme():
    from scripts.builds import catalog
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as stream:
        text = stream.read()
    for key in catalog.KEYS:
        assert f"`{key}`" in text, key


def house():
    """Return the text of docs/house.md."""
    with open(os.path.join(ROOT, "docs", "house.md"), encoding="utf-8") as stream:
        return stream.read()


def test_the_map_of_the_house_has_every_room_and_no_other():
    rooms = sorted(name for name in os.listdir(os.path.join(ROOT, "scripts"))
                   if os.path.exists(os.path.join(ROOT, "scripts", name, "__init__.py")))
    assert sorted(re.findall(r"^\| `(\w+)/` \|", house(), re.MULTILINE)) == rooms
    with open(os.path.join(ROOT, "scripts", "__init__.py"), encoding="utf-8") as stream:
        assert sorted(re.findall(r"^    (\w+)/ ", stream.read(), re.MULTILINE)) == rooms


def test_every_file_that_a_change_goes_to_is_there():
    table = house().partition("## Where a change goes")[2].partition("\n## ")[0]
    named = [path for path, new in re.findall(r"`([\w./-]+(?:/|\.\w+))`( \(new\))?", table) if not new]
    assert len(named) > 15
    for path in named:
        assert any(os.path.exists(os.path.join(ROOT, top, path)) for top in ("scripts", "")), path
