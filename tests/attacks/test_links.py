"""Links in the way of a build: what they lead to is the user's, and keeps every byte."""
import os
import shutil

import pytest

from tests.project import Project
from tests.unit import handmade

pytestmark = pytest.mark.modern  # a file system's links are the same to both stacks
ENC = "models/mine/enc_model.h5"


@pytest.fixture
def project(tmp_path):
    """A project that converts the handmade model, beside a directory `out` with a file of the user's."""
    project = Project.create(tmp_path / "project", '[mine]\nsource = "model.h5"\n')
    handmade.h5(project.file("model.h5"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "user.txt").write_text("the user's")
    return project


def out(tmp_path):
    return {name: (tmp_path / "out" / name).read_bytes() for name in os.listdir(str(tmp_path / "out"))
            if (tmp_path / "out" / name).is_file()}


def another_model(project):
    doubled = {layer: [(name, array * 2) for name, array in own] for layer, own in handmade.values().items()}
    handmade.h5(project.file("model.h5"), weights=doubled)


@pytest.mark.parametrize("name", ["models/json_models", "models/mine", "models/.building", "models/.records"])
def test_a_directory_may_be_a_link_and_cleaning_leaves_what_was_there(name, project, tmp_path):
    shutil.rmtree(project.file(name), ignore_errors=True)
    os.symlink(str(tmp_path / "out"), project.file(name))
    project.ran()
    assert project.ran() == set()
    assert out(tmp_path)["user.txt"] == b"the user's"
    assert project.doit("clean", "-a")[0] == 0
    assert out(tmp_path)["user.txt"] == b"the user's"
    assert not [key for key in out(tmp_path) if key.endswith((".h5", ".bin"))]


def test_models_itself_may_be_a_link(project, tmp_path):
    shutil.move(project.file("models"), str(tmp_path / "elsewhere"))
    os.symlink(str(tmp_path / "elsewhere"), project.file("models"))
    project.ran()
    assert project.ran() == set() and (tmp_path / "elsewhere" / "mine" / "enc_model.h5").exists()


def test_a_target_that_is_a_link_to_a_file_of_the_users_is_in_the_way(project, tmp_path):
    os.mkdir(project.file("models/mine"))
    os.symlink(str(tmp_path / "out" / "user.txt"), project.file(ENC))
    assert "is in the way" in project.fault()
    assert os.path.islink(project.file(ENC)) and out(tmp_path) == {"user.txt": b"the user's"}


def test_a_link_that_leads_nowhere_is_in_the_way_too(project, tmp_path):
    os.mkdir(project.file("models/mine"))
    os.symlink(str(tmp_path / "later"), project.file(ENC))
    assert "is in the way" in project.fault()
    assert os.readlink(project.file(ENC)) == str(tmp_path / "later") and not (tmp_path / "later").exists()


def test_a_link_that_took_a_built_files_place_is_replaced_and_not_followed(project, tmp_path):
    project.ran()
    built = project.read(ENC)
    os.remove(project.file(ENC))
    os.symlink(str(tmp_path / "out" / "user.txt"), project.file(ENC))
    assert project.ran() == {"encapsulate:mine"}
    assert not os.path.islink(project.file(ENC)) and project.read(ENC) == built
    assert out(tmp_path) == {"user.txt": b"the user's"}


def test_a_second_name_of_a_built_file_keeps_the_old_bytes(project, tmp_path):
    project.ran()
    old = project.read(ENC)
    os.link(project.file(ENC), str(tmp_path / "out" / "linked.h5"))
    another_model(project)
    assert project.ran() == {"encapsulate:mine", "convert:mine"}
    assert project.read(ENC) != old and out(tmp_path)["linked.h5"] == old


def test_built_files_that_were_made_read_only_are_built_again(project):
    project.ran()
    for name in (ENC, "models/json_models/mine/model.json"):
        os.chmod(project.file(name), 0o444)
    another_model(project)
    assert project.ran() == {"encapsulate:mine", "convert:mine"}
