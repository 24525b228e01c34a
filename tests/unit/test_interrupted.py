"""Ctrl-C and SIGTERM at any moment of an h5's writing: an exception where Python is at work, never a crash in HDF5."""
import os
import signal
import subprocess
import sys
import threading

import pytest

from scripts.base import command
from tests.needs import ROOT
from tests.unit import handmade

# Writes a model once undisturbed, then with a signal at each call that HDF5 makes of the file, in turn.
WRITE = """
import os, signal, sys
from scripts import formats
from scripts.base import command
from scripts.formats import keras_h5
source, target, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
signal.signal(number, command.terminate)
model = formats.read(source)
calls, at = 0, None

class Disk(keras_h5.Disk):
    def attempt(self, function, argument):
        global calls
        calls += 1
        if calls == at:
            os.kill(os.getpid(), number)
        return super(Disk, self).attempt(function, argument)

keras_h5.Disk = Disk
keras_h5.write(model, target)
undisturbed = calls
for at in range(1, undisturbed + 1):
    calls = 0
    try:
        keras_h5.write(model, target)
    except SystemExit as end:
        assert end.code == 128 + number
    else:
        raise AssertionError("the signal at call %d was lost" % at)
    assert signal.getsignal(number) is command.terminate
print(undisturbed)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_hdf5_writes_is_an_exception_afterwards(number, tmp_path, handmade_h5):
    done = subprocess.run([sys.executable, "-c", WRITE, handmade_h5, str(tmp_path / "out.h5"), str(int(number))],
                          cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 3


@pytest.fixture
def handmade_h5(tmp_path):
    return handmade.h5(str(tmp_path / "model.h5"))


@pytest.fixture
def terminated(monkeypatch):
    monkeypatch.setattr(command, "CAME", [])  # a training in this process would heed it later
    before = signal.signal(signal.SIGTERM, command.terminate)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_held_signal_is_let_in_when_asked_and_the_way_out_is_held_again(terminated):
    done = []
    with pytest.raises(SystemExit):
        with command.Held() as held:
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("held")
            try:
                held.let_in()
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
                done.append("on the way out")
    assert done == ["held", "on the way out"] and signal.getsignal(signal.SIGTERM) is command.terminate


def test_what_nobody_handles_is_left_as_it_is_and_other_threads_hold_nothing(terminated):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with command.Held():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    seen = []

    def work():
        with command.Held() as held:
            seen.append(held.handlers)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [{}]


# A signal while Python calls what an object leaves behind: its finalizer; importlib's callback, at the end of each
# import; those of a dictionary and a set of weak references.
CALLBACK = """
import importlib._bootstrap as bootstrap, os, signal, sys, weakref
from scripts.base import command

class Kept:
    pass

class Late:
    def __del__(self):
        come(self)

def come(*_):
    if not command.CAME:
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(1000):
            pass

def sent(frame, event, argument):
    if event == "return" and frame.f_code.co_name in ("cb", "remove", "_remove"):
        come()

command.heed_signals()
kept, late = Kept(), Late()
if sys.argv[1] == "finalizer":
    del late
else:
    sys.setprofile(sent)
    if sys.argv[1] == "import":
        import wave
    else:
        held = weakref.WeakValueDictionary(a=kept) if sys.argv[1] == "values" else weakref.WeakSet([kept])
        del kept
assert command.CAME, "no signal"
while True:
    signal.pause()
"""


@pytest.mark.parametrize("which", ["finalizer", "import", "values", "set"])
def test_a_signal_while_python_calls_back_ends_the_process_in_silence_when_that_is_done(which):
    done = subprocess.run([sys.executable, "-c", CALLBACK, which], cwd=ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "")


# Callbacks of C code have no name that a handler could know.
LOST = """
import os, signal, weakref
from scripts.base import command

class Late:
    pass

def gone(reference):
    if command.CAME:
        raise ValueError("a fault of ours")
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(1000):
        pass

command.heed_signals()
for _ in range(2):
    late = Late()
    reference = weakref.ref(late, gone)
    del late
command.heed_lost_signals()
"""


@pytest.mark.modern  # Python 3.6 has no hook for what it cannot raise
def test_a_signal_that_is_lost_is_heeded_in_silence_and_a_fault_there_is_said():
    done = subprocess.run([sys.executable, "-c", LOST], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 143 and done.stdout == b""
    assert b"SystemExit" not in done.stderr and done.stderr.count(b"ValueError: a fault of ours") == 1
