"""Fixtures that tests of several rooms share. Heavy imports wait until a test asks for what needs them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Threads only hinder a model of 27,000 weights: on a busy machine of two cores they made a step 100 times slower.
# Before torch is imported, and in the environment, so that processes that tests start have it too.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Tests neither read nor fill the cache of whoever runs them; those of the cache name a folder of their own.
os.environ["TUNEWRIGHT_CACHE"] = "off"


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny random model; tests read it and never write to it."""
    from tests.tiny import make_tiny_model

    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")
