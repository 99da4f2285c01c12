"""TRL's SFTTrainer as installed: its own precision, collation, checkpointing and batch of 8.

What is set is what is asked for: rows per optimiser step, learning rate, the adapter, the order of the rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence

import trl  # pyright: ignore[reportMissingImports] - installed for this benchmark only
from train_rows import TokenRow

from train_arms.job import Job, Trained, run_arm
from train_arms.watching import Watch, adapter, arguments, as_dataset, heldout_of, num_trainable

DEFAULT_BATCH = 8


def train(job: Job, rows: Sequence[TokenRow]) -> Trained:
    """Train and return what came of it."""
    batch = min(DEFAULT_BATCH, job.rows_per_step)
    with tempfile.TemporaryDirectory() as scratch:
        config = trl.SFTConfig(**arguments(job, batch, scratch))
        trainer = trl.SFTTrainer(
            model=job.model,
            args=config,
            train_dataset=as_dataset(rows),
            eval_dataset=heldout_of(job),
            peft_config=adapter(),
        )
        watch = Watch(job, num_trainable(trainer.model))
        trainer.add_callback(watch)
        trainer.train()
    return watch.trained


if __name__ == "__main__":
    run_arm(train)
