"""The engines that build and run images: docker with buildx, podman, buildah with runc.

Environment: IMAGE_ENGINE names the engine; BASE_IMAGE another base, or BASE_IMAGE_TAR the tar of a root file system
to stand in for it; PIP_CERT a private certificate authority, PIP_CONFIG_FILE a pip.conf (both reach the build as
secrets and stay out of the image); BUILD_NETWORK the network of a build (`host` where containers have none of their
own); BUILDAH_ISOLATION and STORAGE_DRIVER are the engines' own.
"""
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from typing import Any, Callable, List, Optional, Sequence, Tuple, Type

from ..base import command, files
from ..base.fault import Fault
from ..base.place import ROOT

NAME = "tensorspace-keras-build"
TARGETS = ("convert", "cpu", "gpu")
EPOCH = "1640995200"  # as in docker/Dockerfile
# What the README's commands confine the image with.
CONFINED = ["--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
            "--tmpfs", "/tmp"]
BUILDKIT = (0, 13)  # the first that can date files: rewrite-timestamp
DOCKER = 26  # the first docker with such a one inside


def output_of(arguments: List[str], **options: Any) -> Optional[str]:
    """Return what a program prints on stdout, stripped; None where it cannot run or fails."""
    try:
        return subprocess.check_output(arguments, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                                       universal_newlines=True, **options).strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def run(arguments: List[str], purpose: str, **options: Any) -> None:
    """Run a program and let it speak.  Raises Fault with `purpose` where it fails."""
    status = subprocess.call(arguments, stdin=subprocess.DEVNULL, **options)
    if status:
        raise Fault(f"{purpose}: {arguments[0]} ended with {status}; what it said stands above")


class Engine:
    """One way to build and run images, in the engine's own store or in one of its own.

    store  directory that holds everything the engine keeps, or None for the engine's own
    """

    name = None

    def __init__(self, store: Optional[str] = None):
        self.store = store

    def words(self) -> List[str]:
        """Return the program and the options that name its store."""
        return [self.name]

    def tag(self, target: str) -> str:
        """Return the name of a target's image."""
        return f"localhost/{NAME}:{target}"

    def secrets(self) -> List[str]:
        """Return the options that give a build the user's certificates and pip.conf."""
        pairs = [("ca", os.environ.get("PIP_CERT")), ("pip", os.environ.get("PIP_CONFIG_FILE"))]
        return [word for name, path in pairs if path and os.path.isfile(path)
                for word in ("--secret", f"id={name},src={path}")]

    def network(self) -> List[str]:
        """Return the options that name a build's network.  A chroot has none but the host's."""
        name = os.environ.get("BUILD_NETWORK") or (os.environ.get("BUILDAH_ISOLATION") == "chroot" and "host")
        return ["--network", name] if name else []

    def base(self) -> str:
        """Return the name of the base image: BASE_IMAGE, a stand-in, or the Dockerfile's."""
        if os.environ.get("BASE_IMAGE_TAR"):
            return "localhost/stand-in:" + files.sha256(os.environ["BASE_IMAGE_TAR"])[:12]
        with open(os.path.join(ROOT, "docker", "Dockerfile"), encoding="utf-8") as stream:
            default = re.search(r"^ARG BASE_IMAGE=(\S+)", stream.read(), re.M).group(1)
        return os.environ.get("BASE_IMAGE") or default

    def build(self, target: str, context: str = ROOT, fresh: bool = False) -> str:
        """Build `target` and tag it.  Returns the image's digest (of its configuration, which names every layer).

        fresh  True: nothing that an earlier build left is used
        """
        base = self.base()
        arguments = self.secrets() + (["--no-cache"] if fresh else [])
        arguments += ["--build-arg", "BASE_IMAGE=" + base, "--build-arg", "BASE_DIGEST=" + base.partition("@")[2]]
        if os.environ.get("BASE_IMAGE_TAR"):
            self.stand_in(base, os.environ["BASE_IMAGE_TAR"])
        arguments += ["--target", target, "-f", os.path.join(context, "docker", "Dockerfile"), context]
        if self.undated():
            command.say("this build's digest is its own, for its files are dated today: " + self.undated())
        return self.bake(self.tag(target), arguments)

    def base_layers(self) -> List[str]:
        """Return the digests of the base image's layers, the lowest first."""
        return self.configuration(self.base())["layers"]

    def stand_in(self, name: str, tar: str) -> None:
        """Make a base image of a root file system's tar, where it is not there yet."""
        if self.configuration(name):
            return
        with tempfile.TemporaryDirectory() as context:
            shutil.copyfile(tar, os.path.join(context, "base.tar"))
            with open(os.path.join(context, "Dockerfile"), "w") as stream:
                stream.write("FROM scratch\nADD base.tar /\n")
            self.bake(name, [context])

    def undated(self) -> Optional[str]:
        """Return why this engine cannot date files, so that no two of its builds are the same; None where it can."""

    def reproducible(self) -> None:
        """Raise Fault where this engine cannot build the same image twice."""
        undated = self.undated()
        if undated:
            raise Fault(f"no two builds are the same whose files are not dated, and {undated} (or set "
                        "IMAGE_ENGINE=buildah)")

    def forget(self) -> None:
        """Delete the store, where it is this engine's alone."""

    def run(self, target: str, arguments: Sequence[str], directory: str, user: Optional[str] = None,
            mounts: Sequence[Tuple[str, str]] = (), confined: bool = True) -> subprocess.CompletedProcess:
        """Run the image on `directory`, as README does.  The process's stdout holds its stderr too.

        user    "uid:gid", default this process's;  mounts  more of (path here, path there), read-only
        """
        words = self.words() + ["run", "--rm"] + (CONFINED if confined else [])
        words += ["--user", user or f"{os.getuid()}:{os.getgid()}", "-v", directory + ":/project"]
        for here, there in mounts:
            words += ["-v", f"{here}:{there}:ro"]
        return finished(words + [self.tag(target)] + list(arguments))

    def archive(self, target: str, path: str) -> None:
        """Write the image to `path` as docker's archive, for a look into its layers."""
        run(self.words() + ["save", "--output", path, self.tag(target)], "cannot save the image")


def mounted(directory: str) -> List[str]:
    """Return the places below a directory on which something is mounted, as Linux has them."""
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as stream:
        return [place for place in (line.split()[1] for line in stream) if place.startswith(directory + "/")]


def finished(words: List[str]) -> subprocess.CompletedProcess:
    """Run a program to its end, whatever its status; its stdout holds its stderr too."""
    return subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True)


class Docker(Engine):
    """docker with buildx.  The daemon's store is its only one: from nothing means --no-cache, a store a name in tags.

    Files are dated only in an archive, and an archive is written by a builder of its own (`docker buildx create`), or
    by the daemon's where that keeps images in containerd's store.
    """

    name = "docker"

    def tag(self, target: str) -> str:
        """Return the name of a target's image, which tells the store too."""
        return super().tag(target) + ("-" + os.path.basename(self.store) if self.store else "")

    def forget(self) -> None:
        """Delete the images of this store."""
        if self.store:
            output_of(["docker", "image", "rm", "--force"] + [self.tag(target) for target in TARGETS])

    @staticmethod
    def version() -> Optional[str]:
        """Return "docker 28.2.2, BuildKit 0.22.0" where docker, its daemon and buildx are there, else None."""
        server = output_of(["docker", "version", "--format", "{{.Server.Version}}"])
        # A builder of its own says its version only once it runs.
        said = output_of(["docker", "buildx", "inspect", "--bootstrap"]) if server else None
        found = re.search(r"buildkit(?: version)?:\s*v?([\d.]+)", said or "", re.I)
        # A distribution's docker does not know the version of the one inside.
        inside = found and re.sub(r"^0\.0\.0$", "inside", found.group(1))
        return found and f"docker {server}, BuildKit {inside}"

    def undated(self) -> Optional[str]:
        """Return why BuildKit cannot date files here, None where it can."""
        docker, buildkit = re.match(r"docker (\d*)\S*, BuildKit (\S+)", self.version()).groups()
        own = re.search(r"^Driver:\s*docker$", output_of(["docker", "buildx", "inspect"]) or "", re.M)
        if buildkit == "inside":
            old = int(docker or 0) < DOCKER
        else:
            old = tuple(int(part) for part in buildkit.split(".")[:2]) < BUILDKIT
        if old:
            return f"BuildKit {buildkit} of docker {docker} is too old: take 0.13 (docker 26) or newer"
        store = output_of(["docker", "info", "--format", "{{json .DriverStatus}}"]) or ""
        if own and "io.containerd.snapshotter" not in store:
            return "docker's own builder dates none without the containerd image store: `docker buildx create --use`"
        return None

    def bake(self, tag: str, arguments: List[str]) -> str:
        """Build and tag.  Returns the digest of the configuration, whatever the daemon calls the image."""
        words = ["docker", "buildx", "build", "--platform", "linux/amd64", "--provenance=false", "--sbom=false",
                 "--tag", tag, "--build-arg", "SOURCE_DATE_EPOCH=" + EPOCH] + self.network()
        if self.undated():
            run(words + ["--load"] + arguments, "cannot build the image")
            return self.configuration(tag)["id"]
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "image.tar")
            # Uncompressed: a layer is packed again to date its files, which takes minutes with gzip.
            run(words + ["--output", f"type=docker,dest={path},rewrite-timestamp=true,compression=uncompressed"]
                + arguments, "cannot build the image")
            run(["docker", "load", "--quiet", "--input", path], "cannot load the image")
            return configuration_digest(path)

    def kind(self) -> str:
        """Return the engine as docker/DIGESTS names it: "docker-28.2.2,BuildKit-0.22.0"."""
        return self.version().replace(" ", "-").replace(",-", ",")

    def base_layers(self) -> List[str]:
        """Return the digests of the base image's layers; the image is pulled where the daemon lacks it."""
        if not self.configuration(self.base()):  # BuildKit keeps what it builds from to itself
            run(["docker", "pull", "--quiet", "--platform", "linux/amd64", self.base()], "cannot get the base image")
        return super().base_layers()

    def configuration(self, reference: str) -> dict:
        """Return {"id", "layers", "config"} of an image, {} without."""
        found = json.loads(output_of(["docker", "image", "inspect", reference]) or "[{}]")[0]
        return found and {"id": found["Id"], "layers": found["RootFS"]["Layers"], "config": found["Config"]}


def configuration_digest(path: str) -> str:
    """Return the digest of the configuration in docker's archive: of what names every layer."""
    with tarfile.open(path) as archive:
        name = json.loads(archive.extractfile("manifest.json").read().decode("utf-8"))[0]["Config"]
    return "sha256:" + os.path.basename(name).replace(".json", "")


class Podman(Engine):
    """podman, whose builder is buildah's."""

    name = "podman"
    builder = ["build"]

    driver = os.environ.get("STORAGE_DRIVER", "overlay")  # an image's digest depends on it

    @classmethod
    def version(cls) -> Optional[str]:
        """Return "podman 5.2.1" where it works here, else None."""
        said = output_of([cls.name, "--version"])
        # An engine that is installed but may not run (no user namespaces, say) is as good as none.
        return said.replace("version ", "") if said and output_of([cls.name, "info"]) is not None else None

    def words(self) -> List[str]:
        """Return the program and the options that name its store."""
        if not self.store:
            return [self.name]
        return [self.name, "--root", self.store + "/root", "--runroot", self.store + "/run",
                "--storage-driver", self.driver]

    def bake(self, tag: str, arguments: List[str]) -> str:
        """Build and tag.  Returns the image's digest."""
        run(self.words() + self.builder + ["--layers", "--timestamp", EPOCH, "--identity-label=false", "--tag", tag]
            + self.network() + arguments, "cannot build the image")
        return self.configuration(tag)["id"]

    def kind(self) -> str:
        """Return the engine as docker/DIGESTS names it: "buildah-1.28.2,overlay"."""
        return f"{self.version().replace(' ', '-')},{self.driver}"

    def forget(self) -> None:
        """Delete the store, and end its mounts."""
        if self.store:
            output_of(self.words() + ["rmi", "--all", "--force"])  # overlay mounts end here, but for a killed build's
            for place in sorted(mounted(self.store), reverse=True):
                output_of(["umount", place])

    def configuration(self, reference: str) -> dict:
        """Return {"id", "layers", "config"} of an image: digest, the layers' diffIDs, Env and the like; {} without."""
        found = json.loads(output_of(self.words() + ["inspect", "--type", "image", reference]) or "{}")
        found = found[0] if isinstance(found, list) else found
        if not found:
            return {}
        if "OCIv1" in found:  # buildah's words
            return {"id": "sha256:" + found["FromImageID"], "layers": found["OCIv1"]["rootfs"]["diff_ids"],
                    "config": found["OCIv1"]["config"]}
        return {"id": "sha256:" + found["Id"], "layers": found["RootFS"]["Layers"], "config": found["Config"]}


class Buildah(Podman):
    """buildah with runc: no daemon.  It starts containers as root alone, by the bundle that bundle_of makes."""

    name = "buildah"
    builder = ["bud"]

    @classmethod
    def version(cls) -> Optional[str]:
        """Return "buildah 1.37.0" where it works here, else None."""
        said = super().version()
        return said and re.sub(r" \(.*", "", said)

    def run(self, target: str, arguments: Sequence[str], directory: str, user: Optional[str] = None,
            mounts: Sequence[Tuple[str, str]] = (), confined: bool = True) -> subprocess.CompletedProcess:
        """Run the image as Engine.run does, by runc.  Raises Fault where this user or machine cannot."""
        if os.getuid() or not shutil.which("runc"):
            remedy = "install runc" if shutil.which("runc") is None else "install podman, or be root"
            raise Fault(f"buildah alone cannot run the image here: {remedy}")
        container = output_of(self.words() + ["from", self.tag(target)])
        try:
            root = output_of(self.words() + ["mount", container])
            bundle = bundle_of(self.configuration(self.tag(target))["config"], root, arguments,
                               [(directory, "/project", [])] + [(here, there, ["ro"]) for here, there in mounts],
                               user or f"{os.getuid()}:{os.getgid()}", confined)
            with tempfile.TemporaryDirectory() as place:
                with open(os.path.join(place, "config.json"), "w") as stream:
                    json.dump(bundle, stream)
                return finished(["runc", "--root", os.path.join(place, "state"), "run", "--bundle", place,
                                 f"tensorspace-{os.getpid()}"])
        finally:
            output_of(self.words() + ["rm", container])

    def archive(self, target: str, path: str) -> None:
        """Write the image to `path` as docker's archive, for a look into its layers."""
        tag = self.tag(target)
        run(self.words() + ["push", "--quiet", tag, f"docker-archive:{path}:{tag}"], "cannot save the image")


def bundle_of(config: dict, root: str, arguments: Sequence[str], mounts: Sequence[tuple], user: str,
              confined: bool) -> dict:
    """Return the OCI runtime's config.json for `docker run` with CONFINED: what runc reads.

    config  the image's;  mounts  list of (path here, path there, more options)
    """
    uid, gid = (int(number) for number in user.split(":"))
    caps = [] if confined else ["CAP_DAC_OVERRIDE", "CAP_CHOWN", "CAP_SETUID", "CAP_SETGID"]
    system = [("/proc", "proc", "proc", []), ("/dev", "tmpfs", "tmpfs", ["nosuid", "mode=755"]),
              ("/dev/shm", "tmpfs", "shm", ["nosuid", "nodev", "mode=1777"]),
              ("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
              ("/tmp", "tmpfs", "tmpfs", ["nosuid", "nodev", "mode=1777"])]
    return {
        "ociVersion": "1.0.2",
        "process": {"user": {"uid": uid, "gid": gid}, "args": (config.get("Entrypoint") or []) + list(arguments),
                    "env": config["Env"], "cwd": config["WorkingDir"], "noNewPrivileges": True,
                    "capabilities": {kind: caps for kind in ("bounding", "effective", "permitted")}},
        "root": {"path": root, "readonly": confined},
        "mounts": [{"destination": there, "type": kind, "source": source, "options": options}
                   for there, kind, source, options in system]
        + [{"destination": there, "type": "bind", "source": os.path.abspath(here), "options": ["rbind"] + options}
           for here, there, options in mounts],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "network")],
                  "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
                  "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]},
    }


ENGINES = (Docker, Podman, Buildah)


def engine_class(say: Callable[[str], None] = command.say) -> Type[Engine]:
    """Return the class of the engine to use: IMAGE_ENGINE's, or the first that works here; say which it is."""
    wanted = os.environ.get("IMAGE_ENGINE")
    known = [kind for kind in ENGINES if wanted in (None, "", kind.name)]
    if not known:
        raise Fault(f"IMAGE_ENGINE={wanted}: there are docker, podman and buildah")
    for kind in known:
        version = kind.version()
        if version:
            say("engine: " + version)
            return kind
    raise Fault(f"no container engine {wanted + ' ' if wanted else ''}works here: install docker with buildx, podman, "
                "or buildah and runc (apt-get install buildah runc)")
