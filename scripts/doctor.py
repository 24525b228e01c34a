"""What this machine has and lacks for this project, one line each: `python -m scripts.doctor`.

ok       it is here
-        it is not, and only what the line names needs it
MISSING  nothing works without it; the exit status is 1 then
"""
import ctypes
import glob
import os
import platform
import re
import shutil
import sys

from . import bootstrap
from .base import command, stack
from .base.fault import Fault
from .release import engines

# What TensorFlow 2.6 opens by name (tensorflow/stream_executor/platform/default/dso_loader.cc).
SONAMES = ("libcudart.so.11.0", "libcublas.so.11", "libcublasLt.so.11", "libcufft.so.10", "libcurand.so.10",
           "libcusolver.so.11", "libcusparse.so.11", "libcudnn.so.8")
DRIVER = (450, 80, 2)  # the first for CUDA 11, by NVIDIA's table of compatibility
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "firefox")
OK, LACKS, MISSING = "ok", "-", "MISSING"


def python():
    version = platform.python_version()
    try:
        return OK, f"Python {version}, the {bootstrap.stack_of(sys.version_info)} stack"
    except bootstrap.Refusal as refusal:
        return MISSING, f"Python: {refusal}"


def processor(machine=None, cpuinfo="/proc/cpuinfo"):
    """TensorFlow 2.6 was built for x86-64 with AVX alone; without it the process ends with "Illegal instruction"."""
    machine = machine or platform.machine()
    needed = MISSING if stack.NAME == "py36" and "tensorflow" in installed() else OK
    if machine not in ("x86_64", "AMD64"):
        return needed, f"processor: {machine}; TensorFlow 2.6 (the image, the py36 stack) exists for x86-64 only"
    try:
        with open(cpuinfo) as stream:
            flags = re.search(r"^flags\s*:(.*)", stream.read(), re.M)
    except OSError:
        return OK, f"processor: {machine}; this system does not say what it can do"
    flags = set(flags.group(1).split() if flags else ())
    there = [name for name in ("avx", "avx2", "fma", "avx512f") if name in flags]
    if "avx" not in flags:
        return needed, f"processor: {machine} without AVX: TensorFlow cannot run here, converting can"
    return OK, "processor: {} with {}".format(machine, ", ".join(there))


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def installed(paths=None):
    """Return {name: version} of the packages on `paths` (default sys.path), by their .dist-info directories."""
    found = {}
    for place in sys.path if paths is None else paths:
        for directory in glob.glob(os.path.join(glob.escape(place or "."), "*.dist-info")):
            name, _, version = os.path.basename(directory)[:-len(".dist-info")].partition("-")
            found.setdefault(canonical(name), version)
    return found


def pins(lock):
    """Return {name: (set of versions, whether each of its lines has a marker)} of a lock file."""
    found = {}
    with open(lock, encoding="utf-8") as stream:
        for line in stream:
            pin = re.match(r"([A-Za-z0-9][\w.-]*)==([^\s;\\]+)\s*(;)?", line)
            if pin:
                versions, always = found.get(canonical(pin.group(1)), (set(), False))
                found[canonical(pin.group(1))] = (versions | {pin.group(2)}, always or not pin.group(3))
    return found


def packages(role, lock=None, there=None):
    """Compare what is installed with a role's lock."""
    lock = lock or stack.lock(role)
    there = installed() if there is None else there
    wanted = pins(lock)
    lacking = sorted(name for name, (_, always) in wanted.items() if always and name not in there)
    others = sorted("{} is {}, not {}".format(name, there[name], " or ".join(sorted(versions)))
                    for name, (versions, _) in wanted.items() if name in there and there[name] not in versions)
    where = os.path.relpath(lock, os.path.dirname(os.path.dirname(stack.LOCKS)))
    if not lacking and not others:
        return OK, "packages: %s, %d as in %s" % (role, len(set(wanted) & set(there)), where)
    line = f"packages: {role}: " + "; ".join(others + (["no " + ", ".join(lacking)] if lacking else []))
    if role == "convert":
        return MISSING, line + " (make sets them up)"
    if role == "train" and {"tensorflow", "tensorflow-cpu"} & set(there):
        return MISSING, line + " (make sets them up)"
    return LACKS, "packages: {}: not here; {}".format(role, {
        "train": "training, SavedModel and frozen models need them",
        "gpu": "training on a GPU needs them (the gpu image has them)"}[role])


def engine():
    try:
        return OK, "container engine: " + engines.engine_class(say=lambda line: None).version()
    except Fault as fault:
        return LACKS, f"container engine: {fault}"


def program(title, names, purpose):
    found = [path for path in map(shutil.which, names) if path]
    return (OK, f"{title}: {found[0]}") if found else (LACKS, f"{title}: none; {purpose}")


def node():
    said = bootstrap.output_of(["node", "--version"])
    if bootstrap.machine_has_node():
        return OK, "node: " + said
    return LACKS, "node: %s; verifying and viewing set up one of their own" % (said and said + ", too old" or "none")


def loads(soname):
    """Return None where ld.so finds a library, else why it does not."""
    try:
        ctypes.CDLL(soname)
    except OSError as error:
        return str(error).split(": ", 1)[-1]


def gpu(soname="libcuda.so.1", proc="/proc/driver/nvidia/version"):
    """Ask NVIDIA's driver for its GPUs.  Returns (lines, whether there is one)."""
    why = loads(soname)
    if why:
        return [(LACKS, f"GPU: none ({soname}: {why}); training runs on the CPU")], False
    driver = ctypes.CDLL(soname)
    count, number = ctypes.c_int(0), ctypes.c_int(0)
    status = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    if status or not count.value:
        return [(LACKS, "GPU: none (the driver is here; it says %s); training runs on the CPU"
                 % ("error %d" % status if status else "no device"))], False
    lines = []
    for index in range(count.value):
        device, name, major, minor = ctypes.c_int(0), ctypes.create_string_buffer(128), ctypes.c_int(0), ctypes.c_int(0)
        driver.cuDeviceGet(ctypes.byref(device), index)
        driver.cuDeviceGetName(name, len(name), device)
        driver.cuDeviceGetAttribute(ctypes.byref(major), 75, device)  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
        driver.cuDeviceGetAttribute(ctypes.byref(minor), 76, device)  # …_MINOR
        capability = (major.value, minor.value)
        note = ("older than TensorFlow 2.6 knows: not used" if capability < (3, 5) else
                "newer than TensorFlow 2.6: it compiles for it at the first start" if capability >= (9, 0)
                else "")
        lines.append((OK, "GPU %d: %s, compute capability %d.%d%s" % (
            (index, name.value.decode("utf-8", "replace")) + capability + (note and "; " + note,))))
    driver.cuDriverGetVersion(ctypes.byref(number))
    cuda = "CUDA %d.%d" % (number.value // 1000, number.value % 1000 // 10)
    try:
        with open(proc) as stream:
            version = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?\s", stream.read())
    except OSError:
        version = None
    if version is None:
        lines.append((OK, f"driver: for {cuda}"))
    else:
        parts = tuple(int(part or 0) for part in version.groups())
        lines.append((OK if parts >= DRIVER else MISSING, "driver: {}, for {}{}".format(
            version.group(0).strip(), cuda, "" if parts >= DRIVER else "; CUDA 11 needs 450.80.02")))
    return lines, True


def libraries(needed):
    """One line for each library that TensorFlow 2.6 opens for a GPU.

    needed  there is a GPU, or this is the gpu image
    """
    for soname in SONAMES:
        why = loads(soname)
        if why:
            yield MISSING if needed else LACKS, f"{soname}: {why}; TensorFlow 2.6 needs it for a GPU"
        else:
            yield OK, f"{soname}: loads"


def examine():
    """Yield (mark, line) for everything."""
    yield python()
    yield processor()
    yield packages("convert")
    yield packages("train")
    lines, there = gpu()
    for line in lines:
        yield line
    if stack.NAME == "py36":
        mark, line = packages("gpu")
        yield mark, line
        for found in libraries(needed=mark == OK or (there and "tensorflow" in installed())):
            yield found
    elif there:
        yield LACKS, "TensorFlow for GPUs: not in the modern stack, which trains on the CPU; the gpu image has it"
    yield engine()
    yield node()
    yield program("browser", BROWSERS, "viewing a model needs one")


def main(arguments):
    command.Parser(prog="python -m scripts.doctor", description=__doc__).parse_args(arguments)
    missing = 0
    for mark, line in examine():
        command.say("%-8s %s" % (mark, line))
        missing += mark == MISSING
    return 1 if missing else 0


if __name__ == "__main__":
    command.run(main)
