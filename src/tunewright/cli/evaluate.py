"""The verbs that measure: evaluate a run, advise before one is bought, compare several, ask people.

Knows neither flags nor how anything is measured or drawn: jobs return lines, and write pages.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewright.cli.extras import need_train_packages
from tunewright.cli.loading import loading_libraries
from tunewright.cli.progress import Manner, print_json, watch
from tunewright.cli.screen import clean, make_console
from tunewright.runs.evaluation import Evaluation
from tunewright.runs.folder import RunFolder
from tunewright.spec.baselines import BaselinesSpec
from tunewright.spec.recipe import build_recipe
from tunewright.spec.recipe_yaml import override

if TYPE_CHECKING:
    from tunewright.jobs.evaluation.run import Request

MAX_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """What the flags of `eval` and `advise` ask for; empty values leave the choice to the defaults."""

    baselines: bool = False
    documents: str | None = None
    prompts: str | None = None
    services: tuple[str, ...] = ()
    embeddings: str | None = None
    others: tuple[str, ...] = ()
    checkpoints: bool = False
    rows: int | None = None
    suites: tuple[str, ...] = ()
    prices: str | None = None
    budget: float | None = None
    smallest: float | None = None
    fail_if: tuple[str, ...] = ()


def evaluate(path: str, asked: Asked, how: Manner) -> None:
    """Evaluate the run at `path` and show what came of it.

    Raises:
        GateError: if a gate fails; everything was measured and written before.
        TunewrightError: as the job.
    """
    run = RunFolder.open(Path(path))
    former = run.recipe().evaluate.baselines
    need_train_packages()
    with watch(how) as listener:
        with loading_libraries(listener):
            from tunewright.jobs.evaluation.run import evaluate_run, gates_of, hold
        gates = gates_of(asked.fail_if)
        evaluation = evaluate_run(run.path, _request(asked, former), listener, gates)
    _show(evaluation, run.report_path, how)
    hold(gates, evaluation)


def advise(tree: dict[str, Any], settings: Sequence[str], asked: Asked, how: Manner, *, origin: str) -> None:
    """Train by the recipe of `tree`, evaluate the result beside everything that needs no training, and advise.

    Raises:
        RecipeError: with all faults, before anything heavy is imported.
        GateError, TunewrightError: as `evaluate` and the training job.
    """
    recipe = build_recipe(override(tree, settings), origin=origin)
    need_train_packages()
    with watch(how) as listener:
        with loading_libraries(listener):
            from tunewright.jobs.evaluation.advise import advise_on
            from tunewright.jobs.evaluation.run import gates_of, hold
        gates = gates_of(asked.fail_if)
        run, evaluation = advise_on(recipe, _request(asked, recipe.evaluate.baselines), listener, gates)
    _show(evaluation, run.report_path, how)
    hold(gates, evaluation)


def compare(paths: Sequence[str], output: str | None, *, as_json: bool) -> None:
    """Show several runs side by side, and write a page if `output` names one.

    Raises:
        RunMissingError, RunError: if one is no run, or its evaluation is damaged.
        StorageError: if the page cannot be written.
    """
    from tunewright.jobs.evaluation.compare import compare_paths, told, write_page

    found = compare_paths([Path(path) for path in paths])
    if output:
        write_page(found, Path(output))
    if as_json:
        print_json(_plain(found))
        return
    for line in told(found, _width()):
        print(clean(line))
    if output:
        print(f"\npage  {output}")


def _baselines(asked: Asked, former: BaselinesSpec | None) -> BaselinesSpec | None:
    """Return what competes: the recipe's baselines, with whatever the flags say otherwise.

    Raises:
        RecipeError: if a flag names no service.
    """
    flags = {
        "documents": asked.documents,
        "prompts": asked.prompts,
        "services": list(asked.services),
        "embeddings": asked.embeddings,
    }
    given = {name: value for name, value in flags.items() if value}
    if not (given or asked.baselines or former):
        return None
    tree = {**(former.model_dump(mode="json") if former else {}), **given}
    return build_recipe({"evaluate": {"baselines": tree}}, origin="the flags").evaluate.baselines


def _request(asked: Asked, former: BaselinesSpec | None) -> Request:
    from tunewright.jobs.evaluation.run import Request

    given: dict[str, Any] = {
        "baselines": _baselines(asked, former),
        "budget_dollars": asked.budget,
        "others": tuple(Path(path) for path in asked.others),
        "checkpoints": asked.checkpoints,
        "max_rows": asked.rows,
    }
    if asked.suites:
        given["suites"] = asked.suites
    if asked.prices:
        given["prices"] = Path(asked.prices)
    if asked.smallest is not None:
        given["smallest_that_matters"] = asked.smallest
    return Request(**given)


def _show(evaluation: Evaluation, page: Path, how: Manner) -> None:
    if how == "json":
        print_json({"type": "evaluation", **evaluation.model_dump(mode="json")})
        return
    if how == "quiet":
        print(page)
        return
    from tunewright.jobs.evaluation.told import told

    print()
    for line in told(evaluation, _width()):
        print(clean(line))
    make_console().print(f"\npage  {page}", soft_wrap=True)


def _plain(found: Any) -> dict[str, Any]:
    return {
        "verdict": found.verdict,
        "remarks": list(found.remarks),
        "runs": list(found.runs),
        "differing": {name: list(values) for name, values in found.differing},
        "evaluations": [family.evaluation.model_dump(mode="json") for family in found.families],
    }


def _width() -> int:
    return min(MAX_WIDTH, shutil.get_terminal_size((80, 24)).columns)
