"""Encoded rows on disk, so that the same rows are not encoded twice; found again by a hash of all that made them.

A key covers data, template, tokenizer, options and code: what differs in one of them is another entry, so nothing stale
can be found. An entry is a folder of .npy files that appears whole, and is served only if every file has the checksum
that was written with it. The cache may lose anything at any time and never fails a job: a refusal of the storage means
that rows are encoded again. Deliberately does not know what rows, templates or tokenizers are.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tunewright import __version__
from tunewright.errors import StorageError
from tunewright.runs.atomic import remove_folder, replace_folder, write_json
from tunewright.runs.manifest import file_sha256

MAX_BYTES = 2 * 1024**3
"""Size to which the entries of a cache folder are kept, the least recently used going first."""

_INDEX = "entry.json"
_VERSION = 1
_OFF = "off"
# A killed writer leaves its hidden folder behind; no writer is at work for longer than this.
_LEFTOVER_AGE_S = 24 * 3600.0
_MAPPED_FROM_BYTES = 1024**2


@dataclass(frozen=True, slots=True, eq=False)
class CachedRows:
    """Encoded rows, laid end to end: row i is `ids[offsets[i]:offsets[i + 1]]`, and the same of `weights`.

    ids: int32 (T,). weights: float32 (T,). offsets: int64 (N + 1,), from 0 to T, never falling. turns: int64 (N, …),
    which source row and turn each came from, in whatever way the caller numbers them.
    """

    ids: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray
    turns: np.ndarray

    def __post_init__(self) -> None:
        _check(self)


_DTYPES = {"ids": np.int32, "weights": np.float32, "offsets": np.int64, "turns": np.int64}


class EncodedCache:
    """A folder of entries, shared by any number of processes.

    Args:
        folder: where the entries are, made when the first is written; None: nothing is kept and nothing is found.
        max_bytes: size to which the entries are kept; a larger entry is not kept at all.
    """

    def __init__(self, folder: Path | None, *, max_bytes: int = MAX_BYTES) -> None:
        self.folder = folder
        self.max_bytes = max_bytes

    def load(self, key: str) -> CachedRows | None:
        """Return the rows of `key`, mapped from disk and read-only; None if there are none, or they are damaged."""
        if self.folder is None:
            return None
        entry = self.folder / key
        try:
            # Not a byte of an array's file is interpreted before its checksum is right.
            if json.loads((entry / _INDEX).read_bytes()) != _index(key, entry):
                return None
            rows = CachedRows(**{name: _mapped(_file(entry, name)) for name in _DTYPES})
        except (OSError, ValueError, RecursionError):
            return None
        with suppress(OSError):
            os.utime(entry)
        return rows

    def save(self, key: str, rows: CachedRows) -> bool:
        """Keep `rows` under `key` and let older entries go for them; return whether they are kept now.

        A damaged entry is replaced. Two processes that save one key at once leave one whole entry.
        """
        arrays = {name: np.ascontiguousarray(getattr(rows, name)) for name in _DTYPES}
        size_bytes = sum(array.nbytes for array in arrays.values())
        if self.folder is None or size_bytes > self.max_bytes:
            return False
        if self.load(key) is not None:
            return True
        try:
            with replace_folder(self.folder / key) as folder:
                for name, array in arrays.items():
                    np.save(_file(folder, name), array, allow_pickle=False)
                write_json(folder / _INDEX, _index(key, folder))
        except StorageError:
            # The disk is full or read-only, or another process moved its own entry in first.
            return self.load(key) is not None
        self._evict(keep=key)
        return True

    def _evict(self, keep: str) -> None:
        assert self.folder is not None
        entries: list[tuple[float, int, Path]] = []
        with suppress(OSError):
            for path in self.folder.iterdir():
                is_leftover = path.name.startswith(".")
                used, size_bytes = _last_use(path), _size(path)
                if is_leftover and time.time() - used > _LEFTOVER_AGE_S:
                    _remove(path)
                elif not is_leftover:
                    entries.append((used, size_bytes, path))
        total = sum(size_bytes for _, size_bytes, _ in entries)
        for _, size_bytes, path in sorted(entries):
            if total <= self.max_bytes:
                return
            if path.name != keep and _remove(path):
                total -= size_bytes


def default_folder(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path | None:
    """Return the user's cache folder, None where TUNEWRIGHT_CACHE is `off` or there is no home.

    TUNEWRIGHT_CACHE names another folder. Else it is %LOCALAPPDATA%\\tunewright\\cache on Windows, and elsewhere
    $XDG_CACHE_HOME/tunewright or ~/.cache/tunewright.
    """
    named = environment.get("TUNEWRIGHT_CACHE", "")
    if named:
        return None if named.lower() == _OFF else Path(named)
    try:
        if platform == "win32":
            local = environment.get("LOCALAPPDATA")
            return (Path(local) if local else Path.home() / "AppData" / "Local") / "tunewright" / "cache"
        shared = environment.get("XDG_CACHE_HOME", "")
        # The XDG specification has a relative path ignored.
        return (Path(shared) if Path(shared).is_absolute() else Path.home() / ".cache") / "tunewright"
    except RuntimeError:
        return None


def cache_key(parts: Mapping[str, Any]) -> str:
    """Return 64 hexadecimal digits that name `parts`: plain values (text, numbers, lists, mappings) by their names.

    Raises:
        TypeError: a value is not plain, so that it could not be told from another.
        ValueError: a number is not finite.
    """
    text = json.dumps(_plain(parts), sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def code_version(modules: Sequence[ModuleType]) -> str:
    """Return what changes when the package's version or the source of one of `modules` does."""
    hashes = {module.__name__: file_sha256(Path(module.__file__)) for module in modules if module.__file__}
    return cache_key({"version": __version__, "sources": hashes})


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            # JSON would write the key 1 as "1".
            raise TypeError(f"the keys of a part of a cache key must be text, got {list(value)[:5]!r}")
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"a part of a cache key must be text, a number, a list or a mapping, got {type(value).__name__}")


def _check(rows: CachedRows) -> None:
    for name, dtype in _DTYPES.items():
        if getattr(rows, name).dtype != dtype:
            raise ValueError(f"{name} must be {np.dtype(dtype)}, got {getattr(rows, name).dtype}")
    offsets, total = rows.offsets, len(rows.ids)
    if not (rows.ids.ndim == rows.weights.ndim == offsets.ndim == 1 and rows.turns.ndim >= 1):
        raise ValueError("ids, weights and offsets must have one axis, turns at least one")
    if len(rows.weights) != total:
        raise ValueError(f"weights must be as long as ids, {total}, got {len(rows.weights)}")
    if not len(offsets) or offsets[0] != 0 or offsets[-1] != total or (np.diff(offsets) < 0).any():
        raise ValueError(f"offsets must go from 0 to {total} and never fall")
    if len(rows.turns) != len(offsets) - 1:
        raise ValueError(f"turns must have one entry for each of {len(offsets) - 1} rows, got {len(rows.turns)}")


def _file(entry: Path, name: str) -> Path:
    return entry / f"{name}.npy"


def _index(key: str, entry: Path) -> dict[str, Any]:
    return {"version": _VERSION, "key": key, "blake2b": {name: _digest(_file(entry, name)) for name in _DTYPES}}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def _mapped(path: Path) -> np.ndarray:
    # An array without elements cannot be mapped, and a small one need not be.
    if path.stat().st_size >= _MAPPED_FROM_BYTES:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    array = np.load(path, allow_pickle=False)
    array.flags.writeable = False
    return array


def _last_use(entry: Path) -> float:
    try:
        return entry.stat().st_mtime
    except OSError:
        return 0.0


def _size(entry: Path) -> int:
    size_bytes = 0
    with suppress(OSError):
        for file in entry.iterdir():
            with suppress(OSError):
                size_bytes += file.stat().st_size
    return size_bytes


def _remove(entry: Path) -> bool:
    # Another process may have been faster; on Windows an entry that is mapped cannot be removed.
    with suppress(StorageError, OSError):
        remove_folder(entry)
        return True
    return False
