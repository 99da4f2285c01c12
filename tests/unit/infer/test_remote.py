"""The remote engine against a real HTTP server that answers, refuses, dawdles and babbles."""

from __future__ import annotations

import logging
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.chat_service import Reply, Service, completion, failure, said, serving
from tunewright.errors import GraderError, MissingExtraError, ModelError, ModelMissingError
from tunewright.graders.grade import Item, Output
from tunewright.graders.tools import ToolCall
from tunewright.infer.engine import Sampling
from tunewright.infer.remote import RemoteAnswer, RemoteEngine, remote_judge, service_of
from tunewright.spec.baselines import ServiceSpec
from tunewright.spec.grader import JudgeSpec, ToolCallSpec

KEY = "sk-secret-0123456789"


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as known:
        yield known


def ask(service: Service, *texts: str, sampling: Sampling | None = None, **settings: Any) -> list[RemoteAnswer]:
    engine = RemoteEngine(service.url, "m", **{"api_key": KEY, "max_retries": 0, "timeout_s": 5.0, **settings})
    try:
        return engine.chat([[{"role": "user", "content": text}] for text in texts], sampling or Sampling())
    finally:
        engine.close()


def errors(answers: list[RemoteAnswer]) -> list[str]:
    assert all(bool(answer.error) != (answer.seconds is not None) for answer in answers)
    return [answer.error for answer in answers]


def test_answers_come_in_order_with_usage_and_time(service: Service) -> None:
    def slower_first(body: dict[str, Any], count: int) -> Reply:
        time.sleep(0.1 if said(body) in "ab" else 0)
        return 200, completion(said(body).upper())

    service.reply = slower_first
    answers = ask(service, *"abcde")
    assert [answer.text for answer in answers] == list("ABCDE")
    for answer in answers:
        assert (answer.has_ended, answer.prompt_tokens, answer.completion_tokens, answer.error) == (True, 7, 3, "")
    assert 0.1 <= (answers[1].seconds or 0) < 5
    assert ask(service) == []


def test_the_request_holds_what_sampling_says_and_the_key_as_a_bearer(service: Service) -> None:
    ask(service, "hi", sampling=Sampling(max_new_tokens=9, seed=4))
    ask(service, "hi", sampling=Sampling(temperature=0.5, top_p=0.9))
    first, second = service.bodies
    assert first == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.0,
        "seed": 4,
        "max_tokens": 9,
    }
    assert (second["temperature"], second["top_p"]) == (0.5, 0.9)
    assert service.headers[0]["authorization"] == f"Bearer {KEY}"


def test_no_more_requests_run_at_once_than_allowed_and_progress_counts_each(service: Service) -> None:
    def slow(body: dict[str, Any], count: int) -> Reply:
        time.sleep(0.03)
        return 200, completion("x")

    service.reply = slow
    told: list[tuple[int, int]] = []
    engine = RemoteEngine(service.url, "m", api_key=KEY, num_parallel=3)
    conversations = [[{"role": "user", "content": str(number)}] for number in range(10)]
    engine.chat(conversations, Sampling(), on_progress=lambda done, total: told.append((done, total)))
    engine.close()
    assert told == [(done, 10) for done in range(1, 11)]
    assert 1 < service.most_running <= 3


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (401, ModelError, "refuses the key: HTTP 401"),
        (403, ModelError, "refuses the key: HTTP 403"),
        (404, ModelMissingError, "has no model 'm'"),
    ],
)
def test_what_the_first_request_shows_to_be_vain_is_raised_at_once(
    service: Service, status: int, kind: type[ModelError], message: str
) -> None:
    service.reply = lambda body, count: (status, failure(f"Incorrect API key provided: {KEY}, or no such model"))
    with pytest.raises(kind, match=message) as caught:
        ask(service, *"abcdef", max_retries=2)
    assert len(service.bodies) == 1
    assert caught.value.hint
    assert KEY not in f"{caught.value.as_dict()}"
    assert caught.value.__cause__ is None
    assert service.url in caught.value.message


def test_a_later_refusal_is_that_answer_s_error(service: Service) -> None:
    service.reply = lambda body, count: (200, completion("x")) if said(body) == "a" else (401, failure(f"no: {KEY}"))
    first, *others = errors(ask(service, *"abc"))
    assert first == ""
    assert all("HTTP 401: " in error and KEY not in error for error in others)


def test_an_engine_that_was_answered_before_raises_no_more(service: Service) -> None:
    engine = RemoteEngine(service.url, "m", api_key=KEY)
    conversation = [{"role": "user", "content": "a"}]
    assert errors(engine.chat([conversation], Sampling())) == [""]
    service.reply = lambda body, count: (401, failure("revoked"))
    assert all("revoked" in error for error in errors(engine.chat([conversation] * 2, Sampling())))
    engine.close()


def test_an_address_where_nobody_answers_is_raised_at_once() -> None:
    with socket.socket() as unused:
        # Bound and not listening: a connection is refused, and nobody else can take the port meanwhile.
        unused.bind(("127.0.0.1", 0))
        engine = RemoteEngine(f"http://127.0.0.1:{unused.getsockname()[1]}/v1", "m", api_key=KEY, max_retries=1)
        with pytest.raises(ModelError, match="cannot be reached: ConnectError") as caught:
            engine.chat([[{"role": "user", "content": "hi"}]] * 3, Sampling())
        engine.close()
    assert "is running" in caught.value.hint


def test_a_busy_service_is_asked_again(service: Service) -> None:
    service.reply = lambda body, count: (429, failure("slow down")) if count == 1 else (200, completion("done"))
    [answer] = ask(service, "hi", max_retries=1)
    assert (answer.text, answer.error) == ("done", "")
    assert len(service.bodies) == 2


@pytest.mark.parametrize("status", [429, 500, 503, 400, 422])
def test_one_refused_request_is_one_error_with_its_status(service: Service, status: int) -> None:
    service.reply = lambda body, count: (status, failure("not this")) if said(body) == "b" else (200, completion("x"))
    answers = ask(service, *"abc")
    assert [answer.text for answer in answers] == ["x", "", "x"]
    assert errors(answers) == ["", f"{service.url}: HTTP {status}: {answers[1].error.split(': ', 2)[2]}", ""]
    assert "not this" in answers[1].error


def test_retries_end_and_say_so(service: Service) -> None:
    service.reply = lambda body, count: (500, b"<html>broken</html>")
    [error] = errors(ask(service, "hi", max_retries=1))
    assert "HTTP 500" in error
    assert len(service.bodies) == 2


def test_a_slow_answer_is_an_error_and_the_others_are_kept(service: Service) -> None:
    def reply(body: dict[str, Any], count: int) -> Reply:
        time.sleep(0.6 if said(body) == "a" else 0)
        return 200, completion("x")

    service.reply = reply
    assert errors(ask(service, "a", "b", timeout_s=0.2)) == [f"{service.url}: timed out, retries included", ""]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"{not json", "no JSON: '{not json'"),
        (b"", "no JSON: ''"),
        (b"[]", "no choices"),
        (b"null", "no choices"),
        ({"choices": []}, "no choices"),
        ({"choices": None}, "no choices"),
        ({"choices": "abc"}, "no choices"),
        ({"choices": ["abc"]}, "no text"),
        ({"choices": [{"message": None}]}, "no text"),
        (completion(None), "no text (finish_reason 'stop')"),
        (completion(None, finish_reason="length"), "no text (finish_reason 'length')"),
        (completion("x") | {"choices": [{"message": {"content": [1]}}]}, "no text"),
    ],
)
def test_a_response_that_is_no_answer_is_an_error(service: Service, content: Any, error: str) -> None:
    service.reply = lambda body, count: (200, content)
    found = errors(ask(service, "a", "b"))
    assert all(f"{service.url}: " in one and error in one for one in found)


def test_a_refusal_is_an_answer_and_an_empty_text_too(service: Service) -> None:
    refusal = {"role": "assistant", "content": None, "refusal": "I cannot."}
    service.reply = lambda body, count: (200, completion("") if said(body) == "b" else completion("", message=refusal))
    assert [(answer.text, answer.error) for answer in ask(service, "a", "b")] == [("I cannot.", ""), ("", "")]


@pytest.mark.parametrize(("reason", "has_ended"), [("stop", True), ("length", False), ("content_filter", False)])
def test_an_answer_that_was_cut_off_says_so(service: Service, reason: str, has_ended: bool) -> None:
    service.reply = lambda body, count: (200, completion("x", finish_reason=reason))
    [answer] = ask(service, "a")
    assert answer.has_ended is has_ended


def test_a_service_that_does_not_count_tokens_leaves_them_open(service: Service) -> None:
    service.reply = lambda body, count: (200, completion("x") | {"usage": None})
    [answer] = ask(service, "a")
    assert (answer.prompt_tokens, answer.completion_tokens, answer.error) == (None, None, "")


def test_a_connection_that_is_cut_is_one_error(service: Service) -> None:
    def cut(body: dict[str, Any], count: int) -> Reply:
        if said(body) == "a":
            raise ConnectionAbortedError
        return 200, completion("x")

    service.reply = cut
    lost, kept = errors(ask(service, "a", "b"))
    assert "connection was lost" in lost
    assert kept == ""


def test_half_a_character_in_a_prompt_is_one_error(service: Service) -> None:
    broken, kept = errors(ask(service, "\ud800", "b"))
    assert "UnicodeEncodeError" in broken
    assert kept == ""


def test_a_model_that_wants_the_newer_name_of_the_limit_gets_it(service: Service) -> None:
    def reply(body: dict[str, Any], count: int) -> Reply:
        if "max_tokens" in body:
            return 400, failure("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        return 200, completion(str(body["max_completion_tokens"]))

    service.reply = reply
    assert [answer.text for answer in ask(service, "a", "b", sampling=Sampling(max_new_tokens=5))] == ["5", "5"]
    assert len(service.bodies) == 3


def test_a_model_that_refuses_a_temperature_is_asked_without_one_and_that_is_told(service: Service) -> None:
    def reply(body: dict[str, Any], count: int) -> Reply:
        if "max_tokens" in body:
            return 400, failure("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        if "temperature" in body:
            return 400, failure("Unsupported value: 'temperature' does not support 0 with this model.")
        return 200, completion(f"{sorted(body)}")

    service.reply = reply
    engine = RemoteEngine(service.url, "m", api_key=KEY)
    assert engine.takes_temperature
    answers = engine.chat([[{"role": "user", "content": text}] for text in "ab"], Sampling(max_new_tokens=5))
    engine.close()
    assert [answer.text for answer in answers] == ["['max_completion_tokens', 'messages', 'model', 'seed']"] * 2
    assert not engine.takes_temperature
    assert len(service.bodies) == 4


def test_a_refusal_that_merely_speaks_of_temperature_changes_nothing(service: Service) -> None:
    service.reply = lambda body, count: (400, failure("too long: 'What temperature does water boil at?…'"))
    engine = RemoteEngine(service.url, "m", api_key=KEY)
    assert "too long" in engine.ask([{"role": "user", "content": "?"}], Sampling()).error
    engine.close()
    assert engine.takes_temperature
    assert len(service.bodies) == 1


@pytest.mark.parametrize("key", ["sk-\nsecret", "sk secret", "schlüssel", "sk-\x00"])
def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ModelError, match="no HTTP header can carry") as caught:
        RemoteEngine("http://127.0.0.1/v1", "m", api_key=key)
    assert key not in f"{caught.value.as_dict()}"


@pytest.mark.parametrize("url", ["localhost:8000", "", "ftp://host/v1", "http://", "http://[", "http://host:port/"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ModelError, match="must begin with http"):
        RemoteEngine(url, "m", api_key=KEY)


def test_secrets_in_the_address_are_not_shown(service: Service) -> None:
    engine = RemoteEngine(service.url.replace("//", "//user:pass@") + "?key=hidden", "m", api_key=KEY)
    assert engine.url == service.url
    engine.close()


def test_without_openai_the_message_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtraError, match="openai"):
        RemoteEngine("http://127.0.0.1/v1", "m", api_key=KEY)


# ── tools ────────────────────────────────────────────────────────────────────────────────────────────────────────────

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def calling(*functions: Any, content: str | None = None) -> dict[str, Any]:
    calls = [{"id": "c", "type": "function", "function": function} for function in functions]
    message = {"role": "assistant", "content": content, "tool_calls": calls}
    return completion("", message=message, finish_reason="tool_calls")


def test_each_conversation_offers_its_own_tools_and_none_where_there_are_none(service: Service) -> None:
    engine = RemoteEngine(service.url, "m", api_key=KEY, num_parallel=1)
    engine.chat([[{"role": "user", "content": text}] for text in "abc"], Sampling(), tools=[[TOOL], [], [TOOL, TOOL]])
    engine.close()
    offered = {said(body): body.get("tools", "none") for body in service.bodies}
    assert offered == {"a": [TOOL], "b": "none", "c": [TOOL, TOOL]}


def test_calls_of_tools_become_text_that_the_grader_of_calls_reads(service: Service) -> None:
    service.reply = lambda body, count: (
        200,
        calling(
            {"name": "weather", "arguments": '{"city": "Rom"}'}, {"name": "time", "arguments": "{}"}, content="So:"
        ),
    )
    [answer] = ask(service, "a")
    wanted = [
        {"function": {"name": "time", "arguments": "{}"}},
        {"function": {"name": "weather", "arguments": '{"city": "Rom"}'}},
    ]
    assert ToolCall(ToolCallSpec())(Output(answer.text), Item("", tool_calls=tuple(wanted))) == 1.0
    assert answer.text.startswith("So:\n<tool_call>")
    assert answer.has_ended


@pytest.mark.parametrize("arguments", ["{broken", None, 7, "[" * 100_000])
def test_arguments_that_are_no_json_are_a_wrong_call_and_no_crash(service: Service, arguments: Any) -> None:
    service.reply = lambda body, count: (200, calling({"name": "weather", "arguments": arguments}))
    [answer] = ask(service, "a")
    assert answer.error == ""
    wanted = {"function": {"name": "weather", "arguments": '{"city": "Rom"}'}}
    assert ToolCall(ToolCallSpec())(Output(answer.text), Item("", tool_calls=(wanted,))) == 0.0


@pytest.mark.parametrize("function", [None, "x", {}, {"name": 3}])
def test_a_call_without_a_name_is_no_answer(service: Service, function: Any) -> None:
    service.reply = lambda body, count: (200, calling(function))
    [error] = errors(ask(service, "a"))
    assert "no text" in error


# ── the key of a service ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_service_is_asked_with_the_key_of_its_variable_and_its_patience(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)

    def dawdle(body: dict[str, Any], count: int) -> Reply:
        time.sleep(0.4 if said(body) == "slow" else 0)
        return 200, completion("here")

    service.reply = dawdle
    engine = service_of(ServiceSpec(model="m", url=service.url, key_variable="MY_KEY", timeout_s=0.15))
    assert engine.ask([{"role": "user", "content": "quick"}], Sampling()).text == "here"
    assert "timed out" in engine.ask([{"role": "user", "content": "slow"}], Sampling()).error
    engine.close()
    assert service.headers[0]["authorization"] == f"Bearer {KEY}"


def test_on_this_machine_the_usual_key_may_be_missing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    engine = service_of(ServiceSpec(model="m", url=service.url))
    assert engine.ask([{"role": "user", "content": "hi"}], Sampling()).text == "hi"
    engine.close()
    assert remote_judge(JudgeSpec(model="m", url=service.url))([{"role": "user", "content": "ho"}]) == "ho"
    for url in ("http://localhost:1/v1", "http://[::1]:1/v1", "http://127.0.0.2/v1"):
        service_of(ServiceSpec(model="m", url=url)).close()


@pytest.mark.parametrize(
    "url", ["https://api.openai.com/v1", "http://192.168.0.2/v1", "http://localhost.example/v1", "http://[/v1"]
)
def test_elsewhere_a_missing_key_is_an_error_that_names_the_variable(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ModelError, match="'m' needs a key: the environment variable OPENAI_API_KEY is not set"):
        service_of(ServiceSpec(model="m", url=url))
    with pytest.raises(GraderError, match="OPENAI_API_KEY is not set"):
        remote_judge(JudgeSpec(model="m", url=url))


def test_a_variable_that_the_recipe_names_must_be_set_here_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(ModelError, match="MY_KEY is not set"):
        service_of(ServiceSpec(model="m", url="http://127.0.0.1:1/v1", key_variable="MY_KEY"))


# ── the judge ────────────────────────────────────────────────────────────────────────────────────────────────────────


def judge_of(service: Service, **settings: Any) -> JudgeSpec:
    return JudgeSpec(model="m", url=service.url, key_variable="MY_JUDGE_KEY", **settings)


def test_a_remote_judge_answers_at_temperature_0_with_the_key_of_its_variable(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MY_JUDGE_KEY", KEY)
    service.reply = lambda body, count: (200, completion("mark: 4"))
    with caplog.at_level(logging.DEBUG):
        assert remote_judge(judge_of(service))([{"role": "user", "content": "?"}]) == "mark: 4"
    assert (service.bodies[0]["temperature"], service.bodies[0]["seed"]) == (0.0, 0)
    assert service.headers[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in caplog.text


def test_a_judge_without_key_or_address_is_refused(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (None, "", "  "):
        monkeypatch.delenv("MY_JUDGE_KEY", raising=False)
        if value is not None:
            monkeypatch.setenv("MY_JUDGE_KEY", value)
        with pytest.raises(GraderError, match="environment variable MY_JUDGE_KEY is not set"):
            remote_judge(judge_of(service))
    with pytest.raises(GraderError, match="has no url"):
        remote_judge(JudgeSpec(model="folder"))


def test_a_judge_that_fails_once_raises_once_and_one_that_refuses_is_not_asked_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_JUDGE_KEY", KEY)
    replies: list[Reply] = [(200, completion("mark: 1")), (400, failure("too long")), (200, completion("mark: 2"))]
    service.reply = lambda body, count: replies[count - 1]
    ask_judge = remote_judge(judge_of(service))
    messages = [{"role": "user", "content": "?"}]
    assert ask_judge(messages) == "mark: 1"
    with pytest.raises(ModelError, match=r"HTTP 400: .*too long"):
        ask_judge(messages)
    assert ask_judge(messages) == "mark: 2"

    service.reply = lambda body, count: (401, failure("no"))
    refused = remote_judge(judge_of(service))
    num_before = len(service.bodies)
    for _ in range(3):
        with pytest.raises(ModelError, match="refuses the key"):
            refused(messages)
    assert len(service.bodies) == num_before + 1
