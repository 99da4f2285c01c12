"""`check` names every fault of every row once, counts exactly, and ends with a report whatever the bytes are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.shared import SHARED, needs_shared
from tunewright.data.checking.check import CheckOptions, CheckReport, NearDuplicate, TokenLength, check
from tunewright.data.checking.fingerprints import Fingerprints, Place, SeenHashes
from tunewright.data.checking.oddities import OPENAI_TOKENS, TextSearch
from tunewright.data.read import open_source
from tunewright.data.rows import AnyRow
from tunewright.data.rules import RULES
from tunewright.errors import DataError, MissingExtraError
from tunewright.spec.data import SourceSpec


def turns(*texts: str) -> dict[str, Any]:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[index % 2], "content": text} for index, text in enumerate(texts)]}


def good(number: int) -> dict[str, Any]:
    return turns(f"question {number}", f"answer {number}")


def write(path: Path, *rows: Any) -> Path:
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def checked(*paths: Path, options: CheckOptions | None = None, **spec: Any) -> CheckReport:
    return check([open_source(SourceSpec(path=str(path), **spec)) for path in paths], options)


def kinds_of(tmp_path: Path, *rows: Any, options: CheckOptions | None = None) -> dict[str, int]:
    """Return what is found in ten good rows and these."""
    path = write(tmp_path / "rows.jsonl", *(good(number) for number in range(10)), *rows)
    return checked(path, options=options).totals


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (b"{not json", "not_json"),
        (b'{"messages": "\xff"}', "not_utf8"),
        (b'["a list"]', "not_an_object"),
        (b'{"messages": [{"role": "user", "role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}',
         "duplicate_key"),
        ({"messages": []}, "missing_messages"),
        ({"messages": [{"role": "bot", "content": "x"}]}, "bad_role"),
        ({**turns("a", "b"), "source": "web"}, "unknown_key"),
        (turns("a", "b <|fim_suffix|>"), "special_token"),
        (b'{"messages": [{"role": "user", "content": "\\u003c|im_end|>"}, {"role": "assistant", "content": "b"}]}',
         "special_token"),
        (turns("only a question"), "no_assistant"),
        (turns("a", ""), "no_content"),
        (turns("a", "b", "c"), "last_not_assistant"),
        (turns("question 3", "answer 3"), "duplicate_row"),
        (turns("question 3", "another answer"), "contradiction"),
        (turns("a", "b\x00"), "control_character"),
        (turns("a", "b\x07c"), "control_character"),
        (turns("a", "caf\ufffd"), "replacement_character"),
        ({"messages": [{"role": "system", "content": " "}, *turns("a", "b")["messages"]]}, "empty_system"),
        ({"messages": [*turns("a", "b")["messages"], {"role": "user", "content": "a"},
                       {"role": "user", "content": "a"}, {"role": "assistant", "content": "d"}]}, "repeated_role"),
    ],
)  # fmt: skip
def test_a_row_with_one_fault_among_good_ones_is_the_only_finding(row: Any, kind: str, tmp_path: Path) -> None:
    assert kinds_of(tmp_path, row) == {kind: 1}


@pytest.mark.parametrize(
    "row",
    [
        turns("a | b", 'say "hi": {"a": 1}'),
        turns("tab\tand\nline", "C:\\bin and \\frac{a}{b}"),
        turns("ü", "日本 <| almost a token |>"),
        {**turns("a", "b"), "metadata": {"note": "<|im_end|>"}},
        {"messages": [{"role": "developer", "content": "x"}, *turns("a", "b")["messages"]]},
    ],
)
def test_a_good_row_with_strange_characters_has_no_finding(row: Any, tmp_path: Path) -> None:
    assert kinds_of(tmp_path, row, row | {"metadata": {"second": True}}) == {"duplicate_row": 1}
    assert kinds_of(tmp_path, row) == {}


def test_the_same_words_are_duplicates_however_they_are_written(tmp_path: Path) -> None:
    parts = {"messages": [{"content": [{"type": "text", "text": "question 3"}], "role": "user"},
                          {"weight": 1, "role": "assistant", "content": "answer 3"}]}  # fmt: skip
    spaced = json.dumps(good(3), indent=None, separators=(" , ", " : ")).encode()
    report = checked(write(tmp_path / "rows.jsonl", *(good(n) for n in range(10)), b"", parts, spaced))
    assert report.totals == {"duplicate_row": 2}
    assert [(each.fault.line, each.fault.value.rpartition(":")[2]) for each in report.findings] == [
        (12, "4"),
        (13, "4"),
    ]


def test_totals_are_exact_and_findings_capped(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", *(good(n) for n in range(10)), *[b"broken"] * 50, *[good(1)] * 40)
    report = checked(path, options=CheckOptions(max_shown=3))
    assert report.totals == {"not_json": 50, "duplicate_row": 40}
    assert [(each.fault.kind, each.fault.line) for each in report.findings] == [
        *(("not_json", line) for line in (11, 12, 13)),
        *(("duplicate_row", line) for line in (61, 62, 63)),
    ]


def test_files_given_together_are_one_set(tmp_path: Path) -> None:
    first = write(tmp_path / "a.jsonl", *(good(n) for n in range(6)))
    second = write(tmp_path / "b.jsonl", *(good(n) for n in range(5, 11)))
    report = checked(first, second)
    assert report.totals == {"duplicate_row": 1}
    assert str(report.findings[0].as_fault()).startswith(f"{second}:1: ")
    assert f"{first}:6" in str(report.findings[0].as_fault())
    assert checked(first).totals == {"too_few_rows": 1}


def test_a_set_has_one_format(tmp_path: Path) -> None:
    first = write(tmp_path / "a.jsonl", *(good(n) for n in range(10)), {"prompt": "a", "completion": "b"})
    second = write(tmp_path / "b.jsonl", {"prompt": "a", "completion": "b"})
    assert checked(first).totals == {"mixed_formats": 1}
    assert checked(first, second).totals["mixed_formats"] == 2


def test_a_method_takes_its_kinds_of_rows_only(tmp_path: Path) -> None:
    assert kinds_of(tmp_path, options=CheckOptions(method="supervised")) == {}
    assert kinds_of(tmp_path, options=CheckOptions(method="dpo")) == {"wrong_kind": 1}


def test_every_finding_carries_its_rule_and_the_words_of_openai(tmp_path: Path) -> None:
    rows = [good(n) for n in range(3)]
    report = checked(write(tmp_path / "rows.jsonl", *rows, {"messages": [{"role": "bot", "content": "{x}"}]}))
    found = {each["kind"]: each for each in report.as_dict()["findings"]}
    assert found["too_few_rows"]["openai_text"] == "Training file has 4 example(s), but must have at least 10 examples"
    assert found["too_few_rows"]["line"] is None
    assert found["bad_role"]["number"] == "V7"
    assert found["bad_role"]["openai_text"].endswith("Example 4, message 1 Discriminator 'role' is 'bot'")
    assert report.is_refused


def test_contradictions_are_given_up_with_a_notice_in_large_sets(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", *(good(n) for n in range(12)), turns("question 1", "other"))
    report = checked(path, options=CheckOptions(max_prompts=12))
    assert report.totals == {}
    assert any("contradictions" in notice for notice in report.notices)


def test_special_tokens_of_the_tokenizer_are_looked_for(tmp_path: Path) -> None:
    row = turns("a", "b </s>")
    assert kinds_of(tmp_path, row) == {}
    assert kinds_of(tmp_path, row, options=CheckOptions(special_tokens=frozenset({"</s>"}))) == {"special_token": 1}


def test_lengths_and_near_duplicates_come_from_the_callables(tmp_path: Path) -> None:
    asked: list[int] = []

    def lengths(rows: Sequence[AnyRow]) -> list[TokenLength]:
        asked.append(len(rows))
        return [TokenLength(len(row.said), 7, "no such role" if row.line == 2 else "") for row in rows]

    def near(sources: Sequence[Any]) -> list[NearDuplicate]:
        path = sources[0].path
        return [NearDuplicate(Place(path, 5), Place(path, 4), 0.9)]

    options = CheckOptions(context_length=40, token_lengths=lengths, near_duplicates=near)
    totals = kinds_of(tmp_path, *(turns(f"q{n}", "x" * 60 + str(n)) for n in range(500)), options=options)
    assert totals == {"not_renderable": 1, "too_long": 500, "near_duplicate": 1}
    assert sum(asked) == 510
    assert max(asked) <= 256


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=40), st.integers(1, 50))
def test_duplicates_and_contradictions_are_those_of_a_plain_search(rows: list[tuple[int, int]], shown: int) -> None:
    keep = Fingerprints(max_prompts=100)
    add = keep.begin("f")
    said, duplicates, contradictions = {}, [], []
    prompts: dict[int, int] = {}
    for line, (prompt, answer) in enumerate(rows, start=1):
        add(line * 2, (hash((prompt, answer)), prompt))
        if (prompt, answer) in said:
            duplicates.append((line * 2, said[prompt, answer]))
        elif prompt in prompts:
            contradictions.append((line * 2, prompts[prompt]))
        said.setdefault((prompt, answer), line * 2)
        prompts.setdefault(prompt, line * 2)
    for pairs, expected in ((keep.duplicates(shown), duplicates), (keep.contradictions(shown), contradictions)):
        assert pairs.total == len(expected)
        assert [(later.line, first.line) for later, first in pairs.shown] == expected[:shown]


def test_duplicates_are_found_across_the_parts_of_a_large_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunewright.data.checking.fingerprints._PART_ROWS", 16)
    keep = Fingerprints(max_prompts=0)
    add = keep.begin("f")
    for line in range(1, 1001):
        add(line, (hash((line % 700, "x")), None))
    pairs = keep.duplicates(5)
    assert pairs.total == 300
    assert [(later.line, first.line) for later, first in pairs.shown] == [(700 + n, n) for n in range(1, 6)]


@given(st.text(st.sampled_from('a<|"\\\x00\x08\x0c\n\ufffd\x7fim_end>/é'), max_size=30), st.booleans())
def test_the_quick_look_never_misses_what_the_close_look_finds(text: str, plain: bool) -> None:
    search = TextSearch({"</s>"})
    raw = orjson.dumps({"text": text}) if plain else json.dumps({"text": text}).encode()
    if search.findings({"text": text}):
        assert not search.is_quiet(raw)


def test_every_token_of_openai_is_found() -> None:
    for token in OPENAI_TOKENS:
        assert [found[3] for found in TextSearch().findings({"text": f"a{token}b"})] == [token]


MALFORMED = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            b'{"messages": NaN}',
            b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
            b'{"messages": ' + b"[" * 900 + b"]" * 900 + b"}",
            b'{"messages": [{"role": "user", "content": ' + b'{"a":' * 600 + b"1" + b"}" * 600 + b"}]}",
            b'{"prompt": 1, "completion": []}',
            b'{"messages": {"role": "user"}}',
            b'{"messages": "text"}',
            b'{"messages": [[], null, 1]}',
            b'{"messages": [{"role": [], "content": {}}]}',
            b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": ["b"]}], "tools": 1}',
            b"\x00\x00",
            b"\xef\xbb\xbf{}",
        ]
    ),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda each: (
            st.lists(each, max_size=3)
            | st.dictionaries(st.sampled_from(["messages", "role", "content", "prompt", "x"]), each, max_size=3)
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    lines=st.lists(MALFORMED, max_size=6),
    with_good=st.booleans(),
    line_end=st.sampled_from([b"\n", b"\r\n", b"\x00"]),
)
def test_any_bytes_end_in_a_report_or_a_data_error(
    lines: list[bytes], with_good: bool, line_end: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(line_end.join([orjson.dumps(good(1))] * with_good + lines))
    try:
        report = checked(path)
    except DataError:
        return
    assert set(report.totals) <= set(RULES)
    json.dumps(report.as_dict())


@needs_shared
@pytest.mark.parametrize(
    ("name", "expected"),
    [("chat/azure_oai_v2_chat_train_crlf.jsonl", {}), ("broken/no_assistant_at_all.jsonl", {"no_assistant": 5})],
)
def test_real_files(name: str, expected: dict[str, int]) -> None:
    totals = checked(SHARED / name).totals
    assert {
        kind: totals[kind] for kind in totals if RULES[kind].severity == "error" and kind != "too_few_rows"
    } == expected


@needs_shared
def test_lines_that_are_texts_hold_no_rows_and_each_is_named() -> None:
    with pytest.raises(DataError) as caught:
        checked(SHARED / "broken" / "lines_are_strings.jsonl", format="chat")
    assert len(caught.value.faults) == 100


@needs_shared
def test_line_breaks_inside_texts_break_every_line_that_they_make() -> None:
    path = SHARED / "broken" / "raw_newlines_in_strings.jsonl"
    totals = checked(path, format="prompt_completion", columns={"prompt": "query", "completion": "response"}).totals
    assert totals["not_json"] == 213


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3), max_size=400), st.integers(1, 64))
def test_seen_hashes_remember_what_a_set_remembers(values: list[int], stride: int) -> None:
    seen, known = SeenHashes(), set[int]()
    for value in [*values, *(n * 2**32 // stride for n in range(300)), *values]:
        assert seen.add(value) == (value in known)
        known.add(value)
    assert len(seen) == len(known)


def test_seen_hashes_take_a_third_of_what_a_set_takes() -> None:
    seen = SeenHashes()
    for number in range(50_000):
        seen.add(hash((number, "row")))
    assert seen.num_bytes <= 50_000 * 24


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.csv", "text,label\na <|im_end|> b,x\nplain,y\na\x07b,x\n\ufffd,y\n"),
        ("rows.jsonl", '{"text": "a <|im_end|> b", "label": "x"}\n{"text": "a\\u0007b", "label": "\\ufffd"}\n'),
    ],
)
def test_odd_texts_are_found_in_every_layout(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    report = check([open_source(SourceSpec(path=str(path)))])
    kinds = ("special_token", "control_character", "replacement_character")
    assert {kind: report.totals.get(kind, 0) for kind in kinds} == dict.fromkeys(kinds, 1)


def test_without_the_library_for_near_duplicates_the_rest_is_checked_and_that_is_said(tmp_path: Path) -> None:
    def missing(_: object) -> list[NearDuplicate]:
        raise MissingExtraError.of("data", "rensa")

    path = tmp_path / "rows.jsonl"
    path.write_text('{"messages": [{"role": "bot", "content": "x"}]}\n', encoding="utf-8")
    report = check([open_source(SourceSpec(path=str(path)))], CheckOptions(near_duplicates=missing))
    assert report.num("error")
    assert any("near duplicates were not looked for" in notice for notice in report.notices)
