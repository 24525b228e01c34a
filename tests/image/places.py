"""Directories for the tests of the image: projects that it is run on, and checkouts that it is built from."""
import contextlib
import os
import shutil

import pytest

from scripts.release import engines, inside
from tests.project import read_code

USER = "4321:4321"
ELSEWHERE = {"TZ": "Asia/Tokyo", "LC_ALL": "tr_TR.UTF-8", "USER": "someone", "HOSTNAME": "elsewhere",
             "SOURCE_DATE_EPOCH": "7", "PYTHONHASHSEED": "5"}


def project(directory, catalogue=inside.DIGITS, source=None, known=True):
    """Make a project that belongs to USER.  What scripts/ imports is known there, but for `known=False`."""
    inside.project(str(directory), catalogue, source)
    if known:
        os.mkdir(os.path.join(str(directory), "models", ".records"))
        with open(os.path.join(str(directory), "models", ".records", "code.json"), "wb") as stream:
            stream.write(read_code())
    for top, _, files in os.walk(str(directory)):
        for name in [top] + [os.path.join(top, name) for name in files]:
            os.chown(name, *map(int, USER.split(":")))
    return str(directory)


def checkout(directory):
    """Copy what the image is made of to another place."""
    for name in ["scripts", "docker", "dodo.py", "LICENSE", ".dockerignore"]:
        source, target = os.path.join(engines.ROOT, name), os.path.join(directory, name)
        if os.path.isdir(source):
            shutil.copytree(source, target)
        else:
            os.makedirs(directory, exist_ok=True)
            shutil.copyfile(source, target)
    return directory


@contextlib.contextmanager
def elsewhere(directory):
    """Yield a checkout as another user has it: other path, owner, modes and dates, left-overs, locale and time zone."""
    place = checkout(os.path.join(str(directory), "an other", "place"))
    for top, names, files in os.walk(place):
        for name in names + files:
            path = os.path.join(top, name)
            os.chmod(path, 0o700 if os.path.isdir(path) else 0o660)
            os.chown(path, 1234, 1234)
            os.utime(path, (1, 1))
    os.makedirs(os.path.join(place, "scripts", "__pycache__"), exist_ok=True)
    os.makedirs(os.path.join(place, "models"))
    for left_over in ("scripts/__pycache__/train.cpython-36.pyc", "models/model.h5", "notes.txt", "docker/notes.txt"):
        with open(os.path.join(place, left_over), "w") as stream:
            stream.write("not for the image")
    was = os.umask(0o077)
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in dict(ELSEWHERE, HOME=str(directory)).items():
                patch.setenv(name, value)
            yield place
    finally:
        os.umask(was)
