"""Fuzz the readers: python -m tests.fuzz.run [--seconds N] [TARGET …]

Each target runs in a process of its own, guided by which lines of scripts/ an input reaches (atheris), or with --blind,
where there is no atheris, by which messages it gets.  What is found lies in --found: the input, and a .txt that says
what happened.  An input that ends the process is counted apart: HDF5's own C library does that at some damaged files.
The same --seed and --runs try the same inputs.  Exit status: 0 nothing was found, 1 something was.
"""
import argparse
import faulthandler
import hashlib
import importlib
import os
import random
import re
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAMES = ("h5", "h5-bytes", "keras", "separated", "tfjs", "tfjs-graph", "tfjs-pb", "saved-model", "frozen", "onnx",
         "catalogue")
MEMORY = 700 << 20  # bytes of data that a child may hold; the fuzzer itself needs 150 MB
CPU = 10  # seconds of processor time that one input may take
LONGEST = 200000  # bytes of an input
MEMORY_DISK = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # an input is a file or three, thousands of times
READERS = ("frozen", "keras_archive", "keras_h5", "onnx", "saved_model", "tfjs", "tfjs_graph", "tfjs_pb",
           "topology_and_weights")


class Trial:
    """What a child does with one input after the other, and what it leaves behind for the parent."""

    def __init__(self, target, found, place):
        self.target, self.found, self.place = target, found, place
        self.current = os.path.join(place, "current")
        self.count = os.open(os.path.join(place, "count"), os.O_RDWR | os.O_CREAT)
        self.runs = struct.unpack("<Q", os.pread(self.count, 8, 0).ljust(8, b"\0"))[0]
        self.seen = set()

    def __call__(self, data):
        """Try one input; return its outcome as a word that is the same for the same behaviour."""
        with open(self.current, "wb") as file:
            file.write(data)
        self.runs += 1
        os.pwrite(self.count, struct.pack("<Q", self.runs), 0)
        signal.setitimer(signal.ITIMER_VIRTUAL, CPU)
        error = self.target.try_one(data, os.path.join(self.place, "files"))
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        if error is not None:
            self.keep(data, error)
        return error

    def keep(self, data, error):
        """Write down an input and what happened, once for each place in the code where it does."""
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/scripts/" in frame[0]]
        key = "{}-{}".format(type(error).__name__, f"{os.path.basename(frames[-1][0])}-{frames[-1][1]}"
                         if frames else hashlib.sha256(re.sub(r"\W|\d", "", str(error)).encode()).hexdigest()[:8])
        if key not in self.seen:
            self.seen.add(key)
            keep(self.found, f"{self.target.name}-{key}", data, "".join(
                traceback.format_exception(type(error), error, error.__traceback__)))


def keep(found, name, data, text):
    os.makedirs(found, exist_ok=True)
    for suffix, content in (("", data), (".txt", text.encode("utf-8", "backslashreplace"))):
        with open(os.path.join(found, name + suffix), "wb") as file:
            file.write(content)


# Children --------------------------------------------------------------------------------------------------

def confine():
    """A child's limits; a run that takes too long ends the process with the stack of where it was."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # HDF5's endless loops are known, and others like them of no interest.
    importlib.import_module("scripts.formats.attributes").SECONDS = 0.1
    faulthandler.enable()
    faulthandler.register(signal.SIGVTALRM, chain=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the table of layers


def instrument():
    """Import what is fuzzed so that its lines are followed, which takes seconds: once, in the parent."""
    import atheris
    importlib.import_module("scripts.formats.attributes")  # not followed: see confine
    with atheris.instrument_imports(include=["scripts", "tomllib"]):
        importlib.import_module("tests.fuzz.targets")
        for reader in READERS:
            importlib.import_module("scripts.formats." + reader)


def guided(options, name):
    """atheris (libFuzzer): keeps what reaches new code."""
    import atheris
    target = importlib.import_module("tests.fuzz.targets").TARGETS[name]
    trial = Trial(target, options.found, options.place)
    corpus = os.path.join(options.corpus, name)
    if not os.path.isdir(corpus):
        write_seeds(target, corpus, options.place)

    def mutate(data, size, seed):
        chance = random.Random(seed)
        if chance.randrange(4) == 0:
            pieces = target.unpack(data)
            place = chance.randrange(len(pieces))
            pieces[place] = atheris.Mutate(pieces[place], len(pieces[place]) + 64)
            data = target.pack(pieces)
        else:
            data = target.bend(data, chance.randrange)
        return data[:size]

    confine()
    flags = [f"-seed={options.seed}", f"-max_len={LONGEST}", "-timeout=600", "-rss_limit_mb=0", "-detect_leaks=0",
             "-len_control=0", f"-artifact_prefix={options.place}/"]
    flags += [f"-handle_{kind}=0" for kind in ("segv", "bus", "abrt", "ill", "fpe")]
    flags += [f"-runs={options.runs}"] if options.runs else [f"-max_total_time={options.seconds}"]
    atheris.Setup([sys.argv[0]] + flags + [corpus], lambda data: trial(data) and None, custom_mutator=mutate)
    atheris.Fuzz()


def blind(options, name):
    """Without atheris: keeps what is answered in new words."""
    target = importlib.import_module("tests.fuzz.targets").TARGETS[name]
    trial = Trial(target, options.found, options.place)
    pool = [target.pack(pieces) for pieces in target.seeds(options.place)]
    known, chance, until = set(), random.Random(options.seed), time.time() + options.seconds
    confine()
    for turn in range(options.runs or sys.maxsize):
        if not options.runs and time.time() > until:
            break
        data = pool[turn % len(pool)] if turn < len(pool) else pool[chance.randrange(len(pool))]
        for _ in range(0 if turn < len(pool) and not known else 1 + chance.randrange(3)):
            data = target.bend(data, chance.randrange)[:LONGEST]
        trial(data)
        said = re.sub(r"'[^']*'|\"[^\"]*\"|\d+|/\S+", "", target.said)
        if said not in known:
            known.add(said)
            pool.append(data)


def write_seeds(target, corpus, place):
    os.makedirs(corpus)
    for index, pieces in enumerate(target.seeds(place)):
        with open(os.path.join(corpus, f"seed-{index}"), "wb") as file:
            file.write(target.pack(pieces))


# The parent ------------------------------------------------------------------------------------------------

def forked(options, name, log):
    """Fuzz one target in a copy of this process, whose stderr is `log`; return its status as subprocess.call does."""
    child = os.fork()
    if child:
        status = os.waitpid(child, 0)[1]
        return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    status = 1
    try:
        os.dup2(log.fileno(), 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        guided(options, name)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def fuzz(options, name):
    """Fuzz one target until its time or its runs are over; return (line of the report, whether something was found)."""
    until, crashes, last = time.time() + options.seconds, 0, ""
    before = set(os.listdir(options.found)) if os.path.isdir(options.found) else set()
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=MEMORY_DISK) as place, tempfile.TemporaryFile() as log:
        runs, seed = 0, options.seed
        while (runs < options.runs) if options.runs else (time.time() < until):
            left = {"place": place, "seed": seed, "runs": options.runs and options.runs - runs,
                    "seconds": max(1, int(until - time.time()))}
            log.seek(0)
            log.truncate()
            if options.blind:
                arguments = [word for key, value in left.items() for word in ("--" + key, str(value))]
                status = subprocess.call([sys.executable, "-m", "tests.fuzz.run", "--child", name, "--blind",
                                          "--found", options.found] + arguments, cwd=ROOT, stderr=log,
                                         stdin=subprocess.DEVNULL)
            else:
                status = forked(argparse.Namespace(**dict(vars(options), **left)), name, log)
            log.seek(0)
            text = log.read().decode("utf-8", "replace")
            last = (re.findall(r"cov: \d+ ft: \d+ corp: \d+", text) or [last])[-1]
            counted = runs
            with open(os.path.join(place, "count"), "ab+") as file:
                file.seek(0)
                runs = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))[0]
            if status == 0:
                break
            if runs == counted or status > 0:
                raise SystemExit(f"{name}: the fuzzer itself failed ({status})\n{text[-3000:]}")
            crashes, seed = crashes + 1, seed + 1000003
            with open(os.path.join(place, "current"), "rb") as file:
                data = file.read()
            keep(options.found, "{}-{}-{}".format(name, "slow" if status == -signal.SIGVTALRM else "crash",
                                              hashlib.sha256(data).hexdigest()[:12]), data, text[-5000:])
    new = sorted(set(os.listdir(options.found)) - before) if os.path.isdir(options.found) else []
    slow = [item for item in new if "-slow-" in item and item.endswith(".txt")]
    findings = [item for item in new if item.endswith(".txt") and "-crash-" not in item and item not in slow]
    line = (f"{name}: {runs} runs, {len(findings)} findings, {len(slow)} too slow, "
            f"{crashes - len(slow)} crashes of the process" + (last and f" ({last})"))
    return line, bool(findings or slow)


def parse(arguments):
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(NAMES) + " (default: all)")
    parser.add_argument("--seconds", type=int, default=450, help="for each target (default: 450, an hour in all)")
    parser.add_argument("--runs", type=int, default=0, help="inputs for each target, instead of seconds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--blind", action="store_true", help="without atheris, on any Python")
    parser.add_argument("--corpus", help="directory to keep what reaches new code in (default: none is kept)")
    parser.add_argument("--found", default="fuzz-found", help="directory for what is found (default: fuzz-found)")
    parser.add_argument("--replay", metavar="FILE", help="try one input of one target, in this process")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--place", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    unknown = [name for name in options.targets if name not in NAMES]
    if unknown:
        parser.error("no target is called {}; there are: {}".format(unknown[0], ", ".join(NAMES)))
    options.found = os.path.abspath(options.found)
    return options


def replay(options):
    target = importlib.import_module("tests.fuzz.targets").TARGETS[options.targets[0]]
    with open(options.replay, "rb") as file, tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        error = target.try_one(file.read(), os.path.join(place, "files"))
    if error is not None:
        traceback.print_exception(type(error), error, error.__traceback__)
    print(target.said or "done")
    return int(error is not None)


def main(arguments):
    options = parse(arguments)
    if options.child:
        return blind(options, options.child)
    if options.replay:
        return replay(options)
    status = 0
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    if not options.blind:
        instrument()
    with tempfile.TemporaryDirectory(prefix="fuzz-corpus-") as private:
        options.corpus = os.path.abspath(options.corpus or private)
        for name in options.targets or NAMES:
            line, found = fuzz(options, name)
            print(line)
            sys.stdout.flush()
            status |= found
    if status:
        print(f"see {options.found}; python -m tests.fuzz.run TARGET --replay FILE tries one again")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
