"""The state of every random generator that training draws from, taken and put back as one thing.

Dropout draws from torch's generators; a third-party method may draw from Python's or NumPy's global ones, so these are
kept too. Data order draws from none of them (`data.order`). Does not know who draws, nor where a state is kept.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def random_state() -> dict[str, Any]:
    """Return the state of all generators, as values that `torch.load(weights_only=True)` reads back."""
    numpy_state = np.random.get_state(legacy=False)
    key = torch.from_numpy(numpy_state["state"]["key"].astype(np.int64))
    rest = (int(numpy_state["state"]["pos"]), int(numpy_state["has_gauss"]), float(numpy_state["gauss"]))
    devices = {"cuda": torch.cuda.get_rng_state_all()} if torch.cuda.is_available() else {}
    return {"cpu": torch.get_rng_state(), "python": random.getstate(), "numpy": (key, *rest), **devices}


def restore_random_state(state: dict[str, Any]) -> None:
    """Put all generators back to `state`; those of another machine's devices are overlooked."""
    torch.set_rng_state(state["cpu"])
    random.setstate(state["python"])
    key, pos, has_gauss, gauss = state["numpy"]
    np.random.set_state(("MT19937", key.numpy().astype(np.uint32), pos, has_gauss, gauss))
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])


def seed_everything(seed: int) -> None:
    """Start all generators from `seed`."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@contextmanager
def randomness_kept() -> Iterator[None]:
    """Let the body draw what it likes; afterwards every generator is where it was."""
    state = random_state()
    try:
        yield
    finally:
        restore_random_state(state)
