"""scripts/base/place.py: a line advises a command that exists where the code runs."""
import sys

import pytest

from scripts.base import place


@pytest.fixture
def wheel(monkeypatch):
    """The place where pip installed the package."""
    monkeypatch.setattr(place, "CHECKOUT", False)
    monkeypatch.setattr(place, "PACKAGE", "tensorspace_keras")
    monkeypatch.setattr(sys, "argv", ["pytest"])


def test_in_a_checkout_commands_are_modules_of_scripts_and_make_is_there():
    assert place.CHECKOUT
    assert place.spelled("viewer.serve") == "python -m scripts.viewer.serve"
    assert (place.doit(), place.doit("convert:mine")) == ("doit", "doit convert:mine")
    assert (place.makes(), place.makes("view"), place.installs("tensorflow")) == ("`make`", "`make view`", "`make`")
    assert place.advice("see python -m scripts.summary") == "see python -m scripts.summary"


def test_in_a_wheel_commands_go_by_their_console_name_or_as_modules_of_the_package(wheel):
    assert place.spelled("preprocess") == "tensorspace-preprocess"
    assert place.spelled("viewer.serve") == "python -m tensorspace_keras.viewer.serve"
    assert place.doit("convert:mine") == "tensorspace-build convert:mine"
    assert (place.makes(), place.makes("view")) == ("`tensorspace-build`", "`tensorspace-build view`")


def test_a_command_with_two_names_goes_by_the_one_that_it_was_started_as(wheel, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/tensorspacejs_converter"])
    assert place.spelled("preprocess") == "tensorspacejs_converter"
    assert place.spelled("build") == "tensorspace-build"


@pytest.mark.parametrize("text, here", [
    ("(python -m scripts.viewer.serve DIRECTORY), or", "(python -m tensorspace_keras.viewer.serve DIRECTORY), or"),
    ("run python -m scripts.preprocess.", "run tensorspace-preprocess."),
    ("`python -m scripts.summary`; python -m scripts.verify", "`python -m tensorspace_keras.summary`; "
                                                              "python -m tensorspace_keras.verify"),
    ("nothing to run", "nothing to run")])
def test_a_text_advises_the_commands_of_a_wheel(wheel, text, here):
    assert place.advice(text) == here
