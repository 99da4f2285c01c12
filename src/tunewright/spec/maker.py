"""The one loader: from a variant's spec to the code that makes it.

The address is a class constant in our own code, never a value from a user, so a Recipe cannot name an import path.
"""

from __future__ import annotations

import importlib
from typing import Any

from tunewright.spec.node import Variant


def load_maker(spec: Variant) -> Any:
    """Return the object at `spec.maker`; the room that uses it states the protocol it meets."""
    module, _, name = type(spec).maker.partition(":")
    return getattr(importlib.import_module(module), name)
