"""Which linear layers of a transformer layer do what, found by the names that architectures give them.

One rule for all: a linear layer inside a child named after attention belongs to attention, any other to the MLP; its
own name says what it is for. Mixtures of experts have no single MLP and are refused, rather than adapted in part.
Deliberately does not know what is put there.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn
from transformers.pytorch_utils import Conv1D

from tunewright.errors import ModelError

_ATTENTION_OUTPUTS = ("o_proj", "out_proj", "c_proj", "dense", "wo")
_MLP_OUTPUTS = ("down_proj", "c_proj", "dense_4h_to_h", "fc2", "fc_out", "w2")
_KEYS, _VALUES = ("k_proj", "key"), ("v_proj", "value")
_FUSED = ("query_key_value", "qkv_proj", "c_attn", "Wqkv")


def attention_output(layer: nn.Module) -> str:
    """Return the name, within `layer`, of the linear layer that ends its attention.

    Raises:
        ModelError: if there is not exactly one.
    """
    return _only(layer, _attention(layer), "output projection of its attention", _ATTENTION_OUTPUTS)


def mlp_output(layer: nn.Module) -> str:
    """Return the name, within `layer`, of the linear layer that ends its MLP.

    Raises:
        ModelError: if there is not exactly one.
    """
    outside = {name: linear for name, linear in _linears(layer).items() if not _is_in_attention(name)}
    return _only(layer, outside, "output projection of its MLP", _MLP_OUTPUTS)


def keys_and_values(layer: nn.Module) -> tuple[str, ...]:
    """Return the names, within `layer`, of the linear layers that make keys and values: two, or one that makes all.

    Raises:
        ModelError: if it has neither.
    """
    inside = _attention(layer)
    fused = [name for name in inside if _last(name) in _FUSED]
    if len(fused) == 1:
        return (fused[0],)
    return (
        _only(layer, inside, "key projection of its attention", (*_KEYS, *_FUSED)),
        _only(layer, inside, "value projection of its attention", (*_VALUES, *_FUSED)),
    )


def is_conv1d(module: nn.Module) -> bool:
    """Return whether `module` is GPT-2's linear layer, whose matrix is transposed."""
    return isinstance(module, Conv1D)


def width_of(linear: nn.Module) -> int:
    """Return the number of outputs of a linear layer."""
    return int(linear.nf if isinstance(linear, Conv1D) else linear.out_features)  # pyright: ignore[reportArgumentType]


def _linears(layer: nn.Module) -> dict[str, nn.Module]:
    return {name: module for name, module in layer.named_modules() if isinstance(module, (nn.Linear, Conv1D))}


def _attention(layer: nn.Module) -> dict[str, nn.Module]:
    return {name: linear for name, linear in _linears(layer).items() if _is_in_attention(name)}


def _is_in_attention(name: str) -> bool:
    return any("attn" in part or "attention" in part for part in name.split(".")[:-1])


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _only(layer: nn.Module, linears: Mapping[str, nn.Module], what: str, names: tuple[str, ...]) -> str:
    found = [name for name in linears if _last(name) in names]
    if len(found) != 1:
        number = f"no {what}" if not found else f"{len(found)} layers that could be the {what} ({', '.join(found)})"
        here = ", ".join(_linears(layer)) or "none"
        raise ModelError(
            f"{type(layer).__name__} has {number}: looked for exactly one linear layer named {', '.join(names)}",
            hint=f"method.kind=lora fits any linear layer; linear layers here: {here}",
        )
    return found[0]
