"""Every built-in grader passes the contract that a plug-in's must."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from tunewright.graders.grade import Grader
from tunewright.graders.text import GRADERS
from tunewright.spec.evaluate import GraderName
from tunewright.testing.grader_kit import GraderKit


class TestExactMatch(GraderKit):
    def make(self) -> Grader:
        return GRADERS["exact_match"]


class TestTokenF1(GraderKit):
    def make(self) -> Grader:
        return GRADERS["token_f1"]


class TestContains(GraderKit):
    def make(self) -> Grader:
        return GRADERS["contains"]


class TestContainsWithAnotherKeyInTheMetadata(TestContains):
    meta: Mapping[str, Any] = {"group": "g"}


def test_a_recipe_can_name_every_grader_and_no_other() -> None:
    assert set(get_args(GraderName)) == set(GRADERS)
