"""Preprocessing, embeddings and masks, as graph models."""
