"""A run has one writer, whoever dies."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tunewright.errors import RunLockedError
from tunewright.runs.lock import RunLock, is_locked

_HOLD = """
import sys
from pathlib import Path
from tunewright.runs.lock import RunLock
lock = RunLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def _holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_second_process_is_refused_and_told_who_writes(tmp_path: Path) -> None:
    with _holder(tmp_path) as process:
        assert is_locked(tmp_path)
        with pytest.raises(RunLockedError) as caught:
            RunLock(tmp_path).acquire()
    assert f"process {process.pid} on {socket.gethostname()}" in caught.value.message
    assert f"stop process {process.pid}" in caught.value.hint


def test_killed_holder_frees_the_run_at_once(tmp_path: Path) -> None:
    with _holder(tmp_path) as process:
        process.kill()
        process.wait()
        assert not is_locked(tmp_path)
        with RunLock(tmp_path):
            assert is_locked(tmp_path)


def test_second_lock_in_the_same_process_is_refused(tmp_path: Path) -> None:
    with RunLock(tmp_path), pytest.raises(RunLockedError, match=f"process {os.getpid()}"):
        RunLock(tmp_path).acquire()


def test_lock_can_be_taken_again_after_release(tmp_path: Path) -> None:
    for _ in range(2):
        lock = RunLock(tmp_path)
        with lock:
            assert is_locked(tmp_path)
        lock.release()
        assert not is_locked(tmp_path)


def test_asking_leaves_nothing_behind(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    assert os.listdir(tmp_path) == []
