"""Which TensorSpace layers a topology becomes, what is refused, that a page's files are whole, own and reproducible."""
import base64
import errno
import hashlib
import html
import json
import os
import re
import shutil
import subprocess
import sys

import numpy
import pytest

from scripts import Fault
from scripts.viewer import carried, choices, page, snippet
from scripts.viewer.renderers.tensorspace import drawing
from tests import needs

# Topologies, as tfjs has them ---------------------------------------------------------------------------------

class Net:
    """A model.json and what TensorFlow.js says of it, written down layer by layer."""

    def __init__(self):
        self.layers, self.shapes, self.inputs, self.outputs, self.parameters = [], {}, [], [], {}
        self.renamed = {}

    def input(self, name, *shape):
        self.layers.append({"class_name": "InputLayer", "name": name, "inbound_nodes": [],
                            "config": {"name": name, "batch_input_shape": [None] + list(shape), "dtype": "float32"}})
        self.inputs.append(name)
        self.shapes[name, 0] = list(shape)
        return (name, 0)

    def __call__(self, kind, name, shape, *sources, **config):
        node = [[source[0], source[1], 0, {}] for source in sources]
        known = [layer for layer in self.layers if layer["name"] == name]
        if known:
            known[0]["inbound_nodes"].append(node)
        else:
            self.layers.append({"class_name": kind, "name": name, "inbound_nodes": [node],
                                "config": dict(config, name=name)})
        call = (name, len(known[0]["inbound_nodes"]) - 1 if known else 0)
        self.shapes[call] = list(shape)
        self.parameters[name] = 10 if kind in ("Dense", "Conv2D") else 0
        return call

    def model(self, *outputs):
        config = {"name": "net", "layers": self.layers, "input_layers": [[name, 0, 0] for name in self.inputs],
                  "output_layers": [[name, call, 0] for name, call in outputs]}
        return {"modelTopology": {"keras_version": "2.6.0", "backend": "tensorflow",
                                  "model_config": {"class_name": "Model", "config": config}},
                "format": "layers-model", "weightsManifest": [], "sourceNames": self.renamed}

    def draw(self, *outputs):
        def entry(call):
            return {"name": call[0], "shape": [None] + self.shapes[call], "dtype": "float32"}

        described = {"format": "layers", "inputs": [entry((name, 0)) for name in self.inputs],
                     "outputs": [entry(call) for call in outputs], "parameters": self.parameters}
        return drawing.drawing(self.model(*outputs), described, "a/model.json")


def classes(drawn):
    return [(layer["name"], layer["class"]) for layer in drawn["layers"]]


def test_a_chain_is_sequential_and_its_last_row_an_output():
    net = Net()
    start = net.input("image", 8, 8, 1)
    conv = net("Conv2D", "conv", (6, 6, 4), start)
    flat = net("Flatten", "flat", (144,), conv)
    drawn = net.draw(conv, flat, net("Dense", "end", (3,), flat))
    assert drawn["kind"] == "Sequential"
    assert [entry["class"] for entry in drawn["inputs"]] == ["GreyscaleInput"]
    assert classes(drawn) == [("conv", "Conv2d"), ("flat", "Flatten"), ("end", "Output1d")]
    assert [layer["parents"] for layer in drawn["layers"]] == [["image"], ["conv"], ["flat"]]


def test_conv_batch_normalization_and_activation_are_one_layer_that_shows_the_activation():
    net = Net()
    x = net.input("image", 8, 8, 3)
    outputs = [net("Conv2D", "conv", (8, 8, 4), x)]
    outputs.append(net("BatchNormalization", "norm", (8, 8, 4), outputs[-1]))
    outputs.append(net("Activation", "relu", (8, 8, 4), outputs[-1]))
    outputs.append(net("Conv2D", "next", (8, 8, 4), outputs[-1]))
    drawn = net.draw(*outputs)
    assert [(layer["class"], layer["output"], layer["chain"], layer["parents"]) for layer in drawn["layers"]] == [
        ("Conv2d", 2, ["conv", "norm", "relu"], ["image"]), ("Conv2d", 3, ["next"], ["relu"])]


def test_a_convolution_that_something_else_reads_too_stays_on_its_own():
    net = Net()
    x = net.input("image", 8, 8, 3)
    conv = net("Conv2D", "conv", (8, 8, 4), x)
    norm = net("BatchNormalization", "norm", (8, 8, 4), conv)
    both = net("Add", "both", (8, 8, 4), conv, norm)
    drawn = net.draw(conv, norm, both)
    assert classes(drawn) == [("conv", "Conv2d"), ("norm", "Layer3d"), ("both", "Add")]
    assert drawn["kind"] == "Model" and drawn["layers"][2]["parents"] == ["conv", "norm"]


def test_what_only_repeats_the_layer_before_it_is_left_out():
    net = Net()
    x = net.input("image", 28, 28)
    shaped = net("Reshape", "shaped", (28, 28, 1), x)
    conv = net("Conv2D", "conv", (26, 26, 2), shaped)
    dropped = net("Dropout", "dropped", (26, 26, 2), conv)
    drawn = net.draw(shaped, conv, dropped, net("Flatten", "flat", (1352,), dropped))
    assert classes(drawn) == [("conv", "Conv2d"), ("flat", "Output1d")]
    assert drawn["layers"][0]["parents"] == ["image"] and drawn["layers"][1]["parents"] == ["conv"]


def test_layers_that_are_no_outputs_are_passed_through():
    net = Net()
    x = net.input("image", 8, 8, 1)
    one, two = net("Conv2D", "one", (8, 8, 4), x), net("Conv2D", "two", (8, 8, 4), x)
    relu = net("Activation", "relu", (8, 8, 4), one)
    drawn = net.draw(one, two, net("Add", "sum", (8, 8, 4), relu, two))
    assert drawn["layers"][2]["class"] == "Add" and drawn["layers"][2]["parents"] == ["one", "two"]


@pytest.mark.parametrize("shapes, kind", [(((8, 8, 4), (1, 1, 4)), "Layer3d"), (((8, 8, 4), (8, 8, 4)), "Multiply")])
def test_a_merge_of_unequal_shapes_has_no_counterpart(shapes, kind):
    net = Net()
    x = net.input("image", 8, 8, 1)
    sides = [net("Conv2D", f"side_{place}", shape, x) for place, shape in enumerate(shapes)]
    merged = net("Multiply", "merged", (8, 8, 4), *sides)
    drawn = net.draw(*(sides + [merged, net("Conv2D", "end", (8, 8, 1), merged)]))
    assert dict(classes(drawn))["merged"] == kind


def test_concatenating_along_another_axis_than_the_channels_has_no_counterpart():
    for axis, shape, kind in ((-1, (8, 8, 6), "Concatenate"), (3, (8, 8, 6), "Concatenate"),
                              (1, (16, 8, 3), "Layer3d")):
        net = Net()
        x = net.input("image", 8, 8, 1)
        sides = [net("Conv2D", name, (8, 8, 3), x) for name in ("left", "right")]
        joined = net("Concatenate", "joined", shape, *sides, axis=axis)
        assert dict(classes(net.draw(*(sides + [joined]))))["joined"] == kind


def test_a_layer_that_is_called_twice_is_drawn_twice_and_counted_once():
    net = Net()
    x = net.input("row", 5)
    once = net("Dense", "shared", (5,), x)
    again = net("Dense", "shared", (5,), once)
    drawn = net.draw(once, again, net("Dense", "end", (2,), again))
    assert [layer["name"] for layer in drawn["layers"]] == ["shared", "shared (2)", "end"]
    assert [layer["parameters"] for layer in drawn["layers"]] == [10, 0, 10]


def test_a_layer_that_has_another_name_is_called_what_the_source_calls_it():
    net = Net()
    net.renamed = {"valueOf_": "valueOf", "constructor_": "constructor", "of_mine": "of mine", "toString_": 5}
    start = net.input("valueOf_", 8, 8, 3)
    conv = net("Conv2D", "constructor_", (6, 6, 4), start)
    drawn = net.draw(conv, net("Activation", "of_mine", (6, 6, 4), conv), net("Conv2D", "toString_", (4, 4, 2), conv))
    assert [entry.get("called") for entry in drawn["inputs"] + drawn["layers"]] == [
        {"valueOf_": "valueOf"}, {"constructor_": "constructor"}, {"of_mine": "of mine"}, None]
    described = {"parameters": {"constructor_": 1, "hasOwnProperty_": 0, "idle": 0}}
    assert page.left_out(drawn, described, {"hasOwnProperty_": "hasOwnProperty"}) == ["hasOwnProperty", "idle"]


def test_two_heads_are_both_outputs_and_an_input_that_nothing_drawn_reads_is_left_out():
    net = Net()
    x, y = net.input("row", 5), net.input("unseen", 4)
    middle = net("Dense", "middle", (5,), x)
    net("Dense", "hidden", (5,), y)
    drawn = net.draw(middle, net("Dense", "one", (2,), middle), net("Dense", "two", (3,), middle))
    assert classes(drawn) == [("middle", "Dense"), ("one", "Output1d"), ("two", "Output1d")]
    assert [(entry["name"], entry["drawn"], entry["feed"]) for entry in drawn["inputs"]] \
        == [("row", True, 0), ("unseen", False, 1)]


def test_outputs_in_another_order_than_the_graph_are_drawn_in_the_graphs():
    net = Net()
    one = net("Dense", "one", (5,), net.input("row", 5))
    two = net("Dense", "two", (2,), one)
    drawn = net.draw(two, one)
    assert drawn["kind"] == "Model"
    assert [(layer["name"], layer["output"], layer["terminal"]) for layer in drawn["layers"]] \
        == [("one", 1, False), ("two", 0, True)]


def test_rows_of_more_than_400_units_are_paged():
    net = Net()
    narrow = net("Dense", "narrow", (400,), net.input("row", 5))
    wide = net("Dense", "wide", (401,), narrow)
    drawn = net.draw(narrow, wide, net("Dense", "end", (1000,), wide))
    assert [layer["config"] for layer in drawn["layers"]] \
        == [{}] + 2 * [{"paging": True, "segmentLength": 200, "overview": True}]


def test_pooling_is_drawn_as_a_plain_layer_where_its_channels_have_nowhere_to_come_from():
    net = Net()
    x = net.input("steps", 10, 3)  # TensorSpace can draw it as a grey image only, which has one channel
    pooled = net("MaxPooling1D", "pooled", (5, 3), x)
    again = net("MaxPooling1D", "again", (2, 3), pooled)
    assert classes(net.draw(pooled, again)) == [("pooled", "Layer2d"), ("again", "Pooling1d")]


def test_recurrent_nested_and_unknown_layers_are_plain_layers_of_their_rank():
    net = Net()
    x = net.input("steps", 10, 3)
    outputs = [net("LSTM", "lstm", (10, 4), x)]
    outputs.append(net("Mystery", "mystery", (2, 2, 2), outputs[-1]))
    outputs.append(net("GRU", "gru", (4,), outputs[-1]))
    assert [kind for _, kind in classes(net.draw(*(outputs + [net("Dense", "end", (1,), outputs[-1])])))] \
        == ["Layer2d", "Layer3d", "Layer1d", "Output1d"]


@pytest.mark.parametrize("shape, words", [
    ((4, 0), r"input x of shape \(4, 0\) has no fixed size"),
    ((None, None, 3), r"input x of shape \(None, None, 3\) has no fixed size.*set input_shape"),
    ((), r"input x of shape \(\) cannot be drawn"),
])
def test_an_input_without_a_size_is_refused_by_name(shape, words):
    net = Net()
    end = net("Dense", "end", (2,), net.input("x", *shape))
    with pytest.raises(Fault, match=words):
        net.draw(end)


@pytest.mark.parametrize("shape, tiles", [
    ((8, 8, 2), {"tiles": 2, "columns": 2, "rows": 1, "channels": 2, "colours": 1}),
    ((4, 8, 8, 3), {"tiles": 4, "columns": 2, "rows": 2, "channels": 3, "colours": 3}),
    ((2, 100, 8, 8, 1), {"tiles": 64, "columns": 10, "rows": 7, "channels": 1, "colours": 1}),
])
def test_an_input_that_tensorspace_has_nothing_for_is_one_picture_of_its_steps_and_channels(shape, tiles):
    net = Net()
    entry = net.draw(net("Dense", "end", (2,), net.input("x", *shape)))["inputs"][0]
    assert entry["shape"] == list(shape) and entry["class"] == ("RGBInput" if shape[-1] == 3 else "GreyscaleInput")
    assert entry["montage"] == dict(tiles, height=8, width=8, stride=1)


def test_the_picture_of_a_large_input_leaves_pixels_out():
    net = Net()
    montage = net.draw(net("Dense", "end", (2,), net.input("x", 64, 512, 512, 1)))["inputs"][0]["montage"]
    assert montage["stride"] == 7 and montage["columns"] * montage["width"] <= 768


def test_an_output_of_more_dimensions_is_a_strip_of_the_maps_of_its_steps():
    net = Net()
    x = net.input("film", 5, 8, 8, 3)
    first = net("ConvLSTM2D", "first", (5, 6, 6, 4), x)
    second = net("Conv3D", "second", (5, 6, 6, 4), first)
    both = net("Add", "both", (5, 6, 6, 4), first, second)
    drawn = net.draw(first, second, both, net("MaxPooling3D", "deep", (2, 5, 3, 3, 2), both))
    assert [(layer["class"], layer["shape"], layer["full"], layer["strip"]["of"]) for layer in drawn["layers"]] == [
        ("Layer3d", [6, 6, 20], [5, 6, 6, 4], "step"), ("Layer3d", [6, 6, 20], [5, 6, 6, 4], "slice"),
        ("Layer3d", [6, 6, 20], [5, 6, 6, 4], "step"), ("Layer3d", [3, 3, 20], [2, 5, 3, 3, 2], "slice")]
    assert drawn["layers"][3]["strip"] == {"steps": 10, "channels": 2, "of": "slice"}
    with pytest.raises(Fault, match=r"film of shape \(5, 8, 8, 3\) has no layer in TensorSpace's API"):
        snippet.html(drawn, name="model.json")


@pytest.mark.parametrize("shape", [(None, 3), ()])
def test_an_output_without_a_size_is_refused_by_name(shape):
    net = Net()
    box = net("Conv3D", "box", shape, net.input("x", 5))
    spelled = ", ".join(str(size) for size in shape)
    with pytest.raises(Fault) as fault:
        net.draw(box, net("Flatten", "flat", (120,), box))
    assert str(fault.value).startswith(f"a/model.json: output box of shape ({spelled}) cannot be drawn: ")
    assert "leave it out of the model's layers" in str(fault.value)


def test_a_graph_of_many_paths_is_drawn_in_no_time():
    """Forty diamonds have 2^40 paths from end to end."""
    net = Net()
    x = net("Conv2D", "start", (4, 4, 2), net.input("image", 4, 4, 1))
    outputs = [x]
    for place in range(40):
        sides = [net("Conv2D", f"{side}_{place}", (4, 4, 2), x) for side in ("left", "right")]
        x = net("Add", f"sum_{place}", (4, 4, 2), *sides)
        outputs += sides + [x]
    assert len(net.draw(*outputs)["layers"]) == 121


# Files ----------------------------------------------------------------------------------------------------------

@pytest.fixture
def tiny(tmp_path):
    """A directory with a converted model without weights: (28, 28) -> padded -> flat."""
    needs.node()
    net = Net()
    padded = net("ZeroPadding2D", "padded", (30, 30, 1), net.input("image", 28, 28, 1), padding=[[1, 1], [1, 1]],
                 data_format="channels_last")
    flat = net("Flatten", "flat", (900,), padded)
    directory = tmp_path / "tiny model"
    directory.mkdir()
    (directory / "model.json").write_text(json.dumps(net.model(padded, flat)))
    return directory


def contents(directory):
    return {os.path.relpath(os.path.join(where, name), str(directory)):
            hashlib.sha256(open(os.path.join(where, name), "rb").read()).hexdigest()
            for where, _, names in os.walk(str(directory)) for name in names}


def built(source, directory, **options):
    directory.mkdir()
    return page.build(str(source), str(directory), **options)


def test_a_page_lists_every_file_that_it_writes_and_index_html_last(tiny, tmp_path):
    names = built(tiny, tmp_path / "page")
    assert sorted(names) == sorted(contents(tmp_path / "page")) and names[-1] == "index.html"
    assert {"three.min.js", "TrackballControls.js", "tween.umd.js", "tf.min.js", "tensorspace.min.js"} < set(names)


def test_a_page_is_the_same_to_the_byte_wherever_and_whenever_it_is_made(tiny, tmp_path):
    built(tiny, tmp_path / "one", data=needs.mnist())
    code = ("import os, sys; os.umask(0o077); from scripts.viewer import page; "
            "page.build(*sys.argv[1:3], data=sys.argv[3])")
    (tmp_path / "zwei ü").mkdir()
    os.utime(str(tiny / "model.json"), (1, 1))
    subprocess.run([sys.executable, "-c", code, str(tiny), str(tmp_path / "zwei ü"), needs.mnist()], cwd=needs.ROOT,
                   check=True, env=dict(os.environ, TZ="Asia/Tokyo", LC_ALL="C", PYTHONHASHSEED="7", PYTHONUTF8="0"))
    assert contents(tmp_path / "one") == contents(tmp_path / "zwei ü")
    page.standalone(str(tiny), str(tmp_path / "one.html"))
    page.standalone(str(tiny), str(tmp_path / "two.html"))
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_a_page_carries_no_path_of_this_machine_and_asks_no_other_host(tiny, tmp_path):
    built(tiny, tmp_path / "page", data=needs.mnist())
    for name in ("index.html", "page.json", "style.css") + tuple(carried.OWN):
        text = (tmp_path / "page" / name).read_text(encoding="utf-8")
        assert str(tmp_path) not in text and needs.ROOT not in text, name
        assert "://" not in text, name


def test_the_policy_allows_neither_eval_nor_inline_scripts_nor_other_hosts(tiny, tmp_path):
    built(tiny, tmp_path / "page")
    text = (tmp_path / "page" / "index.html").read_text()
    policy = re.search('Content-Security-Policy" content="([^"]+)"', text).group(1)
    assert "default-src 'none'" in policy and "script-src 'self';" in policy and "unsafe" not in policy
    assert re.findall(r"<script(?![^>]* src=)", text) == [] and " style=" not in text and " onclick" not in text


def test_no_room_for_a_standalone_page_is_one_line(tiny, tmp_path, monkeypatch):
    def full(model_dir, private, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.path.join(private, "tf.min.js"))
    monkeypatch.setattr(page, "build", full)
    with pytest.raises(Fault, match="tf.min.js: No space left on device; .* run again when there is room"):
        page.standalone(str(tiny), str(tmp_path / "one.html"))
    assert not (tmp_path / "one.html").exists()


def test_a_standalone_page_names_the_hash_of_each_script_and_style_and_no_file(tiny, tmp_path):
    path = tmp_path / "page.html"
    page.standalone(str(tiny), str(path))
    text = path.read_bytes().decode("utf-8")
    policy = html.unescape(re.search('Content-Security-Policy" content="([^"]+)"', text).group(1))
    parts = re.findall("<script>(.*?)</script>", text, re.S) + re.findall("<style>(.*?)</style>", text, re.S)
    hashes = [base64.b64encode(hashlib.sha256(part.encode("utf-8")).digest()).decode() for part in parts]
    assert len(parts) == len(carried.SCRIPTS) + 1 and re.findall("sha256-([^']+)'", policy) == hashes
    assert "unsafe" not in policy and " src=" not in re.sub("(?s)<script>.*?</script>", "", text)


@pytest.mark.parametrize("name, title", [
    ("lenet", "lenet"), ("数字 ü ✓", "数字 ü ✓"), (5, "made"), (["x"], "made"), ({"a": 1}, "made"), (True, "made"),
    ("", "made"), ("a\ud800b", "made"), ("a\nb\x1b", "a\\nb\\x1b")])
def test_a_page_without_a_title_has_the_models_name_or_its_directorys(name, title, tmp_path):
    source = tmp_path / "made" / "model.json"
    model = {"modelTopology": {"model_config": {"class_name": "Sequential", "config": {"name": name}}}}
    assert page._own_title(model, str(source)) == title
    for record in ({}, [], {"config": []}):
        assert page._own_title({"modelTopology": {"model_config": record}}, str(source)) == "made"
    strange = os.fsencode(str(tmp_path)) + b"/\xff/model.json"
    assert page._own_title({"modelTopology": {}}, os.fsdecode(strange)) == "\\udcff"


@pytest.mark.parametrize("title", ["<script>alert(1)</script>", "{scripts} {title}", "\\1 \\g<0>", "数字 ü ✓"])
def test_a_title_is_text_wherever_it_stands(tiny, tmp_path, title):
    built(tiny, tmp_path / "page", title=title)
    text = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert f"<title>{html.escape(title)}</title>" in text
    assert json.loads((tmp_path / "page" / "page.json").read_text())["title"] == title


def test_the_licenses_of_all_that_is_carried_stand_in_the_page(tiny, tmp_path):
    built(tiny, tmp_path / "page")
    text = (tmp_path / "page" / "licenses.txt").read_text(encoding="utf-8")
    for words in ("three 0.124.0 (MIT)", "@tweenjs/tween.js 23.1.3 (MIT)", "@tensorflow/tfjs 4.22.0 (Apache-2.0)",
                  "tensorspace 0.6.1 (Apache-2.0)", "Permission is hereby granted", "Apache License"):
        assert words in text


def test_samples_are_the_first_test_images_of_each_label(tiny, tmp_path):
    built(tiny, tmp_path / "page", data=needs.mnist())
    about = json.loads((tmp_path / "page" / "page.json").read_text())
    with numpy.load(needs.mnist()) as archive:
        images, labels = archive["x_test"], archive["y_test"]
    samples = about["samples"]
    assert samples["labels"] == 4 * list(range(10)) and about["labels"] == [str(digit) for digit in range(10)]
    assert [samples["places"][digit] for digit in range(10)] \
        == [int(numpy.flatnonzero(labels == digit)[0]) for digit in range(10)]
    pixels = numpy.frombuffer(base64.b64decode(samples["pixels"]), "uint8").reshape(-1, 28, 28)
    assert (pixels == images[samples["places"]]).all()


def test_a_model_under_another_name_is_found(tiny, tmp_path):
    os.rename(str(tiny / "model.json"), str(tiny / "digits.json"))
    (tiny / "manifest.json").write_text('{"weightsManifest": "not a model"}')
    assert "model/digits.json" in built(tiny, tmp_path / "page")


@pytest.mark.parametrize("change, words", [
    (lambda path: path.unlink(), "tiny model: holds no model.json"),
    (lambda path: path.write_text("{"), "model.json: not valid JSON"),
    (lambda path: path.write_text('{"a": ' + "[" * 100000), "model.json: (nested too deep|not valid JSON)"),
    (lambda path: path.write_text('{"a": ' + "[" * 300 + "]" * 300 + "}"), "model.json: nested deeper than"),
    (lambda path: path.write_text("{" + " " * (1 << 24)), "model.json: .* are no topology"),
    (lambda path: path.write_bytes(b"\x89HDF\r\n"), "convert the model first .scripts.preprocess."),
    (lambda path: path.write_text("{}"), "model.json: not a TensorFlow.js model"),
    (lambda path: path.write_text(path.read_text().replace('"weightsManifest": []',
                                                           '"weightsManifest": [{"paths": ["w.bin"], "weights": []}]')),
     "its weights w.bin are missing"),
    (lambda path: path.write_text(path.read_text().replace('"ZeroPadding2D"', '"ZeroPaddinG2D"')),
     "TensorFlow.js in Node: Unknown layer: ZeroPaddinG2D"),
])
def test_a_directory_that_holds_no_whole_model_is_a_fault(tiny, tmp_path, change, words):
    change(tiny / "model.json")
    with pytest.raises(Fault, match=words):
        built(tiny, tmp_path / "page")


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/b", ".."])
def test_weights_that_lie_elsewhere_are_refused(tiny, tmp_path, name):
    (tmp_path / "secret").write_text("secret")
    path = tiny / "model.json"
    path.write_text(path.read_text().replace('"weightsManifest": []',
                                             f'"weightsManifest": [{{"paths": ["{name}"], "weights": []}}]'))
    with pytest.raises(Fault, match="which do not lie beside it"):
        built(tiny, tmp_path / "page")
    assert "secret" not in str(contents(tmp_path / "page"))


def test_one_file_of_a_model_of_the_catalogue_has_what_its_built_page_has(tiny, tmp_path):
    home = tmp_path / "models"
    (home / "pages").mkdir(parents=True)
    (home / "json_models").mkdir()
    shutil.copytree(str(tiny), str(home / "json_models" / "mine"))
    images = numpy.zeros((2, 28, 28), "uint8")
    numpy.savez(str(tmp_path / "own.npz"), x=images)
    built(home / "json_models" / "mine", home / "pages" / "mine", title="Mine", pixels="-1..1",
          given=str(tmp_path / "own.npz"))
    page.standalone(str(home / "json_models" / "mine"), str(tmp_path / "one.html"))
    inside = re.search(r'id="file:page.json">([^<]+)<', (tmp_path / "one.html").read_text(encoding="utf-8")).group(1)
    about = json.loads(base64.b64decode(inside).decode())
    assert (about["title"], about["pixels"], about["samples"]["count"]) == ("Mine", "-1..1", 2)
    page.standalone(str(tiny), str(tmp_path / "two.html"))
    inside = re.search(r'id="file:page.json">([^<]+)<', (tmp_path / "two.html").read_text(encoding="utf-8")).group(1)
    assert "samples" not in json.loads(base64.b64decode(inside).decode())


def test_a_large_page_in_one_file_is_announced_with_its_size_and_a_way_to_a_smaller_one(tiny, monkeypatch):
    assert page.heavy(str(tiny)) is None
    monkeypatch.setattr(page, "LARGE", 0)
    assert "MB" in page.heavy(str(tiny)) and 'quantize = "float16"' in page.heavy(str(tiny))


def test_the_weights_of_a_page_in_one_file_are_quantized_where_that_is_asked_for(tmp_path):
    needs.node()
    home = tmp_path / "models"
    for folder in ("pages", "json_models/mine"):
        (home / folder).mkdir(parents=True)
    source, weights = home / "json_models" / "mine", numpy.linspace(-1, 1, 5000).astype("float32")
    net = Net()
    model = net.model(net("Dense", "end", (50,), net.input("row", 100), units=50, use_bias=False))
    model["weightsManifest"] = [{"paths": ["w.bin"], "weights": [
        {"name": "end/kernel", "shape": [100, 50], "dtype": "float32"}]}]
    (source / "model.json").write_text(json.dumps(model))
    (source / "w.bin").write_bytes(weights.tobytes())
    assert page.bare(str(tmp_path)) is None and "page:mine` first" in page.bare(str(source))
    built(source, home / "pages" / "mine", title="Mine", labels=[f"kind {place}" for place in range(50)])
    assert page.bare(str(source)) is None
    files = {}
    for quantize in (None, "uint8"):
        target = tmp_path / f"{quantize}.html"
        page.standalone(str(source), str(target), quantize)
        inside = dict(re.findall(r'id="file:([^"]+)">([^<]+)<', target.read_text(encoding="utf-8")))
        files[quantize] = {name: base64.b64decode(text) for name, text in inside.items()}
        about = json.loads(files[quantize]["page.json"].decode())
        assert about["title"] == "Mine" and about["labels"][7] == "kind 7"
    shards = {quantize: [len(content) for name, content in found.items() if name.endswith(".bin")]
              for quantize, found in files.items()}
    assert shards == {None: [20000], "uint8": [5000]}
    entry = json.loads(files["uint8"]["model/model.json"].decode())["weightsManifest"][0]["weights"][0]["quantization"]
    stored = [numpy.frombuffer(content, "uint8") for name, content in files["uint8"].items() if name.endswith(".bin")]
    assert numpy.abs(stored[0] * entry["scale"] + entry["min"] - weights).max() <= entry["scale"]
    (source / "w.bin").write_bytes((weights * 2).tobytes())
    assert "page:mine` first" in page.bare(str(source))  # of an older model


def test_what_pixels_are_is_a_name_or_a_mean_and_a_deviation(tiny, tmp_path):
    built(tiny, tmp_path / "page", mean=[0.5], std=[0.25])
    assert json.loads((tmp_path / "page" / "page.json").read_text())["pixels"] == {"mean": [0.5], "std": [0.25]}
    wrong = [({"mean": [1, 2]}, "2 numbers were given"), ({"std": [0]}, "not above")]
    for number, (settings, words) in enumerate(wrong):
        with pytest.raises(Fault, match=words):
            built(tiny, tmp_path / str(number), **settings)


@pytest.mark.parametrize("arrays, words", [
    ({}, "has nothing for input_0"),
    ({"x": numpy.zeros((3, 7, 7))}, "has float64 .3, 7, 7. for input_0"),
    ({"x": numpy.zeros((3, 28, 28)), "y": numpy.zeros(2, int)}, "one number of samples"),
    ({"x": numpy.array(["a"])}, "for input_0"),
])
def test_samples_that_do_not_fit_are_refused_in_a_line(tiny, tmp_path, arrays, words):
    numpy.savez(str(tmp_path / "own.npz"), **arrays)
    with pytest.raises(Fault, match=words):
        built(tiny, tmp_path / "page", given=str(tmp_path / "own.npz"))


def test_labels_are_a_list_or_the_lines_of_a_file(tmp_path):
    path = tmp_path / "imagenet.txt"
    path.write_bytes("\ufefftench\n\n goldfish \r\n金鱼\n".encode("utf-8"))
    assert choices.labels_of(str(path)) == ["tench", "goldfish", "金鱼"]
    assert choices.labels_of("a,b") == ["a", "b"] and choices.labels_of(None) is None
    with pytest.raises(Fault, match="none.txt: No such file or directory; labels names a file with one name a line"):
        choices.read_labels(str(tmp_path / "none.txt"))
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(Fault, match="no text of UTF-8"):
        choices.read_labels(str(path))


def test_labels_that_are_more_or_fewer_than_the_classes_are_refused(tiny, tmp_path):
    classes = 900  # what its last output, a row, has
    built(tiny, tmp_path / "page", labels=[str(label) for label in range(classes)])
    for count in (2, classes + 1):
        with pytest.raises(Fault, match=f"labels are {count} words, but output .* has {classes} classes"):
            built(tiny, tmp_path / f"page-{count}", labels=["x"] * count)


def test_reference_values_of_another_model_are_refused(tiny, tmp_path):
    image, padded, flat = (numpy.zeros((2, 28, 28, 1), "float32"), numpy.zeros((2, 30, 30, 1), "float32"),
                           numpy.zeros((2, 900), "float32"))
    for place, (arrays, words) in enumerate([
            ({"input_0": image, "output_0": padded}, r"has nothing for output_1, wanted are numbers \(2, 900\)"),
            ({"input_0": image[:, :27], "output_0": padded, "output_1": flat},
             r"has float\d+ \(2, 27, 28, 1\) for input_0"),
            ({"input_0": image, "output_0": padded[:1], "output_1": flat}, r"\(1, 30, 30, 1\) for output_0"),
            ({"input_0": image.astype(str), "output_0": padded, "output_1": flat}, "U.* input_0, wanted are numbers"),
            ({"input_0": numpy.float32(1)}, "for input_0"), ({}, "nothing for input_0")]):
        numpy.savez(str(tmp_path / "r.npz"), **arrays)
        with pytest.raises(Fault, match=words):
            built(tiny, tmp_path / f"page-{place}", reference=str(tmp_path / "r.npz"))
    numpy.savez(str(tmp_path / "r.npz"), input_0=image)
    whole = (tmp_path / "r.npz").read_bytes()
    numpy.save(str(tmp_path / "one.npy"), image)
    for place, content in enumerate([b"", b"PK junk", whole[:-30], whole[:200] + b"?" + whole[201:],
                                     (tmp_path / "one.npy").read_bytes()]):
        (tmp_path / "r.npz").write_bytes(content)
        with pytest.raises(Fault, match="r.npz: not an npz of reference values"):
            built(tiny, tmp_path / f"not-{place}", reference=str(tmp_path / "r.npz"))


def command(*arguments):
    done = subprocess.run([sys.executable, "-m", "scripts.viewer.page"] + list(arguments), cwd=needs.ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    return done.returncode, done.stdout, done.stderr


def test_the_command_writes_a_page_and_again_in_its_place(tiny, tmp_path):
    target = str(tmp_path / "my page")
    status, out, err = command(str(tiny), target)
    assert (status, err) == (0, "") and out.startswith(target)
    first = contents(target)
    assert command(str(tiny), target, "--title", "again")[0] == 0
    second = contents(target)
    assert set(first) == set(second) \
        and [name for name in first if first[name] != second[name]] == ["page.json", "index.html"] or \
        sorted(name for name in first if first[name] != second[name]) == ["index.html", "page.json"]


def test_the_command_never_overwrites_what_it_did_not_write(tiny, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.html").write_text("mine")
    status, out, err = command(str(tiny), str(tmp_path / "mine"))
    assert status == 1 and err.count("\n") == 1 and "index.html is there already" in err
    assert (tmp_path / "mine" / "index.html").read_text() == "mine"


def test_a_page_that_is_refused_leaves_nothing_and_one_made_again_leaves_what_is_the_users(tiny, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "style.css").write_text("mine")
    assert command(str(tiny), str(mine))[0] == 1 and os.listdir(str(mine)) == ["style.css"]
    for place in ("file", "file/"):
        (tmp_path / "file").write_text("mine")
        status, out, err = command(str(tiny), str(tmp_path) + "/" + place)
        assert (status, out, err.count("\n")) == (1, "", 1) and "Traceback" not in err

    target = tmp_path / "page"
    assert command(str(tiny), str(target) + "/")[0] == 0
    first = contents(target)
    (target / "notes.txt").write_text("mine")
    (target / "model" / "notes.txt").write_text("mine")
    (tmp_path / "secret").write_text("mine")
    listed = json.loads((target / "page.json").read_text())
    listed["files"] += [{"name": name} for name in ("../secret", "model/../../secret", "notes.txt", str(mine))]
    (target / "page.json").write_text(json.dumps(listed))
    (target / "model" / "old.bin").write_text("of the earlier model")
    (tiny / "model.json").rename(tiny / "other.json")
    assert command(str(tiny), str(target))[0] == 0
    second = contents(target)
    assert set(second) == set(first) - {"model/model.json"} | {
        "model/other.json", "notes.txt", "model/notes.txt", "model/old.bin"}
    assert (tmp_path / "secret").read_text() == "mine"


def test_one_file_takes_the_place_of_an_earlier_page_and_of_nothing_else(tiny, tmp_path):
    mine, one = tmp_path / "ok.h5", tmp_path / "page.html"
    for content in (b"trained for weeks", b"<!DOCTYPE html>\n<title>mine</title>"):
        mine.write_bytes(content)
        status, out, err = command(str(tiny), "--standalone", str(mine))
        assert (status, out, err.count("\n")) == (1, "", 1) and "ok.h5 is there already" in err
        assert mine.read_bytes() == content
    for title in ("first", "second"):
        status, _, err = command(str(tiny), "--standalone", str(one), "--title", title)
        assert (status, err) == (0, "") and f"<title>{title}</title>" in one.read_text(encoding="utf-8")


@pytest.mark.parametrize("arguments", [[], ["{tiny}"], ["{tiny}", "out", "--standalone", "x"], ["no/such", "out"],
                                       ["{tiny}", "--standalone", "no/such/x.html"],
                                       ["{tiny}", "out", "--labels", "/bin/sh"],
                                       ["{tiny}", "out", "--pixels", "7"]])
def test_the_commands_mistakes_are_one_line(tiny, tmp_path, arguments):
    status, out, err = command(*[argument.format(tiny=tiny) for argument in arguments])
    assert (status, out, err.count("\n")) == (1, "", 1) and "Traceback" not in err
    assert not os.path.exists("out")


def test_a_page_is_not_mixed_of_two_models_where_one_is_replaced_meanwhile(tiny, tmp_path, monkeypatch):
    """As a build does it: model.json goes first and comes last."""
    model_json, plain = tiny / "model.json", carried.copy

    def copy(source, target_dir, name):
        if name == "model/model.json":
            text = model_json.read_bytes()
            model_json.unlink()
            model_json.write_bytes(text)
        return plain(source, target_dir, name)

    monkeypatch.setattr(carried, "copy", copy)
    with pytest.raises(Fault, match="model.json was replaced while its page was made: run again"):
        page.build(str(tiny), str(tmp_path / "page"))
