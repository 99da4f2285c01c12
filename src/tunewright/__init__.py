"""Tunewright fine-tunes language models end to end and tells you honestly whether it helped.

    import tunewright as tw
    run = tw.finetune(model="starter", data="rows.jsonl")
    print(run.summary().verdict)

Names are imported on first use, so `import tunewright` is instant and needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Run", "__version__", "finetune", "load_run"]

if TYPE_CHECKING:
    from tunewright.jobs.python import Run, finetune, load_run


def __getattr__(name: str) -> Any:
    if name in {"Run", "finetune", "load_run"}:
        from tunewright.errors import MissingExtraError

        try:
            from tunewright.jobs import python
        except ModuleNotFoundError as error:
            if error.name in {"torch", "transformers", "peft", "safetensors"}:
                raise MissingExtraError.of("train", error.name) from error
            raise
        return getattr(python, name)
    raise AttributeError(f"module 'tunewright' has no attribute {name!r}")
