"""How much JSON is read: what Keras writes, and no more."""
import json
import math
import time
import zipfile

import pytest

from scripts import Fault, formats
from scripts.formats import json_text
from tests.unit import handmade

NUMBERS = "[" + ", ".join(["[" + ", ".join(["0.1234567"] * 100) + "]"] * 25000) + "]"  # 27 MB, 2.5 million numbers


def constant(numbers, array=None):
    value = f'{{"class_name": "{array}", "config": {{"value": {numbers}, "dtype": "f4"}}}}' if array else numbers
    return f'{{"class_name": "Constant", "config": {{"value": {value}}}, "registered_name": null}}'


@pytest.mark.parametrize("array", [None, "__numpy__", "__tensor__"])
@pytest.mark.parametrize("kind", [str, bytes])
def test_the_numbers_of_a_constant_initializer_are_left_out_where_they_are_too_many(kind, array):
    text = f'{{"a": {constant(NUMBERS, array)}, "b": {constant("[1, 2]", array)}, "c": [1, 2]}}'
    value = json_text.parse(text if kind is str else text.encode("ascii"), "it")
    zeros = {"class_name": "Zeros", "config": {}, "registered_name": None}
    assert value == {"a": zeros, "b": zeros, "c": [1, 2]}
    small = constant("[1, 2]", array)
    assert json_text.parse(small, "it") == json.loads(small)


@pytest.mark.parametrize("text, words", [
    (f'{{"numbers": {NUMBERS}}}', "bytes of JSON are no topology"),
    (constant("[" + "0," * 3000000 + "x]"), "texts and numbers are no topology"),
    (constant("[" + "[" * 500000), "lists and objects are no topology"),
    ('"class_name": "Constant", "config": {"value": [1, ' * 400000, "no topology"),
    ('"class_name": "Constant", "config": {"value":' + " " * 20000000, "no topology"),
    ('"class_name":' + " " * 20000000 + '"Constant"', "no topology")], ids=range(6))
def test_what_no_keras_writes_is_refused_at_once(text, words):
    begun = time.process_time()
    with pytest.raises(Fault, match=words):
        json_text.parse(text, "it")
    assert time.process_time() - begun < 3


@pytest.mark.parametrize("packed", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_large_topology_is_read_where_the_archive_holds_it_byte_for_byte(packed, tmp_path):
    path = str(tmp_path / "model.keras")
    record = handmade.topology(3)
    record["config"]["layers"][4]["config"]["kernel_initializer"] = "CONSTANT"
    config = json.dumps(record).replace('"CONSTANT"', constant(NUMBERS, "__numpy__"))
    plain = handmade.archive(tmp_path / "plain.keras")
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w") as target:
        for name in ("metadata.json", "model.weights.h5"):
            target.writestr(name, source.read(name))
        target.writestr("config.json", config, packed)
    if packed == zipfile.ZIP_STORED:
        with formats.read(path) as model:
            assert model.topology["config"]["layers"][4]["config"]["kernel_initializer"]["class_name"] == "Zeros"
    else:
        with pytest.raises(Fault, match="bytes long: refused: pack the archive again with zip -0"):
            formats.read(path)


@pytest.mark.parametrize("text, stands", [
    ('{"inbound_nodes": [{"args": [-Infinity, {"value": [NaN, 1.5]}]}]}', True), ('{"max_value": Infinity}', True),
    ('{"constants": {"0": -Infinity}}', True), ('{"constant_values": [Infinity]}', True), ('{"units": NaN}', False),
    ('{"max_value": {"units": 1e999}}', False), ('{"max_value": 1e999}', True), ("[Infinity]", False),
    ("-Infinity", False), ('{"name": "Infinity", "units": 4}', True)])
def test_what_python_writes_for_no_number_stands_where_a_model_may_have_it(text, stands):
    if stands:
        found = json_text.parse(text, "it")
        assert json.dumps(found) == text.replace("1e999", "Infinity")
    else:
        with pytest.raises(Fault, match="^it: .* stands in it"):
            json_text.parse(text, "it")


def test_an_infinity_is_written_as_javascript_reads_it():
    value = {"max_value": math.inf, "low": [-math.inf, 0.5], "name": 'the "1e999" one', "none": None}
    text = json_text.text_of(value)
    assert "Infinity" not in text and "-1e9999" in text and json.loads(text) == value
    assert json_text.text_of({"a": 1.5}) == json.dumps({"a": 1.5})
    with pytest.raises(Fault, match="a setting is NaN"):
        json_text.text_of({"a": math.nan})
