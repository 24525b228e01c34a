"""The edge between a stage and the shell: arguments in, exit status out.

Exit status: 0 done, 1 the input is at fault (one line on stderr, no traceback), 130 Ctrl-C, 143 SIGTERM;
anything else is a bug, and shows its traceback.
"""
import argparse
import atexit
import contextlib
import errno
import gc
import json
import os
import signal
import sys
import threading
import traceback
from typing import IO, Any, Callable, List, Optional

from . import place
from .fault import Fault, lacking

NOTICED = (signal.SIGINT, signal.SIGTERM)  # they end a run, each with a status of its own
FAULT, INTERRUPTED, TERMINATED = 1, 130, 143  # the latter two: 128 + signal number, as shells count
LINE = 1 << 16  # letters of the longest line that is printed whole: the outputs of a model of 3000 layers have half
YOUNG = 50000  # objects made between two looks for garbage: a large model's stay, and a look at them costs a quarter
BUG = 2  # Python's own status for a traceback is 1, which here means the input


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line and exit status 1 (argparse: usage, then status 2).

    module  the module of this package that the command line runs: the usage and the description spell it as here
    """

    def __init__(self, *args: Any, module: Optional[str] = None, **options: Any) -> None:
        if module:
            options["prog"] = place.spelled(module)
            options["description"] = place.advice(options.get("description") or "")
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        options.setdefault("allow_abbrev", False)
        super().__init__(*args, **options)

    def error(self, message: str) -> None:
        """Raise a Fault with argparse's words."""
        raise Fault(f"{self.prog}: {message} (see {self.prog} --help)")


def one_line(text: object) -> str:
    """Return `text` on one line, safe to print: every control character, line end or lone surrogate is escaped, and
    the middle of what is longer than LINE is left out.

    Names inside a model file are the file's author's words; a terminal must not act on them.
    """
    text = str(text)
    if len(text) > LINE:
        text = f"{text[:LINE // 2]}… ({len(text) - LINE // 2 * 2} letters more) …{text[-(LINE // 2):]}"
    return text if text.isprintable() else "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def json_value(text: str) -> Any:
    """Return what a JSON text says.  Raises ValueError for no JSON, and for what is nested too deep."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep")


def json_names(text: str) -> List[str]:
    """Return the list of texts that a JSON text says: '["a", "b"]'.  Raises ValueError for anything else."""
    value = json_value(text)
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError("no list of names")
    return value


json_names.__name__ = "list of names in JSON"  # as argparse calls its type


def check_json_name(name: str) -> None:
    """Raise a Fault where `name` is no plain name for a model.json: it is joined to a directory."""
    if os.path.basename(name) != name or not name.endswith(".json") or name.startswith(".") or "\\" in name \
            or name == "manifest.json" or not name.isprintable():
        raise Fault(f"json_name: {name!r} is not a plain file name that ends in .json")


def say(line: object) -> None:
    """Print one line of progress on stdout, at once, with control characters escaped, as what stdout cannot encode.

    It is one write: print's two (PYTHONUNBUFFERED) would let another process's line stand between it and its end.
    A reader that has left (`… | head`) does not end the work.  Raises Fault where stdout cannot be written for another
    reason.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"  # doit puts its own stream in the place
    _print(one_line(line).encode(encoding, "backslashreplace").decode(encoding))


def say_json(value: Any) -> None:
    """Print one JSON object on stdout, whole, in ASCII."""
    _print(json.dumps(value, indent=1, ensure_ascii=True))


def _print(text: str) -> None:
    try:
        if sys.stdout is not None:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
    except OSError as error:
        discard(sys.stdout)
        if error.errno != errno.EPIPE:
            raise Fault(f"standard output: {error.strerror}")


def complain(line: object) -> None:
    """Print one line on stderr, with control characters escaped."""
    if sys.stderr is None:
        return
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    try:
        sys.stderr.write(one_line(line).encode(encoding, "backslashreplace").decode(encoding) + "\n")
        sys.stderr.flush()
    except OSError:  # there is no reader left
        discard(sys.stderr)


def end(line: object) -> None:
    """Say in one line that the input is at fault, and end the process."""
    complain(line)
    raise SystemExit(FAULT)


def discard(stream: IO) -> None:
    """Throw away what a stream still holds and all that is written to it from now on."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


class Lenient:
    """A stream for the words about a long work: where it can no more be written, the work goes on.

    A reader that has left (`doit | head`) is no fault; a full disk is one line on stderr.
    """

    def __init__(self, stream: Optional[IO[str]]) -> None:
        if stream is None:  # closed (>&-): the next file that is opened must not be taken for it
            stream = open(os.devnull, "w")
        self.stream = stream

    def _try(self, action, *arguments):
        try:
            return action(*arguments)
        except OSError as error:
            discard(self.stream)
            if error.errno != errno.EPIPE:
                complain(f"what is said here cannot be written ({error.strerror}): the work goes on")

    def write(self, text: str) -> Optional[int]:
        """Write, or go on where that is no more possible."""
        return self._try(self.stream.write, text)

    def flush(self) -> None:
        """Flush, or go on where that is no more possible."""
        return self._try(self.stream.flush)

    def __getattr__(self, name):
        return getattr(self.stream, name)


CAME = []  # signals that `terminate` has met
# What Python calls between two instructions of others, when an object goes: the finalizers of every class (""), and
# callbacks of weak references.
CALLBACKS = {"__del__": "", "cb": "_bootstrap>", "remove": "weakref.py", "_remove": "_weakrefset.py"}
AGAIN_SECONDS = 0.01


def raisable(frame: Any, again: Callable[[int, Any], None]) -> bool:
    """Tell whether an exception of a signal handler reaches the code that the signal interrupted.

    Python prints an exception in a callback, and goes on.  In a callback the answer is False, and `again` is called a
    moment later.

    frame  the frame that the handler was given; None where that is known
    again  callable(number of a signal, frame), a handler
    """
    while frame is not None:
        code = frame.f_code
        if code.co_name in CALLBACKS and code.co_filename.endswith(CALLBACKS[code.co_name]):
            signal.signal(signal.SIGALRM, again)
            signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
            return False
        frame = frame.f_back
    return True


def terminate(signum: int, frame: Any) -> None:
    """Signal handler: leave through SystemExit, so that every `finally` on the way still runs."""
    CAME.append(signum)
    if raisable(frame, lambda number, now: terminate(signum, now)):
        raise SystemExit(128 + signum)


def heed_lost_signals() -> None:
    """End the process after a signal that `terminate` met in vain, in a callback of C code: see `raisable`."""
    if CAME:
        signal.setitimer(signal.ITIMER_REAL, 0)  # one that waits for a callback's end comes now, not while this leaves
        raise SystemExit(128 + CAME[-1])


def heed_signals() -> None:
    """From here on Ctrl-C and SIGTERM end the process through `terminate`."""
    for number in NOTICED:
        signal.signal(number, terminate)
    if hasattr(sys, "unraisablehook"):  # since Python 3.8
        sys.unraisablehook = unraisable


def unraisable(lost: Any) -> None:
    """Replaces sys.unraisablehook: a signal's SystemExit is no error to print, and `heed_lost_signals` heeds it.
    """
    if not (CAME and issubclass(lost.exc_type, SystemExit)):
        sys.__unraisablehook__(lost)


class Held:
    """A block in which Ctrl-C and SIGTERM wait until its end, or until `let_in` is called: for C code that an exception
    in its callback would crash.  They interrupt the main thread alone, so in other threads the block does nothing."""

    def __enter__(self):
        self.came, self.handlers = None, {}
        if threading.current_thread() is threading.main_thread():
            for number in NOTICED + (signal.SIGALRM,):
                if callable(signal.getsignal(number)):  # a handler in Python; all others raise nothing
                    self.handlers[number] = signal.signal(number, self.keep)
        return self

    def keep(self, number: int, frame: Any) -> None:
        """Signal handler: remember the signal."""
        self.came = number

    def let_in(self) -> None:
        """Act on what came meanwhile; the rest of the block, on the way out, is held again."""
        if self.came is not None:
            number, self.came = self.came, None
            self.handlers[number](number, None)

    def __exit__(self, kind, exception, trace):
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        self.let_in()


def finished() -> None:
    """From here on the work is done and only the processes are left to end: a signal would find Python's handlers
    gone, and make a finished run look like an interrupted one."""
    for number in NOTICED + (signal.SIGALRM,):
        signal.signal(number, signal.SIG_IGN)


def run(main: Callable[[List[str]], Optional[int]], arguments: Optional[List[str]] = None,
        at_once: bool = False) -> None:
    """Call `main(arguments)` and end the process with the status that this module's docstring promises.

    main     callable that takes a list of str (without the program's name) and returns None or an exit status
    at_once  True: the process ends without Python's own end, which takes TensorFlow apart object by object and needs a
             fifth of the time of its start
    """
    heed_signals()
    gc.set_threshold(YOUNG)
    try:
        status = main(sys.argv[1:] if arguments is None else arguments)
        if at_once and sys.stdout is not None:
            sys.stdout.flush()
    except Fault as fault:
        complain(fault)
        status = FAULT
    except BrokenPipeError:
        # `… | head` closed our stdout: not a fault.  Python would complain again when it flushes at exit.
        sys.stderr.close()
        status = 0
    except Exception as error:
        line = lacking(error)
        if isinstance(error, PermissionError) and error.filename:
            line = f"{error.filename}: {error.strerror}"
        status = FAULT if line else BUG
        if line:
            complain(line)
        else:
            traceback.print_exc()
    finished()
    if at_once:
        with contextlib.suppress(Exception):  # said already, and no hindrance at the end of any process
            atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(AttributeError, OSError, ValueError):  # none, full, closed
                stream.flush()
        os._exit(status or 0)
    sys.exit(status or 0)
