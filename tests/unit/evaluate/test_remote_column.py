"""A column from a real HTTP service: what it is sent, how its answers are graded, and what becomes of its failures."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.chat_service import Reply, Service, completion, failure, said, serving
from tunewright.data.rows import Message, Row
from tunewright.errors import ModelError
from tunewright.evaluate.baselines.asked import Asked
from tunewright.evaluate.columns import ColumnFacts
from tunewright.evaluate.judged import given_text
from tunewright.evaluate.remote_column import openai_messages, remote_column
from tunewright.graders.grade import Grader
from tunewright.graders.make import make_graders
from tunewright.infer.remote import RemoteEngine
from tunewright.runs.evaluation import Column
from tunewright.spec.grader import ContainsSpec, EndedSpec, ExactMatchSpec, GraderNode, LabelSpec, ToolCallSpec

KEY = "sk-secret-0123456789"
FACTS = ColumnFacts("gpt", "remote", "", {"temperature": 0})


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as known:
        yield known


def asked(text: str, reference: str = "Paris", **other: Any) -> Asked:
    row = Row("test.jsonl", 1, (Message("user", text), Message("assistant", reference)), tools=other.pop("tools", ()))
    return Asked(row, row.prompt, **other)


def column(
    service: Service, rows: Sequence[Asked], specs: Sequence[GraderNode] = (ExactMatchSpec(), EndedSpec()), **other: Any
) -> Column:
    graders: dict[str, Grader] = make_graders(specs)
    engine = RemoteEngine(service.url, "m", **{"api_key": KEY, "max_retries": 0, "timeout_s": 5.0, **other})
    try:
        return remote_column(FACTS, engine, graders, rows, 17)
    finally:
        engine.close()


def test_answers_are_graded_in_the_order_of_the_rows(service: Service) -> None:
    service.reply = lambda body, count: (200, completion({"a": " Paris \n", "b": "Rome"}[said(body)]))
    found = column(service, [asked("a"), asked("b", note="2 examples left out", is_shortened=True)])
    assert [answer.text for answer in found.answers] == ["Paris", "Rome"]
    assert [answer.scores for answer in found.answers] == [
        {"exact_match": 1.0, "ended": 1.0},
        {"exact_match": 0.0, "ended": 1.0},
    ]
    assert [(answer.prompt_tokens, answer.completion_tokens) for answer in found.answers] == [(7, 3), (7, 3)]
    assert [answer.note for answer in found.answers] == ["", "2 examples left out"]
    assert (found.name, found.kind, found.num_shortened) == ("gpt", "remote", 1)


def test_the_request_is_greedy_bounded_and_holds_the_whole_prompt(service: Service) -> None:
    row = asked("?").row
    shown = Asked(row, (Message("system", "Be short."), Message("user", "?")))
    column(service, [shown])
    [body] = service.bodies
    assert body["messages"] == [{"role": "system", "content": "Be short."}, {"role": "user", "content": "?"}]
    assert (body["temperature"], body["max_tokens"]) == (0.0, 17)


def test_the_column_names_model_and_address_and_never_the_key(service: Service) -> None:
    service.reply = lambda body, count: (200, completion("x")) if said(body) == "a" else (401, failure(f"bad {KEY}"))
    found = column(service, [asked("a"), asked("b")])
    assert found.model == f"m at {service.url}"
    assert found.settings == {"temperature": 0, "url": service.url}
    assert FACTS.settings == {"temperature": 0}
    assert KEY not in found.model_dump_json()


def test_a_row_without_an_answer_is_a_failure_of_every_grader_and_never_a_zero(service: Service) -> None:
    def reply(body: dict[str, Any], count: int) -> Reply:
        return (500, failure("overloaded")) if said(body) == "bad" else (200, completion("Paris"))

    service.reply = reply
    found = column(service, [asked("good"), asked("bad"), asked("good"), asked("bad")])
    for answer in (found.answers[1], found.answers[3]):
        assert answer.scores == {}
        assert set(answer.failures) == {"exact_match", "ended"}
        assert all("HTTP 500" in reason and "overloaded" in reason for reason in answer.failures.values())
        assert (answer.text, given_text(answer)) == ("", None)
    assert [answer.scores["exact_match"] for answer in found.answers[::2]] == [1.0, 1.0]
    assert found.notes[0].startswith("2 of 4 rows got no answer and are in no score: ")
    assert found.notes[0].endswith("(2)")
    assert found.usage is not None
    # Of the answered ones: two failures must not halve the tokens, and so the cost, of a request.
    assert (found.usage.prompt_tokens, found.usage.completion_tokens, found.usage.num_timed) == (7.0, 3.0, 2)


def test_scores_of_the_set_leave_out_what_was_never_answered(service: Service) -> None:
    service.reply = lambda body, count: (200, completion("spam")) if said(body) == "a" else (400, failure("too long"))
    found = column(service, [asked("a", "spam"), asked("b", "spam")], [LabelSpec(labels=("spam", "ham"))])
    assert found.set_scores["label"].values["accuracy"] == 1.0
    assert found.set_scores["label"].confusion is not None
    assert sum(map(sum, found.set_scores["label"].confusion.counts)) == 1


def test_a_service_that_is_too_slow_for_one_row_keeps_the_others(service: Service) -> None:
    def reply(body: dict[str, Any], count: int) -> Reply:
        time.sleep(0.6 if said(body) == "slow" else 0)
        return 200, completion("Paris")

    service.reply = reply
    found = column(service, [asked("quick"), asked("slow")], timeout_s=0.2)
    assert found.answers[0].scores["exact_match"] == 1.0
    assert found.answers[1].scores == {}
    assert "timed out" in found.answers[1].failures["exact_match"]


def test_when_every_row_fails_the_column_says_so_and_has_no_usage(service: Service) -> None:
    service.reply = lambda body, count: (503, failure(f"down {said(body)}"))
    found = column(service, [asked(str(number)) for number in range(5)], [LabelSpec(labels=("a", "b"))])
    assert (found.usage, found.set_scores) == (None, {})
    assert "5 of 5 rows got no answer" in found.notes[0]
    assert found.notes[0].endswith("and 2 reasons more")
    assert len(found.notes) == 1


def test_an_empty_answer_is_an_answer_and_one_cut_off_says_so(service: Service) -> None:
    service.reply = lambda body, count: (200, completion("", finish_reason="length" if said(body) == "b" else "stop"))
    first, second = column(service, [asked("a"), asked("b")]).answers
    assert (first.scores, first.failures) == ({"exact_match": 0.0, "ended": 1.0}, {})
    assert second.scores["ended"] == 0.0


def test_latency_is_told_with_the_load_under_which_it_was_taken(service: Service) -> None:
    def reply(body: dict[str, Any], count: int) -> Reply:
        time.sleep(0.05)
        return 200, completion("x")

    service.reply = reply
    found = column(service, [asked(str(number)) for number in range(6)], num_parallel=3)
    assert found.usage is not None
    assert found.usage.latency_p50 is not None
    assert found.usage.latency_p95 is not None
    assert 0.05 <= found.usage.latency_p50 <= found.usage.latency_p95 < 5
    assert (found.usage.num_timed, found.notes) == (
        6,
        ["latency of 6 requests, up to 3 under way at a time, network included"],
    )
    assert all(answer.seconds is not None and answer.seconds >= 0.05 for answer in found.answers)


def test_tokens_that_nobody_counted_are_no_tokens_of_cost_0(service: Service) -> None:
    service.reply = lambda body, count: (200, completion("x") | {"usage": None})
    found = column(service, [asked("a"), asked("b")])
    assert found.usage is None
    assert found.notes[0].startswith("latency of 2 requests, up to 2 under way at a time, network included: median 0.")
    assert found.notes[1] == "the service counted no tokens for 2 of 2 answers: nothing is known of its cost"


def test_tokens_that_were_counted_now_and_then_are_a_mean_of_those(service: Service) -> None:
    def reply(body: dict[str, Any], count: int) -> Reply:
        return 200, completion("x") | ({"usage": None} if said(body) == "b" else {})

    service.reply = reply
    found = column(service, [asked("a"), asked("b")])
    assert found.usage is not None
    assert found.usage.prompt_tokens == 7.0
    assert found.notes[1] == "the service counted no tokens for 1 of 2 answers: means of tokens are of the others"


def test_a_wrong_key_is_raised_before_the_other_rows_are_sent(service: Service) -> None:
    service.reply = lambda body, count: (401, failure("no"))
    with pytest.raises(ModelError, match="refuses the key"):
        column(service, [asked(str(number)) for number in range(9)])
    assert len(service.bodies) == 1


def test_answers_that_could_not_be_asked_for_greedily_say_so(service: Service) -> None:
    def reply(body: dict[str, Any], count: int) -> Reply:
        refusal = failure("Unsupported value: 'temperature' does not support 0.0 with this model.")
        return (400, refusal) if "temperature" in body else (200, completion("Paris"))

    service.reply = reply
    found = column(service, [asked("a"), asked("b")])
    assert [answer.scores["exact_match"] for answer in found.answers] == [1.0, 1.0]
    assert any("answers are drawn" in note for note in found.notes)


def test_no_rows_are_an_empty_column(service: Service) -> None:
    found = column(service, [])
    assert (found.answers, found.usage, found.notes, service.bodies) == ([], None, [], [])


def test_tools_are_offered_and_a_call_is_graded_as_one(service: Service) -> None:
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    call = {"id": "c9", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rom"}'}}
    row = Row("t.jsonl", 1, (Message("user", "?"), Message("assistant", "", tool_calls=(call,))), tools=(tool,))
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    service.reply = lambda body, count: (200, completion("", message=message, finish_reason="tool_calls"))
    found = column(service, [Asked(row, row.prompt)], [ToolCallSpec(), ContainsSpec()])
    assert service.bodies[0]["tools"] == [tool]
    assert found.answers[0].scores["tool_call"] == 1.0


def test_turns_of_tools_keep_openai_s_form() -> None:
    function = {"name": "weather", "arguments": {"city": "Köln"}}
    call = {"id": "c1", "type": "function", "function": function}
    told = openai_messages(
        [
            Message("user", "?"),
            Message("assistant", "", tool_calls=(call,)),
            Message("assistant", "Let me see.", tool_calls=({**call, "function": {**function, "arguments": "{}"}},)),
            Message("tool", "rain", tool_call_id="c1", name="weather"),
        ]
    )
    assert told[0] == {"role": "user", "content": "?"}
    assert told[1]["content"] is None
    assert json.loads(told[1]["tool_calls"][0]["function"]["arguments"]) == {"city": "Köln"}
    assert told[1]["tool_calls"][0] | {"function": None} == {"id": "c1", "type": "function", "function": None}
    assert (told[2]["content"], told[2]["tool_calls"][0]["function"]["arguments"]) == ("Let me see.", "{}")
    assert told[3] == {"role": "tool", "content": "rain", "tool_call_id": "c1", "name": "weather"}
    assert call["function"]["arguments"] == {"city": "Köln"}


def test_progress_counts_every_row(service: Service) -> None:
    told: list[tuple[int, int]] = []
    engine = RemoteEngine(service.url, "m", api_key=KEY)
    remote_column(FACTS, engine, {}, [asked("a"), asked("b")], 8, on_progress=lambda *done: told.append(done))
    engine.close()
    assert told == [(1, 2), (2, 2)]
