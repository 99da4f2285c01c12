"""The verb that says before anything runs whether a recipe fits this machine, and how long it will take.

Knows neither flags nor how a plan is drawn (`plan_screen`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunewright.cli.extras import need_train_packages
from tunewright.cli.loading import loading_libraries
from tunewright.cli.plan_screen import print_plan
from tunewright.cli.progress import print_json, watch
from tunewright.spec.recipe import build_recipe
from tunewright.spec.recipe_yaml import override


def show_plan(tree: dict[str, Any], settings: Sequence[str], *, origin: str, as_json: bool, probes: bool) -> None:
    """Print the plan of the recipe of `tree` with `settings` on top.

    Raises:
        RecipeError: with all faults, before anything heavy is imported.
        TunewrightError: as a run of the recipe would before it starts.
    """
    recipe = build_recipe(override(tree, settings), origin=origin)
    need_train_packages()
    with watch("json" if as_json else "people") as listener:
        with loading_libraries(listener):
            from tunewright.jobs.planning.plan import make_plan
        plan = make_plan(recipe, listener, probes=probes).as_dict()
    if as_json:
        print_json(plan)
    else:
        print_plan(plan)
