"""Functions of Keras 2 in a functional model: TFOpLambda, SlicingOpLambda, TensorFlowOpLayer."""
