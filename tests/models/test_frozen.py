"""scripts/formats/frozen.py: what is a frozen graph, and what only looks like one."""
import os
import subprocess
import sys

import pytest

from scripts import Fault, formats, preprocess
from scripts.base import child
from scripts.formats import freeze_by_tensorflow, frozen
from scripts.operations import loops
from scripts.tfjs import graph
from tests import needs
from tests.project import Project


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    needs.tensorflow()
    import tensorflow
    v1 = tensorflow.compat.v1
    with tensorflow.Graph().as_default() as whole:
        x = v1.placeholder(tensorflow.float32, [None, 4], name="x")
        tensorflow.identity(tensorflow.nn.relu(x, name="r"), name="y")
    target = tmp_path_factory.mktemp("frozen") / "graph.bin"  # known by content, not by name
    target.write_bytes(whole.as_graph_def().SerializeToString())
    return target


def test_a_graphdef_is_known_by_its_content(path):
    assert frozen.match(str(path)) and formats.is_graph(str(path))


@pytest.mark.parametrize("content", [b"", b"\n", b"\n\x05hello", b"\n\x04\n\x02hi", b"not a graph",
                                     b"\x89HDF\r\n\x1a\n", b"\n\n\n\n", b"\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"])
def test_other_files_are_not_taken_for_one(tmp_path, content):
    (tmp_path / "graph.pb").write_bytes(content)
    assert not frozen.match(str(tmp_path / "graph.pb"))
    with pytest.raises(Fault, match="graph.pb"):
        formats.read(str(tmp_path / "graph.pb"))


def test_a_truncated_one_is_one_line(path, tmp_path):
    content = path.read_bytes()
    (tmp_path / "short.pb").write_bytes(content[:-8])  # the last 5 are the versions, a message of their own
    (tmp_path / "out").mkdir()
    with pytest.raises(Fault, match="short.pb: damaged"):
        graph.convert(formats.read(str(tmp_path / "short.pb")), str(tmp_path / "out"))


def test_one_whose_function_is_damaged_is_one_line(tmp_path, monkeypatch):
    """TensorFlow looks into functions when it optimizes the graph, and may crash there."""
    needs.tensorflow()
    import tensorflow

    def run(x):
        return tensorflow.while_loop(lambda i, y: i < tensorflow.cast(x[0], tensorflow.int32),
                                     lambda i, y: (i + 1, y * 2), [0, x])[1]

    whole = tensorflow.function(run).get_concrete_function(tensorflow.TensorSpec([3], name="x")).graph.as_graph_def()
    inner, = [node for function in whole.library.function for node in function.node_def if node.op == "Mul"]
    del inner.input[1]
    (tmp_path / "graph.pb").write_bytes(whole.SerializeToString())
    (tmp_path / "out").mkdir()
    source = formats.read(str(tmp_path / "graph.pb"))
    with pytest.raises(Fault, match="graph.pb: damaged: TensorFlow .* does not take it: "):
        graph.convert(source, str(tmp_path / "out"))

    def crash(module, *arguments):
        raise RuntimeError(f"{module} ended with -6\nCheck failed")
    monkeypatch.setattr(child, "run", crash)
    with pytest.raises(Fault, match="graph.pb: damaged: TensorFlow itself crashes"):
        graph.convert(source, str(tmp_path / "out"))


def test_a_graph_whose_variables_are_elsewhere_is_refused(tmp_path):
    needs.tensorflow()
    import tensorflow
    with tensorflow.Graph().as_default() as whole:
        tensorflow.compat.v1.get_variable("w", [3], use_resource=False)
    (tmp_path / "graph.pb").write_bytes(whole.as_graph_def().SerializeToString())
    (tmp_path / "out").mkdir()
    with pytest.raises(Fault, match="freeze it"):
        graph.convert(formats.read(str(tmp_path / "graph.pb")), str(tmp_path / "out"))


@pytest.mark.parametrize("training", [False, True])
def test_an_input_can_be_given_a_value_that_decides_which_branch_is_taken(training, tmp_path):
    needs.tensorflow()
    import tensorflow
    v1 = tensorflow.compat.v1
    with tensorflow.Graph().as_default() as whole:
        x = v1.placeholder(tensorflow.float32, [None, 4], name="x")
        phase = v1.placeholder_with_default(True, [], name="phase")
        tensorflow.identity(v1.cond(phase, lambda: -x, lambda: tensorflow.nn.relu(x)), name="y")
    source = str(tmp_path / "graph.pb")
    with open(source, "wb") as file:
        file.write(whole.as_graph_def().SerializeToString())
    found = freeze_by_tensorflow.freeze(source, constants={"phase": training})
    loops.unroll(found)
    assert found.inputs == ["x"] and found.outputs == ["y"]
    ops = {node.op for node in found.nodes.values()}
    assert ("Neg" in ops, "Relu" in ops) == (training, not training) and not ops & {"If", "StatelessIf", "Switch"}
    with pytest.raises(Fault, match="constants: no input is called 'p'; there are: x, phase"):
        freeze_by_tensorflow.freeze(source, constants={"p": training})
    with pytest.raises(Fault, match="constants: 'phase' takes bool of shape .., not 3"):
        freeze_by_tensorflow.freeze(source, constants={"phase": 3})


def test_a_frozen_graph_of_any_name_converts_the_same_by_command_and_under_doit(path, tmp_path):
    under_doit = ["frozen.bin", "frozen.h5"]
    project = Project.create(tmp_path / "project", "".join(
        f'[graph{number}]\nsource = "given/{name}"\n' for number, name in enumerate(under_doit)))
    for name in under_doit:
        project.write("given/" + name, path.read_bytes())
    assert project.ran() == {"convert:graph0", "convert:graph1"}
    assert project.ran() == set()
    expected = {name: project.read("models/json_models/graph0/" + name)
                for name in os.listdir(project.file("models/json_models/graph1"))}
    assert project.read("models/json_models/graph1/model.json") == expected["model.json"]
    for name in under_doit + ["frozen.pb", "frozen"]:
        (tmp_path / name).write_bytes(path.read_bytes())
        preprocess.main([str(tmp_path / name), str(tmp_path / "out")])
        written = {name: (tmp_path / "out" / name).read_bytes() for name in os.listdir(str(tmp_path / "out"))}
        assert written == {name: expected[name] for name in written} and "model.json" in written
    # What is up to date is told a graph, or no graph, without what would read it.
    code = ("import sys; from doit.doit_cmd import DoitMain; status = DoitMain().run(['convert']); "
            "print(sorted({'numpy', 'h5py', 'tensorflow'} & set(sys.modules))); sys.exit(status)")
    done = subprocess.run([sys.executable, "-c", code], cwd=project.path, stdout=subprocess.PIPE,
                          env=project.environment())
    assert done.returncode == 0 and done.stdout.decode().splitlines()[-1] == "[]"
