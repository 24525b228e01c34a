"""Layers that turn words into numbers: TensorSpace feeds no strings, so a model begins after them.

Such a layer becomes an input of the numbers that it puts out.  Its settings and its vocabulary are kept with the model,
so that a page can turn typed words into these numbers as Keras does (keras 3 layers/preprocessing/
text_vectorization.py, string_lookup.py, index_lookup.py, hashing.py, hashed_crossing.py; keras 2.6 has the same).
"""
from collections import OrderedDict
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, NoReturn, Optional, Sequence, Tuple

from ..base.fault import Fault
from . import kinds
from .kinds.sizes import product
from .references import Ref, redirect
from .topology import Graph, Layer, Shape, batch_shape, inner_records, input_layer, is_model

Config = Dict[str, Any]
Text = Dict[str, Any]  # see `described`

CLASSES = ("TextVectorization", "StringLookup", "Hashing", "HashedCrossing")
LOOKUPS = ("TextVectorization", "StringLookup", "IntegerLookup")  # those that have a vocabulary
STANDARDIZE = (None, "lower_and_strip_punctuation", "lower", "strip_punctuation")
SPLIT = (None, "whitespace", "character")
MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
TOLD = "texts"  # the key of userDefinedMetadata.tensorspace in a model.json
MOST = 1 << 18  # words of a vocabulary in model.json, which every page reads
LARGEST = (1 << 31) - 1  # category: int32
LONGEST = 1 << 16  # of a sequence
DEEPEST = 40  # models in models
REMEDY = "save the model as .keras, or as a SavedModel where Keras is older than 2.12"


class Begun(NamedTuple):
    """A graph that begins after its layers of words.

    source  Graph, without its outputs that are inputs now
    texts   what the page needs of each new input: see `described`
    kept    places of the outputs that are left
    """

    source: Graph
    texts: List[Text]
    kept: List[int]


def takes(record: Dict[str, Any]) -> bool:
    """Whether a layer turns words into numbers, or numbers into hashes, which no graph of TensorFlow.js does."""
    if not kinds.kind.is_of_keras(record) or not isinstance(record.get("config"), dict):
        return False
    name, config = record["class_name"], record["config"]
    if name == "IntegerLookup":
        return config.get("oov_method") == "farmhash" and count(config, "num_oov_indices", 1) > 1
    return name in CLASSES and not config.get("invert")


def paths(records: Sequence[Dict[str, Any]], reads: Callable[[Dict[str, Any]], bool] = takes, prefix: str = "",
          depth: int = 0) -> Iterator[str]:
    """Yield OUTER/INNER for the layers of words in the nested models among `records`, and the names of the others.

    reads: callable(record of a layer) -> whether it is one
    """
    for record in records:
        if is_model(record) and depth < DEEPEST:
            yield from paths(inner_records(record), reads, f"{prefix}{Layer(record).name}/", depth + 1)
        elif reads(record):
            yield prefix + Layer(record).name


def begin(source: Graph, major: int) -> Begun:
    """Make each layer of words that reads inputs alone an input.

    Raises Fault for one whose output has no fixed shape or kind.
    """
    begun = OrderedDict()  # type: Dict[Tuple[str, int], str]  # (layer, call) -> name of the input
    layers, texts = OrderedDict(), []
    for name, layer in source.layers.items():
        calls = source.references(layer)
        inputs = [[ref.layer for ref in refs] for refs in calls]
        if not takes(layer.record) or not all(refs and all(source.layers[one].is_input for one in refs)
                                              for refs in inputs):
            layers[name] = layer
            continue
        for node, names in enumerate(inputs):
            new = name if len(calls) == 1 else "_".join([name] + names)
            while new in layers or new != name and new in source.layers:
                new += "_"
            begun[name, node] = new
            shape, dtype = put_out(layer, [batch_shape(source.layers[one]) for one in names])
            layers[new] = input_layer(new, shape, major, dtype)
            texts.append(described(new, layer, [source.layers[one] for one in names]))

    def moved(ref: Ref) -> Ref:
        return Ref(begun[ref[:2]], 0, 0) if ref[:2] in begun else ref

    for name, layer in layers.items():
        if name in source.layers and layer is source.layers[name]:
            layers[name] = Layer(layer.record, [redirect(call, source.layers, moved) for call in layer.calls])
    kept = [place for place, ref in enumerate(source.outputs) if ref[:2] not in begun]
    result = Graph(layers, [], [source.outputs[place] for place in kept], source.rest, source.shift)
    read = {ref.layer for layer in layers.values() for refs in result.references(layer) for ref in refs}
    for ref in source.inputs:
        result.inputs += [ref] if ref.layer in read else []
        result.inputs += [Ref(text["input"], 0, 0) for text in texts if text["from"][0] == ref.layer]
    return Begun(result, texts, kept)


# What a layer of words puts out --------------------------------------------------------------------------------------

def refuse(layer: Layer, reason: str, remedy: str) -> NoReturn:
    """Raise the Fault about a layer."""
    raise Fault(f"layer {layer.name!r} is a {layer.class_name}: {reason}; {remedy}")


def count(config: Config, key: str, default: int) -> int:
    """A setting that is a whole number from 0 on.  Raises Fault for any other."""
    value = config.get(key)
    value = default if value is None else value
    if type(value) is not int or not 0 <= value <= LARGEST:
        raise Fault(f"{key}={value!r} is no number of words from 0 to {LARGEST}")
    return value


def mode_of(layer: Layer) -> str:
    """The setting output_mode; Keras has had other names for two of its values."""
    mode = layer.config.get("output_mode", "int")
    mode = {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(mode, mode) if isinstance(mode, str) else mode
    if mode not in MODES:
        refuse(layer, f"output_mode={mode!r} puts out no numbers", "take output_mode=\"int\"")
    return mode


def put_out(layer: Layer, shapes: List[Shape]) -> Tuple[Shape, str]:
    """Return (shape, batch first; dtype) of what a layer of words puts out.  shapes: of the inputs that it reads."""
    mode, config, shape = mode_of(layer), layer.config, [None] + list(shapes[0])[1:]
    if config.get("ragged"):
        refuse(layer, "TensorFlow.js has no ragged tensors", "build it with ragged=False")
    if layer.class_name == "TextVectorization":
        length = config.get("output_sequence_length")
        if length is not None and (type(length) is not int or not 0 < length <= LONGEST):
            refuse(layer, f"output_sequence_length={length!r}", f"take one from 1 to {LONGEST}")
        if config.get("split") is not None:
            if len(shape) > 2 or shape[1:] not in ([], [1]):
                refuse(layer, f"it splits a tensor of shape {shape[1:]}, not one text per example",
                       "give it inputs of shape (1,)")
            shape = shape[:1] + [None]
        elif config.get("ngrams") is not None:
            shape = shape[:-1] + [None]
        shape = shape[:-1] + [length] if length is not None and mode == "int" else shape
    if mode == "int":
        return shape, "int32"
    if mode == "one_hot":
        return (shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape) + [depth_of(layer)], "float32"
    if len(shape) < 2:
        refuse(layer, f"output_mode={mode!r} of one word per example, which Keras counts over the whole batch",
               "give it inputs of shape (1,)")
    return shape[:-1] + [depth_of(layer)], "float32"


def depth_of(layer: Layer) -> int:
    """The number of categories that a layer of words tells apart."""
    config = layer.config
    if layer.class_name not in LOOKUPS:
        return count(config, "num_bins", 0)
    if config.get("pad_to_max_tokens"):
        return count(config, "max_tokens", 0)
    words = words_of(layer)
    if words is not None:
        return len(words) + oov_of(layer)
    if not config.get("vocabulary_size"):
        refuse(layer, "the file does not hold its vocabulary, so that the number of its words is not known", REMEDY)
    return count(config, "vocabulary_size", 0)


# What the page needs -------------------------------------------------------------------------------------------------

def mask_of(layer: Layer) -> Any:
    """The token that stands for no word, None where none does."""
    return "" if layer.class_name == "TextVectorization" else layer.config.get("mask_token")


def oov_of(layer: Layer) -> int:
    """Among how many numbers the words that are not known are shared out."""
    return 1 if layer.class_name == "TextVectorization" else count(layer.config, "num_oov_indices", 1)


def special_of(layer: Layer) -> List[Any]:
    """The tokens before the words in a whole vocabulary: index_lookup.py, set_vocabulary."""
    first = mask_of(layer) is not None and mode_of(layer) == "int"
    unknown = layer.config.get("oov_token", "[UNK]" if layer.class_name != "IntegerLookup" else -1)
    return [mask_of(layer)] * first + [unknown] * oov_of(layer)


def words_of(layer: Layer) -> Optional[List[Any]]:
    """The words of the vocabulary without what stands before them; None where the file does not hold it."""
    given = layer.config.get("vocabulary")
    if not isinstance(given, list) or not given:
        return None
    special = special_of(layer)
    words = given[len(special):] if given[:len(special)] == special else given
    kind = int if layer.class_name == "IntegerLookup" else str
    if not all(type(word) is kind for word in words):
        refuse(layer, f"its vocabulary holds what is no {'number' if kind is int else 'text'}", "the file is damaged")
    return words


def weights_of(layer: Layer) -> Optional[List[float]]:
    """The factors of a tf-idf's counts, one per category (index_lookup.py, set_vocabulary)."""
    given, words = layer.config.get("idf_weights"), words_of(layer)
    if mode_of(layer) != "tf_idf" or words is None:
        return None
    if not isinstance(given, list) or not all(isinstance(one, (int, float)) for one in given):
        return None
    if len(given) < len(words) + oov_of(layer):  # without those of what stands before the words: their average
        given = [sum(given) / max(1, len(given))] * oov_of(layer) + given
    return [float(one) for one in given + [0.0] * (depth_of(layer) - len(given))]


def grams_of(layer: Layer) -> Optional[List[int]]:
    """The numbers of words that stand together: ngrams=2 is one, and two; None where each stands alone."""
    given = layer.config.get("ngrams")
    given = given.get("items") if isinstance(given, dict) else given
    if given is None:
        return None
    wide = list(range(1, given + 1)) if type(given) is int and given < 100 else given
    if not isinstance(wide, list) or not all(type(one) is int and 0 < one < 100 for one in wide):
        refuse(layer, f"ngrams={given!r}", "take whole numbers from 1 to 99")
    return wide


def salt_of(layer: Layer) -> Optional[List[int]]:
    """The two numbers of a salted hash, None where it has no salt."""
    given = layer.config.get("salt")
    given = [given, given] if type(given) is int else given
    if given is not None and (not isinstance(given, list) or len(given) != 2 or
                              not all(type(one) is int and -2 ** 63 <= one < 2 ** 64 for one in given)):
        refuse(layer, f"salt={given!r}", "take one or two whole numbers")
    return given


def dtype_of(layer: Layer) -> str:
    """The dtype that an input declares."""
    dtype = layer.config.get("dtype") or "float32"
    return dtype if isinstance(dtype, str) else str(dtype.get("config", {}).get("name"))


def described(name: str, layer: Layer, sources: List[Layer]) -> Text:
    """The settings that turn words into the numbers of the input `name`, for JSON.

    {"input", "class", "from": [inputs of the source that the layer reads], "strings": whether each takes strings, not
    numbers, "words": how many there are in an example, None where that is open, "mode": output_mode, "depth":
    categories, None for mode "int"}; of a vocabulary also {"vocabulary": [words], "first": number of the first one,
    "mask": the token that stands for no word or None, "oov": how many numbers the unknown words share, "salt", "idf"};
    of a TextVectorization also {"standardize", "split", "ngrams", "length"}; of a hash {"bins", "mask", "salt"}.
    "untyped" says why a page cannot turn words into it, where that is so.
    """
    config, mode = layer.config, mode_of(layer)
    shape = batch_shape(sources[0])[1:]
    strings = [dtype_of(source) == "string" or layer.class_name in ("TextVectorization", "StringLookup")
               for source in sources]
    text = OrderedDict([("input", name), ("class", layer.class_name), ("from", [source.name for source in sources]),
                        ("strings", strings), ("words", None if None in shape else product(shape)), ("mode", mode),
                        ("depth", None if mode == "int" else depth_of(layer)),
                        ("salt", None if layer.class_name == "TextVectorization" else salt_of(layer))])
    if layer.class_name not in LOOKUPS:
        text.update(bins=count(config, "num_bins", 0), mask=config.get("mask_value"))
        return text
    words = words_of(layer)
    text.update(mask=mask_of(layer), oov=oov_of(layer), first=len(special_of(layer)),
                vocabulary=words if words and len(words) <= MOST else [])
    if mode == "tf_idf":
        text["idf"] = weights_of(layer) if text["vocabulary"] else None
    if layer.class_name == "TextVectorization":
        text.update(standardize=config.get("standardize"), split=config.get("split"), ngrams=grams_of(layer),
                    length=config.get("output_sequence_length"))
    why = untyped(layer, words)
    if why:
        text["untyped"] = why
        text.update({key: "function" for key, known in (("standardize", STANDARDIZE), ("split", SPLIT))
                     if key in text and not is_one_of(text[key], known)})
    return text


def limit(text: Text) -> Optional[int]:
    """Below what the whole numbers of such an input stay, None where that is not known.  text: of `described`."""
    known, first, bins = text.get("vocabulary"), text.get("first"), text.get("bins")
    if text.get("mode") != "int":
        return None
    if isinstance(known, list) and known and type(first) is int and (text.get("oov") or 0) > 0:
        return len(known) + first
    return bins if type(bins) is int and bins > 0 else None


def checked(texts: Any) -> List[Text]:
    """Return what a file says of its texts.  Raises Fault where it is none of `described`."""
    if not isinstance(texts, list) or not all(isinstance(text, dict) and all(
            isinstance(text.get(key), str) for key in ("input", "class")) for text in texts):
        raise Fault("what it says of its words is damaged")
    return texts


def told(document: Dict[str, Any]) -> List[Text]:
    """Return what the content of a model.json tells of its words.  Raises Fault where it is none of `described`."""
    told = document.get("userDefinedMetadata")
    told = told.get("tensorspace") if isinstance(told, dict) else None
    return checked(told.get(TOLD) or []) if isinstance(told, dict) else []


def is_one_of(value: Any, known: Sequence[Optional[str]]) -> bool:
    """Whether a setting is one of Keras's own values."""
    return value is None or isinstance(value, str) and value in known


def untyped(layer: Layer, words: Optional[List[Any]]) -> str:
    """Why a page cannot turn words into the numbers of a vocabulary, and what to do; "" where it can."""
    for key, known in (("standardize", STANDARDIZE), ("split", SPLIT)):
        if layer.class_name == "TextVectorization" and not is_one_of(layer.config.get(key), known):
            return f"its {key} is a function, which no file holds: take one of Keras's own, " + \
                ", ".join(repr(one) for one in known if one)
    if isinstance(layer.config.get("vocabulary"), str):
        return "its vocabulary is a file beside the model: build it with vocabulary=[the words]"
    if words is None:
        return f"the file does not hold its vocabulary: {REMEDY}"
    if len(words) > MOST:
        return f"its vocabulary of {len(words)} words is too large for a page: take at most {MOST}"
    if mode_of(layer) == "tf_idf" and weights_of(layer) is None:
        return "the file does not hold the weights of its words: " + REMEDY
    return ""
