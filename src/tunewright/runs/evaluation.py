"""The result of an evaluation, `report/evaluation.json`: columns on one frozen test set, and what tells them apart.

The one contract between whoever measures (`evaluate`, `jobs`) and whoever shows (report, `compare`, `advise`, the
portal). Every score comes with its interval and its number of rows, every refusal to score with its reason. Does not
know how any figure came about.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

import orjson
from pydantic import BaseModel, ConfigDict

from tunewright.errors import RunError
from tunewright.runs.atomic import write_json
from tunewright.runs.fields import NamedScores, Number, Text

VERSION = 1

ColumnKind = Literal["base", "prompt", "few_shot", "retrieval", "tuned", "tuned_retrieval", "remote"]
"""How answers are come by: the untuned model as it is, with a system prompt, with examples, with passages found; the
tuned model, alone or with passages; somebody else's model."""

Verdict = Literal["better", "worse", "no_difference_shown", "too_few_rows"]
"""`too_few_rows`: not even the difference that the user would care about could have been shown on this set."""

_OPPOSITE: dict[Verdict, Verdict] = {"better": "worse", "worse": "better"}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Message(_Part):
    """One turn of a prompt."""

    role: str
    content: Text


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


class SplitLoss(_Part):
    """How well references are foretold, on one split of the data; nothing is generated for it."""

    loss: Number
    """Mean over supervised tokens, nats."""
    perplexity: Number
    token_accuracy: Number = None
    """Share of supervised tokens that are the model's first choice."""
    num_rows: int


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
    """Seconds of a request that is alone on the machine; of a service, under the load that the column notes."""
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
    losses: dict[str, SplitLoss] = {}
    """By split: `test` is the whole test set, also where only some of its rows were answered."""
    usage: Usage | None = None
    training_seconds: Number = None
    """One-off; None for a column that is not trained."""
    training_dollars: Number = None
    num_shortened: int = 0
    """Prompts that had to be shortened to fit the context."""
    answers: list[Answer] = []
    """In the order of the test set's rows."""
    notes: list[Text] = []

    @property
    def loss(self) -> float | None:
        """Mean loss of reference tokens of the test set, nats."""
        return self.losses["test"].loss if "test" in self.losses else None

    @property
    def perplexity(self) -> float | None:
        """Perplexity of the references of the test set."""
        return self.losses["test"].perplexity if "test" in self.losses else None


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

    def turned(self) -> Comparison:
        """Return the same comparison, seen from the other column."""
        return self.model_copy(
            update={
                "column": self.against,
                "against": self.column,
                "difference": -self.difference,
                "low": -self.high,
                "high": -self.low,
                "verdict": _OPPOSITE.get(self.verdict, self.verdict),
            }
        )


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


class JudgedPairs(_Part):
    """What a language model prefers, shown both answers to a row in both orders; only a preference that survives the
    exchange is a win."""

    column: Text
    against: Text
    judge: Text
    """The grader that judged, by its title."""
    wins: int
    losses: int
    ties: int
    win_rate: Number = None
    """(wins + ties / 2) / pairs with a verdict, and its 95 % interval."""
    low: Number = None
    high: Number = None
    consistent: Number = None
    """Share of the pairs that were asked (identical answers are not) where both orders agreed."""
    place_bias: Number = None
    """How far the judge leans to the first place, −1 to 1."""
    num_failed: int = 0
    """Pairs without a verdict."""
    failures: dict[str, int] = {}
    """Reasons for that, and how often each."""


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
    judged: list[JudgedPairs] = []
    advice: list[Sentence] = []
    recommendation: str = ""
    """What the advice comes to, in one word for machines, such as `fine_tune`; empty where none was asked for."""
    seeds: dict[str, int] = {}
    seconds: Number = None
    notes: list[Text] = []

    def first(self, kind: ColumnKind) -> Column | None:
        """Return the first column of `kind`: of several tuned ones that of the run itself."""
        return next((column for column in self.columns if column.kind == kind), None)

    def comparison(self, column: str, against: str, grader: str) -> Comparison | None:
        """Return how `column` compares with `against`; one that was made the other way round is turned."""
        for found in self.comparisons:
            if found.grader != grader:
                continue
            if (found.column, found.against) == (column, against):
                return found
            if (found.column, found.against) == (against, column):
                return found.turned()
        return None

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


def every_group_early(rows: Sequence[Row]) -> list[int]:
    """Return the places of the rows in an order whose beginning shows as many groups as it can.

    Right and wrong keep their true proportion: a sample that is picked for success would be a lie.
    """
    seen: dict[str | None, int] = {}
    ranks: list[tuple[int, int]] = []
    for place, row in enumerate(rows):
        rank = seen.get(row.group, 0)
        seen[row.group] = rank + 1
        ranks.append((rank, place))
    return [place for _, place in sorted(ranks)]


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
