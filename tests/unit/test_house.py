"""The rooms of scripts/: every import runs down, none goes in a circle, and few modules import TensorFlow."""
import ast
import functools
import os

import pytest

from tests.needs import ROOT

pytestmark = pytest.mark.modern  # it reads the code without running it
PACKAGE = "scripts"
# A room may import from itself and from the rooms of its row.  "" are the commands beside the rooms.
ROOMS = {
    "base": (),
    "wire": ("base",),
    "layers": ("base", "wire"),
    "operations": ("base", "wire", "layers"),
    "emit": ("base", "layers", "operations"),
    "formats": ("base", "wire", "layers", "operations"),
    "lower": ("base", "wire", "layers", "operations", "emit"),
    "opset": ("base", "wire", "layers", "operations", "emit", "formats", "lower"),
    "tfjs": ("base", "wire", "layers", "operations", "emit", "formats", "lower", "opset"),
    "tracing": ("base", "wire", "layers", "operations", "formats", "lower", "tfjs"),
    "training": ("base", "wire", "layers", "operations", "formats"),
    "release": ("base", "wire", "layers", "operations", "formats"),
    "viewer": ("base", "wire", "layers", "operations", "formats", "tfjs", "training"),
    "verification": ("base", "wire", "layers", "operations", "formats", "opset", "tfjs", "tracing", "training",
                     "viewer"),
    "builds": ("base", "wire", "layers", "operations", "formats", "tfjs", "tracing", "training", "viewer",
               "verification", "release"),
}
# The commands that a room calls, by their names, when it is at work
CALLED = {"builds": ("convert", "encapsulate", "preprocess", "reference", "train", "verify")}
BY_NAMES = ("import_module", "module", "always")  # what imports the module that its first argument names
STARTS = ("run", "in_environment")  # what starts it as a process
# What a module of a room may not import in the lines that run when it is itself imported, and who may import it at all
HEAVY = ("tensorflow", "keras", "tf_keras", "tensorflowjs")
BY_NAME = ("_by_tensorflow", "by_keras", "reference")  # ends of the names of modules that import TensorFlow or Keras


def modules():
    """Yield (path below ROOT, its package as a list of words) of every Python file of the package."""
    for directory, inside, names in os.walk(os.path.join(ROOT, PACKAGE)):
        inside[:] = [name for name in inside if name != "__pycache__"]
        for name in sorted(names):
            if name.endswith(".py"):
                path = os.path.relpath(os.path.join(directory, name), ROOT).replace(os.sep, "/")
                yield path, path.split("/")[:-1]


@functools.lru_cache(None)
def parsed(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as stream:
        return ast.parse(stream.read())


def imported(path, package):
    """Yield (line, path of the module of this package that is imported there, whether that is when it is imported)."""
    tree = parsed(path)
    at_once = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = package[:len(package) - node.level + 1] + (node.module.split(".") if node.module else [])
        for name in node.names:
            for candidate in (base + [name.name], base):
                found = [file for file in ("/".join(candidate) + ".py", "/".join(candidate) + "/__init__.py")
                         if os.path.exists(os.path.join(ROOT, file))]
                if found:
                    yield node.lineno, found[0], id(node) in at_once
                    break
            else:
                raise AssertionError(f"{path}:{node.lineno} imports what is not there")


def named(path, callers):
    """Yield (line, path) of each module of this package whose name is the first argument of a call of `callers`."""
    tree, constants = parsed(path), {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            targets, values = [getattr(side, "elts", [side]) for side in (node.targets[0], node.value)]
            constants.update((getattr(target, "id", None), value) for target, value in zip(targets, values))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args \
                and getattr(node.func, "attr", getattr(node.func, "id", None)) in callers:
            given = constants.get(getattr(node.args[0], "id", None), node.args[0])
            name = getattr(given, "value", getattr(given, "s", None))
            if isinstance(name, str):
                below = f"{PACKAGE}/" + name.lstrip(".").split(":")[0].replace(".", "/")
                for file in (below + ".py", below + "/__init__.py"):
                    if os.path.exists(os.path.join(ROOT, file)):
                        yield node.lineno, file


def room_of(path):
    """Return the room that a path lies in, "" for a command beside the rooms."""
    parts = path.split("/")
    return parts[1] if len(parts) > 2 else ""


def test_every_folder_is_a_room_and_every_room_is_a_folder():
    assert {room_of(path) for path, _ in modules()} - {""} == set(ROOMS)


def test_imports_run_down():
    wrong = []
    for path, package in modules():
        room = room_of(path)
        for line, target, _ in imported(path, package):
            other = room_of(target)
            allowed = not room or other == room or other in ROOMS[room] or target == PACKAGE + "/__init__.py"
            if not allowed:
                wrong.append(f"{path}:{line} imports {target}")
    assert wrong == []


def test_what_is_imported_or_started_by_its_name_lies_below_too():
    wrong, called = [], {}
    for path, _ in modules():
        room = room_of(path)
        for line, target in named(path, BY_NAMES + STARTS):
            other = room_of(target)
            if room and not other:
                called.setdefault(room, set()).add(target.split("/")[-1][:-len(".py")])
            elif room and other != room and other not in ROOMS[room]:
                wrong.append(f"{path}:{line} names {target}")
    assert wrong == []
    assert {room: tuple(sorted(names)) for room, names in called.items()} == CALLED


def test_no_import_goes_in_a_circle():
    """Imports by a name among them; a module that starts another as a process does not import it."""
    graph = {path: {target for _, target, _ in imported(path, package) if target != path}
             | {target for _, target in named(path, BY_NAMES)} for path, package in modules()}
    finished = set()

    def visit(path, behind):
        assert path not in behind, "a circle: " + " -> ".join(behind[behind.index(path):] + [path])
        if path not in finished:
            for target in sorted(graph[path]):
                visit(target, behind + [path])
            finished.add(path)

    for path in sorted(graph):
        visit(path, [])


def test_imports_within_the_package_are_relative():
    wrong = []
    for path, _ in modules():
        for node in ast.walk(parsed(path)):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else \
                [name.name for name in node.names] if isinstance(node, ast.Import) else []
            wrong += [f"{path}:{node.lineno}" for name in names if name.split(".")[0] == PACKAGE]
    assert wrong == []


@pytest.mark.parametrize("library", HEAVY)
def test_only_modules_that_say_so_by_their_name_import_tensorflow_or_keras(library):
    wrong = []
    for path, _ in modules():
        tree = parsed(path)
        for node in ast.walk(tree):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else \
                [name.name for name in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in (
                    "import_module", "__import__"):
                names = [str(getattr(part, "value", getattr(part, "s", ""))) for part in ast.walk(node.args[0])]
            if any(name.split(".")[0] == library for name in names):
                named = path[:-len(".py")].endswith(BY_NAME) or room_of(path) == "training"
                if node in tree.body or not named:
                    wrong.append(f"{path}:{node.lineno}")
    assert wrong == []
