"""One writer per run folder, enforced by the operating system, so that a crashed holder frees the run at once.

The lock is on `.lock`, not the file's existence: `flock` on POSIX, a byte range on Windows. The file's text only says
who holds it. The file is never removed: a second process could hold the removed one. Does not know what is written.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import orjson

from tunewright.errors import RunLockedError
from tunewright.runs.atomic import storage_guard
from tunewright.runs.fields import utc_now

LOCK_NAME = ".lock"
# Windows forbids reading locked bytes, so the locked one lies far behind the text.
_LOCKED_BYTE = 1 << 30
# A reader's `is_locked` holds the lock for microseconds; a writer that meets one tries again.
_TRIES, _PAUSE_S = 10, 0.03


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock: process, machine, and since when."""

    pid: int
    host: str
    started: str


class RunLock:
    """The right to write one run folder; held until released or until the process ends, however it ends.

    A forked child shares its parent's lock, so children that outlive the holder keep it. Not for several threads.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._handle: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            RunLockedError: if another holder has it.
            StorageError: if the lock file cannot be written or the file system gives no locks.
        """
        path = self._folder / LOCK_NAME
        with storage_guard(path):
            handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            try:
                self._lock(handle, path)
            except BaseException:
                os.close(handle)
                raise
        self._handle = handle

    def _lock(self, handle: int, path: Path) -> None:
        for _ in range(_TRIES):
            if _try_lock(handle):
                os.ftruncate(handle, 0)
                os.lseek(handle, 0, os.SEEK_SET)
                os.write(handle, orjson.dumps(Holder(os.getpid(), socket.gethostname(), utc_now())))
                return
            time.sleep(_PAUSE_S)
        raise _locked_error(self._folder, _read_holder(path))

    def release(self) -> None:
        """Give the lock back; releasing twice is harmless."""
        if self._handle is None:
            return
        handle, self._handle = self._handle, None
        try:
            os.ftruncate(handle, 0)
        finally:
            os.close(handle)

    def __enter__(self) -> RunLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def is_locked(folder: Path) -> bool:
    """Return whether somebody, this process included, is writing the run; leaves nothing behind."""
    try:
        handle = os.open(folder / LOCK_NAME, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _try_lock(handle, shared=True)
    except OSError:
        return False
    finally:
        os.close(handle)


def _try_lock(handle: int, *, shared: bool = False) -> bool:
    """Lock without waiting; closing the handle unlocks. Windows knows no shared locks."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK}:
            return False
        raise
    return True


def _read_holder(path: Path) -> Holder | None:
    try:
        return Holder(**orjson.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _locked_error(folder: Path, holder: Holder | None) -> RunLockedError:
    if holder is None:
        return RunLockedError(
            f"{folder}: another process is writing this run",
            hint="wait until it has ended, or choose another --output",
        )
    who = f"process {holder.pid} on {holder.host}"
    return RunLockedError(
        f"{folder}: {who} has been writing this run since {holder.started}",
        hint=f"wait until it has ended, or stop {who}; a new run needs another --output",
    )
