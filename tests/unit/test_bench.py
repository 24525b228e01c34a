"""bench/ itself: interleaving, the table, the plot.  What it measures is not tested: nothing here depends on time."""
import json
import os
import sys

import pytest

from bench import benchmarks, measure, plot
from bench.projects import make_project, names
from scripts.release import locks
from tests import needs
from tests.needs import ROOT


def test_contenders_take_turns_and_slow_ones_take_fewer():
    ran = []
    contenders = {name: [lambda name=name: ran.append(name)] for name in ("ours", "theirs", "slow")}
    got = measure.side_by_side(contenders, runs=3, prepare=lambda name: ran.append("for " + name), fewer={"slow": 1})
    turn = ["for ours", "ours", "for theirs", "theirs"]
    assert ran == turn + ["for slow", "slow"] + turn + turn
    assert set(got) == set(contenders) and all(set(one) == {"seconds", "spread", "megabytes"} for one in got.values())


def test_commands_run_as_a_user_would_run_them(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    (tmp_path / "module.py").write_text("")
    measure.once([sys.executable, "-c", "import module"], str(tmp_path))
    assert (tmp_path / "__pycache__").is_dir()


def test_a_command_that_fails_is_no_result():
    with pytest.raises(RuntimeError) as caught:
        measure.once([sys.executable, "-c", "raise SystemExit('no such thing')"])
    assert "no such thing" in str(caught.value)


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Results of two benchmarks, and a README to write them into."""
    monkeypatch.setattr(measure, "HERE", str(tmp_path))
    monkeypatch.setattr(measure, "RESULTS", str(tmp_path / "results"))
    (tmp_path / "README.md").write_text(
        "before\n<!-- results -->\nof last time\n<!-- end of results -->\nafter\n")
    measure.save("uptodate", [{"models": 1, "ours s": 0.1, "of plain doit": 1.1, "of dvc": "none here"}], "notes")
    measure.save("changed", [{"stack": "modern", "times faster": 20.0, "of the memory": 0.1}], "more notes")
    return tmp_path


def test_the_table_stands_between_its_marks_in_the_order_of_the_benchmarks(results):
    for _ in range(2):
        benchmarks.table()
        text = (results / "README.md").read_text()
        assert text.startswith("before\n<!-- results -->\n### uptodate\n")
        assert text.endswith("<!-- end of results -->\nafter\n") and "last time" not in text
        assert ("| models | ours s | of plain doit | of dvc |\n|---|---|---|---|\n"
                "| 1 | 0.1 | 1.1 | none here |\n") in text
        assert text.index("### uptodate") < text.index("### changed") and text.count("### ") == 2


def test_the_plot_shows_ratios_as_parts_of_the_other_and_leaves_out_what_was_not_measured(results):
    assert plot.bars(measure.RESULTS) == [("up to date, 1 models / plain doit", 1.1),
                                          ("a model changed, modern / official route", 0.05),
                                          ("memory, modern / official route", 0.1)]


def test_every_column_that_the_plot_shows_is_measured():
    """Of the results that are committed: a renamed column would vanish from the plot without a word."""
    for name, column, _, row_name, _ in plot.SHOWN:
        path = os.path.join(ROOT, "bench", "results", name + ".json")
        with open(path) as stream:
            assert {column, row_name} <= set(json.load(stream)["columns"])


@pytest.mark.modern
def test_the_plot_of_the_committed_results_is_drawn_by_the_locked_matplotlib_to_the_same_bytes(tmp_path):
    target = str(tmp_path / "ratios.svg")
    plot.update(target)
    if not os.path.exists(target):
        needs.lacking("PyPI, or a mirror of it")
    with open(target, "rb") as drawn, open(plot.TARGET, "rb") as committed:
        assert drawn.read() == committed.read()


def test_what_a_benchmark_installs_is_locked():
    assert {"modern-dvc", "modern-matplotlib"} <= set(locks.names("modern"))


def test_every_benchmark_is_a_task():
    with open(os.path.join(ROOT, "dodo.py")) as stream:
        text = stream.read()
    assert all(f'"{name}"' in text for name in benchmarks.BENCHMARKS)


def test_a_project_to_measure_on_names_every_model(tmp_path):
    make_project(str(tmp_path / "project"), {name: "given.h5" for name in names(3)})
    text = (tmp_path / "project" / "models" / "models.toml").read_text()
    assert text.count('source = "given.h5"') == 3 and "[m0002]" in text
