"""What `import scripts` finds where a stage is run by its path, `python scripts/convert.py`: how to run it."""
import os
import sys

sys.exit("run it as a module, from the project's directory: .venv/bin/python -m scripts.%s"
         % os.path.splitext(os.path.basename(sys.argv[0]))[0])
