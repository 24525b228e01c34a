"""The incremental build: the catalogue, what was built, the stages, doit's tasks."""
from ..base.fault import lacking

try:
    import fcntl  # noqa: F401
    import resource  # noqa: F401
except ModuleNotFoundError as missing:  # Windows: doit would show the traceback of its dodo.py
    raise SystemExit(lacking(missing))
