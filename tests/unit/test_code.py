"""Code as a dependency: which files a stage depends on, and which edits of them count."""
import json
import os
import shutil
import textwrap

import pytest

from scripts.builds import code, digests
from scripts.builds.stages import conversion, showing, training
from tests import needs
from tests.project import Project
from tests.unit import handmade

PLAIN = '''
import os


def area(radius):
    return f"{3.14 * radius ** 2:.2f}" + os.sep


class Shape:
    sides = 3
'''


def of(text):
    return code.digest(text.encode("utf-8"))


@pytest.mark.parametrize("change", [
    lambda text: '"""What this is for."""' + text,
    lambda text: text.replace("(radius):\n", '(radius):\n    """Return it,\n\n    in words."""\n'),
    lambda text: text.replace("sides = 3", '"""A shape."""\n\n    sides = 3  # the fewest'),
    lambda text: text.replace("import os\n", "import os\n# a comment\n\n"),
    lambda text: text.replace(" + os.sep", "").replace('return f"{3.14 * radius ** 2:.2f}"',
                                                       'return f"{3.14 * radius ** 2:.2f}" \\\n        + os.sep'),
    lambda text: text.rstrip("\n"),
    lambda text: text.replace("(radius)", "(\n        radius)"),
    lambda text: text.replace("    ", "  "),
])
def test_comments_docstrings_and_the_layout_of_lines_do_not_count(change):
    assert change(PLAIN) != PLAIN
    assert of(change(PLAIN)) == of(PLAIN)


@pytest.mark.parametrize("change", [
    lambda text: text.replace("3.14", "3.1416"),
    lambda text: text.replace(":.2f", ":.3f"),
    lambda text: text.replace("sides", "edges"),
    lambda text: text.replace("    return", '    "text"; return'),
    lambda text: text.replace("    sides = 3", "    text = '''sides'''"),
    lambda text: text.replace("\n\n\nclass Shape:\n    sides", "\n    sides"),
    lambda text: text + 'f"{print(1)}"\n',
    lambda text: text + "x = 1\n",
])
def test_everything_else_counts(change):
    assert of(change(PLAIN)) != of(PLAIN)


def test_a_digest_is_the_same_on_every_python():
    """The table of equal digests is one for both stacks, and a newer Python retrains nothing."""
    assert of(PLAIN) == "cf93e65e2ae4dba1a385d24391cd284b10debb89c6098147ed1e706fb5193fc1"


@pytest.fixture
def tree(tmp_path):
    """A package: main imports low and, in a function, far; starts child; and kinds imports by a computed name."""
    files = {
        "__init__.py": "", "main.py": """
            from .base import run
            from .rooms import low as lower


            def work(name):
                from .rooms.inner.far import VALUE
                run("child", [VALUE])
            """,
        "base.py": "def run(module, arguments):\n    pass\n",
        "child.py": "import importlib\nimportlib.import_module('.kinds.list', __package__)\n",
        "kinds/__init__.py": "", "kinds/list.py": """
            import importlib

            for name in ("one", "two"):
                importlib.import_module("." + name, __package__)
            """,
        "kinds/one.py": "", "kinds/two.py": "from ..behind import X\n", "behind.py": "X = 1\n", "alone.py": "",
        "rooms/__init__.py": "", "rooms/low.py": "", "rooms/style.css": "p {}", "rooms/other.py": "",
        "rooms/inner/__init__.py": "", "rooms/inner/far.py": "VALUE = 1\n", "rooms/inner/deep/scene.js": "1",
        "empty/__init__.py": "", "empty/data.json": "{}"}
    for name, text in files.items():
        path = tmp_path / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return tmp_path / "package"


def fresh(tree):
    return code.Code(digests.Digests(), root=str(tree))


def test_the_closure_is_all_that_is_imported_started_or_stands_beside(tree):
    assert fresh(tree).closure("main") == sorted([
        "__init__.py", "main.py", "base.py", "child.py", "kinds/__init__.py", "kinds/list.py", "kinds/one.py",
        "kinds/two.py", "behind.py", "rooms/__init__.py", "rooms/low.py", "rooms/style.css",
        "rooms/inner/__init__.py", "rooms/inner/far.py", "rooms/inner/deep/scene.js"])
    assert fresh(tree).closure("rooms.other") == sorted([
        "__init__.py", "rooms/__init__.py", "rooms/other.py", "rooms/style.css", "rooms/inner/deep/scene.js"])


def test_a_module_that_there_is_not_is_named(tree):
    with pytest.raises(LookupError, match="no module mian"):
        fresh(tree).of("mian")


@pytest.mark.parametrize("name, counts", [
    ("rooms/inner/far.py", True), ("behind.py", True), ("child.py", True), ("rooms/style.css", True),
    ("rooms/inner/deep/scene.js", True), ("__init__.py", True), ("alone.py", False), ("rooms/other.py", False),
    ("empty/data.json", False)])
def test_an_edit_counts_where_the_file_is_in_the_closure(tree, name, counts):
    before = fresh(tree).of("main")
    with open(str(tree / name), "a") as stream:
        stream.write("\nX = 2\n")
    assert (fresh(tree).of("main") != before) is counts


def test_what_was_read_is_remembered_by_its_bytes(tree, tmp_path, monkeypatch):
    path = str(tmp_path / "code.json")
    first = code.Code(digests.Digests(), path, str(tree))
    before = first.of("main")
    first.save()
    monkeypatch.setattr(code, "read", lambda text: pytest.fail("read again"))
    shutil.copytree(str(tree), str(tmp_path / "copy"))
    assert code.Code(digests.Digests(), path, str(tmp_path / "copy")).of("main") == before


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"by": 1, "sources": {}}', '{"by": "BY", "sources": {"KEY": [1]}}',
                                  '{"by": "other", "sources": {"KEY": ["wrong", [], [], false]}}'])
def test_a_cache_that_is_damaged_or_of_another_reader_is_not_believed(tree, tmp_path, text):
    own = digests.Digests()
    before, path = fresh(tree).of("main"), tmp_path / "code.json"
    path.write_text(text.replace("BY", own.of(code.__file__)).replace("KEY", own.of(str(tree / "main.py"))))
    assert code.Code(own, str(path), str(tree)).of("main") == before


def test_a_cache_keeps_nothing_of_files_that_are_gone(tree, tmp_path):
    path = tmp_path / "code.json"
    for text in ("", "X = 1\n", "X = 2\n"):
        (tree / "rooms" / "low.py").write_text(text)
        own = code.Code(digests.Digests(), str(path), str(tree))
        own.of("main")
        own.save()
        own.closure("main")
        kept = json.loads(path.read_text())["sources"]
        there = {digests.Digests().of(os.path.join(place, name)) for place, _, names in os.walk(str(tree))
                 for name in names}
        assert set(kept) <= there


# What Python itself says that a stage imported: each process notes it when it ends.
NOTE = """
import atexit, os, sys


def note():
    main = getattr(sys.modules["__main__"], "__spec__", None)
    names = [name.split(".", 1)[1] for name in list(sys.modules) + [main.name if main else ""]
             if name.startswith("scripts.")]
    with open(os.path.join(os.environ["NOTES"], str(os.getpid())), "w") as stream:
        stream.write("\\n".join(names))


atexit.register(note)
"""


def imported(project, *words):
    """Run doit; return the set of the modules of scripts/ that it and its children imported."""
    notes = project.file("notes")
    os.makedirs(notes)
    project.write("notes.d/sitecustomize.py", NOTE)
    project.ran(*words, NOTES=notes, PYTHONPATH=project.file("notes.d"))
    found = set()
    for name in os.listdir(notes):
        found.update(project.read("notes/" + name).decode().split("\n"))
    shutil.rmtree(notes)
    return found - {""}


def files_of(modules):
    """Return the files of modules, as code.Code names them."""
    names = {name.replace(".", "/") for name in modules}
    return {name + ".py" if os.path.exists(os.path.join(code.ROOT, name + ".py")) else name + "/__init__.py"
            for name in names}


@pytest.fixture
def project(tmp_path):
    project = Project.create(tmp_path / "project", '[mine]\nsource = "model.h5"\n')
    handmade.h5(project.file("model.h5"))
    return project


@pytest.mark.modern  # both stacks import the same modules: test_build.py reads every import
def test_what_python_imports_for_a_stage_is_in_its_closure(project):
    """Held against sys.modules of doit and of every child: builds/ itself and what it imports anyway is left out."""
    project.ran()
    anyway = files_of(imported(project))
    closures = code.Code(digests.Digests())
    stages = [("encapsulate", [conversion.ENCAPSULATE], {}), ("convert", [conversion.CONVERT], {})]
    if shutil.which("node"):
        stages.append(("page", [showing.PAGE, showing.VERIFY], {}))
    for name, modules, environment in stages:
        ran = files_of(imported(project, "-s", "-a", name + ":mine", **environment)) - anyway
        assert ran and ran <= set(closures.closure(*modules)), name


@pytest.mark.modern
def test_what_python_imports_to_train_is_in_its_closure(project):
    needs.tensorflow()
    project.write("models/models.toml", '[keras]\ndata = "digits"\nepochs = 1\n')
    project.ran("data")
    anyway = files_of(imported(project, "data"))
    ran = files_of(imported(project, "-s", "train:keras"))
    assert "train.py" in ran
    assert ran - anyway <= set(code.Code(digests.Digests()).closure(training.TRAIN))


@pytest.mark.modern
def test_an_import_that_the_closure_does_not_see_is_found_by_that(project):
    """The test above the last fails where it should: here is a stage that hides what it imports."""
    project.write("scripts/hidden.py", "X = 1\n")
    project.write("scripts/convert.py", project.read("scripts/convert.py") + b'\n__import__("scripts.hidden")\n')
    project.ran("encapsulate")
    closures = code.Code(digests.Digests(), root=project.file("scripts"))
    assert "hidden" in imported(project, "-s", "convert:mine")
    assert "hidden.py" not in closures.closure(conversion.CONVERT)


def test_a_page_depends_on_what_computes_the_numbers_of_a_graph():
    found = code.Code(digests.Digests()).closure(showing.PAGE, showing.VERIFY)
    assert {"verification/graph_by_tensorflow.py", "verification/by_keras.py", "viewer/style.css",
            "viewer/packages.lock.json"} <= set(found)


def test_the_map_of_the_rooms_is_no_code(project):
    """scripts/__init__.py is in every closure, and its docstring changes with every module."""
    project.ran()
    for name in ("scripts/__init__.py", "scripts/base/files.py", "scripts/convert.py"):
        text = project.read(name)
        assert text.startswith(b'"""')
        project.write(name, b'"""Another word. ' + text[3:] + b"\n# a comment\n")
    assert project.ran() == set()
    project.write("scripts/__init__.py", project.read("scripts/__init__.py") + b"\nX = 1\n")
    assert project.ran() == {"encapsulate:mine", "convert:mine"}


def test_what_writes_the_manifest_is_code_of_the_stage_that_converts(project):
    project.ran()
    before = project.read("models/json_models/mine/manifest.json")
    code_of_it = project.read("scripts/builds/manifest.py")
    project.write("scripts/builds/manifest.py", code_of_it.replace(b"indent=1", b"indent=2"))
    assert project.ran() == {"convert:mine"}
    after = project.read("models/json_models/mine/manifest.json")
    assert after != before and json.loads(after.decode()) == json.loads(before.decode())


@pytest.mark.modern
def test_a_new_setting_of_the_catalogue_rebuilds_nothing(project):
    project.ran()
    path = "scripts/builds/catalog.py"
    text = project.read(path).decode()
    added = text.replace('CHOOSING = {\n', 'CHOOSING = {\n    "colour": Setting("red", _text, "a colour"),\n')
    added = added.replace('TRAINING = {\n', 'TRAINING = {\n    "noise": Setting(0, _positive, "a number"),\n')
    assert added != text
    project.write(path, added)
    assert project.ran() == set()
    project.write("models/models.toml", '[mine]\nsource = "model.h5"\ncolour = "blue"\n')
    assert project.ran() == {"encapsulate:mine", "convert:mine"}
    assert b'"colour": "blue"' in project.read("models/json_models/mine/manifest.json")
    project.write("models/models.toml", '[mine]\nsource = "model.h5"\ncolour = "red"\n')
    assert project.ran() == {"encapsulate:mine", "convert:mine"}
    assert b"colour" not in project.read("models/json_models/mine/manifest.json")


def test_records_and_manifests_hold_only_what_is_not_the_default(project):
    project.write("models/models.toml", '[mine]\nsource = "model.h5"\nshard_size = 1000\nquantize = "uint8"\n')
    project.ran()
    told = {"shard_size": 1000, "quantize": "uint8"}
    assert json.loads(project.read("models/.records/convert.mine.json").decode())["settings"] == told
    manifest = json.loads(project.read("models/json_models/mine/manifest.json").decode())
    assert manifest["settings"] == dict(told, json_name="model.json")  # by which a reader finds the model
    assert json.loads(project.read("models/.records/encapsulate.mine.json").decode())["settings"] == {}


def test_the_digests_that_are_equal_end_with_todays():
    """Where this fails, the code of a stage changed.  If it trains the same bytes as before (test_move.py shows that
    for the commits in the table), today's digest goes into code.EQUAL; if it does not, the stage's entry goes."""
    for stage, equal in code.EQUAL.items():
        today = code.Code(digests.Digests()).of({"train": training.TRAIN}[stage])
        assert equal.today == today, f'put today="{today}" into the entry of {stage} in scripts/builds/code.py: EQUAL'


def test_older_code_is_equal_only_to_what_the_table_names():
    equal = code.EQUAL["train"]
    assert code.same("train", equal.older[0], equal.today)
    assert not code.same("train", equal.older[0], "another")
    assert not code.same("encapsulate", equal.older[0], equal.today)
    assert not code.same("train", "another", equal.today)
