"""The rows that the model finds hardest when training has ended: `report/hardest.json`.

Does not know how a loss was computed; `evaluate.hardest` fills this in, the report reads it.
"""

from __future__ import annotations

from pathlib import Path

import orjson
from pydantic import BaseModel, ConfigDict

from tunewright.errors import RunError
from tunewright.runs.atomic import write_json
from tunewright.runs.fields import Text

HARDEST = Path("report") / "hardest.json"
"""Where it lies in a run folder."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class HardRow(_Part):
    """One row, what it asks and teaches (shortened), and how badly the trained model still does on it."""

    path: Text
    line: int
    loss: float
    """Mean negative log-likelihood of its taught tokens, in nats."""
    num_supervised: int
    """Taught tokens behind the loss."""
    prompt: Text
    """Its end is shown: what is asked stands there."""
    answer: Text
    contradictions: list[Text] = []
    """Places of rows that ask the same and teach another answer."""


class Hardest(_Part):
    """The hardest of the rows that were scored, the worst first."""

    num_rows: int
    """Rows that were scored."""
    num_all: int
    """Rows that there are; more than were scored where a sample was taken."""
    median_loss: float | None = None
    rows: list[HardRow] = []


def save_hardest(path: Path, hardest: Hardest) -> None:
    """Write the rows in one atomic replacement.

    Raises:
        StorageError: if the storage refuses.
    """
    write_json(path, hardest.model_dump(mode="json"))


def load_hardest(path: Path) -> Hardest | None:
    """Return the rows at `path`, or None if the run has none (yet).

    Raises:
        RunError: if the file is damaged.
    """
    try:
        return Hardest.model_validate(orjson.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise RunError(f"{path}: cannot be read: {reason}", hint="delete it to have a report without it") from error
