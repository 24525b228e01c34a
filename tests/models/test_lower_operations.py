"""Operations between layers, of Keras 3 and Keras 2, as graph models."""
import numpy
import pytest

from scripts import preprocess
from scripts.base.fault import Fault
from tests import needs
from tests.models import lowered, operation_nodes, operations2, operations2_special, operations3, operations3_special

needs.tensorflow()
EACH = 1 if needs.STACK == "modern" else 2  # TensorFlow 2.6 has the same functions: every other theme is tried


def inputs(keras):
    """x, y, z, i, j of the cases."""
    return [keras.Input((4, 6), name="x"), keras.Input((4, 6), name="y"), keras.Input((5, 7, 3), name="z"),
            keras.Input((4,), dtype="int32", name="i"), keras.Input((4,), dtype="int32", name="j")]


def of_keras3(theme):
    """A model with all cases of a theme, or of a table, as branches."""
    def build(keras):
        given = inputs(keras)
        cases = operations3.THEMES[theme] if isinstance(theme, str) else theme
        outputs = [output for case in cases.values() for output in case(keras.ops, *given)]
        return keras.Model(given, outputs + [keras.ops.copy(value) for value in given])
    return build


def of_keras2(theme):
    """The same in Keras 2."""
    def build(keras):
        import tensorflow
        given = inputs(keras)
        cases = [operations2.THEMES[theme]] if theme in operations2.THEMES else operations2_special.FUNCTIONS.values()
        outputs = [output for case in cases for output in case(tensorflow, keras, *given)]
        return keras.Model(given, outputs + [tensorflow.identity(value) for value in given])
    return build


def of_nodes(theme):
    """The same in Keras before 2.4."""
    def build(keras):
        import tensorflow
        given = inputs(keras)
        outputs = operation_nodes.layers_of(tensorflow, keras, lambda *values: {
            **operations2.THEMES, **operations2_special.NODES}[theme](tensorflow, keras, *values), given)
        return keras.Model(given, [output for output in outputs if output is not None] + [
            tensorflow.identity(value) for value in given])
    return build


@pytest.mark.modern  # keras.ops came with Keras 3
@pytest.mark.parametrize("theme", list(operations3.THEMES))
def test_operations_of_keras_3_compute_what_keras_computes(theme, tmp_path):
    lowered.agree(lowered.Model("keras3", of_keras3(theme)), tmp_path)


@pytest.mark.modern  # keras.ops came with Keras 3
@pytest.mark.parametrize("cases, versions", [(operations3_special.CASES, (lowered.OLDEST, None)),
                                             (operations3_special.NEWER, (None,))], ids=["rest", "newer"])
def test_operations_that_are_seldom_in_a_model(cases, versions, tmp_path):
    lowered.agree(lowered.Model("keras3", of_keras3(cases)), tmp_path, versions=versions)


def open_images(keras):
    """What takes pixels from computed places, of images whose size is open."""
    z, by = keras.Input((None, None, 3), name="z"), keras.Input((8,), name="by")
    image, tables = keras.ops.image, operations3_special
    return keras.Model([z, by], [image.affine_transform(z, moved, *how) for how in tables.WARPED
                                 for moved in (tables.TURN[0], keras.ops.tanh(by) * 0.01 + tables.TURN[:1])] + [
        image.perspective_transform(z, tables.CORNERS, tables.BENT), image.ssim(z, z * 2, filter_size=3),
        image.map_coordinates(z[0], tables.SPOTS, 1, "constant", 2.5), image.scale_and_translate(
            z, (None, 8, 4, 3), z[0, 0, :2, 0] + 3, z[0, 1, :2, 0], (1, 2), "cubic")])


@pytest.mark.modern  # keras.ops came with Keras 3
@pytest.mark.parametrize("shape", [(2, 5, 7, 3), (1, 6, 4, 3)])
def test_pixels_of_images_whose_size_is_open(shape, tmp_path):
    z = numpy.random.RandomState(3).normal(0, 1, shape).astype("float32")
    lowered.agree(lowered.Model("keras3", open_images, inputs={"z": z}, batch=shape[0]), tmp_path)


@pytest.mark.parametrize("theme", (sorted(operations2.THEMES) + ["seldom"])[::EACH])
def test_functions_of_tensorflow_compute_what_keras_2_computes(theme, tmp_path):
    lowered.agree(lowered.Model("keras2", of_keras2(theme)), tmp_path)


@pytest.mark.parametrize("theme", (sorted(set(operations2.THEMES) - {"sizes"}) + ["seldom"])[EACH - 1::EACH])
def test_operations_of_tensorflow_compute_what_keras_before_2_4_computes(theme, tmp_path):
    lowered.agree(lowered.Model("keras2", of_nodes(theme)), tmp_path)


@pytest.mark.modern  # keras.ops came with Keras 3
@pytest.mark.parametrize("theme", ["linear", "shaping"])
def test_an_h5_of_keras_3_holds_the_same_operations(theme, tmp_path):
    lowered.agree(lowered.Model("keras3", of_keras3(theme)), tmp_path, ending=".h5")


@pytest.mark.modern  # keras.ops came with Keras 3
def test_what_has_an_open_number_of_values_is_refused_in_one_line(tmp_path):
    keras = lowered.oracle.load("keras3")
    x = keras.Input((4,), name="x")
    path = str(tmp_path / "model.keras")
    keras.Model(x, keras.ops.sort(x, axis=0)).save(path)
    with pytest.raises(Fault) as caught:
        preprocess.preprocess(path, str(tmp_path / "js"), format="graph")
    assert "'sort' is the operation Sort: it sorts along an axis of open size; give its size" in str(caught.value)
