"""Nothing is skipped in silence: the run ends with what was not tested and why; REQUIRE_ALL=1 makes that a failure."""
import gc
import os
import subprocess
import sys

import hypothesis
import pytest

from tests import needs

REQUIRE_ALL = os.environ.get("REQUIRE_ALL") == "1"
gc.disable()  # while the tests are collected: of what they import nothing goes

# No deadline: no test measures time.  Derandomized: a failure is found again by whoever runs the tests next.
hypothesis.settings.register_profile("project", deadline=None, derandomize=True, database=None)
# More, and others each time: HYPOTHESIS_PROFILE=long
hypothesis.settings.register_profile("long", deadline=None, max_examples=5000, database=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "project"))

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# As the project's own children have it, whichever test imports TensorFlow first: oneDNN's pooling crashes at times.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
# What the make that runs the tests exports is not for the ones that they start.
for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHON", "ARGS", "SHARES", "SHARES36", "TURNS"):
    os.environ.pop(name, None)


def pytest_report_header(config):
    """Say which stack this is, and whether skipping is allowed."""
    return "stack: {}{}".format(needs.STACK, ", REQUIRE_ALL=1: a skipped test is a failed one" if REQUIRE_ALL else "")


def pytest_collection_modifyitems(config, items):
    """Leave out the tests that are marked for the other stack."""
    other = "py36" if needs.STACK == "modern" else "modern"
    elsewhere = [item for item in items if item.get_closest_marker(other)]
    if elsewhere:
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if not item.get_closest_marker(other)]


def pytest_collection_finish(session):
    """Collect garbage from here on."""
    gc.enable()


class Frozen:
    """What was there when the garbage collector was last told to leave it alone: how many modules, and whose test."""

    modules, file = 0, ""


def pytest_runtest_setup(item):
    """Have the collector pass over what was imported and what the files before left for good: Keras 3 collects in each
    clear_session, through all of TensorFlow's objects else.  Python 3.6 has no such thing, and its Keras does not
    collect."""
    file = item.nodeid.split("::")[0]
    if (file != Frozen.file or len(sys.modules) > Frozen.modules + 300) and hasattr(gc, "freeze"):
        gc.collect()
        gc.freeze()
        Frozen.modules, Frozen.file = len(sys.modules), file


def reason_of(report):
    """Return why a report's test or file was skipped."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text[len("Skipped: "):] if text.startswith("Skipped: ") else text


def refuse_skip(report):
    """Make a skipped report a failed one, where nothing may be skipped.  An expected failure is no skip."""
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = "skipped, and REQUIRE_ALL=1: " + reason_of(report)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    refuse_skip((yield).get_result())


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector):
    refuse_skip((yield).get_result())


def pytest_terminal_summary(terminalreporter):
    """List what was not tested here, one line per reason."""
    reasons = {}
    for report in terminalreporter.stats.get("skipped", []):
        reasons.setdefault(reason_of(report), []).append(report.nodeid)
    if reasons:
        terminalreporter.section("NOT TESTED on this machine", yellow=True)
    for reason, tests in sorted(reasons.items()):
        files = sorted({test.split("::")[0] for test in tests})
        terminalreporter.line(f'{len(tests)} {reason}: {" ".join(files)}')


@pytest.fixture(scope="session")
def loads():
    """In the place of write_layers.write and write_graph.write: every result is loaded by TensorFlow.js too
    (tests/shared_node.py).

    None on a machine without Node or TensorFlow.js, which other tests say at its end.
    """
    from scripts import Fault
    from scripts.tfjs import write_graph, write_layers
    from tests import shared_node
    try:
        needs.node()
        checked = shared_node.Loads()
    except (pytest.skip.Exception, Fault):
        yield None
        return
    write_layers.write, write_graph.write = checked, checked.graph
    yield checked
    write_layers.write, write_graph.write = checked.write, checked.write_graph


@pytest.fixture
def every_result_loads(loads, request):
    """Fail the test if a result that it converted, here or in a child, is none that TensorFlow.js loads."""
    if loads:
        loads.active, subprocess.run = True, loads.run
    yield
    if loads:
        loads.active, subprocess.run = False, loads.alone
    refused = loads.taken() if loads else []
    assert refused == [] or request.node.get_closest_marker("not_loaded"), "converted, and TensorFlow.js refuses it"
