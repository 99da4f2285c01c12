"""Graders that compare words: the whole answer, its tokens, its letters, or one fact in it.

`token_f1` is the F1 of SQuAD (Rajpurkar et al. 2016, arXiv 1606.05250, section 6.1; normalisation of the official
script), so its scores can be compared with published ones. Deliberately does not know meaning: a judge is another file.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from typing import Any

from tunewright.errors import MissingExtraError
from tunewright.graders.grade import NO_REFERENCE, Grade, GradeFailure, Item, Output
from tunewright.graders.overlap import UNSPACED
from tunewright.spec.grader import RegexSpec
from tunewright.spec.node import Variant

_SENTENCE_MARKS = ".!?,;:…。！？、，"
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(a|an|the)\b")

# In a script without spaces words have no border.
_LETTER = rf"[^\W{UNSPACED}]"


class ExactMatch:
    """1 if both say the same but for case, white space and final punctuation, else 0."""

    def __init__(self, spec: Variant) -> None:
        pass

    def __call__(self, output: Output, item: Item, /) -> Grade:
        """Return the grade of `output`."""
        return NO_REFERENCE if item.reference is None else float(normalised(output.text) == normalised(item.reference))


class TokenF1:
    """The harmonic mean of precision and recall over the words of both, as bags.

    F1 = 2·P·R / (P + R) in [0, 1], words being lower case without punctuation and articles. If either has no word left,
    1 if both have none, else 0 (as the script of SQuAD 2.0 has it).
    """

    def __init__(self, spec: Variant) -> None:
        pass

    def __call__(self, output: Output, item: Item, /) -> Grade:
        """Return the grade of `output`."""
        if item.reference is None:
            return NO_REFERENCE
        given, wanted = _squad_words(output.text), _squad_words(item.reference)
        if not given or not wanted:
            return float(given == wanted)
        num_common = (Counter(given) & Counter(wanted)).total()
        return 2 * num_common / (len(given) + len(wanted))


class Contains:
    """1 if the output holds `meta["fact"]` (without one: the reference) as whole words, else 0."""

    def __init__(self, spec: Variant) -> None:
        pass

    def __call__(self, output: Output, item: Item, /) -> Grade:
        """Return the grade of `output`."""
        fact = item.meta.get("fact", item.reference)
        if fact is None and "fact" not in item.meta:
            return NO_REFERENCE
        if not isinstance(fact, str):
            return GradeFailure(f"metadata.fact must be text, got {type(fact).__name__}")
        wanted = normalised(fact)
        if not wanted:
            return GradeFailure("the fact to look for is empty")
        return float(_whole_words(wanted).search(normalised(output.text)) is not None)


class Regex:
    """1 if the pattern is found in the output; if it has a group, what that holds must also equal the reference.

    A pattern is the user's own: one that backtracks without end keeps the process busy.
    """

    def __init__(self, spec: RegexSpec) -> None:
        self._pattern = re.compile(spec.pattern)

    def __call__(self, output: Output, item: Item, /) -> Grade:
        """Return the grade of `output`."""
        found = self._pattern.search(output.text)
        if found is None:
            return 0.0
        if not self._pattern.groups:
            return 1.0
        return (
            NO_REFERENCE if item.reference is None else float(normalised(found[1] or "") == normalised(item.reference))
        )


class EditSimilarity:
    """1 − d / max(length), d being the Levenshtein distance over characters, both texts normalised; 1 for two empties.

    Raises:
        MissingExtraError: if rapidfuzz is not installed.
    """

    def __init__(self, spec: Variant) -> None:
        self._similarity: Any = _levenshtein().normalized_similarity

    def __call__(self, output: Output, item: Item, /) -> Grade:
        """Return the grade of `output`."""
        if item.reference is None:
            return NO_REFERENCE
        return float(self._similarity(normalised(output.text), normalised(item.reference)))


def normalised(text: str) -> str:
    """Return the text in lower case, with single spaces and without final marks; nothing but marks stays as it is."""
    words = " ".join(text.lower().split())
    # An answer that is nothing but marks ("?") is compared as it is: stripped, it would equal every other such.
    return words.rstrip(_SENTENCE_MARKS + " ") or words


def _squad_words(text: str) -> list[str]:
    return _ARTICLE.sub(" ", text.lower().translate(_WITHOUT_PUNCTUATION)).split()


def _whole_words(wanted: str) -> re.Pattern[str]:
    """Match `wanted` where it neither begins nor ends inside a word or a number ("3" is not in "3.14" or "1,300")."""
    left, right = "", ""
    if re.match(_LETTER, wanted[0]):
        left = rf"(?<!{_LETTER})" + (r"(?<!\d[.,])" if wanted[0].isdigit() else "")
    if re.match(_LETTER, wanted[-1]):
        right = rf"(?!{_LETTER})" + (r"(?![.,]\d)" if wanted[-1].isdigit() else "")
    return re.compile(left + re.escape(wanted) + right)


def _levenshtein() -> Any:
    try:
        from rapidfuzz.distance import Levenshtein
    except ImportError as error:
        raise MissingExtraError.of("evaluate", "rapidfuzz") from error
    return Levenshtein
