"""Load what a run made, ready to answer."""

from __future__ import annotations

from pathlib import Path

import torch

from tunewright.data.contract import check_contract, load_contract
from tunewright.errors import RunError
from tunewright.infer.hf import HfEngine
from tunewright.jobs.start_from import find_start, fitted_weights
from tunewright.methods.artifact import load_artifact
from tunewright.methods.method import Method
from tunewright.methods.prompt import Prompt
from tunewright.models.hardware import choose_hardware
from tunewright.models.load import load_model
from tunewright.models.source import ModelSource, find_model
from tunewright.models.tokenizer import HfChatTokenizer, load_tokenizer
from tunewright.runs.folder import ArtifactKind, Checkpoint, RunFolder
from tunewright.spec.maker import load_maker
from tunewright.spec.model import ModelSpec
from tunewright.spec.recipe import Recipe
from tunewright.spec.train import HardwareSpec


def load_engine(run: RunFolder, hardware: HardwareSpec) -> HfEngine:
    """Return an engine over the run's tuned model.

    Raises:
        RunError: if the run has no artifact.
        ModelError: if the base model or the artifact cannot be loaded.
    """
    kind, folder = _artifact_of(run)
    chosen = choose_hardware(hardware)
    if kind == "model":
        spec = ModelSpec(source=str(folder))
        source = find_model(spec)
        return HfEngine(load_model(source, spec, chosen), trained_tokenizer(folder, spec))
    recipe = run.recipe()
    spec, method = recipe.model, _method_of(recipe)
    model = load_artifact(load_model(find_model(spec), spec, chosen, method.quantisation), folder)
    # The artifact's own tokenizer: it carries the chat template that the rows were rendered with.
    return HfEngine(model, trained_tokenizer(folder, spec))


def load_checkpoint(run: RunFolder, checkpoint: Checkpoint, hardware: HardwareSpec) -> HfEngine:
    """Return an engine over the model as it was at a checkpoint of a run that has a result.

    Raises:
        RunError: if the run has no artifact.
        ModelError: if the base model or the checkpoint cannot be loaded.
    """
    recipe = run.recipe()
    spec, method = recipe.model, _method_of(recipe)
    tokenizer = trained_tokenizer(_artifact_of(run)[1], spec)
    if isinstance(method, Prompt):
        method.use_tokenizer(tokenizer.encode)
    model = method.apply(load_model(find_model(spec), spec, choose_hardware(hardware), method.quantisation))
    trained = {name: tensor for name, tensor in model.named_parameters() if tensor.requires_grad}
    weights = fitted_weights(find_start(checkpoint.path, recipe.method), trained)
    with torch.no_grad():
        for name, tensor in trained.items():
            tensor.copy_(weights[name])
    return HfEngine(model.requires_grad_(False).eval(), tokenizer)


def _artifact_of(run: RunFolder) -> tuple[ArtifactKind, Path]:
    artifact = run.artifact()
    if artifact is None:
        raise RunError(f"{run.path}: the run has no result yet", hint=f"tunewright show {run.path}")
    return artifact


def _method_of(recipe: Recipe) -> Method:
    return load_maker(recipe.method)(recipe.method)


def trained_tokenizer(folder: Path, spec: ModelSpec) -> HfChatTokenizer:
    """Return the tokenizer of an artifact, held to its prompt contract, with the clock of its training.

    Raises:
        ModelError: it does not make the prompts that the model was trained with.
    """
    contract = load_contract(folder)
    own = spec.model_copy(update={"chat_template": None})  # what the run used is saved beside the weights
    tokenizer = load_tokenizer(ModelSource(str(folder), folder), own, contract.clock if contract else None)
    if contract is not None:
        check_contract(contract, tokenizer)
    return tokenizer
