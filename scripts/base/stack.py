"""Which of the two Python stacks this process runs on, and the digest of the locks that pin it.

`py36` is what the image pins (TensorFlow 2.6, Keras 2.6); `modern` is a current Python with Keras 3.
What one stack built, the other does not take for its own: the stack is a dependency of every artifact.
"""
import functools
import hashlib
import os
import sys

NAME = "py36" if sys.version_info < (3, 7) else "modern"
LOCKS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "docker", "locks")


def lock(role):
    """Return the path of the lock of `role` ("convert", "train", "test", …) on this stack."""
    return os.path.join(LOCKS, f"{NAME}-{role}.txt")


@functools.lru_cache(None)
def identity(role):
    """Return {"name": stack, "lock": sha256 of the role's lock}, what an artifact records of its stack."""
    with open(lock(role), "rb") as stream:
        return {"name": NAME, "lock": hashlib.sha256(stream.read()).hexdigest()}
