"""Preprocessing of numbers and categories: Rescaling, Discretization, CategoryEncoding, lookups, hashing."""
