"""The file on a disk that HDF5 writes through: a disk without room ends no process."""
from typing import Any, Callable, Optional, TypeVar, Union

Result = TypeVar("Result")


class Disk:
    """The new file at `path` that HDF5 writes through.

    HDF5 crashes the process when a write fails as it closes a file (no room, a quota).  So this keeps the first
    refusal and drops later writes, and leaving it raises the refusal, an OSError.
    """

    def __init__(self, path: str) -> None:
        self.file = open(path, "w+b", buffering=0)
        self.error: Optional[OSError] = None
        self.read, self.readinto, self.seek, self.tell = (
            self.file.read, self.file.readinto, self.file.seek, self.file.tell)

    def write(self, data: Union[bytes, memoryview]) -> int:
        """Write all of `data`, or as much as the disk takes; return the size of all, in bytes."""
        view = memoryview(data).cast("B")
        done = 0
        while self.error is None and done < len(view):
            done += self.attempt(self.file.write, view[done:]) or 0
        return len(view)

    def truncate(self, size: Optional[int] = None) -> None:
        """Cut the file at `size` bytes, at its position for None."""
        self.attempt(self.file.truncate, size)

    def flush(self) -> None:
        """Do nothing: the file has no buffer."""

    def attempt(self, function: Callable[[Any], Result], argument: Any) -> Optional[Result]:
        """Return `function(argument)`; None, and the error is kept, where it raises an OSError."""
        try:
            return function(argument)
        except OSError as error:
            self.error = self.error or error
            return None

    def __enter__(self) -> "Disk":
        return self

    def __exit__(self, kind: Any, exception: Any, trace: Any) -> None:
        self.file.close()
        if self.error is not None:
            raise self.error
