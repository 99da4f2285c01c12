"""The meter reads the device that a job computes on, and a driver that tells nothing is not asked again."""

from __future__ import annotations

import sys

import pytest
import torch

from tunewright.jobs import usage
from tunewright.jobs.usage import make_meter


def test_on_a_cpu_the_process_is_measured() -> None:
    reading = make_meter("cpu").read()
    assert reading.gpu_percent is None
    assert (reading.memory_bytes is not None) == sys.platform.startswith("linux")


def test_a_driver_that_tells_nothing_costs_one_question() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a driver")
    assert usage._cuda_percent(torch.device("cuda")) is None


@pytest.mark.gpu
def test_on_a_gpu_its_own_memory_is_measured() -> None:
    meter = make_meter("cuda")
    before = meter.read().memory_bytes
    block = torch.ones(64 * 2**20, dtype=torch.uint8, device="cuda")
    after = meter.read().memory_bytes
    assert before is not None
    assert after is not None
    assert after - before >= block.numel()
