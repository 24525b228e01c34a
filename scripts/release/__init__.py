"""The container image: how it is built, what is in it, whether it is the same twice."""
