"""Graders that look at how an answer was given: whether it ended, how long it is, whether it refuses.

A refusal is told by its opening words, from a list that stands here and can be checked; a refusal in other words goes
unseen. Deliberately does not know whether the answer is right.
"""

from __future__ import annotations

import re

from tunewright.graders.grade import NO_REFERENCE, Grade, GradeFailure, Item, Output
from tunewright.graders.overlap import UNSPACED
from tunewright.spec.grader import EndedSpec, LengthSpec, NotRefusedSpec

REFUSALS = (
    "as an ai",
    "as a language model",
    "as a large language model",
    "i am just an ai",
    "i am only an ai",
    "i am not able to",
    "i am unable to",
    "i am not allowed to",
    "i am not comfortable",
    "i am not in a position to",
    "i'm not able to",
    "i'm unable to",
    "i'm not allowed to",
    "i'm not comfortable",
    "i'm not in a position to",
    "i do not feel comfortable",
    "i don't feel comfortable",
    "i can not answer",
    "i can not help",
    "i cannot answer",
    "i cannot assist",
    "i cannot comply",
    "i cannot discuss",
    "i cannot do that",
    "i cannot fulfil",
    "i cannot fulfill",
    "i cannot help you",
    "i cannot help with",
    "i cannot provide",
    "i cannot share",
    "i can't answer",
    "i can't assist",
    "i can't comply",
    "i can't discuss",
    "i can't do that",
    "i can't fulfil",
    "i can't fulfill",
    "i can't help you",
    "i can't help with",
    "i can't provide",
    "i can't share",
    "i decline to",
    "i have to decline",
    "i must decline",
    "i must refuse",
    "i refuse to",
    "i will not answer",
    "i will not help",
    "i will not provide",
    "i won't answer",
    "i won't help",
    "i won't provide",
    "it is against my",
    "it would not be appropriate",
    "sorry, but i cannot",
    "sorry, but i can't",
    "sorry, i cannot",
    "sorry, i can't",
    "my apologies, but i",
    "i apologise, but i",
    "i apologize, but i",
    "that is not something i can",
    "that's not something i can",
    "this is not something i can",
)
"""Openings of refusals in plain English, in lower case and with straight apostrophes."""

_MAX_OPENING = 200
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\uff07\u0060\u00b4", "'"))
_WORD = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")
_EMPTY = GradeFailure("the answer is empty: it neither answers nor refuses")


class Ended:
    """1 if the answer ended by itself, 0 if the length limit cut it off: the mean is the stop rate."""

    def __init__(self, spec: EndedSpec) -> None:
        pass

    def __call__(self, output: Output, item: Item, /) -> Grade:
        """Return the grade of `output`."""
        return float(output.has_ended)


class Length:
    """1 if the answer has `least` to `most` words, else 0; without limits 1 − |n − m| / max(n, m), in [0, 1].

    n and m are the words of answer and reference, two empty texts being equal. In scripts without spaces each character
    is a word.
    """

    def __init__(self, spec: LengthSpec) -> None:
        self._least, self._most = spec.least, spec.most

    def __call__(self, output: Output, item: Item, /) -> Grade:
        """Return the grade of `output`."""
        num_words = _count_words(output.text)
        if self._least is not None or self._most is not None:
            return float((self._least or 0) <= num_words and (self._most is None or num_words <= self._most))
        if item.reference is None:
            return NO_REFERENCE
        num_wanted = _count_words(item.reference)
        return 1 - abs(num_words - num_wanted) / max(num_words, num_wanted, 1)


class NotRefused:
    """1 if no opening of a refusal stands in the first 200 characters, else 0; an empty answer is a failure.

    The openings are `REFUSALS` and the recipe's own phrases, whatever their case, apostrophes and white space.
    """

    def __init__(self, spec: NotRefusedSpec) -> None:
        openings = filter(None, (_plain(phrase) for phrase in (*REFUSALS, *spec.phrases)))
        # Scripts without spaces have no borders between words: there a phrase is found wherever it stands.
        letter = rf"[^\W{UNSPACED}]"
        phrases = "|".join(map(re.escape, openings))
        self._opening = re.compile(rf"(?<!{letter})(?:{phrases})(?!{letter})|(?=[{UNSPACED}])(?:{phrases})")

    def __call__(self, output: Output, item: Item, /) -> Grade:
        """Return the grade of `output`."""
        # White space is no part of the 200: a page of empty lines before a refusal must not hide it.
        opening = _plain(output.text)[:_MAX_OPENING]
        return float(self._opening.search(opening) is None) if opening else _EMPTY


def _count_words(text: str) -> int:
    return sum(1 for _ in _WORD.finditer(text))


def _plain(text: str) -> str:
    return " ".join(text.translate(_APOSTROPHES).lower().split())
