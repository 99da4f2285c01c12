"""What need not end a run does not: losses that are not numbers, memory that runs out, a disk that is full."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.unit.train.small_net import make_token_rows
from tests.unit.train.test_loop import ROWS, assert_equal, make_loop, make_model, run, stop_after, weights_of
from tunewright.data.encode import EncodedRow
from tunewright.errors import Interrupted, StorageError, TrainingError
from tunewright.objectives.causal_lm import CausalLm
from tunewright.objectives.objective import Head, LossTerms
from tunewright.runs.events import BatchSkipped, CheckpointSaved, MicroBatchHalved, Notice, RateLowered
from tunewright.runs.metrics import OF_THE_MACHINE
from tunewright.spec.objective import CausalLmSpec
from tunewright.train import loop as loop_module
from tunewright.train.checkpoint import LoopState, save_checkpoint
from tunewright.train.loop import Loop

CONSTANT = {"schedule": {"kind": "constant", "warmup": 0.0}}
BAD_ID = 63
PLAIN = CausalLm(CausalLmSpec())


class Poisoned:
    """The objective, whose loss is not a number wherever `is_bad` says so."""

    def __init__(self, is_bad: Callable[[torch.Tensor], bool]) -> None:
        self.is_bad = is_bad

    def __call__(self, head: Head, target_N: torch.Tensor, weight_N: torch.Tensor) -> LossTerms:
        terms = PLAIN(head, target_N, weight_N)
        return LossTerms(terms.loss_sum * math.nan, terms.sums) if self.is_bad(target_N) else terms


class Scarce:
    """The objective in too little memory: it refuses more than `limit` taught tokens at once, `times` times."""

    def __init__(self, limit: int, refusal: Exception, *, times: int = 1000, from_call: int = 0) -> None:
        self.limit, self.refusal, self.times, self.from_call = limit, refusal, times, from_call

    def __call__(self, head: Head, target_N: torch.Tensor, weight_N: torch.Tensor) -> LossTerms:
        self.from_call -= 1
        if len(target_N) > self.limit and self.times and self.from_call < 0:
            self.times -= 1
            raise self.refusal
        return PLAIN(head, target_N, weight_N)


def rows_with_bad(*bad: int) -> list[EncodedRow]:
    """Return rows of which those numbered `bad` teach the token that `teaches_bad_id` knows, and no other does."""
    rows = [dataclasses.replace(row, ids=np.minimum(row.ids, BAD_ID - 1)) for row in make_token_rows(11)]
    for number in bad:
        rows[number].ids[-1] = BAD_ID
    return rows


def teaches_bad_id(target_N: torch.Tensor) -> bool:
    return bool((target_N == BAD_ID).any())


def loop_with(path: Path, objective: Any, rows: list[EncodedRow] = ROWS, **settings: Any) -> Loop:
    """Return a loop with another objective and rows; the rest is that of `make_loop`."""
    loop = make_loop(path, make_model(), **settings)
    given = dataclasses.replace(loop.given, objective=objective, rows=rows)
    return Loop(given, loop.recorder)


def too_fast(path: Path, limit: float, *, should_stop: Callable[[], bool] = lambda: False) -> Loop:
    """Return a loop whose loss is not a number while its learning rate is above `limit`."""
    found: list[Loop] = []

    def is_bad(target_N: torch.Tensor) -> bool:
        return found[0].optimizer.param_groups[0]["lr"] > limit

    found.append(loop_with(path, Poisoned(is_bad), ROWS, should_stop=should_stop, **CONSTANT))
    return found[0]


def told(loop: Loop, kind: type) -> list[Any]:
    return [event for event in loop.recorder.run.events() if isinstance(event, kind)]


# ── losses that are not numbers ──────────────────────────────────────────────────────────────────────────────────────


def test_a_batch_with_a_bad_loss_is_skipped_and_its_rows_are_named(tmp_path: Path) -> None:
    loop = loop_with(tmp_path / "run", Poisoned(teaches_bad_id), rows_with_bad(3))
    before: list[dict[str, torch.Tensor]] = []
    step = loop._one_step

    def watched() -> None:
        before.append({name: weight.detach().clone() for name, weight in loop.masters.tensors.items()})
        step()

    loop._one_step = watched  # our own instance
    assert run(loop).step == 10
    skipped = told(loop, BatchSkipped)
    assert skipped
    rows = loop.recorder.run.metrics()
    assert [row.step for row in rows] == list(range(1, 11))
    for event in skipped:
        assert event.reason == "the loss was nan"
        assert "rows.jsonl:4" in event.rows
        assert rows[event.step - 1].train_loss is None
        assert_equal(before[event.step], before[event.step - 1]) if event.step < 10 else None
    assert {row.step for row in rows if row.train_loss is None} == {event.step for event in skipped}
    assert not told(loop, RateLowered)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    loop = too_fast(tmp_path_factory.mktemp("whole") / "run", 0.004)
    run(loop)
    return loop


@pytest.mark.parametrize("num_done", [1, 2, 3, 4, 5, 6, 8, 9, 13])
def test_a_run_that_went_back_resumes_to_the_bit_from_any_step(num_done: int, whole: Loop, tmp_path: Path) -> None:
    lowered = told(whole, RateLowered)
    assert [(event.step, event.back_to, event.rate_scale) for event in lowered] == [(3, 0, 0.5), (3, 0, 0.25)]
    assert [row.step for row in whole.recorder.run.metrics()] == list(range(1, 11))
    assert {row.learning_rate for row in whole.recorder.run.metrics()} == {0.0025}

    cut = too_fast(tmp_path / "cut", 0.004, should_stop=stop_after(num_done))
    with pytest.raises(Interrupted):
        run(cut)
    second = too_fast(tmp_path / "cut", 0.004)
    torch.manual_seed(99)
    [*_, newest] = second.recorder.run.checkpoints()
    second.recorder.run.truncate_metrics_after(newest.step)
    state = run(second, newest.path)
    assert (state.rate_scale, state.num_back_offs) == (0.25, 2)
    assert_equal(second.masters.tensors, whole.masters.tensors)
    rows, expected = (each.recorder.run.metrics() for each in (second, whole))
    for row, other in zip(rows, expected, strict=True):
        assert row.model_dump(exclude=set(OF_THE_MACHINE)) == other.model_dump(exclude=set(OF_THE_MACHINE))


def test_a_second_return_goes_behind_a_checkpoint_that_did_not_help(tmp_path: Path) -> None:
    is_bad = iter([False] * 4 + [True] * 6)
    loop = loop_with(tmp_path / "run", Poisoned(lambda target_N: next(is_bad, False)), ROWS, **CONSTANT)
    assert run(loop).step == 10
    assert [(event.step, event.back_to) for event in told(loop, RateLowered)] == [(7, 3), (6, 0)]
    assert [row.step for row in loop.recorder.run.metrics()] == list(range(1, 11))
    assert loop.state.num_back_offs == 2


def test_rows_that_always_fail_end_the_run_by_name(tmp_path: Path) -> None:
    loop = loop_with(tmp_path / "run", Poisoned(teaches_bad_id), rows_with_bad(2, 5), batch_size=14)
    with pytest.raises(TrainingError, match="fail by themselves") as caught:
        run(loop)
    assert "rows.jsonl:3" in caught.value.message
    assert "rows.jsonl:6" in caught.value.message
    assert {fault.path for fault in caught.value.faults} == {"rows.jsonl:3", "rows.jsonl:6"}
    assert "mend or remove these rows" in caught.value.hint
    assert len(told(loop, RateLowered)) == 3
    assert loop.recorder.run.checkpoints()


def test_where_every_row_fails_the_recipe_is_blamed_and_not_the_rows(tmp_path: Path) -> None:
    loop = loop_with(tmp_path / "run", Poisoned(lambda target_N: True))
    with pytest.raises(TrainingError, match="the loss was nan in 3 batches in a row") as caught:
        run(loop)
    assert "train.learning_rate" in caught.value.hint
    assert not caught.value.faults


# ── memory ───────────────────────────────────────────────────────────────────────────────────────────────────────────

REFUSALS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes"),
    MemoryError(),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=["cuda", "cpu", "python"])
def test_a_refused_step_is_done_again_in_smaller_pieces_with_the_same_rows(refusal: Exception, tmp_path: Path) -> None:
    small = loop_with(tmp_path / "small", PLAIN, hardware={"micro_batch_tokens": 16})
    run(small)
    loop = loop_with(tmp_path / "run", Scarce(0, refusal, times=1), hardware={"micro_batch_tokens": 32})
    state = run(loop)
    [event] = told(loop, MicroBatchHalved)
    assert (event.step, event.former_tokens, event.tokens, event.cause) == (0, 32, 16, "allocator")
    assert state.micro_batch_tokens == 16
    # Dropout included: the refused attempt left no trace in the random generators.
    assert_equal(loop.masters.tensors, small.masters.tensors)


def test_the_smaller_budget_outlives_an_interruption(tmp_path: Path) -> None:
    def make(**more: Any) -> Loop:
        return loop_with(tmp_path / "run", Scarce(0, MemoryError(), times=1, from_call=5), **more)

    cut = make(should_stop=stop_after(6))
    with pytest.raises(Interrupted):
        run(cut)
    [event] = told(cut, MicroBatchHalved)
    second = loop_with(tmp_path / "run", PLAIN)
    state = run(second, second.recorder.run.checkpoints()[-1].path)
    assert state.micro_batch_tokens == event.tokens
    assert len(told(second, MicroBatchHalved)) == 1


def test_a_row_that_does_not_fit_by_itself_is_named(tmp_path: Path) -> None:
    loop = loop_with(tmp_path / "run", Scarce(0, MemoryError()))
    with pytest.raises(TrainingError, match=r"rows.jsonl:\d+: a row of \d+ tokens does not fit into memory") as caught:
        run(loop)
    assert "data.max_length" in caught.value.hint


def test_memory_that_runs_out_while_the_weights_move_ends_the_run(tmp_path: Path) -> None:
    class Full(torch.optim.SGD):
        def step(self, closure: object = None) -> None:  # type: ignore[override]
            raise REFUSALS[1]

    loop = make_loop(tmp_path / "run", make_model())
    full = Full(loop.masters.tensors.values(), lr=0.1)
    loop.optimizer, loop.stepper = full, dataclasses.replace(loop.stepper, optimizer=full)
    with pytest.raises(TrainingError, match="while the optimiser moved the weights") as caught:
        run(loop)
    assert "adamw_8bit" in caught.value.hint


def test_another_error_of_torch_is_no_lack_of_memory(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="shapes differ"):
        run(loop_with(tmp_path / "run", Scarce(0, RuntimeError("shapes differ"))))


# ── storage ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def failing_at(step: int, times: int) -> Callable[..., None]:
    left = iter(range(times))

    def save(path: Path, state: LoopState, *rest: Any) -> None:
        if state.step == step and next(left, None) is not None:
            raise StorageError(f"{path}: cannot be written: no space is left on the device", hint="free some space")
        save_checkpoint(path, state, *rest)

    return save


def test_a_checkpoint_that_finds_no_room_is_written_after_the_oldest_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_module, "save_checkpoint", failing_at(6, 1))
    loop = make_loop(tmp_path / "run", make_model(), keep_checkpoints=9)
    assert run(loop).step == 10
    assert [checkpoint.step for checkpoint in loop.recorder.run.checkpoints()] == [3, 6, 9, 10]
    [notice] = told(loop, Notice)
    assert "no space is left" in notice.message
    assert "step-000000 had been removed" in notice.message


def test_a_disk_that_stays_full_stops_the_run_with_former_checkpoints_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = make_loop(tmp_path / "whole", make_model())
    run(whole)
    with monkeypatch.context() as patch:
        patch.setattr(loop_module, "save_checkpoint", failing_at(6, 2))
        loop = make_loop(tmp_path / "run", make_model())
        with pytest.raises(StorageError, match="no space is left"):
            run(loop)
    folder = loop.recorder.run
    assert [checkpoint.step for checkpoint in folder.checkpoints()] == [3]
    folder.truncate_metrics_after(3)
    second = make_loop(tmp_path / "run", make_model())
    run(second, folder.checkpoints()[-1].path)
    assert_equal(second.masters.tensors, whole.masters.tensors)
    assert [event.step for event in told(second, CheckpointSaved)] == [0, 3, 6, 9, 10]


# ── what training draws from ─────────────────────────────────────────────────────────────────────────────────────────


def test_saving_and_validating_take_nothing_from_training(tmp_path: Path) -> None:
    def greedy() -> dict[str, float]:
        torch.rand(7)
        np.random.random()
        return {"valid_loss": 1.0}

    results = []
    for number, (every, validate) in enumerate([(10, None), (1, None), (10, greedy), (1, greedy)]):
        loop = make_loop(tmp_path / str(number), make_model(), eval_steps=every, save_steps=every)
        loop = Loop(dataclasses.replace(loop.given, validate=validate), loop.recorder)
        state = run(loop)
        assert state.best_step == (min(every, 10) if validate else None)
        results.append(_weights_of_last_step(loop))
    for result in results[1:]:
        assert_equal(result, results[0])


def _weights_of_last_step(loop: Loop) -> dict[str, torch.Tensor]:
    from tunewright.train.checkpoint import load_weights

    load_weights(loop.recorder.run.checkpoint_path(10), loop.masters)
    return {name: tensor.detach().clone() for name, tensor in loop.masters.tensors.items()}


def test_five_runs_of_one_seed_are_one_run(tmp_path: Path) -> None:
    results = []
    for number in range(5):
        model = make_model(torch.bfloat16)
        run(make_loop(tmp_path / str(number), model, hardware={"micro_batch_tokens": 30}))
        results.append(weights_of(model))
    for result in results[1:]:
        assert_equal(result, results[0])
