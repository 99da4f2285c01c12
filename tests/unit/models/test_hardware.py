"""Device and precision follow from what the machine has, and asking for what it lacks says what it has."""

from __future__ import annotations

import pytest
import torch

from tunewright.errors import RecipeError
from tunewright.models import hardware
from tunewright.models.hardware import choose_hardware
from tunewright.spec.train import HardwareSpec


def on_cpu_only(patch: pytest.MonkeyPatch, flags: frozenset[str] = frozenset({"avx2"})) -> None:
    patch.setattr(torch.cuda, "is_available", lambda: False)
    patch.setattr(torch.backends.mps, "is_available", lambda: False)
    patch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    patch.setattr(hardware, "_linux_cpu_flags", lambda: flags)


def test_the_decision_is_the_same_at_every_call() -> None:
    assert choose_hardware(HardwareSpec()) == choose_hardware(HardwareSpec())


@pytest.mark.parametrize(
    ("flags", "precision"),
    [({"avx2"}, "fp32"), ({"avx512_bf16"}, "bf16"), ({"amx_bf16"}, "bf16"), ({"avx512f"}, "fp32"), (set(), "fp32")],
)
def test_bf16_on_a_cpu_only_where_its_flags_say_that_it_is_fast(
    flags: set[str], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_cpu_only(monkeypatch, frozenset(flags))
    chosen = choose_hardware(HardwareSpec())
    assert (chosen.device, chosen.precision) == ("cpu", precision)
    assert chosen.reason


def test_without_flags_torch_s_own_word_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    on_cpu_only(monkeypatch, frozenset())
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AMX")
    assert choose_hardware(HardwareSpec()).precision == "bf16"


@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("fp32", torch.float32)])
def test_a_precision_that_was_asked_for_is_used(precision: str, dtype: torch.dtype) -> None:
    chosen = choose_hardware(HardwareSpec.model_validate({"device": "cpu", "precision": precision}))
    assert (chosen.dtype, chosen.reason) == (dtype, "asked for")


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "mps"])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_cpu_only(monkeypatch)
    with pytest.raises(RecipeError, match=rf"train.hardware.device: {device} is not on this machine, which has: cpu"):
        choose_hardware(HardwareSpec(device=device))


def test_the_best_device_that_is_there_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    on_cpu_only(monkeypatch)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_hardware(HardwareSpec()).device == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *, including_emulation: False)
    chosen = choose_hardware(HardwareSpec())
    assert (chosen.device, chosen.precision) == ("cuda", "fp32")
    with pytest.raises(RecipeError, match="cuda:1 is not on this machine"):
        choose_hardware(HardwareSpec(device="cuda:1"))
