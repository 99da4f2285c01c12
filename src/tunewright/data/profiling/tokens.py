"""What a set is in tokens: lengths, what is taught, and what each length limit would cost.

The tokenizer arrives as an object that turns a row into training rows; one row may give several, one, or a fault.
Everything here is counted over training rows. "Cut" means what most trainers do in silence: the first tokens up to the
limit are kept, the rest is lost. Deliberately does not know any tokenizer or template.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tunewright.data.profiling.figures import Bin, Numbers, Quantiles, printable
from tunewright.data.profiling.prefixes import PrefixMeter, SharedPrefixes
from tunewright.data.rows import AnyRow, RowFault

COMMON_LIMITS: tuple[int, ...] = (512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072)
_NUM_FAULTS_SHOWN = 5


class Encoded(Protocol):
    """A training row. ids: int32; weights: float32, of equal length, above 0 exactly where the token is taught."""

    @property
    def ids(self) -> np.ndarray:
        """The tokens."""
        ...

    @property
    def weights(self) -> np.ndarray:
        """With which weight each is taught."""
        ...


class Encoder(Protocol):
    """A model's tokenizer and template. `encode` never raises for a row: what it cannot express is a fault."""

    @property
    def name(self) -> str:
        """What the model is called."""
        ...

    @property
    def context_tokens(self) -> int:
        """The longest row that the model takes."""
        ...

    def encode(self, row: AnyRow) -> Sequence[Encoded] | RowFault:
        """Return the training rows of a row, or why it has none."""
        ...


@dataclass(frozen=True, slots=True)
class LimitLoss:
    """What cutting every training row after `limit` tokens loses.

    `num_cut` rows are longer; in `num_answers_cut` of them taught tokens are lost, `num_answer_tokens_lost` in all; in
    `num_answers_gone` of them no taught token is left. `why` says where the limit comes from.
    """

    limit: int
    why: str
    num_cut: int
    num_answers_cut: int
    num_answer_tokens_lost: int
    num_answers_gone: int


@dataclass(frozen=True, slots=True)
class TokenProfile:
    """The set under one tokenizer. An answer is the taught tokens of a training row, its prompt is all the others."""

    model: str
    context_tokens: int
    num_training_rows: int
    num_not_encoded: int
    faults: tuple[str, ...]
    rows: Quantiles
    prompts: Quantiles
    answers: Quantiles
    histogram: tuple[Bin, ...]
    prompt_histogram: tuple[Bin, ...]
    answer_histogram: tuple[Bin, ...]
    taught_share: float
    limits: tuple[LimitLoss, ...]
    deciding_limit: int
    shared_prefixes: SharedPrefixes

    @property
    def telling_limits(self) -> tuple[LimitLoss, ...]:
        """The limits at which something is cut, the lowest at which nothing is, and the one that decides."""
        first_free = min((each.limit for each in self.limits if not each.num_cut), default=0)
        return tuple(each for each in self.limits if each.num_cut or each.limit in (first_free, self.deciding_limit))

    def at(self, limit: int) -> LimitLoss:
        """Return what one of the limits costs; a KeyError names one that was not counted."""
        return {each.limit: each for each in self.limits}[limit]


class _Loss:
    """The running counts of one limit."""

    def __init__(self) -> None:
        self.num_cut = self.num_answers_cut = self.num_tokens = self.num_gone = 0

    def add(self, weights: np.ndarray, limit: int, num_taught: int) -> None:
        lost = int(np.count_nonzero(weights[limit:]))
        self.num_cut += 1
        self.num_answers_cut += lost > 0
        self.num_tokens += lost
        self.num_gone += 0 < num_taught == lost


class TokenMeter:
    """Counts tokens of rows that arrive one at a time; 12 bytes are kept of each training row.

    Args:
        encoder: the model's tokenizer and template.
        max_length: the limit that the user has in mind; without one the model's context decides.
    """

    def __init__(self, encoder: Encoder, max_length: int | None = None) -> None:
        self._encoder = encoder
        self._why = _limits(encoder.context_tokens, max_length)
        self._deciding = min(max_length or encoder.context_tokens, encoder.context_tokens)
        self._losses = {limit: _Loss() for limit in self._why}
        self._rows, self._prompts, self._answers = Numbers(), Numbers(), Numbers()
        self._prefixes = PrefixMeter()
        self._num_not_encoded = 0
        self._faults: list[str] = []

    def add(self, row: AnyRow) -> None:
        """Encode one row and count what it gives."""
        encoded = self._encoder.encode(row)
        if isinstance(encoded, RowFault):
            self._num_not_encoded += 1
            if len(self._faults) < _NUM_FAULTS_SHOWN:
                self._faults.append(printable(str(encoded)))
            return
        for each in encoded:
            self._add_training_row(each)

    def result(self) -> TokenProfile:
        """Return the counts so far."""
        rows, answers = self._rows.quantiles(), self._answers.quantiles()
        limits = [
            LimitLoss(limit, self._why[limit], loss.num_cut, loss.num_answers_cut, loss.num_tokens, loss.num_gone)
            for limit, loss in self._losses.items()
        ]
        return TokenProfile(
            model=self._encoder.name,
            context_tokens=self._encoder.context_tokens,
            num_training_rows=rows.count,
            num_not_encoded=self._num_not_encoded,
            faults=tuple(self._faults),
            rows=rows,
            prompts=self._prompts.quantiles(),
            answers=answers,
            histogram=self._rows.histogram(),
            prompt_histogram=self._prompts.histogram(),
            answer_histogram=self._answers.histogram(),
            taught_share=answers.total / max(1, rows.total),
            limits=tuple(limits),
            deciding_limit=self._deciding,
            shared_prefixes=self._prefixes.result(),
        )

    def _add_training_row(self, encoded: Encoded) -> None:
        length = len(encoded.ids)
        num_taught = int(np.count_nonzero(encoded.weights))
        self._rows.add(length)
        self._prompts.add(length - num_taught)
        self._answers.add(num_taught)
        self._prefixes.add(encoded.ids)
        for limit, loss in self._losses.items():
            if limit >= length:
                break
            loss.add(encoded.weights, limit, num_taught)


def _limits(context_tokens: int, max_length: int | None) -> dict[int, str]:
    """Return each limit that is counted, in rising order, and where it comes from."""
    why: dict[int, str] = dict.fromkeys(COMMON_LIMITS, "common")
    why[context_tokens] = "the model's context"
    if max_length is not None:
        why[max_length] = "--max-length" if max_length != context_tokens else "--max-length, the model's context"
    return dict(sorted(why.items()))
