"""What `import scripts` finds where a file here is run by its path: what ../scripts.py says."""
import importlib.util
import os

SPEC = importlib.util.spec_from_file_location("above", os.path.join(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "scripts.py"))
SPEC.loader.exec_module(importlib.util.module_from_spec(SPEC))
