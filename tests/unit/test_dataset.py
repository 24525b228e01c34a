"""scripts/dataset.py: where the images come from, what is refused, and what stays the same."""
import contextlib
import gzip
import hashlib
import http.server
import io
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import zipfile

import numpy
import pytest

from scripts import Fault
from scripts.base import files
from scripts.training import dataset
from tests import needs


@pytest.fixture
def arrays():
    """Twenty learnable and ten testable noise images."""
    random = numpy.random.RandomState(7)
    return {"x_train": random.randint(0, 256, (20, 28, 28)).astype(numpy.uint8),
            "y_train": (numpy.arange(20) % 10).astype(numpy.uint8),
            "x_test": random.randint(0, 256, (10, 28, 28)).astype(numpy.uint8),
            "y_test": numpy.arange(10).astype(numpy.uint8)}


def same(left, right):
    return all(numpy.array_equal(left[name], right[name]) and left[name].dtype == right[name].dtype
               for name in dataset.NAMES)


def idx_bytes(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx(directory, arrays, packed=()):
    for name, usual in dataset.IDX_NAMES.items():
        content = idx_bytes(arrays[name])
        if name in packed:
            (directory / (usual + ".gz")).write_bytes(gzip.compress(content))
        else:
            (directory / usual).write_bytes(content)


@contextlib.contextmanager
def serving(body, status=200, length=None):
    """An HTTP server on 127.0.0.1 that answers every GET with `body`; gives its address."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/mnist.npz"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def upstream(arrays, monkeypatch):
    """Bytes of a small npz that stands in for Keras's mnist.npz, checksum included."""
    content = io.BytesIO()
    numpy.savez_compressed(content, **arrays)
    monkeypatch.setattr(dataset, "MNIST_SHA256", hashlib.sha256(content.getvalue()).hexdigest())
    return content.getvalue()


def test_the_real_mnist_is_known_by_its_values_in_whatever_file():
    arrays, origin = dataset.resolve(needs.mnist(), {})
    assert origin == "mnist"
    assert arrays["x_train"].shape == (60000, 28, 28) and arrays["x_test"].shape == (10000, 28, 28)
    arrays["x_test"][0, 0, 0] += 1
    assert dataset.origin_of(arrays) == "file"


def test_an_npz_with_the_names_of_keras_is_read(tmp_path, arrays):
    path = tmp_path / "mine.npz"
    numpy.savez(str(path), **dict(arrays, y_train=arrays["y_train"].astype(numpy.int64)))
    found, origin = dataset.resolve(str(path), {})
    assert same(found, arrays) and origin == "file"


@pytest.mark.parametrize("packed", [(), ("x_train", "y_train", "x_test", "y_test"), ("x_train",)])
def test_idx_files_are_read_packed_or_not_from_their_directory_or_by_any_one_of_them(tmp_path, arrays, packed):
    write_idx(tmp_path, arrays, packed)
    one = "train-labels-idx1-ubyte" + (".gz" if "y_train" in packed else "")
    for setting in (str(tmp_path), str(tmp_path / one)):
        assert same(dataset.resolve(setting, {})[0], arrays)


def test_a_file_of_another_name_does_not_stand_for_those_beside_it(tmp_path, arrays):
    write_idx(tmp_path, arrays)
    shutil.copy(str(tmp_path / "train-labels-idx1-ubyte"), str(tmp_path / "mine"))
    with pytest.raises(Fault, match="mine: neither an npz nor"):
        dataset.read(str(tmp_path / "mine"))


def test_idx_files_may_be_spelled_with_a_dot(tmp_path, arrays):
    write_idx(tmp_path, arrays)
    for path in list(tmp_path.iterdir()):
        path.rename(str(path).replace("-idx", ".idx"))
    assert same(dataset.resolve(str(tmp_path), {})[0], arrays)


def test_mnist_npz_in_the_environment_overrides_the_setting(tmp_path, arrays):
    path = tmp_path / "a.npz"
    numpy.savez(str(path), **arrays)
    assert same(dataset.resolve("digits", {"MNIST_NPZ": str(path)})[0], arrays)
    with pytest.raises(Fault, match="MNIST_NPZ: .*nowhere.npz"):
        dataset.resolve("digits", {"MNIST_NPZ": str(tmp_path / "nowhere.npz")})


def test_saving_gives_the_same_bytes_and_numpy_reads_them(tmp_path, arrays):
    first, second = str(tmp_path / "1.npz"), str(tmp_path / "2.npz")
    dataset.save(first, arrays, "digits")
    dataset.save(second, {name: numpy.array(arrays[name]) for name in reversed(dataset.NAMES)}, "digits")
    assert files.sha256(first) == files.sha256(second)
    with numpy.load(first, allow_pickle=False) as loaded:
        assert same(loaded, arrays)
        assert loaded["origin"] == b"digits"
    found, origin = dataset.load(first)
    assert same(found, arrays) and origin == "digits"


def test_the_embedded_digits_have_the_same_bytes_on_every_stack(tmp_path):
    arrays, origin = dataset.resolve("digits", {})
    assert origin == "digits" and len(arrays["x_train"]) == 1442 and len(arrays["x_test"]) == 355
    dataset.save(str(tmp_path / "digits.npz"), arrays, origin)
    # Measured on Python 3.6 with numpy 1.19 and on Python 3.11 with numpy 2.4.
    assert files.sha256(str(tmp_path / "digits.npz")) == (
        "f5a14b8a9b8cc345f10611ef274c230c7627a90eefd3f55884e59b9036eaecb8")


def test_the_embedded_digits_are_scaled_and_centred_as_mnist_s_are():
    for images in (dataset.digits()["x_train"], dataset.digits()["x_test"]):
        for image in images[::7].astype(float):
            rows, columns = numpy.nonzero(image.sum(axis=1))[0], numpy.nonzero(image.sum(axis=0))[0]
            height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
            assert max(height, width) in (19, 20)  # the outermost of a faint edge rounds to black now and then
            centre = [(image.sum(axis=1 - axis) * numpy.arange(28)).sum() / image.sum() for axis in (0, 1)]
            for axis, (first, last) in enumerate(((rows[0], rows[-1]), (columns[0], columns[-1]))):
                touches = first <= 1 or last >= 26  # 20 pixels that cannot move further
                assert abs(centre[axis] - 13.5) <= 0.5 or touches


def test_what_knows_mnist_knows_the_embedded_digits():
    """Nearest neighbour among MNIST's images: 0.75 are right; transposed 0.16, mirrored 0.28, off centre 0.22."""
    real, own = dataset.resolve(needs.mnist(), {})[0], dataset.digits()
    known, images = [x.reshape(-1, 784).astype(numpy.float32) for x in (real["x_train"][:5000], own["x_train"])]
    nearest = ((known ** 2).sum(axis=1)[None] - 2 * images.dot(known.T)).argmin(axis=1)
    assert (real["y_train"][nearest] == own["y_train"]).mean() > 0.7


@pytest.mark.parametrize("change, words", [
    (lambda a: a.pop("y_test"), "has no y_test, but x_train, y_train, x_test; give one with Keras's names"),
    (lambda a: a.update(x_train=a["x_train"].astype(numpy.float32)), "x_train is float32"),
    (lambda a: a.update(x_train=a["x_train"][:, :27]), "x_train is uint8 (20, 27, 28)"),
    (lambda a: a.update(x_test=a["x_test"][..., None]), "x_test is uint8 (10, 28, 28, 1)"),
    (lambda a: a.update(y_train=a["y_train"][:5]), "x_train has 20 images, y_train 5 labels"),
    (lambda a: a.update(y_train=a["y_train"] + 1), "labels from 1 to 10"),
    (lambda a: a.update(y_train=a["y_train"].astype(int) - 1), "labels from -1 to 8"),
    (lambda a: a.update(y_train=a["y_train"].astype(float)), "y_train is float64"),
    (lambda a: a.update(x_test=a["x_test"][:0], y_test=a["y_test"][:0]), "x_test is empty"),
])
def test_arrays_of_another_kind_are_refused_by_file_and_name(tmp_path, arrays, change, words):
    change(arrays)
    path = tmp_path / "mine.npz"
    numpy.savez(str(path), **arrays)
    with pytest.raises(Fault) as fault:
        dataset.resolve(str(path), {})
    assert words in str(fault.value) and str(path) in str(fault.value) and "\n" not in str(fault.value)


@pytest.mark.parametrize("size", [1, 3, 40, 400, 10000])
def test_a_truncated_npz_is_refused_by_name(tmp_path, arrays, size):
    path = tmp_path / "short.npz"
    numpy.savez_compressed(str(path), **arrays)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(Fault, match="short.npz"):
        dataset.resolve(str(path), {})


def test_an_npz_with_a_flipped_bit_is_refused_by_name(tmp_path, arrays):
    path = tmp_path / "flipped.npz"
    numpy.savez(str(path), **arrays)
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(Fault, match="flipped.npz: truncated or damaged"):
        dataset.resolve(str(path), {})


@pytest.mark.parametrize("size", [0, 2, 7, 100])
@pytest.mark.parametrize("packed", [(), ("x_test",)])
def test_a_truncated_idx_file_is_refused_by_name(tmp_path, arrays, size, packed):
    write_idx(tmp_path, arrays, packed)
    [path] = [p for p in tmp_path.iterdir() if p.name.startswith("t10k-images")]
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(Fault, match="t10k-images-idx3-ubyte.*truncated"):
        dataset.resolve(str(tmp_path), {})


def test_an_idx_file_with_more_than_it_claims_and_a_missing_one_are_refused(tmp_path, arrays):
    write_idx(tmp_path, arrays)
    path = tmp_path / "train-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(Fault, match="train-labels-idx1-ubyte.*more there"):
        dataset.resolve(str(tmp_path), {})
    path.unlink()
    with pytest.raises(Fault, match="has no train-labels-idx1-ubyte"):
        dataset.resolve(str(tmp_path), {})


def test_an_array_that_claims_more_than_the_file_holds_takes_no_memory(tmp_path, arrays):
    path = tmp_path / "huge.npz"
    numpy.savez(str(path), **arrays)
    with zipfile.ZipFile(str(path)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({2 ** 50}, 28, 28), }}\n"
    members["x_train.npy"] = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
    with zipfile.ZipFile(str(path), "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(Fault, match="x_train claims"):
        dataset.resolve(str(path), {})


class Exploding:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


def test_a_pickle_in_an_npz_is_never_run(tmp_path, arrays, monkeypatch):
    monkeypatch.chdir(str(tmp_path))
    numpy.savez("evil.npz", **dict(arrays, y_train=numpy.array([Exploding()] * 20, object)))
    with pytest.raises(Fault, match="evil.npz"):
        dataset.resolve("evil.npz", {})
    assert not os.path.exists("exploded")


@pytest.mark.parametrize("content", [b"", b"PK\3\4 no archive", b"\x89HDF\r\n\x1a\n", b"<html>404</html>"])
def test_a_file_of_another_kind_is_refused_by_name(tmp_path, content):
    path = tmp_path / "other.npz"
    path.write_bytes(content)
    with pytest.raises(Fault, match="other.npz"):
        dataset.resolve(str(path), {})


def test_auto_takes_the_file_in_the_cache_of_keras(tmp_path, upstream, arrays, monkeypatch):
    monkeypatch.setattr(dataset, "MNIST_URL", "http://127.0.0.1:9/unreachable")
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "mnist.npz").write_bytes(upstream)
    found, origin = dataset.resolve("auto", {"KERAS_HOME": str(tmp_path)})
    assert origin == "mnist" and same(found, arrays)


def test_auto_downloads_what_keras_downloads_and_keeps_it_in_the_cache(tmp_path, upstream, arrays, monkeypatch, capsys):
    with serving(upstream) as address:
        monkeypatch.setattr(dataset, "MNIST_URL", address)
        found, origin = dataset.resolve("auto", {"KERAS_HOME": str(tmp_path / "home")})
    assert origin == "mnist" and same(found, arrays)
    assert "100 %" in capsys.readouterr().out
    assert [(p.name, p.read_bytes()) for p in (tmp_path / "home" / "datasets").iterdir()] == [("mnist.npz", upstream)]


def test_a_cached_file_that_is_not_mnist_is_neither_used_nor_overwritten(
        tmp_path, upstream, arrays, monkeypatch, capsys):
    cached = tmp_path / "datasets" / "mnist.npz"
    cached.parent.mkdir()
    cached.write_bytes(upstream + b" ")
    with serving(upstream) as address:
        monkeypatch.setattr(dataset, "MNIST_URL", address)
        assert same(dataset.resolve("auto", {"KERAS_HOME": str(tmp_path)})[0], arrays)
    assert cached.read_bytes() == upstream + b" "
    assert "not the file that Keras publishes" in capsys.readouterr().out


@pytest.mark.parametrize("answer, words", [
    (lambda good: dict(body=good[:-1] + b"?"), "sha256 differs"),
    (lambda good: dict(body=good[:500], length=len(good)), "sha256 differs|incomplete|IncompleteRead"),
    (lambda good: dict(body=b"gone", status=404), "404|Not Found"),
])
def test_a_download_that_is_not_mnist_leaves_nothing_and_auto_falls_back_loudly(
        tmp_path, upstream, monkeypatch, capsys, answer, words):
    with serving(**answer(upstream)) as address:
        monkeypatch.setattr(dataset, "MNIST_URL", address)
        with pytest.raises(Fault, match=words):
            dataset.resolve("mnist", {"KERAS_HOME": str(tmp_path)})
        assert dataset.resolve("auto", {"KERAS_HOME": str(tmp_path)})[1] == "digits"
    assert "*** Taking the embedded digits instead" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_never_answers_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, "CONNECT_SECONDS", 0.2)
    with contextlib.closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        monkeypatch.setattr(dataset, "MNIST_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/mnist.npz")
        with pytest.raises(Fault, match="timed out"):
            dataset.resolve("mnist", {"KERAS_HOME": str(tmp_path)})


def command_line(*arguments):
    return subprocess.run([sys.executable, "-m", "scripts.dataset"] + list(arguments), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True, env=dict(os.environ, MNIST_NPZ=""))


def test_the_command_writes_the_npz_whole_and_ends_with_one_line_where_it_cannot(tmp_path, arrays):
    source, target = tmp_path / "a.npz", tmp_path / "out.npz"
    numpy.savez(str(source), **arrays)
    done = command_line("--data", str(source), "--out", str(target))
    assert done.returncode == 0 and "20 images to learn from, 10 to test" in done.stdout
    assert same(dataset.load(str(target))[0], arrays) and dataset.load(str(target))[1] == "file"
    before = target.read_bytes()
    for arguments in (["--data", str(source), "--out", str(target)],
                      ["--data", str(tmp_path / "none"), "--out", str(tmp_path / "new.npz")],
                      ["--data", str(source), "--out", str(tmp_path / "no" / "where.npz")], ["--date", "x"]):
        failed = command_line(*arguments)
        assert failed.returncode == 1 and len(failed.stderr.splitlines()) == 1 and "Traceback" not in failed.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npz", "out.npz"] and target.read_bytes() == before
