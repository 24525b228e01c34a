"""Operations of Keras 3 (keras.ops) in a functional model, by their class."""
