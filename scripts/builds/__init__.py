"""The incremental build: the catalogue, what was built, the stages, doit's tasks."""
