"""An evaluation holds a tuned model against its base and everything untrained, on rows that none was chosen on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from markupsafe import escape

from tests.tiny import write_rows
from tunewright.errors import DataError, DataMissingError, GateError, RecipeError, RunError
from tunewright.jobs.evaluation.advise import advise_on
from tunewright.jobs.evaluation.compare import compare_paths, told
from tunewright.jobs.evaluation.human import Wanted, count, rate, write_sheets
from tunewright.jobs.evaluation.human import told as told_by_people
from tunewright.jobs.evaluation.run import Request, evaluate_run, gates_of, hold
from tunewright.jobs.train import finetune
from tunewright.runs.evaluation import Evaluation
from tunewright.runs.folder import RunFolder
from tunewright.spec.baselines import BaselinesSpec
from tunewright.spec.recipe import build_recipe

BASELINES = BaselinesSpec(examples=(1, 2), passages=(1,), max_rows=4)


@pytest.fixture(scope="module")
def evaluated(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, Evaluation]:
    folder = tmp_path_factory.mktemp("evaluated")
    write_rows(folder / "train.jsonl", 20)
    write_rows(folder / "test.jsonl", 6, first=100)
    tree = {
        "model": {"source": str(tiny_model)},
        "data": {"train": str(folder / "train.jsonl"), "test": str(folder / "test.jsonl"), "validation_split": 0.2},
        "train": {"max_steps": 2, "batch_size": 4, "hardware": {"device": "cpu", "precision": "fp32"}},
        "evaluate": {"max_new_tokens": 8},
        "output": str(folder / "run"),
    }
    run = finetune(build_recipe(tree))
    return run, evaluate_run(run.path, Request(baselines=BASELINES, suites=("starter",)))


def test_every_column_answers_the_same_rows(evaluated: tuple[RunFolder, Evaluation]) -> None:
    _, evaluation = evaluated
    kinds = [column.kind for column in evaluation.columns]
    assert kinds == ["base", "prompt", "few_shot", "retrieval", "tuned", "tuned_retrieval"]
    assert {len(column.answers) for column in evaluation.columns} == {len(evaluation.test.rows)} == {6}
    assert all(evaluation.headline in column.scores for column in evaluation.columns)
    assert all(column.usage and column.usage.latency_p50 and column.usage.rows_per_s for column in evaluation.columns)


def test_candidates_are_chosen_on_validation_rows_once_for_each_kind(evaluated: tuple[RunFolder, Evaluation]) -> None:
    _, evaluation = evaluated
    [num_rows] = {candidate.num_rows for candidate in evaluation.candidates if candidate.score is not None}
    assert 1 <= num_rows <= BASELINES.max_rows
    families = {candidate.column for candidate in evaluation.candidates}
    assert families == {"best prompt", "examples", "passages", "tuned + passages"}
    for family in families:
        assert sum(each.is_chosen for each in evaluation.candidates if each.column == family) == 1


def test_tuned_is_compared_with_the_base_and_the_answer_is_written(evaluated: tuple[RunFolder, Evaluation]) -> None:
    run, evaluation = evaluated
    pairs = {(each.column, each.against) for each in evaluation.comparisons if each.grader == evaluation.headline}
    assert ("tuned", "base") in pairs
    assert evaluation.advice
    assert {signal.name for signal in evaluation.signals} == {"forgetting", "gap", "memorised", "contamination"}
    assert run.evaluation() == evaluation
    page = run.report_path.read_text(encoding="utf-8")
    assert str(escape(evaluation.advice[0].text)) in page
    assert json.loads(run.evaluation_path.read_text(encoding="utf-8"))["version"] == 1


def test_the_same_run_is_evaluated_alike_twice(evaluated: tuple[RunFolder, Evaluation]) -> None:
    run, evaluation = evaluated
    again = evaluate_run(run.path, Request(baselines=BASELINES, suites=("starter",)))
    for one, other in zip(evaluation.columns, again.columns, strict=True):
        assert [a.text for a in one.answers] == [a.text for a in other.answers]
        assert one.scores == other.scores
    assert again.comparisons == evaluation.comparisons


def test_a_gate_is_looked_at_before_and_held_after(evaluated: tuple[RunFolder, Evaluation]) -> None:
    run, evaluation = evaluated
    with pytest.raises(RecipeError, match="nothing that is measured"):
        evaluate_run(run.path, Request(), gates=gates_of(["forgeting>0.1"]))
    hold(gates_of([f"{evaluation.headline}<0"]), evaluation)
    with pytest.raises(GateError, match=evaluation.headline):
        hold(gates_of([f"{evaluation.headline}>=0"]), evaluation)


def test_runs_are_compared_on_their_rows(evaluated: tuple[RunFolder, Evaluation]) -> None:
    run, _ = evaluated
    lines = told(compare_paths([run.path, run.path]), 80)
    assert lines
    assert all(len(line) <= 80 for line in lines)


def test_people_are_asked_blind_and_their_choices_counted(
    evaluated: tuple[RunFolder, Evaluation], tmp_path: Path
) -> None:
    run, evaluation = evaluated
    texts = [[answer.text for answer in column.answers] for column in evaluation.columns]
    differing = next(column.name for column, text in zip(evaluation.columns, texts, strict=True) if text != texts[0])
    lines = write_sheets(run.path, Wanted(("base", differing), num_rows=6, raters=1), tmp_path / "new" / "sheets")
    assert "key.json" in "\n".join(lines)
    ratings = tmp_path / "ratings.json"
    num_rated, num_rows = rate(
        tmp_path / "new" / "sheets" / "sheet-1.json", ratings, lambda text: "1", lambda text: None
    )
    assert num_rated == num_rows > 0
    told_lines = told_by_people(count([ratings], tmp_path / "new" / "sheets" / "key.json"))
    assert "base wins" in told_lines[0]


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (Request(baselines=BaselinesSpec(documents="nowhere")), DataMissingError),
        (Request(baselines=BaselinesSpec(prompts="nowhere.yaml")), DataMissingError),
        (Request(suites=("nowhere.jsonl",)), DataMissingError),
    ],
)
def test_advice_that_cannot_be_given_trains_nothing(
    request_: Request, error: type[Exception], tiny_model: Path, tmp_path: Path
) -> None:
    rows = write_rows(tmp_path / "train.jsonl", 20)
    tree = {"model": {"source": str(tiny_model)}, "data": {"train": str(rows)}, "output": str(tmp_path / "run")}
    with pytest.raises(error, match="nowhere"):
        advise_on(build_recipe(tree), request_)
    assert not (tmp_path / "run").exists()


def test_a_gate_on_nothing_is_found_before_anything_is_trained(tiny_model: Path, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "train.jsonl", 20)
    tree = {"model": {"source": str(tiny_model)}, "data": {"train": str(rows)}, "output": str(tmp_path / "run")}
    with pytest.raises(RecipeError, match="nothing that is measured"):
        advise_on(build_recipe(tree), Request(), gates=gates_of(["forgeting>0.1"]))
    assert not (tmp_path / "run").exists()


def test_a_run_without_a_result_is_not_evaluated(tmp_path: Path, tiny_model: Path) -> None:
    RunFolder.create(tmp_path / "run", build_recipe({"model": {"source": str(tiny_model)}})).close()
    with pytest.raises(RunError, match="no result yet"):
        evaluate_run(tmp_path / "run", Request())


def test_rows_that_changed_since_are_refused(evaluated: tuple[RunFolder, Evaluation]) -> None:
    run, _ = evaluated
    path = run.path.parent / "test.jsonl"
    former = path.read_bytes()
    try:
        write_rows(path, 5, first=300)
        with pytest.raises(DataError):
            evaluate_run(run.path, Request(suites=()))
    finally:
        path.write_bytes(former)
