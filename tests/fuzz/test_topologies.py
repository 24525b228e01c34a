"""Topologies with a few things bent in them, through everything that takes a topology: only scripts.Fault leaves, and
what is written can be read again.  HYPOTHESIS_PROFILE=long tries 5000 of each and others each time.
"""
import functools
import json
import os
import shutil
import tempfile
from collections import OrderedDict

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scripts import Fault, summary
from scripts.formats import bounds, tfjs
from scripts.layers import encapsulation, shapes, topology, variables
from scripts.layers.model import Model, Weight
from scripts.layers.topology import Layer, inner_records
from scripts.tfjs import write, write_layers
from scripts.viewer import page
from scripts.viewer.renderers.tensorspace import drawing
from tests import needs
from tests.fuzz import mutate, seeds
from tests.models import oracle, zoo

pytestmark = pytest.mark.timeout(300)  # none of this takes long: what does is a hang
KNOWN = {"handmade": 0, "handmade-3": 1, "branched": 2, "recurrent": 3, "keras3-graph": 4}


def model_of(record, major):
    """A Model of a topology with weights that fit it, as far as its variables can be told."""
    weights = OrderedDict()
    try:
        for inner in inner_records(record):
            weights[Layer(inner).name] = [
                Weight.of(name, numpy.ones([4 if size is None else size for size in shape or [4]], "float32"))
                for name, shape, _ in variables.variables(inner)
                if numpy.prod([float(size or 1) for size in shape or ()]) < 1e6]
    except (Fault, KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError):
        pass
    return Model(record, weights, seeds.VERSIONS[major])


def faults(function, *arguments):
    """What a command does: call it; the Fault that it ends with, or None.  Anything else leaves, and fails the test."""
    try:
        with topology.of("the file"):
            function(*arguments)
    except Fault as fault:
        return fault
    return None


def described(document):
    """What TensorFlow.js would say of a model that this project wrote, from the topology alone."""
    graph = topology.graph(document["modelTopology"]["model_config"])
    known = shapes.of_graph(graph, 2)

    def entry(ref):
        return {"name": ref.layer, "shape": known.get(ref) or [None, 4], "dtype": "float32"}

    return {"format": "layers", "inputs": [entry(ref) for ref in graph.inputs],
            "outputs": [entry(ref) for ref in graph.outputs], "parameters": {}}


def everything(record, major):
    """Take a topology through every function that takes one; returns whether it could be converted."""
    folder = tempfile.mkdtemp(prefix="topology-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    model = model_of(record, major)
    written = []

    def whole_way():
        result = encapsulation.encapsulate(model)
        encapsulation.facts(result)
        write_layers.write(result, folder)
        written.append(result)

    try:
        faults(topology.graph, record, major)
        faults(bounds.calls, record)
        faults(lambda: list(summary.lines(model)))
        faults(write_layers.write, model, tempfile.mkdtemp(dir=folder))
        faults(functools.partial(write.write, format="graph"), model, tempfile.mkdtemp(dir=folder))
        faults(whole_way)
        if not written:
            return False
        again = tfjs.read(os.path.join(folder, "model.json"))
        assert len(encapsulation.facts(again)["outputs"]) == len(encapsulation.facts(written[0])["outputs"])
        document = page.read_model(os.path.join(folder, "model.json"))
        page.shards(document, os.path.join(folder, "model.json"))
        faults(lambda: drawing.drawing(document, described(document)))
        return True
    finally:
        shutil.rmtree(folder)


def bent(data, record):
    """A topology with one to four things changed in it, as hypothesis chooses."""
    def below(count):
        return data.draw(st.integers(0, count - 1))

    for _ in range(1 + below(4)):
        record = mutate.bend(record, below)
    return record


@pytest.mark.parametrize("place", KNOWN.values(), ids=list(KNOWN))
def test_a_topology_that_is_not_bent_is_converted(place):
    assert everything(*seeds.topologies()[place])


@pytest.mark.parametrize("place", KNOWN.values(), ids=list(KNOWN))
@settings(suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_bent_topology_is_a_fault_or_a_model(place, data):
    record, major = seeds.topologies()[place]
    everything(bent(data, record), major)


@pytest.fixture(scope="module", params=oracle.FLAVOURS)
def real(request):
    """(topologies of the zoo as this Keras writes them, its major version)"""
    needs.reference()
    keras = oracle.load(request.param)
    records = []
    for build in zoo.SMALL:
        keras.backend.clear_session()
        record = json.loads(build(keras).to_json())
        records.append({key: value for key, value in record.items() if key not in ("keras_version", "backend")})
    return records, 3 if zoo.is_keras3(keras) else 2


@settings(suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_bent_topology_of_the_zoo_is_a_fault_or_a_model(real, data):
    records, major = real
    everything(bent(data, data.draw(st.sampled_from(records))), major)
