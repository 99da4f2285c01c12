"""The row's own prompt, and system prompts to try: a few of ours for each shape of task, and the user's own.

Ours are general on purpose: they say in plain words what a person who writes a prompt would find out from the data
(the labels, the fields, the usual length), taken from training references, never from rows that are scored. Does not
know which one is best: that is chosen on validation rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml

from tunewright.data.rows import Row
from tunewright.errors import DataError, DataMissingError
from tunewright.evaluate.baselines.asked import Asked, Room, Settings, Wish, fit
from tunewright.graders.choose import are_labels
from tunewright.graders.words import normalised
from tunewright.runs.evaluation import ColumnKind

Shape = Literal["free", "label", "json", "number"]
"""What answers look like: text, one of few labels, a JSON object or list, a number."""

_MAX_FIELDS = 40
_NUMBER = re.compile(r"[-+−]?[$€£]?\d[\d,.\s]*(?:[eE][-+]?\d+)?\s*[%\w°/²³$€£]{0,6}")


class ZeroShot:
    """The row's own prompt and nothing else; shortened by its oldest turns where it does not fit."""

    def __init__(self, *, name: str = "base", kind: ColumnKind = "base", room: Room | None = None) -> None:
        self.name = name
        self.kind: ColumnKind = kind
        self.settings: Settings = {}
        self._room = room

    def ask(self, row: Row) -> Asked:
        """Return the row's prompt."""
        return fit(Wish(row), self._room)


class SystemPrompt:
    """The row's own prompt under a system prompt, which is joined to the row's own system turn if it has one.

    Joined: the row's own text stays and comes first, the system prompt follows a line apart (`asked.joined_system`).
    """

    def __init__(self, text: str, name: str, *, kind: ColumnKind = "prompt", room: Room | None = None) -> None:
        self.text = text
        self.name = name
        self.kind: ColumnKind = kind
        self.settings: Settings = {"prompt": name, "system_prompt": text}
        self._room = room

    def ask(self, row: Row) -> Asked:
        """Return the row's prompt with the system prompt in its system turn."""
        return fit(Wish(row, opening=lambda passages: self.text), self._room)


def shape_of(references: Sequence[str]) -> Shape:
    """Return what the references look like, empty ones aside; `free` if there are none.

    `json`: all are JSON objects or lists. `number`: all are numbers, perhaps with a unit. `label`: by
    the rule that also chooses graders (`graders.choose.are_labels`).
    """
    references = [text for text in references if text.strip()]
    if not references:
        return "free"
    if all(_is_json(text) for text in references):
        return "json"
    if are_labels(references):
        return "label"
    if all(_NUMBER.fullmatch(text.strip()) for text in references):
        return "number"
    return "free"


def labels_of(references: Sequence[str]) -> list[str]:
    """Return the different references in order, each as it was first written; empty ones are none."""
    first: dict[str, str] = {}
    for reference in filter(str.strip, references):
        first.setdefault(normalised(reference), reference.strip())
    return sorted(first.values())


def default_prompts(
    references: Sequence[str], shape: Shape | None = None, *, room: Room | None = None
) -> list[SystemPrompt]:
    """Return the system prompts to try for answers like `references`, which must be those of training rows.

    Args:
        references: answers of training rows.
        shape: what they look like; None looks at them.
        room: how long a prompt may be.
    """
    chosen = shape or shape_of(references)
    return [SystemPrompt(text, name, room=room) for name, text in _PROMPTS[chosen](references)]


def read_prompts(path: Path, *, room: Room | None = None) -> list[SystemPrompt]:
    """Return the user's own system prompts.

    A YAML file holds a mapping from names to texts, or a list of texts; any other file is one prompt, named after it.

    Raises:
        DataMissingError: if the file cannot be opened.
        DataError: if it is no text, empty, or YAML of another form.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: system prompts must be UTF-8 text: {error}", hint="save it as UTF-8") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataMissingError(f"{path}: cannot be opened: {reason}", hint="check the path") from error
    is_yaml = path.suffix.lower() in (".yaml", ".yml")
    named = _named_prompts(path, text) if is_yaml else [(path.stem, text)]
    for name, prompt in named:
        if not prompt.strip():
            raise DataError(f"{path}: the system prompt {name!r} is empty", hint="write its text, or leave it out")
    return [SystemPrompt(prompt.strip(), name, room=room) for name, prompt in named]


def _named_prompts(path: Path, text: str) -> list[tuple[str, str]]:
    form = "a mapping from names to texts, or a list of texts"
    try:
        tree: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: is not YAML: {reason}", hint=f"write {form}") from error
    if isinstance(tree, list):
        tree = {f"{path.stem} {number}": prompt for number, prompt in enumerate(tree, 1)}
    if not isinstance(tree, dict) or not tree:
        raise DataError(f"{path}: must hold {form}, got {type(tree).__name__}", hint="see docs/evaluation.md")
    for name, prompt in tree.items():
        if not isinstance(prompt, str):
            rule = f"the system prompt {str(name)!r} must be text"
            raise DataError(f"{path}: {rule}, got {type(prompt).__name__}", hint="put it in quotes, or after `|`")
    return [(str(name), prompt) for name, prompt in tree.items()]


def _free(references: Sequence[str]) -> list[tuple[str, str]]:
    prompts = [
        ("brief", "Answer the question. Give the answer itself, without an introduction and without a summary."),
        ("careful", "Read the question to its end. Answer exactly what is asked, correctly and in plain words."),
        ("expert", "You are an expert on what you are asked. Give the answer that an expert would give a colleague."),
    ]
    if references:
        # Nine in ten training answers are no longer than this; words mean little in scripts without spaces.
        lengths = sorted(len(text.split()) for text in references)
        usual = max(lengths[(9 * (len(lengths) - 1)) // 10], 1)
        words = "1 word" if usual == 1 else f"{usual} words"
        prompts.append(("length", f"Answer in at most {words}. Write nothing but the answer."))
    return prompts


def _label(references: Sequence[str]) -> list[tuple[str, str]]:
    labels = labels_of(references)
    named, listed = ", ".join(labels), "\n".join(f"- {label}" for label in labels)
    return [
        ("labels", f"Choose the label that fits. The labels are: {named}. Answer with one label and nothing else."),
        ("label list", f"Which of these fits best?\n{listed}\nWrite it exactly as it is written here, and no more."),
        (
            "label rules",
            "You sort texts into classes. Read the whole text, then decide. Do not explain, do not invent a class. "
            f"Classes: {named}.",
        ),
    ]


def _json(references: Sequence[str]) -> list[tuple[str, str]]:
    fields = _fields_of(references)
    named = f" Its fields are: {', '.join(fields)}." if fields else ""
    return [
        ("json", f"Answer with JSON and nothing else.{named}"),
        (
            "json strict",
            f"A program reads your answer: write valid JSON, no code fence, no other words.{named}",
        ),
        ("json nulls", f"Answer with JSON only.{named} Write null for what the text does not say. Do not guess."),
    ]


def _number(references: Sequence[str]) -> list[tuple[str, str]]:
    return [
        ("number", "Answer with the number and nothing else."),
        ("number with unit", "Answer with the number, and its unit if there is one. Do not show how you found it."),
        ("check", "Work out the answer with care and check it. Then write the result only, as a number."),
    ]


_PROMPTS: dict[Shape, Callable[[Sequence[str]], list[tuple[str, str]]]] = {
    "free": _free,
    "label": _label,
    "json": _json,
    "number": _number,
}


def _fields_of(references: Sequence[str]) -> list[str]:
    """Return the names of fields in JSON objects, in the order in which they are first met."""
    fields: dict[str, None] = {}
    for text in references:
        tree = _parsed(text)
        fields.update(dict.fromkeys(tree) if isinstance(tree, dict) else {})
    return list(fields)[:_MAX_FIELDS]


def _is_json(text: str) -> bool:
    return isinstance(_parsed(text), dict | list)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
