"""What people get wrong with files that are their own: each is one line that says what to do, through the command."""
import os

import h5py
import pytest

from scripts.formats import keras_h5
from tests.attacks.test_attacks import harmless, refused, run, tree
from tests.unit import handmade


@pytest.mark.parametrize("asked, words", [("Dense", ["dense"]), ("CONV", ["conv"]), ("sofmax", ["softmax"])])
def test_a_layers_name_that_is_nearly_right_is_answered_with_the_right_one(asked, words, tmp_path):
    line = refused(tmp_path, handmade.h5(tmp_path / "model.h5"), "preprocess", "--layers", asked)
    assert all(word in line for word in [asked] + words)


def test_weights_alone_ask_for_their_topology(tmp_path):
    _, weights = handmade.separated(tmp_path)
    assert "give the topology json too" in refused(tmp_path, weights)


def test_a_custom_layer_is_named_with_its_class(tmp_path):
    record = handmade.topology()
    record["config"]["layers"].insert(3, {"class_name": "Swirl", "config": {"name": "mine", "trainable": True}})
    line = refused(tmp_path, handmade.h5(tmp_path / "model.h5", record))
    assert "mine" in line and "Swirl" in line


def test_an_archive_that_is_called_h5_is_read(tmp_path):
    harmless(tmp_path, handmade.archive(tmp_path / "model.h5"))


@pytest.mark.parametrize("name", ["my model", "it's \"mine\"", "模型", "🙂🙂", "a,b", "100%", "-dash", "$HOME"])
def test_a_path_may_hold_any_letter(name, tmp_path):
    folder = tmp_path / name
    folder.mkdir()
    harmless(folder, handmade.h5(folder / (name + ".h5")))


@pytest.mark.parametrize("part", [20, 2000, 0.5, 0.999])
def test_a_file_that_is_still_being_downloaded_is_refused(part, tmp_path):
    for make, name in ((handmade.h5, "a.h5"), (handmade.archive, "b.keras")):
        path = make(tmp_path / name)
        with open(path, "r+b") as file:
            file.truncate(part if part > 1 else int(os.path.getsize(path) * part))
        assert "cut short" in refused(tmp_path, path) or part == 20


def test_an_h5_that_another_program_writes_is_refused_or_read_whole(tmp_path):
    """HDF5 locks the file where the system can: then the line says who has it."""
    path = handmade.h5(tmp_path / "model.h5")
    with h5py.File(path, "r+"):
        status, _, err = run("summary", path)
    assert (status, err) == (0, "") or status == 1 and "another program has this file open" in err
    assert keras_h5.match(path)


@pytest.mark.parametrize("place", ["/sys/out", "/proc/out", "model.h5", "model.h5/out"])
def test_a_place_where_no_directory_can_be_is_one_line(place, tmp_path):
    """What the kernel itself refuses, to root too, and a file where the directory should be."""
    path = handmade.h5(tmp_path / "model.h5")
    before = tree(tmp_path)
    status, _, err = run("preprocess", path, os.path.join(str(tmp_path), place))
    assert (status, err.count("\n")) == (1, 1) and place in err and "Traceback" not in err
    assert tree(tmp_path) == before


def test_a_pipe_is_no_model_and_nobody_waits_for_it(tmp_path):
    os.mkfifo(str(tmp_path / "model.h5"))
    assert "neither a file nor a directory" in refused(tmp_path, str(tmp_path / "model.h5"))


def test_a_directory_where_a_file_is_meant_is_one_line(tmp_path):
    topology, weights = handmade.separated(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("mine")
    folder = str(tmp_path / "folder")
    assert "no model in this directory" in refused(tmp_path, folder)
    assert folder in refused(tmp_path, folder, "preprocess", "--weights", weights)
    assert folder in refused(tmp_path, topology, "preprocess", "--weights", folder)


def test_a_file_that_may_not_be_read_is_one_line(tmp_path):
    if os.getuid() == 0:
        os.symlink("model.h5", str(tmp_path / "model.h5"))  # root may read all files: a link to itself, nobody
    else:
        os.chmod(handmade.h5(tmp_path / "model.h5"), 0)
    line = refused(tmp_path, str(tmp_path / "model.h5"))
    assert "Too many levels of symbolic links" in line if os.getuid() == 0 else "Permission denied" in line
