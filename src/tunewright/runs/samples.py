"""The final scores of a run and the side-by-side answers behind them: `report/scores.json`.

Does not know how an answer was generated or graded; `evaluate` fills this in, the report and the summary read it.
"""

from __future__ import annotations

from pathlib import Path

import orjson
from pydantic import BaseModel, ConfigDict

from tunewright.errors import RunError
from tunewright.runs.atomic import write_json
from tunewright.runs.fields import NamedScores, Text


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Message(_Part):
    """One turn of a prompt."""

    role: str
    content: Text


class Sample(_Part):
    """One held-out row with the reference and both models' answers."""

    prompt_messages: list[Message]
    reference: Text
    base: Text
    tuned: Text
    group: Text | None = None
    base_scores: NamedScores = {}
    tuned_scores: NamedScores = {}
    source: Text
    """The data file that the row comes from."""
    line: int


class GroupScores(_Part):
    """Mean headline score of the rows of one group."""

    base: float
    tuned: float
    num_rows: int


class Scores(_Part):
    """Base against tuned on the held-out rows."""

    headline: str
    """The score that the verdict is about: a key of `base` and `tuned`; empty if nothing was scored."""
    num_rows: int
    """Rows behind the headline."""
    base: NamedScores
    """Loss, perplexity, and the mean of every grader."""
    tuned: NamedScores
    groups: dict[str, GroupScores] = {}
    samples: list[Sample] = []


def save_scores(path: Path, scores: Scores) -> None:
    """Write the scores in one atomic replacement."""
    write_json(path, scores.model_dump(mode="json"))


def load_scores(path: Path) -> Scores | None:
    """Return the scores at `path`, or None if the run has none (yet).

    Raises:
        RunError: if the file is damaged.
    """
    try:
        return Scores.model_validate(orjson.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise RunError(f"{path}: cannot be read: {reason}", hint="it is damaged: start the run again") from error
