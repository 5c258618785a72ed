"""One process per SQLite file: an advisory lock next to it that names its holder."""

import fcntl
import os
import socket
from pathlib import Path
from types import TracebackType
from typing import IO


class LockedError(Exception):
    """Another process serves this database; the text says which."""


class FileLock:
    """Held from `acquire` to `release` (or the death of the process, however it dies)."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(database.name + ".lock")
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Raises LockedError with the holder when the lock is taken."""
        file = self.path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "an unknown process"
            file.close()
            raise LockedError(
                f"{self.path.with_suffix('')} is in use by {holder}. Stop it first; "
                "a SQLite database has one process. Use PostgreSQL to run several."
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            self._file.truncate(0)
            self._file.close()
            self._file = None

    def __enter__(self) -> "FileLock":
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
