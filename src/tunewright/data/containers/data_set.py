"""Data sets of the `datasets` library: saved folders, folders of files, and ids of the hub such as `owner/name`.

Read as a stream where the library can, so nothing is downloaded that is not read. Numbers that stand for classes become
the names of the classes. Lines count rows, from 1. Deliberately does not know formats.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.data.containers.record import Record
from tunewright.data.containers.values import typed_record
from tunewright.data.rows import RowFault
from tunewright.errors import DataError, DataMissingError, MissingExtraError

LAYOUT = "data set"

_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_FILE = re.compile(r"\.(jsonl?|ndjson|csv|tsv|txt|md|parquet|conll|bio|iob2?|gz|zst)$", re.IGNORECASE)
_SAVED = ("dataset_info.json", "dataset_dict.json", "state.json")


def is_hub_id(name: str) -> bool:
    """Whether the text reads `owner/name`, is no file here and has not the name of one."""
    path = Path(name)
    return bool(_HUB_ID.fullmatch(name)) and not _FILE.search(name) and not path.exists() and not path.parent.exists()


def is_saved(folder: Path) -> bool:
    """Whether the folder was written by `save_to_disk`."""
    return any((folder / name).is_file() for name in _SAVED)


@dataclass(frozen=True)
class DataSet:
    """One part of a data set. Iterating reads it from its beginning."""

    name: str
    rows: Any
    notices: tuple[str, ...]
    layout: str = LAYOUT

    def __iter__(self) -> Iterator[Record | RowFault]:
        named = _class_names(self.rows)
        rows, line = iter(self.rows), 0
        while True:
            line += 1
            try:
                row = next(rows)
            except StopIteration:
                return
            except Exception as error:  # noqa: BLE001 - a stream from the hub fails as its file system pleases
                fix = "read it again; the rows from here on were not read"
                rule = f"must be readable to its end ({_reason(error)})"
                yield RowFault(self.name, line, "", rule, "", fix, "file_ends_early")
                return
            yield typed_record(_with_names(row, named) if named else row, self.name, line)

    def count(self) -> int | None:
        """Return the number of rows where it is known without reading them."""
        return len(self.rows) if hasattr(self.rows, "__len__") else None


def open_data_set(name: str, part: str, subset: str | None) -> DataSet:
    """Return one part of the data set `name`; without a `part`, `train` or the only one.

    Raises:
        DataMissingError: it cannot be loaded: no such data set, or no connection.
        DataError: it has no part of that name.
        MissingExtraError: the datasets library is missing.
    """
    found = _loaded(name, subset)
    if not isinstance(found, Mapping):
        if part:
            raise DataError(f"{name} has no parts; data.split asks for {part}", hint="leave the name of the part out")
        return DataSet(name, found, ())
    chosen = part or ("train" if "train" in found else "")
    if not chosen and len(found) == 1:
        chosen = next(iter(found))
    if chosen not in found:
        parts = ", ".join(found)
        message = f"{name} has no part {chosen}; it has {parts}" if chosen else f"{name} has several parts: {parts}"
        raise DataError(message, hint=f"name one of them with --split, such as {next(iter(found), 'train')}")
    notices = () if part else (f"{name}: the part {chosen} was read",)
    return DataSet(name, found[chosen], notices)


def _loaded(name: str, subset: str | None) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError.of("data", "datasets") from error
    datasets.disable_progress_bars()
    # It tells of each of its own retries; what matters is whether the last of them failed, which is our error to tell.
    for name_of_log in ("huggingface_hub", "datasets"):
        logging.getLogger(name_of_log).setLevel(logging.ERROR)
    path = Path(name)
    try:
        if path.is_dir() and is_saved(path):
            return datasets.load_from_disk(name)
        return datasets.load_dataset(name, name=subset, streaming=True)
    except Exception as error:  # the library's loaders raise whatever their file systems and parsers do
        message = f"{name} cannot be loaded as a data set: {_reason(error)}"
        hint = "check the name and the connection, or name a file of rows"
        raise DataMissingError(message, hint=hint) from error


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _class_names(rows: Any) -> dict[str, Any]:
    features = getattr(rows, "features", None) or {}
    inner = {key: getattr(kind, "feature", kind) for key, kind in features.items()}
    return {key: kind for key, kind in inner.items() if hasattr(kind, "int2str")}


def _with_names(row: dict[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _name(value, named[key]) if key in named else value for key, value in row.items()}


def _name(value: Any, kind: Any) -> Any:
    if isinstance(value, list):
        return [_name(item, kind) for item in value]
    # -1 is how a label that is not given is written.
    return kind.int2str(value) if isinstance(value, int) and value >= 0 else value
