"""What a validation measures: the loss, and whatever `train.stop.metric` needs, without a trace in the training.

Neither random state nor a module's mode is other afterwards than before, so that how often a run is looked at never
changes its weights. Does not know when it is called, nor what follows from the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches

from torch import nn

from tunewright.data.rows import Row
from tunewright.errors import RecipeError
from tunewright.evaluate.baselines.prompts import ZeroShot
from tunewright.evaluate.columns import Answering, ColumnFacts, answer_column, mean_score
from tunewright.evaluate.loss import LossScore
from tunewright.evaluate.sample import stratified_order
from tunewright.graders.grade import Grader
from tunewright.graders.make import named_grader, names_without_settings
from tunewright.infer.shared import SharedEngine
from tunewright.jobs.evaluation.exam import asked_rows
from tunewright.jobs.graders import live_graders
from tunewright.jobs.prepare import Prepared, TokenRows
from tunewright.jobs.stop import StopRequest
from tunewright.runs.evaluation import Column
from tunewright.runs.events import Notice
from tunewright.runs.recorder import Recorder
from tunewright.spec.recipe import Recipe
from tunewright.train.randomness import randomness_kept

OF_LOSS = ("valid_loss", "perplexity", "token_accuracy")
Progress = Callable[[int, int], None]
ScoreRows = Callable[[Progress], LossScore]

_LARGEST_EXPONENT = 700.0  # math.exp overflows above 709; a model that far off is lost either way


def check_metric_name(recipe: Recipe) -> None:
    """Check that `train.stop.metric` is something that can be measured; call it before anything is loaded.

    Raises:
        RecipeError: listing what can be.
    """
    own = (grader.title for grader in recipe.evaluate.graders)
    metric, known = recipe.train.stop.metric, tuple(dict.fromkeys((*OF_LOSS, *own, *names_without_settings())))
    if metric not in known:
        near = get_close_matches(metric, known, n=1)
        raise RecipeError(
            f"train.stop.metric: must be one of {', '.join(known)}, got {metric!r}",
            hint=f"did you mean {near[0]}?" if near else "a grader's name makes the model answer at every validation",
        )


def check_metric_rows(recipe: Recipe, tokens: TokenRows) -> None:
    """Check that there are rows to measure `train.stop.metric` on; call it before a run folder exists.

    Raises:
        RecipeError: naming the rows that are missing. The loss is the default, and may go unmeasured.
    """
    metric = recipe.train.stop.metric
    if metric == "valid_loss":
        return
    if not tokens.validation:
        raise RecipeError(
            f"train.stop.metric: {metric} needs validation rows, and there are none",
            hint="--validation rows.jsonl, or --set data.validation_split=0.1",
        )
    if metric not in OF_LOSS and not asked_rows(tokens.validation):
        raise RecipeError(
            f"train.stop.metric: {metric} grades answers, and no validation row is a conversation",
            hint=f"use one of {', '.join(OF_LOSS)}",
        )
    if metric not in OF_LOSS and recipe.evaluate.max_rows == 0:
        raise RecipeError(
            f"train.stop.metric: {metric} grades answers, and evaluate.max_rows is 0",
            hint=f"--set evaluate.max_rows=100, or use one of {', '.join(OF_LOSS)}",
        )


def make_validator(
    prepared: Prepared, score_rows: ScoreRows, recorder: Recorder, stop: StopRequest
) -> Callable[[], dict[str, float]]:
    """Return what measures the live model: `valid_loss`, `perplexity`, `token_accuracy`, and the grader that decides.

    `score_rows(on_progress)` scores all validation rows. A grader answers the same seeded sample of rows at every
    validation; if it can grade none of the answers its name is missing from the result, and one notice says why. The
    returned function raises Interrupted between two batches if `stop` was requested; nothing needs to be undone then.
    """
    metric, recipe = prepared.recipe.train.stop.metric, prepared.recipe
    rows = stratified_order(asked_rows(prepared.tokens.validation), recipe.data.split_seed).rows[
        : recipe.evaluate.max_rows
    ]
    decides = None if metric in OF_LOSS else named_grader(metric, recipe.evaluate.graders)
    taught = [row.reference for source in prepared.sets.train for row in source.rows if isinstance(row, Row)]
    known = [*taught, *(row.reference for row in rows)]
    graders = live_graders([decides] if decides else [], known=known, taught=taught, hardware=recipe.train.hardware)
    told: set[str] = set()

    def validate() -> dict[str, float]:
        stop.check()
        with randomness_kept(), evaluation_mode(prepared.model):
            score = score_rows(_progress("validating", recorder, stop))
            scores = {"valid_loss": score.loss, "perplexity": math.exp(min(score.loss, _LARGEST_EXPONENT))}
            if score.token_accuracy is not None:
                scores["token_accuracy"] = score.token_accuracy
            if graders:
                column = _answer(prepared, rows, graders, _progress("answering to validate", recorder, stop))
                scores |= {name: mean for name in graders if (mean := mean_score(column, name)) is not None}
                _tell_ungraded(column, rows, metric, told, recorder)
        return scores

    return validate


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Let the body run without dropout; afterwards each module is in the mode that it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        # Not model.train(was_training): a method may keep frozen parts in evaluation mode.
        for module, is_training in modes:
            module.training = is_training


def _answer(prepared: Prepared, rows: Sequence[Row], graders: Mapping[str, Grader], tell: Progress) -> Column:
    spec = prepared.recipe.evaluate
    engine = SharedEngine(prepared.model, prepared.tokenizer, batch_size=spec.batch_size)
    how = Answering(engine, prepared.tokenizer, graders, spec.max_new_tokens)
    facts = ColumnFacts("validation", "tuned", prepared.recipe.model.source, {})
    return answer_column(facts, how, [ZeroShot().ask(row) for row in rows], tell)


def _tell_ungraded(column: Column, rows: Sequence[Row], grader: str, told: set[str], recorder: Recorder) -> None:
    pairs = zip(rows, column.answers, strict=True)
    failures = [(row, answer.failures[grader]) for row, answer in pairs if grader in answer.failures]
    if not failures or grader in told:
        return
    told.add(grader)
    row, reason = failures[0]
    recorder.event(
        Notice(
            message=f"{grader} could not grade {len(failures):,} of {len(rows):,} validation answers, "
            f"the first to {row.where}: {reason}",
            hint="the mean is over the others; mend these rows, or choose another train.stop.metric",
        )
    )


def _progress(phase: str, recorder: Recorder, stop: StopRequest) -> Progress:
    def tell(done: int, total: int) -> None:
        stop.check()
        recorder.progress(phase, done, total)

    return tell
