"""What a run came to, without what the machine alone decides: for tests that hold one run against another."""

from __future__ import annotations

from typing import Any

from tunewright.runs.evaluation import Evaluation
from tunewright.runs.folder import RunFolder


def evaluation_of(run: RunFolder) -> Evaluation:
    """Return the run's evaluation, which it must have."""
    found = run.evaluation()
    assert found is not None
    return found


def outcome(run: RunFolder) -> dict[str, Any]:
    """Return the run's evaluation as plain values, without seconds, throughput and the name of the run."""
    tree = evaluation_of(run).model_dump(mode="json", exclude={"seconds": True})
    for column in tree["columns"]:
        column["usage"] = None
        column["model"] = column["model"].replace(str(run.path), "RUN")
    return tree
