"""Operations between layers, of Keras 3 and Keras 2, as graph models."""
