"""A validation measures what decides, leaves no trace in the training, and can be stopped between two batches."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tiny import write_rows
from tunewright.errors import Interrupted, RecipeError
from tunewright.evaluate.loss import LossScore
from tunewright.graders.grade import Grade, GradeFailure, Item, Output
from tunewright.graders.words import Contains, ExactMatch
from tunewright.jobs.prepare import Prepared, prepare
from tunewright.jobs.stop import StopRequest
from tunewright.jobs.validation import (
    Progress,
    check_metric_name,
    check_metric_rows,
    evaluation_mode,
    make_validator,
)
from tunewright.runs.events import Notice
from tunewright.runs.folder import RunFolder
from tunewright.runs.recorder import Recorder, Silent
from tunewright.spec.recipe import Recipe, build_recipe


def make_recipe(folder: Path, model: Path, metric: str, **parts: dict[str, Any]) -> Recipe:
    rows = folder / "rows.jsonl"
    write_rows(rows, 20)
    return build_recipe(
        {
            "model": {"source": str(model)},
            "data": {"train": str(rows), "validation_split": 0.5, **parts.get("data", {})},
            "train": {"max_steps": 2, "stop": {"metric": metric}, "hardware": {"device": "cpu", "precision": "fp32"}},
            "evaluate": {"max_rows": 3, "max_new_tokens": 4, **parts.get("evaluate", {})},
        }
    )


class Telling(Silent):
    """Keeps the progress that it is told, and presses Ctrl-C at the first of `phase`."""

    def __init__(self, phase: str = "") -> None:
        self.phase = phase
        self.told: list[tuple[str, int, int]] = []

    def on_progress(self, phase: str, done: int, total: int) -> None:
        self.told.append((phase, done, total))
        if phase == self.phase:
            signal.raise_signal(signal.SIGINT)
            self.phase = ""


def score_rows(tell: Progress) -> LossScore:
    """Score as the real one would, drawing from every generator on the way."""
    for done in (1, 2, 3):
        torch.rand(3), np.random.rand(3), random.random()
        tell(done, 3)
    return LossScore(2.0, 0.25)


@pytest.fixture
def make(
    tiny_model: Path, tmp_path: Path
) -> Iterator[Callable[..., tuple[Callable[[], dict[str, float]], Prepared, Telling]]]:
    opened: list[RunFolder] = []
    signals = ExitStack()

    def build(metric: str, *, stop_in: str = "") -> tuple[Callable[[], dict[str, float]], Prepared, Telling]:
        recipe = make_recipe(tmp_path, tiny_model, metric)
        prepared = prepare(recipe, Silent())
        stop = signals.enter_context(StopRequest())
        listener = Telling(stop_in)
        opened.append(RunFolder.create(tmp_path / "run", recipe))
        return make_validator(prepared, score_rows, Recorder(opened[-1], listener), stop), prepared, listener

    with signals:
        yield build
    for run in opened:
        run.close()


# ── what is measured ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_loss_metric_needs_no_answers(make: Callable[..., Any]) -> None:
    validate, _, listener = make("token_accuracy")
    assert validate() == {"valid_loss": 2.0, "perplexity": pytest.approx(7.389, abs=1e-3), "token_accuracy": 0.25}
    assert listener.told == [("validating", 1, 3), ("validating", 2, 3), ("validating", 3, 3)]


def test_a_grader_s_mean_is_over_the_same_answers_each_time(
    make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def grade(self: ExactMatch, output: Output, item: Item, /) -> Grade:
        assert item.reference is not None
        seen.append(item.reference)
        return 0.5 if len(seen) % 3 else 1.0

    monkeypatch.setattr(ExactMatch, "__call__", grade)
    validate, prepared, listener = make("exact_match")
    first, second = validate(), validate()
    assert first == second == {**first, "valid_loss": 2.0, "exact_match": pytest.approx(2 / 3)}
    assert len(seen) == 6
    assert seen[:3] == seen[3:]
    assert set(seen) <= {row.source.reference for row in prepared.tokens.validation}
    assert ("answering to validate", 3, 3) in listener.told


def test_answers_that_cannot_be_graded_are_told_once_and_are_no_zero(
    make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Contains, "__call__", lambda self, output, item: GradeFailure("no fact"))
    validate, _, _ = make("contains")
    assert "contains" not in validate()
    validate()
    [notice] = [event for event in RunFolder(tmp_path / "run").events() if isinstance(event, Notice)]
    assert "contains could not grade 3 of 3 validation answers" in notice.message
    assert notice.message.endswith("no fact")


# ── what is left as it was ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("metric", ["valid_loss", "token_f1"])
@pytest.mark.parametrize("stop_in", ["", "validating"])
def test_a_validation_leaves_no_trace(metric: str, stop_in: str, make: Callable[..., Any]) -> None:
    validate, prepared, _ = make(metric, stop_in=stop_in)
    prepared.model.train()
    part = prepared.model.get_submodule("model.layers.0").eval()
    torch.manual_seed(5), np.random.seed(5), random.seed(5)
    expected = [torch.rand(1).item(), np.random.rand(), random.random()]
    torch.manual_seed(5), np.random.seed(5), random.seed(5)
    weights = {name: weight.clone() for name, weight in prepared.model.state_dict().items()}
    try:
        validate()
    except Interrupted:
        assert stop_in
    assert [torch.rand(1).item(), np.random.rand(), random.random()] == expected
    assert prepared.model.training
    assert not part.training
    assert prepared.model.get_submodule("model.layers.1").training
    assert all(torch.equal(weights[name], weight) for name, weight in prepared.model.state_dict().items())


def test_inside_nothing_drops_out() -> None:
    net = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(2, 2)).train()
    net[1].eval()
    with evaluation_mode(net):
        assert not any(module.training for module in net.modules())
    assert [module.training for module in net.modules()] == [True, True, False]


@pytest.mark.parametrize(("stop_in", "num_told"), [("validating", 1), ("answering to validate", 4)])
def test_a_request_to_stop_is_honoured_between_two_batches(
    stop_in: str, num_told: int, make: Callable[..., Any]
) -> None:
    validate, _, listener = make("token_f1", stop_in=stop_in)
    if stop_in != "validating":
        # Three rows would be one batch; the next validation then stops before it begins.
        validate()
        assert len(listener.told) == num_told
    with pytest.raises(Interrupted):
        validate()
    assert len(listener.told) == num_told


# ── what cannot be measured ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "metric", ["valid_loss", "token_accuracy", "perplexity", "exact_match", "token_f1", "contains"]
)
def test_every_listed_metric_is_known(metric: str, tiny_model: Path, tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path, tiny_model, metric)
    check_metric_name(recipe)
    check_metric_rows(recipe, prepare(recipe, Silent()).tokens)


def test_an_unknown_metric_is_refused_with_what_is_possible() -> None:
    recipe = build_recipe({"train": {"stop": {"metric": "token_acuracy"}}})
    with pytest.raises(
        RecipeError, match=r"one of valid_loss, perplexity, token_accuracy, .*contains, .*exact_match"
    ) as raised:
        check_metric_name(recipe)
    assert raised.value.hint == "did you mean token_accuracy?"


@pytest.mark.parametrize(
    ("metric", "parts", "message"),
    [
        ("token_f1", {"data": {"validation_split": 0.0}}, "token_f1 needs validation rows, and there are none"),
        ("perplexity", {"data": {"validation_split": 0.0}}, "perplexity needs validation rows, and there are none"),
        ("token_f1", {"evaluate": {"max_rows": 0}}, "token_f1 grades answers, and evaluate.max_rows is 0"),
    ],
)
def test_a_metric_without_rows_to_measure_it_on_is_refused(
    metric: str, parts: dict[str, Any], message: str, tiny_model: Path, tmp_path: Path
) -> None:
    recipe = make_recipe(tmp_path, tiny_model, metric, **parts)
    with pytest.raises(RecipeError, match=message):
        check_metric_rows(recipe, prepare(recipe, Silent()).tokens)


def test_a_grader_needs_conversations(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "text.jsonl").write_text('{"text": "some words to continue"}\n', encoding="utf-8")
    parts = {"data": {"validation": str(tmp_path / "text.jsonl"), "validation_split": 0.0}}
    recipe = make_recipe(tmp_path, tiny_model, "token_f1", **parts)
    with pytest.raises(RecipeError, match="token_f1 grades answers, and no validation row is a conversation"):
        check_metric_rows(recipe, prepare(recipe, Silent()).tokens)
