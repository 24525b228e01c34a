"""docs/refused.md: each layer that it names is refused with the words that it says, and what it offers is converted."""
import os
import re

import pytest

from scripts import Fault, convert
from tests import needs
from tests.models import oracle

needs.tensorflow()


def rows():
    """Return [(code of the layer, what the line says, [code of what to take instead])] of the first table."""
    with open(os.path.join(needs.ROOT, "docs", "refused.md"), encoding="utf-8") as stream:
        table = stream.read().split("## Masks")[0]
    found = [line.strip("|\n ").split(" | ") for line in table.splitlines() if line.startswith("| `")]
    return [(code[0].strip("`"), code[1], re.findall("`([^`]*)`", code[2]) if len(code) > 2 else []) for code in found]


def saved(keras, codes, path):
    """Save a model of the layers that are written so, one behind another."""
    keras.backend.clear_session()
    shape = (9, 9, 4) if "2D" in codes[0] else (6, 6) if "axis=1" in codes[0] or "axes" in codes[0] else (6, 4)
    start = x = keras.Input(shape)
    for code in codes:
        layer = eval(code, dict(vars(keras.layers)))
        twice = code.startswith(("Concatenate", "Dot", "MultiHead"))
        x = layer(x, x) if code.startswith("MultiHead") else layer([x, keras.layers.Dense(shape[-1])(x)]) if twice \
            else layer(x)
    keras.Model(start, x).save(path)


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
@pytest.mark.parametrize("code, line, instead", rows(), ids=[row[0] for row in rows()])
def test_each_row_of_the_table(code, line, instead, flavour, tmp_path):
    keras, path = oracle.load(flavour), str(tmp_path / "model.h5")
    saved(keras, [code], path)
    with pytest.raises(Fault) as caught:
        convert.convert(path, str(tmp_path))
    assert line in str(caught.value) and os.listdir(str(tmp_path)) == ["model.h5"]
    if instead:
        saved(keras, instead, path)
        convert.convert(path, str(tmp_path))


def test_the_table_is_read():
    assert len(rows()) > 15 and sum(bool(instead) for _, _, instead in rows()) > 10
