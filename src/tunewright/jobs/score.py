"""Score the live model on the held-out rows: loss, perplexity and graded answers, as one column of the comparison."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Literal

from tunewright.data.pack import make_forests
from tunewright.data.prefix import with_prefix
from tunewright.data.rows import Row
from tunewright.evaluate.answers import answer_rows, item_of, mean_scores, sample_rows
from tunewright.evaluate.compare import Column
from tunewright.evaluate.loss import score_loss
from tunewright.graders.choose import choose
from tunewright.graders.grade import Grader
from tunewright.graders.make import make_graders
from tunewright.infer.hf import HfEngine
from tunewright.jobs.prepare import Prepared
from tunewright.models.soft_prompt import prefix_ids
from tunewright.objectives.objective import Objective
from tunewright.runs.events import Scored
from tunewright.runs.recorder import Recorder

_LARGEST_EXPONENT = 700.0  # math.exp overflows above 709; a model that far off is lost either way


def graders_of(prepared: Prepared) -> dict[str, Grader]:
    """Return the recipe's graders by name, or those that suit the held-out rows.

    Raises:
        GraderError, MissingExtraError: if one cannot be made.
    """
    specs = prepared.recipe.evaluate.graders or choose([item_of(row) for row in prepared.test_rows]).specs
    return make_graders(specs)


def answered_rows(prepared: Prepared) -> list[Row]:
    """Return the held-out rows that are answered by generation: the same ones for every model of the run."""
    return sample_rows(prepared.test_rows, prepared.recipe.evaluate.max_rows, prepared.recipe.data.split_seed)


def score(
    prepared: Prepared,
    objective: Objective,
    subject: Literal["base", "tuned"],
    recorder: Recorder,
    check_stop: Callable[[], None],
) -> Column:
    """Return the column of the live model and record it; with no held-out rows, an empty one.

    Raises:
        Interrupted: if asked to stop meanwhile.
    """
    started = time.perf_counter()
    rows, graders = answered_rows(prepared), graders_of(prepared)
    if not prepared.tokens.test:
        return Column({}, ())

    def progress(phase: str) -> Callable[[int, int], None]:
        def tell(done: int, total: int) -> None:
            check_stop()
            recorder.progress(phase, done, total)

        return tell

    budget = prepared.recipe.train.hardware.micro_batch_tokens
    # The base has no virtual tokens, and a soft prompt is read from the live model: one line serves both.
    scored = with_prefix(prepared.tokens.test, prefix_ids(prepared.model))
    forests = make_forests(scored, budget, prepared.runner.choice.layout)
    loss = score_loss(prepared.runner, objective, forests, progress(f"scoring the {subject} model"))
    engine = HfEngine(prepared.model, prepared.tokenizer, batch_size=prepared.recipe.evaluate.batch_size)
    limit = prepared.recipe.evaluate.max_new_tokens
    tell = progress(f"answering with the {subject} model")
    answers = answer_rows(engine, prepared.tokenizer, rows, graders, limit, on_progress=tell) if rows else []
    means = mean_scores(answers, graders)
    perplexity = math.exp(min(loss.loss, _LARGEST_EXPONENT))
    column = Column({**means, "loss": loss.loss, "perplexity": perplexity}, tuple(answers))
    recorder.event(
        Scored(
            subject=subject,
            num_rows=len(prepared.tokens.test),
            num_answered=len(answers),
            loss=loss.loss,
            perplexity=perplexity,
            scores=means,
            seconds=time.perf_counter() - started,
        )
    )
    return column
