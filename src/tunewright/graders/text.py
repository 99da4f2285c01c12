"""Graders that compare words: the whole answer, its tokens, or one fact in it.

`token_f1` is the F1 of SQuAD (Rajpurkar et al. 2016, arXiv 1606.05250, section 6.1; normalisation of the official
script), so its scores can be compared with published ones. Deliberately does not know meaning: a judge is another file.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Mapping
from typing import Any

from tunewright.graders.grade import Grade, GradeFailure, Grader

_SENTENCE_MARKS = ".!?,;:…。！？、，"
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(a|an|the)\b")

# Thai to Myanmar, Khmer, kana and the Chinese characters are written without spaces: words have no border there.
_LETTER = r"[^\W\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]"


def exact_match(output: str, reference: str, meta: Mapping[str, Any], /) -> Grade:
    """Return 1 if both say the same but for case, white space and final punctuation, else 0."""
    return float(_normalise(output) == _normalise(reference))


def token_f1(output: str, reference: str, meta: Mapping[str, Any], /) -> Grade:
    """Return the harmonic mean of precision and recall over the words of both, as bags.

    F1 = 2·P·R / (P + R) in [0, 1], words being lower case without punctuation and articles. If either has no word left,
    1 if both have none, else 0 (as the script of SQuAD 2.0 has it).
    """
    given, wanted = _squad_words(output), _squad_words(reference)
    if not given or not wanted:
        return float(given == wanted)
    num_common = (Counter(given) & Counter(wanted)).total()
    return 2 * num_common / (len(given) + len(wanted))


def contains(output: str, reference: str, meta: Mapping[str, Any], /) -> Grade:
    """Return 1 if the output holds `meta["fact"]` (without one: the reference) as whole words, else 0."""
    fact = meta.get("fact", reference)
    if not isinstance(fact, str):
        return GradeFailure(f"metadata.fact must be text, got {type(fact).__name__}")
    wanted = _normalise(fact)
    if not wanted:
        return GradeFailure("the fact to look for is empty")
    return float(_whole_words(wanted).search(_normalise(output)) is not None)


GRADERS: dict[str, Grader] = {"exact_match": exact_match, "token_f1": token_f1, "contains": contains}
"""Every grader by the name that a recipe uses."""


def choose(rows_have_fact: bool) -> tuple[str, ...]:
    """Return the graders of a recipe that names none; the first one is the headline."""
    return ("contains", "token_f1", "exact_match") if rows_have_fact else ("token_f1", "exact_match")


def _normalise(text: str) -> str:
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
