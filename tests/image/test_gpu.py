"""The gpu image holds every library that TensorFlow opens for a GPU, found without LD_LIBRARY_PATH.

There is no GPU in the tests: a libcuda.so.1 of a few lines says that there is one.  That proves that the libraries
load, not that they compute.
"""
import re
import subprocess
import tarfile

import pytest

from scripts.release import inside, machine, reproduce
from tests import needs

pytestmark = [pytest.mark.modern, pytest.mark.gpu, pytest.mark.timeout(3600)]
# Just what TensorFlow 2.6 asks of the driver before it opens the other libraries (its gpu_device.cc, cuda_driver.cc).
STUB = """
#include <stddef.h>
#include <string.h>
int cuInit(unsigned flags) { return 0; }
int cuDriverGetVersion(int *version) { *version = 11080; return 0; }
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
int cuDeviceGet(int *device, int index) { *device = index; return 0; }
int cuDeviceGetName(char *name, int length, int device) { strncpy(name, "A GPU", length); return 0; }
int cuDeviceGetPCIBusId(char *name, int length, int device) { strncpy(name, "0000:00:00.0", length); return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = (size_t)8 << 30; return 0; }
int cuDeviceComputeCapability(int *major, int *minor, int device) { *major = 7; *minor = 0; return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    *value = attribute == 75 ? 7 : attribute == 76 ? 0 : 64;
    return 0;
}
int cuDeviceGetProperties(void *properties, int device) { memset(properties, 0, 40); return 0; }
int cuDevicePrimaryCtxRetain(void **context, int device) { *context = (void *)8; return 0; }
int cuDevicePrimaryCtxRelease(int device) { return 0; }
int cuDevicePrimaryCtxRelease_v2(int device) { return 0; }
int cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active) { *flags = 0; *active = 1; return 0; }
int cuDevicePrimaryCtxSetFlags(int device, unsigned flags) { return 0; }
int cuDevicePrimaryCtxSetFlags_v2(int device, unsigned flags) { return 0; }
int cuCtxGetCurrent(void **context) { *context = NULL; return 0; }
int cuCtxSetCurrent(void *context) { return 0; }
int cuCtxGetDevice(int *device) { *device = 0; return 0; }
int cuCtxSynchronize(void) { return 0; }
int cuCtxGetSharedMemConfig(int *config) { *config = 1; return 0; }
int cuCtxSetSharedMemConfig(int config) { return 0; }
int cuGetErrorName(int error, const char **text) { *text = "NAME"; return 0; }
int cuGetErrorString(int error, const char **text) { *text = "text"; return 0; }
int cuMemGetInfo_v2(size_t *available, size_t *total) { *available = *total = (size_t)8 << 30; return 0; }
int cuDeviceCanAccessPeer(int *can, int device, int other) { *can = 0; return 0; }
"""
LIST = """
os.environ.update(TF_CPP_MIN_LOG_LEVEL="0", TF_CPP_MAX_VLOG_LEVEL="0", TF_CPP_VMODULE="dso_loader=3")
import tensorflow
print("DEVICES", [device.name for device in tensorflow.config.list_physical_devices("GPU")])
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """A stub of the driver's library, and where ld.so looks for it."""
    place = tmp_path_factory.mktemp("driver")
    (place / "stub.c").write_text(STUB)
    subprocess.run([needs.command("gcc", "apt install gcc"), "-shared", "-fPIC", "-nostdlib",
                    "-Wl,-soname,libcuda.so.1", "-o", str(place / "libcuda.so.1"), str(place / "stub.c")], check=True)
    return str(place)


def listed(engine, driver, directory, mounts=()):
    """Ask TensorFlow in the image for its GPUs.  Returns (libraries opened, libraries not found, devices)."""
    said = engine.run("gpu", ["env", "LD_LIBRARY_PATH=/run/driver", "python", "-c", LIST], directory,
                      mounts=[(driver, "/run/driver")] + list(mounts)).stdout
    return (set(re.findall(r"Successfully opened dynamic library (\S+)", said)),
            set(re.findall(r"Could not load dynamic library '(\S+)'", said)),
            re.search(r"DEVICES (.*)", said).group(1) if "DEVICES" in said else said)


def test_tensorflow_opens_all_eight_libraries_and_lists_the_device(engine, gpu_image, driver, tmp_path):
    opened, lacking, devices = listed(engine, driver, inside.project(str(tmp_path / "project")))
    assert (set(machine.SONAMES) - opened, lacking, devices) == (set(), set(), "['/physical_device:GPU:0']")


@pytest.mark.parametrize("soname", ["libcudnn.so.8", "libcusolver.so.11"])
def test_it_lists_none_when_one_of_them_is_taken_away(engine, gpu_image, driver, tmp_path, soname):
    (tmp_path / "empty").write_text("")
    place = engine.run("gpu", ["sh", "-c", "ldconfig -p | sed -n 's/.*{}.* => //p'".format(soname.replace(".", r"\."))],
                       inside.project(str(tmp_path / "where"))).stdout.strip()
    opened, lacking, devices = listed(engine, driver, inside.project(str(tmp_path / "project")),
                                      [(str(tmp_path / "empty"), place)])
    assert soname not in opened and lacking == {soname}
    assert devices == "[]"


def test_the_doctor_finds_the_device_and_each_library(engine, gpu_image, driver, tmp_path):
    said = engine.run("gpu", ["env", "LD_LIBRARY_PATH=/run/driver", "python", "-m", "scripts.doctor"],
                      inside.project(str(tmp_path / "project")), mounts=[(driver, "/run/driver")])
    assert said.returncode == 0, said.stdout
    assert "ok       GPU 0: A GPU, compute capability 7.0" in said.stdout
    for soname in machine.SONAMES:
        assert f"ok       {soname}: loads" in said.stdout
    assert re.search(r"^ok +packages: gpu, 8 as in docker/locks/py36-gpu.txt$", said.stdout, re.M), said.stdout


def test_without_a_gpu_the_same_image_trains_on_the_cpu_to_the_same_bytes(engine, gpu_image, outside, tmp_path):
    directory = inside.project(str(tmp_path / "project"))
    assert inside.convert_inside(engine, "gpu", directory) == inside.built(outside)


def test_the_driver_s_library_is_not_in_it(engine, gpu_image, tmp_path):
    look = "find / -xdev -name 'libcuda.so*' 2>/dev/null; ldconfig -p | grep libcuda.so || true"
    assert engine.run("gpu", ["sh", "-c", look], inside.project(str(tmp_path / "project"))).stdout == ""
    environment = engine.configuration(engine.tag("gpu"))["config"]["Env"]
    assert {"NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=compute,utility"} <= set(environment)


def test_its_layer_holds_the_libraries_and_nothing_twice(engine, gpu_image, tmp_path):
    engine.archive("gpu", str(tmp_path / "gpu.tar"))
    seen = {}
    for name, facts in reproduce.contents(str(tmp_path / "gpu.tar")).items():
        number, path = name.split(":", 1)
        if facts[0] == tarfile.REGTYPE and path.startswith("opt/"):
            assert seen.setdefault(path, number) == number, path
