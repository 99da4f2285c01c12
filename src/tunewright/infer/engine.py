"""The engine protocol: token ids of prompts in, answers out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer. `has_ended` is False where the length limit cut it off."""

    ids: tuple[int, ...]
    text: str
    has_ended: bool


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen: greedy at temperature 0, else by nucleus sampling under `seed`."""

    max_new_tokens: int = 96
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


class Engine(Protocol):
    """Obligations: deterministic for one prompt list and one `Sampling`; answers exclude the prompt and special tokens;
    one answer per prompt, in their order; not thread-safe unless it says so.
    """

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        *,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[Completion]:
        """Return one answer per prompt; `on_progress(done, total)` is called after each batch."""
        ...

    def stream(self, prompt: Sequence[int], sampling: Sampling) -> Iterator[str]:
        """Yield the answer to one prompt in pieces of text, none of which splits a character."""
        ...
