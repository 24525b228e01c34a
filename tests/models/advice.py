"""The advice in the line of a refusal, followed to the letter."""
import os
import re

from scripts import preprocess
from scripts.viewer import predict
from tests.models import oracle

OUTPUTS = re.compile(r"outputs that do without it: ([^;]*?)(?:;|$)")
GRAPH = "--format graph"


def follow(line, source, folder, inputs, expected):
    """Convert `source` as `line` advises, and hold every output against `expected`, {name: ndarray}.

    inputs: of a model with several, {name: ndarray}.

    Returns how many pieces of advice there were.  A list of outputs is asked for in its order, of the format that
    refused.  "--format graph" is asked for with the outputs of the source.
    """
    advised = []
    listed = OUTPUTS.search(line)
    if listed:
        advised.append({"layers": listed.group(1).split(", "), "format": "layers"})
    if GRAPH in line:
        advised.append({"layers": list(expected), "format": "graph"})
    for number, options in enumerate(advised):
        out = os.path.join(str(folder), f"advised_{number}")
        os.mkdir(out)
        _, facts = preprocess.preprocess(source, out, **options)
        fed = [inputs[name] for name in facts["inputs"]] if isinstance(inputs, dict) else inputs
        found = predict.predict(os.path.join(out, "model.json"), fed)
        assert len(found) == len(options["layers"])
        for name, output in zip(options["layers"], found):
            assert oracle.distance(expected[name], output.values) <= 1e-5, (options, name)
    return len(advised)
