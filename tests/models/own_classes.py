"""The classes that people write themselves, as Keras's examples have them: the source of a my_layers.py for any Keras.

`source(flavour)` is the text of the file, `module(flavour)` the module that it makes.
"""
import sys
import types

MODULES = {"keras3": "keras", "keras2": "keras" if sys.version_info < (3, 7) else "tf_keras"}
SOURCE = '''\
import KERAS as keras
import tensorflow as tf

layers = keras.layers


class TokenAndPositionEmbedding(layers.Layer):
    def __init__(self, maxlen, vocab_size, embed_dim, **kwargs):
        super().__init__(**kwargs)
        self.sizes = maxlen, vocab_size, embed_dim
        self.token_emb = layers.Embedding(vocab_size, embed_dim)
        self.pos_emb = layers.Embedding(maxlen, embed_dim)

    def call(self, x):
        positions = tf.range(start=0, limit=tf.shape(x)[-1], delta=1)
        return self.token_emb(x) + self.pos_emb(positions)

    def get_config(self):
        maxlen, vocab_size, embed_dim = self.sizes
        return dict(super().get_config(), maxlen=maxlen, vocab_size=vocab_size, embed_dim=embed_dim)


class TransformerBlock(layers.Layer):
    def __init__(self, embed_dim, num_heads=2, ff_dim=12, rate=0.1, **kwargs):
        super().__init__(**kwargs)
        self.embed_dim = embed_dim
        self.att = layers.MultiHeadAttention(num_heads=num_heads, key_dim=embed_dim)
        self.ffn = keras.Sequential([layers.Dense(ff_dim, activation="relu", name="wide"), layers.Dense(embed_dim)])
        self.layernorm1 = layers.LayerNormalization(epsilon=1e-6)
        self.layernorm2 = layers.LayerNormalization(epsilon=1e-6)
        self.dropout1 = layers.Dropout(rate)

    def call(self, inputs, training=None):
        attention = self.dropout1(self.att(inputs, inputs), training=training)
        out1 = self.layernorm1(inputs + attention)
        return self.layernorm2(out1 + self.ffn(out1))

    def get_config(self):
        return dict(super().get_config(), embed_dim=self.embed_dim)


class Patches(layers.Layer):
    def __init__(self, patch_size, **kwargs):
        super().__init__(**kwargs)
        self.patch_size = patch_size

    def call(self, images):
        patches = tf.image.extract_patches(
            images=images, sizes=[1, self.patch_size, self.patch_size, 1],
            strides=[1, self.patch_size, self.patch_size, 1], rates=[1, 1, 1, 1], padding="VALID")
        return tf.reshape(patches, [tf.shape(images)[0], -1, patches.shape[-1]])

    def get_config(self):
        return dict(super().get_config(), patch_size=self.patch_size)


class PatchEncoder(layers.Layer):
    def __init__(self, num_patches, projection_dim, **kwargs):
        super().__init__(**kwargs)
        self.num_patches = num_patches
        self.projection = layers.Dense(units=projection_dim)
        self.position_embedding = layers.Embedding(input_dim=num_patches, output_dim=projection_dim)

    def call(self, patch):
        positions = tf.range(start=0, limit=self.num_patches, delta=1)
        return self.projection(patch) + self.position_embedding(positions)


class Sampling(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        if hasattr(keras, "random"):
            self.generator = keras.random.SeedGenerator(7)

    def call(self, inputs):
        mean, variance = inputs
        shape = tf.shape(mean)[0], mean.shape[1]
        drawn = keras.random.normal(shape, seed=self.generator) if hasattr(keras, "random") \\
            else tf.random.normal(shape)
        return mean + tf.exp(0.5 * variance) * drawn


class Involution(layers.Layer):
    def __init__(self, channel, group_number, kernel_size, reduction_ratio, **kwargs):
        super().__init__(**kwargs)
        self.channel, self.group_number, self.kernel_size = channel, group_number, kernel_size
        self.reduction_ratio = reduction_ratio

    def build(self, input_shape):
        self.high, self.wide = input_shape[1], input_shape[2]
        self.kernel_gen = keras.Sequential([
            layers.Conv2D(self.channel // self.reduction_ratio, 1), layers.BatchNormalization(), layers.ReLU(),
            layers.Conv2D(self.kernel_size * self.kernel_size * self.group_number, 1)])

    def call(self, x):
        size, groups = self.kernel_size, self.group_number
        kernel = self.kernel_gen(x)
        kernel = tf.reshape(kernel, [-1, self.high, self.wide, size * size, 1, groups])
        patches = tf.image.extract_patches(x, [1, size, size, 1], [1, 1, 1, 1], [1, 1, 1, 1], "SAME")
        patches = tf.reshape(patches, [-1, self.high, self.wide, size * size, self.channel // groups, groups])
        summed = tf.reduce_sum(tf.multiply(kernel, patches), axis=3)
        return tf.reshape(summed, [-1, self.high, self.wide, self.channel])


class Classifier(keras.Model):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.conv = layers.Conv2D(4, 3, activation="relu")
        self.block = keras.Sequential([layers.Conv2D(4, (1, 5), padding="same", name="wide"), layers.ReLU()])
        self.heads = [layers.Dense(units), layers.Dense(units, name="second")]
        self.flatten = layers.Flatten()

    def call(self, x, training=False):
        y = self.conv(x)
        y = self.flatten(self.block(y) + y)
        return {"logits": self.heads[0](y), "sum": self.heads[0](y) + self.heads[1](y)}

    def get_config(self):
        return {"units": self.units}


def make():
    model = Classifier()
    model(tf.zeros((1, 9, 8, 3)))
    return model
'''


def source(flavour):
    """Return the text of a my_layers.py for that Keras."""
    return SOURCE.replace("KERAS", MODULES[flavour])


def module(flavour):
    """Return the module of that text."""
    made = types.ModuleType("my_layers_of_" + flavour)
    exec(compile(source(flavour), made.__name__ + ".py", "exec"), made.__dict__)
    return made
