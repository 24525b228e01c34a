"""What `import scripts` finds where a stage is run by its path, `python scripts/convert.py`: how to run it."""
import os
import sys

STAGE = os.path.splitext(os.path.basename(sys.argv[0]))[0]  # "-m", where scripts/ is where somebody stands
sys.exit("run it as a module, from the project's directory: .venv/bin/python -m scripts.%s"
         % (STAGE if STAGE.isidentifier() else "STAGE"))
