"""Other wordings by templates: `What is {x}?` and `Could you tell me what {x} is?` say the same, whatever x is.

A text that is wholly one template of a family can become any other one of it, and come back: a wording is used only
where that is so. Deliberately does not know grammar: what a slot holds is taken over letter by letter.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tunewright.errors import DataError

ENGLISH_QUESTIONS = """\
What is {x}?
Could you tell me what {x} is?
Please tell me what {x} is.

What are {x}?
Could you tell me what {x} are?
Please tell me what {x} are.

Who is {x}?
Could you tell me who {x} is?
Do you know who {x} is?

Where is {x}?
Could you tell me where {x} is?
Do you know where {x} is?

How do I {x}?
How can I {x}?
Could you tell me how to {x}?
What is the way to {x}?

How much does {x} cost?
What does {x} cost?
Could you tell me what {x} costs?

How long does {x} take?
Could you tell me how long {x} takes?

Can you {x}?
Could you {x}?
Could you please {x}?

I want to {x}.
I would like to {x}.
I'd like to {x}.
"""
"""Families of wordings that are shipped: a line each, an empty line between families."""

_SLOT = re.compile(r"\{([A-Za-z]\w*)\}")


@dataclass(frozen=True, slots=True)
class Template:
    """One wording: its text with slots, and the pattern that reads the slots back."""

    text: str
    pattern: re.Pattern[str]

    @property
    def slots(self) -> frozenset[str]:
        """The names of the slots."""
        return frozenset(_SLOT.findall(self.text))

    def read(self, text: str) -> dict[str, str] | None:
        """Return what the slots hold if the whole text is this wording."""
        match = self.pattern.fullmatch(text)
        return match.groupdict() if match else None

    def write(self, slots: dict[str, str]) -> str:
        """Return the wording with the slots filled."""
        return _SLOT.sub(lambda match: slots[match[1]], self.text)


Family = tuple[Template, ...]


def parse_templates(text: str, path: str = "templates") -> tuple[Family, ...]:
    """Return the families of a file: a wording on each line, an empty line between families, `#` begins a comment.

    `{x}` alone is a wording too: it stands for any text of one sentence.

    Raises:
        DataError: a family has a single wording, two with different slots, or a slot twice in one.
    """
    families: list[Family] = []
    lines: list[tuple[int, str]] = []
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        if line.startswith("#"):
            continue
        if line.strip():
            lines.append((number, line.strip()))
        elif lines:
            families.append(_family(lines, path))
            lines = []
    if not families:
        raise DataError(f"{path} holds no template", hint="write lines such as: What is {x}?")
    return tuple(families)


def reworded(text: str, families: Sequence[Family], rng: random.Random) -> list[str]:
    """Return the other wordings of `text`, in random order; none if it is no wording of any family."""
    whole = text.strip()
    variants: list[tuple[float, str]] = []
    for family in families:
        for template in family:
            slots = template.read(whole)
            if slots is None:
                continue
            others = [other for other in family if other is not template]
            written = [other.write(slots) for other in others if other.read(other.write(slots)) == slots]
            variants += [(rng.random(), text.replace(whole, new)) for new in written if new != whole]
    return list(dict.fromkeys(variant for _, variant in sorted(variants)))


def _family(lines: list[tuple[int, str]], path: str) -> Family:
    family = tuple(_template(line, f"{path}:{number}") for number, line in lines)
    first = lines[0][0]
    if len(family) < 2:
        raise DataError(f"{path}:{first}: a family needs at least two wordings", hint="write the other one below it")
    if len({template.slots for template in family}) > 1 or not family[0].slots:
        raise DataError(f"{path}:{first}: the wordings of a family must have the same slots", hint="such as {x}")
    return family


def _template(text: str, place: str) -> Template:
    names = _SLOT.findall(text)
    if len(names) != len(set(names)):
        raise DataError(f"{place}: a wording may hold each slot once, got {text!r}", hint="name the second one {y}")
    parts = _SLOT.split(text)
    # A slot holds no line end and no end of a question: it must not swallow the next sentence.
    pattern = "".join(
        rf"(?P<{part}>\S|\S[^\n?!]*?\S)" if index % 2 else re.escape(part) for index, part in enumerate(parts)
    )
    return Template(text, re.compile(pattern))
