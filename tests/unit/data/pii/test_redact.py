"""Redaction: the same value has the same placeholder, nothing else changes, and doing it twice does nothing more."""

from __future__ import annotations

import copy

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.data.pii.secrets_made import made
from tunewright.data.pii.detectors import find_pii
from tunewright.data.redact import PLACEHOLDER, Placeholders, Redactor, placeholders_in, redact_text

PIECES = (
    "a@example.com",
    "+49 30 901820",
    "415-555-2671",
    "DE89 3704 0044 0532 0130 00",
    "4111 1111 1111 1111",
    "10.20.30.40",
    "12345678Z",
    "86095742719",
    "password = ",
    "hX7" + "q9Lm2Vb8Kz4t",
    "[EMAIL_1]",
    "[EMAIL_",
    "phone: ",
    "612345678",
    "://",
    "@",
    ".",
    " ",
    ":",
    "7",
    "x",
    "\\n",
    '"',
    "é",
    "\ud800",
)
texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


def redact(record: dict) -> tuple[dict, list]:
    return Redactor(Placeholders(placeholders_in([record]))).record(record)


def test_writings_of_one_value_share_a_placeholder_and_other_values_never() -> None:
    text = redact_text("DE89 3704 0044 0532 0130 00, DE89370400440532013000, GB82 WEST 1234 5698 7654 32")
    assert text == "[IBAN_1], [IBAN_1], [IBAN_2]"
    assert redact_text("A@Example.com a@example.com b@example.com") == "[EMAIL_1] [EMAIL_1] [EMAIL_2]"
    assert redact_text("+49 30 901820 / 0049 (0)30 901820") == "[PHONE_1] / [PHONE_1]"
    assert redact_text("2001:db8::17 2001:0db8:0:0:0:0:0:17") == "[IP_1] [IP_1]"


def test_a_placeholder_that_the_text_holds_already_is_not_given_away() -> None:
    assert redact_text("[EMAIL_1] a@example.com [EMAIL_3] b@example.com c@example.com") == (
        "[EMAIL_1] [EMAIL_2] [EMAIL_3] [EMAIL_4] [EMAIL_5]"
    )


@given(texts)
def test_redacting_twice_changes_nothing_and_leaves_nothing(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once
    left = [once[span.start : span.end] for span in find_pii(once)]
    assert all(any(value in mark for mark in PLACEHOLDER.findall(once)) for value in left)


@given(texts)
def test_text_without_finds_stays_as_it_is(text: str) -> None:
    if not find_pii(text):
        assert redact_text(text) == text


def test_keys_roles_and_ids_stay_and_all_other_strings_are_content() -> None:
    mail = "a@example.com"
    record = {
        "messages": [
            {"role": mail, "name": mail, "content": [{"type": mail, "text": f"I am {mail}"}]},
            {"role": "tool", "tool_call_id": mail, "content": mail},
        ],
        mail: {"from": mail, "id": mail, "value": mail, "deep": [[mail]]},
        "weight": 1,
        "flag": True,
        "card": 4111111111111111,
    }
    before = copy.deepcopy(record)
    redacted, places = redact(record)
    assert record == before
    assert redacted["messages"][0] == {
        "role": mail,
        "name": "[EMAIL_1]",
        "content": [{"type": mail, "text": "I am [EMAIL_1]"}],
    }
    assert redacted["messages"][1] == {"role": "tool", "tool_call_id": mail, "content": "[EMAIL_1]"}
    assert redacted[mail] == {"from": mail, "id": mail, "value": "[EMAIL_1]", "deep": [["[EMAIL_1]"]]}
    assert (redacted["weight"], redacted["flag"], redacted["card"]) == (1, True, "[CARD_1]")
    assert [place.field for place in places] == [
        "messages[0].name",
        "messages[0].content[0].text",
        "messages[1].content",
        f"{mail}.value",
        f"{mail}.deep[0][0]",
        "card",
    ]


@settings(max_examples=60)
@given(st.dictionaries(st.text(max_size=5), st.one_of(texts.filter(lambda t: "\ud800" not in t), st.integers(-9, 9))))
def test_arguments_of_calls_stay_valid_json_with_the_same_shape(arguments: dict[str, object]) -> None:
    text = orjson.dumps(arguments, option=orjson.OPT_INDENT_2).decode()
    call = {"id": "call_1", "type": "function", "function": {"name": "send", "arguments": text}}
    redacted, places = redact({"messages": [{"role": "assistant", "tool_calls": [call]}]})
    function = redacted["messages"][0]["tool_calls"][0]["function"]
    assert function["name"] == "send"
    assert len(orjson.loads(function["arguments"])) == len(arguments)
    assert places or function["arguments"] == text


def test_a_key_in_arguments_gives_its_value_away() -> None:
    value = "hX7" + "q9Lm2Vb8Kz4t"
    rest = '"phone" : "612345678", "note":"a\\nb@example.com", "card":4111111111111111}'
    arguments = f'{{"api_key": "{value}", {rest}'
    redacted, places = redact({"function": {"name": "f", "arguments": arguments}})
    assert redacted["function"]["arguments"] == (
        '{"api_key": "[SECRET_1]", "phone" : "[PHONE_1]", "note":"a\\n[EMAIL_1]", "card":"[CARD_1]"}'
    )
    assert {place.field for place in places} == {"function.arguments"}


def test_no_find_holds_its_value() -> None:
    record = {name: f"use {value}" if name != "bearer" else f"Bearer {value}" for name, (_, value) in made().items()}
    redacted, places = redact(record)
    assert len(places) == len(record)
    assert not any(value in str(places) + str(redacted) for _, value in made().values())


def test_a_record_without_finds_is_returned_as_it_was() -> None:
    record = {"messages": [{"role": "user", "content": "Hello, 12 apples!"}]}
    assert redact(record)[0] is record
