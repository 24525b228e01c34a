"""Choices of a training: the recipes with their defaults, the ranges of numbers, the names of MNIST's files.

Training depends on this module and not on the catalogue, so that a new setting of another stage retrains no model.
"""
import re

# A recipe's settings by default; epochs None: as many as train.py finds enough for the data.
RECIPES = {"guide": {"epochs": 5, "batch_size": 32}, "fast": {"epochs": None, "batch_size": 64}}
# Smallest and largest values; of whole numbers where these are.
RANGES = {"epochs": (1, 10 ** 6), "batch_size": (1, 10 ** 6), "seed": (0, 2 ** 32 - 1), "learning_rate": (1e-30, 1e30)}
IDX = re.compile(r"idx\d-ubyte(\.gz)?$")  # the end of the names of MNIST's own four files
