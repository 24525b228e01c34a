"""The LeNet of TensorSpace's Keras guide (section 1.1): reads nothing, gives an untrained Keras model."""
from typing import Any


def build(keras: Any) -> Any:
    """Return the guide's Sequential for MNIST, not compiled: (batch, 28, 28) float in 0…1 -> (batch, 10) float.

    keras: the Keras to build it with, as a module: keras 2.6, Keras 3 or tf_keras.
    Layers that are to be shown carry the guide's names; the other two have the names that Keras itself
    would give them in a fresh process, so that a second model in one process has the same ones.
    """
    layers = keras.layers
    return keras.models.Sequential([
        keras.Input(shape=(28, 28), name="input"),
        layers.Reshape((28, 28, 1), name="reshape"),
        layers.Conv2D(6, kernel_size=5, strides=1, name="Conv2D_1"),             # (24, 24, 6)
        layers.MaxPooling2D(pool_size=2, strides=2, name="MaxPooling2D_1"),      # (12, 12, 6)
        layers.Conv2D(16, kernel_size=5, strides=1, name="Conv2D_2"),            # (8, 8, 16)
        layers.MaxPooling2D(pool_size=2, strides=2, name="MaxPooling2D_2"),      # (4, 4, 16)
        layers.Flatten(name="flatten"),                                          # (256,)
        layers.Dense(120, activation="relu", name="Dense_1"),
        layers.Dense(84, activation="relu", name="Dense_2"),
        layers.Dense(10, activation="softmax", name="Softmax"),
    ], name="lenet")
