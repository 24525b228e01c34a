"""The processes of `doit -n`: they end when the first process ends, and that ends when it loses one of them."""
import contextlib
import os
import signal
import time
from typing import Any, Sequence

from ..base import child, command

LEAVE_SECONDS = 10  # for the other processes, when one is lost


class Workers:
    """The processes of one run.  doit itself would wait for ever for one that is lost.

    runner  doit's MRunner, which starts them
    queues  the multiprocessing queues that it shares with them
    """

    def __init__(self, runner: Any, queues: Sequence[Any]) -> None:
        from multiprocessing import util  # not where nothing is forked
        self.runner, self.parent, self.processes, self.queues = runner, os.getpid(), [], queues
        util.register_after_fork(self, Workers.begin)
        signal.signal(signal.SIGCHLD, self.look)

    def begin(self) -> None:
        """Prepare a worker, before anything else in it: it ends with its parent."""
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        child.die_with_parent()
        if os.getppid() != self.parent:  # it was killed before that was said
            os._exit(command.FAULT)
        leave_at_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, command.NOTICED)

    def look(self, number: Any, frame: Any) -> None:
        """End all processes where a worker was lost.

        This is the handler of SIGCHLD, which the children of a task bring as well.
        """
        codes = [process.exitcode for process in self.processes]
        noticed = [code for number in command.NOTICED for code in (-number, 128 + number)]
        lost = [code for code in codes if code and code not in noticed]
        if lost and command.raisable(frame, self.look):
            running = getattr(self.runner.reporter, "running", ())
            self.end()
            how = f"was killed by signal {-lost[0]}, for want of memory perhaps" if lost[0] < 0 \
                else f"ended with {lost[0]}"
            where = " while it built one of " + ", ".join(running) if running else ""
            command.end(f"doit -n: a process {how}{where}: run again; alone (without -n) it says which model that is")

    def end(self) -> None:
        """Tell the workers to leave; kill those that do not.

        A worker stays where it waits for a lost one, or where it lost the signal.
        """
        import multiprocessing
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        command.finished()
        processes = multiprocessing.active_children()  # those too that were being started when the signal came
        for process in processes:
            process.terminate()
        until = time.time() + LEAVE_SECONDS
        for process in processes:
            process.join(max(0, until - time.time()))
            if process.exitcode is None:
                with contextlib.suppress(ProcessLookupError):  # at last
                    os.kill(process.pid, signal.SIGKILL)
        for queue in self.queues:  # Python would wait for the threads that write into them, at times for ever
            queue.cancel_join_thread()


def leave_at_signals() -> None:
    """Leave signals to the system.

    An exception out of a handler would find multiprocessing with its locks half taken, and a handler is not called
    where a signal comes just before a read that waits.
    """
    for number in command.NOTICED:
        signal.signal(number, signal.SIG_DFL)
