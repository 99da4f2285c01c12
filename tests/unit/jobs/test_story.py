"""What goes wrong in a run, and what a validation measured, is told in words."""

from __future__ import annotations

import pytest

from tunewright.jobs.notebook import Pace, Story
from tunewright.runs.events import (
    BatchSkipped,
    CheckpointDamaged,
    Event,
    MicroBatchHalved,
    RateLowered,
    RunPaused,
    Validated,
)
from tunewright.runs.metrics import MetricsRow


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            Validated(
                step=20,
                valid_loss=0.4123,
                perplexity=1.5,
                is_best=True,
                scores={"valid_loss": 0.4123, "perplexity": 1.5, "token_f1": 0.5},
            ),
            "validated step 20: loss 0.412, token_f1 50 %  best so far",
        ),
        (
            CheckpointDamaged(step=40, path="checkpoints/damaged-40", reason="optimizer.pt is torn"),
            "damaged   checkpoint of step 40: optimizer.pt is torn; set aside as checkpoints/damaged-40",
        ),
        (
            BatchSkipped(step=7, reason="the loss is nan", rows=tuple(f"t.jsonl:{line}" for line in range(1, 6))),
            "skipped   step 7: the loss is nan (t.jsonl:1, t.jsonl:2, t.jsonl:3, …)",
        ),
        (
            RateLowered(step=9, back_to=4, rate_scale=0.5),
            "back off  at step 9: on from step 4 at 0.5 of the learning rate",
        ),
        (
            MicroBatchHalved(step=3, former_tokens=4096, tokens=2048, cause="allocator"),
            "memory    step 3: memory ran out; 2,048 tokens at once instead of 4,096, the same rows a step",
        ),
        (
            RunPaused(step=5, reason="its time was up", hint="tunewright resume x"),
            "paused    after step 5: its time was up (tunewright resume x)",
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_each_event_has_its_words(event: Event, line: str) -> None:
    assert [told.text for told in Story().tell(event)] == [line]


def test_the_pace_names_memory_where_it_is_known() -> None:
    pace = Pace()
    pace.add(MetricsRow(step=1, train_loss=1.0))
    assert "GB" not in pace.numbers()
    pace.add(MetricsRow(step=2, train_loss=1.0, memory_bytes=2_349_000_000))
    assert pace.numbers().endswith("2.35 GB")
