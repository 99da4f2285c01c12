"""The contract that every grader passes: subclass `GraderKit`, say how the grader is made, and pytest does the rest.

The texts are those that graders have stumbled over: empty, huge, in many scripts, with control characters and with half
characters that no file can hold. Deliberately does not know what a particular grader measures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tunewright.graders.grade import Grade, GradeFailure, Grader, Item, Output

NASTY_TEXTS = (
    "",
    " ",
    "\n\t\r\n",
    "?",
    "...",
    "the",
    "(.*)+[\\",
    "\x00\x01\x1b[31m\x7f",
    "\ufeff\u200b\u202e",
    "e\u0301 İ ß ﬁ",
    "首都是巴黎。",
    "عاصمة فرنسا باريس",
    "👩‍👩‍👧‍👦🏳️‍🌈",
    "\ud800",
    "word " * 100_000,
    "x" * 500_000,
)
PLAIN_TEXTS = ("Paris", "The answer is 42.", "yes", "3.14", "first line\nsecond line", "首都是巴黎。", "c'est ça !")


class GraderKit:
    """Tests of one grader. Subclass it as `Test…` and override `make`; `meta` too where the grader needs some."""

    meta: Mapping[str, Any] = {}
    compares = True
    """False for a grader that looks at the output alone: an answer equal to the reference need not get 1."""

    def make(self) -> Grader:
        """Return the grader under test."""
        raise NotImplementedError

    def grade(self, output: str, reference: str | None) -> Grade:
        """Return the grade that the grader under test gives."""
        return self.make()(Output(output), Item(reference, self.meta))

    def test_every_grade_is_a_score_within_0_and_1_or_a_failure_with_a_reason(self) -> None:
        for output in NASTY_TEXTS + PLAIN_TEXTS:
            for reference in ("Paris", "", output):
                _check(self.grade(output, reference))

    def test_no_reference_makes_it_raise(self) -> None:
        for reference in NASTY_TEXTS:
            _check(self.grade("Paris", reference))

    def test_a_row_without_a_reference_gets_a_grade_or_a_reason(self) -> None:
        for output in NASTY_TEXTS + PLAIN_TEXTS:
            _check(self.grade(output, None))

    def test_an_answer_equal_to_the_reference_gets_1(self) -> None:
        for text in PLAIN_TEXTS if self.compares else ():
            assert self.grade(text, text) == 1.0, text

    def test_the_same_input_gets_the_same_grade(self) -> None:
        for output in PLAIN_TEXTS:
            assert self.grade(output, "Paris") == self.grade(output, "Paris")

    def test_metadata_is_not_changed(self) -> None:
        before = dict(self.meta)
        self.grade("Paris", "Paris")
        assert dict(self.meta) == before


def _check(grade: Grade) -> None:
    if isinstance(grade, GradeFailure):
        assert grade.reason
    else:
        assert isinstance(grade, float)
        assert math.isfinite(grade)
        assert 0.0 <= grade <= 1.0
