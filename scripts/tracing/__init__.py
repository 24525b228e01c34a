"""A Keras model with Python of its own -> a graph of operations, by running that Python in TensorFlow, on request only.

    by_keras       a live model -> the graph that computes its layers' outputs
    calls          which layers a model calls, and what they return, by name
    load_by_keras  the child process: the user's files, the model that they are for
    files          trust = "my_layers.py": the parent's side of that process
"""
