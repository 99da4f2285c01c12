"""Every event survives its line, whatever it holds."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.errors import RunError
from tunewright.runs.events import Event, Notice, Scored, Validated, event_line, event_schema, parse_event

KINDS = get_args(get_args(Event)[0])

_BY_FIELD: dict[str, st.SearchStrategy[object]] = {
    "seconds": st.floats(allow_nan=False, allow_infinity=False),
    "rate_scale": st.floats(allow_nan=False, allow_infinity=False),
    "value": st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    "scores": st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False)),
    "valid_loss": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    "loss": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    "perplexity": st.none() | st.floats(allow_nan=False, allow_infinity=False),
}


def _events(kind: type) -> st.SearchStrategy[object]:
    fields = {
        name: _BY_FIELD[name] if name in _BY_FIELD else st.from_type(field.annotation)
        for name, field in kind.model_fields.items()
        if name != "type"
    }
    return st.builds(kind, **fields)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_parse_undoes_write(kind: type) -> None:
    @given(_events(kind))
    def holds(event: Event) -> None:
        line = event_line(event)
        assert b"\n" not in line
        assert parse_event(line) == event

    holds()


def test_numbers_that_are_not_finite_become_null() -> None:
    nan, inf = float("nan"), float("inf")
    event = Validated(step=1, valid_loss=nan, perplexity=inf, is_best=False)
    assert json.loads(event_line(event))["valid_loss"] is None
    assert parse_event(event_line(event)) == event
    scored = Scored(
        subject="base", num_rows=1, num_answered=0, loss=inf, perplexity=nan, scores={"a": nan, "b": 1.0}, seconds=0.0
    )
    assert scored.loss is None
    assert scored.scores == {"b": 1.0}


def test_text_that_is_no_utf8_is_kept_readable() -> None:
    event = Notice(message="caf\udce9.jsonl")
    assert parse_event(event_line(event)).message == "caf\\udce9.jsonl"  # pyright: ignore[reportAttributeAccessIssue]


def test_time_is_utc_by_default() -> None:
    assert Notice(message="x").time.endswith("Z")


def test_fields_of_later_versions_are_overlooked() -> None:
    event = parse_event(b'{"type": "notice", "time": "t", "message": "m", "colour": "red"}')
    assert event == Notice(time="t", message="m")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"type": "moon_landed"}', "'moon_landed' is not known"),
        (b'{"type": "validated", "step": "x"}', "validated.step"),
        (b'{"time": "t"}', "is not an event"),
        (b"[1", "is not an event"),
        (b"", "is not an event"),
    ],
)
def test_what_is_no_event_is_named(line: bytes, why: str) -> None:
    with pytest.raises(RunError, match=why):
        parse_event(line)


def test_schema_names_every_type() -> None:
    assert set(event_schema()["discriminator"]["mapping"]) == {kind.model_fields["type"].default for kind in KINDS}
