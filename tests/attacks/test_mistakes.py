"""What people get wrong with files that are their own: each is one line that says what to do, through the command."""
import ctypes
import io
import json
import os
import subprocess
import sys
import zipfile

import h5py
import pytest

from scripts import convert
from scripts.formats import keras_h5
from tests.attacks.test_attacks import harmless, refused, run, tree
from tests.needs import ROOT
from tests.project import Project
from tests.unit import handmade

one_stack = pytest.mark.modern  # what the disk says, and what this project's code decides by itself


@pytest.mark.parametrize("asked, words", [("Dense", ["dense"]), ("CONV", ["conv"]), ("sofmax", ["softmax"])])
def test_a_layers_name_that_is_nearly_right_is_answered_with_the_right_one(asked, words, tmp_path):
    line = refused(tmp_path, handmade.h5(tmp_path / "model.h5"), "preprocess", "--layers", asked)
    assert all(word in line for word in [asked] + words)


def test_a_second_output_of_a_layer_that_has_one_is_refused(tmp_path):
    line = refused(tmp_path, handmade.h5(tmp_path / "model.h5"), "preprocess", "--layers", "conv:1,dense")
    assert "'conv' has 1 output" in line


def test_a_pattern_of_weights_that_are_not_there_is_refused_with_those_that_are(tmp_path):
    line = refused(tmp_path, handmade.h5(tmp_path / "model.h5"), "preprocess", "--quantize", "uint8=nosuch*")
    assert "'nosuch*'" in line and "conv/kernel" in line


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


def test_a_git_lfs_pointer_says_how_to_get_the_file(tmp_path):
    (tmp_path / "model.h5").write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{7:064d}\nsize 1234\n")
    assert "git lfs pull" in refused(tmp_path, str(tmp_path / "model.h5"))


def test_a_model_json_of_another_name_is_read_by_its_name_and_named_where_its_directory_is_given(tmp_path):
    os.mkdir(str(tmp_path / "js"))
    convert.convert(handmade.h5(tmp_path / "source.h5"), str(tmp_path / "js"), json_name="lenet.json")
    assert "lenet.json" in refused(tmp_path, str(tmp_path / "js"))
    harmless(tmp_path, str(tmp_path / "js" / "lenet.json"))


@pytest.mark.parametrize("path, words", [
    ("https://host/model.h5", "download it"), ("~/model.h5", "give the whole path"), ("C:\\\\model.h5", "Windows"),
    ('"model.h5"', "quotes"), ("nosuch*.h5", "no file matches"), ("models/nosuch/model.h5", "No such file"),
    ("nosuch.h5", "in " + ROOT)])
def test_a_path_that_leads_nowhere_says_what_to_give(path, words, tmp_path):
    assert words in refused(tmp_path, path)


def packed(name):
    """A zip archive of one member, b"x"."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(name, b"x")
    return content.getvalue()


@one_stack
@pytest.mark.parametrize("content, words", [
    (packed("mine/model.h5"), "mine/model.h5 in it: unpack it"), (packed("m/saved_model.pb"), "m/saved_model.pb in it"),
    (packed("archive/data.pkl"), "PyTorch"), (b"\x80\x04\x95", "PyTorch"), (b"\x1f\x8b\x08\0", "unpack it"),
    (b"BZh91AY", "unpack it"), (b"\0" * 257 + b"ustar", "unpack it"), (b"\x1c\0\0\0TFL3", "TensorFlow Lite"),
    (b"\x08\x07\x12\x07pytorch", "ONNX")])
def test_a_file_of_another_kind_is_named_as_what_it_is(content, words, tmp_path):
    (tmp_path / "model.h5").write_bytes(content)
    assert words in refused(tmp_path, str(tmp_path / "model.h5"))
    topology, weights = handmade.separated(tmp_path)
    assert words in refused(tmp_path, topology, "preprocess", "--weights", str(tmp_path / "model.h5"))


def test_the_directory_beside_a_savedmodels_is_answered_with_that(tmp_path):
    model = tmp_path / "up" / "1"
    (model / "variables").mkdir(parents=True)
    (model / "saved_model.pb").write_bytes(b"\x08\x01\x12")
    (model / "variables" / "variables.index").write_bytes(b"")
    for folder in (tmp_path / "up", model / "variables"):
        assert f"give the model itself: {model}\n" in refused(tmp_path, str(folder))


def test_weights_beside_a_whole_model_are_refused(tmp_path):
    weights = handmade.separated(tmp_path)[1]
    for path in (handmade.h5(tmp_path / "model.h5"), handmade.archive(tmp_path / "model.keras")):
        assert "give it alone" in refused(tmp_path, path, "preprocess", "--weights", weights)


@pytest.mark.parametrize("flag", ["--tags", "--signature"])
def test_what_only_a_savedmodel_has_is_refused_with_another(flag, tmp_path):
    assert "leave them out" in refused(tmp_path, handmade.h5(tmp_path / "model.h5"), "preprocess", flag, "mine")


def test_weights_of_a_subclassed_model_are_told_so(tmp_path):
    with h5py.File(str(tmp_path / "model.weights.h5"), "w") as file:
        file.create_group("vars"), file.create_group("own/vars")
    assert "a subclass" in refused(tmp_path, str(tmp_path / "model.weights.h5"))


def stages():
    """Yield the name of every module that is a command."""
    for directory, _, names in os.walk(os.path.join(ROOT, "scripts")):
        for name in sorted(names):
            path = os.path.join(directory, name)
            if name.endswith(".py") and name != "bootstrap.py":
                with open(path, encoding="utf-8") as stream:
                    if '\nif __name__ == "__main__":' in stream.read():
                        yield os.path.relpath(path, os.path.join(ROOT, "scripts"))[:-len(".py")].replace(os.sep, ".")


@pytest.mark.parametrize("stage", sorted(stages()))
def test_a_stage_that_is_run_by_its_path_says_how_to_run_it(stage, tmp_path):
    path = os.path.join(ROOT, "scripts", stage.replace(".", "/") + ".py")
    done = subprocess.run([sys.executable, path], cwd=str(tmp_path),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert f"python -m scripts.{stage}" in done.stderr


def test_doits_file_that_is_run_by_itself_says_what_runs_it():
    done = subprocess.run([sys.executable, "-S", "dodo.py"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1) and "run `doit`" in done.stderr


def test_a_savedmodel_whose_file_is_empty_says_so(tmp_path):
    for name in ("saved_model.pb", "model.json"):
        model = tmp_path / name.replace(".", "-")
        (model / "variables").mkdir(parents=True)
        (model / name).write_bytes(b"")
        assert f"its {name} is empty" in refused(tmp_path, str(model))


@one_stack
@pytest.mark.parametrize("name", ["../x.json", "{mine}", ".x.json", "a\u0007.json", "manifest.json", "x"])
def test_a_name_for_the_json_is_a_plain_one_and_nothing_is_written_elsewhere(name, tmp_path):
    source, mine = handmade.h5(tmp_path / "model.h5"), tmp_path / "x.json"
    mine.write_text("mine")
    before = tree(tmp_path)
    status, _, err = run("preprocess", source, str(tmp_path / "out"), "--json-name", name.format(mine=mine))
    assert status == 1 and "is not a plain file name that ends in .json" in err and tree(tmp_path) == before


def test_what_a_strange_model_json_names_is_not_taken_for_an_earlier_result(tmp_path):
    source, target = handmade.h5(tmp_path / "model.h5"), tmp_path / "out"
    assert run("preprocess", source, str(target))[0] == 0
    (target / "thesis.docx").write_text("mine")
    document = json.loads((target / "model.json").read_text())
    document["weightsManifest"][0]["paths"].append("thesis.docx")
    (target / "model.json").write_text(json.dumps(document))
    assert run("preprocess", source, str(target))[0] == 0
    assert sorted(os.listdir(str(target))) == ["group1-shard1of1.bin", "model.json", "thesis.docx"]


def test_an_h5_beside_the_directory_stands_when_the_directory_does(tmp_path):
    source, target, more = handmade.h5(tmp_path / "model.h5"), tmp_path / "out", tmp_path / "more" / "enc.h5"
    target.mkdir()
    (target / "model.json").write_text("mine")
    status, _, err = run("preprocess", source, str(target), "--enc-model", str(more))
    assert status == 1 and "model.json is there already" in err and os.listdir(str(target)) == ["model.json"]
    assert not more.parent.exists()
    (target / "model.json").unlink()
    status, _, err = run("preprocess", source, str(target), "--enc-model", str(more))
    assert (status, err) == (0, "") and os.listdir(str(more.parent)) == ["enc.h5"]
    encapsulated = tmp_path / "same.h5"
    assert run("encapsulate", source, str(encapsulated))[0] == 0
    assert encapsulated.read_bytes() == more.read_bytes()
    for words in (["encapsulate", source, str(more)], ["preprocess", source, str(target), "--enc-model", str(more)]):
        status, _, err = run(*words)
        assert status == 1 and "enc.h5 is there already" in err and ("--force" in err) == (words[0] == "encapsulate")


@pytest.mark.parametrize("stage", ["preprocess", "dataset", "summary"])
def test_a_python_without_the_packages_says_which_has_them(stage, tmp_path):
    source = handmade.h5(tmp_path / "model.h5")
    done = subprocess.run([sys.executable, "-S", "-m", "scripts." + stage, source], cwd=ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert "has no " in done.stderr and ".venv/bin/python" in done.stderr


# The same through doit -------------------------------------------------------------------------------------

MINE = '[mine]\nsource = "%s"\n'


@pytest.fixture
def project(tmp_path):
    """A project that converts the handmade model."""
    project = Project.create(tmp_path / "project", MINE % "model.h5")
    handmade.h5(project.file("model.h5"))
    return project


def test_a_pattern_in_the_catalogue_that_no_weight_matches_is_refused(project):
    project.write("models/models.toml", MINE % "model.h5" + 'quantize = {uint8 = ["conv/*", "nosuch*"]}\n')
    line = project.fault()
    assert "'nosuch*'" in line and "conv/kernel" in line and "models/json_models/mine/model.json" not in \
        project.artifacts()


@pytest.mark.parametrize("name", ["my model", "it's mine", "模型", "🙂🙂", "a,b", "100%", "-dash", "$HOME", "[a-z]*",
                                  "a'b\"c"])
def test_a_path_in_the_catalogue_may_hold_any_letter(name, project):
    """Windows line ends and a byte order mark besides, as an editor there leaves them."""
    handmade.h5(project.file(name + ".h5"))
    os.mkdir(project.file(name))
    handmade.h5(os.path.join(project.file(name), "model.h5"))
    quoted = name.replace('"', '\\"')
    project.write("models/models.toml", b"\xef\xbb\xbf" + (
        '["一.{}"]\r\nsource = "{}.h5"\r\n[two]\r\nsource = "{}/model.h5"\r\n'
        .format("x", quoted, quoted)).encode("utf-8"))
    assert project.ran() == {"encapsulate:一.x", "convert:一.x", "encapsulate:two", "convert:two"}
    assert project.ran() == set()


def test_doit_runs_from_any_directory_and_builds_in_the_projects_own(project, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    for arguments in (["-f", project.file("dodo.py")], ["-f", project.file("dodo.py"), "-d", project.path]):
        done = subprocess.run(project.command(*arguments), cwd=str(tmp_path / "elsewhere"), env=project.environment(),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert (done.returncode, done.stderr) == (0, b"")
        assert os.path.exists(project.file("models/json_models/mine/model.json"))
        assert os.listdir(str(tmp_path / "elsewhere")) == []
    assert project.ran() == set()


def test_a_stage_runs_from_any_directory_that_python_finds_it_from(tmp_path):
    handmade.h5(tmp_path / "model.h5")
    done = subprocess.run([sys.executable, "-m", "scripts.preprocess", "model.h5", "out"], cwd=str(tmp_path),
                          env=dict(os.environ, PYTHONPATH=ROOT), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, b"")
    assert os.path.exists(str(tmp_path / "out" / "model.json"))


def test_in_a_directory_without_a_project_one_line_says_so(project):
    os.remove(project.file("models/models.toml"))
    assert "models/models.toml: No such file or directory" in project.fault()


def powerless():
    """In a child: no capabilities, so that root too may only do what a file's mode says."""
    libc = ctypes.CDLL(None)
    for capability in range(64):
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP; what execve then gives is nothing


def limited(project, *arguments):
    """Run doit without powers; returns (exit status, stderr)."""
    done = subprocess.run(project.command(*arguments), cwd=project.path, env=project.environment(),
                          preexec_fn=powerless, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert b"Traceback" not in done.stdout
    return done.returncode, done.stderr.decode("utf-8")


@pytest.fixture
def closed():
    """closed(path, mode): take a file's or a directory's permissions away until the test is over."""
    before = []

    def close(path, mode):
        before.append((path, os.stat(path).st_mode))
        os.chmod(path, mode)

    yield close
    for path, mode in reversed(before):
        os.chmod(path, mode)


@one_stack
@pytest.mark.parametrize("name", ["models", "models/json_models/mine", "models/mine", "models/.records"])
def test_without_permission_to_write_one_line_names_the_directory_and_nothing_changes(name, project, closed):
    project.ran()
    before = project.artifacts()
    handmade.h5(project.file("model.h5"), weights={layer: [(key, array * 2) for key, array in own]
                                                   for layer, own in handmade.values().items()})
    closed(project.file(name), 0o555)
    status, said = limited(project)
    assert (status, said.count("\n")) == (1, 1), said
    assert "cannot be written by user" in said
    after = project.artifacts()
    if name == "models/json_models/mine":  # the stage before could write
        before.pop("models/mine/enc_model.h5"), after.pop("models/mine/enc_model.h5")
    assert after == before
    os.chmod(project.file(name), 0o755)
    assert project.ran() and project.ran() == set()


@one_stack
@pytest.mark.parametrize("name", ["model.h5", "models/models.toml", "models/mine/enc_model.h5"])
def test_a_file_that_may_not_be_read_is_one_line_that_names_it(name, project, closed):
    project.ran()
    closed(project.file(name), 0)
    os.utime(project.file(name), (1, 1))
    status, said = limited(project)
    assert (status, said.count("\n")) == (1, 1), said
    assert os.path.basename(name) in said and "Permission denied" in said


def test_a_model_that_may_not_be_read_or_a_place_that_may_not_be_written_is_one_line(tmp_path, closed):
    path = handmade.h5(tmp_path / "model.h5")
    (tmp_path / "shut").mkdir()
    closed(str(tmp_path / "shut"), 0o555)

    def said(*arguments):
        done = subprocess.run([sys.executable, "-m", "scripts.preprocess"] + list(arguments), cwd=ROOT,
                              preexec_fn=powerless, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert (done.returncode, done.stderr.count(b"\n")) == (1, 1), done.stderr
        return done.stderr.decode("utf-8")

    assert "cannot be written" in said(path, str(tmp_path / "shut" / "out"))
    assert "cannot be written" in said(path, str(tmp_path / "shut"))
    closed(path, 0)
    assert "Permission denied" in said(path, str(tmp_path / "out"))


@one_stack
@pytest.mark.parametrize("more, words", [
    ('signature = "mine"', "signatures are a SavedModel's"), ('saved_model_tags = "gpu"', "leave them out"),
    ('weights = "nosuch.h5"', "[mine] weights: nosuch.h5: No such file or directory in "),
    ('weights = "model.h5"', "give it alone")])
def test_a_setting_in_the_catalogue_that_the_source_does_not_take_is_refused(more, words, project):
    project.write("models/models.toml", MINE % "model.h5" + more)
    assert words in project.fault()


@one_stack
def test_one_broken_model_among_twenty_is_named_and_the_other_nineteen_are_converted(project):
    project.write("models/models.toml", "".join(
        MINE.replace("mine", f"m{index:02d}") % ("bad.h5" if index == 7 else "model.h5") for index in range(20)))
    project.write("bad.h5", project.read("model.h5")[:3000])
    for parallel in ([], ["-n", "2"]):
        status, _, said = project.doit("--continue", *parallel)
        assert status == 1 and "Traceback" not in said
        summary = said.splitlines()[-1]
        assert "encapsulate:m07" in summary and "convert:m07" in summary and "m06" not in summary
        assert [index for index in range(20)
                if not os.path.exists(project.file(f"models/json_models/m{index:02d}/model.json"))] == [7]
        assert project.doit("clean", "-a")[0] == 0


@one_stack
def test_an_edit_that_keeps_size_and_time_is_built(project):
    project.ran()
    kept = os.stat(project.file("model.h5"))
    data = bytearray(project.read("model.h5"))
    values = handmade.values()["dense"][0][1].tobytes()
    data[data.index(values):data.index(values) + 4] = b"\0\0\x80\x3f"
    project.write("model.h5", bytes(data))
    os.utime(project.file("model.h5"), ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert os.stat(project.file("model.h5")).st_size == kept.st_size
    assert project.ran() == {"encapsulate:mine", "convert:mine"}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"convert:mine": 1}', b"\0" * 4096])
def test_a_damaged_state_of_doit_costs_nothing(content, project):
    project.ran()
    state = [name for name in os.listdir(project.file("models/.records")) if name.startswith("doit.")]
    assert len(state) == 1
    project.write("models/.records/" + state[0], content)
    assert project.ran() == set()
