"""A process that tests share: it ends with them, and what it says on stderr is kept."""
import atexit
import tempfile


class Shared:
    """The process, None until it is started and after its end; log: a file of what it said on stderr."""

    def __init__(self):
        self.process, self.log = None, tempfile.TemporaryFile()
        atexit.register(self.end)

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
