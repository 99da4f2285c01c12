"""Writing so that a reader sees the old content or the new, never half of it, and a full disk says so clearly.

New content goes to a hidden neighbour on the same file system, is synced, and takes its final name in one rename. Any
refusal of the storage becomes a StorageError. Does not know what is written; `lines` appends, which needs no rename.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson

from tunewright.errors import StorageError

_LEFTOVERS = ".*.tmp"
_SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")
_NEARLY_FULL_BYTES = 2**20

# errno name → (cause, way out). Names, not numbers: some numbers do not exist on every system.
_CAUSES: dict[str, tuple[str, str]] = {
    "ENOSPC": ("no space is left on the device", "free some space, or choose another disk with --output"),
    "EDQUOT": ("your disk quota is used up", "free some space, or choose another disk with --output"),
    "EACCES": ("permission denied", "change the permissions, or choose another folder with --output"),
    "EPERM": ("permission denied", "change the permissions, or choose another folder with --output"),
    "EROFS": ("the file system is read-only", "choose a writable folder with --output"),
    "EIO": ("the device reported an error", "check the disk or the network mount"),
    "EMFILE": ("too many files are open", "raise the limit of open files (ulimit -n)"),
    "ENAMETOOLONG": ("the path is too long", "choose a shorter --output"),
    "ENOTDIR": ("a part of the path is a file, not a folder", "choose another --output"),
    "ENOLCK": ("the file system gives no locks", "choose a local disk with --output"),
    "EOPNOTSUPP": ("the file system does not support this", "choose a local disk with --output"),
}


def storage_error(path: Path, error: OSError) -> StorageError:
    """Return the StorageError that says what `error` means for `path`."""
    unnamed = (error.strerror or str(error), "check the disk, or choose another folder with --output")
    cause, hint = _CAUSES.get(errno.errorcode.get(error.errno or 0, ""), unnamed)
    return StorageError(f"{path}: cannot be written: {cause}", hint=hint)


def library_error(path: Path, error: Exception) -> StorageError:
    """Return what a library's own `error`, raised while it wrote below `path`, means: most hide the system's."""
    number = _SYSTEM_ERROR.search(str(error))
    if number:
        return storage_error(path, OSError(int(number[1]), ""))
    with suppress(OSError):
        if shutil.disk_usage(path.parent).free < _NEARLY_FULL_BYTES:
            return storage_error(path, OSError(errno.ENOSPC, ""))
    return StorageError(f"{path}: cannot be written: {error}", hint="check the disk, or choose another with --output")


@contextmanager
def storage_guard(path: Path) -> Iterator[None]:
    """Turn every OSError of the body into a StorageError that names `path`."""
    try:
        yield
    except OSError as error:
        raise storage_error(path, error) from error


def write_bytes(path: Path, data: bytes) -> None:
    """Replace the content of `path` in one step.

    Raises:
        StorageError: if the storage refuses; the former content, if any, is untouched and nothing else is left.
    """
    temp = _hidden_neighbour(path)
    with storage_guard(path):
        try:
            with temp.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temp, path)
        except BaseException:
            temp.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Replace the content of `path` with UTF-8 text, line ends as given."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Replace the content of `path` with indented JSON; numbers that are not finite become null."""
    write_bytes(path, orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


@contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """Yield an empty hidden folder that becomes `path` when the body ends; what was at `path` is removed afterwards.

    If the body fails, the hidden folder is removed and `path` stays as it was; its OSError becomes a StorageError.
    """
    temp = _hidden_neighbour(path)
    with storage_guard(path):
        try:
            temp.mkdir(parents=True)
            yield temp
            for file in temp.rglob("*"):
                _sync_file(file)
            _swap_in(temp, path)
        except BaseException:
            shutil.rmtree(temp, ignore_errors=True)
            raise
        _sync_folder(path.parent)


def remove_folder(path: Path) -> None:
    """Remove a folder so that a half-removed one never bears its name."""
    with storage_guard(path):
        temp = _hidden_neighbour(path)
        os.replace(path, temp)
        shutil.rmtree(temp)


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed writer left half done anywhere below `folder`. Call it with the run's lock held."""
    for path in list(folder.rglob(_LEFTOVERS)):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _hidden_neighbour(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def _swap_in(temp: Path, path: Path) -> None:
    # A folder cannot be renamed over a full one, so the old one steps aside first; if the new one then fails to move
    # in, the old one returns.
    former = _hidden_neighbour(path)
    had_former = path.exists()
    if had_former:
        os.replace(path, former)
    try:
        os.replace(temp, path)
    except OSError:
        if had_former:
            _move_back(former, path)
        raise
    shutil.rmtree(former, ignore_errors=True)


def _move_back(former: Path, path: Path) -> None:
    try:
        os.replace(former, path)
    except OSError:
        # Another process has put its own folder there meanwhile: the former one has nowhere to go back to.
        shutil.rmtree(former, ignore_errors=True)


def _sync_file(path: Path) -> None:
    if not path.is_file():
        return
    # Windows syncs only a handle that may write; elsewhere a file may well be read-only.
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    # The rename itself must reach the disk; Windows cannot open a folder, and some network mounts refuse to sync one.
    if os.name == "nt":
        return
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
