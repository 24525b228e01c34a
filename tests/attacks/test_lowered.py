"""Every attack of lowered.py, as in test_attacks.py: 300 MB of data and 5 s of CPU are enough, whatever comes of it."""
import os
import re

import pytest

from tests.attacks import lowered
from tests.attacks.test_attacks import refused, run

CASES = [(lowered.of_layer, case, given[3]) for case, given in lowered.LAYERS.items()] + [
    (lowered.of_operation, case, given["line"]) for case, given in lowered.OPERATIONS.items()]


@pytest.mark.parametrize("build, case, line", CASES, ids=[case for _, case, _ in CASES])
def test_no_setting_makes_a_graph_model_that_has_no_end(build, case, line, tmp_path):
    path = build(tmp_path, case)
    if line is None:
        status, _, err = run("preprocess", path, str(tmp_path / "out"), "--format", "graph")
        assert (status, err) == (0, "")
        assert sum(os.path.getsize(str(path)) for path in (tmp_path / "out").iterdir()) < 1 << 20
        return
    said = refused(tmp_path, path, "preprocess", "--format", "graph")
    assert re.search(line, said) and len(said) < 1000, said[:2000]
