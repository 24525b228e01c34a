"""Several machines: what TF_CONFIG may say, and two workers on loopback that train one model or lose each other."""
import contextlib
import json
import os
import random
import re
import socket
import subprocess
import sys

import pytest

from scripts import Fault
from scripts.base import child, files
from scripts.training import dataset, workers
from tests import needs
from tests.needs import ROOT
from tests.project import Project

EPOCHS = 4


def config(kind, index, **jobs):
    return {"TF_CONFIG": json.dumps({"cluster": jobs, "task": {"type": kind, "index": index}})}


@pytest.mark.parametrize("environ", [{}, {"TF_CONFIG": ""}, {"TF_CONFIG": "{}"}, config("worker", 0, worker=["a:1"])])
def test_one_machine_is_no_cluster(environ):
    assert workers.cluster(environ) is None
    assert not workers.helps(environ)


@pytest.mark.parametrize("environ, index, chief", [
    (config("worker", 0, worker=["a:1", "b:1"]), 0, True),
    (config("worker", 1, worker=["a:1", "b:1"]), 1, False),
    (config("chief", 0, chief=["c:1"], worker=["a:1", "b:1"]), 0, True),
    (config("worker", 0, chief=["c:1"], worker=["a:1", "b:1"]), 1, False),
    (config("worker", "1", worker=["a:1", "b:1"]), 1, False),  # some schedulers write it as a word
])
def test_the_chief_is_the_first_worker_or_the_one_that_is_called_so(environ, index, chief):
    found = workers.cluster(environ)
    assert (found.index, found.chief) == (index, chief)
    assert workers.helps(environ) == (not chief)


@pytest.mark.parametrize("environ, words", [
    ({"TF_CONFIG": "worker"}, "not what TensorFlow understands"),
    ({"TF_CONFIG": "[1]"}, "not what TensorFlow understands"),
    ({"TF_CONFIG": '{"cluster": {"worker": 3}}'}, "not what TensorFlow understands"),
    (config("worker", 2, worker=["a:1", "b:1"]), "worker 2 is none of"),
    (config("worker", -1, worker=["a:1", "b:1"]), "worker -1 is none of"),
    (config("chief", 0, worker=["a:1", "b:1"]), "chief 0 is none of"),
    (config("worker", 0, worker=["a", "b:1"]), "is none of the cluster's machines a, b:1"),
    (config("worker", 0, worker=[1, 2]), "is none of"),
    (config("ps", 0, worker=["a:1", "b:1"], ps=["c:1"]), "a cluster with ps"),
    (config("evaluator", 0, worker=["a:1", "b:1"], evaluator=["c:1"]), "a cluster with evaluator"),
])
def test_a_tf_config_that_cannot_be_is_one_line(environ, words):
    with pytest.raises(Fault) as caught:
        workers.cluster(environ)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert not workers.helps(environ)  # and whoever trains says it


def test_the_compose_example_names_two_workers_that_see_nobody_else():
    with open(os.path.join(ROOT, "docker", "compose.workers.yaml")) as stream:
        text = stream.read()
    found = [workers.cluster({"TF_CONFIG": line}) for line in re.findall(r"TF_CONFIG: '(.*)'", text)]
    assert [one.index for one in found] == [0, 1]
    assert [address.split(":")[0] for address in found[0].addresses] == re.findall(r"(?m)^  (\w+):\n    <<:", text)
    with open(os.path.join(ROOT, "docker", "compose.yaml")) as stream:
        for line in re.findall(r"(?m)^  (?:read_only|tmpfs|cap_drop|security_opt|platform): .*$", stream.read()):
            assert line in text
    assert "internal: true" in text and "ports:" not in text


def addresses(count=2):
    """Return addresses on loopback whose ports are free, and none of those that the system itself gives away: a worker
    takes its own seconds later, and another test's server or connection would have it."""
    found, chance = [], random.SystemRandom()
    while len(found) < count:
        port = chance.randrange(20000, 30000)
        with contextlib.suppress(OSError), socket.socket() as free:
            free.bind(("", port))
            found.append(f"127.0.0.1:{port}")
    assert len(set(found)) == count
    return found


def start(cluster, index, *arguments, **options):
    """`python -m scripts.train` on one of the machines of a cluster."""
    command = options.pop("command", [sys.executable, "-u", "-m", "scripts.train"])
    return subprocess.Popen(command + list(map(str, arguments)), cwd=options.pop("cwd", ROOT),
                            env=dict(options.pop("env", os.environ), **config("worker", index, worker=cluster)),
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            universal_newlines=True)


def ends(process):
    """Return (status, stdout, stderr) of a process that ends by itself."""
    out, err = process.communicate(timeout=200)
    return process.returncode, out, err


def pair(place, data, *arguments, **options):
    """Start two workers; each would write its model beside the other's."""
    cluster = addresses()
    return [start(cluster, index, "--data", data, "--out", place / f"{index}.h5", "--report",
                  place / f"{index}.json", "--checkpoint", place / f"kept-{index}", "--epochs", EPOCHS,
                  *arguments, **options) for index in range(2)]


@pytest.fixture(scope="module")
def together(tmp_path_factory, digits):
    """The directory of two workers that trained undisturbed."""
    needs.tensorflow()
    place, temporary = tmp_path_factory.mktemp("together"), tmp_path_factory.mktemp("temporary")
    for status, out, err in map(ends, pair(place, digits, env=dict(os.environ, TMPDIR=str(temporary)))):
        assert (status, err) == (0, ""), out
    assert os.listdir(str(temporary)) == []
    return place


@pytest.mark.py36
def test_two_workers_make_one_model_that_the_chief_alone_writes(together, digits, tmp_path):
    assert sorted(os.listdir(str(together))) == ["0.h5", "0.json", "kept-0"]
    report = json.loads((together / "0.json").read_text())
    assert report["workers"] == 2
    alone = str(tmp_path / "alone.json")
    done = subprocess.run([sys.executable, "-m", "scripts.train", "--data", digits, "--out", str(tmp_path / "alone.h5"),
                           "--report", alone, "--epochs", str(EPOCHS)], cwd=ROOT, stdout=subprocess.PIPE)
    assert done.returncode == 0
    with open(alone) as stream:
        accuracy = json.load(stream)["accuracy"]
    assert report["accuracy"] == pytest.approx(accuracy, abs=0.03) and report["accuracy"] > 0.85
    import keras
    arrays, _ = dataset.load(digits)
    output = keras.models.load_model(str(together / "0.h5")).predict(arrays["x_test"] / 255.0)
    assert (output.argmax(axis=1) == arrays["y_test"]).mean() == pytest.approx(report["accuracy"], abs=1e-6)


@pytest.mark.py36
def test_a_lost_worker_is_one_line_and_the_training_goes_on_from_the_last_checkpoint(together, digits, tmp_path):
    chief, other = pair(tmp_path, digits)
    for line in iter(chief.stdout.readline, ""):
        if line.startswith("epoch 2 of"):
            break
    other.kill()
    ends(other)
    status, out, err = ends(chief)
    assert status == 1 and err.count("\n") == 1, err
    assert "another worker was lost" in err and str(tmp_path / "kept-0") in err
    assert os.listdir(str(tmp_path)) == ["kept-0"]

    (status, out, err), (other_status, _, _) = map(ends, pair(tmp_path, digits))
    assert (status, err, other_status) == (0, "", 0)
    assert "resuming after epoch" in out and "epoch 1 of" not in out
    assert files.sha256(str(tmp_path / "0.h5")) == files.sha256(str(together / "0.h5"))


@pytest.mark.py36
def test_workers_that_would_train_something_else_are_refused_on_all_sides(digits, tmp_path):
    cluster = addresses()
    both = [start(cluster, index, "--data", digits, "--out", tmp_path / "m.h5", "--seed", index, "--recipe", "fast")
            for index in range(2)]
    for status, _, err in map(ends, both):
        assert status == 1 and err.count("\n") == 1 and "the workers do not train the same" in err
    assert os.listdir(str(tmp_path)) == []


def test_a_worker_that_saves_its_model_does_not_hear_of_the_chief_s_end():
    """TensorFlow's check of the cluster says "is down" at times before the worker ends."""
    code = ("import logging; from scripts.base import child; "
            "logging.getLogger('tensorflow').setLevel(logging.CRITICAL); child.hush(); "
            "logging.getLogger('tensorflow').error('the chief is down')")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.py36
def test_a_worker_that_waits_in_vain_ends_with_one_line(digits, tmp_path):
    needs.tensorflow()
    code = ("import sys; from scripts import train; from scripts.base import command; "
            "from scripts.training import workers; workers.JOIN_SECONDS = 3; "
            "command.run(train.main, sys.argv[1:])")
    status, _, err = ends(start(addresses(), 0, "--data", digits, "--out", tmp_path / "m.h5",
                                command=[sys.executable, "-c", code], env=dict(os.environ, **child.ENVIRONMENT)))
    assert status == 1 and err.count("\n") == 1 and "within 3 s" in err


@pytest.mark.py36
def test_sigterm_ends_a_worker(digits, tmp_path):
    """The server inside it would keep the interpreter from ending, and the others waiting for it."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    both = pair(tmp_path, digits, "--epochs", "100", env=dict(os.environ, TMPDIR=str(temporary)))
    for line in iter(both[1].stdout.readline, ""):
        if line.startswith("epoch 1 of"):
            break
    both[1].terminate()
    assert ends(both[1])[0] == 143
    assert ends(both[0])[0] == 1
    assert os.listdir(str(temporary)) == []


@pytest.mark.py36
def test_through_doit_the_chief_builds_and_the_other_takes_part(tmp_path):
    table = '[keras]\ndata = "digits"\nepochs = 2\nrecipe = "fast"\ncheckpoint = true\n'
    cluster = addresses()
    projects = [Project.create(tmp_path / name, table) for name in ("chief", "other")]
    both = [start(cluster, index, command=project.command("train"), cwd=project.path, env=project.environment())
            for index, project in enumerate(projects)]
    (status, out, err), (other_status, other_out, other_err) = map(ends, both)
    assert (status, err, other_status, other_err) == (0, "", 0, "")
    assert "worker 2 of 2: done" in other_out and "test accuracy" in out
    assert set(projects[0].artifacts()) == {"models/models.toml", "models/data.npz", "models/model.h5"}
    assert set(projects[1].artifacts()) == {"models/models.toml", "models/data.npz"}
    assert projects[0].ran("train") == set()


@pytest.mark.modern
def test_keras_3_refuses_several_machines_in_one_line(digits, tmp_path):
    needs.tensorflow()
    status, _, err = ends(start(addresses(), 0, "--data", digits, "--out", tmp_path / "m.h5"))
    assert status == 1 and err.count("\n") == 1
    assert "TF_CONFIG names 2 machines" in err and "make PYTHON=python3.6" in err
