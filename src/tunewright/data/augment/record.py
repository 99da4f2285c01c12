"""A record as augmentation sees it: the texts of its prompt side, which may change, and the family that it belongs to.

The family is what a split must keep together: `metadata.group`, else the parent, else the content itself.
Deliberately does not know how texts are changed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

Place = tuple[str | int, ...]
"""Keys and indices that lead to a text of a record."""

_ASKING = frozenset({"user", "human"})
_PROMPT_KEYS = ("prompt", "instruction", "input", "question", "text")
_TURNS_KEYS = ("messages", "conversations", "prompt")
_STEP = re.compile(r"([^.\[\]]+)|\[(-?\d+)\]")


def prompt_texts(record: Mapping[str, Any]) -> dict[Place, str]:
    """Return the texts that ask: user turns, or the fields of a prompt; never an answer, a label or a system prompt.

    `text` asks only where a class stands beside it: otherwise it is itself what is taught.
    """
    texts: dict[Place, str] = {}
    for key in _TURNS_KEYS:
        if isinstance(record.get(key), list):
            texts.update(_user_texts(record[key], (key,)))
    nested = record.get("input")
    if isinstance(nested, dict) and isinstance(nested.get("messages"), list):
        texts.update(_user_texts(nested["messages"], ("input", "messages")))
    for key in _PROMPT_KEYS:
        is_asking = key != "text" or "label" in record or "labels" in record
        if isinstance(record.get(key), str) and is_asking:
            texts[(key,)] = record[key]
    return {place: text for place, text in texts.items() if text.strip()}


def content_hash(record: Mapping[str, Any]) -> str:
    """Return a name of what the record says, whatever its metadata and the order of its keys."""
    said = {key: value for key, value in record.items() if key != "metadata"}
    # Not orjson: it refuses lone surrogates and numbers beyond 64 bits, which records may hold.
    plain = json.dumps(said, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.blake2b(plain.encode(), digest_size=12).hexdigest()


def family(record: Mapping[str, Any]) -> str:
    """Return the key that a split groups by: a row and all rows made from it have the same."""
    meta = _meta(record)
    if meta.get("group") is not None:
        return str(meta["group"])
    made = meta.get("augmented")
    return str(made["parent"]) if isinstance(made, dict) and "parent" in made else content_hash(record)


def is_augmented(record: Mapping[str, Any]) -> bool:
    """Whether the record was made from another one."""
    return isinstance(_meta(record).get("augmented"), dict)


def grouped(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record with `metadata.group`, its family: any tool that groups keeps it with its children."""
    meta = _meta(record)
    return record if meta.get("group") is not None else {**record, "metadata": {**meta, "group": family(record)}}


def child(parent: dict[str, Any], texts: Mapping[Place, str], how: str, seed: int) -> dict[str, Any]:
    """Return a new record: the parent with other texts on its prompt side, and where it came from in its metadata."""
    record: Any = parent
    for place, text in texts.items():
        record = _with(record, place, text)
    made = {"parent": content_hash(parent), "how": how, "seed": seed}
    return {**record, "metadata": {**_meta(grouped(parent)), "augmented": made}}


def field_value(record: Mapping[str, Any], path: str) -> Any:
    """Return the value at `path`, such as `label` or `messages[-1].content`; None if there is none."""
    value: Any = record
    for key, index in _STEP.findall(path):
        try:
            value = value[int(index)] if index else value[key]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _meta(record: Mapping[str, Any]) -> dict[str, Any]:
    meta = record.get("metadata")
    return meta if isinstance(meta, dict) else {}


def _user_texts(turns: list[Any], place: Place) -> Iterator[tuple[Place, str]]:
    for index, turn in enumerate(turns):
        if not isinstance(turn, dict) or turn.get("role", turn.get("from")) not in _ASKING:
            continue
        key = "content" if "content" in turn else "value"
        said = turn.get(key)
        if isinstance(said, str):
            yield (*place, index, key), said
        for number, part in enumerate(said if isinstance(said, list) else ()):
            if isinstance(part, dict) and isinstance(part.get("text"), str):
                yield (*place, index, key, number, "text"), part["text"]


def _with(value: Any, place: Place, text: str) -> Any:
    if not place:
        return text
    copied: Any = dict(value) if isinstance(value, dict) else list(value)
    copied[place[0]] = _with(value[place[0]], place[1:], text)
    return copied
