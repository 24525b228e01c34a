"""The plot in bench/README.md: the cost of this project as a part of the alternatives'.

matplotlib is installed from its lock, into an environment that is thrown away.  The same results give the same bytes.

    python -m bench.plot RESULTS OUT.svg
"""
import json
import os
import subprocess
import sys
import tempfile

from bench import catalogues, measure

TARGET = os.path.join(measure.HERE, "ratios.svg")
# benchmark -> (column with a ratio, True where it says "times faster", what names the row, words for the plot)
SHOWN = (
    ("uptodate", "of plain doit", False, "models", "up to date, {} models / plain doit"),
    ("uptodate", "of dvc", False, "models", "up to date, {} models / dvc repro"),
    ("changed", "times faster", True, "stack", "a model changed, {} / official route"),
    ("changed", "of the memory", False, "stack", "memory, {} / official route"),
    ("many", "times faster than the loop", True, "models", "from nothing, {} models / shell loop"),
    ("big", "ratio", False, "MB", "a model of {} MB / cp and sha256"),
    ("onnx", "ratio", False, "MB", "an ONNX file of {} MB / cp and sha256"),
    ("train", "times faster", True, "stack", "to 0.985 of MNIST, {} / the guide's recipe"),
    ("page", "of the frame", False, "model", "page of {}, first frame / by hand"),
    ("page", "of that", False, "model", "page of {}, first prediction / tfjs alone"),
)


def bars(results):
    """Return [(label, our part of the other)] of all that was measured; results: directory of the json files."""
    found = []
    for name, column, faster, row_name, words in SHOWN:
        path = os.path.join(results, name + ".json")
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as stream:
            rows = json.load(stream)["rows"]
        for row in rows:
            value = row.get(column)
            if isinstance(value, (int, float)) and value:
                found.append((words.format(row[row_name]), 1.0 / value if faster else value))
    return found


def draw(results, target):
    """Write the plot as SVG to `target`, with the matplotlib that this Python has."""
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "bench", "svg.fonttype": "none", "font.family": "sans-serif",
                                "font.sans-serif": ["DejaVu Sans"], "font.size": 9})
    from matplotlib import pyplot
    found = bars(results)[::-1]
    labels, values = [label for label, _ in found], [value for _, value in found]
    figure, axes = pyplot.subplots(figsize=(8, 0.5 + 0.24 * len(found)))
    drawn = axes.barh(range(len(found)), [value - 0.001 for value in values], left=0.001,
                      color=["#15923f" if value <= 1 else "#c27803" for value in values])
    axes.bar_label(drawn, labels=[f"{value:.3g}" for value in values], padding=3)
    axes.set_yticks(range(len(found)), labels)
    axes.set_xscale("log")
    axes.set_xlim(0.001, 100)
    axes.axvline(1, color="#64748b", linewidth=1)
    axes.set_xlabel("ours, as a part of the other (left of the line: less)")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(target, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    pyplot.close(figure)


def update(target=TARGET):
    """Draw bench/ratios.svg from bench/results/, with a matplotlib that is thrown away; without one the plot stays."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        programs = catalogues.install("matplotlib", place)
        if programs is None:
            measure.progress(f"matplotlib cannot be had: {os.path.basename(target)} stays what it was")
            return
        subprocess.check_call([os.path.join(programs, "python"), "-m", "bench.plot", measure.RESULTS, target],
                              cwd=measure.ROOT)


if __name__ == "__main__":
    draw(sys.argv[1], sys.argv[2])
