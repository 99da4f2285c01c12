"""From what a run came: its manifest completed, and a resumed run held to the same data, model and hardware.

Knows what a job is made of and what a run folder records; does not know training.
"""

from __future__ import annotations

import torch

from tunewright.errors import DataError, ModelError
from tunewright.jobs.prepare import Prepared
from tunewright.jobs.start_from import StartWeights
from tunewright.models.source import fingerprint
from tunewright.runs.folder import RunFolder
from tunewright.runs.machine import read_hardware
from tunewright.runs.manifest import BaseModelLineage, DataFile, StartedFrom, recipe_sha256
from tunewright.spec.recipe import Recipe


def complete_manifest(run: RunFolder, prepared: Prepared) -> None:
    """Write what is known now that model and rows are there."""
    hardware = prepared.hardware
    run.save_manifest(
        run.manifest().model_copy(
            update={
                "recipe_sha256": recipe_sha256(run.recipe()),
                "data": tuple(
                    DataFile(role=role, path=str(r.path), sha256=r.sha256, num_rows=len(r.rows))
                    for role, r in prepared.sets.files
                ),
                "base_model": base_lineage(prepared),
                "template_sha256": prepared.contract.template_sha256,
                "vocabulary_sha256": prepared.contract.vocabulary_sha256,
                "template_clock": prepared.contract.clock,
                "hardware": read_hardware(
                    num_threads=torch.get_num_threads(), device=hardware.device, precision=hardware.precision
                ),
            }
        )
    )


def on_former_hardware(run: RunFolder) -> Recipe:
    """Return the run's recipe on the device and in the precision that it began on: two halves must compute alike."""
    recipe, former = run.recipe(), run.manifest().hardware
    if former.device is None or former.precision is None:
        return recipe
    update = {"device": former.device, "precision": former.precision}
    hardware = recipe.train.hardware.model_copy(update=update)
    return recipe.model_copy(update={"train": recipe.train.model_copy(update={"hardware": hardware})})


def record_start(run: RunFolder, start: StartWeights) -> None:
    """Write which weights training begins with."""
    found = StartedFrom(path=str(start.asked), run_id=start.run_id, step=start.step, sha256=start.sha256())
    run.save_manifest(run.manifest().model_copy(update={"started_from": found}))


def settle_recipe(run: RunFolder, settled: Recipe) -> None:
    """Save the settled recipe of a run that was created but never started; hardware stays as it was asked for."""
    asked = run.recipe()
    train = settled.train.model_copy(update={"hardware": asked.train.hardware})
    recipe = settled.model_copy(update={"train": train})
    if recipe != asked:
        run.save_recipe(recipe)


def check_same_inputs(run: RunFolder, prepared: Prepared) -> None:
    """Check that data and base model are those that the run began with.

    Raises:
        DataError, ModelError: naming what has changed.
    """
    manifest = run.manifest()
    former = {(file.role, file.path): file.sha256 for file in manifest.data}
    for role, result in prepared.sets.files:
        if former.get((role, str(result.path)), result.sha256) != result.sha256:
            raise DataError(
                f"{result.path}: has changed since the run began, so going on would mix two data sets",
                hint="put the former file back, or start a new run",
            )
    base = base_lineage(prepared)
    if manifest.base_model is not None and manifest.base_model != base:
        raise ModelError(
            f"model {base.source}: its files have changed since the run began, so going on would mix two models",
            hint="put the former files back, or start a new run",
        )


def base_lineage(prepared: Prepared) -> BaseModelLineage:
    """Return the base model as a manifest names it."""
    hashes = fingerprint(prepared.source)
    return BaseModelLineage(
        source=prepared.recipe.model.source,
        weights_sha256={name: value for name, value in hashes.items() if not name.endswith(".json")},
        config_sha256=hashes.get("config.json"),
    )
