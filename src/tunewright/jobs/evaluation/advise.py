"""Should I fine-tune? Train once, and hold the result against everything that needs no training, on one frozen set.

The training is an ordinary run, and the advice a part of its evaluation. The answer may be no.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tunewright.errors import RunError
from tunewright.evaluate.signals.gate import Gate, check_gates
from tunewright.graders.make import names_without_settings
from tunewright.jobs.evaluation.run import Request, check_request, evaluate_run
from tunewright.jobs.train import finetune
from tunewright.runs.evaluation import Evaluation
from tunewright.runs.folder import RunFolder
from tunewright.runs.recorder import Listener
from tunewright.spec.baselines import BaselinesSpec
from tunewright.spec.recipe import Recipe


def advise_on(
    recipe: Recipe, request: Request, listener: Listener | None = None, gates: Sequence[Gate] = ()
) -> tuple[RunFolder, Evaluation]:
    """Return the run of `recipe` and its evaluation with all baselines and advice.

    Raises:
        DataError, RecipeError, MissingExtraError: before anything is trained, if the request cannot be met.
        RunError: if the run was paused before it had a result.
        TunewrightError: as `finetune` and `evaluate_run`.
    """
    request = replace(request, baselines=request.baselines or recipe.evaluate.baselines or BaselinesSpec())
    check_request(request, request.baselines)
    # Which graders suit the rows is not known before they are read; a name that no grader has is.
    check_gates(gates, [*(grader.title for grader in recipe.evaluate.graders), *names_without_settings()])
    run = finetune(recipe, listener)
    if run.artifact() is None:
        raise RunError(
            f"{run.path}: the run was paused before it had a result",
            hint=f"tunewright resume {run.path}, then tunewright eval {run.path} --baselines",
        )
    return run, evaluate_run(run.path, request, listener, gates)
