"""The result of an evaluation, `report/evaluation.json`: columns on one frozen test set, and what tells them apart.

The one contract between whoever measures (`evaluate`, `jobs`) and whoever shows (report, `compare`, `advise`, the
portal). Every score comes with its interval and its number of rows, every refusal to score with its reason. Does not
know how any figure came about.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import orjson
from pydantic import BaseModel, ConfigDict

from tunewright.errors import RunError
from tunewright.runs.atomic import write_json
from tunewright.runs.fields import NamedScores, Number, Text
from tunewright.runs.samples import Message

VERSION = 1

ColumnKind = Literal["base", "prompt", "few_shot", "retrieval", "tuned", "tuned_retrieval", "remote"]
"""How answers are come by: the untuned model as it is, with a system prompt, with examples, with passages found; the
tuned model, alone or with passages; somebody else's model."""

Verdict = Literal["better", "worse", "no_difference_shown", "too_few_rows"]
"""`too_few_rows`: not even the difference that the user would care about could have been shown on this set."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Row(_Part):
    """One row of the test set, as every column was asked it."""

    where: Text
    """`file:line`."""
    prompt: list[Message]
    reference: Text | None
    group: Text | None = None
    """Rows of one group are rephrasings of one thing, and no independent evidence."""
    slices: dict[str, Text] = {}
    """Values by which scores are told apart: label, length, language, any field."""


class Answer(_Part):
    """One column's answer to one row; `scores` has the graders that could judge it, `failures` the others' reasons."""

    text: Text
    has_ended: bool
    prompt_tokens: int
    completion_tokens: int
    scores: NamedScores = {}
    failures: dict[str, Text] = {}
    loss: Number = None
    """Mean loss of the reference's tokens, nats; None where it was not measured."""
    seconds: Number = None
    """From request to last token, where answers were asked for one at a time; None in a batch."""
    note: Text = ""
    """What had to be done so that the prompt fits the context; empty if nothing."""


class Score(_Part):
    """The mean of one grader over the rows that it could judge, and a 95 % interval of it."""

    mean: float
    low: float
    high: float
    method: Literal["wilson", "bootstrap", "group_bootstrap"]
    num_rows: int
    num_failed: int = 0
    """Answers without a score: not in the mean."""


class Confusion(_Part):
    """`counts[expected][given]`; the last column counts answers that are no known label."""

    labels: list[Text]
    counts: list[list[int]]


class SetScore(_Part):
    """Scores of the whole set (corpus BLEU, macro-F1), with the signature under which others can repeat them."""

    values: NamedScores
    signature: str = ""
    confusion: Confusion | None = None


class Usage(_Part):
    """What one answer takes, on this machine or from this service; None where it was not measured."""

    prompt_tokens: float
    """Mean for each request; passages and examples included."""
    completion_tokens: float
    latency_p50: Number = None
    """Seconds of a request that is alone on the machine."""
    latency_p95: Number = None
    num_timed: int = 0
    """Requests behind both."""
    rows_per_s: Number = None
    """In batches, as evaluated."""
    peak_bytes: int | None = None
    """Largest memory of the process while it answered."""
    dollars_per_1000: Number = None
    """Cost of a thousand requests."""
    price: Text = ""
    """Where that cost comes from: the line of the price table, or the machine-seconds."""


class Column(_Part):
    """One way to answer, scored once on the test set."""

    name: Text
    """Unique in the table, such as `base`, `4 examples (bm25)`, `tuned`."""
    kind: ColumnKind
    model: Text
    """Source of the model, or `model at URL`."""
    settings: dict[str, Text | float | int | bool] = {}
    """What was chosen for it (system prompt, number of examples, passages), and the checkpoint."""
    chosen_on: Text = ""
    """How that was chosen, with the number of validation rows; empty if nothing was chosen."""
    scores: dict[str, Score] = {}
    set_scores: dict[str, SetScore] = {}
    loss: Number = None
    """Mean loss of reference tokens, nats."""
    perplexity: Number = None
    usage: Usage | None = None
    training_seconds: Number = None
    """One-off; None for a column that is not trained."""
    training_dollars: Number = None
    num_shortened: int = 0
    """Prompts that had to be shortened to fit the context."""
    answers: list[Answer] = []
    """In the order of the test set's rows."""
    notes: list[Text] = []


class Comparison(_Part):
    """One column against another on the same rows, by one grader; `p_holm` is corrected over all columns."""

    column: Text
    against: Text
    grader: str
    difference: float
    """Mean of column − against over the rows that both have a score for."""
    low: float
    high: float
    p_value: float
    p_holm: float
    test: Literal["mcnemar", "paired_bootstrap", "group_bootstrap", "sign_flips"]
    num_rows: int
    num_groups: int
    detectable: Number = None
    """Smallest true difference that this many rows show 8 times out of 10 at the 5 % level."""
    verdict: Verdict


class TestSet(_Part):
    """The frozen rows: how many of how many, chosen how."""

    __test__: ClassVar[bool] = False  # its name begins like that of a test, and it is none

    rows: list[Row]
    num_available: int
    seed: int
    chosen: Text
    """Such as `all 190 rows` or `200 of 5,000 rows, stratified by label, seed 0`."""
    num_groups: int
    files: list[Text] = []
    contaminated: list[Text] = []
    """Rows that nearly repeat a training row, by `file:line`."""


class Candidate(_Part):
    """One setting tried on validation rows: what it was, and what it scored there."""

    column: Text
    settings: dict[str, Text | float | int | bool]
    score: Number
    num_rows: int
    is_chosen: bool
    failure: Text = ""
    """Why it has no score; empty if it has one."""


class Signal(_Part):
    """One number about overfitting or forgetting, with what it is held against; `is_bad` by the rule in `rule`."""

    name: str
    value: Number
    low: Number = None
    high: Number = None
    num_rows: int
    is_bad: bool
    rule: Text
    examples: list[Text] = []


class Sentence(_Part):
    """One sentence of the recommendation and the numbers that it rests on, by their place in this file."""

    text: Text
    because: dict[str, Number]


class Evaluation(_Part):
    """A whole evaluation."""

    version: int = VERSION
    headline: str
    """The grader that the verdict is about; empty if nothing was graded."""
    test: TestSet
    columns: list[Column]
    comparisons: list[Comparison] = []
    candidates: list[Candidate] = []
    signals: list[Signal] = []
    advice: list[Sentence] = []
    seeds: dict[str, int] = {}
    seconds: Number = None
    notes: list[Text] = []

    def column(self, name: str) -> Column:
        """Return the column `name`.

        Raises:
            RunError: if there is none; the message names those that there are.
        """
        for column in self.columns:
            if column.name == name:
                return column
        known = ", ".join(column.name for column in self.columns)
        raise RunError(f"no column is called {name!r}", hint=f"there are: {known}")


def save_evaluation(path: Path, evaluation: Evaluation) -> None:
    """Write the evaluation in one atomic replacement.

    Raises:
        StorageError: if the storage refuses.
    """
    write_json(path, evaluation.model_dump(mode="json"))


def load_evaluation(path: Path) -> Evaluation | None:
    """Return the evaluation at `path`, or None if there is none.

    Raises:
        RunError: if the file is damaged, or of a version that this program does not know.
    """
    try:
        tree = orjson.loads(path.read_bytes())
        version = tree.get("version") if isinstance(tree, dict) else None
        if version != VERSION:
            raise RunError(
                f"{path}: version {version!r}, and only {VERSION} is known", hint="evaluate again: tunewright eval RUN"
            )
        return Evaluation.model_validate(tree)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise RunError(f"{path}: cannot be read: {reason}", hint="evaluate again: tunewright eval RUN") from error
