"""The doctor says what is here, what is not and what needs it, and fails only for what nothing works without."""
import os
import re
import subprocess
import sys

import pytest

from scripts import doctor
from scripts.base import stack
from scripts.release import engines, machine
from tests import needs

WITH_AVX = "processor : 0\nflags\t\t: fpu sse avx avx2 fma\n"
WITHOUT = "processor : 0\nflags\t\t: fpu sse sse2\n"
# A driver with one GPU, or (DEVICES=0) none.
STUB = """
#include <string.h>
int cuInit(unsigned flags) { return 0; }
int cuDeviceGetCount(int *count) { *count = DEVICES; return 0; }
int cuDeviceGet(int *device, int index) { *device = index; return 0; }
int cuDeviceGetName(char *name, int length, int device) { strncpy(name, "A GPU", length); return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) { *value = attribute == 75 ? 9 : 0; return 0; }
int cuDriverGetVersion(int *version) { *version = 12040; return 0; }
"""


def stub(directory, devices):
    """Compile a libcuda.so.1 with so many GPUs; return its path."""
    source, library = os.path.join(str(directory), "stub.c"), os.path.join(str(directory), "libcuda.so.1")
    with open(source, "w") as stream:
        stream.write(STUB)
    subprocess.run([needs.command("gcc", "apt install gcc"), "-shared", "-fPIC", f"-DDEVICES={devices}", "-o",
                    library, source], check=True)
    return library


@pytest.mark.parametrize("architecture, flags, expected", [
    ("x86_64", WITH_AVX, "processor: x86_64 with avx, avx2, fma"),
    ("x86_64", WITHOUT, "processor: x86_64 without AVX: TensorFlow cannot run here, converting can"),
    ("aarch64", WITH_AVX, "processor: aarch64; TensorFlow 2.6 (the image, the py36 stack) exists for x86-64 only")])
@pytest.mark.parametrize("name", ["py36", "modern"])
def test_a_processor_that_tensorflow_2_6_cannot_run_on_is_named_before_it_crashes(
        tmp_path, monkeypatch, name, architecture, flags, expected):
    (tmp_path / "cpuinfo").write_text(flags)
    monkeypatch.setattr(stack, "NAME", name)
    monkeypatch.setattr(machine, "installed", lambda: {"tensorflow": "2.6.2"})
    mark, line = machine.processor(architecture, str(tmp_path / "cpuinfo"))
    assert line == expected
    assert (mark == machine.MISSING) == (name == "py36" and (architecture, flags) != ("x86_64", WITH_AVX))


def lock(tmp_path, text):
    path = tmp_path / "lock.txt"
    path.write_text(text)
    return str(path)


def test_packages_are_compared_with_the_lock_by_name_and_version(tmp_path):
    path = lock(tmp_path, "# a comment\nAn_other.Name==1.0 \\\n    --hash=sha256:aa\n"
                          "second==2.0 ; python_version < '3.11' \\\n    --hash=sha256:bb\n"
                          "second==2.1 ; python_version >= '3.11'\n")
    assert machine.packages("convert", path, {"an-other-name": "1.0", "second": "2.1"})[0] == machine.OK
    assert machine.packages("convert", path, {"an-other-name": "1.0"})[0] == machine.OK  # a marker may leave it out
    mark, line = machine.packages("convert", path, {"an-other-name": "1.1", "second": "2.1"})
    assert mark == machine.MISSING and "an-other-name is 1.1, not 1.0" in line
    mark, line = machine.packages("convert", path, {"second": "3"})
    assert mark == machine.MISSING and "second is 3, not 2.0 or 2.1; no an-other-name" in line


def test_training_is_needed_only_where_a_part_of_it_is_there(tmp_path):
    path = lock(tmp_path, "tensorflow==2.6.2\nkeras==2.6.0\n")
    assert machine.packages("train", path, {})[0] == machine.LACKS
    mark, line = machine.packages("train", path, {"tensorflow": "2.6.2"})
    assert mark == machine.MISSING and "no keras" in line


def test_installed_packages_are_those_that_pip_sees():
    said = subprocess.run([sys.executable, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"],
                          stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout
    listed = {stack.canonical(name): version for name, version in re.findall(r"^(\S+)==(\S+)$", said, re.M)}
    assert {name: version for name, version in stack.installed().items() if name in listed} == listed


def test_a_gpu_is_named_with_its_driver(tmp_path):
    (tmp_path / "version").write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22\n")
    lines, there = machine.gpu(stub(tmp_path, 1), str(tmp_path / "version"))
    assert there
    assert lines == [(machine.OK, "GPU 0: A GPU, compute capability 9.0; newer than TensorFlow 2.6: it compiles for it "
                                 "at the first start"),
                     (machine.OK, "driver: 550.54.14, for CUDA 12.4")]


def test_a_driver_that_is_too_old_is_missing(tmp_path):
    (tmp_path / "version").write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  418.67  Sat Apr  6\n")
    lines, _ = machine.gpu(stub(tmp_path, 1), str(tmp_path / "version"))
    assert lines[-1] == (machine.MISSING, "driver: 418.67, for CUDA 12.4; CUDA 11 needs 450.80.02")


def test_without_a_gpu_training_runs_on_the_cpu(tmp_path):
    lines, there = machine.gpu(stub(tmp_path, 0))
    assert not there and lines == [(machine.LACKS, "GPU: none (the driver is here; it says no device); training runs "
                                                   "on the CPU")]
    lines, there = machine.gpu("libnot-there.so.1")
    assert not there and lines[0][0] == machine.LACKS and lines[0][1].endswith("training runs on the CPU")


@pytest.mark.parametrize("needed, mark", [(True, machine.MISSING), (False, machine.LACKS)])
def test_each_library_is_named_and_missing_only_where_a_gpu_needs_it(monkeypatch, needed, mark):
    monkeypatch.setattr(machine, "loads", lambda soname: "no such file" if "cudnn" in soname else None)
    lines = list(machine.libraries(needed))
    assert len(lines) == 8
    assert [line for found, line in lines if found == machine.OK] == [
        name + ": loads" for name in machine.SONAMES if "cudnn" not in name]
    assert [(found, line.split(":")[0]) for found, line in lines if found != machine.OK] == [(mark, "libcudnn.so.8")]


def test_the_status_says_whether_something_needed_is_missing(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "examine", lambda: [(machine.OK, "this"), (machine.LACKS, "that")])
    assert doctor.main([]) == 0
    monkeypatch.setattr(doctor, "examine", lambda: [(machine.OK, "this"), (machine.MISSING, "that")])
    assert doctor.main([]) == 1
    assert capsys.readouterr().out == "ok       this\n-        that\nok       this\nMISSING  that\n"


def test_this_machine_is_described_line_by_line():
    said = subprocess.run([sys.executable, "-m", "scripts.doctor"], cwd=engines.ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True)
    assert said.returncode == 0, said.stdout
    for word in ("Python", "processor", "packages: convert", "packages: train", "GPU", "container engine", "node",
                 "browser"):
        assert re.search(f"^(ok|-) +{word}", said.stdout, re.M), word
