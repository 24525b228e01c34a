"""Operations between layers, of Keras 3 and Keras 2, as graph models."""
import pytest

from tests import needs
from tests.models import lowered, operation_nodes, operations2, operations3

needs.tensorflow()

KERAS3 = [theme for theme in operations3.THEMES if "keras3" in lowered.FLAVOURS]


def inputs(keras):
    """x, y, z, i, j of the cases."""
    return [keras.Input((4, 6), name="x"), keras.Input((4, 6), name="y"), keras.Input((5, 7, 3), name="z"),
            keras.Input((4,), dtype="int32", name="i"), keras.Input((4,), dtype="int32", name="j")]



def of_keras3(theme):
    """A model with all cases of a theme as branches."""
    def build(keras):
        given = inputs(keras)
        outputs = [output for case in operations3.THEMES[theme].values() for output in case(keras.ops, *given)]
        return keras.Model(given, outputs + [keras.ops.copy(value) for value in given])
    return build


def of_keras2(theme):
    """The same in Keras 2."""
    def build(keras):
        import tensorflow
        given = inputs(keras)
        outputs = operations2.THEMES[theme](tensorflow, keras, *given)
        return keras.Model(given, outputs + [tensorflow.identity(value) for value in given])
    return build


def of_nodes(theme):
    """The same in Keras before 2.4."""
    def build(keras):
        import tensorflow
        given = inputs(keras)
        outputs = operation_nodes.layers_of(tensorflow, keras, lambda *values: operations2.THEMES[theme](
            tensorflow, keras, *values), given)
        return keras.Model(given, [output for output in outputs if output is not None] + [
            tensorflow.identity(value) for value in given])
    return build


@pytest.mark.parametrize("theme", KERAS3)
def test_operations_of_keras_3_compute_what_keras_computes(theme, tmp_path):
    lowered.agree(lowered.Model("keras3", of_keras3(theme)), tmp_path)


@pytest.mark.parametrize("theme", sorted(operations2.THEMES))
def test_functions_of_tensorflow_compute_what_keras_2_computes(theme, tmp_path):
    lowered.agree(lowered.Model("keras2", of_keras2(theme)), tmp_path)


@pytest.mark.parametrize("theme", sorted(set(operations2.THEMES) - {"sizes"}))
def test_operations_of_tensorflow_compute_what_keras_before_2_4_computes(theme, tmp_path):
    lowered.agree(lowered.Model("keras2", of_nodes(theme)), tmp_path)


@pytest.mark.parametrize("theme", ["linear", "shaping"] if KERAS3 else [])
def test_an_h5_of_keras_3_holds_the_same_operations(theme, tmp_path):
    lowered.agree(lowered.Model("keras3", of_keras3(theme)), tmp_path, ending=".h5")
