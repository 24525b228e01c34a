"""Which engine is taken, what it is told, and what is written down about the image: no engine is needed here."""
import io
import json
import os
import re
import shutil
import stat
import subprocess
import tarfile

import pytest

from scripts import Fault, image
from scripts.base import stack
from scripts.release import engines, reproduce, sbom
from tests import needs

# Its words are those of docker 26.1 with buildx 0.13; "driver", "buildkit" and "store" say which of them.
DOCKER = """case "$*" in
version*) [ -e "$HERE/no-daemon" ] && exit 1; cat "$HERE/server" ;;
*buildx\\ inspect*) [ -e "$HERE/no-buildx" ] && exit 1
    echo "Name:   default"; echo "Driver: $(cat "$HERE/driver")"; echo
    echo "BuildKit version: v$(cat "$HERE/buildkit")" ;;
info*) echo "[[\\"driver-type\\",\\"$(cat "$HERE/store")\\"]]" ;;
*buildx\\ build*dest=*) dest=${*#*dest=}; cp "$HERE/image.tar" "${dest%%,*}" ;;
image\\ inspect*) echo '[{"Id": "sha256:the-daemon-s", "RootFS": {"Layers": []}, "Config": {}}]' ;;
esac"""
CONTAINERD = "io.containerd.snapshotter.v1"
PODMAN = 'case "$*" in --version) echo podman version 5.2.1 ;; info) [ ! -e "$HERE/no-podman" ] ;; esac'
BUILDAH = 'case "$*" in --version) echo "buildah version 1.37.0 (image-spec 1.1)" ;; esac'


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A PATH with engines that only say who they are and note what they were told; returns `install`."""
    for name in ("IMAGE_ENGINE", "BASE_IMAGE", "BASE_IMAGE_TAR", "PIP_CERT", "PIP_CONFIG_FILE", "BUILDAH_ISOLATION",
                 "BUILD_NETWORK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name, value in [("server", "28.2.2"), ("buildkit", "0.19.0"), ("driver", "docker"), ("store", CONTAINERD)]:
        (tmp_path / name).write_text(value)
    with tarfile.open(str(tmp_path / "image.tar"), "w") as archive:
        content = json.dumps([{"Config": "blobs/sha256/" + "c" * 64}]).encode()
        member = tarfile.TarInfo("manifest.json")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))

    def install(name, script):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\nHERE={tmp_path}\necho \"$0 $*\" >> $HERE/told\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return install


def said(capsys):
    return capsys.readouterr().out.strip()


def test_docker_comes_first_then_podman_then_buildah(machine, capsys):
    machine("buildah", BUILDAH)
    assert engines.engine_class() is engines.Buildah
    assert said(capsys) == "engine: buildah 1.37.0"
    machine("podman", PODMAN)
    assert engines.engine_class() is engines.Podman
    assert said(capsys) == "engine: podman 5.2.1"
    machine("docker", DOCKER)
    assert engines.engine_class() is engines.Docker
    assert said(capsys) == "engine: docker 28.2.2, BuildKit 0.19.0"


@pytest.mark.parametrize("lacking", ["no-daemon", "no-buildx"])
def test_a_docker_that_cannot_build_is_passed_over(machine, tmp_path, lacking):
    machine("docker", DOCKER)
    machine("buildah", BUILDAH)
    (tmp_path / lacking).write_text("")
    assert engines.engine_class() is engines.Buildah


def test_an_engine_that_is_installed_but_may_not_run_is_passed_over(machine, tmp_path):
    machine("podman", PODMAN)
    machine("buildah", BUILDAH)
    (tmp_path / "no-podman").write_text("")
    assert engines.engine_class() is engines.Buildah


def test_without_an_engine_one_line_says_what_to_install(machine):
    with pytest.raises(Fault, match=r"install docker with buildx, podman, or buildah and runc \(apt-get install"):
        engines.engine_class()


def test_the_engine_can_be_named(machine, monkeypatch):
    machine("docker", DOCKER)
    machine("podman", PODMAN)
    monkeypatch.setenv("IMAGE_ENGINE", "podman")
    assert engines.engine_class() is engines.Podman
    monkeypatch.setenv("IMAGE_ENGINE", "buildah")
    with pytest.raises(Fault, match="no container engine buildah works here"):
        engines.engine_class()
    monkeypatch.setenv("IMAGE_ENGINE", "kaniko")
    with pytest.raises(Fault, match="IMAGE_ENGINE=kaniko: there are docker, podman and buildah"):
        engines.engine_class()


@pytest.mark.parametrize("facts, reason", [
    ({"buildkit": "0.12.5"}, "BuildKit 0.12.5 of docker 28 is too old"),
    ({"buildkit": "0.9.3", "driver": "docker-container"}, "BuildKit 0.9.3 of docker 28 is too old"),
    ({"buildkit": "0.0.0+unknown", "server": "25.0.5+dfsg1"}, "BuildKit inside of docker 25 is too old: take 0.13"),
    ({"store": "overlay2"}, "docker's own builder dates none without the containerd image store: `docker buildx crea"),
    ({"buildkit": "0.0.0+unknown", "server": "26.1.5+dfsg1"}, None),
    ({"driver": "docker-container", "store": "overlay2"}, None),
    ({"buildkit": "0.13.0"}, None), ({"buildkit": "1.0.0"}, None)])
def test_a_builder_that_cannot_date_files_is_refused_for_comparing_and_builds_with_a_line_that_says_so(
        machine, tmp_path, capsys, facts, reason):
    machine("docker", DOCKER)
    for name, value in facts.items():
        (tmp_path / name).write_text(value)
    digest = engines.Docker().build("convert")
    if reason is None:
        engines.Docker().reproducible()
        assert digest == "sha256:" + "c" * 64 and said(capsys) == ""
    else:
        with pytest.raises(Fault, match=reason):
            engines.Docker().reproducible()
        assert digest == "sha256:the-daemon-s" and re.search(reason, said(capsys))
        assert "--load" in (tmp_path / "told").read_text()


def test_docker_is_told_to_date_every_file_and_to_add_nothing_of_its_own(machine, tmp_path, monkeypatch):
    machine("docker", DOCKER)
    monkeypatch.setenv("BUILD_NETWORK", "host")
    engines.Docker().bake("a:b", ["--target", "cpu", "."])
    told = (tmp_path / "told").read_text().splitlines()
    build = [line for line in told if "buildx build" in line][0]
    for words in ("--platform linux/amd64", "--provenance=false", "--sbom=false", "SOURCE_DATE_EPOCH=" + engines.EPOCH,
                  "rewrite-timestamp=true", "--tag a:b", "--network host", "--target cpu ."):
        assert words in build
    assert "docker load --quiet --input " in told[-1]


def test_docker_pulls_the_base_whose_layers_are_wanted_where_only_buildkit_has_it(machine, tmp_path):
    machine("docker", """case "$*" in
image\\ inspect*) [ -e "$HERE/pulled" ] || exit 1
    echo '[{"Id": "sha256:ab", "RootFS": {"Layers": ["sha256:cd"]}, "Config": {}}]' ;;
pull*) echo "$*" > "$HERE/pulled" ;;
esac""")
    assert engines.Docker().base_layers() == ["sha256:cd"]
    pulled = (tmp_path / "pulled").read_text()
    assert pulled.startswith("pull --quiet --platform linux/amd64 python:3.6-slim@sha256:")


def test_docker_s_stores_are_names_that_do_not_stand_in_each_other_s_way(machine, tmp_path):
    machine("docker", DOCKER)
    assert engines.Docker().tag("cpu") == "localhost/tensorspace-keras-build:cpu"
    engines.Docker().forget()
    assert not (tmp_path / "told").exists()
    engines.Docker("/some/where/one").forget()
    assert "image rm --force" in (tmp_path / "told").read_text()
    assert engines.Docker("/some/where/one").tag("cpu") in (tmp_path / "told").read_text()


@pytest.mark.parametrize("kind", [engines.Podman, engines.Buildah])
def test_podman_and_buildah_are_told_the_date_and_the_store(machine, tmp_path, kind):
    machine(kind.name, """case "$*" in
*inspect*) echo '[{"Id": "ab", "RootFS": {"Layers": []}, "Config": {}}]' ;; esac""")
    assert kind(str(tmp_path / "store")).bake("a:b", ["."]) == "sha256:ab"
    told = (tmp_path / "told").read_text()
    for words in ("--layers", "--timestamp " + engines.EPOCH, "--identity-label=false",
                  f"--root {tmp_path}/store/root", "--storage-driver"):
        assert words in told


def test_a_store_that_a_killed_build_left_mounted_can_be_deleted(machine, tmp_path):
    needs.root()
    umount = shutil.which("umount", path="/usr/bin:/bin:/sbin:/usr/sbin")
    machine("podman", "")
    machine("umount", f'exec {umount} "$@"')
    inner = tmp_path / "own" / "root" / "overlay" / "merged"
    inner.parent.mkdir(parents=True)
    for place in (inner.parent, inner):
        place.mkdir(exist_ok=True)
        subprocess.run([shutil.which("mount", path="/usr/bin:/bin"), "-t", "tmpfs", "none", str(place)], check=True)
    engines.Podman(str(tmp_path / "own")).forget()
    shutil.rmtree(str(tmp_path / "own"))


def test_certificates_and_pip_s_settings_reach_the_build_as_secrets_where_they_are_files(
        tmp_path, monkeypatch, machine):
    assert engines.Docker().secrets() == []
    (tmp_path / "ca.pem").write_text("certificate")
    monkeypatch.setenv("PIP_CERT", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    assert engines.Docker().secrets() == ["--secret", f"id=ca,src={tmp_path}/ca.pem"]


def test_a_build_that_fails_is_one_line(machine):
    machine("podman", "exit 125")
    with pytest.raises(Fault, match="cannot build the image: podman ended with 125"):
        engines.Podman().bake("a:b", ["."])


def test_an_unknown_target_is_refused_with_those_there_are():
    with pytest.raises(Fault, match="no target cuda: there are convert, cpu, gpu"):
        image.main(["build", "cuda"])


def test_the_bundle_confines_as_readme_s_command_does():
    config = {"Entrypoint": ["python"], "Env": ["A=b"], "WorkingDir": "/project"}
    bundle = engines.bundle_of(config, "/root", ["x"], [("/here", "/project", [])], "12:34", True)
    assert bundle["process"]["user"] == {"uid": 12, "gid": 34}
    assert bundle["process"]["args"] == ["python", "x"]
    assert bundle["root"]["readonly"] and bundle["process"]["noNewPrivileges"]
    assert not any(bundle["process"]["capabilities"].values())
    assert "network" in [space["type"] for space in bundle["linux"]["namespaces"]]


# -- docker/ ---------------------------------------------------------------------------------------


def text(*names):
    with open(os.path.join(engines.ROOT, *names), encoding="utf-8") as stream:
        return stream.read()


def test_the_dockerfile_pins_its_base_by_digest_and_its_label_says_the_same():
    dockerfile = text("docker", "Dockerfile")
    digest = re.search(r"^ARG BASE_IMAGE=python:3\.6-slim@(sha256:[0-9a-f]{64})$", dockerfile, re.M).group(1)
    assert "ARG BASE_DIGEST=" + digest in dockerfile
    assert "SOURCE_DATE_EPOCH=" + engines.EPOCH in dockerfile
    assert re.findall(r"^FROM (?!base|tools|runtime|tensorflow)(\S+)", dockerfile, re.M) == ["${BASE_IMAGE}"]


def test_nothing_is_installed_without_hashes_and_nothing_by_apt():
    for name in ("Dockerfile", "install"):
        script = text("docker", name).replace("\\\n", " ")
        lines = [line for line in script.splitlines() if not line.lstrip().startswith("#")]
        assert not any(re.search(r"\bapt(-get)?\b", line) for line in lines)
        assert all("--require-hashes" in line and "--no-cache-dir" in line for line in lines if "pip install" in line)


def test_the_version_stands_in_the_dockerfile_as_in_setup_cfg():
    version = re.search(r"^version = (.*)", text("setup.cfg"), re.M).group(1)
    assert f'org.opencontainers.image.version="{version}"' in text("docker", "Dockerfile")


@pytest.mark.parametrize("target", engines.TARGETS)
def test_the_bill_of_materials_names_the_packages_of_the_locks_with_their_hashes(target):
    bill = json.loads(text("docker", "sbom", target + ".json"))
    locked = {}
    for name in sbom.CONTENTS[target]:
        with open(os.path.join(stack.LOCKS, name + ".txt")) as stream:
            for pin, hashes in re.findall(r"^(\S+==\S+)((?:.*\\\n)*.*)", stream.read(), re.M):
                locked[pin] = set(re.findall(r"sha256:(\w{64})", hashes))
    named = {"{}=={}".format(component["name"], component["version"]): {
        word["content"] for reference in component["externalReferences"] for word in reference["hashes"]}
        for component in bill["components"]}
    assert named == locked
    assert bill["bomFormat"] == "CycloneDX"
    assert "serialNumber" not in bill and "timestamp" not in bill["metadata"]


class Fake:
    """An engine whose images are as given: DRIFT makes the second of two builds, or of two runs, another one."""

    built, drift = 0, ""

    def __init__(self, store=None):
        self.store = store

    def reproducible(self):
        pass

    forget = reproducible

    def kind(self):
        return "fake-1,none"

    def tag(self, target):
        return target

    def build(self, target, fresh):
        assert fresh and os.path.isdir(os.path.dirname(self.store))
        Fake.built += 1
        number = Fake.built if self.drift == "build" else 0
        return f"sha256:{number:064x}"

    def base_layers(self):
        return ["sha256:" + letter * 64 for letter in "ab"]

    def configuration(self, reference):
        return {"layers": self.base_layers() + ["sha256:" + letter * 64 for letter in "01f"], "config": {}}

    def run(self, target, arguments, directory):
        Fake.built += 1
        with open(os.path.join(directory, "models", "model.h5"), "w") as stream:
            stream.write(str(Fake.built if self.drift == "run" else "") + target)
        return subprocess.CompletedProcess([], 0, "")


@pytest.fixture
def fake(monkeypatch, tmp_path):
    monkeypatch.setattr(reproduce, "engine_class", lambda: Fake)
    monkeypatch.setattr(reproduce, "DIGESTS", str(tmp_path / "DIGESTS"))
    monkeypatch.setattr(reproduce, "unlike", lambda engines, target: "0:etc/motd")
    (tmp_path / "DIGESTS").write_text("# head\n")
    monkeypatch.setattr(Fake, "drift", "")
    return Fake


def test_what_two_builds_gave_is_recorded_and_found_again(fake, tmp_path, capsys):
    reproduce.reproduce(["convert", "cpu"], record=True)
    written = reproduce.read(str(tmp_path / "DIGESTS"))
    assert written[("layer", "fake-1,none", "b" * 12, "cpu", "1")] == "0" * 64  # neither the base nor the scripts
    here = reproduce.processor()
    assert sorted(key[1:] for key in written if key[0] == "artifact") == [
        (here, "digits", "convert", "model.h5"), (here, "digits", "cpu", "model.h5")]
    assert len(written) == 6
    reproduce.reproduce(["convert", "cpu"])
    assert "as docker/DIGESTS has it: 6 of 6" in capsys.readouterr().out


def test_two_builds_or_two_runs_that_differ_are_a_fault_that_names_what_differs(fake):
    fake.drift = "build"
    with pytest.raises(Fault, match=r"two builds of cpu differ \(sha256:\w+, sha256:\w+\): 0:etc/motd"):
        reproduce.reproduce(["cpu"])
    fake.drift = "run"
    with pytest.raises(Fault, match="the cpu image built these differently the second time: model.h5"):
        reproduce.reproduce(["cpu"])


# -- docker/DIGESTS ----------------------------------------------------------------------------------


def test_digests_are_read_as_they_are_written(tmp_path):
    path = str(tmp_path / "DIGESTS")
    (tmp_path / "DIGESTS").write_text("# what this is\n\nlayer e b cpu 1 aa\n")
    digests = dict(reproduce.read(path), **{})
    assert digests == {("layer", "e", "b", "cpu", "1"): "aa"}
    digests[("artifact", "maker-1-2", "digits", "cpu", "model.h5")] = "bb"
    reproduce.write(path, digests)
    assert (tmp_path / "DIGESTS").read_text() == ("# what this is\nlayer e b cpu 1 aa\n"
                                                 "artifact maker-1-2 digits cpu model.h5 bb\n")
    assert reproduce.read(path) == digests


def test_what_digests_does_not_know_is_said_and_what_differs_is_a_fault(capsys):
    layer, file = ("layer", "e", "b", "cpu", "1"), ("artifact", "maker-1-2", "digits", "cpu", "model.h5")
    reproduce.compare({layer: "aa", file: "bb"}, {file: "bb"})
    out = capsys.readouterr().out
    assert "no entry for layer e b" in out and "1 of 2" in out
    with pytest.raises(Fault, match="locks, Dockerfile or engine"):
        reproduce.compare({layer: "aa", file: "bb"}, {layer: "xx", file: "bb"})
    with pytest.raises(Fault, match="processors of one model"):
        reproduce.compare({layer: "aa", file: "bb"}, {layer: "aa", file: "xx"})
    assert "artifact maker-1-2 digits cpu model.h5: bb, docker/DIGESTS has xx" in capsys.readouterr().err


def test_every_line_of_digests_has_a_kind_and_a_sha256():
    lines = reproduce.read(reproduce.DIGESTS)
    assert lines
    for key, digest in lines.items():
        assert key[0] in reproduce.KINDS and re.match(r"[0-9a-f]{64}$", digest)
