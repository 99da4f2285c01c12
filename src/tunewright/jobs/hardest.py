"""Score the training rows once more at the end of a run, and keep the hardest for the report.

A pass without gradients over a bounded sample; it can be stopped between two batches and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tunewright.data.encode import EncodedRow
from tunewright.evaluate.hardest import find_hardest, sample_token_rows
from tunewright.jobs.prepare import Prepared
from tunewright.jobs.stop import StopRequest
from tunewright.jobs.validation import Progress, evaluation_mode
from tunewright.runs.hardest import HARDEST, save_hardest
from tunewright.runs.recorder import Recorder
from tunewright.train.randomness import randomness_kept

# A forward pass is a third of a step's work: of one epoch over more rows, this is little.
_MAX_ROWS = 2_000

ScoreTokenRows = Callable[[Sequence[EncodedRow], Progress], np.ndarray]


def write_hardest(prepared: Prepared, row_losses: ScoreTokenRows, recorder: Recorder, stop: StopRequest) -> None:
    """Write `report/hardest.json`; `row_losses(rows, on_progress)` returns float64 [rows], nats per supervised token.

    Raises:
        Interrupted: if `stop` was requested meanwhile.
        StorageError: if the storage refuses.
    """
    rows = sample_token_rows(prepared.tokens.train, _MAX_ROWS, prepared.recipe.data.split_seed)

    def tell(done: int, total: int) -> None:
        stop.check()
        recorder.progress("finding the hardest rows", done, total)

    with randomness_kept(), evaluation_mode(prepared.model):
        hardest = find_hardest(rows, lambda some: row_losses(some, tell), num_all=len(prepared.tokens.train))
    save_hardest(recorder.run.path / HARDEST, hardest)
