"""The locks hold every package by hash, agree with what they are made of, and name no host."""
import os
import re
import shutil

import pytest

from scripts import Fault, bootstrap
from scripts.release import locks as release_locks

NAMES = release_locks.names()
TENSORFLOW = re.compile("tensor|keras|jax|scipy|scikit")


@pytest.fixture
def locks(tmp_path):
    """A copy of the locks, to be spoiled."""
    return shutil.copytree(bootstrap.LOCKS, str(tmp_path / "locks"))


def append(line, *path):
    with open(os.path.join(*path), "a") as stream:
        stream.write(line + "\n")


def test_every_file_of_the_directory_is_a_known_lock_or_what_it_is_made_of():
    expected = sorted(name + suffix for name in NAMES for suffix in (".in", ".txt"))
    assert sorted(os.listdir(bootstrap.LOCKS)) == expected
    installed = {name.split("-", 1)[1] for name in NAMES}
    assert set(bootstrap.ROLES) <= installed


def test_a_lock_is_compiled_after_those_that_it_names(locks):
    os.remove(os.path.join(locks, "py36-gpu.in"))
    append("-c modern-zero.txt\n-r modern-view.in", locks, "modern-alone.in")
    append("-c modern-train.txt", locks, "modern-zero.in")
    found = release_locks.names("modern", locks=locks)
    places = [found.index("modern-" + role) for role in ("convert", "train", "zero", "alone", "notebook")]
    assert places == sorted(places) and found.index("modern-view") < found.index("modern-alone")
    assert len(found) == len(set(found)) == len(release_locks.names("modern")) + 2
    assert set(release_locks.names(locks=locks)) == set(NAMES) - {"py36-gpu"} | {"modern-alone", "modern-zero"}


@pytest.mark.parametrize("name", NAMES)
def test_a_lock_agrees_with_what_it_is_made_of(name):
    release_locks.check(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_lock_is_pins_with_hashes_and_names_no_index_host_or_directory(name):
    lines = release_locks.text_of(os.path.join(bootstrap.LOCKS, name + ".txt")).splitlines()
    assert lines[0].startswith(f"# python -m scripts.lock made this of {name}.in")
    for line in lines[1:]:
        assert re.match(r"[a-z0-9][\w.-]*==[\w.]+( ; [^/:]+)? \\$|    --hash=sha256:[0-9a-f]{64}( \\)?$", line), line


@pytest.mark.parametrize("name", NAMES)
def test_a_requirement_that_is_added_is_noticed(name, locks):
    append("left-pad", locks, name + ".in")
    with pytest.raises(Fault, match=r"lacks left-pad.*run python -m scripts\.lock"):
        release_locks.check(name, locks)


def test_a_requirement_that_is_only_bounded_otherwise_is_noticed(locks):
    append("numpy<3", locks, "modern-convert.in")
    with pytest.raises(Fault, match=r"changed after .*modern-convert\.txt was made"):
        release_locks.check("modern-convert", locks)


def test_a_change_in_a_file_that_an_in_file_names_is_noticed(locks):
    append("# another word", locks, "py36-convert.in")
    with pytest.raises(Fault, match="py36-train"):
        release_locks.check("py36-train", locks)


def test_a_pin_without_a_hash_is_refused(locks):
    append("left-pad==1.0", locks, "modern-test.txt")
    with pytest.raises(Fault, match="left-pad==1.0"):
        release_locks.check("modern-test", locks)


def test_an_index_line_is_refused(locks):
    append("--extra-index-url https://packages.example", locks, "modern-test.txt")
    with pytest.raises(Fault, match="not a pinned package"):
        release_locks.check("modern-test", locks)


def test_a_lock_that_is_missing_is_named(locks):
    os.unlink(os.path.join(locks, "modern-view.txt"))
    with pytest.raises(Fault, match=r"modern-view\.txt does not exist"):
        release_locks.check("modern-view", locks)


@pytest.mark.parametrize("stack", ["modern", "py36"])
def test_converting_needs_no_tensorflow(stack):
    assert [name for name, _ in release_locks.pins(stack + "-convert") if TENSORFLOW.search(name)] == []
    assert [name for name, _ in release_locks.pins(stack + "-train") if TENSORFLOW.search(name)] != []


@pytest.mark.parametrize("stack", ["modern", "py36"])
def test_what_converts_is_the_same_in_both_roles(stack):
    train = release_locks.pins(stack + "-train")
    convert = release_locks.pins(stack + "-convert")
    assert convert == {pin: train.get(pin) for pin in convert}


@pytest.mark.parametrize("stack", ["modern", "py36"])
def test_no_two_roles_that_share_an_environment_ask_for_different_versions(stack):
    pinned = {}
    for name in NAMES:
        if name.startswith(stack) and not name.endswith(("gpu", "keras231", "dvc", "matplotlib")):
            for (package, _), (version, _) in release_locks.pins(name).items():
                # Markers differ between locks ("" where a role needs the package on every Python): compare versions.
                pinned.setdefault(package, {}).setdefault(name, set()).add(version)
    assert any(len(versions) > 1 for versions in pinned.values())
    for package, versions in pinned.items():
        largest = max(versions.values(), key=len)
        assert all(found <= largest for found in versions.values()), (package, versions)
