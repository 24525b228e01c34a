"""Every attack of builders.py through the real command line, in a child process that may use no more than 300 MB of
data and 5 s of CPU: refused with one line, or harmless in a way that is asserted.

README.md here is the list.  What would execute leaves a file `canary`; what must not be opened is a FIFO, so that a
command that opens it never ends and the test fails on its time limit.
"""
import hashlib
import json
import os
import re
import shutil
import signal
import tempfile

import numpy
import pytest

from scripts import Fault
from tests.attacks import builders, confined, graphs
from tests.attacks.confined import run
from tests.project import Project
from tests.unit import handmade


def tree(folder):
    """{path: content's digest, or None of what is no file} of all that is below."""
    found = {}
    for directory, names, files in os.walk(str(folder)):
        for name in names + files:
            path = os.path.join(directory, name)
            found[os.path.relpath(path, str(folder))] = (
                hashlib.sha256(open(path, "rb").read()).hexdigest() if os.path.isfile(path) else None)
    return found


def refused(folder, path, module="preprocess", *more):
    """The one line with which a command refuses `path`.  Nothing of it stays, nothing that was there changes."""
    before = tree(folder)
    arguments = [path, os.path.join(str(folder), "out")] if module == "preprocess" else [path]
    status, out, err = run(module, *(arguments + list(more)))
    assert (status, err.count("\n"), out) == (1, 1, ""), (status, out, err[-2000:])
    assert "Traceback" not in err and err[:-1].isprintable()
    assert tree(folder) == before
    return err


def harmless(folder, path, *more):
    """Convert `path`, which must succeed and write its model and nothing else; returns (the document, stdout)."""
    before = tree(folder)
    status, out, err = run("preprocess", path, os.path.join(str(folder), "out"), *more)
    assert (status, err) == (0, ""), (status, err[-2000:])
    after = tree(folder)
    assert {name: after.get(name) for name in before} == before
    assert {name for name in after if name not in before} == {"out", "out/model.json", "out/group1-shard1of1.bin"}
    assert all(line.isprintable() for line in out.splitlines())
    with open(os.path.join(str(folder), "out", "model.json")) as file:
        return json.load(file), out


def weightless(folder, path):
    """Convert a model without weights, which has no shard; returns the document."""
    before = tree(folder)
    status, _, err = run("preprocess", path, os.path.join(str(folder), "out"))
    assert (status, err) == (0, ""), (status, err[-2000:])
    assert set(tree(folder)) - set(before) == {"out", "out/model.json"}
    with open(os.path.join(str(folder), "out", "model.json")) as file:
        return json.load(file)


def known(folder):
    """The shard of the handmade model: what a harmless attack on it must give."""
    (folder / "clean").mkdir()
    harmless(folder / "clean", handmade.h5(folder / "clean" / "model.h5"))
    return (folder / "clean" / "out" / "group1-shard1of1.bin").read_bytes()


REFUSED = [
    (builders.lambda_h5, "evil.*Lambda|Lambda.*evil"),
    (builders.lambda_keras, "evil"),
    (builders.lambda_tfjs, "evil"),
    (builders.class_by_name, "evil"),
    (builders.bare_pickle, "a pickle"),
    (builders.pickle_in_archive, "metadata.json: not valid JSON"),
    (builders.pickled_weight, "not numbers"),
    (builders.link_for_config, "config.json: not valid JSON"),
    (builders.twice, "two config.json"),
    (builders.bomb_of_lists, "refused"),
    (builders.bomb_of_spaces, "refused"),
    (builders.many_objects, "no topology"),
    (builders.bomb_of_weights, "compressed"),
    (builders.lying_archive, "claims to be .* but the archive holds"),
    (builders.external_link, "a link to somewhere else"),
    (builders.external_link_for_all_weights, "a link to somewhere else"),
    (builders.external_link_beside, "no Keras model in it|weights without a topology"),
    (builders.external_link_in_archive, "a link to somewhere else"),
    (builders.soft_link, "a link to somewhere else"),
    (builders.external_dataset, "stored in another file"),
    (builders.virtual_dataset, "stored in another file"),
    (builders.reference_for_a_weight, "not numbers"),
    (builders.terabytes_unwritten, "claims .* bytes"),
    (builders.terabytes_claimed, "claims .* bytes|invalid dataset size"),
    (builders.terabytes_in_one_chunk, "unpacked at once"),
    (builders.terabytes_in_a_topology, "do(es)? not belong together"),
    (builders.terabytes_of_shard, "too few for weight"),
    (builders.many_names, "damaged"),
    (builders.nested_json, "nested"),
    (builders.nested_json_file, "nested"),
    (builders.cycle, "cycle"),
    (builders.own_output, "cycle"),
    (builders.groups_in_groups, "two ways to the group"),
    (builders.group_in_itself, "two ways to the group"),
    (builders.heap_without_end, "does not get through its attributes"),
    (builders.heap_behind_what_cannot_be_read, "does not get through its attributes"),
    (builders.duplicate_keys, "'units' stands twice"),
    (builders.not_a_number, "NaN"),
    (builders.infinite, "Infinity"),
    (builders.overflowing, "1e999"),
    (builders.long_number, "a number of 200000 digits"),
    (builders.surrogate_name, "no file can store"),
    (builders.shard_fifo, "trap is missing"),
    (builders.tfjs_duplicate, "'weightsManifest' stands twice"),
    (builders.infinite_quantization, "scale|damaged"),
] + graphs.REFUSED


@pytest.mark.parametrize("build", [handmade.h5, builders.lambda_h5, builders.bomb_of_lists], ids=lambda b: b.__name__)
def test_a_command_that_is_forked_does_what_one_does_that_python_starts(build, tmp_path):
    path, found = build(tmp_path / "model.h5" if build is handmade.h5 else tmp_path), []
    for way in (confined.run, confined.alone):
        found.append(way("preprocess", path, str(tmp_path / "out")) + (tree(tmp_path),))
        shutil.rmtree(str(tmp_path / "out"), ignore_errors=True)
    assert found[0] == found[1] and found[0][0] == (build is not handmade.h5)


@pytest.mark.parametrize("code, ended", [
    ("bytearray(400 << 20)", "MemoryError"), ("open('large', 'wb').truncate(400 << 20)", "File too large"),
    ("while True: pass", "")])
def test_what_a_command_that_is_forked_may_take_is_limited(code, ended, tmp_path):
    code = code.replace("large", str(tmp_path / "large"))
    with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
        status = confined.FORKS.ask("timeit", ["-n1", "-r1", code], confined.environment(), out.name, err.name)
        said = err.read().decode("utf-8")
    assert status == 1 and ended in said if ended else status in (-signal.SIGPROF, -signal.SIGXCPU), (status, said)


@pytest.mark.parametrize("build, line", REFUSED, ids=[build.__name__ for build, _ in REFUSED])
def test_an_attack_is_refused_with_one_line_and_leaves_nothing(build, line, tmp_path):
    said = refused(tmp_path, build(tmp_path))
    assert re.search(line, said), said
    assert not os.path.exists(str(tmp_path / "canary"))


@pytest.mark.parametrize("build", [builders.lambda_h5, builders.class_by_name, builders.chain,
                                   builders.nested_doubling, builders.terabytes_on_the_way], ids=lambda b: b.__name__)
def test_the_table_of_a_hostile_model_runs_nothing_and_ends(build, tmp_path):
    path = build(tmp_path)
    before = tree(tmp_path)
    status, out, err = run("summary", path)
    assert (status, err) == (0, "") or status == 1 and err.count("\n") == 1, (status, err[-2000:])
    assert tree(tmp_path) == before


@pytest.mark.parametrize("build", [builders.traversal, builders.absolute, builders.linked_member],
                         ids=lambda b: b.__name__)
def test_what_else_an_archive_holds_is_never_unpacked(build, tmp_path):
    harmless(tmp_path, build(tmp_path))
    assert (tmp_path / "out" / "group1-shard1of1.bin").read_bytes() == known(tmp_path)
    assert not (tmp_path / "canary").exists() and not (tmp_path.parent / "canary").exists()


@pytest.mark.parametrize("name", ["../trap.h5", "/etc/hostname", "..\\x", "..", ".", "", "a/b", "x\0y", "http://x/y"])
def test_a_manifest_that_names_what_is_not_beside_it_is_refused(name, tmp_path):
    builders.trap(tmp_path)
    assert "no file beside it: refused" in refused(tmp_path, builders.shard_elsewhere(tmp_path, name))


@pytest.mark.parametrize("name", ["a/b/../../../c", "x" * 5000, "a..b"])
def test_a_layers_name_is_text_wherever_it_goes(name, tmp_path):
    """Names that are paths: one layer of that name comes out, and no other file."""
    path = builders.named(tmp_path, name)
    document, out = harmless(tmp_path, path)
    assert [layer["config"]["name"] for layer in document["modelTopology"]["model_config"]["config"]["layers"]] \
        == ["start", name]
    assert "1 outputs: " + name in out
    status, out, err = run("summary", path)
    assert (status, err) == (0, "") and name[:40] in out


@pytest.mark.parametrize("name", ["../../../evil", "C:\\evil", "%s%n%d{0}{name}%(x)s", "<script>alert(1)</script>",
                                  "$(touch canary)", "`touch canary`", "; touch canary", "--layers", "层 🙂", "..", "*",
                                  "__proto__", "constructor", "toString", "two words", "größe", "0/../x",
                                  "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "]]>\"'&lt;"])
@pytest.mark.parametrize("build", [builders.named, builders.without_weights], ids=lambda build: build.__name__)
def test_a_name_that_tensorflow_js_does_not_take_is_replaced(build, name, tmp_path):
    """It would load none of them: markup, commands, properties of every object; the table shows them as they are."""
    path = build(tmp_path, name)
    document, out = renamed(tmp_path, path, name)
    assert f"1 outputs: {name}" in out and repr(name)[1:-1] in out.splitlines()[-1]
    status, out, err = run("summary", path)
    assert (status, err) == (0, "") and name[:40] in out


def renamed(folder, path, name):
    """Convert a model whose last layer has another name then; returns (the document, stdout)."""
    before = tree(folder)
    status, out, err = run("preprocess", path, os.path.join(str(folder), "out"))
    assert (status, err) == (0, ""), (status, err[-2000:])
    assert set(tree(folder)) - set(before) <= {"out", "out/model.json", "out/group1-shard1of1.bin"}
    assert all(line.isprintable() for line in out.splitlines())
    with open(os.path.join(str(folder), "out", "model.json")) as file:
        document = json.load(file)
    written = [layer["config"]["name"] for layer in document["modelTopology"]["model_config"]["config"]["layers"]]
    assert re.fullmatch(r"[A-Za-z][-A-Za-z0-9_./]*", written[-1]) and written[-1] != name
    assert document["sourceNames"] == {written[-1]: name}
    return document, out


@pytest.mark.parametrize("name", ["\x1b]0;owned\x07", "\x1b[2J\x1b[1;1Hall is well", "a\nFault: none", "a\rb",
                                  "\x9b31m", "\u202egnp.h5", "a\u2028b"])
def test_a_name_cannot_speak_to_the_terminal(name, tmp_path):
    """Escape sequences, line ends and marks that turn text around are printed as Python spells them."""
    path = builders.named(tmp_path, name)
    spelt = name.encode("unicode_escape").decode("ascii")
    _, out = renamed(tmp_path, path, name)
    assert all(line.isprintable() for line in out.splitlines()) and f"1 outputs: {spelt}" in out
    status, out, err = run("summary", path)
    assert (status, err) == (0, "") and all(line.isprintable() for line in out.splitlines()) and spelt in out


@pytest.mark.parametrize("build", [builders.nan_weights], ids=lambda b: b.__name__)
def test_numbers_that_are_none_are_values_of_a_weight_like_others(build, tmp_path):
    document, _ = harmless(tmp_path, build(tmp_path))
    values = numpy.frombuffer((tmp_path / "out" / "group1-shard1of1.bin").read_bytes(), "<f4")
    assert numpy.isnan(values).sum() == 72 and numpy.isinf(values).sum() == 144
    status, _, err = run("preprocess", str(tmp_path / "model.h5"), str(tmp_path / "small"), "--quantize", "uint8")
    assert status == 1 and err.count("\n") == 1 and "dense" in err and not (tmp_path / "small").exists()


def test_a_lambda_that_no_chosen_output_needs_is_left_out_unread(tmp_path):
    document, _ = harmless(tmp_path, builders.beside_a_lambda(tmp_path), "--layers", "good")
    assert "evil" not in json.dumps(document) and not (tmp_path / "canary").exists()


def test_activations_of_terabytes_take_no_room(tmp_path):
    document = weightless(tmp_path, builders.terabytes_on_the_way(tmp_path))
    assert str(1 << 60) in json.dumps(document)


@pytest.mark.parametrize("build", graphs.CONVERTED, ids=lambda build: build.__name__)
def test_a_hostile_graph_model_that_is_one_is_converted_soon(build, tmp_path):
    status, _, err = run("preprocess", build(tmp_path), str(tmp_path / "out"))
    assert (status, err) == (0, ""), (status, err[-2000:])
    assert os.path.exists(str(tmp_path / "out" / "model.json"))


def test_a_long_model_is_converted(tmp_path):
    document = weightless(tmp_path, builders.chain(tmp_path))
    assert len(document["modelTopology"]["model_config"]["config"]["output_layers"]) == 3000


def test_a_pickle_among_the_training_images_is_never_opened(tmp_path):
    from scripts.training import dataset
    path = builders.pickled_npz(tmp_path)
    with pytest.raises(Fault):
        dataset.resolve(path, {})
    assert not (tmp_path / "canary").exists()


CATALOGUES = [
    ('["../outside"]\nsource = "m.h5"\n', "a name is made of"),
    ('["/tmp/outside"]\nsource = "m.h5"\n', "a name is made of"),
    ('["..%2foutside"]\nsource = "m.h5"\n', "a name is made of"),
    ('[".."]\nsource = "m.h5"\n', "a name is made of"),
    ('["a\\u001b[2J"]\nsource = "m.h5"\n', "a name is made of"),
    ('[json_models]\nsource = "m.h5"\n', "none of"),
    ('[m]\nsource = "m.h5"\njson_name = "../../outside.json"\n', "json_name"),
    ('[m]\nsource = "m.h5"\njson_name = "/tmp/outside.json"\n', "json_name"),
    ('[m]\nsource = "m.h5"\njson_name = "..\\\\outside.json"\n', "json_name"),
    ('[m]\nsource = "/dev/zero"\n', "neither a file nor a directory|/dev/zero"),
    ('[m]\nsource = "m.h5"\nlayers = ["../x"]\n', "no layer|not"),
]


@pytest.mark.parametrize("toml, line", CATALOGUES)
def test_a_catalogue_cannot_make_the_build_write_outside_the_project(toml, line, tmp_path):
    project = Project.create(tmp_path / "inner" / "project", toml)
    shutil.copy(handmade.h5(tmp_path / "source.h5"), project.file("m.h5"))
    before = {name: digest for name, digest in tree(tmp_path).items() if not name.startswith("inner/project")}
    said = project.fault()
    assert re.search(line, said) and said.isprintable(), said
    assert {name: digest for name, digest in tree(tmp_path).items() if not name.startswith("inner/project")} == before
    assert set(project.artifacts()) == {"models/models.toml"}
