"""LoRA (Hu et al., arXiv 2106.09685, eq. 3): h = W₀x + s · B A x, with W₀ frozen, A random, B zero, s = alpha / rank.

Injection and file format are peft's, so the artifact loads in peft, vLLM and others unchanged. A and B are created in
the model's compute precision; the optimiser's fp32 masters are what is saved.
"""

from __future__ import annotations

import copy
import math
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora.layer import LoraLayer
from peft.utils.other import EMBEDDING_LAYER_NAMES
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from tunewright.errors import ModelError
from tunewright.methods.adapter_file import write_config, write_weights
from tunewright.methods.merge import ADAPTER, merge_low_rank
from tunewright.methods.method import Origin
from tunewright.methods.pissa import StartFactors, start_at_largest_directions, with_start_taken_off
from tunewright.methods.targets import choose_targets, short_names
from tunewright.models.load import Quantisation
from tunewright.spec.method import LoraSpec


class Lora:
    """Implements `Method`. With `init: pissa`, start and loaded artifact equal base and trained model to rounding."""

    artifact: Literal["adapter", "model"] = "adapter"
    is_exact_at_start: bool = True
    quantisation: Quantisation | None = None
    prefix_ids: tuple[int, ...] = ()
    use_dora = False

    def __init__(self, spec: LoraSpec) -> None:
        self.spec = spec
        self.is_exact_at_start = spec.init == "zero"
        self._config: LoraConfig | None = None
        self._start: dict[str, StartFactors] = {}

    def config(self, model: PreTrainedModel) -> LoraConfig:
        """Return the peft configuration of the spec for `model`, which has no adapter yet.

        Raises:
            ModelError: if a target, a rank's pattern or a module to save fits nothing.
        """
        chosen, spec = choose_targets(model, self.spec), self.spec
        saved = _whole_modules(model, spec)
        ranks = _read_ranks(list(chosen), spec)
        return LoraConfig(
            r=spec.rank,
            lora_alpha=self._alpha(spec.rank),  # pyright: ignore[reportArgumentType] - peft computes with it as a float
            lora_dropout=spec.dropout,
            target_modules=short_names(model, chosen),
            rank_pattern=ranks,
            alpha_pattern={pattern: self._alpha(rank) for pattern, rank in ranks.items()},  # pyright: ignore[reportArgumentType]
            modules_to_save=saved or None,
            ensure_weight_tying=_saves_tied_weights(model, saved),
            use_rslora=spec.use_rslora,
            use_dora=self.use_dora,
            fan_in_fan_out=all(isinstance(module, Conv1D) for module in chosen.values()),
            task_type="CAUSAL_LM",
        )

    def apply(self, model: PreTrainedModel) -> PreTrainedModel:
        """Return the model with an adapter beside each targeted linear layer; the rest is frozen.

        Raises:
            ModelError: as `config`; or if the rank is too large for PiSSA.
        """
        config = self.config(model)
        self._config = copy.deepcopy(config)  # peft rewrites the one that it is given
        with warnings.catch_warnings():
            # Where Linear and Conv1D are mixed, peft says for each what it does; it is right in each.
            warnings.filterwarnings("ignore", message="fan_in_fan_out is set to", category=UserWarning)
            # Without the flag peft would make the adapters fp32 and cast at every call.
            get_peft_model(model, config, adapter_name=ADAPTER, autocast_adapter_dtype=False)
        if self.spec.init == "pissa":
            self._start = {
                name: start_at_largest_directions(name, layer)
                for name, layer in model.named_modules()
                if isinstance(layer, LoraLayer)
            }
        return model

    def save(self, model: PreTrainedModel, weights: Mapping[str, torch.Tensor], folder: Path, origin: Origin) -> None:
        """Write `adapter_model.safetensors` and `adapter_config.json` in peft's layout, in fp32."""
        assert self._config is not None, "save belongs to the instance that applied"
        tensors = _by_full_name(model, weights)
        config = copy.deepcopy(self._config)
        if self._start:
            self._take_start_off(tensors)
            _double_ranks(config)
        named = {f"base_model.model.{_stored_name(name)}": tensor for name, tensor in tensors.items()}
        write_weights(folder, named)
        base = {"base_model_name_or_path": origin.spec.source, "revision": origin.source.revision}
        write_config(folder, {**config.to_dict(), "inference_mode": True, **base})

    def merge(self, model: PreTrainedModel) -> PreTrainedModel:
        """Return the same model as a plain one, in place, its adapters merged in fp32 and rounded once.

        Raises:
            ModelError: if the model has no adapter.
        """
        return merge_low_rank(model)

    def _alpha(self, rank: int) -> float:
        """Return the alpha for `rank`: alpha / rank is the same everywhere; rsLoRA's rule takes one alpha for all."""
        alpha = self.spec.alpha if self.spec.alpha is not None else 2.0 * self.spec.rank
        return alpha if self.spec.use_rslora else alpha * rank / self.spec.rank

    def _take_start_off(self, tensors: dict[str, torch.Tensor]) -> None:
        for name, start in self._start.items():
            a, b = (f"{name}.{part}.{ADAPTER}.weight" for part in ("lora_A", "lora_B"))
            tensors[a], tensors[b] = with_start_taken_off(start, tensors[a], tensors[b])


class Dora(Lora):
    """DoRA (Liu et al., arXiv 2402.09353, eq. 5): beside B and A, the length of each row of the weight learns."""

    use_dora = True


def _whole_modules(model: PreTrainedModel, spec: LoraSpec) -> list[str]:
    """Return the full names of the modules that learn whole: peft takes `norm` for every name that ends so."""
    found: dict[str, torch.nn.Module] = {}
    modules = dict(model.named_modules())
    for wanted in spec.modules_to_save:
        meant = {name: module for name, module in modules.items() if f".{name}".endswith(f".{wanted}")}
        if not meant:
            names = sorted({name.rpartition(".")[2] for name, module in modules.items() if not list(module.children())})
            raise ModelError(
                f"method.modules_to_save: {wanted!r} is no module of this model",
                hint=f"modules here: {', '.join(names)}",
            )
        if not all(weight.is_floating_point() for module in meant.values() for weight in module.parameters()):
            raise ModelError(
                f"method.modules_to_save: {wanted!r} is quantised in this model, so it cannot learn whole",
                hint="leave it to the adapter, or --set method.kind=lora",
            )
        found |= meant
    return list(found)


def _read_ranks(names: list[str], spec: LoraSpec) -> dict[str, int]:
    for pattern in spec.rank_pattern:
        try:
            fits = any(re.match(rf"(.*\.)?({pattern})$", name) for name in names)  # as peft reads it
        except re.error as error:
            raise ModelError(
                f"method.rank_pattern: {pattern!r} is no regular expression: {error}",
                hint=f"a full name such as {names[0]} is one",
            ) from error
        if not fits:
            raise ModelError(
                f"method.rank_pattern: {pattern!r} fits none of the {len(names)} layers that get an adapter",
                hint=f"a full name looks like {names[0]}",
            )
    return dict(spec.rank_pattern)


def _saves_tied_weights(model: PreTrainedModel, saved: list[str]) -> bool:
    """Return whether embeddings that are also the head are to learn: peft then keeps both one, if it knows their names.

    Raises:
        ModelError: if it does not know them.
    """
    embeddings, head = model.get_input_embeddings(), model.get_output_embeddings()
    if getattr(head, "weight", None) is not getattr(embeddings, "weight", None):
        return False
    modules = dict(model.named_modules())
    tied = [name for name in saved if modules[name] is head or modules[name] is embeddings]
    unknown = [name for name in tied if name.rpartition(".")[2] not in EMBEDDING_LAYER_NAMES]
    if unknown:
        raise ModelError(
            f"method.modules_to_save: {unknown[0]} shares its weights with the head, which peft would part from it",
            hint="--set method.modules_to_save=[lm_head] lets both learn as one",
        )
    return bool(tied)


def _by_full_name(model: PreTrainedModel, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return `weights` in fp32 on the CPU; one that two modules share stands under both names, as peft wants it."""
    first = {id(weight): name for name, weight in model.named_parameters()}
    return {
        name: weights[first[id(weight)]].detach().to("cpu", torch.float32, copy=True)
        for name, weight in model.named_parameters(remove_duplicate=False)
        if first[id(weight)] in weights
    }


def _stored_name(name: str) -> str:
    """Return the parameter's name as peft's files have it: without the adapter's, DoRA's lengths without `.weight`."""
    name = name.replace(f".lora_magnitude_vector.{ADAPTER}.weight", ".lora_magnitude_vector")
    return name.replace(f".modules_to_save.{ADAPTER}.", ".").replace(f".{ADAPTER}.", ".")


def _double_ranks(config: LoraConfig) -> None:
    """Make room for the start's factors; alphas follow so that every scale stays as it was."""
    growth: Any = math.sqrt(2) if config.use_rslora else 2
    config.r, config.lora_alpha = 2 * config.r, growth * config.lora_alpha
    config.rank_pattern = {pattern: 2 * rank for pattern, rank in (config.rank_pattern or {}).items()}
    config.alpha_pattern = {pattern: growth * alpha for pattern, alpha in (config.alpha_pattern or {}).items()}
