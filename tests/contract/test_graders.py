"""Every built-in grader passes the contract that a plug-in's must."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunewright.graders.grade import Grader
from tunewright.graders.make import make_graders
from tunewright.spec.grader import ContainsSpec, EditSimilaritySpec, ExactMatchSpec, GraderNode, RegexSpec, TokenF1Spec
from tunewright.testing.grader_kit import GraderKit


class _FromSpec(GraderKit):
    spec: GraderNode

    def make(self) -> Grader:
        return make_graders([self.spec])[self.spec.title]


class TestExactMatch(_FromSpec):
    spec = ExactMatchSpec()


class TestTokenF1(_FromSpec):
    spec = TokenF1Spec()


class TestEditSimilarity(_FromSpec):
    spec = EditSimilaritySpec()


class TestContains(_FromSpec):
    spec = ContainsSpec()


class TestContainsWithAnotherKeyInTheMetadata(TestContains):
    meta: Mapping[str, Any] = {"group": "g"}


class TestRegex(_FromSpec):
    spec = RegexSpec(pattern="(?s)(.*)")
    compares = False
