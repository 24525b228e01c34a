"""Commands timed side by side: interleaved runs, medians and spread, peak memory of the largest process."""
import json
import os
import platform
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
RESULTS = os.path.join(HERE, "results")
UNUSUAL = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")  # of test machines: every start would compile all anew


def progress(words):
    """Say what is being measured, on stderr."""
    sys.stderr.write(f"  {words}\n")
    sys.stderr.flush()


def once(command, directory=ROOT, environment=None):
    """Run one command to its end.  Returns (seconds, peak resident memory in MB); raises where it fails."""
    whole = {key: value for key, value in os.environ.items() if key not in UNUSUAL}
    before = time.perf_counter()
    with open(os.devnull, "r+b") as null:
        process = subprocess.Popen(command, cwd=directory, env=dict(whole, **(environment or {})),
                                   stdin=null, stdout=null, stderr=subprocess.PIPE)
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - before
    process.returncode = status
    if status:
        raise RuntimeError("{} failed:\n{}".format(" ".join(command), said.decode("utf-8", "replace")))
    return seconds, usage.ru_maxrss / 1024.0


def side_by_side(contenders, runs=5, prepare=None, fewer=None):
    """Time several contenders in turn, `runs` times over, so that what disturbs the machine disturbs all.

    contenders: {name: list of commands, run one after the other}, each command a list of str or a callable.
    prepare: callable(name), before each run and not timed.
    fewer: {name: number of runs} of contenders too slow to run as often: they take part in the first rounds.
    Returns {name: {"seconds", "spread" (max - min), "megabytes"}}, medians.
    """
    samples = {name: [] for name in contenders}
    for turn in range(runs):
        for name, commands in contenders.items():
            if turn >= (fewer or {}).get(name, runs):
                continue
            progress(f"{name}, run {turn + 1} of {(fewer or {}).get(name, runs)}")
            if prepare:
                prepare(name)
            total, peak = 0.0, 0.0
            for command in commands:
                if callable(command):
                    started = time.perf_counter()
                    command()
                    seconds, megabytes = time.perf_counter() - started, 0.0
                else:
                    seconds, megabytes = once(*command) if isinstance(command, tuple) else once(command)
                total, peak = total + seconds, max(peak, megabytes)
            samples[name].append((total, peak))
    return {name: {"seconds": round(statistics.median(seconds for seconds, _ in runs_of), 3),
                   "spread": round(max(s for s, _ in runs_of) - min(s for s, _ in runs_of), 3),
                   "megabytes": round(statistics.median(peak for _, peak in runs_of), 1)}
            for name, runs_of in samples.items()}


def save(name, rows, notes):
    """Write one benchmark's result to bench/results/NAME.json and print it."""
    os.makedirs(RESULTS, exist_ok=True)
    result = {"rows": rows, "columns": list(rows[0]), "notes": notes, "python": platform.python_version(),
              "cores": os.cpu_count()}
    with open(os.path.join(RESULTS, name + ".json"), "w", encoding="utf-8") as stream:
        json.dump(result, stream, indent=1, sort_keys=True)
        stream.write("\n")
    print(name)
    for row in rows:
        print("  " + "  ".join("{} {}".format(*pair) for pair in row.items()))
    sys.stdout.flush()
