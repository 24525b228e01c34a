"""The process that runs a user's Python: it answers with files in a directory, and what it prints is thrown away.

The child has no more rights than the process that starts it.
"""
import contextlib
import json
import os
import select
import signal
import subprocess
import time
from typing import Iterator, List, Optional

from ..base import child, command
from ..base.fault import Fault

MOST_PRINTED = 1 << 24  # bytes that a user's Python may print: a loop that prints has no end
LONGEST = 3600  # seconds that it may take
KEPT = 1 << 14  # bytes of the end of what it printed
FAULT = "fault.json"  # where the child leaves its one line


def run(module: str, arguments: List[str], private: str, whose: str, python: Optional[str] = None) -> None:
    """Run `python -m PACKAGE.MODULE ARGUMENTS` and wait; it answers in the directory `private`.

    whose: the user's files in words.  Raises Fault with the child's one line, or with what ended it; RuntimeError with
    its words where it is a bug of this project's.
    """
    process = child.start(module, arguments, python, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        words = listened(process, whose)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
    status = process.returncode
    if os.path.exists(os.path.join(private, FAULT)):
        with open(os.path.join(private, FAULT), encoding="utf-8") as file:
            raise Fault(json.load(file))
    if status in (command.INTERRUPTED, command.TERMINATED):
        raise SystemExit(status)
    if status == -signal.SIGILL:
        raise Fault("this processor lacks instructions that TensorFlow needs (AVX): build on another machine")
    if status == -signal.SIGKILL:
        raise Fault(f"{whose}: the process that ran it was killed: too little memory, most likely")
    if status < 0:
        raise Fault(f"{whose}: the process that ran it crashed ({signal.Signals(-status).name})")
    if status == command.BUG and "Traceback (most recent call last)" in words:
        raise RuntimeError(f"{module} ended with {status}\n{words}")
    if status or not os.listdir(private):
        raise Fault(f"{whose}: it ended the process that ran it, with status {status}, before the model was there")


def listened(process: subprocess.Popen, whose: str) -> str:
    """Wait for a process, and return the end of what it printed.  Raises Fault where it prints or runs without end."""
    printed, words, until, there = 0, b"", time.time() + LONGEST, True
    stream = process.stdout.fileno()
    while there or process.poll() is None:
        ended = process.poll() is not None  # asked before the last look at what is printed
        if not there:
            time.sleep(0.05)
        elif select.select([stream], [], [], 0 if ended else 0.1)[0]:
            part = os.read(stream, 1 << 16)
            printed, words, there = printed + len(part), (words + part)[-KEPT:], bool(part)
        elif ended:  # a process that it started holds the other end
            there = False
        if printed > MOST_PRINTED:
            raise Fault(f"{whose}: it prints without end (more than {MOST_PRINTED >> 20} MB)")
        if time.time() > until:
            raise Fault(f"{whose}: it runs for more than {LONGEST // 60} minutes")
    return words.decode("utf-8", "replace").strip()


@contextlib.contextmanager
def answering(private: str) -> Iterator[None]:
    """In the child: leave the line of a Fault in the directory `private`, and end."""
    try:
        yield
    except Fault as fault:
        with open(os.path.join(private, FAULT), "w", encoding="utf-8") as file:
            json.dump(str(fault), file)
        raise SystemExit(command.FAULT)
