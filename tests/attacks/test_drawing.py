"""Models whose drawing would take as long as the square of their layers: confined like every attack."""
import os
import subprocess
import sys

import pytest

from tests.attacks.confined import confine
from tests.needs import ROOT

NET = """
from tests.unit.test_page import Net
net = Net()
outputs = [net.input("in", 4)]


def call(layer, *sources):
    layer["inbound_nodes"].append([[source[0], source[1], 0, {}] for source in sources])
    place = (layer["name"], len(layer["inbound_nodes"]) - 1)
    net.shapes[place], net.parameters[layer["name"]] = [4], 0
    return place


def layer(kind, name):
    net.layers.append({"class_name": kind, "name": name, "inbound_nodes": [], "config": {"name": name}})
    return net.layers[-1]
"""
MANY = {
    "a row of activations behind no layer that they could belong to": """
for index in range(4900):
    outputs.append(call(layer("ReLU", "relu%d" % index), outputs[-1]))
""",
    "layers behind each place of a row that is not drawn": """
last = outputs[0]
for index in range(4900):
    last = call(layer("Dropout", "drop%d" % index), last)
    outputs.append(call(layer("Add", "add%d" % index), last, last, last, last))
""",
    "one layer that is called again and again": """
dense = layer("Dense", "dense")
for index in range(9800):
    outputs.append(call(dense, outputs[-1]))
""",
}


@pytest.mark.parametrize("kind", sorted(MANY))
def test_thousands_of_layers_are_drawn_in_the_time_that_an_attack_gets(kind):
    code = NET + MANY[kind] + "print(len(net.draw(*outputs[1:])['layers']))\n"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=dict(os.environ, OPENBLAS_NUM_THREADS="1"),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, preexec_fn=confine)
    assert done.returncode == 0, (done.returncode, done.stderr[-500:])
    assert int(done.stdout) in (4900, 9800)
