"""What can be said, asked and answered about one thing: the attributes of a product, a shop, a person, an event.

An attribute is a table row (statements, questions, answers around one invented value); a sheet is a subject
with some attributes filled in. The tables themselves are in the `sheet_*.py` files. Knows nothing of
conversations: `documents.py` and `support.py` put sheets into prompts.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from starter.corpus.world import capital, pick

Value = Callable[[random.Random], str]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a sheet is about: how it is named in a sentence ("the Velmora"), alone ("Velmora"), and its pronouns."""

    name: str
    bare: str
    he: str = "it"
    his: str = "its"
    him: str = "it"
    sort: str = ""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One thing to know. Templates hold {s} subject, {ss} its possessive, {b} bare name, {v} value, {he} {his} {him}.

    Attributes:
        label: how a list names it ("Battery life").
        nouns: what follows "the ... of {s}" in a general question; may be empty.
        value: draws a value.
        says: statements, each a whole sentence.
        asks: questions special to this attribute.
        answers: whole sentences for the one who is asked.
    """

    label: str
    nouns: tuple[str, ...]
    value: Value
    says: tuple[str, ...]
    asks: tuple[str, ...]
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A subject and its filled attributes, in the order in which they are told."""

    subject: Subject
    facts: tuple[tuple[Attribute, str], ...]
    missing: tuple[Attribute, ...]


def attribute(label: str, nouns: str, value: Value, *texts: str) -> Attribute:
    """Return a row from "|"-separated texts: statements, questions, answers."""
    says, asks, answers = (_split(text) for text in texts)
    return Attribute(label, _split(nouns), value, says, asks, answers)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split("|") if part.strip())


# Labels of which only one may stand on a sheet, because one question could mean both.
_RIVALS = (("E-mail", "Phone"), ("Care", "Cleaning"), ("Devices", "Account limit"), ("Home", "Born in"))
# Labels near enough that a question about the one must not be called unanswerable where the other is known.
_NEAR = (
    *_RIVALS, ("Opening hours", "Closed on", "Quiet time"), ("Price", "Spare parts"), ("Monthly price", "Yearly price"),
    ("Delivery cost", "Free delivery from"), ("Designer", "Made in"), ("Reset", "Pairing"), ("Staff", "Owner"),
    ("Battery life", "Charging time", "Plug", "Sleep timer"), ("Material", "Print"), ("Size", "Capacity", "Screen"),
    ("Power", "Noise"), ("Weight", "Load limit"), ("Phone", "How to cancel"), ("Date", "Starts at", "In case of rain"),
    ("Meets on", "Meets at"), ("Leaves on", "Back on", "Length"), ("Time", "Begins in"), ("App", "Pairing"),
    ("Pet", "Friend"), ("Departure", "Arrival"), ("Main part", "Secret", "Flour"), ("Place", "Address", "Parking"),
    ("Sign up", "E-mail", "Phone"), ("Storage", "Devices"), ("Colour", "Colours", "Favourite colour", "Print"),
    ("Hobby", "Favourite food", "Favourite colour"),
    ("Bring", "Pack", "Food"), ("Place", "Next trip"), ("Hotel", "First stop"), ("Sleeping place", "Found in"),
    ("Wi-Fi password", "Key"), ("Setting up", "Pockets and parts"), ("Instrument", "Hobby"), ("Opened in", "Founded"),
)  # fmt: skip


def _clash(label: str, known: list[str], groups: tuple[tuple[str, ...], ...]) -> bool:
    """Return whether a label shares one of the groups with a known one."""
    return any(label in group and other in group for group in groups for other in known)


def fill(rng: random.Random, subject: Subject, table: tuple[Attribute, ...], low: int, high: int) -> Sheet:
    """Return a sheet with a random choice of the table's attributes; the rest are its missing ones."""
    order = rng.sample(table, len(table))
    size = min(rng.randint(low, high), len(table) - 1)
    facts: list[tuple[Attribute, str]] = []
    for row in order[:size]:
        taken = [value for _, value in facts]
        value = row.value(rng)
        # Two equal values would let a model be right for the wrong reason.
        if value not in taken and not _clash(row.label, [known.label for known, _ in facts], _RIVALS):
            facts.append((row, value))
    labels = [row.label for row, _ in facts]
    missing = tuple(row for row in order[size:] if row.label not in labels and not _clash(row.label, labels, _NEAR))
    return Sheet(subject, tuple(facts), missing)


def phrase(template: str, subject: Subject, value: str = "", pronoun: bool = False) -> str:
    """Return a template filled in, with a capital first letter; `pronoun` puts "it" or "she" for the name."""
    name = subject.he if pronoun else subject.name
    owner = subject.his if pronoun else f"{subject.name}'s"
    text = template.format(
        s=name, ss=owner, b=subject.bare, v=value, he=subject.he, his=subject.his, him=subject.him, k=subject.sort
    )
    return capital(text)


def prose(rng: random.Random, sheet: Sheet) -> str:
    """Return the facts as running text; later sentences mostly use the pronoun."""
    sentences: list[str] = []
    for row, value in sheet.facts:
        later = bool(sentences) and rng.random() < 0.6
        template = pick(rng, row.says)
        # "it" may stand for the subject only where it begins the sentence.
        pronoun = later and template.startswith(("{s}", "{ss}"))
        sentences.append(phrase(template, sheet.subject, value, pronoun))
    return " ".join(sentences)


def lines(rng: random.Random, sheet: Sheet) -> str:
    """Return the facts as a list of "label: value" in one of several layouts."""
    left, right, between = pick(rng, _LAYOUTS)
    low = rng.random() < 0.25
    rows = [f"{left}{row.label.lower() if low else row.label}{right}{value}" for row, value in sheet.facts]
    return between.join(rows)


_LAYOUTS = (
    ("- ", ": ", "\n"), ("", ": ", "\n"), ("* ", ": ", "\n"), ("", ": ", "; "), ("", " = ", "\n"), ("- ", " - ", "\n"),
    ("", ": ", "\n"), ("", ": ", ". "), ("| ", " | ", "\n"),
)  # fmt: skip


def title(rng: random.Random, sheet: Sheet) -> str:
    """Return a heading for a list of facts."""
    bare, sort = sheet.subject.bare, sheet.subject.sort
    forms = [f"{bare}", f"About {bare}", f"Facts about {sheet.subject.name}", f"{bare}: what you need to know"]
    if sort:
        forms += [f"{bare} ({sort})", f"{bare}, {sort}", f"Sheet for {sheet.subject.name} ({sort})"]
    return pick(rng, forms)


_GENERAL = (
    "Can you tell me the {n} of {s}?", "I'd like to know the {n} of {s}.", "Please give me the {n} of {s}.", "{n}?",
    "{n} of {s}?", "What about the {n}?", "Do you know the {n} of {s}?", "Tell me the {n}.", "Tell me the {n} of {s}.",
    "Could you tell me the {n}?", "I have a question about the {n} of {s}.",
    "What can you tell me about the {n} of {s}?",
    "I need the {n} of {s}.", "I want to know the {n}.", "{b} {n}?", "Please look up the {n} of {s}.", "And the {n}?",
    "What do you know about the {n} of {s}?", "Give me the {n}, please.", "I am looking for the {n} of {s}.",
    "Can I ask about the {n} of {s}?", "Where can I find the {n} of {s}?", "I forgot the {n} of {s}.", "the {n}?",
    "Any idea about the {n} of {s}?", "Could you remind me of the {n} of {s}?", "My question is about the {n}.",
    "Is there any information on the {n} of {s}?", "Help me with the {n} of {s}.",
    "Not sure about the {n}. Can you help?",
    "I can't find the {n} of {s}.", "Let me know the {n} of {s}, please.", "What does it say about the {n}?",
)  # fmt: skip
_NAMED = tuple(form for form in _GENERAL if "{s}" in form)


def ask_about(rng: random.Random, row: Attribute, subject: Subject, named: bool = False) -> str:
    """Return a question about the attribute; `named` asks for one that says the subject's name."""
    own = tuple(form for form in row.asks if "{s" in form) if named else row.asks
    if own and (rng.random() < 0.68 or not row.nouns):
        return phrase(pick(rng, own), subject)
    form = pick(rng, _NAMED if named else _GENERAL)
    return phrase(form.replace("{n}", pick(rng, row.nouns)), subject)


def answer_about(rng: random.Random, row: Attribute, subject: Subject, value: str) -> str:
    """Return a sentence that answers a question about the attribute."""
    template = pick(rng, row.answers)
    return phrase(template, subject, value, pronoun=template.startswith(("{s}", "{ss}")) and rng.random() < 0.15)
