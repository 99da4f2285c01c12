"""How an answer is graded: one class for each grader, chosen by `kind`.

A grader without settings may be named by its word alone: `graders: [exact_match, {kind: regex, pattern: "^yes"}]`. A
new one is one class here and three new files: its implementation in `graders/`, its test, its line in the docs.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from tunewright.spec.node import Variant


class GraderNode(Variant):
    """What every grader has."""

    kind: str
    name: str = ""
    """The name in scores and reports; needed where two graders are of one kind. Automatic: the kind."""

    @property
    def title(self) -> str:
        """The name under which its scores are kept."""
        return self.name or self.kind


class ExactMatchSpec(GraderNode):
    """1 if output and reference say the same but for case, white space and final punctuation."""

    maker: ClassVar[str] = "tunewright.graders.words:ExactMatch"
    kind: Literal["exact_match"] = "exact_match"  # pyright: ignore[reportIncompatibleVariableOverride]


class ContainsSpec(GraderNode):
    """1 if the output holds `metadata.fact` (without one: the reference) as whole words."""

    maker: ClassVar[str] = "tunewright.graders.words:Contains"
    kind: Literal["contains"] = "contains"  # pyright: ignore[reportIncompatibleVariableOverride]


class TokenF1Spec(GraderNode):
    """F1 over the words of output and reference (SQuAD, arXiv 1606.05250)."""

    maker: ClassVar[str] = "tunewright.graders.words:TokenF1"
    kind: Literal["token_f1"] = "token_f1"  # pyright: ignore[reportIncompatibleVariableOverride]


class RegexSpec(GraderNode):
    """1 if the pattern is found in the output; with a group, what it holds is compared with the reference."""

    maker: ClassVar[str] = "tunewright.graders.words:Regex"
    kind: Literal["regex"] = "regex"  # pyright: ignore[reportIncompatibleVariableOverride]
    pattern: str
    """A Python regular expression."""

    @field_validator("pattern")
    @classmethod
    def _must_compile(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"must be a regular expression: {error}") from error
        return pattern


class EditSimilaritySpec(GraderNode):
    """1 − edit distance / length of the longer text (Levenshtein, over characters)."""

    maker: ClassVar[str] = "tunewright.graders.words:EditSimilarity"
    kind: Literal["edit_similarity"] = "edit_similarity"  # pyright: ignore[reportIncompatibleVariableOverride]


class NumericSpec(GraderNode):
    """1 if the last number of the output equals that of the reference, units converted."""

    maker: ClassVar[str] = "tunewright.graders.numbers:Numeric"
    kind: Literal["numeric"] = "numeric"  # pyright: ignore[reportIncompatibleVariableOverride]
    tolerance: float = Field(default=1e-6, ge=0)
    """Largest relative difference that still counts as equal."""


class BleuSpec(GraderNode):
    """BLEU (sacrebleu): of sentences for each answer, of the corpus for the set."""

    maker: ClassVar[str] = "tunewright.graders.overlap:Bleu"
    kind: Literal["bleu"] = "bleu"  # pyright: ignore[reportIncompatibleVariableOverride]
    tokenize: Literal["13a", "intl", "zh", "char", "none"] = "13a"
    """sacrebleu's tokenizer; `zh` or `char` where words have no spaces."""


class ChrfSpec(GraderNode):
    """chrF (sacrebleu): character n-grams, with `word_order` 2 chrF++."""

    maker: ClassVar[str] = "tunewright.graders.overlap:Chrf"
    kind: Literal["chrf"] = "chrf"  # pyright: ignore[reportIncompatibleVariableOverride]
    word_order: int = Field(default=0, ge=0, le=2)
    """Longest word n-gram beside the character n-grams."""


class RougeSpec(GraderNode):
    """ROUGE F1 (rouge-score): overlap of words, pairs of words, or the longest common subsequence."""

    maker: ClassVar[str] = "tunewright.graders.overlap:Rouge"
    kind: Literal["rouge_1", "rouge_2", "rouge_l"] = "rouge_l"  # pyright: ignore[reportIncompatibleVariableOverride]
    stem: bool = False
    """Compare English words by their stems."""


class LabelSpec(GraderNode):
    """1 if the output is the reference's label; over the set macro-F1 and a confusion matrix."""

    maker: ClassVar[str] = "tunewright.graders.labels:Label"
    kind: Literal["label"] = "label"  # pyright: ignore[reportIncompatibleVariableOverride]
    labels: tuple[str, ...] = ()
    """All labels there are. Automatic: those of the training and held-out references."""


class JsonSpec(GraderNode):
    """1 if the output is valid JSON (and meets the schema, if one is given)."""

    maker: ClassVar[str] = "tunewright.graders.structure:JsonValid"
    kind: Literal["json"] = "json"  # pyright: ignore[reportIncompatibleVariableOverride]
    json_schema: dict[str, Any] | None = None
    """A JSON Schema, draft 2020-12."""


class JsonFieldsSpec(GraderNode):
    """F1 over the fields (path and value) of the output's JSON and the reference's."""

    maker: ClassVar[str] = "tunewright.graders.structure:JsonFields"
    kind: Literal["json_fields"] = "json_fields"  # pyright: ignore[reportIncompatibleVariableOverride]
    json_schema: dict[str, Any] | None = None
    """A JSON Schema, draft 2020-12; output that does not meet it gets 0."""


class ToolCallSpec(GraderNode):
    """F1 over the reference's tool calls: the name and the arguments must be equal as JSON."""

    maker: ClassVar[str] = "tunewright.graders.tools:ToolCall"
    kind: Literal["tool_call"] = "tool_call"  # pyright: ignore[reportIncompatibleVariableOverride]


class EndedSpec(GraderNode):
    """1 if the answer ended by itself, 0 if the length limit cut it off: the mean is the stop rate."""

    maker: ClassVar[str] = "tunewright.graders.manner:Ended"
    kind: Literal["ended"] = "ended"  # pyright: ignore[reportIncompatibleVariableOverride]


class LengthSpec(GraderNode):
    """1 if the answer has `least` to `most` words; without limits, how close its length is to the reference's."""

    maker: ClassVar[str] = "tunewright.graders.manner:Length"
    kind: Literal["length"] = "length"  # pyright: ignore[reportIncompatibleVariableOverride]
    least: int | None = Field(default=None, ge=0)
    """Fewest words."""
    most: int | None = Field(default=None, ge=1)
    """Most words."""

    @model_validator(mode="after")
    def _least_must_not_exceed_most(self) -> LengthSpec:
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError(f"least must be at most most, got {self.least} and {self.most}")
        return self


class NotRefusedSpec(GraderNode):
    """1 if the answer is not a refusal, by a published list of phrases; the mean is 1 − the refusal rate."""

    maker: ClassVar[str] = "tunewright.graders.manner:NotRefused"
    kind: Literal["not_refused"] = "not_refused"  # pyright: ignore[reportIncompatibleVariableOverride]
    phrases: tuple[str, ...] = ()
    """Further phrases with which a refusal begins, in any language."""


class JudgeSpec(GraderNode):
    """A language model scores the answer on a scale that becomes 0…1."""

    maker: ClassVar[str] = "tunewright.graders.judge:Judge"
    kind: Literal["judge"] = "judge"  # pyright: ignore[reportIncompatibleVariableOverride]
    model: str = Field(min_length=1)
    """The model's name at `url`, or a model folder if there is no `url`."""
    url: str | None = None
    """Base URL of an OpenAI-compatible API, such as `https://api.openai.com/v1`."""
    key_variable: str = "OPENAI_API_KEY"
    """Environment variable that holds the key. The key itself never stands in a recipe."""
    criteria: str = "The answer is correct, complete and says nothing that the reference contradicts."
    """What a good answer is."""
    scale: int = Field(default=5, ge=2, le=100)
    """The best mark; the worst is 1."""
    timeout_s: float = Field(default=60.0, gt=0)
    """Seconds of silence after which an attempt is given up; three attempts are made."""
    pairs: bool = False
    """Whether it is also shown the base's answer beside the tuned model's, in both orders, and says which is better."""


class PythonSpec(GraderNode):
    """A function of the user's own: `def grade(sample: dict, item: dict) -> float`."""

    maker: ClassVar[str] = "tunewright.graders.python_file:PythonFile"
    kind: Literal["python"] = "python"  # pyright: ignore[reportIncompatibleVariableOverride]
    path: str
    """The Python file. It runs with all your rights: nothing of it is checked."""
    function: str = Field(default="grade", pattern=r"^[A-Za-z_]\w*$")
    """Name of the function."""
    allow: Literal[True]
    """Must be `true`: you say that this file may run."""


def _named(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


GraderSpec = Annotated[
    ExactMatchSpec
    | ContainsSpec
    | TokenF1Spec
    | RegexSpec
    | EditSimilaritySpec
    | NumericSpec
    | BleuSpec
    | ChrfSpec
    | RougeSpec
    | LabelSpec
    | JsonSpec
    | JsonFieldsSpec
    | ToolCallSpec
    | EndedSpec
    | LengthSpec
    | NotRefusedSpec
    | JudgeSpec
    | PythonSpec,
    Field(discriminator="kind"),
    BeforeValidator(_named),
]
