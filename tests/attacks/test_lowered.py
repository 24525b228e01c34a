"""Every attack of lowered.py, as in test_attacks.py: 300 MB of data and 5 s of CPU are enough, whatever comes of it."""
import os
import re

import pytest

from tests.attacks import lowered
from tests.attacks.test_attacks import refused, run

CASES = [(lowered.of_layer, case, given[3]) for case, given in lowered.LAYERS.items()] + [
    (lowered.of_operation, case, given["line"]) for case, given in lowered.OPERATIONS.items()]


def named(value):
    """What a case is called in a report."""
    return getattr(value, "__name__", value)


@pytest.mark.parametrize("build, case, line", [one for one in CASES if one[2]], ids=named)
def test_a_setting_without_an_end_is_refused_in_a_short_line(build, case, line, tmp_path):
    said = refused(tmp_path, build(tmp_path, case), "preprocess", "--format", "graph")
    assert re.search(line, said) and len(said) < 1000, said[:2000]


@pytest.mark.parametrize("build, case", [one[:2] for one in CASES if one[2] is None], ids=named)
def test_what_only_says_so_is_a_small_graph_model(build, case, tmp_path):
    status, _, err = run("preprocess", build(tmp_path, case), str(tmp_path / "out"), "--format", "graph")
    assert (status, err) == (0, "")
    assert sum(os.path.getsize(str(path)) for path in (tmp_path / "out").iterdir()) < 1 << 20
