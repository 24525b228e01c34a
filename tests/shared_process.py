"""A process that tests share: it ends with them, and what it says on stderr is kept."""
import atexit
import tempfile
import threading


class Shared:
    """The process, None until it is started and after its end; log: a file of what it said on stderr.

    A thread waits until the others have their answers: the process tells nobody whose request it answers.
    """

    def __init__(self):
        self.process, self.log, self.turn = None, tempfile.TemporaryFile(), threading.Lock()
        atexit.register(self.end)

    def ask(self, *request):
        """Send one request; return its answer."""
        with self.turn:
            return self.answer(*request)

    def answer(self, *request):
        """Do what `ask` does, while no other thread asks."""
        raise NotImplementedError

    def end(self):
        """End the process; return its exit status."""
        process, self.process = self.process, None
        if process is None:
            return 0
        try:
            process.stdin.close()
        except OSError:
            pass  # it has ended before
        process.stdout.close()
        return process.wait()
