"""Which device computes and in which precision, decided from feature flags.

Never by a timing: two runs on one machine must compute the same numbers. The decision is written to the manifest and
taken over on resume.
"""

from __future__ import annotations

import os
import platform
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from tunewright.errors import RecipeError
from tunewright.spec.train import HardwareSpec

Precision = Literal["bf16", "fp32"]
# Of oneDNN itself, and of torch's layer above it; both keep what they make.
_KERNEL_CACHES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")
_KEPT_SHAPES = "128"
_FAST_BF16_FLAGS = ("avx512_bf16", "amx_bf16")


@dataclass(frozen=True, slots=True)
class Hardware:
    """The decision: a torch device name, the precision of matrix products, and the reason for it."""

    device: str
    precision: Precision
    reason: str

    @property
    def dtype(self) -> torch.dtype:
        """The dtype that the model computes in."""
        return torch.bfloat16 if self.precision == "bf16" else torch.float32


def choose_hardware(spec: HardwareSpec) -> Hardware:
    """Return where and how to compute.

    Raises:
        RecipeError: if the recipe asks for a device that this machine lacks.
    """
    device = spec.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    _check_available(device)
    if spec.precision != "auto":
        return Hardware(device, spec.precision, "asked for")
    precision, reason = _fast_precision(device)
    return Hardware(device, precision, reason)


def bound_kernel_caches(environment: MutableMapping[str, str] = os.environ) -> None:
    """Have torch's CPU kernels keep fewer compiled shapes, unless the environment says how many; before the first one.

    Each keeps scratch memory. With 1,024, the default, a 42 M model takes 1.8 GB after sixteen steps, with 128 1.3 GB
    at the same speed: sizes recur (`models.shapes`), and those of one step are far fewer.
    """
    for name in _KERNEL_CACHES:
        environment.setdefault(name, _KEPT_SHAPES)


def cpu_flags() -> tuple[str, ...]:
    """Return those CPU features that decide the precision; empty where the system does not tell."""
    flags = _linux_cpu_flags()
    if not flags and torch.backends.cpu.get_cpu_capability() == "AMX":
        return ("amx_bf16",)
    return tuple(flag for flag in _FAST_BF16_FLAGS if flag in flags)


def _check_available(device: str) -> None:
    present = {"cpu": True, "mps": torch.backends.mps.is_available(), "cuda": torch.cuda.is_available()}
    kind, _, index = device.partition(":")
    if not present[kind] or (kind == "cuda" and index and int(index) >= torch.cuda.device_count()):
        have = ", ".join(name for name, here in present.items() if here)
        raise RecipeError(
            f"train.hardware.device: {device} is not on this machine, which has: {have}", hint="--device auto"
        )


def _fast_precision(device: str) -> tuple[Precision, str]:
    if device.startswith("cuda"):
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
        return ("bf16", "the GPU has bf16 units") if fast else ("fp32", "the GPU has no bf16 units")
    if device == "cpu":
        flags = cpu_flags()
        return ("bf16", f"the CPU has {flags[0]}") if flags else ("fp32", "the CPU has neither AVX512-BF16 nor AMX")
    return "fp32", f"bf16 is not known to be fast on {device}"


def _linux_cpu_flags() -> frozenset[str]:
    path = Path("/proc/cpuinfo")
    if platform.system() != "Linux" or not path.exists():
        return frozenset()
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("flags"):
            return frozenset(line.partition(":")[2].split())
    return frozenset()
