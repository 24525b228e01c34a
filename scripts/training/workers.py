"""Training on several machines: TF_CONFIG, as every scheduler for TensorFlow sets it, and what a lost worker means.

    TF_CONFIG='{"cluster": {"worker": ["one:2222", "two:2222"]}, "task": {"type": "worker", "index": 0}}'

Every machine runs the same command; each batch is shared among them (MultiWorkerMirroredStrategy).  The chief (the
first worker, or the one of type "chief") writes the results, the others write nothing.
"""
import contextlib
import hashlib
import json
import logging
import os
import re
import socket
import sys
import time
from typing import Any, Iterator, List, Mapping, Optional

import numpy

from ..base import child, command
from ..base.fault import Fault
from . import resume

JOIN_SECONDS = 300  # for all workers to be there, from when the first one is
HEALTH_SECONDS = 5  # between two looks at whether the others are alive; TensorFlow's own is 30
LEAVE_SECONDS = 60  # at most, for the chief to end before the others do


class Cluster:
    """The machines of a training, and which of them this is.

    addresses  list of "host:port", the chief's first
    index      int, this one's place in it
    """

    def __init__(self, addresses: List[str], index: int) -> None:
        self.addresses, self.index = addresses, index
        self.chief = index == 0

    def __str__(self):
        return f"worker {self.index + 1} of {len(self.addresses)}"


def cluster(environ: Mapping[str, str]) -> Optional[Cluster]:
    """Return the Cluster that TF_CONFIG in `environ` describes; None without one, or with one machine in it.

    Raises Fault for a TF_CONFIG without the machines, and for a role that this training lacks.
    """
    text = environ.get("TF_CONFIG", "").strip()
    if not text:
        return None
    try:
        config = json.loads(text)
        jobs, task = config.get("cluster") or {}, config.get("task") or {}
        addresses = [address for job in ("chief", "worker") for address in jobs.get(job, [])]
        kind, index = task.get("type"), int(task.get("index", -1))
        known = all(isinstance(address, str) and ":" in address for address in addresses)
    except (ValueError, TypeError, AttributeError) as error:
        raise Fault(f"TF_CONFIG is not what TensorFlow understands ({command.one_line(error)}): "
                    '{"cluster": {"worker": ["host:port", …]}, "task": {"type": "worker", "index": 0}}')
    others = sorted(set(jobs) - {"chief", "worker"})
    if others:
        raise Fault(f"TF_CONFIG names a cluster with {', '.join(others)}: this training has a chief and workers only")
    if len(addresses) < 2 and known:
        return None
    if not known or kind not in jobs or not 0 <= index < len(jobs[kind]) or len(jobs.get("chief", [])) > 1:
        machines = ", ".join(map(str, addresses)) or "(none)"
        raise Fault(f"TF_CONFIG: task {kind} {task.get('index')} is none of the cluster's machines {machines}")
    return Cluster(addresses, index + (len(jobs.get("chief", [])) if kind == "worker" else 0))


def helps(environ: Mapping[str, str]) -> bool:
    """Tell whether this machine helps another one that builds: a worker, not the chief."""
    try:
        found = cluster(environ)
    except Fault:  # the training says so
        return False
    return found is not None and not found.chief


def strategy(tensorflow: Any, cluster: Cluster) -> Any:
    """Meet the others; return the MultiWorkerMirroredStrategy of them all.

    A worker that dies breaks its connections, and TensorFlow ends the others' steps; one that is cut off is
    noticed by a look at all of them, every HEALTH_SECONDS.  Must be called before anything else of TensorFlow's.
    Raises Fault where it does not work, or not all are there in time.
    """
    if sys.version_info >= (3, 7):
        raise Fault(f"TF_CONFIG names {len(cluster.addresses)} machines, which Keras 3 cannot train on together: use "
                    "the stack of Python 3.6 (make PYTHON=python3.6), or unset TF_CONFIG")
    from tensorflow.python.distribute.collective_all_reduce_strategy import CollectiveAllReduceExtended
    CollectiveAllReduceExtended._check_health_interval = HEALTH_SECONDS
    CollectiveAllReduceExtended._check_health_initial_timeout = JOIN_SECONDS
    logging.getLogger("tensorflow").setLevel(logging.CRITICAL)  # of a lost worker, one line says what to do
    command.say(f"{cluster}, at {cluster.addresses[cluster.index]}: waiting for the others")
    try:
        return tensorflow.distribute.MultiWorkerMirroredStrategy()
    except (RuntimeError, ValueError, tensorflow.errors.OpError) as error:
        raise Fault(f"{cluster}: not all of {', '.join(cluster.addresses)} came within {JOIN_SECONDS} s "
                    f"({child.first_line(error)}): start the same training on each of them")


def agree(tensorflow: Any, identity: dict) -> None:
    """Raise Fault unless every worker has the same `identity` (JSON-able).

    Unlike workers would train one model from different settings.
    """
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode("utf-8")).digest()
    own = numpy.frombuffer(digest, numpy.uint8).astype("float64")
    own = numpy.array([own, own * own])
    (total, squares), replicas = _sum(tensorflow, own, own)
    if not numpy.array_equal(squares * replicas, total * total):  # Cauchy and Schwarz: equal where all are the same
        with contextlib.suppress(tensorflow.errors.OpError):
            _sum(tensorflow, own, own)  # no worker leaves before all know
        raise Fault("the workers do not train the same: give all of them the same images, settings, packages, scripts")


def spread(tensorflow: Any, model: Any, done: int) -> int:
    """Give every worker the chief's values that the next epoch depends on, bit by bit; return the chief's `done`."""
    variables = list(resume.variables(model).values())
    arrays = [numpy.float64(done)] + [variable.numpy() for variable in variables]
    flat = numpy.concatenate([numpy.ravel(array).astype("float64") for array in arrays])
    total, _ = _sum(tensorflow, flat, numpy.full_like(flat, -0.0))  # x + -0.0 is x, for either zero too
    values = numpy.split(total, numpy.cumsum([numpy.size(array) for array in arrays])[:-1])
    for variable, old, value in zip(variables, arrays[1:], values[1:]):
        variable.assign(value.reshape(old.shape).astype(old.dtype))
    return int(values[0])


def _sum(tensorflow, first, others):
    """Return (the sum over all replicas: `first` of the chief's first one and `others` of each other, replicas)."""
    strategy = tensorflow.distribute.get_strategy()

    def give():
        context = tensorflow.distribute.get_replica_context()
        mine = first if context.replica_id_in_sync_group == 0 else others
        return context.all_reduce(tensorflow.distribute.ReduceOp.SUM, tensorflow.identity(mine))

    summed = strategy.experimental_local_results(tensorflow.function(lambda: strategy.run(give))())[0]
    return summed.numpy(), strategy.num_replicas_in_sync


@contextlib.contextmanager
def together(tensorflow: Any, cluster: Optional[Cluster], checkpoint: Optional[str]) -> Iterator[None]:
    """Inside, the loss of another worker is a Fault; without a cluster, nothing is different.

    checkpoint: path of the one that the chief keeps, or None.
    """
    errors = tensorflow.errors
    try:
        yield
    except (errors.UnavailableError, errors.AbortedError, errors.CancelledError, errors.DeadlineExceededError,
            errors.FailedPreconditionError, errors.InternalError) as error:
        if cluster is None:
            raise
        reason = re.sub(r"{{.*?}}|\[.*?\]", "", child.first_line(error)).strip()
        then = "without a checkpoint it starts anew" if not checkpoint else \
            f"it goes on from the last checkpoint, {checkpoint if cluster.chief else 'which the chief has'}"
        raise Fault(f"{cluster}: another worker was lost ({reason}): start the training again on all of them; {then}")


def wait_for_chief(cluster: Cluster) -> None:
    """Let the chief end first: it may still be reading what this worker sent last."""
    host, _, port = cluster.addresses[0].rpartition(":")
    until = time.time() + LEAVE_SECONDS
    while time.time() < until:
        try:
            socket.create_connection((host, int(port)), timeout=2).close()
        except OSError:
            return
        time.sleep(0.2)


def leave(status: int) -> None:
    """End this process now: TensorFlow's server does not let the interpreter end while others are connected to it."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
