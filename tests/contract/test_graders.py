"""Every built-in grader passes the contract that a plug-in's must."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunewright.graders.grade import Grader
from tunewright.graders.make import make_graders
from tunewright.spec.grader import (
    BleuSpec,
    ChrfSpec,
    ContainsSpec,
    EditSimilaritySpec,
    EndedSpec,
    ExactMatchSpec,
    GraderNode,
    LabelSpec,
    LengthSpec,
    NotRefusedSpec,
    NumericSpec,
    RegexSpec,
    RougeSpec,
    TokenF1Spec,
)
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


class TestBleu(_FromSpec):
    spec = BleuSpec()


class TestBleuOverCharacters(_FromSpec):
    spec = BleuSpec(tokenize="char")


class TestChrf(_FromSpec):
    spec = ChrfSpec(word_order=2)


class TestRouge1(_FromSpec):
    spec = RougeSpec(kind="rouge_1")


class TestRouge2(_FromSpec):
    spec = RougeSpec(kind="rouge_2")
    compares = False  # a single word holds no pair


class TestRougeL(_FromSpec):
    spec = RougeSpec(kind="rouge_l", stem=True)


class TestLabel(_FromSpec):
    spec = LabelSpec(labels=("yes", "no", "Paris"))


class TestNumeric(_FromSpec):
    spec = NumericSpec()
    compares = False  # most of the kit's texts hold no number


class TestEnded(_FromSpec):
    spec = EndedSpec()


class TestLength(_FromSpec):
    spec = LengthSpec()


class TestLengthWithinLimits(_FromSpec):
    spec = LengthSpec(least=1, most=3)
    compares = False


class TestNotRefused(_FromSpec):
    spec = NotRefusedSpec(phrases=("(.*)+[\\",))
