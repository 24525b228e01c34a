"""`doit` in a project of its own: what runs, what does not, what is the user's, and what is said."""
import base64
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests import needs
from tests.needs import ROOT
from tests.project import DIGITS, Project
from tests.unit.test_dataset import write_idx

# What this project's code decides, or what another file tests on both stacks.  What doit does, which is another version
# on each, what Keras writes and what training gives are tested on both.
one_stack = pytest.mark.modern


@pytest.fixture(scope="session")
def pristine(tmp_path_factory):
    """LeNet trained for one epoch on the embedded digits and converted, once for all tests."""
    needs.tensorflow()
    project = Project.create(tmp_path_factory.mktemp("pristine") / "project")
    assert project.ran() == {"data:keras", "train:keras", "encapsulate:keras", "convert:keras"}
    return project


@pytest.fixture
def built(pristine, tmp_path):
    """A project that is built and up to date, to be changed by one test."""
    shutil.copytree(pristine.path, str(tmp_path / "project"), symlinks=True)
    return Project(tmp_path / "project")


@pytest.fixture
def own(pristine, tmp_path):
    """A project that converts a model of the user's: nothing is trained."""
    project = Project.create(tmp_path / "own", '[mine]\nsource = "given/my model.h5"\n')
    project.write("given/my model.h5", pristine.read("models/model.h5"))
    return project


def test_a_second_run_executes_nothing(built):
    assert built.ran() == set()
    assert built.ran("convert:keras") == set()


def test_nothing_is_built_that_the_guide_does_not_name(pristine):
    assert set(pristine.artifacts()) == {
        "models/models.toml", "models/data.npz", "models/model.h5", "models/enc_model.h5",
        "models/json_models/keras/model.json", "models/json_models/keras/group1-shard1of1.bin",
        "models/json_models/keras/manifest.json"}


def test_a_copy_of_the_checkout_is_up_to_date_where_it_stands(built):
    """Every stat differs in a copy; the records know the bytes."""
    assert built.ran() == set()


@pytest.mark.parametrize("old, new, executed", [
    ('"Softmax"]', '"Softmax", "Dense_2"]', {"encapsulate:keras", "convert:keras"}),
    pytest.param("epochs = 1", "epochs = 2", {"train:keras", "encapsulate:keras", "convert:keras"}, marks=one_stack),
    ("epochs = 1", "epochs = 1\nshard_size = 100000", {"convert:keras"}),
    pytest.param("epochs = 1", 'epochs = 1\njson_name = "lenet.json"', {"convert:keras"}, marks=one_stack),
    ("epochs = 1", "epochs = 1 # the same", set()),
    pytest.param("epochs = 1", "epochs = 1\ncompile = true", {"encapsulate:keras", "convert:keras"}, marks=one_stack),
])
def test_a_changed_setting_runs_what_depends_on_it_and_no_more(built, old, new, executed):
    built.write("models/models.toml", DIGITS.replace(old, new))
    assert built.ran() == executed
    assert built.ran() == set()


def test_code_and_lock_are_dependencies_of_what_they_built(built):
    built.write("scripts/convert.py", built.read("scripts/convert.py") + b"\nCHANGED = True\n")
    assert built.ran() == {"convert:keras"}
    name = f"docker/locks/{needs.STACK}-convert.txt"
    built.write(name, built.read(name) + b"\n# changed\n")
    assert built.ran() == {"encapsulate:keras", "convert:keras"}


def test_touching_a_file_runs_nothing(built):
    for name in ("models/model.h5", "models/enc_model.h5", "scripts/train.py", "models/models.toml"):
        os.utime(built.file(name), (1, 1))
    assert built.ran() == set()


@pytest.mark.parametrize("name, executed", [
    ("models/enc_model.h5", {"encapsulate:keras"}),
    ("models/json_models/keras/model.json", {"convert:keras"}),
    pytest.param("models/json_models/keras/group1-shard1of1.bin", {"convert:keras"}, marks=one_stack),
    pytest.param("models/json_models/keras/manifest.json", {"convert:keras"}, marks=one_stack),
    pytest.param("models/data.npz", {"data:keras"}, marks=one_stack),
])
def test_an_output_that_was_altered_or_deleted_is_built_again_to_the_same_bytes(built, name, executed):
    before, content = built.artifacts(), built.read(name)
    status = os.stat(built.file(name))
    flipped = content[:100] + bytes([content[100] ^ 1]) + content[101:]
    built.write(name, flipped)
    os.utime(built.file(name), ns=(status.st_atime_ns, status.st_mtime_ns))
    assert built.ran() == executed
    assert built.artifacts() == before
    os.remove(built.file(name))
    assert built.ran() == executed
    assert built.artifacts() == before


def test_a_model_that_the_user_puts_in_place_is_kept_and_converted(built, own):
    """An h5 with other bytes is the user's, whatever the table says about training."""
    theirs = built.read("models/enc_model.h5")
    built.write("models/model.h5", theirs)
    status, out, err = built.doit()
    assert (status, err) == (0, "")
    assert "models/model.h5 is yours" in out
    assert built.read("models/model.h5") == theirs
    assert "encapsulate:keras" in out and ".  train:keras" not in out
    built.write("models/models.toml", DIGITS.replace("epochs = 1", "epochs = 3"))
    assert built.ran() == set()
    assert built.ran("-a", "train") == {"data:keras", "train:keras"}
    assert built.read("models/model.h5") == theirs
    built.doit("clean", "-a")
    assert built.read("models/model.h5") == theirs


def test_a_model_of_the_users_needs_no_more_than_its_path(own):
    assert own.ran() == {"encapsulate:mine", "convert:mine"}
    assert own.ran() == set()
    manifest = json.loads(own.read("models/json_models/mine/manifest.json").decode())
    assert manifest["inputs"]["source"] == hashlib.sha256(own.read("given/my model.h5")).hexdigest()
    for name, digest in manifest["outputs"].items():
        assert hashlib.sha256(own.read("models/json_models/mine/" + name)).hexdigest() == digest


@one_stack
def test_what_another_source_was_made_into_is_not_converted_in_the_name_of_this_one(own, pristine):
    own.ran()
    before = own.artifacts()
    own.write("given/my model.h5", pristine.read("models/enc_model.h5"))
    line = own.fault("-s", "convert:mine")
    assert "given/my model.h5 changed" in line and "without -s" in line
    assert {name: digest for name, digest in own.artifacts().items() if name in before} == before
    assert own.ran("convert:mine") == {"encapsulate:mine", "convert:mine"}
    assert own.ran("-s", "convert:mine") == set()


@one_stack
def test_the_manifest_tells_the_settings_that_change_no_weight(own):
    """The same enc_model.h5 comes of all layers named and of none."""
    own.ran()
    manifest = "models/json_models/mine/manifest.json"
    layers = json.loads(own.read(manifest).decode())["layers"]
    own.write("models/models.toml", own.read("models/models.toml").decode() + f"layers = {json.dumps(layers)}\n")
    assert own.ran() == {"encapsulate:mine", "convert:mine"}
    assert json.loads(own.read(manifest).decode())["settings"]["layers"] == layers
    built = own.artifacts()
    own.doit("clean", "-a")
    own.ran()
    assert own.artifacts() == built


@one_stack
def test_the_manifest_tells_how_the_same_weights_were_trained_last(built):
    manifest = "models/json_models/keras/manifest.json"
    before = built.read("models/model.h5")
    built.write("models/models.toml", DIGITS + "learning_rate = 0.001\n")  # adam's own
    assert built.ran() == {"train:keras", "convert:keras"}
    assert built.read("models/model.h5") == before
    assert json.loads(built.read(manifest).decode())["trained"]["settings"]["learning_rate"] == 0.001
    assert built.ran() == set()


def test_only_the_model_whose_source_changed_is_built(own, pristine):
    own.write("models/models.toml", '[mine]\nsource = "given/my model.h5"\n[other]\nsource = "given/other.h5"\n')
    own.write("given/other.h5", pristine.read("models/enc_model.h5"))
    assert own.ran() == {"encapsulate:mine", "convert:mine", "encapsulate:other", "convert:other"}
    own.write("given/other.h5", pristine.read("models/model.h5"))
    assert own.ran() == {"encapsulate:other", "convert:other"}


def test_topology_and_weights_may_be_separate_files(own, pristine, tmp_path):
    code = ("import sys, keras; model = keras.models.load_model(sys.argv[1], compile=False); "
            "open(sys.argv[2], 'w').write(model.to_json()); model.save_weights(sys.argv[3])")
    own.ran()
    joined = own.read("models/json_models/mine/group1-shard1of1.bin")
    weights = own.file("given/m.weights.h5")
    subprocess.run([sys.executable, "-c", code, own.file("given/my model.h5"), own.file("given/m.json"), weights],
                   check=True, stderr=subprocess.DEVNULL)
    own.write("models/models.toml", '[mine]\nsource = "given/m.json"\nweights = "given/m.weights.h5"\n')
    assert own.ran() == {"encapsulate:mine", "convert:mine"}
    assert own.read("models/json_models/mine/group1-shard1of1.bin") == joined
    shutil.copy(weights, weights + ".copy")
    os.replace(weights + ".copy", weights)
    assert own.ran() == set()


@one_stack
def test_fewer_shards_than_before_leave_no_stale_shard(own):
    own.write("models/models.toml", '[mine]\nsource = "given/my model.h5"\nshard_size = 50000\n')
    own.ran()
    assert len(os.listdir(own.file("models/json_models/mine"))) == 4 + 2
    own.write("models/json_models/mine/notes.txt", "the user's")
    own.write("models/models.toml", '[mine]\nsource = "given/my model.h5"\n')
    own.ran()
    assert sorted(os.listdir(own.file("models/json_models/mine"))) == [
        "group1-shard1of1.bin", "manifest.json", "model.json", "notes.txt"]


@one_stack
def test_a_json_of_another_name_goes_with_the_old_one(own):
    own.ran()
    own.write("models/models.toml", '[mine]\nsource = "given/my model.h5"\njson_name = "lenet.json"\n')
    own.ran()
    names = os.listdir(own.file("models/json_models/mine"))
    assert "lenet.json" in names and "model.json" not in names
    record = json.loads(own.read("models/json_models/mine/lenet.json").decode())
    assert all(path in names for group in record["weightsManifest"] for path in group["paths"])


def test_two_clean_builds_give_the_same_bytes(pristine, tmp_path):
    again = Project.create(tmp_path / "elsewhere with spaces", known=False)
    again.ran()
    assert again.artifacts() == pristine.artifacts()


@pytest.mark.parametrize("loss", ["forget", "no state", "damaged state", "no stats"])
def test_freshness_survives_the_loss_of_doits_memory(built, loss):
    state = f"models/.records/doit.{needs.STACK}.json"
    if loss == "forget":
        assert built.doit("forget", "--all")[0] == 0
    elif loss == "no state":
        os.remove(built.file(state))
    elif loss == "damaged state":
        built.write(state, built.read(state)[:-7])
    else:
        os.remove(built.file(f"models/.records/stats.{needs.STACK}.json"))
    assert built.ran() == set()


def test_always_builds_again_to_the_same_bytes(built):
    before = built.artifacts()
    assert built.ran("-a") == {"data:keras", "train:keras", "encapsulate:keras", "convert:keras"}
    assert built.artifacts() == before


def test_what_the_other_stack_built_is_built_again(built):
    path = "models/.records/encapsulate.keras.json"
    record = json.loads(built.read(path).decode())
    record["stack"]["name"] = "another"
    built.write(path, json.dumps(record))
    assert built.ran() == {"encapsulate:keras"}


def test_clean_removes_what_was_built_and_nothing_else(built):
    built.write("models/notes.txt", "the user's")
    built.write("models/json_models/keras/notes.txt", "the user's")
    built.write("models/enc_model.h5", "edited by the user")
    status, out, err = built.doit("clean", "-a")
    assert (status, err) == (0, "")
    assert "left models/enc_model.h5" in out
    assert set(built.artifacts()) == {"models/models.toml", "models/notes.txt", "models/enc_model.h5",
                                      "models/json_models/keras/notes.txt"}
    os.remove(built.file("models/enc_model.h5"))
    assert built.ran() == {"data:keras", "train:keras", "encapsulate:keras", "convert:keras"}


@one_stack
def test_what_was_built_of_models_that_are_gone_is_named_and_cleaned(own):
    for name in ("a", "b"):
        own.write(f"zoo/{name}.h5", own.read("given/my model.h5"))
    alone = '[mine]\nsource = "given/my model.h5"\n'
    own.write("models/models.toml", alone + '[zoo]\nsource = "zoo/*.h5"\n[other]\nsource = "zoo/b.h5"\n')
    assert len(own.ran()) == 8
    assert "orphans:" not in own.doit("list", "--all")[1]
    assert own.doit("orphans")[0] == 0

    own.write("models/models.toml", alone + '[zoo]\nsource = "zoo/*.h5"\n')
    os.remove(own.file("zoo/a.h5"))
    own.write("models/other/notes.txt", "the user's")
    own.write("models/json_models/zoo-a/model.json", "edited by the user")
    before = own.artifacts()
    status, out, err = own.doit("list", "--all")
    assert (status, err) == (0, "") and re.findall(r"^orphans:\S+", out, re.M) == ["orphans:other", "orphans:zoo-a"]
    assert "doit clean orphans" in own.doit("orphans")[1] and own.ran() == set()
    assert own.artifacts() == before
    status, out, err = own.doit("clean", "orphans")
    assert (status, err) == (0, "") and "left models/json_models/zoo-a/model.json" in out
    gone = {name for name in before if re.search("(zoo-a|other)/", name)}
    kept = {"models/other/notes.txt", "models/json_models/zoo-a/model.json"}
    assert set(own.artifacts()) == set(before) - gone | kept and gone > kept
    assert own.ran() == set()

    own.write("models/models.toml", alone)
    assert "removed models/zoo-b/enc_model.h5" in own.doit("clean", "-a")[1]


@one_stack
def test_a_dry_clean_removes_nothing(built):
    before = built.artifacts()
    assert "would remove models/model.h5" in built.doit("clean", "-n", "-a")[1]
    assert built.artifacts() == before


@one_stack
def test_a_file_of_the_users_in_the_way_is_never_overwritten(own):
    own.write("models/mine/enc_model.h5", "the user's")
    assert "models/mine/enc_model.h5 is not of this project's making" in own.fault()
    assert own.read("models/mine/enc_model.h5") == b"the user's"


def test_the_list_reads_like_a_table_of_contents(own):
    status, out, err = own.doit("list")
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == sorted(line.split()[0] for line in out.splitlines())
    assert all(len(line.split()) > 3 for line in out.splitlines())
    for name in ("data", "train", "encapsulate", "convert"):
        assert name in out


def test_info_says_why_a_task_would_run(own):
    assert "not built yet" in own.doit("info", "encapsulate:mine")[1]
    own.ran()
    assert "up-to-date" in own.doit("info", "encapsulate:mine")[1]


@pytest.mark.parametrize("toml, words", [
    ('[mine]\nsource = "given/none.h5"\n', ["[mine]", "given/none.h5"]),
    pytest.param('[mine]\nsource = "given"\n', ["given"], marks=one_stack),
    pytest.param('[mine]\nsource = "given/my model.h5"\nlayers = ["Dense1"]\n', ["Dense1", "Dense_1", "Softmax"],
                 marks=one_stack),
    pytest.param('[mine]\nsource = "given/my model.h5"\nlayer = ["Dense_1"]\n', ["did you mean layers"],
                 marks=one_stack),
    pytest.param('[mine]\nsource = "models/models.toml"\n', ["not a model"], marks=one_stack),
])
def test_a_fault_is_one_line_and_leaves_nothing_behind(own, toml, words):
    own.write("models/models.toml", toml)
    line = own.fault()
    for word in words:
        assert word in line
    assert set(own.artifacts()) == {"models/models.toml"}


def test_an_unknown_task_or_model_is_one_line(own):
    assert "did you mean convert" in own.fault("convrt")
    assert "has no model other" in own.fault("convert:other")


def test_one_broken_model_does_not_stop_the_others(own):
    own.write("given/broken.h5", own.read("given/my model.h5")[:5000])
    own.write("models/models.toml", "".join(f'[m{i}]\nsource = "given/my model.h5"\n' for i in range(3))
              + '[bad]\nsource = "given/broken.h5"\n')
    for parallel in ([], ["-n", "2"]):
        status, out, err = own.doit("--continue", *parallel)
        assert status == 1, err
        assert "encapsulate:bad" in err and "Traceback" not in err
        assert all(os.path.exists(own.file(f"models/json_models/m{i}/model.json")) for i in range(3))
        assert "convert:bad" in err  # the summary names what could not be tried
        own.doit("clean", "-a")


def test_two_processes_build_what_one_builds(own):
    own.write("models/models.toml", "".join(f'[m{i}]\nsource = "given/my model.h5"\n' for i in range(4)))
    assert len(own.ran("-n", "2")) == 8
    parallel = own.artifacts()
    own.doit("clean", "-a")
    assert len(own.ran()) == 8
    assert own.artifacts() == parallel


def test_doit_runs_from_a_directory_below(own):
    done = subprocess.run(own.command("--seek-file"), cwd=own.file("given"), env=own.environment(),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    assert os.path.exists(own.file("models/json_models/mine/model.json"))


def test_without_training_only_what_is_there_is_converted(built, tmp_path):
    line = Project.create(tmp_path / "new").fault(WITHOUT_TRAINING="1")
    assert "models/model.h5" in line
    os.remove(built.file("models/enc_model.h5"))
    assert built.ran(WITHOUT_TRAINING="1") == {"encapsulate:keras"}


def noise():
    """A small data set: arrays by Keras's names."""
    import numpy
    random = numpy.random.RandomState(0)
    return {"x_train": random.randint(0, 256, (64, 28, 28)).astype("uint8"),
            "y_train": (numpy.arange(64) % 10).astype("uint8"),
            "x_test": random.randint(0, 256, (20, 28, 28)).astype("uint8"),
            "y_test": (numpy.arange(20) % 10).astype("uint8")}


@one_stack
def test_every_file_of_a_data_set_is_a_dependency_whichever_of_them_is_named(own, tmp_path):
    """One of MNIST's four files, and a path below ~, by the setting and by the variable."""
    import numpy
    arrays, home = noise(), tmp_path / "home"
    home.mkdir()

    def write(value):
        arrays["y_test"][0] = value
        numpy.savez(str(home / "own.npz"), **arrays)
        write_idx(home, arrays)

    write(0)
    own.write("models/models.toml", f'[a]\ndata = "{home / "t10k-images-idx3-ubyte"}"\n[b]\ndata = "~/own.npz"\n')
    environment = {"HOME": str(home)}
    assert own.ran("data", **environment) == {"data:a", "data:b"}
    assert own.ran("data", **environment) == set()
    write(1)
    assert own.ran("data", **environment) == {"data:a", "data:b"}
    own.write("models/models.toml", '[a]\n')
    for place in (str(home / "t10k-images-idx3-ubyte"), "~/own.npz"):
        own.ran("data", MNIST_NPZ=place, **environment)
        assert own.ran("data", MNIST_NPZ=place, **environment) == set()
        write(arrays["y_test"][0] + 1)
        assert own.ran("data", MNIST_NPZ=place, **environment) == {"data:a"}


@one_stack
def test_what_stands_beside_the_images_of_a_data_set_is_none_of_them(own, tmp_path):
    arrays, place = noise(), tmp_path / "Downloads"
    place.mkdir()
    write_idx(place, arrays)
    own.write("models/models.toml", f'[a]\ndata = "{place}"\n')
    assert own.ran("data") == {"data:a"}
    (place / "notes.txt").write_text("mine")
    os.mkfifo(str(place / "pipe"))
    assert own.ran("data") == set()
    arrays["y_test"][0] += 1
    write_idx(place, arrays)
    assert own.ran("data") == {"data:a"}


def test_a_trained_model_converted_without_training_gives_the_same_bytes(built):
    before = built.artifacts()
    shutil.rmtree(built.file("models/json_models"))
    assert built.ran("convert", WITHOUT_TRAINING="1") == {"convert:keras"}
    assert built.artifacts() == before and "trained" in json.loads(
        built.read("models/json_models/keras/manifest.json").decode())


@one_stack
def test_images_for_the_page_of_a_model_that_is_not_trained_are_made_for_it(own):
    needs.node()
    own.write("models/models.toml", own.read("models/models.toml").decode() + 'data = "digits"\n')
    assert own.ran("convert:mine")
    done = subprocess.run([sys.executable, "-m", "scripts.viewer.page", "models/json_models/mine", "--standalone",
                           "one.html"], cwd=own.path, env=own.environment(), stdout=subprocess.PIPE, check=True)
    said = done.stdout.decode("utf-8").splitlines()  # one file of a model of the catalogue: doit builds its page first
    assert said[0] == "doit page:mine" and ".  data:mine  (not built yet)" in said and said[-1].startswith("one.html (")
    inside = re.search(r'id="file:page.json">([^<]+)<', own.read("one.html").decode("utf-8")).group(1)
    assert base64.b64decode(inside) == own.read("models/pages/mine/page.json") and b'"samples"' in \
        own.read("models/pages/mine/page.json")
    assert own.ran("page:mine") == set()


def test_mnist_npz_is_asked_for_once_and_stays(built, tmp_path):
    """The data set is resolved once: a later run without the variable keeps it."""
    import numpy
    path = str(tmp_path / "given.npz")
    numpy.savez(path, **noise())
    assert built.ran("data", MNIST_NPZ=path) == {"data:keras"}
    assert built.ran("data", MNIST_NPZ=path) == set()
    assert built.ran("data") == set()
    assert json.loads(built.read("models/.records/data.keras.json").decode())["facts"]["origin"] == "file"


def test_a_second_build_waits_and_the_result_is_not_mixed(own):
    first = subprocess.Popen(own.command(), cwd=own.path, env=own.environment(), stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
    second = subprocess.Popen(own.command(), cwd=own.path, env=own.environment(), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    said = [process.communicate(timeout=120)[0].decode() for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), said
    assert sum(".  convert:mine" in text for text in said) == 1
    assert own.ran() == set()


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_build_that_is_told_to_end_ends_cleanly(built, number, status):
    """While TensorFlow trains in a child, and with the whole group signalled as a terminal does."""
    built.write("models/models.toml", DIGITS.replace("epochs = 1", "epochs = 500"))
    before = built.artifacts()
    process = subprocess.Popen(built.command(), cwd=built.path, env=built.environment(), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, preexec_fn=os.setsid)
    for line in iter(process.stdout.readline, b""):
        if b"epoch 2 " in line:
            break
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == status, err.decode()
    assert b"Traceback" not in out + err
    built.write("models/models.toml", DIGITS)
    before["models/models.toml"] = built.artifacts()["models/models.toml"]
    deadline = time.time() + 10
    while built.artifacts() != before and time.time() < deadline:  # the child's own end is a moment later
        time.sleep(0.1)
    assert built.artifacts() == before
    assert built.ran() == set()


GRAPH = """
import sys, tensorflow as tf

class Doubled(tf.Module):
    def __init__(self):
        self.weight = tf.Variable(tf.ones([3, 2]))

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def __call__(self, x):
        hidden = tf.matmul(x, self.weight, name="hidden")
        return {"doubled": tf.multiply(hidden, 2.0, name="doubled")}

module = Doubled()
tf.saved_model.save(module, sys.argv[1], signatures=module.__call__)
"""


@one_stack
def test_a_saved_model_without_keras_becomes_a_graph_model_and_has_no_enc_model(own):
    needs.tensorflow()
    own.write("models/models.toml", '[graph]\nsource = "given/saved"\n')
    subprocess.run([sys.executable, "-c", GRAPH, own.file("given/saved")], check=True, stderr=subprocess.DEVNULL)
    assert own.ran() == {"convert:graph"}
    assert own.ran() == set()
    manifest = json.loads(own.read("models/json_models/graph/manifest.json").decode())
    assert manifest["layers"] == ["doubled"] and "enc_model.h5" not in manifest["inputs"]
    assert json.loads(own.read("models/json_models/graph/model.json").decode())["format"] == "graph-model"
    assert not os.path.exists(own.file("models/graph"))
    own.write("given/saved/assets/more", b"x")
    assert own.ran() == {"convert:graph"}


@one_stack
def test_verify_prints_a_table_and_keeps_it_and_a_wrong_model_is_a_fault(built):
    needs.node()
    packages = os.path.join(ROOT, ".packages")
    status, out, err = built.doit("verify", TENSORSPACE_PACKAGES=packages)
    assert (status, err) == (0, "")
    assert "every output agrees" in out
    report = json.loads(built.read("models/verify.json").decode())
    assert [row["name"] for row in report["outputs"]] == ["Conv2D_1", "MaxPooling2D_2", "Softmax"]
    # Another model's weights under this one's records: what is served is not what Keras computes.
    built.write("models/models.toml", DIGITS.replace("epochs = 1", "epochs = 1\nquantize = \"uint8\""))
    status, out, err = built.doit("verify", TENSORSPACE_PACKAGES=packages)
    assert status == 1 and "DIFFERS" in out
    assert err.count("\n") == 1 and "something else than Keras" in err


def test_dodo_imports_nothing_heavy(own):
    code = ("import sys; sys.argv = ['doit', 'list']; sys.path.insert(0, '.'); import dodo; "
            "print(sorted({'numpy', 'h5py', 'tensorflow', 'keras', 'scripts.layers.model'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code], cwd=own.path, stdout=subprocess.PIPE, env=own.environment())
    assert done.stdout.decode().strip() == "[]"


@one_stack
def test_every_module_that_a_stage_imports_is_a_dependency_of_what_it_builds():
    """The closure of each stage against what its source files import, followed from module to module."""
    import ast

    from scripts.builds import code, digests
    from scripts.builds.stages import conversion, showing, training

    def imports(path):
        """Yield the modules, dotted, that a file below scripts/ imports."""
        with open(os.path.join(ROOT, path), encoding="utf-8") as stream:
            tree = ast.parse(stream.read())
        package = path.split("/")[:-1]
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                base = package[:len(package) - node.level + 1] + (node.module.split(".") if node.module else [])
                yield "/".join(base)
                for name in node.names:
                    yield "/".join(base + [name.name])

    def closure(path, found):
        for name in imports(path):
            for candidate in (name + ".py", name + "/__init__.py"):
                if os.path.exists(os.path.join(ROOT, candidate)) and candidate not in found:
                    found.add(candidate)
                    closure(candidate, found)
        return found

    own = code.Code(digests.Digests())
    stages = (training.TRAIN, conversion.ENCAPSULATE, conversion.CONVERT, conversion.REFERENCE, conversion.GRAPH,
              showing.PAGE, showing.VERIFY)
    for module in stages:
        listed = {"scripts/" + name for name in own.closure(module)}
        imported = closure("scripts/" + module.replace(".", "/") + ".py", set())
        assert imported and imported <= listed, f"{module} imports {imported - listed}"


def test_without_training_the_tasks_can_still_be_listed(tmp_path):
    status, out, err = Project.create(tmp_path / "new").doit("list", WITHOUT_TRAINING="1")
    assert (status, err) == (0, "") and "convert" in out


FLEET = '[zoo]\nsource = "zoo/*.h5"\n'
COUNTED = """
import builtins, os, sys
from doit.doit_cmd import DoitMain

seen = []

def counted(function):
    def call(path, *args, **options):
        if not str(path).endswith((".py", ".pyc", ".toml")):
            seen.append(os.path.relpath(path) if isinstance(path, str) and path else "")
        return function(path, *args, **options)
    return call

os.stat, builtins.open = counted(os.stat), counted(builtins.open)
try:
    status = DoitMain().run(sys.argv[1:])
except SystemExit as end:
    status = end.code
sys.stderr.write("".join(path + "\\n" for path in seen if path.startswith(("models", "zoo"))))
sys.exit(status)
"""


def looked_at(project, *words):
    """Run doit with these words; return the list of what was opened or asked for its stat in models/ and zoo/."""
    done = subprocess.run([sys.executable, "-c", COUNTED] + list(words), cwd=project.path, env=project.environment(),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr.decode()
    return done.stderr.decode().splitlines()


@pytest.fixture(scope="module")
def twelve(pristine, tmp_path_factory):
    """Twelve models of one table, a file each, converted once for all tests."""
    project = Project.create(tmp_path_factory.mktemp("twelve") / "project", FLEET)
    for number in range(12):
        project.write(f"zoo/m{number:02d}.h5", pristine.read("models/model.h5"))
    assert len(project.ran()) == 24
    return project


@pytest.fixture
def fleet(twelve, tmp_path):
    """The twelve, to be changed by one test."""
    shutil.copytree(twelve.path, str(tmp_path / "project"))
    project = Project(tmp_path / "project")
    time.sleep(2.1)  # younger files are hashed at every look
    assert project.ran() == set()
    return project


def test_a_table_with_a_pattern_is_one_independent_subtask_per_file(fleet):
    status, out, err = fleet.doit("list", "--all", "-q")
    names = [line.strip() for line in out.splitlines() if line.startswith("convert:")]
    assert names == [f"convert:zoo-m{number:02d}" for number in range(12)]
    os.remove(fleet.file("models/json_models/zoo-m03/model.json"))
    os.remove(fleet.file("models/json_models/zoo-m07/model.json"))
    assert fleet.ran(names[3]) == {names[3]}
    assert fleet.ran() == {names[7]}


@one_stack
def test_the_array_job_of_the_documentation_converts_the_model_of_its_number(fleet):
    with open(os.path.join(ROOT, "docs", "fleet.md")) as stream:
        blocks = re.findall(r"```sh\n(.*?)```", stream.read(), re.DOTALL)
    script = [block for block in blocks if block.startswith("#!/bin/sh")][0]
    listing = [line for block in blocks for line in block.splitlines() if line.endswith("> names.txt")][0]
    os.symlink(os.path.dirname(os.path.dirname(sys.executable)), fleet.file(".venv"))
    subprocess.run(listing, shell=True, cwd=fleet.path, env=fleet.environment(), check=True)
    os.remove(fleet.file("models/json_models/zoo-m03/model.json"))
    for number, ran in (("3", False), ("4", True)):
        done = subprocess.run(["sh", "-c", script], cwd=fleet.path, stdout=subprocess.PIPE, check=True,
                              env=fleet.environment(SLURM_ARRAY_TASK_ID=number))
        assert (b".  convert:zoo-m03" in done.stdout) is ran


def test_one_model_of_many_takes_no_more_looks_than_one_of_one(fleet):
    """Whatever else the catalogue holds, nothing of it is looked at."""
    many = looked_at(fleet, "convert:zoo-m03")
    assert not [path for path in many if "zoo-" in path and "m03" not in path]
    for number in range(12):
        if number != 3:
            os.remove(fleet.file(f"zoo/m{number:02d}.h5"))
    assert sorted(looked_at(fleet, "convert:zoo-m03")) == sorted(many)


def test_the_check_of_an_unchanged_model_opens_its_records_and_no_model(fleet):
    seen = looked_at(fleet)
    each = [path for path in seen if "m03" in path]
    assert len(seen) - 12 * len(each) < 20  # what does not grow with the models
    assert set(each) == {"zoo/m03.h5", "models/zoo-m03/enc_model.h5", "models/.records/encapsulate.zoo-m03.json",
                         "models/.records/convert.zoo-m03.json"} | {
        "models/json_models/zoo-m03/" + name for name in ("model.json", "manifest.json", "group1-shard1of1.bin")}
    assert len(each) <= 15  # a record is read once; a file's stat is asked for by doit and by each stage that names it


@pytest.mark.parametrize("words, declared", [
    ("", ["convert"]), ("convert:mine", ["convert"]), ("-a -n 2 --continue convert", ["convert"]),
    ("page", ["convert", "page", "verify", "view"]), ("list", ["convert", "page", "verify", "view"]),
    ("convert:no", ["convert"]), ("*:mine", ["convert", "page", "verify", "view"]),
    ("convert verify:mine", ["convert", "page", "verify", "view"])])
def test_only_tasks_that_the_command_line_can_mean_are_declared(own, words, declared):
    code = ("import sys; sys.argv = ['doit'] + sys.argv[1:]; sys.path.insert(0, '.'); import dodo; "
            "print(*[name for name in ('convert', 'page', 'verify', 'view') "
            "if list(getattr(dodo, 'task_' + name)())])")
    done = subprocess.run([sys.executable, "-c", code] + words.split(), cwd=own.path, stdout=subprocess.PIPE,
                          env=own.environment())
    assert done.stdout.decode().split() == declared


def test_a_model_is_built_beside_another_and_waits_for_a_build_of_all(own):
    from scripts.builds import records
    house = records.House(own.file("models"))
    house.lock(lambda pid: pytest.fail("nobody is there"), {"other"})
    status, out, err = own.doit("convert:mine")
    assert (status, err) == (0, "") and "waiting" not in out
    process = subprocess.Popen(own.command(), cwd=own.path, env=own.environment(), stdout=subprocess.PIPE)
    assert process.stdout.readline().decode() == f"waiting: process {os.getpid()} is building in models/\n"
    house.unlock()
    assert ".  " not in process.communicate()[0].decode() and process.returncode == 0


@one_stack
def test_the_shards_that_a_source_names_are_inputs(own):
    own.ran()
    for name in os.listdir(own.file("models/json_models/mine")):
        own.write("given/tfjs/" + name, own.read("models/json_models/mine/" + name))
    own.write("models/models.toml", '[again]\nsource = "given/tfjs/model.json"\n')
    assert own.ran() == {"encapsulate:again", "convert:again"}
    assert own.ran() == set()
    shard = own.read("given/tfjs/group1-shard1of1.bin")
    own.write("given/tfjs/group1-shard1of1.bin", shard[:-1] + bytes([shard[-1] ^ 1]))
    assert own.ran() == {"encapsulate:again", "convert:again"}


def test_every_action_that_a_task_names_is_there():
    """Tasks that run now and then import what they do when they run: here it is looked for without running it."""
    code = ("import importlib, sys; sys.argv = ['doit', 'list']; sys.path.insert(0, '.'); import dodo; "
            "from doit.loader import generate_tasks\n"
            "for name in [name for name in dir(dodo) if name.startswith('task_')]:\n"
            "    for task in generate_tasks(name[5:], getattr(dodo, name)()):\n"
            "        for action in task.actions:\n"
            "            if getattr(action, 'py_callable', None) == dodo.RUN.call:\n"
            "                given = action.args[0]\n"
            "                module, function = given.split(':') if isinstance(given, str) else (\n"
            "                    given.__module__, given.__name__)\n"
            "                assert callable(getattr(importlib.import_module(module, 'scripts'), function))\n"
            "                print(task.name)")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    found = {name.split(":")[0] for name in done.stdout.decode().split()}
    assert found >= {"image", "image-test", "reproduce", "lock", "audit", "bench", "view", "screenshot"}
