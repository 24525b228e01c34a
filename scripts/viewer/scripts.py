"""What `import scripts` finds where a file here is run by its path: how to run it, as ../scripts.py says of its own."""
import os
import sys

sys.exit("run it as a module, from the project's directory: .venv/bin/python -m scripts.viewer.%s"
         % os.path.splitext(os.path.basename(sys.argv[0]))[0])
