"""What a sceptic would find: rows mixed up, choices made on test rows, columns taken for others, piles of models."""

from __future__ import annotations

import json
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

import tunewright.evaluate.signals.gap as gap_module
import tunewright.jobs.evaluation.live as live_module
import tunewright.jobs.load as load_module
import tunewright.jobs.prepare as prepare_module
from tests.outcome import evaluation_of
from tests.tiny import make_rows, make_tiny_model, write_rows
from tunewright.data.encode import EncodedRow
from tunewright.data.rows import Message, Row
from tunewright.errors import MissingExtraError
from tunewright.evaluate.baselines.prompts import ZeroShot
from tunewright.evaluate.baselines.select import Failed, Tried
from tunewright.graders.grade import Grade, GradeFailure, Item, Output
from tunewright.infer.engine import Completion
from tunewright.jobs.evaluation.exam import asked_rows, make_exam
from tunewright.jobs.evaluation.live import NUM_TIMED, load_column
from tunewright.jobs.evaluation.losses import _by_row
from tunewright.jobs.evaluation.run import Request, check_request, evaluate_run
from tunewright.jobs.evaluation.signals import _memorised as memorised_signal
from tunewright.jobs.evaluation.stage import make_stage, tried
from tunewright.jobs.prepare import prepare
from tunewright.jobs.train import finetune
from tunewright.methods.prompt import Prompt
from tunewright.runs.evaluation import Evaluation
from tunewright.runs.folder import RunFolder
from tunewright.runs.recorder import Silent
from tunewright.spec.baselines import BaselinesSpec
from tunewright.spec.maker import load_maker
from tunewright.spec.recipe import Recipe, build_recipe

Tree = dict[str, Any]
NUM_TEST = 6


def recipe_of(folder: Path, model: Path, name: str = "run", **changes: Any) -> Recipe:
    """Return a recipe with training and test rows, of which each key of `changes` is taken over or updated."""
    if not (folder / "train.jsonl").exists():
        write_rows(folder / "train.jsonl", 20)
        write_rows(folder / "test.jsonl", NUM_TEST, first=100)
    tree: Tree = {
        "model": {"source": str(model)},
        "data": {"train": str(folder / "train.jsonl"), "test": str(folder / "test.jsonl"), "validation_split": 0.2},
        "train": {"max_steps": 2, "batch_size": 4, "hardware": {"device": "cpu", "precision": "fp32"}},
        "evaluate": {"graders": ["token_f1"], "max_new_tokens": 8},
        "output": str(folder / name),
    }
    return build_recipe(
        {key: {**tree.get(key, {}), **changes.get(key, {})} for key in tree if key != "output"}
        | {"output": tree["output"]}
    )


@pytest.fixture(scope="module")
def run(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return finetune(recipe_of(tmp_path_factory.mktemp("review"), tiny_model))


def evaluated(run: RunFolder, **wanted: Any) -> Evaluation:
    return evaluate_run(run.path, Request(suites=(), **wanted))


# ── which rows ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_rows_of_a_json_list_on_one_line_are_told_apart(tiny_model: Path, tmp_path: Path) -> None:
    write_rows(tmp_path / "train.jsonl", 20)
    (tmp_path / "test.json").write_text(json.dumps(make_rows(5, first=100)), encoding="utf-8")
    (tmp_path / "validation.json").write_text(json.dumps(make_rows(4, first=200)), encoding="utf-8")
    data = {"test": str(tmp_path / "test.json"), "validation": str(tmp_path / "validation.json")}
    run = finetune(recipe_of(tmp_path, tiny_model, data=data))
    spec = BaselinesSpec(examples=(), passages=())
    for found in (evaluation_of(run), evaluated(run, baselines=spec)):
        assert {row.where for row in found.test.rows} == {f"{tmp_path / 'test.json'}:1"}
        assert found.test.num_groups == len(found.test.rows) == 5
        assert all(len({answer.loss for answer in column.answers}) == 5 for column in found.columns if column.losses)
    assert {each.num_rows for each in found.candidates} == {4}


def test_a_conversation_is_asked_once_by_its_last_answer_also_where_each_answer_became_a_row() -> None:
    turns = [Message("user", "a"), Message("assistant", "1"), Message("user", "b"), Message("assistant", "2")]
    whole, other = Row("list.json", 1, tuple(turns)), Row("list.json", 1, (Message("user", "a"), turns[3]))
    ids, weights = _no_tokens()
    tokens = [EncodedRow(ids, weights, row) for row in (whole.until(1), whole.until(3), other, other)]
    assert [[message.said for message in row.messages] for row in asked_rows(tokens)] == [
        ["a", "1", "b", "2"],
        ["a", "2"],
        ["a", "2"],
    ]


def test_fewer_rows_once_are_not_fewer_rows_ever_after(run: RunFolder) -> None:
    assert len(evaluated(run, max_rows=2).test.rows) == 2
    assert len(evaluated(run).test.rows) == NUM_TEST


@pytest.mark.parametrize("text", ["{", '{"version": 0}', '{"version": 1}', "[]"])
def test_an_evaluation_that_cannot_be_read_is_no_reason_not_to_evaluate_again(run: RunFolder, text: str) -> None:
    run.evaluation_path.write_text(text, encoding="utf-8")
    assert evaluated(run).columns
    assert run.evaluation() is not None
    assert run.evaluation_path.with_name("evaluation.unreadable.json").read_text(encoding="utf-8") == text


# ── choices ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_a_test_file_nothing_is_chosen_on_the_rows_that_are_scored(tiny_model: Path, tmp_path: Path) -> None:
    run = finetune(recipe_of(tmp_path, tiny_model, data={"test": [], "validation_split": 0.3}))
    prepared = prepare(run.recipe(), Silent())
    exam = make_exam(prepared)
    stage = make_stage(prepared, exam, 60, Silent())
    assert stage.trials
    assert not {row.where for row in stage.trials} & {row.where for row in exam.rows}
    found = evaluated(run, baselines=BaselinesSpec(examples=(1,), passages=(1,), max_rows=3), checkpoints=True)
    assert all("training rows" in column.chosen_on for column in found.columns if column.chosen_on)
    assert any("no test file" in note for note in found.notes)
    assert not any(candidate.column == "checkpoints" for candidate in found.candidates)


def test_a_candidate_says_how_many_answers_its_score_is_of(run: RunFolder) -> None:
    calls = 0

    def every_other(output: Output, item: Item, /) -> Grade:
        nonlocal calls
        calls += 1
        return 1.0 if calls % 2 else GradeFailure("odd")

    prepared = prepare(run.recipe(), Silent())
    stage = make_stage(prepared, replace(make_exam(prepared), graders={"mine": every_other}), 4, Silent())
    result = tried(stage, ZeroShot(), stage.engine())
    assert isinstance(result, Tried)
    assert (result.score, result.num_rows, len(stage.trials)) == (1.0, 2, 3)


def test_a_candidate_that_was_judged_on_one_row_only_is_not_chosen_for_it(run: RunFolder) -> None:
    calls = 0

    def first_alone(output: Output, item: Item, /) -> Grade:
        nonlocal calls
        calls += 1
        return 1.0 if calls == 1 else GradeFailure("babble")

    prepared = prepare(run.recipe(), Silent())
    stage = make_stage(prepared, replace(make_exam(prepared), graders={"mine": first_alone}), 4, Silent())
    result = tried(stage, ZeroShot(), stage.engine())
    assert isinstance(result, Failed)
    assert "only 1 of the 3 rows" in result.reason


def test_a_validation_metric_is_of_all_rows_of_a_json_list_on_one_line(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "validation.json").write_text(json.dumps(make_rows(4, first=200)), encoding="utf-8")
    recipe = recipe_of(tmp_path, tiny_model, data={"validation": str(tmp_path / "validation.json")})
    assert len(asked_rows(prepare(recipe, Silent()).tokens.validation)) == 4


def test_examples_without_bm25s_are_refused_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "bm25s", None)
    spec = BaselinesSpec(examples=(1,), chosen_by=("random",), passages=())
    with pytest.raises(MissingExtraError, match="bm25s"):
        check_request(Request(baselines=spec, suites=()), spec)


# ── columns ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["base", "tuned"])
def test_a_prompt_that_is_called_like_another_column_is_not_taken_for_it(
    run: RunFolder, tmp_path: Path, name: str
) -> None:
    (tmp_path / "mine.yaml").write_text(f"{name}: Answer in Latin.\n", encoding="utf-8")
    plain = evaluated(run)
    spec = BaselinesSpec(examples=(), passages=(), prompts=str(tmp_path / "mine.yaml"), max_rows=1)
    found = evaluated(run, baselines=spec)
    names = [column.name for column in found.columns]
    assert len(set(names)) == len(names) == 3
    for each in ("base", "tuned"):
        assert found.column(each).kind == each
        assert found.column(each).scores == plain.column(each).scores


def test_a_run_ends_with_the_scores_that_its_evaluation_finds_also_where_the_context_is_small(tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path / "model", context=64)
    rows = make_rows(4, first=100)
    earlier = [{"role": "user", "content": "Good day!"}, {"role": "assistant", "content": "Hi"}]
    lines = [json.dumps({"messages": [*earlier, *row["messages"]]}) for row in rows]  # pyright: ignore[reportGeneralTypeIssues]
    write_rows(tmp_path / "train.jsonl", 12)
    (tmp_path / "test.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    run = finetune(recipe_of(tmp_path, model, evaluate={"max_new_tokens": 30}))
    ended = evaluation_of(run)
    found = evaluated(run)
    for name in ("base", "tuned"):
        before, after = ended.column(name), found.column(name)
        assert [answer.text for answer in before.answers] == [answer.text for answer in after.answers]
        assert [answer.note for answer in before.answers] == [answer.note for answer in after.answers]
        assert before.num_shortened == after.num_shortened == 4
        assert before.scores == after.scores


def test_virtual_tokens_take_their_part_of_the_room(run: RunFolder) -> None:
    prepared = prepare(run.recipe(), Silent())
    stage = make_stage(prepared, make_exam(prepared), 1, Silent())
    before = stage.room(stage.engine()).limit
    spec = build_recipe({"model": {"source": "m"}, "method": {"kind": "prompt", "num_tokens": 5}}).method
    method = load_maker(spec)(spec)
    assert isinstance(method, Prompt)
    method.use_tokenizer(prepared.tokenizer.encode)
    method.apply(prepared.model)
    assert stage.room(stage.engine()).limit == before - 5


def test_the_base_is_asked_again_where_it_was_judged_by_other_graders(run: RunFolder) -> None:
    path = run.path / "report" / "base.json"
    exam = make_exam(prepare(run.recipe(), Silent()))
    assert load_column(path, exam) is not None
    assert load_column(path, replace(exam, graders={**exam.graders, "contains": exam.graders["token_f1"]})) is None
    assert load_column(path, replace(exam, graders={"contains": exam.graders["token_f1"]})) is None


def test_a_base_column_without_places_is_none(run: RunFolder, tmp_path: Path) -> None:
    tree = json.loads((run.path / "report" / "base.json").read_text(encoding="utf-8"))
    (tmp_path / "base.json").write_text(json.dumps({**tree, "rows": None}), encoding="utf-8")
    assert load_column(tmp_path / "base.json", make_exam(prepare(run.recipe(), Silent()))) is None


def test_a_row_of_which_a_part_is_infinitely_surprising_has_no_loss() -> None:
    row = Row("t.jsonl", 1, (Message("user", "a"), Message("assistant", "b")))
    ids, weights = _no_tokens()
    tokens = [EncodedRow(ids, weights, row), EncodedRow(ids, weights, row)]

    assert _by_row(tokens, np.array([1.0, np.inf])) == {}
    assert list(_by_row(tokens, np.array([1.0, 2.0])).values()) == [1.5]


# ── memory and time ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_models_of_checkpoints_and_other_runs_do_not_pile_up(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = {"max_steps": 4, "save_steps": 1, "keep_checkpoints": 3}
    run = finetune(recipe_of(tmp_path, tiny_model, train=many))
    others = tuple(finetune(recipe_of(tmp_path, tiny_model, name)).path for name in ("one", "two"))
    loaded: list[weakref.ref[PreTrainedModel]] = []
    most = 0

    def load(*args: Any) -> PreTrainedModel:
        nonlocal most
        model = original(*args)
        loaded.append(weakref.ref(model))
        most = max(most, sum(each() is not None for each in loaded))
        return model

    original = load_module.load_model
    for module in (load_module, prepare_module):
        monkeypatch.setattr(module, "load_model", load)
    evaluated(run, checkpoints=True, others=others)
    assert len(loaded) >= 6
    # The base, the tuned one, and one more at a time.
    assert most == 3


def test_a_tuned_model_that_never_stops_does_not_take_longer_than_it_may(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rows(tmp_path / "train.jsonl", 20)
    write_rows(tmp_path / "test.jsonl", NUM_TIMED + 8, first=100)
    original = live_module.answer_all
    num_calls = 0

    def slow_in_the_end(*args: Any) -> Any:
        nonlocal num_calls
        num_calls += 1
        answers, _ = original(*args)
        # Two calls for each model: the timed rows, and the rest.
        return answers, 1e-3 if num_calls < 3 else 1e6

    monkeypatch.setattr(live_module, "answer_all", slow_in_the_end)
    run = finetune(recipe_of(tmp_path, tiny_model, evaluate={"graders": ["chrf"]}))
    found = evaluation_of(run)
    assert [len(column.answers) for column in found.columns] == [NUM_TIMED, NUM_TIMED]
    assert len(found.test.rows) == NUM_TIMED
    assert any("evaluate.max_minutes" in note for note in found.notes)
    again = evaluated(run)
    assert [row.where for row in again.test.rows] == [row.where for row in found.test.rows]
    for name in ("base", "tuned"):
        assert again.column(name).set_scores == found.column(name).set_scores


def test_training_rows_are_searched_for_test_rows_once(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    searches = 0
    original = gap_module.find_leakage

    def find(*args: Any, **named: Any) -> Any:
        nonlocal searches
        searches += 1
        return original(*args, **named)

    monkeypatch.setattr(gap_module, "find_leakage", find)
    found = evaluated(run)
    assert searches == 1
    assert [signal.name for signal in found.signals].count("contamination") == 1


# ── signals ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_the_base_completes_too_was_not_memorised(tiny_model: Path, tmp_path: Path) -> None:
    for name, first in (("train", 0), ("test", 50)):
        rows = [
            {"prompt": f"Code {n}?", "completion": f"The code of item {n} is {n % 10}."}
            for n in range(first, first + 9)
        ]
        (tmp_path / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    prepared = prepare(recipe_of(tmp_path, tiny_model), Silent())
    stage = make_stage(prepared, make_exam(prepared), 1, Silent())
    taught = [tuple(row.ids.tolist()) for row in prepared.tokens.train]

    class Knowing:
        """Completes what was taught, and nothing else."""

        def generate(self, prompts: list[list[int]], sampling: Any) -> list[Completion]:
            found = ([ids[len(asked) :] for ids in taught if ids[: len(asked)] == tuple(asked)] for asked in prompts)
            return [Completion(tuple(rest[0]) if rest else (), "", has_ended=True) for rest in found]

    class Dumb:
        """Completes nothing."""

        def generate(self, prompts: list[list[int]], sampling: Any) -> list[Completion]:
            return [Completion((), "", has_ended=True) for _ in prompts]

    new: Any = memorised_signal(stage, cast(Any, Dumb()), cast(Any, Knowing()))
    assert (new.value, new.is_bad) == (1.0, True)
    old = memorised_signal(stage, cast(Any, Knowing()), cast(Any, Knowing()))
    assert old.value is None
    assert f"{len(taught)} rows that the base completes too" in old.rule


def test_a_long_suite_of_the_users_is_sampled_and_the_bound_is_said(run: RunFolder, tmp_path: Path) -> None:
    lines = [
        json.dumps({"prompt": f"Say {n}", "completion": str(n), "metadata": {"domain": "early" if n < 150 else "late"}})
        for n in range(300)
    ]
    (tmp_path / "mine.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    found = evaluate_run(run.path, Request(suites=(str(tmp_path / "mine.jsonl"),)))
    [signal] = [signal for signal in found.signals if signal.name == "forgetting"]
    assert signal.num_rows == 104
    assert "104 of its 300 rows, drawn by seed" in signal.rule


def test_the_gap_at_the_end_of_a_run_is_of_the_weights_that_were_delivered(tiny_model: Path, tmp_path: Path) -> None:
    # So fast that the last step is worse than an earlier one, which is delivered.
    train = {"max_steps": 12, "eval_steps": 1, "learning_rate": 0.05}
    run = finetune(recipe_of(tmp_path, tiny_model, train=train))
    ended, found = evaluation_of(run), evaluated(run)
    gaps = [signal for each in (ended, found) for signal in each.signals if signal.name == "gap"]
    assert gaps[0].value == pytest.approx(gaps[1].value, abs=1e-3)
    assert gaps[0].num_rows == gaps[1].num_rows


def test_what_training_cost_is_that_of_all_processes_of_the_run(run: RunFolder) -> None:
    steps = run.metrics()
    assert steps[-1].seconds > 0
    assert evaluated(run).column("tuned").training_seconds == steps[-1].seconds


@pytest.mark.parametrize(
    "method", [{"kind": "prompt", "num_tokens": 4}, {"kind": "bottleneck"}, {"kind": "ia3"}], ids=lambda m: m["kind"]
)
def test_every_method_scores_at_the_end_of_its_run_what_its_evaluation_finds(
    tiny_model: Path, tmp_path: Path, method: Tree
) -> None:
    train = {"max_steps": 4, "save_steps": 1, "keep_checkpoints": 3, "learning_rate": 0.05}
    recipe = recipe_of(tmp_path, tiny_model, train=train)
    run = finetune(build_recipe({**recipe.model_dump(mode="json", exclude_unset=True), "method": method}))
    ended = evaluation_of(run)
    found = evaluated(run, checkpoints=True, baselines=BaselinesSpec(examples=(), passages=(1,), max_rows=2))
    for name in ("base", "tuned"):
        before, after = ended.column(name), found.column(name)
        assert [answer.text for answer in before.answers] == [answer.text for answer in after.answers]
        assert before.loss == pytest.approx(after.loss, rel=1e-4)
    assert all(each.score is not None for each in found.candidates)


# ── odd runs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_of_texts_alone_is_evaluated_by_its_loss(tiny_model: Path, tmp_path: Path) -> None:
    for name, first in (("train", 0), ("test", 50)):
        lines = [json.dumps({"text": f"The code of item {n} is {n % 10}."}) for n in range(first, first + 12)]
        (tmp_path / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    run = finetune(recipe_of(tmp_path, tiny_model, evaluate={"graders": []}))
    found = evaluated(run, baselines=BaselinesSpec())
    assert found.headline == ""
    assert found.test.rows == []
    assert [column.losses["test"].num_rows for column in found.columns if column.losses] == [12, 12]
    assert "nats a token" in run.report_path.read_text(encoding="utf-8")


def test_a_run_that_answers_nothing_is_evaluated_by_its_loss(tiny_model: Path, tmp_path: Path) -> None:
    run = finetune(recipe_of(tmp_path, tiny_model, evaluate={"max_rows": 0}))
    for found in (evaluation_of(run), evaluated(run)):
        assert found.test.rows == []
        assert found.comparisons == []
        assert all(column.loss is not None for column in found.columns)


def test_one_test_row_is_too_few_to_tell(tiny_model: Path, tmp_path: Path) -> None:
    write_rows(tmp_path / "train.jsonl", 20)
    write_rows(tmp_path / "test.jsonl", 1, first=100)
    run = finetune(recipe_of(tmp_path, tiny_model))
    found = evaluated(run)
    [comparison] = found.comparisons
    assert (comparison.verdict, comparison.p_value) == ("too_few_rows", 1.0)


def test_rows_of_one_group_are_one_piece_of_evidence_though_the_group_is_a_number(
    tiny_model: Path, tmp_path: Path
) -> None:
    write_rows(tmp_path / "train.jsonl", 20)
    lines = [json.dumps({**row, "metadata": {"group": 7}}) for row in make_rows(6, first=100)]
    (tmp_path / "test.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    found = evaluated(finetune(recipe_of(tmp_path, tiny_model)))
    assert found.test.num_groups == 1
    assert {each.num_groups for each in found.comparisons} == {1}
    assert {each.verdict for each in found.comparisons} == {"too_few_rows"}


def test_a_grader_that_fails_for_one_column_only_is_counted_there(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "calls = []\n"
        "def grade(sample, item):\n"
        "    calls.append(0)\n"
        f"    if len(calls) <= {NUM_TEST}:\n"
        "        raise ValueError('not yet')\n"
        "    return 1.0\n",
        encoding="utf-8",
    )
    graders = [{"kind": "python", "path": str(tmp_path / "mine.py"), "allow": True}, "token_f1"]
    run = finetune(recipe_of(tmp_path, tiny_model, evaluate={"graders": graders}))
    found = evaluation_of(run)
    assert found.headline == "python"
    assert "python" not in found.column("base").scores
    assert found.column("tuned").scores["python"].num_rows == NUM_TEST
    assert {each.grader for each in found.comparisons} == {"token_f1"}
    assert "not compared with its base" in run.report_path.read_text(encoding="utf-8")


def test_the_live_model_is_left_as_it_was(tiny_model: Path, tmp_path: Path) -> None:
    prepared = prepare(recipe_of(tmp_path, tiny_model), Silent())
    model = prepared.model.train()
    stage = make_stage(prepared, make_exam(prepared), 2, Silent())
    state, attention = torch.get_rng_state(), model.config._attn_implementation
    needs = [each.requires_grad for each in model.parameters()]
    tried(stage, ZeroShot(), stage.engine())
    assert torch.equal(torch.get_rng_state(), state)
    assert model.config._attn_implementation == attention
    assert [each.requires_grad for each in model.parameters()] == needs
    assert all(module.training for module in model.modules())


def _no_tokens() -> Any:

    return np.array([1, 2], dtype=np.int32), np.array([0.0, 1.0], dtype=np.float32)
