"""What counts as running out of memory, whoever says so: CUDA's allocator, the CPU's, Apple's, or Python.

An allocator that refuses has changed nothing, so the work can be cut into smaller pieces and done again. A kernel that
runs out kills instead, and says nothing to the process: `runs.memory_kill` sees that one later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from tunewright.train.randomness import random_state, restore_random_state

Result = TypeVar("Result")

# Allocators without an exception of their own raise a RuntimeError; these are words of torch 2.13's messages.
_REFUSALS = (
    "can't allocate memory",  # c10/core/impl/alloc_cpu.cpp
    "DefaultCPUAllocator: not enough memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "MPS backend out of memory",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether `error` is an allocator's refusal."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _REFUSALS)


def retry_within_memory(work: Callable[[], Result], make_smaller: Callable[[], None]) -> Result:
    """Return `work()`; whenever memory runs out, call `make_smaller` and do it again with the same random numbers.

    `work` must have changed nothing that lasts when it runs out of memory; `make_smaller` raises when there is no
    smaller piece.
    """
    while True:
        before = random_state()
        try:
            return work()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Outside the handler: the error's traceback held every activation of the piece that did not fit.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        restore_random_state(before)
        make_smaller()
