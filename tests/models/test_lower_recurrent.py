"""Recurrent layers and wrappers, as graph models."""
