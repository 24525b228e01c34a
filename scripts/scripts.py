"""What `import scripts` finds where a stage is run by its path, `python scripts/convert.py`: how to run it."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
STAGE = os.path.splitext(os.path.relpath(os.path.abspath(sys.argv[0]), HERE))[0].replace(os.sep, ".")
# "-m" is no name of one: python -m scripts.convert, by who stands in this directory.
sys.exit("run it as a module, from the project's directory: .venv/bin/python -m scripts.%s"
         % (STAGE if STAGE.replace(".", "").isidentifier() else "STAGE"))
