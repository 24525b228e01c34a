"""What test_image.py says of buildah's image holds with docker and BuildKit too: the same twice, confined, by compose.

BuildKit takes minutes to write the large ones: the cpu image, which two workers train in by compose, is buildah's.
"""
import json
import os
import subprocess

import pytest

from scripts.release import engines, inside, reproduce
from tests import needs
from tests.image.places import USER, checkout, elsewhere, project

pytestmark = [pytest.mark.modern, pytest.mark.timeout(1800)]
COMPOSE = ["docker", "compose", "-f", os.path.join(engines.ROOT, "docker", "compose.yaml")]


@pytest.fixture(scope="module")
def built(docker):
    """The digest of the convert image."""
    return docker.build("convert")


@pytest.fixture(scope="module")
def converted(outside, tmp_path_factory):
    """A source model, and what the same stack makes of it outside the image."""
    source = os.path.join(outside, "models", "model.h5")
    there = project(tmp_path_factory.mktemp("there") / "project", inside.SOURCE, source)
    return source, inside.convert_outside(needs.environment("py36"), there)


def test_from_nothing_elsewhere_by_another_user_it_has_the_same_digest(docker, built, tmp_path):
    with elsewhere(tmp_path) as place:
        assert type(docker)("another").build("convert", context=place, fresh=True) == built


def test_confined_it_builds_what_the_same_stack_builds_outside_it(docker, built, converted, tmp_path):
    directory = project(tmp_path / "project", inside.SOURCE, converted[0])
    said = docker.run("convert", [], directory, user=USER)
    assert said.returncode == 0, said.stdout
    assert inside.built(directory) == converted[1]


def test_compose_builds_the_same(built, converted, tmp_path, monkeypatch):
    directory = project(tmp_path / "project", inside.SOURCE, converted[0])
    monkeypatch.setenv("PROJECT", directory)
    said = engines.finished(COMPOSE + ["run", "--rm", "--user", USER, "convert"])
    assert said.returncode == 0, said.stdout
    assert inside.built(directory) == converted[1]
    assert subprocess.check_output(["docker", "ps", "--all", "--quiet"]) == b""


def test_two_workers_by_compose_train_one_model(docker, cpu_archive, tmp_path, monkeypatch):
    """docs/training.md's example, on the digits."""
    subprocess.run(["docker", "load", "--quiet", "--input", cpu_archive], check=True)
    directory = project(tmp_path / "project", '[keras]\ndata = "digits"\nepochs = 2\nrecipe = "fast"\n')
    monkeypatch.setenv("PROJECT", directory)
    monkeypatch.setenv("USER_GROUP", USER)
    compose = COMPOSE[:3] + [COMPOSE[3].replace("compose.yaml", "compose.workers.yaml")]
    try:
        said = engines.finished(compose + ["run", "--rm", "--no-deps", "chief", "doit", "data"])
        assert said.returncode == 0, said.stdout
        said = engines.finished(compose + ["up", "--no-color"])
        assert said.returncode == 0, said.stdout
        assert "chief-1 exited with code 0" in said.stdout and "worker-1 exited with code 0" in said.stdout
        with open(os.path.join(directory, "models", ".records", "train.keras.json")) as stream:
            assert json.load(stream)["facts"]["workers"] == 2
        assert os.path.exists(os.path.join(directory, "models", "model.h5"))
    finally:
        subprocess.call(compose + ["down"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_what_differs_between_two_builds_is_named(docker, built, tmp_path):
    place = checkout(str(tmp_path / "changed"))
    with open(os.path.join(place, "dodo.py"), "a") as stream:
        stream.write("# one more line\n")
    other = type(docker)("other")
    assert other.build("convert", context=place) != built
    named = reproduce.unlike([docker, other], "convert").split(", ")
    assert [name.split(":", 1)[1] for name in named] == ["opt/project/__pycache__/dodo.cpython-36.pyc",
                                                         "opt/project/dodo.py"]
    other.forget()
    assert docker.configuration(other.tag("convert")) == {} != docker.configuration(docker.tag("convert"))
