"""The libraries that draw a model: a folder for each.  A page is drawn by the one that is imported here."""
from .tensorspace import drawing, parts  # noqa: F401
