"""Every room stands on this: faults, commands, files, child processes, the two stacks.

No module here knows of models.
"""
