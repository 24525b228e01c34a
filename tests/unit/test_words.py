"""Models that begin with words: where they begin, what is said of it, and what is refused.  Without TensorFlow."""
import json
import os

import h5py
import pytest

from scripts import convert, encapsulate, preprocess
from scripts.base.fault import Fault
from scripts.layers import columns
from scripts.tfjs import write_layers
from tests.unit import handmade


def converted(tmp_path, layers=None, source=None, input_shape=None, **settings):
    """Convert handmade.reviews; return the path of model.json."""
    source = source or handmade.reviews(tmp_path / "model.h5", **settings)
    os.makedirs(str(tmp_path / "js"), exist_ok=True)
    preprocess.preprocess(source, str(tmp_path / "js"), layers=layers, input_shape=input_shape)
    return str(tmp_path / "js" / "model.json")


def input_of(path):
    """The first layer of a layers model in model.json."""
    with open(path) as file:
        return json.load(file)["modelTopology"]["model_config"]["config"]["layers"][0]


def test_the_model_begins_behind_its_words_and_one_line_says_so(tmp_path):
    path = converted(tmp_path)
    start = input_of(path)
    assert (start["class_name"], start["name"]) == ("InputLayer", "words")
    assert start["config"]["batch_input_shape"] == [None, 6] and start["config"]["dtype"] == "int32"
    text, = write_layers.texts(path)
    assert (text["input"], text["from"], text["vocabulary"]) == ("words", ["review"], ["movie", "great", "bad"])
    line, = write_layers.said_of_names(path)
    assert "begins after 'words' (TextVectorization)" in line and "turns typed words into them" in line


def test_the_words_go_through_enc_model_h5(tmp_path):
    source, enc = handmade.reviews(tmp_path / "model.h5"), str(tmp_path / "enc.h5")
    assert encapsulate.build(source, enc)["inputs"] == ["words"]
    os.makedirs(str(tmp_path / "two"))
    convert.convert(enc, str(tmp_path / "two"))
    with open(converted(tmp_path)) as one, open(str(tmp_path / "two" / "model.json")) as two:
        assert one.read() == two.read()


def test_a_damaged_attribute_of_words_is_one_line(tmp_path):
    source, enc = handmade.reviews(tmp_path / "model.h5"), str(tmp_path / "enc.h5")
    encapsulate.build(source, enc)
    with h5py.File(enc, "a") as file:
        file.attrs["tensorspace_texts"] = '[{"input": 3}]'
    with pytest.raises(Fault, match="what it says of its words is damaged"):
        convert.convert(enc, str(tmp_path))


def test_an_open_length_is_fixed_by_the_name_of_the_new_input(tmp_path):
    path = converted(tmp_path, output_sequence_length=None, input_shape={"words": [9]})
    assert input_of(path)["config"]["batch_input_shape"] == [None, 9]


def test_the_layer_of_words_is_no_output(tmp_path):
    path = converted(tmp_path, layers=["words", "mood"])
    with open(path) as file:
        assert json.load(file)["modelTopology"]["model_config"]["config"]["output_layers"] == [["mood", 0, 0]]
    with pytest.raises(Fault, match="words: TensorSpace feeds no strings.* ask for other outputs"):
        converted(tmp_path, layers=["words"])


@pytest.mark.parametrize("settings, words", [
    ({"standardize": {"class_name": "function", "config": "mine"}}, "its standardize is a function"),
    ({"standardize": "mine>clean"}, "its standardize is a function"),
    ({"split": {"class_name": "function", "config": "mine"}}, "its split is a function"),
    ({"vocabulary": "/etc/passwd"}, "its vocabulary is a file beside the model"),
    ({"vocabulary": None}, "the file does not hold its vocabulary")])
def test_what_the_page_cannot_turn_into_numbers_is_said(tmp_path, settings, words):
    path = converted(tmp_path, **settings)
    line, = write_layers.said_of_names(path)
    assert "the page takes numbers for it" in line and words in line
    assert "passwd" not in json.dumps(write_layers.texts(path))


@pytest.mark.parametrize("settings, words", [
    ({"ragged": True}, "no ragged tensors; build it with ragged=False"),
    ({"output_sequence_length": -1}, "output_sequence_length=-1"),
    ({"output_sequence_length": "long"}, "output_sequence_length='long'"),
    ({"output_sequence_length": 10 ** 9}, "output_sequence_length=1000000000"),
    ({"output_mode": None}, "output_mode=None puts out no numbers"),
    ({"output_mode": ["int"]}, r"output_mode=\['int'\] puts out no numbers"),
    ({"ngrams": 10 ** 6}, "ngrams=1000000"), ({"ngrams": [1, "2"]}, "ngrams="),
    ({"vocabulary": ["a", 3]}, "its vocabulary holds what is no text"),
    ({"vocabulary": None, "output_mode": "count"}, "the number of its words is not known; save the model as .keras"),
    ({"shape": (3,)}, "not one text per example; give it inputs of shape"),
    ({"kind": "StringLookup", "shape": (), "output_mode": "count"}, "which Keras counts over the whole batch"),
    ({"kind": "StringLookup", "num_oov_indices": -2}, "num_oov_indices=-2"),
    ({"kind": "Hashing", "num_bins": 10 ** 12, "output_mode": "one_hot"}, "num_bins=1000000000000"),
    ({"kind": "Hashing", "num_bins": 9, "salt": "x"}, "salt='x'")])
def test_bad_settings_are_one_line(tmp_path, settings, words):
    with pytest.raises(Fault, match=words):
        converted(tmp_path, **settings)


def test_words_that_no_layer_reads_from_an_input_are_refused_with_a_remedy(tmp_path):
    source = handmade.reviews(tmp_path / "model.h5", kind="StringLookup", invert=True)
    with pytest.raises(Fault, match="which TensorSpace cannot feed; let a TextVectorization, StringLookup or Hashing"):
        converted(tmp_path, source=source)


@pytest.mark.parametrize("again", ["enc.h5", "js"])
def test_a_model_that_begins_behind_its_words_keeps_them_when_it_is_converted_again(tmp_path, again):
    text, = write_layers.texts(converted(tmp_path))
    encapsulate.build(str(tmp_path / "model.h5"), str(tmp_path / "enc.h5"))
    os.makedirs(str(tmp_path / "second"))
    preprocess.preprocess(str(tmp_path / again), str(tmp_path / "second"), layers=["mood"])
    assert write_layers.texts(str(tmp_path / "second" / "model.json")) == [text]


def test_columns_without_an_end_are_told():
    column = {"class_name": "NumericColumn", "config": {"key": "age", "shape": [1]}}
    for _ in range(60):
        column = {"class_name": "BucketizedColumn", "config": {"source_column": column, "boundaries": [1.0]}}
    with pytest.raises(Fault, match="very deep"):
        list(columns.walk([column]))
    with pytest.raises(Fault, match="1073741824 numbers: too many"):
        columns.lookup({"class_name": "VocabularyListCategoricalColumn", "config": {
            "key": "w", "vocabulary_list": ["a"], "dtype": "string", "default_value": -1, "num_oov_buckets": 1 << 30}})
