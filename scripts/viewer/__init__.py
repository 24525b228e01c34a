"""The page: a converted model drawn by TensorSpace, served on this machine or written into one file."""
