"""The loop ends where it should, resumes to the bit, and delivers its best weights."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from tests.unit.train.small_net import make_net, make_runner, make_token_rows
from tunewright.errors import Interrupted
from tunewright.methods.lora import Lora
from tunewright.objectives.causal_lm import CausalLm
from tunewright.runs.events import CheckpointSaved, Notice, TrainingStarted, Validated
from tunewright.runs.folder import RunFolder
from tunewright.runs.metrics import OF_THE_MACHINE
from tunewright.runs.recorder import Recorder, Silent
from tunewright.spec.method import LoraSpec
from tunewright.spec.objective import CausalLmSpec
from tunewright.spec.recipe import Recipe
from tunewright.spec.train import TrainSpec
from tunewright.train.checkpoint import LoopState
from tunewright.train.loop import Loop, LoopInput

ROWS = make_token_rows(11)
NUM_STEPS = 10
SETTLED: dict[str, Any] = {"learning_rate": 0.01, "batch_size": 4, "epochs": 3, "eval_steps": 2, "save_steps": 3}


def make_model(dtype: torch.dtype = torch.float32, *, with_lora: bool = False) -> PreTrainedModel:
    model = make_net(dtype=dtype, dropout=0.1)
    torch.manual_seed(4)
    return Lora(LoraSpec(rank=4, dropout=0.1)).apply(model) if with_lora else model


def make_loop(
    path: Path,
    model: PreTrainedModel,
    *,
    losses: Sequence[float] = (),
    should_stop: Callable[[], bool] = lambda: False,
    **settings: Any,
) -> Loop:
    """Return a loop in the run at `path`, made if it is new; validations give `losses` in turn."""
    run = RunFolder.open(path) if path.exists() else RunFolder.create(path, Recipe())
    given = iter(losses)
    loop_input = LoopInput(
        model=make_runner(model),
        objective=CausalLm(CausalLmSpec()),
        rows=ROWS,
        source_sizes=(6, 5),
        source_weights=(1.0, 1.5),
        spec=TrainSpec.model_validate({**SETTLED, **settings}),
        num_steps=NUM_STEPS,
        validate=(lambda: {"valid_loss": next(given)}) if losses else None,
        should_stop=should_stop,
    )
    return Loop(loop_input, Recorder(run, Silent()))


def run(loop: Loop, resume_from: Path | None = None) -> LoopState:
    with loop.recorder.run:
        return loop.run(resume_from)


def weights_of(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def assert_equal(actual: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert actual.keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in actual.items())


def stop_after(num_steps: int) -> Callable[[], bool]:
    asked = iter(range(1, 1000))
    return lambda: next(asked) == num_steps


@pytest.mark.parametrize("with_lora", [False, True], ids=["full", "lora"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("num_done", [1, 3, 6, NUM_STEPS])
def test_a_resumed_run_is_the_uninterrupted_one_to_the_bit(
    num_done: int, dtype: torch.dtype, with_lora: bool, tmp_path: Path
) -> None:
    whole = make_model(dtype, with_lora=with_lora)
    loop = make_loop(tmp_path / "whole", whole)
    run(loop)

    first = make_loop(tmp_path / "cut", make_model(dtype, with_lora=with_lora), should_stop=stop_after(num_done))
    with pytest.raises(Interrupted, match=f"step {num_done} of {NUM_STEPS}"):
        run(first)
    folder = first.recorder.run
    assert folder.checkpoints()[-1].step == num_done
    fresh = make_model(dtype, with_lora=with_lora)
    torch.manual_seed(999)
    second = make_loop(folder.path, fresh)
    state = run(second, folder.checkpoints()[-1].path)
    assert state.step == NUM_STEPS
    assert state.tokens == loop.state.tokens
    assert_equal(weights_of(fresh), weights_of(whole))
    assert_equal(second.masters.tensors, loop.masters.tensors)
    told = [row.model_dump(exclude=set(OF_THE_MACHINE)) for row in folder.metrics()]
    assert told == [row.model_dump(exclude=set(OF_THE_MACHINE)) for row in loop.recorder.run.metrics()]


def test_the_seed_decides_the_order_and_so_the_weights(tmp_path: Path) -> None:
    results = []
    for number, seed in enumerate((0, 0, 1)):
        model = make_model()
        run(make_loop(tmp_path / str(number), model, seed=seed))
        results.append(weights_of(model))
    assert_equal(results[0], results[1])
    assert not torch.equal(results[0]["model.norm.weight"], results[2]["model.norm.weight"])


def test_how_the_batch_is_cut_changes_the_weights_by_rounding_only(tmp_path: Path) -> None:
    results = []
    for budget in (4096, 20):
        model = make_net()
        run(make_loop(tmp_path / str(budget), model, hardware={"micro_batch_tokens": budget}))
        results.append(weights_of(model))
    for name, weight in results[0].items():
        torch.testing.assert_close(weight, results[1][name], rtol=1e-2, atol=2e-3)


def test_every_step_has_a_complete_row_of_metrics(tmp_path: Path) -> None:
    loop = make_loop(tmp_path / "run", make_model(), losses=[3.0, 2.5, 2.4, 2.3, 2.2, 2.1])
    run(loop)
    rows = loop.recorder.run.metrics()
    assert [row.step for row in rows] == list(range(1, NUM_STEPS + 1))
    assert [row.valid_loss for row in rows] == [None, 2.5, None, 2.4, None, 2.3, None, 2.2, None, 2.1]
    for row in rows:
        assert row.train_loss is not None
        assert math.isfinite(row.train_loss)
        assert row.train_token_accuracy is not None
        assert row.grad_norm
        assert row.learning_rate
    assert [row.tokens for row in rows] == sorted({row.tokens for row in rows})
    assert [row.seconds for row in rows] == sorted(row.seconds for row in rows)
    assert max(row.learning_rate or 0 for row in rows) <= SETTLED["learning_rate"]


def test_the_base_is_validated_before_the_first_step_and_is_no_best(tmp_path: Path) -> None:
    loop = make_loop(tmp_path / "run", make_model(), losses=[1.0, 2.5, 2.4, 2.3, 2.2, 2.1])
    state = run(loop)
    told = [event for event in loop.recorder.run.events() if isinstance(event, Validated)]
    assert [(event.step, event.is_best) for event in told] == [
        (0, False),
        *((step, True) for step in (2, 4, 6, 8, 10)),
    ]
    assert state.best_step == 10


def test_the_best_weights_are_delivered_and_their_checkpoint_is_kept(tmp_path: Path) -> None:
    best = make_model()
    with pytest.raises(Interrupted):
        run(make_loop(tmp_path / "best", best, losses=[9.0, 2.0, 1.0], should_stop=stop_after(4)))

    model = make_model()
    loop = make_loop(tmp_path / "run", model, losses=[9.0, 2.0, 1.0, 3.0, 4.0, 5.0], keep_checkpoints=1, save_steps=2)
    state = run(loop)
    assert (state.best_step, state.best_value, state.step) == (4, 1.0, NUM_STEPS)
    assert [checkpoint.step for checkpoint in loop.recorder.run.checkpoints()] == [4, 10]
    assert_equal(weights_of(model), weights_of(best))
    assert not model.training


def test_it_stops_when_nothing_gets_better(tmp_path: Path) -> None:
    loop = make_loop(tmp_path / "run", make_model(), losses=[9.0, 2.0, 2.5, 2.1, 0.1], stop={"patience": 2})
    state = run(loop)
    assert (state.step, state.best_step) == (6, 2)
    assert any("stopped early at step 6" in e.message for e in loop.recorder.run.events() if isinstance(e, Notice))


def test_a_gain_within_min_delta_is_none(tmp_path: Path) -> None:
    stop = {"patience": 2, "min_delta": 0.5}
    loop = make_loop(tmp_path / "run", make_model(), losses=[9.0, 2.0, 1.6, 1.55, 0.0], stop=stop)
    assert run(loop).step == 6


def test_patience_outlives_an_interruption(tmp_path: Path) -> None:
    first = make_loop(
        tmp_path / "run",
        make_model(),
        losses=[9.0, 2.0, 2.5],
        stop={"patience": 2},
        should_stop=stop_after(4),
    )
    with pytest.raises(Interrupted):
        run(first)
    folder = first.recorder.run
    second = make_loop(folder.path, make_model(), losses=[2.1, 0.0], stop={"patience": 2})
    assert run(second, folder.checkpoints()[-1].path).step == 6


def test_a_validation_that_was_interrupted_is_done_when_the_run_goes_on(tmp_path: Path) -> None:
    losses = [9.0, 2.0, 1.0, 3.0, 4.0, 5.0]
    whole = make_loop(tmp_path / "whole", make_model(), losses=losses)
    run(whole)

    def interrupted(given: Iterator[float]) -> dict[str, float]:
        torch.rand(3)
        if (loss := next(given, None)) is None:
            raise Interrupted("stopped as asked")
        return {"valid_loss": loss}

    cut = make_loop(tmp_path / "cut", make_model())
    short = iter(losses[:2])
    cut = Loop(dataclasses.replace(cut.given, validate=lambda: interrupted(short)), cut.recorder)
    with pytest.raises(Interrupted):
        run(cut)
    assert cut.recorder.run.checkpoints()[-1].step == 4
    assert [row.step for row in cut.recorder.run.metrics()] == [1, 2, 3]
    second = make_loop(tmp_path / "cut", make_model(), losses=losses[2:])
    state = run(second, cut.recorder.run.checkpoints()[-1].path)
    assert dataclasses.replace(state, seconds=0) == dataclasses.replace(whole.state, seconds=0)
    rows, expected = (each.recorder.run.metrics() for each in (second, whole))
    for row, other in zip(rows, expected, strict=True):
        assert row.model_dump(exclude=set(OF_THE_MACHINE)) == other.model_dump(exclude=set(OF_THE_MACHINE))
    assert_equal(second.masters.tensors, whole.masters.tensors)


def test_a_validation_that_is_not_a_number_is_never_the_best(tmp_path: Path) -> None:
    loop = make_loop(tmp_path / "run", make_model(), losses=[9.0, math.nan, 2.0, 3.0, 4.0, math.nan])
    assert run(loop).best_step == 4


def test_without_validation_the_last_weights_are_delivered(tmp_path: Path) -> None:
    loop = make_loop(tmp_path / "run", make_model(), keep_checkpoints=1)
    state = run(loop)
    assert (state.best_step, state.step) == (None, NUM_STEPS)
    steps = [event.step for event in loop.recorder.run.events() if isinstance(event, CheckpointSaved)]
    assert steps == [0, 3, 6, 9, 10]
    assert [checkpoint.step for checkpoint in loop.recorder.run.checkpoints()] == [10]


def test_the_announcement_counts_one_epoch(tmp_path: Path) -> None:
    loop = make_loop(tmp_path / "run", make_model())
    run(loop)
    [event] = [event for event in loop.recorder.run.events() if isinstance(event, TrainingStarted)]
    # 6 rows once and 5 rows one and a half times.
    assert event.num_rows == 6 + 8
    assert event.num_steps == NUM_STEPS
    assert event.num_supervised_tokens < event.num_tokens
