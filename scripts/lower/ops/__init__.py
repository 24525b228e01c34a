"""Operations among the layers of a functional model, one module for each theme.

Keras 3 (keras.ops) has a class for each; Keras 2 has a function of TensorFlow's (TFOpLambda, SlicingOpLambda) or an
operation of TensorFlow's (TensorFlowOpLayer).  One function lowers all spellings of an operation; given.py reads the
arguments of each.
"""
