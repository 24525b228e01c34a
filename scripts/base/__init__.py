"""What every room stands on: faults, commands, files, child processes, the two stacks.  It knows nothing of models."""
