"""Usage is read in the middle of every step, so it is cheap, and what is not known is None."""

from __future__ import annotations

import mmap
import sys
import time

import numpy as np
import pytest

from tunewright.runs import usage
from tunewright.runs.usage import UsageMeter, resident_bytes


def _seconds(num_reads: int) -> float:
    meter = UsageMeter()
    started = time.perf_counter()
    for _ in range(num_reads):
        meter.read()
    return (time.perf_counter() - started) / num_reads


def _seconds_of_json(num_lines: int) -> float:
    from tunewright.runs.metrics import MetricsRow, metrics_line

    started = time.perf_counter()
    for step in range(num_lines):
        MetricsRow.model_validate_json(metrics_line(MetricsRow(step=step)))
    return (time.perf_counter() - started) / num_lines


def test_a_reading_costs_little_more_than_the_line_it_becomes() -> None:
    # A ratio: a slow or busy machine is slow at both. The line takes about 10 µs, and so does the reading.
    ratio = min(_seconds(300) / _seconds_of_json(300) for _ in range(5))
    assert ratio < 10


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells the resident set for nothing")
def test_memory_grows_by_what_is_touched() -> None:
    before = resident_bytes()
    # Pages of its own: what an allocator gives out may have been touched before.
    block = np.frombuffer(mmap.mmap(-1, 64 * 2**20), dtype=np.uint8)
    block[:] = 1
    after = resident_bytes()
    assert before is not None
    assert after is not None
    assert 0.8 * block.nbytes < after - before < 1.5 * block.nbytes


def test_sleeping_is_not_working() -> None:
    meter = UsageMeter()
    time.sleep(0.05)
    idle = meter.read().cpu_percent
    deadline = time.process_time() + 0.05
    while time.process_time() < deadline:
        pass
    busy = meter.read().cpu_percent
    assert idle is not None
    assert busy is not None
    assert 0 <= idle < busy


def test_what_the_system_does_not_tell_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "_STATM", "/nowhere/statm")
    assert UsageMeter().read().memory_bytes is None
    monkeypatch.setattr(usage.sys, "platform", "darwin")
    assert resident_bytes() is None


def test_an_accelerator_tells_its_own_memory_and_load() -> None:
    reading = UsageMeter(device_memory=lambda: 12345, device_percent=lambda: 87.0).read()
    assert (reading.memory_bytes, reading.gpu_percent) == (12345, 87.0)
    assert UsageMeter().read().gpu_percent is None
