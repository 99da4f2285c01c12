"""The seam through which a model paraphrases or translates back: it arrives as a plain function on lists of texts.

What comes back is checked, never trusted: the number of results, that each says something, that it is new, and that no
number, quotation or placeholder was lost. Deliberately does not know what is behind the function.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from tunewright.data.augment.noise import protected_of
from tunewright.data.augment.record import child, is_augmented, prompt_texts
from tunewright.errors import DataError

Rewriter = Callable[[Sequence[str]], Sequence[str]]
"""Returns one new text for each text, in their order. It may be slow, and is called with many texts at once."""


class Dropped(NamedTuple):
    """A result that was not used: the number of its record, from 0, why, and the result."""

    record: int
    reason: str
    text: str


class Rewritten(NamedTuple):
    """The new records, each with the index of its parent, and what was dropped."""

    made: list[tuple[int, dict[str, Any]]]
    dropped: list[Dropped]


def rewrite(
    records: Sequence[dict[str, Any]], rewriter: Rewriter, how: str, *, seed: int = 0, batch_size: int = 64
) -> Rewritten:
    """Return a new record for each record whose last prompt text the rewriter could say differently.

    Args:
        records: rows of any format; those without a prompt side, and children, are passed over.
        rewriter: the model.
        how: what is written into the metadata of the new records, such as "paraphrase".
        seed: the same, for the record; the rewriter must know it by itself.
        batch_size: how many texts the rewriter is given at once.

    Raises:
        DataError: the rewriter returned another number of texts, or something that is no text.
    """
    asked: list[tuple[int, tuple[str | int, ...], str]] = []
    for index, record in enumerate(records):
        texts = {} if is_augmented(record) else prompt_texts(record)
        if texts:
            place, text = next(reversed(texts.items()))
            asked.append((index, place, text))
    result = Rewritten([], [])
    for start in range(0, len(asked), batch_size):
        batch = asked[start : start + batch_size]
        answers = _answers(rewriter, [text for _, _, text in batch])
        for (index, place, before), after in zip(batch, answers, strict=True):
            reason = _reason_against(before, after)
            if reason:
                result.dropped.append(Dropped(index, reason, after))
            else:
                result.made.append((index, child(records[index], {place: after}, how, seed)))
    return result


def reasons(dropped: Sequence[Dropped]) -> Mapping[str, int]:
    """Return how often each reason was given."""
    return Counter(each.reason for each in dropped)


def _answers(rewriter: Rewriter, texts: Sequence[str]) -> Sequence[str]:
    answers = rewriter(texts)
    if isinstance(answers, str) or len(answers) != len(texts):
        value = "one text" if isinstance(answers, str) else f"{len(answers)} results"
        hint = "it must return one text for each, in their order"
        raise DataError(f"the rewriter was given {len(texts)} texts and returned {value}", hint=hint)
    wrong = next((answer for answer in answers if not isinstance(answer, str)), None)
    if wrong is not None or None in answers:
        kind = type(wrong).__name__
        raise DataError(
            f"the rewriter returned {kind} where a text was wanted", hint="return '' for a text it cannot say"
        )
    return answers


def _reason_against(before: str, after: str) -> str:
    if not after.strip():
        return "empty"
    if after.split() == before.split():
        return "identical"
    lost = Counter(protected_of(before)) - Counter(protected_of(after))
    return "lost a number, quotation or placeholder" if lost else ""
