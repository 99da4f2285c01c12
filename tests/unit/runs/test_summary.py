"""A run of every state and age can be told in short, and an old folder still opens."""

from __future__ import annotations

import shutil
from pathlib import Path

import orjson
import pytest

from tunewright.runs.events import Notice, RuleApplied, RunFailed, RunInterrupted, RunPaused, RunStarted, Validated
from tunewright.runs.folder import RunFolder
from tunewright.runs.metrics import MetricsRow
from tunewright.runs.summary import score_text, summarise
from tunewright.spec.recipe import build_recipe

V1 = Path(__file__).parents[2] / "fixtures" / "run_v1"
STARTED = RunStarted(run_id="r", name="n", tunewright_version="0")


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", build_recipe({"name": "x"}))


def test_run_of_format_1_opens_and_is_told_as_when_it_was_written() -> None:
    run = RunFolder.open(V1)
    summary = summarise(run)
    assert summary.verdict == "contains: 2 % → 81 % on 170 held-out rows"
    assert (summary.state, summary.name, summary.model, summary.method) == (
        "finished",
        "support-facts",
        "starter",
        "lora",
    )
    assert (summary.steps_done, summary.num_steps, summary.best_step, summary.seconds) == (60, 60, 48, 41.7)
    assert (summary.base_loss, summary.tuned_loss, summary.best_valid_loss) == (3.214, 0.583, 0.5619)
    assert (summary.artifact_kind, summary.num_left_out) == ("adapter", 2)
    assert [rule.path for rule in summary.rules] == ["train.learning_rate", "train.batch_size", "data.max_length"]
    assert [checkpoint.step for checkpoint in run.checkpoints()] == [48, 60]
    assert run.manifest().base_model is not None


def test_reading_a_run_changes_nothing_in_it(tmp_path: Path) -> None:
    copy = shutil.copytree(V1, tmp_path / "run")
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    summarise(RunFolder.open(copy))
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before


def test_summary_is_plain_json() -> None:
    plain = summarise(RunFolder.open(V1)).as_dict()
    assert orjson.loads(orjson.dumps(plain)) == {**plain, "notices": plain["notices"], "rules": plain["rules"]}
    assert plain["verdict"].startswith("contains")
    assert plain["rules"][1]["value"] == 8


def test_new_run_has_no_verdict_and_says_how_to_go_on(run: RunFolder) -> None:
    summary = summarise(run)
    assert (summary.state, summary.verdict, summary.steps_done, summary.seconds) == ("stopped", "", 0, None)
    assert "never started" in summary.message
    assert "tunewright resume" in summary.hint


def test_failure_is_told_with_its_hint(run: RunFolder) -> None:
    with run:
        run.append_event(STARTED)
        run.append_event(RunFailed(code="training_diverged", message="loss is NaN", hint="lower it"))
    assert (summarise(run).message, summarise(run).hint) == ("loss is NaN", "lower it")


def test_interruption_is_told_with_the_way_on(run: RunFolder) -> None:
    with run:
        run.append_event(STARTED)
        run.append_event(RunInterrupted(step=7))
    assert summarise(run).message == "interrupted after step 7"
    assert "tunewright resume" in summarise(run).hint


def test_a_pause_is_told_with_its_reason_and_the_way_on(run: RunFolder) -> None:
    with run:
        run.append_event(STARTED)
        run.append_event(RunPaused(step=7, reason="the time is over"))
    summary = summarise(run)
    assert (summary.state, summary.message) == ("paused", "paused after step 7: the time is over")
    assert "tunewright resume" in summary.hint


def test_resumed_run_says_everything_once_and_the_last_word_counts(run: RunFolder) -> None:
    with run:
        for value in (1, 2):
            run.append_event(STARTED)
            run.append_event(Notice(message="twins", time=str(value)))
            run.append_event(RuleApplied(path="train.batch_size", value=value, rule="r"))
            run.append_event(Validated(step=4, valid_loss=1.0 / value, perplexity=None, is_best=True))
        run.append_event(Validated(step=8, valid_loss=3.0, perplexity=None, is_best=False))
        run.append_metrics(MetricsRow(step=8, train_loss=float("nan"), seconds=2.5))
    summary = summarise(run)
    assert len(summary.notices) == 1
    assert [rule.value for rule in summary.rules] == [2]
    assert (summary.best_step, summary.best_valid_loss) == (4, 0.5)
    assert (summary.train_loss, summary.seconds) == (None, 2.5)


@pytest.mark.parametrize(
    ("name", "score", "text"),
    [
        ("contains", 0.0235, "2 %"),
        ("contains", 0.0, "0 %"),
        ("contains", 0.0001, "0.1 %"),
        ("contains", 0.99999, "99.9 %"),
        ("contains", 1.0, "100 %"),
        ("loss", 0.5, "0.500"),
        ("perplexity", 24.879, "24.88"),
        ("perplexity", 123456.0, "1.23e+05"),
        ("reward", -2.0, "-2.00"),
    ],
)
def test_score_is_never_rounded_to_what_it_is_not(name: str, score: float, text: str) -> None:
    assert score_text(name, score) == text
