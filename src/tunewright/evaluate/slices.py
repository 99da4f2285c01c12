"""What tells the rows of a test set apart: label, lengths, script, turns, tools, and their own short metadata.

A slice is kept where it differs and is common enough to be worth a score: neither one value for all rows, nor nearly a
value for each. A field of the rows goes by its own name; one of ours that meets it says where it comes from. Does not
know scores, nor which slices matter.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from tunewright.data.profiling.scripts import script_of
from tunewright.data.rows import Row
from tunewright.evaluate.baselines.kin import SYSTEM_ROLES, question_of
from tunewright.evaluate.baselines.prompts import labels_of, shape_of
from tunewright.graders.overlap import UNSPACED
from tunewright.graders.words import normalised

Values = Sequence[str | None]
"""The value of each row; None where a row has none."""

_NO_SLICES = frozenset(("fact", "group", "grader"))
_MAX_VALUES = 30
_MAX_CHARACTERS = 40
# Beyond so many, counts of turns are put into thirds.
_MAX_COUNTS = 6
# Letters taken evenly from a whole text show its script; 10,000 texts are told in a tenth of a second.
_CHARACTERS_READ = 100
_UNSPACED_LETTER = re.compile(f"[{UNSPACED}]")
_LATIN_LETTER = re.compile("[A-Za-z]")
_KANA = ("Hiragana", "Katakana")


def slices_of(rows: Sequence[Row]) -> list[dict[str, str]]:
    """Return the slices of each row, in the order of `rows`: from the name of a slice to the row's value of it.

    The label comes first, then metadata, then what is measured. A row lacks a slice that it has no value for.

    - `label`: the reference, where references look like labels.
    - metadata: fields of at most 30 different values, all texts of at most 40 characters, whole numbers or booleans;
      not `fact`, `group` and `grader`, nor a field that differs for most rows, as an id does.
    - `question length`, `answer length` (the latter without labels): thirds by words, or by characters where scripts
      without spaces are met. Left out where the middle one of the longest third is not half as long again as that of
      the shortest.
    - `script` that most letters of the question are of (no script tells its language), `turns` before the answer
      without the system's, `tools`.

    A field of the rows may have a name of ours: ours is then called `label (from references)`, and left out if both say
    the same.
    """
    questions = [question_of(row) for row in rows]
    references = [row.reference for row in rows]
    labels, fields = _labels(references), _fields(rows)
    told = _ours("label", "references", labels, fields)
    measured = [
        ("script", "questions", [_script(_thinned(question)) for question in questions]),
        ("turns", "messages", _turns(rows)),
        ("tools", "rows", ["with tools" if row.tools else "without tools" for row in rows]),
        ("question length", "questions", _lengths(questions)),
        ("answer length", "references", [] if labels else _lengths(references)),
    ]
    slices = {**told, **fields}
    for name, source, values in measured:
        slices.update(_ours(name, source, values, fields))
    return [_of_one_row(slices, number) for number in range(len(rows))]


def _of_one_row(slices: Mapping[str, Values], number: int) -> dict[str, str]:
    return {name: value for name, values in slices.items() if (value := values[number]) is not None}


def _ours(name: str, source: str, values: Values, fields: Mapping[str, Values]) -> dict[str, Values]:
    """Return our slice under a name that no field has; nothing if it does not differ or a field says the same."""
    if not _differ(values) or fields.get(name) == values:
        return {}
    while name in fields:
        name = f"{name} (from {source})"
    return {name: values}


def _differ(values: Values) -> bool:
    return len({value for value in values if value is not None}) > 1


def _labels(references: Sequence[str]) -> Values:
    """Return each row's label as it was first written; nothing if references are no labels."""
    if shape_of(references) != "label":
        return []
    written = {normalised(label): label for label in labels_of(references)}
    return [_writable(written[key]) if (key := normalised(reference)) else None for reference in references]


def _fields(rows: Sequence[Row]) -> dict[str, Values]:
    """Return the metadata fields that are slices, in the order in which they are met."""
    found: dict[Any, dict[int, Any]] = {}
    for number, row in enumerate(rows):
        for name, value in row.meta.items():
            found.setdefault(name, {})[number] = value
    fields: dict[str, Values] = {}
    for name, given in found.items():
        title = _writable(" ".join(str(name).split()))
        if title and title not in _NO_SLICES and title not in fields and _tells_apart(given.values()):
            fields[title] = [_value_text(given.get(number)) for number in range(len(rows))]
    return fields


def _tells_apart(given: Collection[Any]) -> bool:
    if not all(value is None or _is_short(value) for value in given):
        return False
    counts = Counter(text for value in given if (text := _value_text(value)) is not None)
    num_unique = sum(count == 1 for count in counts.values())
    return 2 <= len(counts) <= _MAX_VALUES and 2 * num_unique <= counts.total()


def _is_short(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _MAX_CHARACTERS
    # Compared as a number: Python refuses to write one of more than 4,300 digits.
    return isinstance(value, int) and abs(value) < 10**_MAX_CHARACTERS


# `typed`: 1 and True are equal, and not the same text.
@lru_cache(maxsize=1 << 12, typed=True)
def _value_text(value: str | int | None) -> str | None:
    """Return a value as the rows' file has it (`true`), on one line; None for an empty one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else _writable(" ".join(str(value).split())) or None


def _writable(text: str) -> str:
    """Return the text with lone surrogates escaped: a name or value that no file can hold would lose the report."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _script(text: str) -> str | None:
    """Return the script of most letters; None without letters.

    Chinese characters among kana are Japanese (`Jpan` of ISO 15924): else Japanese rows would fall into two slices.
    """
    if text.isascii():
        return "Latin" if _LATIN_LETTER.search(text) else None
    counts = Counter(map(_known_script, text))
    del counts[""]
    num_kana = sum(counts[script] for script in _KANA)
    # One の in a Chinese name is no Japanese.
    if 10 * num_kana > num_kana + counts["Han"]:
        counts["Japanese"] = num_kana + counts.pop("Han", 0)
        for script in _KANA:
            del counts[script]
    return min(counts, key=lambda script: (-counts[script], script), default=None)


def _thinned(text: str) -> str:
    return text[:: len(text) // _CHARACTERS_READ + 1]


@lru_cache(maxsize=1 << 14)
def _known_script(character: str) -> str:
    return script_of(character)


def _turns(rows: Sequence[Row]) -> Values:
    counts = [sum(message.role not in SYSTEM_ROLES for message in row.prompt) for row in rows]
    if len(set(counts)) > _MAX_COUNTS:
        return _thirds(counts, "turn")
    return [_counted(count, "turn") for count in counts]


def _lengths(texts: Sequence[str]) -> Values:
    if _lack_spaces(texts):
        return _thirds([_num_characters(text) for text in texts], "character")
    return _thirds([len(text.split()) for text in texts], "word")


def _lack_spaces(texts: Sequence[str]) -> bool:
    """Tell whether a tenth of the texts is written without spaces: counted in words, each of these would be one."""
    num_unspaced = sum(not text.isascii() and _is_unspaced(_thinned(text)) for text in texts)
    return num_unspaced > 0 and 10 * num_unspaced >= len(texts)


def _is_unspaced(text: str) -> bool:
    return 2 * len(_UNSPACED_LETTER.findall(text)) > _num_characters(text)


def _num_characters(text: str) -> int:
    return sum(map(len, text.split()))


def _thirds(sizes: Sequence[int], unit: str) -> Values:
    """Return the third that each size is in, by its bounds; equal sizes are in one. Nothing if all are about alike."""
    if not sizes:
        return []
    ordered = sorted(sizes)
    outer = len(sizes) // 6
    if ordered[-1 - outer] < 1.5 * max(ordered[outer], 1):
        return []
    # Rank of the last one of the first third, and of the second.
    bounds = {ordered[(len(sizes) + 2) // 3 - 1], ordered[(2 * len(sizes) + 2) // 3 - 1]} - {ordered[-1]}
    cuts = sorted(bounds) or [max(size for size in ordered if size < ordered[-1])]
    names = [
        f"up to {_counted(cuts[0], unit)}" if cuts[0] else f"no {unit}s",
        *(_between(low + 1, high, unit) for low, high in pairwise(cuts)),
        f"more than {_counted(cuts[-1], unit)}",
    ]
    return [names[bisect_left(cuts, size)] for size in sizes]


def _between(low: int, high: int, unit: str) -> str:
    return _counted(high, unit) if low == high else f"{low:,} to {_counted(high, unit)}"


def _counted(count: int, unit: str) -> str:
    return f"{count:,} {unit}" if count == 1 else f"{count:,} {unit}s"
