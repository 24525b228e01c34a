"""Processes that share the tests: each takes the next file that nobody has taken, until there are none.

    TURNS=DIRECTORY python -m pytest -p tests.turns ...     an empty directory, the same for all of them

A file is taken by the one process of its stack that makes a file of its name in DIRECTORY.  Files whose tests share
what takes long to build (TOGETHER) are taken as one.  The longest come first, so that no process works alone at the
end.
"""
import os

from tests.needs import STACK

DIRECTORY = os.environ.get("TURNS")
TOGETHER = {"tests/image": ("tests/image/",), "tests/browser": ("tests/browser/",),
            "tests/unit/examples.py": ("tests/unit/test_kinds.py", "tests/unit/test_shapes.py",
                                       "tests/unit/test_variables.py")}
# What takes longest, from the longest on.
LONGEST = ("tests/image", "tests/faults/test_faults.py", "tests/browser", "tests/unit/test_train.py",
           "tests/unit/test_build.py", "tests/unit/test_runs.py", "tests/models/test_applications.py",
           "tests/unit/test_recipes.py", "tests/models/test_saved_model.py", "tests/models/test_masks.py",
           "tests/models/test_graph_operations.py", "tests/fuzz/test_readers.py", "tests/models/test_lower_random.py",
           "tests/attacks/test_attacks.py", "tests/attacks/test_mistakes.py", "tests/unit/test_reference.py",
           "tests/models/test_zoo.py", "tests/models/test_reported.py", "tests/unit/test_readme.py",
           "tests/unit/test_workers.py", "tests/unit/test_bootstrap.py", "tests/models/test_lower_text.py",
           "tests/unit/test_code.py", "tests/unit/test_move.py", "tests/models/test_trust.py")


def taken_as(item):
    """Return the name by which an item is taken: that of its file, or of those whose tests share something."""
    path = item.nodeid.split("::")[0]
    return next((name for name, paths in TOGETHER.items() if path.startswith(paths)), path)


def take(name):
    """Whether this process is the first to take `name`."""
    try:
        os.close(os.open(os.path.join(DIRECTORY, f"{STACK}-{name.replace('/', '.')}"), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def own(items):
    """Yield the items of what this process takes, and takes the next when they are done."""
    shares = {}
    for item in items:
        shares.setdefault(taken_as(item), []).append(item)
    for name in [name for name in LONGEST if name in shares] + [name for name in shares if name not in LONGEST]:
        if take(name):
            yield from shares[name]


def pytest_runtestloop(session):
    """Run as pytest does, but what this process takes alone."""
    if session.testsfailed and not session.config.option.continue_on_collection_errors:
        raise session.Interrupted(f"{session.testsfailed} errors during collection")
    if session.config.option.collectonly:
        return True
    items = own(session.items)
    item = next(items, None)
    while item is not None:
        following = next(items, None)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        item = following
    return True
