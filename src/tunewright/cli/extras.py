"""Whether the optional parts of the installation that a verb needs are there, asked before anything is begun.

Looks for packages without importing them: peft, for one, would be missed only after the base model has been scored.
"""

from __future__ import annotations

from importlib.util import find_spec

from tunewright.errors import MissingExtraError

TRAIN_PACKAGES = ("torch", "transformers", "peft", "safetensors", "tokenizers")


def need_train_packages() -> None:
    """Check that models can be loaded and trained.

    Raises:
        MissingExtraError: naming the first package that is missing and the command that installs it.
    """
    for package in TRAIN_PACKAGES:
        if find_spec(package) is None:
            raise MissingExtraError.of("train", package)
