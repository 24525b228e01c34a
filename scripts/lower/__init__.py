"""Lowering: a Keras model as data -> a graph of TensorFlow.js's operations that computes every output as Keras does.

    lowered = lower.lower(model)      lowered.graph is an operations.Graph

One function per layer class, by family, registered by the class's name (`rules.layer`), and one per operation
(`rules.operation`).  Nothing of the file runs: h5py and numpy suffice.
"""
from .rules import NotLowered
from .walk import Lowered, lower, rule_of

__all__ = ["Lowered", "NotLowered", "lower", "rule_of"]
