"""Images for the tests, built once in a store of their own, on a stand-in for the public base image.

BASE_IMAGE_TAR names a root file system with Python 3.6 at /usr/local; without it tools/stand-in-base beside the project
makes one.  IMAGE_STORE names a directory that keeps the images for the next session.  The gpu image takes 3 GB more and
its time: IMAGE_GPU=1 has its tests run too.
"""
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time

import pytest

from scripts.release import engines, inside
from tests import needs

GPU = os.environ.get("IMAGE_GPU") == "1"


def pytest_collection_modifyitems(config, items):
    gpu = [item for item in items if item.get_closest_marker("gpu") and not GPU]
    if gpu:
        config.hook.pytest_deselected(items=gpu)
        items[:] = [item for item in items if item not in gpu]


def pytest_configure(config):
    config.addinivalue_line("markers", "gpu: builds the gpu image (4.5 GB): with IMAGE_GPU=1 alone")


def pytest_terminal_summary(terminalreporter):
    if not GPU and any("test_gpu" in str(item.nodeid) for item in terminalreporter.stats.get("deselected", [])):
        terminalreporter.line("the gpu image was not built: IMAGE_GPU=1")


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    """The tar of a root file system that stands in for python:3.6-slim."""
    given = os.environ.get("BASE_IMAGE_TAR")
    if given:
        return given
    tool = os.path.join(os.path.dirname(engines.ROOT), "shared", "tools", "stand-in-base")
    if not os.path.exists(tool):
        needs.lacking("a base image (BASE_IMAGE_TAR, the tar of a root file system with Python 3.6 at /usr/local)")
    needs.root()
    needs.command("mmdebstrap", "apt install mmdebstrap")
    path = str(tmp_path_factory.mktemp("base") / "base.tar")
    subprocess.run(["bash", tool, path], check=True, env=dict(
        os.environ, PYTHON36_PREFIX=os.path.dirname(os.path.dirname(os.path.realpath(needs.python36())))))
    return path


@pytest.fixture(scope="session")
def meanwhile():
    """A function that has another one delete what is not needed any more while the next tests run.

    Some disks are told of each file that is deleted, and of an image's some ten thousand that takes a minute.
    """
    going_on = []

    def begin(function, *arguments):
        going_on.append(threading.Thread(target=function, args=arguments))
        going_on[-1].start()

    yield begin
    for thread in going_on:
        thread.join()


@pytest.fixture(scope="package")
def store(base, meanwhile, tmp_path_factory):
    """A function that gives an engine with an empty store; all of them are deleted at the end."""
    needs.buildah()
    was = dict(os.environ)
    # chroot: a build needs no more rights than a test machine gives; the network is the host's then.
    os.environ.update(BASE_IMAGE_TAR=base, BUILDAH_ISOLATION="chroot", IMAGE_ENGINE="buildah")
    made = []

    def new():
        made.append(engines.engine_class()(str(tmp_path_factory.mktemp("store"))))
        return made[-1]

    yield new
    for engine in made:
        meanwhile(engine.forget)
    os.environ.clear()
    os.environ.update(was)


@pytest.fixture(scope="package")
def engine(store):
    """The engine whose store holds the images of these tests."""
    new, kept = store(), os.environ.get("IMAGE_STORE")
    return type(new)(kept) if kept else new


@pytest.fixture(scope="module")
def docker(base, certificate, cpu_archive, meanwhile):
    """docker with a daemon of its own, which ends with the tests: all that it keeps is in a temporary directory.

    What buildah needs of the environment is in docker's way, so buildah has built its own images before.
    """
    root = needs.docker()
    place = tempfile.mkdtemp(prefix="docker-")  # not pytest's: the path of a socket has a hundred letters at most
    for name in ("bin", "config"):
        os.mkdir(os.path.join(place, name))
    for program in ("sbin/dockerd", "bin/docker", "bin/containerd", "bin/containerd-shim-runc-v2"):
        os.symlink(os.path.join(root, "usr", program), os.path.join(place, "bin", os.path.basename(program)))
    with open(os.path.join(place, "config", "config.json"), "w") as stream:
        json.dump({"cliPluginsExtraDirs": [os.path.join(root, "usr", "libexec", "docker", "cli-plugins")]}, stream)
    with open(os.path.join(place, "daemon.json"), "w") as stream:
        json.dump({"features": {"containerd-snapshotter": True}, "userland-proxy": False}, stream)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in [("PATH", os.path.join(place, "bin") + os.pathsep + os.environ["PATH"]),
                            ("DOCKER_HOST", f"unix://{place}/socket"),
                            ("DOCKER_CONFIG", os.path.join(place, "config")),
                            ("IMAGE_ENGINE", "docker"), ("BUILD_NETWORK", "host"), ("BASE_IMAGE_TAR", base)]:
            patch.setenv(name, value)
        patch.delenv("BUILDAH_ISOLATION", raising=False)
        with open(os.path.join(place, "log"), "w") as log:
            daemon = subprocess.Popen(
                ["dockerd", "--config-file", place + "/daemon.json", "--data-root", place + "/data",
                 "--exec-root", place + "/exec", "--pidfile", place + "/pid", "--host", f"unix://{place}/socket",
                 "--bridge=none", "--iptables=false", "--ip6tables=false",
                 "--exec-opt", "native.cgroupdriver=cgroupfs"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            until = time.monotonic() + 60
            while daemon.poll() is None and not engines.Docker.version() and time.monotonic() < until:
                time.sleep(0.2)
            with open(os.path.join(place, "log")) as stream:
                assert engines.Docker.version(), stream.read()[-2000:]
            yield engines.engine_class()()
        finally:
            daemon.terminate()  # and with it its containerd
            daemon.wait()
            meanwhile(shutil.rmtree, place)


@pytest.fixture(scope="package")
def certificate(tmp_path_factory):
    """The certificates that this machine's pip uses, marked, so that a trace of them in an image can be found."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    own = os.environ.get("PIP_CERT") or "/etc/ssl/certs/ca-certificates.crt"
    with open(own) as stream:
        path.write_text("# PRIVATE AUTHORITY OF THE TESTS\n" + stream.read())
    was = os.environ.get("PIP_CERT")
    os.environ["PIP_CERT"] = str(path)
    yield str(path)
    os.environ.pop("PIP_CERT")
    if was is not None:
        os.environ["PIP_CERT"] = was


@pytest.fixture(scope="package")
def convert_image(engine, certificate):
    """The digest of the convert image."""
    return engine.build("convert")


@pytest.fixture(scope="package")
def cpu_image(engine, certificate, convert_image):
    """The digest of the cpu image."""
    return engine.build("cpu")


@pytest.fixture(scope="package")
def cpu_archive(engine, cpu_image, tmp_path_factory):
    """The path of the cpu image's archive, as docker reads it."""
    path = str(tmp_path_factory.mktemp("cpu") / "image.tar")
    engine.archive("cpu", path)
    yield path
    os.remove(path)


@pytest.fixture(scope="package")
def gpu_image(engine, certificate, cpu_image):
    """The digest of the gpu image."""
    return engine.build("gpu")


@pytest.fixture(scope="session")
def outside(tmp_path_factory):
    """A directory in which the py36 stack, outside any image, built everything from the embedded digits."""
    directory = str(tmp_path_factory.mktemp("outside") / "project")
    inside.convert_outside(needs.environment("py36"), inside.project(directory))
    return directory
