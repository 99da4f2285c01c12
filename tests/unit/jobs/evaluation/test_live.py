"""Every run ends with base against tuned on the same rows, at a bounded and stated cost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.outcome import evaluation_of, outcome
from tests.tiny import make_rows, write_rows
from tunewright.errors import GraderError, RecipeError
from tunewright.jobs.evaluation.exam import Exam, make_exam
from tunewright.jobs.evaluation.live import NUM_TIMED, load_column, save_column
from tunewright.jobs.evaluation.run import Request, evaluate_run
from tunewright.jobs.prepare import prepare
from tunewright.jobs.train import finetune, resume
from tunewright.runs.events import Scored
from tunewright.runs.folder import RunFolder
from tunewright.runs.recorder import Silent
from tunewright.spec.recipe import Recipe, build_recipe

NUM_TEST = 40


def make_recipe(folder: Path, model: Path, name: str = "run", **evaluate: Any) -> Recipe:
    write_rows(folder / "train.jsonl", 12)
    write_rows(folder / "test.jsonl", NUM_TEST, first=100)
    return build_recipe(
        {
            "model": {"source": str(model)},
            "data": {"train": str(folder / "train.jsonl"), "test": str(folder / "test.jsonl")},
            "train": {"max_steps": 2, "batch_size": 4, "hardware": {"device": "cpu", "precision": "fp32"}},
            "evaluate": {"graders": ["token_f1"], "max_new_tokens": 4, **evaluate},
            "output": str(folder / name),
        }
    )


def test_answers_stop_where_the_time_would_not_do_and_the_evaluation_says_so(tiny_model: Path, tmp_path: Path) -> None:
    run = finetune(make_recipe(tmp_path, tiny_model, max_minutes=1e-6))
    evaluation = evaluation_of(run)
    assert [len(column.answers) for column in evaluation.columns] == [NUM_TIMED, NUM_TIMED]
    assert evaluation.test.chosen.startswith(f"{NUM_TIMED} of {NUM_TEST} rows")
    assert any("evaluate.max_minutes" in note for note in evaluation.notes)
    # The loss is cheap, and of all rows.
    assert [column.losses["test"].num_rows for column in evaluation.columns] == [NUM_TEST, NUM_TEST]
    again = evaluate_run(run.path, Request(suites=()))
    assert [row.where for row in again.test.rows] == [row.where for row in evaluation.test.rows]
    more = evaluate_run(run.path, Request(suites=(), max_rows=20))
    assert len(more.test.rows) == 20


def test_all_rows_are_answered_where_there_is_time_in_the_order_of_their_file(tiny_model: Path, tmp_path: Path) -> None:
    evaluation = evaluation_of(finetune(make_recipe(tmp_path, tiny_model)))
    lines = [int(row.where.rpartition(":")[2]) for row in evaluation.test.rows]
    assert lines == list(range(1, NUM_TEST + 1))
    assert evaluation.notes == []
    assert evaluation.test.chosen == f"all {NUM_TEST} rows"
    for column in evaluation.columns:
        assert column.usage is not None
        assert column.usage.rows_per_s
        assert all(answer.loss is not None for answer in column.answers)
    assert [signal.name for signal in evaluation.signals] == ["gap", "contamination"]


def test_an_answer_belongs_to_its_row(tiny_model: Path, tmp_path: Path) -> None:
    evaluation = evaluation_of(finetune(make_recipe(tmp_path, tiny_model, max_rows=20)))
    run = RunFolder.open(tmp_path / "run")
    again = evaluate_run(run.path, Request(suites=()))
    for name in ("base", "tuned"):
        before, after = evaluation.column(name), again.column(name)
        assert [answer.text for answer in before.answers] == [answer.text for answer in after.answers]
        assert before.scores == after.scores
        assert before.loss == pytest.approx(after.loss, rel=1e-5)
        losses = [[answer.loss for answer in column.answers] for column in (before, after)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_without_a_test_file_the_evaluation_says_whom_the_rows_served(tiny_model: Path, tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path, tiny_model)
    data = recipe.data.model_copy(update={"test": (), "validation_split": 0.5})
    evaluation = evaluation_of(finetune(recipe.model_copy(update={"data": data})))
    assert any("no test file" in note for note in evaluation.notes)


def test_test_rows_that_were_taught_are_named(tiny_model: Path, tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path, tiny_model)
    leaked = [*make_rows(2), *make_rows(8, first=100)]
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in leaked), encoding="utf-8")
    data = recipe.data.model_copy(update={"validation_split": 0.0})
    evaluation = evaluation_of(finetune(recipe.model_copy(update={"data": data})))
    assert {where.rpartition(":")[2] for where in evaluation.test.contaminated} == {"1", "2"}


def test_a_resumed_run_does_not_ask_the_base_again(tiny_model: Path, tmp_path: Path) -> None:
    whole = finetune(make_recipe(tmp_path, tiny_model))
    cut = tmp_path / "cut"
    shutil.copytree(whole.path, cut)
    for path in (cut / "artifacts", cut / "report" / "evaluation.json"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    lines = (cut / "events.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if '"run_finished"' not in line and '"artifact_saved"' not in line]
    (cut / "events.jsonl").write_text("".join(kept), encoding="utf-8")
    resumed = resume(cut)
    asked = [event.subject for event in resumed.events() if isinstance(event, Scored)]
    assert asked.count("base") == 1
    assert outcome(resumed) == outcome(whole)


def test_a_column_of_other_rows_is_not_taken_for_this_one(tiny_model: Path, tmp_path: Path) -> None:
    run = finetune(make_recipe(tmp_path, tiny_model, max_rows=20))
    path = run.path / "report" / "base.json"
    exam = make_exam(prepare(run.recipe(), Silent()))
    column = load_column(path, exam)
    assert column is not None
    other = Exam(exam.rows[::-1], exam.graders, exam.by, exam.num_available, exam.seed)
    assert load_column(path, other) is None
    save_column(tmp_path / "short.json", exam, column.model_copy(update={"answers": column.answers[:3]}))
    assert load_column(tmp_path / "short.json", exam) is None
    path.write_text("{", encoding="utf-8")
    assert load_column(path, exam) is None


@pytest.mark.parametrize(
    ("evaluate", "error", "said"),
    [
        ({"graders": [{"kind": "python", "path": "nowhere.py", "allow": True}]}, GraderError, "nowhere.py"),
        ({"graders": [{"kind": "judge", "model": "./nowhere"}]}, GraderError, "nowhere"),
        ({"graders": ["token_f1"], "stratify_by": "colour"}, RecipeError, "colour"),
    ],
)
def test_an_exam_that_cannot_be_held_fails_before_there_is_a_run(
    evaluate: dict[str, Any], error: type[Exception], said: str, tiny_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(error, match=said):
        finetune(make_recipe(tmp_path, tiny_model, **evaluate))
    assert not (tmp_path / "run").exists()
