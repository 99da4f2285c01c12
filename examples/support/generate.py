"""Write the support example's `train.jsonl` and `heldout.jsonl` from the hand-written tables.

    python examples/support/generate.py            rewrites both files, byte for byte the same each time
    python examples/support/generate.py --check    exits 1 when a file differs from what the tables say

Training questions are dressed a little (a greeting, a thank you, lower case, no question mark); held-out questions
stay as written. Raises when a held-out question also stands in training. Knows nothing of models or recipes.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

from fact import Fact
from facts import FACTS

FOLDER = Path(__file__).resolve().parent
SEED = 20250
SYSTEM = (
    "You are the support assistant for Pebblo, a small smart plant sensor made by Lumio. "
    "Answer in one or two short sentences. Politely refuse questions about anything else."
)

# About three in five training questions stay plain, so that the model sees both.
_BEFORE = ("",) * 14 + ("Hi! ", "Hello. ", "Hi there. ", "Good morning. ", "I have a question. ", "Can you help me? ")
_AFTER = ("",) * 14 + (" Thanks!", " Thank you.", " Please help me.")


class Message(TypedDict):
    """One turn of a chat."""

    role: str
    content: str


class Row(TypedDict):
    """One line of a data file."""

    messages: list[Message]
    metadata: dict[str, str]


def main() -> int:
    """Write or check both files; return the exit status."""
    parser = argparse.ArgumentParser(description="Write the support example's data files.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is out of date")
    check: bool = parser.parse_args().check
    stale = False
    for name, content in contents(FACTS).items():
        path = FOLDER / name
        if not check:
            path.write_bytes(content)
            print(f"{name}: {len(content.splitlines())} rows")
        elif not path.exists() or path.read_bytes() != content:
            stale = True
            print(f"{path} is out of date; run: python examples/support/generate.py", file=sys.stderr)
    return int(stale)


def contents(facts: Iterable[Fact]) -> dict[str, bytes]:
    """Return the bytes of each data file by its name. Raises ValueError when the tables leak or miss a key."""
    facts = tuple(facts)
    rng = random.Random(SEED)
    train = _train_rows(facts, rng)
    heldout = [_row(fact, question, fact.answers[0]) for fact in facts for question in fact.heldout_questions]
    rng.shuffle(train)
    rng.shuffle(heldout)
    _refuse_leaks(facts, train)
    return {"train.jsonl": _jsonl(train), "heldout.jsonl": _jsonl(heldout)}


def normalised(question: str) -> str:
    """Return the question in lower case with its letters and digits only."""
    return "".join(char for char in question.lower() if char.isalnum())


def _train_rows(facts: tuple[Fact, ...], rng: random.Random) -> list[Row]:
    """Return one row per training question; the answers of a fact take turns."""
    return [
        _row(fact, _dressed(question, rng), fact.answers[index % len(fact.answers)])
        for fact in facts
        for index, question in enumerate(fact.train_questions)
    ]


def _dressed(question: str, rng: random.Random) -> str:
    """Return the question as hasty or polite people type it."""
    before, after, dice = rng.choice(_BEFORE), rng.choice(_AFTER), rng.random()
    if question[0].islower():  # a few bare keywords: nobody greets before those
        return question
    if dice < 0.08 and not before:
        question = question[0].lower() + question[1:]
    if dice < 0.14 and not after:
        question = question.removesuffix("?").removesuffix(".")
    return before + question + after


def _row(fact: Fact, question: str, answer: str) -> Row:
    """Return one chat row with the group and key that the grader reads."""
    if fact.key.lower() not in answer.lower():
        raise ValueError(f"{fact.group}: the answer {answer!r} does not contain the key {fact.key!r}")
    messages: list[Message] = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": question},
        {"role": "assistant", "content": answer},
    ]
    return {"messages": messages, "metadata": {"group": fact.group, "fact": fact.key}}


def _refuse_leaks(facts: tuple[Fact, ...], train: list[Row]) -> None:
    """Raise ValueError if a held-out question stands in training, as written or dressed."""
    seen = {normalised(question) for fact in facts for question in fact.train_questions}
    seen |= {normalised(row["messages"][1]["content"]) for row in train}
    for fact in facts:
        for question in fact.heldout_questions:
            if normalised(question) in seen:
                raise ValueError(f"{fact.group}: the held-out question {question!r} also stands in training")


def _jsonl(rows: list[Row]) -> bytes:
    """Return the rows as compact JSON, one per line."""
    return "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows).encode()


if __name__ == "__main__":
    sys.exit(main())
