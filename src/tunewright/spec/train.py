"""How the weights move: length, batch, optimiser, schedule, stopping, hardware.

`None` means automatic; `spec/defaults.py` holds the published rules and names the one that chose.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tunewright.spec.node import Node


class OptimizerSpec(Node):
    """How a gradient becomes an update, with clipping of the global gradient norm."""

    kind: Literal["adamw", "adamw_8bit", "muon"] = "adamw"
    """AdamW (arXiv 1711.05101); the same with 8-bit state (bitsandbytes); Muon on matrices with AdamW on the rest."""
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.99, ge=0, lt=1)
    eps: float = Field(default=1e-8, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    """Decay on matrices; vectors (norms, biases) and embeddings are never decayed."""
    max_grad_norm: float | None = Field(default=1.0, gt=0)
    """Largest global gradient norm; larger gradients are scaled down. None: no clipping."""
    momentum: float = Field(default=0.95, ge=0, lt=1)
    """Nesterov momentum of Muon; AdamW has betas instead."""
    rounding: Literal["masters", "stochastic"] = "masters"
    """How small updates survive in bf16: fp32 master copies, or stochastic rounding of bf16 weights (less memory)."""


class ScheduleSpec(Node):
    """The learning rate over the run, as a multiple of `train.learning_rate`."""

    kind: Literal["cosine", "linear", "constant", "wsd"] = "cosine"
    """`wsd`: warm-up, stable, then a linear decay over the last `decay` of the steps."""
    warmup: float = Field(default=0.05, ge=0, le=1)
    """Share of the steps in which the rate climbs from 0."""
    floor: float = Field(default=0.0, ge=0, le=1)
    """Multiple of the learning rate that cosine, linear and wsd end at."""
    decay: float = Field(default=0.2, ge=0, le=1)
    """Share of the steps in which wsd falls."""


class StopSpec(Node):
    """When to stop before the last step."""

    patience: int | None = Field(default=None, ge=1)
    """Stop after so many validations without a new best. None: never."""
    metric: str = Field(default="valid_loss", pattern=r"^\w+$")
    """What decides the best checkpoint: `valid_loss`, `perplexity`, `token_accuracy`, or a grader's name (answers are
    then written at every validation)."""
    min_delta: float = Field(default=0.0, ge=0)
    """A validation is a new best, and its weights are those delivered, when it is better by more than this."""
    max_minutes: float | None = Field(default=None, gt=0)
    """Wall-clock time after which the run saves a checkpoint and pauses; `tunewright resume` goes on. None: never."""


class HardwareSpec(Node):
    """Where and in which precision the job computes."""

    device: str = Field(default="auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")
    """`auto` takes a CUDA GPU, else Apple's GPU, else the CPU."""
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """`auto` takes bf16 where the device multiplies it fast (by its feature flags, never by a timing)."""
    micro_batch_tokens: int = Field(default=4096, ge=1)
    """Most tokens computed at once; larger batches are accumulated."""
    layout: Literal["auto", "tree", "packed", "padded"] = "auto"
    """How rows are laid out: shared prefixes computed once, rows back to back, or side by side with padding.
    `auto` takes the first that the architecture supports exactly."""
    activation_checkpointing: bool = False
    """Recompute activations in the backward pass: far less memory, about a third more time."""
    keep_frozen_states: bool = False
    """Keep on disk what frozen lower layers make of each row: from the second epoch on they are not computed. For
    adapters on upper layers only (`method.layers`); takes tokens · width · 2 bytes in the run folder."""
    compile: bool = False
    """Let torch.compile fuse norms and MLPs of models whose own layers compute (Gemma, Phi-3, GPT-2 …). It takes 5 to
    20 s at first and gained about a tenth, so it pays in runs of minutes."""


class TrainSpec(Node):
    """One optimisation: how long, how fast, how often it is looked at."""

    epochs: float | None = Field(default=None, gt=0)
    """Passes over the training rows. Automatic: by their number."""
    max_steps: int | None = Field(default=None, ge=1)
    """Optimiser steps; overrides `epochs`."""
    learning_rate: float | None = Field(default=None, gt=0, le=1)
    """Peak learning rate. Automatic: by method and model size."""
    batch_size: int | None = Field(default=None, ge=1)
    """Rows per optimiser step. Automatic: by the number of rows."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of initialisation, order and dropout."""
    save_steps: int | None = Field(default=None, ge=1)
    """Optimiser steps between checkpoints. Automatic: at every validation."""
    eval_steps: int | None = Field(default=None, ge=1)
    """Optimiser steps between validations. Automatic: about 8 over the run."""
    keep_checkpoints: int = Field(default=2, ge=1)
    """Newest checkpoints that are kept beside the best one."""
    optimizer: OptimizerSpec = OptimizerSpec()
    schedule: ScheduleSpec = ScheduleSpec()
    stop: StopSpec = StopSpec()
    hardware: HardwareSpec = HardwareSpec()
