"""A test that this machine cannot run is named at the end; with REQUIRE_ALL=1 it has failed."""
import os
import shutil
import subprocess
import sys

import pytest

from scripts import bootstrap
from tests import needs

TESTS = """
import pytest
from tests import needs

def test_that_passes():
    pass

def test_that_needs_a_program():
    needs.command("no-such-program", "apt install it")

@pytest.mark.skip(reason="by a mark")
def test_that_is_marked():
    pass

@pytest.mark.modern
def test_of_the_modern_stack():
    pass

@pytest.mark.py36
def test_of_the_py36_stack():
    pass
"""
WHOLE_FILE = "import pytest\npytest.skip('by the whole file', allow_module_level=True)\n"


@pytest.fixture
def run(tmp_path):
    """A function that runs pytest, with tests/conftest.py, on the tests above; returns its status and output."""
    (tmp_path / "tests").mkdir()
    shutil.copy(os.path.join(needs.ROOT, "tests", "conftest.py"), str(tmp_path / "tests"))
    shutil.copy(os.path.join(needs.ROOT, "pyproject.toml"), str(tmp_path))
    (tmp_path / "tests" / "test_some.py").write_text(TESTS)
    (tmp_path / "tests" / "test_whole.py").write_text(WHOLE_FILE)

    def run(**environ):
        kept = {key: value for key, value in os.environ.items() if key != "REQUIRE_ALL"}
        process = subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider"], cwd=str(tmp_path),
                                 env=dict(kept, PYTHONPATH=needs.ROOT, **environ), stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, universal_newlines=True)
        return process.returncode, process.stdout
    return run


def test_what_was_not_tested_is_listed_with_its_reason(run):
    status, said = run()
    assert status == 0, said
    listed = said[said.index("NOT TESTED on this machine"):]
    for reason in ("1 needs no-such-program (apt install it): tests/test_some.py", "1 by a mark",
                   "1 by the whole file"):
        assert reason in listed
    assert "2 passed, 3 skipped, 1 deselected" in said


def test_a_test_of_the_other_stack_is_left_out_and_not_skipped(run):
    other = {"modern": "py36", "py36": "modern"}[needs.STACK]
    assert f"test_of_the_{other}_stack" not in run(PYTEST_ADDOPTS="-v")[1]


def test_where_all_is_required_whatever_is_skipped_has_failed(run):
    status, said = run(REQUIRE_ALL="1", PYTEST_ADDOPTS="--continue-on-collection-errors")
    assert status == 1, said
    assert "skipped, and REQUIRE_ALL=1: needs no-such-program" in said
    assert "skipped, and REQUIRE_ALL=1: by a mark" in said
    assert "skipped, and REQUIRE_ALL=1: by the whole file" in said
    assert "1 failed, 2 passed, 1 deselected, 2 errors" in said  # a mark acts before the test begins: an error


def test_every_program_that_is_needed_is_found_or_named():
    assert needs.ROOT == bootstrap.ROOT
    with pytest.raises(pytest.skip.Exception, match=r"needs no-such-program \(apt install it\)"):
        needs.command("no-such-program", "apt install it")
    with pytest.raises(pytest.skip.Exception, match="no_such_module"):
        needs.module("no_such_module", "train")
