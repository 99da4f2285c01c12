"""One run in short: how it stands, what it was, whether it helped, and what the user should know.

The one reading of a run that `show`, `runs`, the Python interface and the report share, so that they cannot disagree.
A resumed run says some things twice; here each thing is said once. Does not know how any of it is laid out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from tunewright.runs.evaluation import Column, Evaluation, Verdict
from tunewright.runs.events import (
    Event,
    Notice,
    RowLeftOut,
    RuleApplied,
    RunFailed,
    RunFinished,
    RunInterrupted,
    RunPaused,
    RunStarted,
    TrainingStarted,
    Validated,
)
from tunewright.runs.folder import ArtifactKind, RunFolder, State, state_of
from tunewright.runs.lock import is_locked
from tunewright.runs.metrics import MetricsRow

LOWER_IS_BETTER = frozenset({"loss", "perplexity"})

AnyEvent = TypeVar("AnyEvent", bound=Event)


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The facts of one run; None where there is no such fact (yet)."""

    path: str
    run_id: str
    name: str
    state: State
    created: str
    model: str
    method: str
    headline: str | None
    base_score: float | None
    tuned_score: float | None
    num_scored_rows: int
    judgement: Verdict | None
    """What the paired test says of the difference; None for a loss, which no test was made of."""
    difference: float | None
    """Of the headline, tuned − base on the rows that both have a score for; None without a test."""
    difference_low: float | None
    difference_high: float | None
    base_loss: float | None
    tuned_loss: float | None
    train_loss: float | None
    best_valid_loss: float | None
    best_step: int | None
    steps_done: int
    num_steps: int | None
    seconds: float | None
    artifact_kind: ArtifactKind | None
    artifact_path: str | None
    num_left_out: int
    message: str
    """Why it failed or stopped; empty otherwise."""
    hint: str
    notices: tuple[Notice, ...]
    rules: tuple[RuleApplied, ...]

    @property
    def verdict(self) -> str:
        """`contains: 2 % → 81 % on 170 held-out rows`, or empty if nothing was scored."""
        if self.headline is None or self.base_score is None or self.tuned_score is None:
            return ""
        base, tuned = (score_text(self.headline, score) for score in (self.base_score, self.tuned_score))
        rows = "row" if self.num_scored_rows == 1 else "rows"
        return f"{self.headline}: {base} → {tuned} on {self.num_scored_rows} held-out {rows}"

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as plain values for JSON, the verdict included."""
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        plain["notices"] = [notice.model_dump(mode="json", exclude={"type"}) for notice in self.notices]
        plain["rules"] = [rule.model_dump(mode="json", exclude={"type", "time"}) for rule in self.rules]
        return {**plain, "verdict": self.verdict}


def summarise(run: RunFolder) -> RunSummary:
    """Return the summary of a run in whatever state it is.

    Raises:
        RunError: if a file of the run is damaged.
    """
    events, rows, manifest, recipe = run.events(), run.metrics(), run.manifest(), run.recipe()
    state = state_of(events, is_written=is_locked(run.path))
    message, hint = _ending(run, state, events)
    best = _best(events)
    artifact = run.artifact()
    return RunSummary(
        path=str(run.path),
        run_id=manifest.run_id,
        name=recipe.name or run.name,
        state=state,
        created=manifest.created,
        model=recipe.model.source,
        method=recipe.method.kind,
        **_scored(run.evaluation()),
        train_loss=rows[-1].train_loss if rows else None,
        best_valid_loss=best.valid_loss if best else None,
        best_step=best.step if best else None,
        steps_done=rows[-1].step if rows else 0,
        num_steps=last.num_steps if (last := last_of(TrainingStarted, events)) else None,
        seconds=_seconds(events, rows),
        artifact_kind=artifact[0] if artifact else None,
        artifact_path=str(artifact[1]) if artifact else None,
        num_left_out=len(distinct(RowLeftOut, events)),
        message=message,
        hint=hint,
        notices=tuple(distinct(Notice, events)),
        rules=tuple({rule.path: rule for rule in distinct(RuleApplied, events)}.values()),
    )


def score_text(name: str, score: float) -> str:
    """Return a score for people: graders in percent, losses and perplexities as they are.

    A score is never rounded to 0 % or 100 % unless it is that.
    """
    if name in LOWER_IS_BETTER or not 0 <= score <= 1:
        return f"{score:.3g}" if score >= 1000 else f"{score:.3f}" if name == "loss" else f"{score:.2f}"
    percent = 100 * score
    if 0 < percent < 1 or 99 < percent < 100:
        return f"{min(max(percent, 0.1), 99.9):.1f} %"
    return f"{percent:.0f} %"


def scores_of(column: Column | None) -> dict[str, float]:
    """Return the means of a column's graders, and loss and perplexity on the test set; what has no value is absent."""
    if column is None:
        return {}
    found = {name: score.mean for name, score in column.scores.items()}
    losses = {"loss": column.loss, "perplexity": column.perplexity}
    return found | {name: value for name, value in losses.items() if value is not None}


def distinct(kind: type[AnyEvent], events: Iterable[Event]) -> list[AnyEvent]:
    """Return the events of one kind without repetitions, in order of their first occurrence."""
    found = (event for event in events if isinstance(event, kind))
    return list({event.model_dump_json(exclude={"time"}): event for event in found}.values())


def last_of(kind: type[AnyEvent], events: Iterable[Event]) -> AnyEvent | None:
    """Return the last event of one kind."""
    return next((event for event in reversed(list(events)) if isinstance(event, kind)), None)


def _scored(found: Evaluation | None) -> dict[str, Any]:
    base, tuned = (found.first("base"), found.first("tuned")) if found else (None, None)
    headline = _headline(found, base, tuned)
    duel = found.comparison(tuned.name, base.name, headline or "") if found and base and tuned else None
    return {
        "headline": headline,
        "base_score": scores_of(base).get(headline or ""),
        "tuned_score": scores_of(tuned).get(headline or ""),
        "num_scored_rows": _num_rows(tuned, headline),
        "judgement": duel.verdict if duel else None,
        "difference": duel.difference if duel else None,
        "difference_low": duel.low if duel else None,
        "difference_high": duel.high if duel else None,
        "base_loss": base.loss if base else None,
        "tuned_loss": tuned.loss if tuned else None,
    }


def _headline(found: Evaluation | None, base: Column | None, tuned: Column | None) -> str | None:
    """Return the score that the verdict is about: one that both columns have, a grader's before the loss."""
    both = scores_of(base).keys() & scores_of(tuned).keys()
    names = (found.headline if found else "", "loss")
    return next((name for name in names if name in both), None)


def _num_rows(tuned: Column | None, headline: str | None) -> int:
    if tuned is None or headline is None:
        return 0
    return tuned.losses["test"].num_rows if headline == "loss" else tuned.scores[headline].num_rows


def _best(events: list[Event]) -> Validated | None:
    by_step = {event.step: event for event in events if isinstance(event, Validated)}
    return next((event for event in reversed(by_step.values()) if event.is_best), None)


def _seconds(events: list[Event], rows: list[MetricsRow]) -> float | None:
    finished = last_of(RunFinished, events)
    if finished is not None:
        return finished.seconds
    return rows[-1].seconds if rows else None


def _ending(run: RunFolder, state: State, events: list[Event]) -> tuple[str, str]:
    """Return why a run that is neither running nor finished ended, and the way on."""
    if state == "failed" and (failed := last_of(RunFailed, events)):
        return failed.message, failed.hint
    resume = f"tunewright resume {run.path}"
    if state == "interrupted" and (interrupted := last_of(RunInterrupted, events)):
        return f"interrupted after step {interrupted.step}", interrupted.hint or resume
    if state == "paused" and (paused := last_of(RunPaused, events)):
        return f"paused after step {paused.step}: {paused.reason}", paused.hint or resume
    if state == "stopped":
        how = "its process ended without a word (killed, or the machine stopped)"
        return (how, resume) if last_of(RunStarted, events) else ("it was created but never started", resume)
    return "", ""
