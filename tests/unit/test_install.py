"""What pip installs of this project: its commands, on this stack, away from the checkout."""
import json
import os
import shutil
import subprocess
import sys

import pytest

from tests import needs
from tests.unit import handmade

COMMANDS = ("tensorspace-preprocess", "tensorspacejs_converter")
SOURCES = ("setup.cfg", "setup.py", "MANIFEST.in", "pyproject.toml", "README.md", "LICENSE", "dodo.py",
           "models/models.toml")


def tree(top):
    """The paths below a directory, without bytecode."""
    return {os.path.relpath(os.path.join(directory, name), str(top)) for directory, _, names in os.walk(str(top))
            for name in names if not name.endswith(".pyc")}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what the package is made of."""
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(os.path.join(needs.ROOT, "scripts"), str(copy / "scripts"),
                    ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "models").mkdir()
    for name in SOURCES:
        shutil.copy(os.path.join(needs.ROOT, name), str(copy / name))
    return copy


@pytest.fixture(scope="module")
def installed(checkout, tmp_path_factory):
    """The directory that pip installed into.  Building has left nothing in the checkout."""
    needs.module("setuptools", "train")
    target, before = tmp_path_factory.mktemp("installed"), tree(checkout)
    subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
                           "--no-build-isolation", "--disable-pip-version-check", "--target", str(target),
                           str(checkout)])
    assert tree(checkout) == before
    return str(target)


def run(installed, name, *arguments, **options):
    """Run an installed command beside a `scripts` of the user's own, which Python finds first."""
    place = options.get("cwd", installed)
    mine = os.path.join(place, "scripts")
    if place != installed and not os.path.isdir(mine):
        os.mkdir(mine)
        open(os.path.join(mine, "__init__.py"), "w").close()
    environ = {key: value for key, value in os.environ.items() if key not in ("MNIST_NPZ", "WITHOUT_TRAINING")}
    environ.update(PYTHONPATH=os.pathsep.join([place, installed]))
    done = subprocess.run([os.path.join(installed, "bin", name)] + list(arguments), cwd=place, env=environ,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    return done.returncode, done.stdout, done.stderr


def python(installed, code):
    """Run a line of Python with what is installed; return what it prints."""
    return subprocess.run([sys.executable, "-c", code], cwd=installed, env=dict(os.environ, PYTHONPATH=installed),
                          stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout.strip()


@pytest.mark.parametrize("name", COMMANDS)
def test_both_commands_convert_a_model(installed, name, tmp_path):
    status, said, error = run(installed, name, "--output_layer_names=conv,softmax",
                              handmade.h5(tmp_path / "model.h5"), str(tmp_path / "out"))
    assert (status, error) == (0, "") and "2 outputs: conv, softmax" in said
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["group1-shard1of1.bin", "model.json"]


def test_a_program_calls_what_is_installed(installed, tmp_path):
    path = handmade.h5(tmp_path / "model.h5")
    code = ("from tensorspace_keras import convert, show, summary, Snapshots, Fault; "
            f"print(convert({path!r}, {str(tmp_path / 'out')!r}, layers=['conv', 'softmax']).outputs, "
            f"summary({path!r})[1].layer, show.__name__, Snapshots.__name__, Fault.__name__)")
    assert python(installed, code) == "['conv', 'softmax'] conv show Snapshots Fault"


@pytest.mark.parametrize("name", COMMANDS)
def test_both_commands_say_their_version_and_refuse_in_one_line(installed, name, tmp_path):
    assert run(installed, name, "--version") == (0, "tensorspace-preprocess 0.1.0\n", "")
    assert run(installed, name, "-v")[1] == "tensorspace-preprocess 0.1.0\n"
    (tmp_path / "empty.h5").write_bytes(b"")
    status, said, error = run(installed, name, str(tmp_path / "empty.h5"), str(tmp_path / "out"))
    assert (status, said, error.count("\n")) == (1, "", 1) and "empty" in error


@pytest.mark.parametrize("name", COMMANDS + ("tensorspace-build",))
def test_a_command_is_called_by_its_own_name_in_its_help_and_in_its_advice(installed, name):
    status, said, _ = run(installed, name, "--help")
    assert status == 0 and said.startswith(f"usage: {name} [") and "python -m" not in said
    assert f"    {name} " in said  # the example
    if name in COMMANDS:
        assert run(installed, name)[2] == (f"{name}: the model is missing: SOURCE and DIRECTORY (see {name} --help)\n")


def test_the_package_has_a_name_of_its_own_and_every_file(installed):
    """The page's scripts and the lock of its packages too, which are no Python; and what stands beside scripts/."""
    assert "scripts" not in os.listdir(installed)
    wanted = tree(os.path.join(needs.ROOT, "scripts")) | {"dodo.py", "models.toml"}
    assert tree(os.path.join(installed, "tensorspace_keras")) == wanted
    (information,) = [name for name in os.listdir(installed) if name.endswith(".dist-info")]
    with open(os.path.join(installed, information, "top_level.txt")) as stream:
        assert stream.read() == "tensorspace_keras\n"


@pytest.mark.parametrize("package, command", [("tensorflow", '"tensorspace-keras-build[tensorflow]"'),
                                              ("sklearn", '"tensorspace-keras-build[tensorflow]"'),
                                              ("h5py", "h5py")])
def test_a_line_about_a_package_that_is_missing_names_what_pip_installs_not_make(installed, package, command):
    line = python(installed, "from tensorspace_keras.base.fault import lacking; "
                             f"print(lacking(ModuleNotFoundError('no', name='{package}')))")
    assert line == f"{sys.executable} has no {package}: `{sys.executable} -m pip install {command}` installs it"


def test_the_extras_are_those_that_the_lines_name(installed):
    (information,) = [name for name in os.listdir(installed) if name.endswith(".dist-info")]
    with open(os.path.join(installed, information, "METADATA"), encoding="utf-8") as stream:
        extras = {line.split(": ")[1].strip() for line in stream if line.startswith("Provides-Extra: ")}
    named = python(installed, "from tensorspace_keras.base.place import EXTRAS; print(*EXTRAS.values())").split()
    assert set(named) <= extras == {"tensorflow", "view"}


# tensorspace-build ------------------------------------------------------------------------------------------

def test_a_directory_without_a_checkout_is_built_in(installed, tmp_path):
    handmade.h5(tmp_path / "model.h5")
    place = str(tmp_path)
    status, said, error = run(installed, "tensorspace-build", cwd=place)
    assert (status, said, error.count("\n")) == (1, "", 1) and "`tensorspace-build init` writes one" in error
    assert run(installed, "tensorspace-build", "init", "model.h5", cwd=place)[0] == 0
    status, said, error = run(installed, "tensorspace-build", cwd=place)
    assert (status, error) == (0, "") and ".  convert:mine" in said
    assert said.endswith("next: `tensorspace-build view` shows it in TensorSpace\n")
    status, said, error = run(installed, "tensorspace-build", cwd=place)
    assert (status, error) == (0, "") and ".  " not in said and "-- convert:mine" in said
    with open(os.path.join(place, "models", "json_models", "mine", "manifest.json")) as stream:
        versions = json.load(stream)["versions"]
    stack = versions["stack"]
    assert stack["name"] == needs.STACK and "lock" not in stack
    assert stack["packages"] == {name: versions[name] for name in ("h5py", "numpy")}


def test_init_never_replaces_a_catalogue_and_names_only_a_model_that_is_there(installed, tmp_path):
    place, catalogue = str(tmp_path), tmp_path / "models" / "models.toml"
    status, _, error = run(installed, "tensorspace-build", "init", "nosuch.h5", cwd=place)
    assert (status, error.count("\n")) == (1, 1) and "nosuch.h5" in error and not catalogue.exists()
    assert run(installed, "tensorspace-build", "init", cwd=place)[0] == 0
    with open(os.path.join(needs.ROOT, "models", "models.toml"), encoding="utf-8") as stream:
        assert catalogue.read_text(encoding="utf-8") == stream.read()
    catalogue.write_text("# mine\n")
    status, _, error = run(installed, "tensorspace-build", "init", cwd=place)
    assert (status, error.count("\n")) == (1, 1) and "is there already" in error
    assert catalogue.read_text() == "# mine\n"


@pytest.mark.parametrize("name", ["my model.h5", 'a"b\\c.h5', "模型\t🙂.h5"])
def test_init_names_a_model_whatever_its_letters(installed, name, tmp_path):
    handmade.h5(tmp_path / name)
    assert run(installed, "tensorspace-build", "init", name, cwd=str(tmp_path))[0] == 0
    status, said, error = run(installed, "tensorspace-build", cwd=str(tmp_path))
    assert (status, error) == (0, "") and ".  convert:mine" in said


def test_a_line_that_advises_a_command_advises_one_that_is_there(installed, tmp_path):
    handmade.h5(tmp_path / "model.h5")
    assert run(installed, "tensorspace-build", "init", "model.h5", cwd=str(tmp_path))[0] == 0
    status, _, error = run(installed, "tensorspace-build", "convrt", cwd=str(tmp_path))
    assert (status, error.count("\n")) == (1, 1) and "`tensorspace-build list`" in error


def test_only_tasks_that_need_no_checkout_are_declared(installed, tmp_path):
    assert run(installed, "tensorspace-build", "init", cwd=str(tmp_path))[0] == 0
    status, said, error = run(installed, "tensorspace-build", "list", cwd=str(tmp_path))
    assert (status, error) == (0, "")
    assert [line.split()[0] for line in said.splitlines()] == [
        "convert", "data", "encapsulate", "orphans", "page", "train", "verify", "view"]


def test_a_page_s_packages_are_kept_in_the_user_s_cache(installed, tmp_path):
    code = ("import os; os.environ.pop('TENSORSPACE_PACKAGES', None)\n"
            "os.environ.update(XDG_CACHE_HOME='/c', HOME='/h')\n"
            "from tensorspace_keras.viewer import packages\nprint(packages.directory())\n"
            "del os.environ['XDG_CACHE_HOME']; print(packages.directory())")
    assert python(installed, code).split() == ["/c/tensorspace-keras", "/h/.cache/tensorspace-keras"]
