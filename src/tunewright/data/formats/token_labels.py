"""Tagging, as CoNLL files and `datasets` hold it: `{"tokens": ["in", "Oslo"], "labels": ["O", "B-LOC"]}`.

`ner_tags` and `tags` are other names of the same key. Labels are text in a row; numbered tags stay numbers, as text.
Deliberately does not know CoNLL files, nor which tags may follow which.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tunewright.data.formats.labels import is_label, label_text
from tunewright.data.formats.record import faults_of, key_findings, metadata_findings, with_metadata
from tunewright.data.rows import Finding, Kind, RowFault, TokenLabelsRow, shown

NAME: str = "token_labels"
KIND: Kind = "token_labels"
KEYS: tuple[str, ...] = ("tokens", "labels", "ner_tags", "tags", "metadata")

_LABEL_KEYS = ("labels", "ner_tags", "tags")
_ELSEWHERE = {"words": "tokens", "ner": "ner_tags", "label": "labels"}


def detect(record: dict[str, Any]) -> bool:
    """Whether the record means to be words with the tag of each."""
    return "tokens" in record and any(key in record for key in _LABEL_KEYS)


def is_sound(record: dict[str, Any]) -> bool:
    """Whether `read` finds no fault."""
    return not isinstance(read(record, "", 0), list)


def read(record: dict[str, Any], path: str, line: int) -> TokenLabelsRow | list[RowFault]:
    """Return the row, or every fault of the record."""
    if faults := faults_of(_findings(record), path, line):
        return faults
    labels = tuple(label_text(each) for each in record[_label_keys(record)[0]])
    return TokenLabelsRow(path, line, tuple(record["tokens"]), labels, record.get("metadata") or {})


def write(row: TokenLabelsRow) -> dict[str, Any]:
    """Return the record."""
    return with_metadata({"tokens": list(row.tokens), "labels": list(row.labels)}, row)


def _label_keys(record: dict[str, Any]) -> list[str]:
    return [key for key in _LABEL_KEYS if record.get(key) is not None]


def _findings(record: dict[str, Any]) -> Iterator[Finding]:
    yield from key_findings(record, KEYS, "a row of tagged words", _ELSEWHERE)
    yield from metadata_findings(record)
    tokens, keys = record.get("tokens"), _label_keys(record)
    yield from _tokens_findings(record)
    if not keys:
        yield "missing_key", "labels", "must be given", "nothing", "write a label for each token"
        return
    if len(keys) > 1:
        fix = "keep one of the two; columns says which is which"
        yield "bad_value", keys[1], f"must not stand beside {keys[0]}", shown(record[keys[1]]), fix
    name, labels = keys[0], record[keys[0]]
    if not isinstance(labels, list):
        yield "bad_value", name, "must be a list of labels", shown(labels), 'write ["O", "B-LOC", …]'
        return
    for index, label in enumerate(labels):
        if not is_label(label) or isinstance(label, bool):
            yield "bad_value", f"{name}[{index}]", "must be text or a whole number", shown(label), 'write "O" for none'
    if isinstance(tokens, list) and len(labels) != len(tokens):
        value = f"{len(labels)} for {len(tokens)} tokens"
        yield "bad_value", name, "must hold one label for each token", value, "give each token its label"


def _tokens_findings(record: dict[str, Any]) -> Iterator[Finding]:
    tokens = record.get("tokens")
    if "tokens" not in record:
        yield "missing_key", "tokens", "must be given", "nothing", 'write "tokens": ["…", …]'
    elif not isinstance(tokens, list):
        yield "bad_value", "tokens", "must be a list of words", shown(tokens), 'write "tokens": ["…", …]'
    elif not tokens:
        yield "no_content", "tokens", "must hold at least one word", "[]", "take the record out"
    else:
        for index, token in enumerate(tokens):
            if not isinstance(token, str) or not token:
                yield "bad_value", f"tokens[{index}]", "must be text that is not empty", shown(token), "write the word"
