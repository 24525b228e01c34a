"""Models that begin with words: what the page makes of typed words is what Keras makes of them, and so are all outputs.

Keras gets the sentences themselves.  The page's own scripts turn the same sentences into numbers in Node, and
TensorFlow.js computes the converted model on these.
"""
import json
import os
import subprocess

import numpy
import pytest

from scripts import preprocess
from scripts.base import stack
from scripts.lower import hashing
from scripts.tfjs import write_layers
from scripts.viewer import packages, predict
from tests import needs
from tests.models import lowered, oracle

PY36 = stack.NAME == "py36"
ENDINGS = {"keras2": "" if PY36 else ".keras", "keras3": ".keras"}
PAGE = [os.path.join(needs.ROOT, "scripts", "viewer", name) for name in ("hashes.js", "text.js")]
LEARNED = ["This movie is great", "that movie is a bad, bad film", "Über das café: don't go!", "a b c d e a b a"]
SENTENCES = [
    "this movie is great", "", "   ", "THIS MOVIE!!! IS; (GREAT)", "über ÜBER Über café CAFÉ", "don't — “quote”",
    "a\tb\nc\u00a0d\u2028e\u3000f", "日本語 テスト 🎬🎬 naïve", "movie " * 10, "[UNK] a [UNK]",
    "a-b_c.d", "x" * 70, "e\u0301 \ufeff\u200b", "\x0b\x0c a \x1f b \x85 c", "Straße İstanbul ǅ"]


def layers_of(keras):
    """Keras's namespace of layers, with those that 2.6 calls experimental."""
    layers = keras.layers
    return layers if hasattr(layers, "TextVectorization") else layers.experimental.preprocessing


def learned(layer):
    layer.adapt(numpy.array(LEARNED))
    return layer


def sentences(keras):
    """Every setting of a TextVectorization, behind one input."""
    words = layers_of(keras)
    start = keras.Input((1,), dtype="string", name="text")
    settings = [dict(output_sequence_length=6), dict(standardize=None, output_sequence_length=5, max_tokens=9),
                dict(standardize="lower", split="character", output_sequence_length=12),
                dict(standardize="strip_punctuation", ngrams=2, output_sequence_length=10),
                dict(standardize="lower", split=None, max_tokens=50), dict(ngrams=(1, 3), output_mode="multi_hot"),
                dict(output_mode="count", max_tokens=40, pad_to_max_tokens=True), dict(output_mode="tf_idf"),
                dict(output_mode="tf_idf", max_tokens=45, pad_to_max_tokens=True), dict(output_mode="multi_hot"),
                dict(output_sequence_length=3, ngrams=(2,))]
    if PY36:  # Keras 2.6 has neither
        strange = [("split", "character"), ("standardize", "lower"), ("standardize", "strip_punctuation")]
        settings = [dict(set(each.items()).difference(strange)) for each in settings
                    if each.get("output_mode") != "tf_idf" or "max_tokens" not in each]  # its adapt() fails
    ends = []
    for place, each in enumerate(settings):
        x = learned(words.TextVectorization(name=f"words_{place}", **each))(start)
        x = keras.layers.Embedding(50, 3)(x) if "output_mode" not in each else x
        ends.append(keras.layers.Dense(4, name=f"end_{place}")(x))
    return keras.Model(start, ends)


def features(keras):
    """Lookups and hashes of strings and of numbers, behind several inputs."""
    words, vocabulary = layers_of(keras), ["a", "movie", "Über", "日本語 テスト 🎬🎬 naïve", ""]
    text, several = keras.Input((1,), dtype="string", name="text"), keras.Input((3,), dtype="string", name="several")
    number, numbers = keras.Input((1,), dtype="int64", name="number"), keras.Input((2,), dtype="int64", name="numbers")
    lookups = [(dict(), several), (dict(num_oov_indices=4, mask_token="b"), several),
               (dict(output_mode="count"), several),
               (dict(output_mode="multi_hot", mask_token="movie", num_oov_indices=2), several),
               (dict(vocabulary=["[UNK]", "a", "movie"], num_oov_indices=1), text)]
    hashes = [(dict(num_bins=10), several), (dict(num_bins=7, salt=[3, 99], mask_value="a"), several),
              (dict(num_bins=9, salt=5), text), (dict(num_bins=11), numbers),
              (dict(num_bins=5, mask_value=-3), numbers)]
    if not PY36:
        lookups += [(dict(output_mode="one_hot"), several)] if int(keras.__version__[0]) > 2 else []
        lookups += [(dict(output_mode="one_hot", num_oov_indices=2), text)]
        hashes += [(dict(num_bins=6, output_mode="one_hot"), text),
                   (dict(num_bins=6, output_mode="multi_hot"), several)]
    found = []
    for settings, x in lookups:
        given = [word for word in vocabulary if word != settings.get("mask_token")]
        found.append(words.StringLookup(**dict({"vocabulary": given}, **settings))(x))
    found += [words.Hashing(**settings)(x) for settings, x in hashes]
    if not PY36:
        found += [words.HashedCrossing(num_bins=30)((text, number)),
                  words.HashedCrossing(num_bins=12, output_mode="one_hot")((number, text))]
    found.append(words.IntegerLookup(vocabulary=[5, 7, -3], num_oov_indices=2)(numbers))
    # Of numbers below a limit, which a table holds: a FeatureSpace crosses such
    found += [words.Hashing(9)(found[-1]), words.Hashing(8, salt=[3, 99], mask_value=2)(found[-1])]
    if not PY36:
        spoken = words.StringLookup(vocabulary=["a", "zzz"], name="spoken")(text)
        known = words.IntegerLookup(vocabulary=[5, 0], name="known")(number)
        placed = words.Discretization(bin_boundaries=[0.0, 3.0, 6.0])(number)
        found += [words.HashedCrossing(num_bins=40)((spoken, known)),
                  words.HashedCrossing(num_bins=20)((placed, known)),
                  words.HashedCrossing(num_bins=7, output_mode="one_hot")((known, words.Hashing(5)(text)))]
    ends = [keras.layers.Dense(3)(keras.layers.Flatten()(keras.layers.Embedding(60, 2)(x)
            if "int" in str(getattr(x.dtype, "name", x.dtype)) else x)) for x in found]
    return keras.Model([text, several, number, numbers], ends)


def columned(keras):
    """Feature columns of every kind, as layers of Keras 2 read them."""
    import tensorflow
    from tensorflow import int64
    made, features = tensorflow.feature_column, getattr(keras.layers, "DenseFeatures", None)
    features = features or tensorflow.keras.layers.DenseFeatures  # Keras 2.6
    age, place = made.numeric_column("age"), made.numeric_column("place")
    sizes = made.numeric_column("sizes", shape=[3])
    kind = made.categorical_column_with_identity("kind", 6, default_value=5)
    code = made.categorical_column_with_vocabulary_list("code", [3, 9, 5], dtype=int64, num_oov_buckets=1)
    few = made.categorical_column_with_vocabulary_list("few", [3, 9], dtype=int64)
    colour = made.categorical_column_with_vocabulary_list("colour", ["red", "green"])
    tone = made.categorical_column_with_vocabulary_list("tone", ["red", "green"], num_oov_buckets=3)
    city, number = made.categorical_column_with_hash_bucket("city", 9), \
        made.categorical_column_with_hash_bucket("number", 7, dtype=int64)
    aged, sized = made.bucketized_column(age, [2.0, 10.0, 20.0]), made.bucketized_column(sizes, [0.0, 1.0])
    crossed = [made.crossed_column([aged, kind], 13), made.crossed_column([kind, tone, code], 30),
               made.crossed_column([sized, colour], 17, hash_key=5), made.crossed_column([few, aged, colour], 40)]
    ends = [age, sizes, aged, sized] + [made.indicator_column(each) for each in [kind, code, few, colour, tone, city] +
                                        crossed] + [
        made.embedding_column(kind, 2), made.embedding_column(code, 3, combiner="sqrtn"),
        made.embedding_column(colour, 2, combiner="sum", max_norm=0.3), made.embedding_column(number, 2),
        made.embedding_column(made.weighted_categorical_column(few, "weight"), 2)]
    given = {name: keras.Input((3,) if name == "sizes" else (2,) if name in ("kind", "few", "weight") else (1,),
                               name=name, dtype=dtype) for name, dtype in FEATURES}
    starts = list(given.values())
    given["place"] = keras.layers.Activation("tanh")(given["place"])
    both = [features(ends)(given), features([place, aged], name="again")(given)]
    inside = {name: keras.Input((1,), name=name, dtype="string") for name in ("city", "tone")}
    nested = keras.Model(list(inside.values()), keras.layers.Dense(2)(features([
        made.embedding_column(city, 2), made.indicator_column(tone)])(inside)), name="nested")
    return keras.Model(starts, [keras.layers.Dense(3)(both[0])] + both + [nested([given["city"], given["tone"]])])


FEATURES = [("age", "float32"), ("place", "float32"), ("sizes", "float32"), ("kind", "int64"), ("code", "int64"),
            ("few", "int64"), ("weight", "float32"), ("colour", "string"), ("tone", "string"), ("city", "string"),
            ("number", "int64")]


def whole(keras):
    """What Keras's examples are made of: shared and nested layers, masks, recurrence, features of several kinds."""
    layers, words = keras.layers, layers_of(keras)
    first, second, colour = [keras.Input((1,), dtype="string", name=name) for name in ("first", "second", "colour")]
    age, kind = keras.Input((1,), name="age"), keras.Input((2,), dtype="int64", name="kind")
    shared = learned(words.TextVectorization(output_sequence_length=7, name="shared"))
    embedded, read = layers.Embedding(30, 4, mask_zero=True), layers.Bidirectional(layers.SimpleRNN(3))
    both = layers.Concatenate()([read(embedded(shared(first))), read(embedded(shared(second)))])
    inside = [keras.Input((1,), dtype="string", name="in_colour"), keras.Input((1,), name="in_age")]
    coded = words.StringLookup(vocabulary=["red", "green"])(inside[0])
    nested = keras.Model(inside, layers.Concatenate()([
        words.CategoryEncoding(**{"max_tokens" if PY36 else "num_tokens": 4})(coded), words.Rescaling(0.5)(inside[1])]))
    text = keras.Input((7,), dtype="int64")
    body = keras.Model(text, layers.Dense(3)(layers.GlobalAveragePooling1D()(layers.Embedding(30, 4)(text))))
    counted = words.IntegerLookup(output_mode="tf-idf" if PY36 else "tf_idf")
    counted.adapt(numpy.array([[1, 5], [5, 7], [5, 9]]))
    return keras.Model([first, second, colour, age, kind], [
        layers.Dense(2)(layers.Concatenate()([both, nested([colour, age])])), layers.Activation("tanh")(body(
            learned(words.TextVectorization(output_sequence_length=7, name="alone"))(first))),
        layers.Dense(3)(counted(kind))])


def typed(model_json, fields):
    """{name of an input: numbers, (sentences, …)} that the page's scripts make of what is typed."""
    inputs = predict.describe(model_json)["inputs"]
    names = [entry["name"].split(":")[0] for entry in inputs]
    asked = {"scripts": PAGE, "texts": write_layers.texts(model_json), "typed": fields,
             "sizes": {name: int(numpy.prod([size or 7 for size in entry["shape"][1:]]))
                       for name, entry in zip(names, inputs)}}
    script = os.path.join(needs.ROOT, "tests", "models", "typed.js")
    done = subprocess.run(packages.node() + [script], input=json.dumps(asked).encode(), stdout=subprocess.PIPE,
                          check=True)
    found = json.loads(done.stdout.decode())
    return [numpy.array(found[name], "float32").reshape([-1] + [size or 7 for size in entry["shape"][1:]])
            if name in found else name for name, entry in zip(names, inputs)]


def agree(flavour, build, fields, given, tmp_path, **settings):
    """Convert the model, and hold its outputs on typed words against Keras's on the words themselves.

    fields: what is typed, {source: text} of each example.  given: {source: array} of the same for Keras.
    """
    import tensorflow
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    tensorflow.random.set_seed(1)
    model = build(keras)
    source, target = str(tmp_path / ("model" + ENDINGS[flavour])), str(tmp_path / "js")
    model.save(source)
    os.makedirs(target)
    facts = preprocess.preprocess(source, target, layers=[name.split(":")[0].split("/")[0] for name in
                                                          model.output_names], **settings).facts
    expected = model([tensorflow.constant(given[one.name.split(":")[0]]) for one in model.inputs])
    path = os.path.join(target, "model.json")
    inputs = [given[one] if isinstance(one, str) else one for one in typed(path, fields)]
    found = predict.predict(path, inputs, sync=True)
    assert len(found) == len(expected) == len(facts["outputs"])
    far = {output.name: lowered.distance(value.numpy(), output.values) for value, output in zip(expected, found)}
    assert not {name: value for name, value in far.items() if not value <= 1e-5}
    return path


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_sentences_become_the_tokens_that_keras_makes_of_them(flavour, tmp_path):
    path = agree(flavour, sentences, [{"text": text} for text in SENTENCES],
                 {"text": numpy.array(SENTENCES)[:, None]}, tmp_path)
    assert [text["from"] for text in write_layers.texts(path)] == [["text"]] * len(write_layers.texts(path))
    assert all("its vocabulary" not in line for line in write_layers.said_of_names(path))


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_features_become_the_numbers_that_keras_makes_of_them(flavour, tmp_path):
    rows = [("a", "a, movie, b", 5, (5, -3)), ("zzz", ", x, Über", -7, (7, 0)), ("b", "zzz, b, a", 123456789, (-1, 8)),
            ("日本語 テスト 🎬🎬 naïve", "über, A, a", 0, (2 ** 40, 3))]
    fields = [{"text": text, "several": several, "number": str(number), "numbers": ", ".join(map(str, numbers))}
              for text, several, number, numbers in rows]
    given = {"text": numpy.array([[row[0]] for row in rows]), "number": numpy.array([[row[2]] for row in rows]),
             "several": numpy.array([[word.strip() for word in row[1].split(",")] for row in rows]),
             "numbers": numpy.array([row[3] for row in rows])}
    agree(flavour, features, fields, given, tmp_path)


def test_the_hashes_of_numbers_are_those_of_tensorflow():
    import tensorflow
    count = 12345
    digits = tensorflow.strings.as_string(tensorflow.range(count))
    for salt in (None, [7, 2 ** 62 + 5]):
        wanted = tensorflow.strings.to_hash_bucket_fast(digits, 997) if salt is None else \
            tensorflow.strings.to_hash_bucket_strong(digits, 997, salt)
        assert (hashing.of_digits(count, salt) % numpy.uint64(997) == wanted.numpy().astype("uint64")).all()
    for size in (4, 7, 8, 13, 16):  # of longer numbers
        number = int("1234567890123456"[:size])
        row = numpy.frombuffer(str(number).encode(), "uint8").astype("uint64")[None]
        for salt, found in ((None, hashing.farm(row)), ([3, 4], hashing.sip(row, [3, 4]))):
            wanted = tensorflow.strings.to_hash_bucket_fast([str(number)], 10 ** 6) if salt is None else \
                tensorflow.strings.to_hash_bucket_strong([str(number)], 10 ** 6, salt)
            assert int(found[0]) % 10 ** 6 == int(wanted[0])


def test_feature_columns_give_what_keras_gives(tmp_path):
    rows = [(1.5, 3.0, (0.5, -1, 2), (1, 2), 3, (3, 9), (0.5, 2), "red", "blue", "Rome", 5),
            (10.0, 2.0, (0, 1, -3), (-1, 7), 4, (5, 3), (1, 3), "", "green", "", 123),
            (33.0, -1.0, (1, 1, 1), (-1, -1), -1, (7, 7), (1, 1), "violet", "", "東京", -1)]
    names = [name for name, _ in FEATURES]
    given = {name: numpy.array([row[at] if isinstance(row[at], tuple) else [row[at]] for row in rows],
                               None if dtype == "string" else dtype) for at, (name, dtype) in enumerate(FEATURES)}
    agree("keras2", columned, [dict(zip(names, map(str, row))) for row in rows], given, tmp_path)
    keras, tensorflow = oracle.load("keras2"), __import__("tensorflow")
    made, features = tensorflow.feature_column, getattr(keras.layers, "DenseFeatures", None)
    places = made.bucketized_column(made.numeric_column("sizes", shape=[3]), [0.0, 1.0])
    model = keras.Sequential([(features or tensorflow.keras.layers.DenseFeatures)([
        made.numeric_column("age"), places, made.embedding_column(places, 2)]), keras.layers.Dense(3)])
    read = {name: given[name].astype("float32") for name in ("age", "sizes")}
    wanted = model({name: tensorflow.constant(values) for name, values in read.items()})
    source, target = str(tmp_path / "first.h5"), str(tmp_path / "first")
    model.save(source)
    os.mkdir(target)
    assert preprocess.preprocess(source, target).facts["inputs"] == ["age", "sizes"]
    found = predict.predict(os.path.join(target, "model.json"), list(read.values()), sync=True)
    assert lowered.distance(wanted.numpy(), found[-1].values) <= 1e-5


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_a_whole_model_begins_behind_its_words(flavour, tmp_path):
    """Two texts through the same layers, a nested model that looks words up, features of other kinds."""
    rows = [("This movie is great", "a bad film", "red", 3.5, (1, 5)), ("", "café café", "blue", -1.0, (5, 5))]
    names = ["first", "second", "colour", "age", "kind"]
    fields = [dict(zip(names, map(str, row))) for row in rows]
    given = {name: numpy.array([[row[place]] if name != "kind" else row[place] for row in rows])
             for place, name in enumerate(names)}
    given["age"] = given["age"].astype("float32")
    path = agree(flavour, whole, fields, given, tmp_path)
    assert sorted(text["from"][0] for text in write_layers.texts(path)) == ["colour", "first", "first", "second"]
