"""Models of others, other runs, checkpoints and judges answer the same rows; what fails is counted and shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chat_service import Service, completion, failure, said, serving
from tests.outcome import evaluation_of
from tests.tiny import write_rows
from tunewright.errors import DataMissingError, MissingExtraError, ModelError, RunMissingError
from tunewright.jobs.evaluation.run import Request, evaluate_run
from tunewright.jobs.train import finetune
from tunewright.runs.evaluation import Evaluation
from tunewright.runs.folder import RunFolder
from tunewright.spec.baselines import BaselinesSpec, EmbeddingsSpec, ServiceSpec
from tunewright.spec.recipe import build_recipe

NUM_TEST = 8


def train(folder: Path, model: Path, name: str, **changes: Any) -> RunFolder:
    write_rows(folder / "train.jsonl", 20)
    write_rows(folder / "test.jsonl", NUM_TEST, first=100)
    tree: dict[str, Any] = {
        "model": {"source": str(model)},
        "data": {"train": str(folder / "train.jsonl"), "test": str(folder / "test.jsonl"), "validation_split": 0.2},
        "train": {
            "max_steps": 4,
            "batch_size": 4,
            "learning_rate": 0.01,
            "save_steps": 1,
            "keep_checkpoints": 3,
            "hardware": {"device": "cpu", "precision": "fp32"},
        },
        "evaluate": {"graders": ["token_f1"], "max_new_tokens": 8},
        "output": str(folder / name),
    }
    return finetune(build_recipe({**tree, **changes}))


@pytest.fixture(scope="module")
def run(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return train(tmp_path_factory.mktemp("further"), tiny_model, "run")


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as known:
        yield known


def evaluated(run: RunFolder, **wanted: Any) -> Evaluation:
    return evaluate_run(run.path, Request(suites=(), **wanted))


def asking(service: Service, **more: Any) -> BaselinesSpec:
    spec = ServiceSpec(model="theirs", url=service.url)
    return BaselinesSpec(examples=(), passages=(), services=(spec,), max_rows=2, **more)


# ── models of others ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_model_of_others_answers_the_same_rows(run: RunFolder, service: Service) -> None:
    service.reply = lambda body, count: (200, completion(f"Code {said(body)[-2]}."))
    found = evaluated(run, baselines=asking(service))
    column = next(column for column in found.columns if column.kind == "remote")
    assert column.model == f"theirs at {service.url}"
    assert column.scores["token_f1"].mean == 1.0
    assert [answer.text for answer in column.answers] == [f"Code {n % 10}." for n in range(100, 100 + NUM_TEST)]
    pairs = {(each.column, each.against) for each in found.comparisons}
    assert {("theirs", "base"), ("tuned", "theirs")} <= pairs


def test_rows_that_a_service_fails_are_failures_and_no_wrong_answers(run: RunFolder, service: Service) -> None:
    def reply(body: dict[str, Any], count: int) -> tuple[int, Any]:
        bad = said(body).startswith("Code of item 103")
        return (400, failure("too odd")) if bad else (200, completion(f"Code {said(body)[-2]}."))

    service.reply = reply
    column = evaluated(run, baselines=asking(service)).column("theirs")
    assert (column.scores["token_f1"].mean, column.scores["token_f1"].num_failed) == (1.0, 1)
    [reason] = [answer.failures["token_f1"] for answer in column.answers if answer.failures]
    assert "too odd" in reason


def test_a_service_that_refuses_everything_is_left_out_and_said(run: RunFolder, service: Service) -> None:
    service.reply = lambda body, count: (401, failure("wrong key"))
    found = evaluated(run, baselines=asking(service))
    assert "remote" not in [column.kind for column in found.columns]
    assert any("theirs" in note and "was not asked" in note for note in found.notes)


def test_a_service_without_its_key_is_refused_before_anything_is_measured(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    spec = BaselinesSpec(services=(ServiceSpec(model="m", url="https://example.invalid/v1"),))
    with pytest.raises(ModelError, match="OPENAI_API_KEY"):
        evaluated(run, baselines=spec)


# ── looking up by meaning ────────────────────────────────────────────────────────────────────────────────────────────


def test_passages_by_meaning_compete_with_those_by_words(run: RunFolder, tiny_model: Path) -> None:
    spec = BaselinesSpec(examples=(), passages=(1,), embeddings=EmbeddingsSpec(model=str(tiny_model)), max_rows=3)
    found = evaluated(run, baselines=spec)
    tried = [each.settings for each in found.candidates if each.column == "passages"]
    assert len(tried) == 2
    assert len({str(settings) for settings in tried}) == 2
    assert sum(column.kind == "retrieval" for column in found.columns) == 1


def test_a_missing_model_of_embeddings_is_refused_first(run: RunFolder) -> None:
    with pytest.raises(ModelError, match="nowhere"):
        evaluated(run, baselines=BaselinesSpec(embeddings=EmbeddingsSpec(model="./nowhere")))


# ── other runs and checkpoints ───────────────────────────────────────────────────────────────────────────────────────


def test_another_run_is_a_column_and_is_compared_with_this_one(run: RunFolder, tiny_model: Path) -> None:
    other = train(run.path.parent, tiny_model, "full", method={"kind": "full"})
    found = evaluated(run, others=(other.path,))
    assert [column.kind for column in found.columns] == ["base", "tuned", "tuned"]
    column = found.column("full")
    assert column.settings["method"] == "full"
    assert [a.text for a in column.answers] == [a.text for a in evaluation_of(other).column("tuned").answers]
    assert ("full", "tuned") in {(each.column, each.against) for each in found.comparisons}


def test_a_run_that_was_taught_the_test_rows_is_shown_as_such(run: RunFolder, tiny_model: Path) -> None:
    folder = run.path.parent / "cheat"
    folder.mkdir()
    write_rows(folder / "taught.jsonl", 20, first=100)
    data = {"train": str(folder / "taught.jsonl"), "validation_split": 0.0}
    cheat = train(folder, tiny_model, "cheat", data=data)
    found = evaluated(run, others=(cheat.path,))
    assert any(f"taught {NUM_TEST} of the test rows" in note for note in found.column("cheat").notes)


def test_another_run_that_is_not_there_is_refused_first(run: RunFolder) -> None:
    with pytest.raises(RunMissingError, match="nowhere"):
        evaluated(run, others=(Path("nowhere"),))


def test_kept_checkpoints_compete_on_validation_rows_and_at_most_one_meets_the_test_set(run: RunFolder) -> None:
    kept = [checkpoint.step for checkpoint in run.checkpoints()]
    found = evaluated(run, checkpoints=True)
    tried = [each for each in found.candidates if each.column == "checkpoints"]
    assert len(tried) >= 2
    assert {each.settings["checkpoint"] for each in tried} <= {"delivered", *(f"step {step}" for step in kept)}
    assert sum(each.is_chosen for each in tried) == 1
    chosen = next(each for each in tried if each.is_chosen)
    extra = [column for column in found.columns if column.kind == "tuned"][1:]
    assert len(extra) == (chosen.settings["checkpoint"] != "delivered")


# ── judges and graders that fail ─────────────────────────────────────────────────────────────────────────────────────


def test_a_judge_marks_answers_and_says_which_of_two_is_better(
    tiny_model: Path, tmp_path: Path, service: Service
) -> None:
    def reply(body: dict[str, Any], count: int) -> tuple[int, Any]:
        return 200, completion("better: A" if "ANSWER A" in said(body) else "mark: 4")

    service.reply = reply
    judge = {"kind": "judge", "model": "m", "url": service.url, "pairs": True}
    found = evaluated(train(tmp_path, tiny_model, "run", evaluate={"graders": [judge], "max_new_tokens": 8}))
    assert found.columns[0].scores["judge"].mean == pytest.approx(0.75)
    [pairs] = found.judged
    assert (pairs.column, pairs.against) == ("tuned", "base")
    # It always prefers the first place: that is no preference.
    assert (pairs.wins, pairs.losses) == (0, 0)
    assert pairs.place_bias in (None, 1.0)


def test_a_judge_that_babbles_and_a_grader_that_raises_are_counted_and_shown(
    tiny_model: Path, tmp_path: Path, service: Service
) -> None:
    service.reply = lambda body, count: (200, completion("what a lovely day"))
    (tmp_path / "mine.py").write_text("def grade(sample, item):\n    raise ValueError('no idea')\n", encoding="utf-8")
    graders = [
        "token_f1",
        {"kind": "judge", "model": "m", "url": service.url},
        {"kind": "python", "path": str(tmp_path / "mine.py"), "allow": True},
    ]
    run = train(tmp_path, tiny_model, "run", evaluate={"graders": graders, "max_new_tokens": 4})
    found = evaluation_of(run)
    assert found.headline == "token_f1"
    for column in found.columns:
        assert "judge" not in column.scores
        assert "python" not in column.scores
        assert all("mark" in answer.failures["judge"] for answer in column.answers)
        assert all("no idea" in answer.failures["python"] for answer in column.answers)
        # Four tokens are never enough here: what did not end by itself is said so.
        assert any(not answer.has_ended for answer in column.answers)
    page = run.report_path.read_text(encoding="utf-8")
    assert "no idea" in page
    assert "did not end by themselves" in page


def test_without_the_extra_a_run_is_still_scored(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("sacrebleu", "rouge_score", "sklearn", "rapidfuzz", "bm25s", "openai"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    run = train(tmp_path, tiny_model, "run", evaluate={"max_new_tokens": 4})
    assert evaluation_of(run).headline
    assert evaluated(run).columns
    with pytest.raises(MissingExtraError, match="bm25s"):
        evaluated(run, baselines=BaselinesSpec())


def test_documents_that_hold_nothing_are_refused(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    with pytest.raises(DataMissingError, match="no passage"):
        evaluated(run, baselines=BaselinesSpec(documents=str(tmp_path / "docs")))
