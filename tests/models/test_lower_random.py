"""Random models of layers and operations, masks among them, as graph models: what Keras computes.

LOWER_EXAMPLES=500 tries so many, others each time.  On Python 3.6, which has one Keras and not two, 10 are enough.
"""
import os

import hypothesis
import numpy
from hypothesis import strategies

from tests import needs
from tests.models import lowered, oracle, random_models

needs.tensorflow()
EXAMPLES = int(os.environ.get("LOWER_EXAMPLES", 25 if needs.STACK == "modern" else 10))
IDS = [[0, 0, 3, 1, 2], [4, 1, 2, 0, 0], [5, 0, 1, 0, 3], [0, 0, 0, 0, 0]]


@strategies.composite
def plans(draw):
    numbers = strategies.integers(0, 40)
    return draw(strategies.lists(strategies.tuples(strategies.sampled_from(random_models.KINDS), numbers, numbers,
                                                   strategies.integers(0, 10 ** 6)), min_size=2, max_size=14))


def inputs(batch):
    """Words and sequences whose masked steps lie at the front, at the end, between and everywhere; images."""
    random = numpy.random.RandomState(3)
    words = numpy.array(IDS[:batch], "int32")
    return {"words": words, "sequence": random.normal(0, 1, (batch, 5, 4)).astype("float32") * (words[..., None] > 0),
            "image": random.normal(0, 1, (batch, 6, 5, 3)).astype("float32")}


def agree(plan, flavour, folder, ending=None, batch=3):
    """The planned model's outputs are Keras's."""
    def random_model(keras):
        return random_models.build(keras, plan)

    try:
        made = lowered.Model(flavour, random_model, inputs(batch))
        oracle.predict(made.model, made.inputs)
    except Exception:  # Keras's own refusal of the plan: names that it gives twice, what its processor does not compute
        hypothesis.reject()
    lowered.agree(made, folder, ending=ending, versions=(None,), bound=1e-4)


@hypothesis.settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(hypothesis.HealthCheck),
                     derandomize="LOWER_EXAMPLES" not in os.environ)
@hypothesis.given(plan=plans(), flavour=strategies.sampled_from(oracle.FLAVOURS))
def test_any_model_of_layers_and_operations_is_what_keras_computes(plan, flavour, tmp_path_factory):
    agree(plan, flavour, tmp_path_factory.mktemp("random"))
