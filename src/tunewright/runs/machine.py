"""Which machine computes, as far as it explains speed and rounding: system, processor, its feature flags.

Reads what the system says of itself; measures nothing and knows no accelerator (`models` does).
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

from tunewright.runs.manifest import Hardware

# Flags that decide which kernels and which precision are fast.
_FLAGS_OF_INTEREST = (
    *("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "avx_vnni"),
    *("asimd", "asimddp", "bf16", "i8mm", "sve", "sve2"),
)


def read_hardware(
    *, num_threads: int | None = None, device: str | None = None, precision: str | None = None
) -> Hardware:
    """Return the hardware; what is not given and not known to the system stays None."""
    facts = _cpu_facts()
    flags = set(facts.get("flags", facts.get("Features", "")).split())
    return Hardware(
        platform=platform.platform(),
        cpu=facts.get("model name") or platform.processor() or platform.machine(),
        cpu_flags=tuple(flag for flag in _FLAGS_OF_INTEREST if flag in flags),
        num_threads=num_threads or os.cpu_count(),
        device=device,
        precision=precision,
    )


def _cpu_facts() -> dict[str, str]:
    # Linux only; elsewhere the flags stay unknown, which only makes the manifest shorter.
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.split("\n\n", 1)[0].splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}
