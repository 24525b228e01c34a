"""The packages of the wheel: scripts/ and the rooms in it, as tensorspace_keras, and dodo.py.  setup.cfg says the rest.

What setuptools makes on the way to a wheel goes to a directory that is thrown away, not into the checkout.
"""
import os
import sys
import tempfile

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

NAME = "tensorspace_keras"
CARRIED = {"dodo.py": "dodo.py", os.path.join("models", "models.toml"): "models.toml"}  # path here -> in the package


class BuildPy(build_py):
    """Adds the files that stand beside scripts/ in the checkout."""

    def run(self) -> None:
        """Copy the packages, then these files."""
        super().run()
        if not getattr(self, "editable_mode", False):
            for source, target in CARRIED.items():
                self.copy_file(source, os.path.join(self.build_lib, NAME, target))


options = {}
if not {"develop", "editable_wheel", "sdist"} & set(sys.argv):  # these keep the metadata beside setup.py
    thrown_away = tempfile.TemporaryDirectory()
    options = {"build": {"build_base": os.path.join(thrown_away.name, "build")},
               "egg_info": {"egg_base": thrown_away.name}}

setup(packages=[NAME] + [NAME + "." + room for room in find_packages("scripts")], options=options,
      cmdclass={"build_py": BuildPy})
