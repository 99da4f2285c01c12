"""What a job makes of rows of every shape: rewriting templates, texts, tools, rows too long; and its contract."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.outcome import evaluation_of
from tunewright.cli import main
from tunewright.data.contract import FILE_NAME, load_contract
from tunewright.errors import DataError, ModelError, NoRowsError, RowTooLongError
from tunewright.jobs.load import load_engine
from tunewright.jobs.prepare import prepare
from tunewright.jobs.rows import load_rows
from tunewright.jobs.train import finetune, resume
from tunewright.runs.events import Event, Notice, RowShortened
from tunewright.runs.recorder import Silent
from tunewright.runs.summary import summarise
from tunewright.spec.data import DataSpec, SourceSpec
from tunewright.spec.recipe import Recipe, build_recipe
from tunewright.spec.train import HardwareSpec

FP32 = HardwareSpec(device="cpu", precision="fp32")
REWRITING = (
    "{% for m in messages %}<|{{ m['role'] }}|>"
    "{% if m['role'] == 'assistant' and loop.last %}(thought){% endif %}{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
DATED = "{{ strftime_now('%d %b %Y') }}" + REWRITING.replace("(thought)", "")


def chat(*turns: str, **message: Any) -> dict[str, Any]:
    roles = ["user", "assistant"]
    return {"messages": [{"role": roles[index % 2], "content": text} for index, text in enumerate(turns)], **message}


def write(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def recipe(source: Path, folder: Path, records: list[dict[str, Any]], **changes: Any) -> Recipe:
    rows = write(folder / "rows.jsonl", records)
    tree: dict[str, Any] = {
        "model": {"source": str(source), **changes.pop("model", {})},
        "data": {
            "train": str(rows),
            "validation_split": 0.2,
            **changes.pop("data", {}),
        },
        "method": {"kind": "lora", "rank": 2},
        "train": {"max_steps": 2, "batch_size": 4, "hardware": {"device": "cpu", "precision": "fp32"}},
        "evaluate": {"max_rows": 2, "max_new_tokens": 4},
        "output": str(folder / "run"),
        **changes,
    }
    return build_recipe(tree)


@pytest.fixture
def conversations() -> list[dict[str, Any]]:
    return [chat(f"Code {n}?", f"It is {n}.", "And twice that?", f"{2 * n}.") for n in range(12)]


def test_a_template_that_rewrites_earlier_turns_trains_every_answer_as_at_inference(
    tiny_model: Path, tmp_path: Path, conversations: list[dict[str, Any]]
) -> None:
    asked = recipe(tiny_model, tmp_path, conversations, model={"chat_template": REWRITING})
    tokens = prepare(asked, Silent()).tokens
    everything = [*tokens.train, *tokens.validation]
    assert len(everything) == 2 * len(conversations)
    assert sum(len(each.source.messages) == 2 for each in everything) == len(conversations)
    run = finetune(asked)
    assert run.state() == "finished"


def test_plain_texts_are_trained_on_and_scored_without_being_asked_anything(tiny_model: Path, tmp_path: Path) -> None:
    run = finetune(recipe(tiny_model, tmp_path, [{"text": f"Story {n}: once upon a time."} for n in range(20)]))
    summary = summarise(run)
    assert summary.headline == "loss"
    assert summary.tuned_loss is not None
    assert summary.tuned_loss > 0
    assert evaluation_of(run).test.rows == []


def test_rows_that_no_language_model_learns_from_say_how_to_make_them_so(tiny_model: Path, tmp_path: Path) -> None:
    labels = [{"text": f"I like it {n}", "label": "good"} for n in range(20)]
    with pytest.raises(DataError, match="format labels, which causal_lm cannot learn from") as caught:
        prepare(recipe(tiny_model, tmp_path, labels), Silent())
    assert "columns" in caught.value.hint
    rows = str(tmp_path / "rows.jsonl")
    mapped = {"train": [{"path": rows, "columns": {"prompt": "text", "completion": "label"}}]}
    prepared = prepare(recipe(tiny_model, tmp_path, labels, data=mapped), Silent())
    assert {row.reference for row in prepared.test_rows} == {"good"}


def test_tools_and_their_calls_are_rendered_by_a_template_that_knows_them(tiny_model: Path, tmp_path: Path) -> None:
    template = (
        "{% for t in tools or [] %}[{{ t['function']['name'] }}]{% endfor %}"
        "{% for m in messages %}<|{{ m['role'] if m['role'] != 'tool' else 'user' }}|>{{ m['content'] }}"
        "{% for c in m['tool_calls'] or [] %}{{ c['function']['name'] }}{{ c['function']['arguments'] | tojson }}"
        "{% endfor %}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )
    call = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"id": 7}'}}
    messages = [
        {"role": "user", "content": "Where is 7?"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "shelf 3"},
        {"role": "assistant", "content": "On shelf 3."},
    ]
    tools = [{"type": "function", "function": {"name": "find", "parameters": {}}}]
    records = [{"messages": messages, "tools": tools, "metadata": {"n": n}} for n in range(3)]
    asked = recipe(tiny_model, tmp_path, records, model={"chat_template": template}, data={"validation_split": 0})
    prepared = prepare(asked, Silent())
    each, tokenizer = prepared.tokens.train[0], prepared.tokenizer
    assert tokenizer.decode(each.ids[each.weights > 0].tolist()) == 'find{"id": 7}<|end|>On shelf 3.<|end|>'
    assert tokenizer.decode(each.ids.tolist()).startswith("[find]<|user|>Where is 7?")


class Watching(Silent):
    """Keeps the events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        self.events.append(event)


@pytest.mark.parametrize("policy", ["truncate_left", "truncate_turns", "split_turns"])
def test_a_policy_shortens_prompts_and_the_run_lists_every_row_that_it_touched(
    tiny_model: Path, tmp_path: Path, conversations: list[dict[str, Any]], policy: str
) -> None:
    long = chat("A very long question indeed, which nobody would ask?", "Yes.", "And this one, is it long?", "No.")
    limits = {"max_length": 60, "too_long": policy, "validation_split": 0}
    watching = Watching()
    run = finetune(recipe(tiny_model, tmp_path, [*conversations, long], data=limits), watching)
    shortened = [event for event in run.events() if isinstance(event, RowShortened)]
    assert [(event.line, event.how) for event in shortened] == [(13, policy)]
    assert shortened[0].num_rows >= 1
    assert shortened in [[e for e in watching.events if isinstance(e, RowShortened)]]


def test_without_a_policy_a_long_row_refuses_and_names_every_policy(
    tiny_model: Path, tmp_path: Path, conversations: list[dict[str, Any]]
) -> None:
    with pytest.raises(RowTooLongError) as caught:
        prepare(recipe(tiny_model, tmp_path, conversations, data={"max_length": 40}), Silent())
    assert all(policy in caught.value.hint for policy in ("drop", "truncate_left", "truncate_turns", "split_turns"))


def test_a_set_without_a_taught_token_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    silent = "{% for m in messages %}{% if m['role'] == 'user' %}{{ m['content'] }}{% endif %}{% endfor %}"
    asked = recipe(
        tiny_model, tmp_path, [chat("a", "b")] * 12, model={"chat_template": silent}, data={"unusable": "drop"}
    )
    with pytest.raises(NoRowsError, match="no row is left to train on"):
        prepare(asked, Silent())


def test_validation_rows_that_teach_nothing_are_refused_too(
    tiny_model: Path, tmp_path: Path, conversations: list[dict[str, Any]]
) -> None:
    held_out = write(tmp_path / "held.jsonl", [chat("x" * 300, "y")])
    limits = {"validation": str(held_out), "too_long": "drop", "max_length": 100}
    with pytest.raises(NoRowsError, match="no row is left to validate with"):
        prepare(recipe(tiny_model, tmp_path, conversations, data=limits), Silent())


def test_the_prompt_contract_is_in_the_run_and_beside_the_weights_and_binds_the_engine(
    tiny_model: Path, tmp_path: Path, conversations: list[dict[str, Any]]
) -> None:
    run = finetune(recipe(tiny_model, tmp_path, conversations))
    artifact = run.artifact()
    assert artifact is not None
    contract = load_contract(run.path)
    assert contract is not None
    assert contract == load_contract(artifact[1])
    assert contract.template_sha256 == run.manifest().template_sha256
    engine = load_engine(run, FP32)
    golden = contract.golden[1]
    assert engine.tokenizer.render(golden.messages, add_generation_prompt=True) == golden.text
    assert tuple(engine.tokenizer.encode(golden.text or "")) == golden.ids
    template = artifact[1] / "chat_template.jinja"
    template.write_text(template.read_text(encoding="utf-8").replace("<|user|>", "User:").replace("|>", "|> "))
    with pytest.raises(ModelError, match=r"the prompt contract is broken: golden prompt 1"):
        load_engine(run, FP32)


def test_an_artifact_from_before_contracts_still_loads(
    tiny_model: Path, tmp_path: Path, conversations: list[dict[str, Any]]
) -> None:
    run = finetune(recipe(tiny_model, tmp_path, conversations))
    artifact = run.artifact()
    assert artifact is not None
    (artifact[1] / FILE_NAME).unlink()
    assert load_engine(run, FP32).tokenizer.encode("a")


def test_the_clock_of_a_template_stands_still_when_a_run_goes_on_another_day(
    tiny_model: Path, tmp_path: Path, conversations: list[dict[str, Any]]
) -> None:
    asked = recipe(tiny_model, tmp_path, conversations, model={"chat_template": DATED})
    run = finetune(asked)
    first = load_contract(run.path)
    assert first is not None
    # The same run, begun on another day and stopped before its end.
    path = run.path / "manifest.json"
    manifest = orjson.loads(path.read_bytes()) | {"template_clock": "2001-02-03T04:05:06"}
    path.write_bytes(orjson.dumps(manifest))
    lines = (run.path / "events.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (run.path / "events.jsonl").write_text("".join(x for x in lines if '"run_finished"' not in x), encoding="utf-8")
    shutil.rmtree(run.path / "artifacts")
    resumed = resume(run.path)
    contract = load_contract(resumed.path)
    assert contract is not None
    assert contract.clock == datetime(2001, 2, 3, 4, 5, 6)
    assert (contract.golden[0].text or "").startswith("03 Feb 2001")
    assert load_engine(resumed, FP32).tokenizer.render([], add_generation_prompt=False) == "03 Feb 2001"


def test_a_template_without_an_end_mark_is_said_before_training(
    tiny_model: Path, tmp_path: Path, conversations: list[dict[str, Any]]
) -> None:
    endless = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    endless += "{% if add_generation_prompt %}assistant:{% endif %}"
    prepared = prepare(recipe(tiny_model, tmp_path, conversations, model={"chat_template": endless}), Silent())
    notices = [event.message for event in prepared.events() if isinstance(event, Notice)]
    assert any("cannot learn where to stop" in message for message in notices)


def test_many_rows_are_encoded_once_and_then_found(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEWRIGHT_CACHE", str(tmp_path / "cache"))
    many = [chat(f"{n}?", f"{n}.") for n in range(6000)]
    asked = recipe(tiny_model, tmp_path, many, data={"validation_split": 0.01})
    first = prepare(asked, Silent()).tokens
    [entry] = (tmp_path / "cache").iterdir()
    written = (entry / "ids.npy").stat().st_mtime_ns
    second = prepare(asked, Silent()).tokens
    assert [each.ids.tolist() for each in second.train] == [each.ids.tolist() for each in first.train]
    assert [each.source for each in second.train] == [each.source for each in first.train]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [entry.name]
    assert (entry / "ids.npy").stat().st_mtime_ns == written


@pytest.mark.parametrize("with_own_groups", [False, True])
def test_augmented_rows_stay_on_the_side_of_their_parents(tmp_path: Path, with_own_groups: bool) -> None:
    own = {"metadata": {"group": "same question"}} if with_own_groups else {}
    parents = write(tmp_path / "rows.jsonl", [chat(f"How large is planet {n} in miles?", "Large.") for n in range(30)])
    if with_own_groups:
        parents = write(tmp_path / "rows.jsonl", [chat(f"Planet {n} in miles?", "Large.", **own) for n in range(2)])
        with parents.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(chat(f"How large is moon {n} here?", "Small.")) + "\n" for n in range(30))
    more = tmp_path / "more.jsonl"
    assert main(["data", "augment", str(parents), "-o", str(more), "--noise", "typo,swap", "--copies", "2"]) == 0
    for seed in range(5):
        sets = load_rows(DataSpec(train=(SourceSpec(path=str(more)),), validation_split=0.3, split_seed=seed))
        sides = [{row.meta["group"] for row in rows if row.meta} for rows in (sets.train[0].rows, sets.validation)]
        assert sides[1]
        assert not sides[0] & sides[1]
        assert len(sets.train[0].rows) + len(sets.validation) > 100
