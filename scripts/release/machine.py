"""The things that this machine has and lacks for this project: processor, packages, GPU, container engine, browser."""
import ctypes
import os
import platform
import re
import shutil
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..base import stack
from ..base.fault import Fault
from ..base.place import ROOT
from ..base.stack import canonical, installed
from . import engines

# What TensorFlow 2.6 opens by name (tensorflow/stream_executor/platform/default/dso_loader.cc).
SONAMES = ("libcudart.so.11.0", "libcublas.so.11", "libcublasLt.so.11", "libcufft.so.10", "libcurand.so.10",
           "libcusolver.so.11", "libcusparse.so.11", "libcudnn.so.8")
DRIVER = (450, 80, 2)  # the first for CUDA 11, by NVIDIA's table of compatibility
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "firefox")
OK, LACKS, MISSING = "ok", "-", "MISSING"  # scripts/doctor.py says what they mean


class Found(NamedTuple):
    """One line about this machine, and its mark: OK, LACKS or MISSING."""

    mark: str
    line: str


class Pinned(NamedTuple):
    """A package in a lock: its versions, and whether one of its lines has no marker."""

    versions: Set[str]
    always: bool


def processor(machine: Optional[str] = None, cpuinfo: str = "/proc/cpuinfo") -> Found:
    """Tell whether TensorFlow 2.6 runs here: it was built for x86-64 with AVX alone, else it ends with SIGILL."""
    machine = machine or platform.machine()
    needed = MISSING if stack.NAME == "py36" and "tensorflow" in installed() else OK
    if machine not in ("x86_64", "AMD64"):
        return Found(needed, f"processor: {machine}; TensorFlow 2.6 (the image, the py36 stack) exists for x86-64 only")
    try:
        with open(cpuinfo) as stream:
            flags = re.search(r"^flags\s*:(.*)", stream.read(), re.M)
    except OSError:
        return Found(OK, f"processor: {machine}; this system does not say what it can do")
    flags = set(flags.group(1).split() if flags else ())
    there = [name for name in ("avx", "avx2", "fma", "avx512f") if name in flags]
    if "avx" not in flags:
        return Found(needed, f"processor: {machine} without AVX: TensorFlow cannot run here, converting can")
    return Found(OK, f"processor: {machine} with {', '.join(there)}")


def pins(lock: str) -> Dict[str, Pinned]:
    """Return the packages of a lock file, by name."""
    found = {}
    with open(lock, encoding="utf-8") as stream:
        for line in stream:
            pin = re.match(r"([A-Za-z0-9][\w.-]*)==([^\s;\\]+)\s*(;)?", line)
            if pin:
                before = found.get(canonical(pin.group(1)), Pinned(set(), False))
                found[canonical(pin.group(1))] = Pinned(before.versions | {pin.group(2)},
                                                        before.always or not pin.group(3))
    return found


def packages(role: str, lock: Optional[str] = None, there: Optional[Dict[str, str]] = None) -> Found:
    """Compare the installed packages with a role's lock."""
    lock = lock or stack.lock(role)
    there = installed() if there is None else there
    wanted = pins(lock)
    lacking = sorted(name for name, (_, always) in wanted.items() if always and name not in there)
    others = sorted(f"{name} is {there[name]}, not {' or '.join(sorted(versions))}"
                    for name, (versions, _) in wanted.items() if name in there and there[name] not in versions)
    where = os.path.relpath(lock, ROOT)
    if not lacking and not others:
        return Found(OK, f"packages: {role}, {len(set(wanted) & set(there))} as in {where}")
    line = f"packages: {role}: " + "; ".join(others + (["no " + ", ".join(lacking)] if lacking else []))
    if role == "convert":
        return Found(MISSING, line + " (make sets them up)")
    if role == "train" and {"tensorflow", "tensorflow-cpu"} & set(there):
        return Found(MISSING, line + " (make sets them up)")
    need = {"train": "training, SavedModel and frozen models need them",
            "gpu": "training on a GPU needs them (the gpu image has them)"}
    return Found(LACKS, f"packages: {role}: not here; {need[role]}")


def engine() -> Found:
    """Tell which container engine works here."""
    try:
        return Found(OK, f"container engine: {engines.engine_class(say=lambda line: None).version()}")
    except Fault as fault:
        return Found(LACKS, f"container engine: {fault}")


def program(title: str, names: Sequence[str], purpose: str) -> Found:
    """Tell which of some programs is on the PATH, or what one is for."""
    found = [path for path in map(shutil.which, names) if path]
    return Found(OK, f"{title}: {found[0]}") if found else Found(LACKS, f"{title}: none; {purpose}")


def loads(soname: str) -> Optional[str]:
    """Return None where ld.so finds a library, else why it does not."""
    try:
        ctypes.CDLL(soname)
    except OSError as error:
        return str(error).split(": ", 1)[-1]
    return None


class Capability(NamedTuple):
    """A GPU's compute capability."""

    major: int
    minor: int


def gpu(soname: str = "libcuda.so.1", proc: str = "/proc/driver/nvidia/version") -> Tuple[List[Found], bool]:
    """Ask NVIDIA's driver for its GPUs.  Returns (lines, whether there is one)."""
    why = loads(soname)
    if why:
        return [Found(LACKS, f"GPU: none ({soname}: {why}); training runs on the CPU")], False
    library = ctypes.CDLL(soname)
    count = ctypes.c_int(0)
    status = library.cuInit(0) or library.cuDeviceGetCount(ctypes.byref(count))
    if status or not count.value:
        said = f"error {status}" if status else "no device"
        return [Found(LACKS, f"GPU: none (the driver is here; it says {said}); training runs on the CPU")], False
    return [device(library, index) for index in range(count.value)] + [driver(library, proc)], True


def device(library: ctypes.CDLL, index: int) -> Found:
    """Name one GPU, and whether TensorFlow 2.6 knows it."""
    number, name, major, minor = ctypes.c_int(0), ctypes.create_string_buffer(128), ctypes.c_int(0), ctypes.c_int(0)
    library.cuDeviceGet(ctypes.byref(number), index)
    library.cuDeviceGetName(name, len(name), number)
    library.cuDeviceGetAttribute(ctypes.byref(major), 75, number)  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
    library.cuDeviceGetAttribute(ctypes.byref(minor), 76, number)  # …_MINOR
    capability = Capability(major.value, minor.value)
    note = ("; older than TensorFlow 2.6 knows: not used" if capability < (3, 5) else
            "; newer than TensorFlow 2.6: it compiles for it at the first start" if capability >= (9, 0) else "")
    return Found(OK, f"GPU {index}: {name.value.decode('utf-8', 'replace')}, compute capability "
                     f"{capability.major}.{capability.minor}{note}")


def driver(library: ctypes.CDLL, proc: str) -> Found:
    """Name the driver's version and its CUDA, and whether it is new enough for CUDA 11."""
    number = ctypes.c_int(0)
    library.cuDriverGetVersion(ctypes.byref(number))
    cuda = f"CUDA {number.value // 1000}.{number.value % 1000 // 10}"
    try:
        with open(proc) as stream:
            version = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?\s", stream.read())
    except OSError:
        version = None
    if version is None:
        return Found(OK, f"driver: for {cuda}")
    enough = tuple(int(part or 0) for part in version.groups()) >= DRIVER
    return Found(OK if enough else MISSING, f"driver: {version.group(0).strip()}, for {cuda}"
                                            f"{'' if enough else '; CUDA 11 needs 450.80.02'}")


def libraries(needed: bool) -> Iterator[Found]:
    """Yield a line for each library that TensorFlow 2.6 opens for a GPU.

    needed  True: there is a GPU, or this is the gpu image
    """
    for soname in SONAMES:
        why = loads(soname)
        if why:
            yield Found(MISSING if needed else LACKS, f"{soname}: {why}; TensorFlow 2.6 needs it for a GPU")
        else:
            yield Found(OK, f"{soname}: loads")


def examine() -> Iterator[Found]:
    """Yield a line for everything that needs no environment to be known."""
    yield processor()
    if os.path.isdir(stack.LOCKS):
        yield packages("convert")
        yield packages("train")
    lines, there = gpu()
    yield from lines
    if stack.NAME == "py36" and os.path.isdir(stack.LOCKS):
        found = packages("gpu")
        yield found
        yield from libraries(needed=found.mark == OK or (there and "tensorflow" in installed()))
    elif there:
        yield Found(LACKS, "TensorFlow for GPUs: not in the modern stack, which trains on the CPU; the gpu image has "
                           "it")
    yield engine()
    yield program("browser", BROWSERS, "viewing a model needs one")
