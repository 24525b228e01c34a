"""Whole models as graph models: the zoo, keras.applications, random ones."""
