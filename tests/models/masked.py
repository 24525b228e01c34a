"""Small models with masks, from a plan; for test_masks.py."""
import numpy

STEPS, UNITS, WORDS = 5, 4, 6
FROM_SEQUENCE = {  # (batch, STEPS, UNITS) to the same
    "dense": lambda layers, name: layers.Dense(UNITS, name=name),
    "dropout": lambda layers, name: layers.SpatialDropout1D(0.3, name=name),
    "norm": lambda layers, name: layers.LayerNormalization(name=name),
    "activation": lambda layers, name: layers.Activation("tanh", name=name),
    "leaky": lambda layers, name: layers.LeakyReLU(name=name),
    "prelu": lambda layers, name: layers.PReLU(name=name),
    "distributed": lambda layers, name: layers.TimeDistributed(layers.Dense(UNITS), name=name),
    "conv": lambda layers, name: layers.Conv1D(UNITS, 2, padding="same", name=name),
    "reshape": lambda layers, name: layers.Reshape((STEPS, UNITS), name=name),
    "lstm": lambda layers, name: layers.LSTM(UNITS, return_sequences=True, name=name),
    "backwards": lambda layers, name: layers.SimpleRNN(UNITS, return_sequences=True, go_backwards=True, name=name),
    "both": lambda layers, name: layers.Bidirectional(layers.GRU(UNITS, return_sequences=True, reset_after=False),
                                                      merge_mode="sum", name=name),
    "rescaled": lambda layers, name: layers.Rescaling(2.0, 0.5, name=name),
    "identity": lambda layers, name: layers.Identity(name=name),
    "masking": lambda layers, name: layers.Masking(name=name)}
TO_VECTOR = {  # to (batch, UNITS)
    "last": lambda layers, name: layers.LSTM(UNITS, name=name),
    "last_both": lambda layers, name: layers.Bidirectional(layers.LSTM(UNITS), merge_mode="ave", name=name),
    "average": lambda layers, name: layers.GlobalAveragePooling1D(name=name),
    "maximum": lambda layers, name: layers.GlobalMaxPooling1D(name=name)}
MERGES = {"add": "Add", "multiply": "Multiply", "largest": "Maximum", "concatenate": "Concatenate",
          "joined_in_time": "Concatenate"}
KINDS = sorted(FROM_SEQUENCE) + 3 * sorted(TO_VECTOR) + sorted(MERGES) + [
    "repeat", "decoder", "states", "nested", "encoder", "words", "plus", "times"]


def build(keras, plan):
    """The planned model.  plan: ([(kind, number of one tensor, of another)], [number of an output]), tensors being
    counted from two Embeddings with a mask, of one input, one without, of it too, and another one's with a mask."""
    layers, steps, wanted = keras.layers, plan[0], plan[1]
    start, second = keras.Input((STEPS,), name="start"), keras.Input((STEPS,), name="second")
    sequences = [layers.Embedding(WORDS, UNITS, mask_zero=True, name="looked")(start),
                 layers.Embedding(WORDS, UNITS, mask_zero=True, name="looked_too")(start),
                 layers.Embedding(WORDS, UNITS, name="open")(start),
                 layers.Embedding(WORDS, UNITS, mask_zero=True, name="other")(second)]
    inner_start = keras.Input((STEPS, UNITS))
    inner = keras.Model(inner_start, layers.LSTM(UNITS, return_sequences=True, name="inner_lstm")(
        layers.Dense(UNITS, name="inner_dense")(inner_start)), name="inner")
    encoder = keras.Sequential([
        keras.Input((STEPS,)), layers.Embedding(WORDS, UNITS, mask_zero=True, name="inner_words"),
        layers.GRU(UNITS, return_sequences=True, reset_after=False, name="inner_gru")], name="encoder")
    vectors, made = [], []
    for index, (kind, one, two) in enumerate(steps):
        name = f"{kind}_{index}"
        x, y = sequences[one % len(sequences)], sequences[two % len(sequences)]
        v = vectors[one % len(vectors)] if vectors else None
        if kind in ("repeat", "decoder") and v is None:
            kind = "last"
        if kind in FROM_SEQUENCE:
            made.append(FROM_SEQUENCE[kind](layers, name)(x))
            sequences.append(made[-1])
        elif kind in TO_VECTOR:
            made.append(TO_VECTOR[kind](layers, name)(x))
            vectors.append(made[-1])
        elif kind == "repeat":
            made.append(layers.RepeatVector(STEPS, name=name)(v))
            sequences.append(made[-1])
        elif kind == "decoder":
            made.append(layers.LSTM(UNITS, return_sequences=True, name=name)(
                x, initial_state=[v, vectors[two % len(vectors)]]))
            sequences.append(made[-1])
        elif kind == "states":
            out, hidden, _ = layers.LSTM(UNITS, return_state=True, name=name)(x)
            made.append(out)
            vectors += [out, hidden]
        elif kind in ("nested", "encoder"):
            made.append(inner(x) if kind == "nested" else encoder([start, second][two % 2]))
            sequences.append(made[-1])
        elif kind in ("plus", "times"):
            made.append(x + y if kind == "plus" else x * y)
            sequences.append(made[-1])
        elif kind == "words":
            made.append(layers.TimeDistributed(layers.SimpleRNN(UNITS), name=name)(
                layers.Reshape((STEPS, UNITS, 1), name=name + "_reshape")(x)))
            sequences.append(made[-1])
        elif kind == "concatenate":
            made.append(layers.Concatenate(name=name)([x, y]))
            sequences.append(layers.Dense(UNITS, name=name + "_narrow")(made[-1]))
        elif kind == "joined_in_time":
            made.append(layers.LSTM(UNITS, name=name + "_read")(layers.Concatenate(axis=1, name=name)([x, y])))
            vectors.append(made[-1])
        else:
            made.append(getattr(layers, MERGES[kind])(name=name)([x, y]))
            sequences.append(made[-1])
    return keras.Model([start, second], [made[number] for number in wanted])


def plant(model, seed):
    """Random weights, so large that a step more or less shows."""
    random = numpy.random.RandomState(seed)
    model.set_weights([numpy.abs(value) if "variance" in str(getattr(variable, "name", "")) else value
                       for variable, value in zip(model.weights, [
                           random.normal(0, 0.8, value.shape).astype(value.dtype) for value in model.get_weights()])])


def samples():
    """Both inputs; the steps that a 0 hides lie at the front, at the end and between, and there is one throughout."""
    return [numpy.array([[0, 0, 3, 1, 2], [4, 1, 2, 0, 0], [5, 0, 1, 0, 3]], "float32"),
            numpy.array([[2, 3, 0, 0, 0], [0, 5, 0, 4, 1], [1, 2, 3, 4, 5]], "float32")]
