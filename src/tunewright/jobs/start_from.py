"""Weights to begin with, `model.start_from`: from a run, a checkpoint of a run, or an adapter folder in peft's layout.

Only names and shapes are read at first, so a wrong wish is refused before a run folder exists; the tensors follow when
the trainable model is there. Does not know how a method trains; it knows how each names its weights in a file.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from tunewright.errors import ModelError, RunError, RunMissingError
from tunewright.runs.events import Validated
from tunewright.runs.folder import RunFolder
from tunewright.spec.method import MethodSpec

_CHECKPOINT_WEIGHTS = "weights.safetensors"
_ADAPTER_CONFIG, _ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_KINDS = {
    "LORA": ("lora", "qlora"),
    "DORA": ("dora",),
    "IA3": ("ia3",),
    "PROMPT_TUNING": ("prompt",),
    "TUNEWRIGHT_BOTTLENECK": ("bottleneck",),
}
# The same tensors, on a base in another precision.
_INTERCHANGEABLE = {"lora": "lora", "qlora": "lora"}
_PEFT_PREFIX, _PEFT_NAME = "base_model.model.", "default"
_PEFT_PART = re.compile(r"(?P<module>.+)\.(?P<part>lora_[AB]|lora_magnitude_vector|ia3_l)(\.weight)?$")
_LORA_WEIGHT = re.compile(rf"(?P<module>.+)\.lora_(?P<side>[AB])\.{_PEFT_NAME}\.weight$")
# What decides shapes, and what decides what the same numbers mean.
_SETTINGS = ("rank", "num_tokens", "size", "placement", "use_rslora")
_MAX_NAMED = 3


@dataclass(frozen=True, slots=True)
class StartWeights:
    """Weights that were found and not yet read.

    Attributes:
        asked: the path as the recipe names it.
        file: the safetensors file that holds them.
        saved_names: by name of the trainable parameter, its name in the file.
        shapes: by name of the trainable parameter.
        run_id, step: the run and the step that they are from; None where nobody says.
        base_model: hashes of the base's weight files by name, as that run recorded them; empty where unknown.
    """

    asked: Path
    file: Path
    saved_names: Mapping[str, str]
    shapes: Mapping[str, tuple[int, ...]]
    run_id: str | None = None
    step: int | None = None
    base_model: Mapping[str, str] | None = None

    def read(self) -> dict[str, torch.Tensor]:
        """Return the tensors by name of the trainable parameter, in fp32.

        Raises:
            ModelError: if the file cannot be read any more.
        """
        try:
            with safe_open(str(self.file), framework="pt") as file:
                return {live: file.get_tensor(saved).float() for live, saved in self.saved_names.items()}
        except (OSError, SafetensorError) as error:
            raise _unreadable(self.file, error) from error

    def sha256(self) -> str:
        """Return the hash of the file, for the lineage of the run."""
        with self.file.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def find_start(path: str | Path, method: MethodSpec) -> StartWeights:
    """Return the weights that `path` offers to `method`; call it before a run folder exists.

    A run offers its best checkpoint, else its newest, else its adapter.

    Raises:
        RunMissingError: if there is nothing at `path`, or nothing of ours.
        RunError: if it is a run without weights.
        ModelError: if they are of another method, or the file is damaged.
    """
    asked = Path(path)
    if _changes_base(method):
        raise ModelError(
            "model.start_from: method.init=pissa begins with the base's own directions, so with no other weights",
            hint="--set method.init=zero",
        )
    if not asked.exists():
        raise RunMissingError(f"model.start_from: {asked} does not exist", hint="`tunewright runs` lists the runs")
    run = _run_at(asked)
    if run is not None:
        return _of_run(asked, run, method)
    if (asked / _CHECKPOINT_WEIGHTS).is_file():
        return _of_checkpoint(asked, asked, method)
    if (asked / _ADAPTER_CONFIG).is_file():
        return _of_adapter(asked, asked, method)
    if (asked / "config.json").is_file():
        raise _whole_model_error(asked, asked)
    raise RunMissingError(
        f"model.start_from: {asked} is neither a run, nor a checkpoint of one, nor an adapter folder",
        hint=f"expected manifest.json, {_CHECKPOINT_WEIGHTS} or {_ADAPTER_CONFIG} in it",
    )


def initial_weights(path: str | Path, method: MethodSpec) -> Mapping[str, torch.Tensor]:
    """Return the weights at `path` by name of the trainable parameter, in fp32; raises as `find_start`."""
    return find_start(path, method).read()


def check_base(start: StartWeights, base: nn.Module, base_files: Mapping[str, str]) -> None:
    """Check, before a method is applied, that the weights can belong to `base`, whose files have these hashes.

    Raises:
        ModelError: naming the first weight that is for a layer that the base lacks or has in another shape, or that the
            weights were trained on another base.
    """
    parameters = dict(base.named_parameters())
    for name, shape in start.shapes.items():
        wanted = _fitting_shape(name, shape, parameters)
        if wanted != shape:
            raise _shape_error(start, name, shape, wanted)
    # A full fine-tune replaces its base; everything else is a difference to one base and means nothing on another.
    is_whole = start.shapes.keys() >= parameters.keys()
    if start.base_model and base_files and not is_whole and dict(start.base_model) != dict(base_files):
        raise ModelError(
            f"model.start_from: {start.asked} was trained on another base model than model.source",
            hint="take the base that it was trained on: its manifest.json names it",
        )


def fitted_weights(start: StartWeights, trainable: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the weights by name of the trainable parameter, in fp32, once they are known to be those that learn.

    Raises:
        ModelError: naming the first that is of another shape, with both shapes, or those missing or too many.
    """
    renamed = {name: _full_name(name, trainable) for name in start.shapes}
    shapes = {renamed[name]: shape for name, shape in start.shapes.items()}
    for name, tensor in trainable.items():
        if name in shapes and shapes[name] != tuple(tensor.shape):
            raise _shape_error(start, name, shapes[name], tuple(tensor.shape))
    for what, names in (
        ("lacks weights that this recipe trains", trainable.keys() - shapes.keys()),
        ("has weights that this recipe does not train", shapes.keys() - trainable.keys()),
    ):
        if names:
            shown = ", ".join(sorted(names)[:_MAX_NAMED]) + (", …" if len(names) > _MAX_NAMED else "")
            raise ModelError(
                f"model.start_from: {start.asked} {what}: {shown}",
                hint="use the method settings that it was made with (targets, layers, modules_to_save)",
            )
    return {renamed[name]: tensor for name, tensor in start.read().items()}


# ── where they lie ───────────────────────────────────────────────────────────────────────────────────────────────────


def _of_run(asked: Path, run: RunFolder, method: MethodSpec) -> StartWeights:
    checkpoints = {checkpoint.step: checkpoint.path for checkpoint in run.checkpoints()}
    best = next((e.step for e in reversed(run.events()) if isinstance(e, Validated) and e.is_best), None)
    # What learns beside a base that PiSSA changed means nothing elsewhere; its artifact is for the unchanged base.
    if checkpoints and not _changes_base(run.recipe().method):
        newest = checkpoints[max(checkpoints)]
        return _of_checkpoint(asked, newest if best is None else checkpoints.get(best, newest), method)
    artifact = run.artifact()
    if artifact is None:
        raise RunError(
            f"model.start_from: the run {asked} has no checkpoint and no result yet", hint=f"tunewright resume {asked}"
        )
    if artifact[0] == "model":
        raise _whole_model_error(asked, artifact[1])
    return _of_adapter(asked, artifact[1], method)


def _of_checkpoint(asked: Path, folder: Path, method: MethodSpec) -> StartWeights:
    run = _run_at(folder.resolve().parent.parent)
    if run is not None:
        _check_recipe(asked, run, method)
    shapes = _read_shapes(folder / _CHECKPOINT_WEIGHTS)
    start = StartWeights(asked, folder / _CHECKPOINT_WEIGHTS, {name: name for name in shapes}, shapes)
    match = re.fullmatch(r"step-(\d+)", folder.resolve().name)
    return _with_origin(start, run, int(match[1]) if match else None)


def _of_adapter(asked: Path, folder: Path, method: MethodSpec) -> StartWeights:
    config = _read_config(folder / _ADAPTER_CONFIG)
    kind = str(config.get("peft_type"))
    kind = "DORA" if kind == "LORA" and config.get("use_dora") else kind
    made_with = _KINDS.get(kind, (kind,))
    if method.kind not in made_with:
        raise _method_error(asked, " or ".join(made_with), method.kind)
    if kind in {"LORA", "DORA"}:
        _check_rank(asked, config, method)
    saved = _read_shapes(folder / _ADAPTER_WEIGHTS)
    names = {_live_name(name, kind): name for name in saved}
    shapes = {live: saved[name] for live, name in names.items()}
    start = StartWeights(asked, folder / _ADAPTER_WEIGHTS, names, shapes)
    return _with_origin(start, _run_at(folder.resolve().parent.parent), None)


def _run_at(path: Path) -> RunFolder | None:
    try:
        return RunFolder.open(path)
    except RunMissingError:
        return None


def _with_origin(start: StartWeights, run: RunFolder | None, step: int | None) -> StartWeights:
    if run is None:
        return start
    manifest = run.manifest()
    base = manifest.base_model.weights_sha256 if manifest.base_model else None
    return StartWeights(
        start.asked, start.file, start.saved_names, start.shapes, run_id=manifest.run_id, step=step, base_model=base
    )


# ── whether they fit ─────────────────────────────────────────────────────────────────────────────────────────────────


def _check_recipe(asked: Path, run: RunFolder, method: MethodSpec) -> None:
    former = run.recipe().method
    if _changes_base(former):
        raise ModelError(
            f"model.start_from: {asked} was made with method.init=pissa: it fits only the base as that run changed it",
            hint="start from the run itself or from its artifacts/adapter, which fit the unchanged base",
        )
    if _family(former.kind) != _family(method.kind):
        raise _method_error(asked, former.kind, method.kind)
    for key in _SETTINGS:
        made, asked_for = getattr(former, key, None), getattr(method, key, None)
        if made != asked_for:
            raise _setting_error(asked, key, made, asked_for)
    made, asked_for = _alpha(former), _alpha(method)
    if made != asked_for:
        raise _setting_error(asked, "alpha", made, asked_for)


def _check_rank(asked: Path, config: Mapping[str, Any], method: MethodSpec) -> None:
    found: dict[str, Any] = {
        "rank": config.get("r"),
        "alpha": config.get("lora_alpha"),
        "use_rslora": bool(config.get("use_rslora")),
    }
    wanted = {"rank": getattr(method, "rank", None), "alpha": _alpha(method)}
    wanted["use_rslora"] = getattr(method, "use_rslora", False)
    for key, made in found.items():
        if made is not None and made != wanted[key]:
            raise _setting_error(asked, key, made, wanted[key])


def _alpha(method: MethodSpec) -> float | None:
    rank, alpha = getattr(method, "rank", None), getattr(method, "alpha", None)
    return 2.0 * rank if alpha is None and rank is not None else alpha


def _changes_base(method: MethodSpec) -> bool:
    return getattr(method, "init", "zero") != "zero"


def _family(kind: str) -> str:
    return _INTERCHANGEABLE.get(kind, kind)


def _fitting_shape(name: str, shape: tuple[int, ...], parameters: Mapping[str, torch.Tensor]) -> tuple[int, ...] | None:
    """Return the shape that a weight of this name has on the base; None if the base has no place for it."""
    if name in parameters:
        return tuple(parameters[name].shape)
    match = _LORA_WEIGHT.match(name)
    if match is None:
        return shape  # named by the method itself: only the trainable model can tell
    layer = parameters.get(f"{match['module']}.weight")
    if layer is None:
        return None
    # A quantised weight is packed into one axis, and GPT-2 stores its matrices the other way round.
    if layer.ndim != 2 or 1 in layer.shape:
        return shape
    width = shape[1] if match["side"] == "A" else shape[0]
    if width in layer.shape:
        return shape
    return (shape[0], layer.shape[1]) if match["side"] == "A" else (layer.shape[0], shape[1])


def _full_name(name: str, trainable: Mapping[str, torch.Tensor]) -> str:
    """Return the one trainable name that ends in `name`: a prompt is saved without the place where it is held."""
    longer = [live for live in trainable if live.endswith(f".{name}")]
    return longer[0] if name not in trainable and len(longer) == 1 else name


def _live_name(saved: str, kind: str) -> str:
    """Return the trainable parameter's name of a tensor in an adapter file."""
    if kind == "PROMPT_TUNING":
        return saved
    if not saved.startswith(_PEFT_PREFIX):
        return saved
    name = saved.removeprefix(_PEFT_PREFIX)
    match = _PEFT_PART.match(name)
    if match is not None:
        end = "" if match["part"] == "ia3_l" else ".weight"
        return f"{match['module']}.{match['part']}.{_PEFT_NAME}{end}"
    module, _, leaf = name.rpartition(".")
    return f"{module}.modules_to_save.{_PEFT_NAME}.{leaf}"


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    try:
        with safe_open(str(path), framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, error) from error


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if not isinstance(config, dict):
        raise _unreadable(path, TypeError("it is no object"))
    return config


def _unreadable(path: Path, error: Exception) -> ModelError:
    reason = " ".join(str(error).split())[:200]
    return ModelError(f"model.start_from: {path} cannot be read: {reason}", hint="copy the folder again")


def _method_error(asked: Path, made: str, wanted: str) -> ModelError:
    return ModelError(
        f"model.start_from: {asked} was made with the method {made}, and this recipe asks for {wanted}",
        hint=f"--set method.kind={made.split()[0]}",
    )


def _setting_error(asked: Path, key: str, made: object, wanted: object) -> ModelError:
    return ModelError(
        f"model.start_from: {asked} was made with method.{key} {made}, and this recipe asks for {wanted}",
        hint=f"--set method.{key}={json.dumps(made)}",
    )


def _shape_error(start: StartWeights, name: str, found: tuple[int, ...], wanted: tuple[int, ...] | None) -> ModelError:
    has = f"is {list(wanted)} in this model" if wanted is not None else "has no place in this model"
    return ModelError(
        f"model.start_from: {start.asked}: {name} is {list(found)} there, and {has}",
        hint="start from weights of the same base model and the same method settings",
    )


def _whole_model_error(asked: Path, model: Path) -> ModelError:
    return ModelError(
        f"model.start_from: {asked} holds a whole model, not weights for a method",
        hint=f"begin with it as the base instead: --set model.source={model}",
    )
