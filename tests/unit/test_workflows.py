"""The workflows' steps are run in their order, as GitHub's shell runs them, and so is what pre-commit runs."""
import os
import re
import shutil
import subprocess
import sys

import pytest

from tests import needs
from tests.unit import handmade
from tests.unit.test_install import checkout  # noqa: F401
from tests.unit.test_make import EVERYTHING, STAND_IN

pytestmark = pytest.mark.modern  # they name the Python that they take

WORKFLOWS = os.path.join(needs.ROOT, ".github", "workflows")
ADDRESS = "git+https://github.com/OWNER/REPOSITORY"  # of the example, where this project lives


def text_of(*path):
    with open(os.path.join(needs.ROOT, *path), encoding="utf-8") as stream:
        return stream.read()


def example():
    """The workflow in docs/pipelines.md."""
    return re.search(r"```yaml\n(name: models\n.*?)```", text_of("docs", "pipelines.md"), re.DOTALL).group(1)


def steps(workflow):
    """Return the scripts of a workflow's `run:` steps, in their order."""
    found = []
    for blanks, mark, rest in re.findall(r"^( *)(- )?run: (.*(?:\n(?:\1  .*|$))*)", workflow, re.MULTILINE):
        first, *block = rest.split("\n")
        inside = [line[len(blanks) + len(mark) + 2:] for line in block] if first == "|" else []
        found.append("\n".join(inside).strip() if first == "|" else re.sub(r"\s+#.*", "", first))
    return found


def run(step, place, **environment):
    """Run a step as GitHub does: bash -e on a file of it."""
    script = os.path.join(str(place), "..", "step.sh")
    with open(script, "w", encoding="utf-8") as stream:
        stream.write(step + "\n")
    return subprocess.run([needs.command("bash", "apt install bash"), "-e", script], cwd=str(place),
                          env=dict(os.environ, **environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True)


def git(place, *words):
    who = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "init.defaultBranch=main"]
    subprocess.run([needs.command("git", "apt install git")] + who + list(words), cwd=str(place), check=True,
                   stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def installed(checkout, tmp_path_factory):  # noqa: F811
    """The environment of a shell in which the example's first step, pip's, has installed this project from git."""
    needs.module("setuptools", "train")
    git(checkout, "init", "--quiet")
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "--message", "all")
    target = tmp_path_factory.mktemp("installed")
    place = tmp_path_factory.mktemp("first") / "repository"
    place.mkdir()
    step = steps(example())[0]
    assert step.startswith("pip install ") and ADDRESS in step
    step = step.replace("pip", f"'{sys.executable}' -m pip", 1).replace(ADDRESS, f"git+file://{checkout}")
    done = run(step, place, PIP_NO_INDEX="1", PIP_NO_DEPS="1", PIP_NO_BUILD_ISOLATION="0", PIP_TARGET=str(target),
               PIP_DISABLE_PIP_VERSION_CHECK="1")
    assert done.returncode == 0, done.stderr
    return {"PATH": os.pathsep.join([str(target / "bin"), os.path.dirname(sys.executable), os.environ["PATH"]]),
            "PYTHONPATH": str(target)}


@pytest.fixture
def repository(tmp_path):
    """A repository with two models."""
    place = tmp_path / "repository"
    (place / "models").mkdir(parents=True)
    (place / "models" / "models.toml").write_text('[broken]\nsource = "first.h5"\n[good]\nsource = "second.h5"\n')
    handmade.h5(place / "first.h5")
    handmade.h5(place / "second.h5")
    return place


def test_the_example_converts_what_it_hands_on(installed, repository):
    for step in steps(example())[1:]:
        done = run(step, repository, **installed)
        assert (done.returncode, done.stderr) == (0, "")
    (handed,) = re.findall(r"^ *path: (.*)$", example(), re.MULTILINE)
    assert sorted(os.listdir(str(repository / handed))) == ["broken", "good"]
    for name in ("broken", "good"):
        assert (repository / handed / name / "model.json").exists()


def test_a_broken_model_fails_the_example_with_its_line_and_the_others_are_converted(installed, repository):
    (repository / "first.h5").write_bytes(b"none")
    ended = [run(step, repository, **installed) for step in steps(example())[1:]]
    assert [done.returncode for done in ended] == [1]
    line, summary = ended[0].stderr.splitlines()
    assert line.startswith("encapsulate:broken: first.h5: not a model file")
    assert summary == "failed: encapsulate:broken; not tried for that: convert:broken, convert"
    assert os.listdir(str(repository / "models" / "json_models")) == ["good"]


def test_the_hook_s_entry_lets_a_commit_pass_or_says_what_is_out_of_date(installed, repository):
    """pre-commit installs the repository with pip and runs the entry, here without the files' names."""
    hook = dict(re.findall(r"^  (\w+): (.*)$", text_of(".pre-commit-hooks.yaml"), re.MULTILINE))
    assert (hook["language"], hook["pass_filenames"]) == ("python", "false")
    assert re.search(hook["files"], "models/models.toml") and re.search(hook["files"], "models/json_models/a/b.bin")
    before = run(hook["entry"], repository, **installed)
    assert before.returncode == 1 and before.stderr.count("it is not converted") == 2
    assert run(steps(example())[1], repository, **installed).returncode == 0
    passed = run(hook["entry"], repository, **installed)
    assert (passed.returncode, passed.stdout, passed.stderr) == (0, "", "")
    with open(str(repository / "second.h5"), "ab") as stream:
        stream.write(b"x")
    done = run(hook["entry"], repository, **installed)
    assert done.returncode == 1 and done.stderr == (
        "models/json_models/good: second.h5 changed: run tensorspace-build convert:good\n")


def test_the_workflow_of_the_tests_runs_them_on_both_stacks(tmp_path):
    (script,) = steps(text_of(".github", "workflows", "test.yml"))
    place = tmp_path / "project"
    (place / "scripts").mkdir(parents=True)
    shutil.copy(os.path.join(needs.ROOT, "Makefile"), str(place))
    (place / "scripts" / "bootstrap.py").write_text(STAND_IN)
    done = run(script, place)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("ran")] == [EVERYTHING + " --durations=15"] * 2


def test_what_the_cache_of_the_environments_is_named_by_is_there():
    (key,) = re.findall(r"hashFiles\((.*)\)", text_of(".github", "workflows", "test.yml"))
    import glob
    patterns = re.findall("'(.*?)'", key)
    assert patterns
    for pattern in patterns:
        assert glob.glob(os.path.join(needs.ROOT, pattern)), pattern


@pytest.mark.parametrize("name", sorted(os.listdir(WORKFLOWS)))
def test_every_step_is_a_script_and_names_tasks_and_files_that_are_there(name, tmp_path):
    """The steps of the image need docker, and what they build is tested by tests/image/."""
    scripts = [re.sub(r"\$\{\{.*?\}\}", "X", step) for step in steps(text_of(".github", "workflows", name))]
    assert scripts
    tasks = subprocess.run([sys.executable, "-m", "doit", "list", "--all", "-q"], cwd=needs.ROOT, check=True,
                           stdout=subprocess.PIPE, universal_newlines=True).stdout.split()
    for script in scripts:
        done = subprocess.run([needs.command("bash", "apt install bash"), "-n"], input=script, stderr=subprocess.PIPE,
                              universal_newlines=True)
        assert (done.returncode, done.stderr) == (0, ""), script
        for words in re.findall(r"-m doit (.*)", script):
            assert set(words.split()) <= set(tasks)
        for module in re.findall(r"-m scripts\.([\w.]+)", script):
            assert os.path.exists(os.path.join(needs.ROOT, "scripts", module.replace(".", "/") + ".py"))
        for path in re.findall(r"(?<![\w/])(?:scripts|docker)/[\w./-]+", script):
            assert os.path.exists(os.path.join(needs.ROOT, path)), path
