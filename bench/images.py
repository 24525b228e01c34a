"""The image against a plain one: the same locks, installed with pip on the same base, as one writes it in a minute.

Needs a container engine and, where no image registry can be reached, BASE_IMAGE_TAR: python -m scripts.image says more.
"""
import os
import re
import shutil
import time

from bench import measure
from scripts.release.engines import ROOT, engine_class
from scripts.release.inside import project

LOCKS = {"convert": ["py36-convert"], "cpu": ["py36-train"], "gpu": ["py36-train", "py36-gpu"]}
PLAIN = """ARG BASE_IMAGE
FROM ${BASE_IMAGE} AS %(target)s
COPY docker/locks /opt/locks/
RUN --mount=type=secret,id=ca --mount=type=secret,id=pip \\
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; \\
    if [ -s /run/secrets/pip ]; then export PIP_CONFIG_FILE=/run/secrets/pip; fi; \\
    python3.6 -m pip install --require-hashes -r /opt/locks/py36-bootstrap.txt && \\
    python3.6 -m pip install --require-hashes --no-build-isolation %(locks)s
COPY LICENSE dodo.py /opt/project/
COPY docker/entrypoint.py /opt/project/docker/
COPY docker/locks /opt/project/docker/locks/
COPY scripts /opt/project/scripts/
ENV PYTHONPATH=/opt/project HOME=/tmp LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 WITHOUT_TRAINING=%(without)s
WORKDIR /project
ENTRYPOINT ["python3.6", "/opt/project/docker/entrypoint.py"]
"""


def context_of(path, change):
    """Copy what the image is made of to `path`, and let `change` rewrite {file's name: text} of docker/."""
    shutil.copytree(os.path.join(ROOT, "docker"), os.path.join(path, "docker"))
    shutil.copytree(os.path.join(ROOT, "scripts"), os.path.join(path, "scripts"),
                    ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("LICENSE", "dodo.py", ".dockerignore"):
        shutil.copyfile(os.path.join(ROOT, name), os.path.join(path, name))
    for name in ("Dockerfile", "install"):
        with open(os.path.join(path, "docker", name), "r+", encoding="utf-8") as stream:
            text = change(name, stream.read())
            stream.seek(0)
            stream.truncate()
            stream.write(text)
    return path


def contexts(place, target):
    """Make what is built of `target`: {contender: context}."""
    def plain(name, text):
        return PLAIN % {"target": target, "locks": " ".join(f"-r /opt/locks/{lock}.txt" for lock in LOCKS[target]),
                        "without": "1" if target == "convert" else ""} if name == "Dockerfile" else text

    def without_bytecode(name, text):
        return text.replace("-m compileall", "-c pass")

    found = {"ours": ROOT, "plain pip": context_of(os.path.join(place, "plain"), plain)}
    if target != "gpu":  # it starts as cpu does
        found["no bytecode"] = context_of(os.path.join(place, "bare"), without_bytecode)
    return found


def image_of(kind, place, target):
    """Build `target` in two or three ways and start it; return a row for each."""
    directory = project(os.path.join(place, "project"))
    engines, rows = {}, {}
    try:
        for name, context in contexts(place, target).items():
            engine = engines[name] = kind(os.path.join(place, "store-" + name.replace(" ", "-")))
            if os.environ.get("BASE_IMAGE_TAR"):
                engine.stand_in(engine.base(), os.environ["BASE_IMAGE_TAR"])
            started = time.perf_counter()
            engine.build(target, context=context, fresh=True)
            rows[name] = {"target": target, "image": name, "build s": round(time.perf_counter() - started, 1)}
            said = engine.run(target, ["du", "-smx", "/"], directory)
            rows[name]["MB"] = int(re.search(r"^(\d+)\s+/$", said.stdout, re.M).group(1))

        def listed(engine):
            said = engine.run(target, ["doit", "list"], directory)
            if said.returncode:
                raise RuntimeError(said.stdout)

        got = measure.side_by_side({name: [lambda engine=engine: listed(engine)] for name, engine in engines.items()})
    finally:
        for engine in engines.values():
            engine.forget()
    for name, row in rows.items():
        row.update({"doit list s": got[name]["seconds"],
                    "MB, of plain": round(row["MB"] / rows["plain pip"]["MB"], 2),
                    "build, of plain": round(row["build s"] / rows["plain pip"]["build s"], 2),
                    "start, of plain": round(got[name]["seconds"] / got["plain pip"]["seconds"], 2),
                    "spread s": got[name]["spread"]})
    return list(rows.values())


def image(place):
    """The image against a plain pip image and against itself without bytecode: size, build, start-up to `doit list`."""
    kind = engine_class()
    rows = []
    for target in LOCKS:
        os.mkdir(os.path.join(place, target))
        rows += image_of(kind, os.path.join(place, target), target)
    return rows, (f"{kind().kind()}; each built once, from nothing but the base image; starting the container is in "
                  "the time.")
