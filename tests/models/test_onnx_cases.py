"""ONNX's own cases: what each operation computes in TensorFlow.js 4.22.0, or why it is refused."""
import os

import pytest

from tests import needs
from tests.models import onnx_cases

pytestmark = pytest.mark.modern
LARGE = ("test_MaxPool2d_stride_padding_dilation",)  # its windows have more places than we look at one by one
DOCS = os.path.join(needs.ROOT, "docs", "onnx-operations.md")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What became of all cases of single operations."""
    needs.onnx()
    needs.node()
    return onnx_cases.judge(onnx_cases.nodes(), str(tmp_path_factory.mktemp("cases")))


def test_no_case_of_an_operation_is_wrong(found):
    assert len(found) > 1800
    assert {one.case.name: one.words for one in found if one.state == "wrong"} == {}


def test_nearly_all_that_exports_are_made_of_is_computed(found):
    assert onnx_cases.share(found) >= 0.9


def test_every_refusal_has_one_line(found):
    assert [one.case.name for one in found if one.state == "refused" and (not one.words or "\n" in one.words)] == []


def test_the_figure_stands_in_the_docs(found):
    # python -m tests.models.onnx_cases prints what belongs there
    with open(DOCS, encoding="utf-8") as stream:
        assert onnx_cases.words(found) in stream.read(), onnx_cases.words(found)


@pytest.mark.parametrize("kind", ["pytorch-converted", "pytorch-operator"])
def test_models_that_pytorch_exported_compute_the_same(kind, tmp_path):
    needs.onnx()
    needs.node()
    found = onnx_cases.judge(onnx_cases.exported(kind), str(tmp_path))
    assert len(found) > 30
    assert [(one.case.name, one.words) for one in found if one.state != "passed" and one.case.name not in LARGE] == []
