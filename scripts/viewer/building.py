"""The page of a model in models.toml, brought up to date by a separate doit."""
import subprocess
import sys
from typing import Callable, Optional

from ..base import place


def by_doit(name: str, say: Callable[[str], None], project: Optional[str] = None) -> int:
    """Bring the page of a model of models.toml up to date; pass on what doit says, and return its exit status.

    project: the directory of models/models.toml, by default the current one.
    """
    words = ["-m", "doit"] if place.CHECKOUT else ["-m", place.PACKAGE + ".build"]
    say(f"doit page:{name}")
    with subprocess.Popen([sys.executable] + words + ["page:" + name], cwd=project, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True) as process:
        for line in process.stdout:
            say(line.rstrip())
    return process.returncode
