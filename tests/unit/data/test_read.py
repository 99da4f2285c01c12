"""What is read from a file, whatever its name and however it is broken."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shared import SHARED, needs_shared
from tunewright.data.containers.record import MAX_RECORD_BYTES
from tunewright.data.formats.all import FORMATS
from tunewright.data.read import Ambiguity, OpenSource, ReadResult, open_source, read_rows
from tunewright.data.rows import Row
from tunewright.errors import DataError, DataMissingError, RecipeError
from tunewright.spec.data import SourceSpec

RECORD: dict[str, Any] = {
    "messages": [{"role": "user", "content": "hi\u2028ü"}, {"role": "assistant", "content": "hello"}]
}
LINE = json.dumps(RECORD, ensure_ascii=False)


def spec(path: Path, **more: Any) -> SourceSpec:
    return SourceSpec(path=str(path), **more)


def read(tmp_path: Path, content: str | bytes, name: str = "t.jsonl") -> ReadResult:
    path = tmp_path / name
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return read_rows(spec(path))


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (f"{LINE}\n{LINE}\n", [1, 2]),
        (f"{LINE}\n{LINE}", [1, 2]),
        (f"{LINE}\r\n\r\n  \r\n{LINE}\r\n", [1, 4]),
        (f"\n\n{LINE}", [3]),
        (b"\xef\xbb\xbf" + LINE.encode(), [1]),
        (json.dumps([RECORD, RECORD]), [1, 1]),
        ("\n" + json.dumps([RECORD, RECORD], indent=2), [3, 15]),
        (json.dumps(RECORD, indent=2), [1]),
    ],
    ids=["lines", "no last line end", "crlf and blank", "blank first", "bom", "array", "pretty array", "pretty object"],
)
@pytest.mark.parametrize("name", ["t.jsonl", "t.json", "t"])
def test_content_decides_how_a_file_is_read_and_each_row_knows_its_line(
    tmp_path: Path, content: str | bytes, lines: list[int], name: str
) -> None:
    result = read(tmp_path, content, name)
    assert not result.faults
    assert [row.line for row in result.rows] == lines
    assert all(isinstance(row, Row) and row.messages[0].content == "hi\u2028ü" for row in result.rows)
    assert (result.format, result.num_records) == ("chat", len(lines))
    raw = content.encode("utf-8") if isinstance(content, str) else content
    assert result.sha256 == hashlib.sha256(raw).hexdigest()


def test_an_array_called_jsonl_is_read_with_a_notice(tmp_path: Path) -> None:
    assert "read as JSON" in read(tmp_path, json.dumps([RECORD], indent=1)).notice
    assert not read(tmp_path, LINE).notice


def test_a_broken_line_costs_only_itself(tmp_path: Path) -> None:
    content = b"\n".join([LINE.encode(), b'{"messages": [', b'{"a": "\xff"}', b'"text"', b"[1]", LINE.encode()])
    result = read(tmp_path, content)
    assert [row.line for row in result.rows] == [1, 6]
    assert [fault.line for fault in result.faults] == [2, 3, 4, 5]
    assert "column 15" in result.faults[0].rule
    assert "0xff at column 8" in result.faults[1].value
    assert all(fault.rule == "must be a JSON object" for fault in result.faults[2:])


def test_a_line_that_is_too_long_is_named_with_its_size(tmp_path: Path) -> None:
    (fault,) = read(tmp_path, f"{LINE}\n" + "x" * (MAX_RECORD_BYTES + 1)).faults
    assert (fault.kind, fault.line) == ("too_large", 2)
    assert "at most 8,388,608 bytes, got 8,388,609 bytes" in str(fault)


def test_a_damaged_array_keeps_the_records_before_the_damage(tmp_path: Path) -> None:
    result = read(tmp_path, f"[\n{LINE},\n{LINE},\n{{oops}}, {LINE}]", "t.json")
    assert len(result.rows) == 2
    (fault,) = result.faults
    assert fault.line == 4
    assert "not read" in fault.fix


@pytest.mark.parametrize("end", ["", ",", " x", "] x", "}"])
def test_an_array_that_does_not_end_well_has_a_fault(tmp_path: Path, end: str) -> None:
    result = read(tmp_path, f"[{LINE}{end}")
    assert (len(result.rows), len(result.faults)) == (1, 1)


def test_numbers_and_characters_that_json_does_not_have_are_faults_in_arrays_too(tmp_path: Path) -> None:
    bad = ['{"messages": NaN}', '{"messages": "\\ud800"}']
    assert len(read(tmp_path, f"[{LINE}, {', '.join(bad)}]").faults) == 2


def test_deep_nesting_is_a_fault_and_no_crash(tmp_path: Path) -> None:
    deep = "[" * 100_000
    assert len(read(tmp_path, f"[{LINE}, {deep}").faults) == 1
    assert len(read(tmp_path, f"{LINE}\n{deep}").faults) == 1


def test_another_format_in_one_file_is_a_fault_of_its_line(tmp_path: Path) -> None:
    result = read(tmp_path, LINE + '\n{"prompt": "a", "completion": "b"}')
    (fault,) = result.faults
    assert (fault.line, fault.value) == (2, "prompt_completion")


def test_a_misspelt_key_among_good_rows_is_named(tmp_path: Path) -> None:
    faults = read(tmp_path, LINE + "\n" + LINE.replace("messages", "mesages")).faults
    assert any("did you mean messages?" in str(fault) for fault in faults)


@pytest.mark.parametrize("content", ["", " \n\n", "[]", b"\xef\xbb\xbf"])
def test_a_file_without_a_record_is_an_error(tmp_path: Path, content: str | bytes) -> None:
    with pytest.raises(DataError, match="is empty") as caught:
        read(tmp_path, content)
    assert "chat, prompt_completion" in caught.value.hint


def test_an_unknown_format_lists_the_formats_and_the_keys_found(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"the formats are chat, prompt_completion, .*; the keys found are mesages, b"
    ) as caught:
        read(tmp_path, '{"mesages": 1, "b": 2}\nnot json')
    assert "did you mean messages" in caught.value.hint
    assert len(caught.value.faults) == 1


def test_utf_16_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="UTF-16"):
        read(tmp_path, LINE.encode("utf-16"))


def test_a_missing_file_suggests_its_neighbour(tmp_path: Path) -> None:
    read(tmp_path, LINE, "train.jsonl")
    with pytest.raises(DataMissingError, match="does not exist") as caught:
        read_rows(spec(tmp_path / "trian.jsonl"))
    assert "train.jsonl" in caught.value.hint
    with pytest.raises(DataMissingError) as caught:
        read_rows(spec(tmp_path / "nowhere" / "train.jsonl"))
    assert "nowhere" in caught.value.hint


def test_a_folder_names_the_files_in_it(tmp_path: Path) -> None:
    read(tmp_path, LINE, "train.jsonl")
    with pytest.raises(DataMissingError, match="is a folder") as caught:
        read_rows(spec(tmp_path))
    assert "train.jsonl" in caught.value.hint


@pytest.mark.parametrize("name", ["a\0b.jsonl", "x" * 5000])
def test_a_name_that_no_file_can_have_is_our_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataMissingError):
        read_rows(spec(tmp_path / name))


@given(st.binary(max_size=60) | st.text("[]{},: \n\"'messages1", max_size=60).map(str.encode))
def test_no_bytes_make_reading_raise_anything_but_our_error(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    try:
        result = read(tmp_path_factory.getbasetemp(), raw)
    except DataError:
        return
    assert result.num_records >= len(result.rows)


def opened(tmp_path: Path, content: str | bytes, name: str = "t.jsonl", **more: Any) -> OpenSource:
    path = tmp_path / name
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return open_source(spec(path, **more))


def test_a_file_that_changes_while_it_is_read_says_so_at_the_end(tmp_path: Path) -> None:
    source = opened(tmp_path, f"{LINE}\n" * 3)
    entries = iter(source)
    next(entries)
    (tmp_path / "t.jsonl").write_text(LINE, encoding="utf-8")
    assert [fault.kind for fault in list(entries)[-1].faults] == ["file_changed"]


def test_a_key_that_is_written_twice_makes_a_row_unusable_and_is_named(tmp_path: Path) -> None:
    twice = LINE[:-1] + ', "metadata": {"a": 1, "a": 2}}'
    result = read(tmp_path, f"{LINE}\n{twice}")
    assert [(fault.kind, fault.line, fault.field) for fault in result.faults] == [("duplicate_key", 2, "a")]
    assert len(result.rows) == 1


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ('{"a": NaN}', "not_json"),
        ('{"a": "\\ud800"}', "not_json"),
        ('{"a": "\0"}', "not_json"),
        ('{"a": ' + "[" * 2000 + "]" * 2000 + "}", "not_json"),
        ("[" * 50_000, "not_json"),
        ('["a"]', "not_an_object"),
        (b'{"a": "\xff"}', "not_utf8"),
    ],
    ids=["nan", "half character", "nul", "nesting", "deep nesting", "array", "latin"],
)
def test_what_is_no_row_is_a_fault_of_its_kind_and_costs_only_its_line(
    tmp_path: Path, value: str | bytes, kind: str
) -> None:
    raw = value.encode() if isinstance(value, str) else value
    result = read(tmp_path, LINE.encode() + b"\n" + raw + b"\n" + LINE.encode())
    assert [(fault.kind, fault.line) for fault in result.faults] == [(kind, 2)]
    assert [row.line for row in result.rows] == [1, 3]


def test_nesting_that_json_still_has_is_no_crash(tmp_path: Path) -> None:
    deep = LINE[:-1] + ', "metadata": {"a": ' + "[" * 1000 + "]" * 1000 + "}}"
    result = read(tmp_path, f"{LINE}\n{deep}")
    assert result.num_records == 2


class TestFormat:
    AMBIGUOUS = '{"prompt": "a", "completion": "b", "chosen": "c", "rejected": "d"}'

    def test_one_that_is_unknown_has_a_near_miss(self, tmp_path: Path) -> None:
        with pytest.raises(RecipeError, match="no format chatt") as caught:
            opened(tmp_path, LINE, format="chatt")
        assert "did you mean chat?" in caught.value.hint

    def test_ambiguity_is_asked_about_or_an_error_never_guessed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "t.jsonl"
        path.write_text(LINE, encoding="utf-8")
        monkeypatch.setattr(FORMATS[1], "detect", lambda record: "messages" in record)
        with pytest.raises(DataError, match="several formats: chat, prompt_completion") as caught:
            open_source(spec(path))
        assert "--format chat" in caught.value.hint
        asked: list[Ambiguity] = []

        def choose(ambiguity: Ambiguity) -> str:
            asked.append(ambiguity)
            return "prompt_completion"

        assert open_source(spec(path), choose).format.NAME == "prompt_completion"
        assert asked == [Ambiguity(str(path), ("chat", "prompt_completion"), ("messages",))]
        assert open_source(spec(path, format="chat")).format.NAME == "chat"


class TestPart:
    @pytest.mark.parametrize(
        ("split", "lines"),
        [("[:2]", [1, 2]), ("[1:3]", [2, 3]), ("[50%:]", [6, 7, 8, 9, 10]), ("[-1:]", [10]), ("[:1]+[8:9]", [1, 9])],
    )
    def test_slices_count_records(self, tmp_path: Path, split: str, lines: list[int]) -> None:
        assert [entry.line for entry in opened(tmp_path, f"{LINE}\n" * 10, split=split)] == lines

    def test_a_file_has_no_parts_by_name(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="is a file and has no part train"):
            opened(tmp_path, LINE, split="train[:10]")

    def test_a_slice_without_a_record_is_empty(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="is empty"):
            opened(tmp_path, LINE, split="[5:]")


class TestMapping:
    TABLE = "q,a,id\nWhat?,That.,7\n"

    def test_columns_become_keys_and_the_others_metadata(self, tmp_path: Path) -> None:
        (entry,) = opened(tmp_path, self.TABLE, "t.csv", columns={"prompt": "q", "completion": "a"})
        assert entry.record == {"prompt": "What?", "completion": "That.", "metadata": {"id": "7"}}
        assert isinstance(entry.row, Row)
        assert entry.raw == b""

    def test_a_missing_column_names_those_that_are_there(self, tmp_path: Path) -> None:
        with pytest.raises(DataError) as caught:
            opened(tmp_path, self.TABLE, "t.csv", columns={"prompt": "q", "completion": "aa"})
        assert "the columns q, a, id" in str(caught.value.faults[0])

    def test_a_key_of_no_format_has_a_near_miss(self, tmp_path: Path) -> None:
        with pytest.raises(RecipeError) as caught:
            opened(tmp_path, self.TABLE, "t.csv", columns={"promt": "q"})
        assert "did you mean prompt?" in caught.value.hint

    def test_a_template_makes_texts(self, tmp_path: Path) -> None:
        template = "User: {q}\\nAssistant: {a} {{}}"
        source = opened(tmp_path, self.TABLE, "t.csv", text_template=template)
        assert source.format.NAME == "text"
        assert [entry.record for entry in source] == [{"text": "User: What?\nAssistant: That. {}"}]

    def test_an_unknown_column_of_a_template_names_the_columns(self, tmp_path: Path) -> None:
        with pytest.raises(DataError) as caught:
            opened(tmp_path, self.TABLE, "t.csv", text_template="{question}")
        assert "the columns q, a, id" in str(caught.value.faults[0])


def shared_files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((SHARED / folder).glob("*.json*"))]


@needs_shared
class TestSharedFiles:
    @pytest.mark.parametrize("path", shared_files("chat", "broken", "tools", "preference"), ids=lambda path: path.name)
    def test_every_record_is_a_row_or_has_a_fault(self, path: Path) -> None:
        try:
            result = read_rows(spec(path))
        except DataError as caught:
            said = caught.message
        else:
            faulty = {fault.line for fault in result.faults}
            assert len(result.rows) + len(faulty) == result.num_records
            return
        assert "the formats are" in said

    @pytest.mark.parametrize(
        ("name", "num_rows"),
        [
            ("azure_oai_v2_chat_train.jsonl", 128),
            ("azure_oai_v2_chat_train_crlf.jsonl", 128),
            ("foundry_gsm8k_sft_train.jsonl", 449),
            ("openai_cookbook_toy_chat_fine_tuning.jsonl", 5),
            ("tinker_conversations.jsonl", 128),
        ],
    )
    def test_good_files_have_no_fault(self, name: str, num_rows: int) -> None:
        result = read_rows(spec(SHARED / "chat" / name))
        assert (len(result.rows), result.faults) == (num_rows, ())

    def test_line_ends_do_not_change_the_rows(self) -> None:
        plain, crlf = (
            read_rows(spec(SHARED / "chat" / f"azure_oai_v2_chat_train{end}.jsonl")) for end in ("", "_crlf")
        )
        assert [row.said for row in plain.rows] == [row.said for row in crlf.rows]

    def test_an_array_called_jsonl_names_its_keys(self) -> None:
        with pytest.raises(DataError, match="query, ground_truth, response"):
            read_rows(spec(SHARED / "broken" / "array_not_jsonl.jsonl"))

    def test_raw_line_breaks_in_a_text_are_explained(self) -> None:
        with pytest.raises(DataError) as caught:
            read_rows(spec(SHARED / "broken" / "raw_newlines_in_strings.jsonl"))
        assert "a line break inside a text" in str(caught.value.faults[0])

    def test_rows_without_an_answer_are_named(self) -> None:
        result = read_rows(spec(SHARED / "broken" / "no_assistant_at_all.jsonl"))
        assert (len(result.rows), len(result.faults)) == (0, 5)

    def test_tools_are_read(self) -> None:
        result = read_rows(spec(SHARED / "tools" / "foundry_stock_toolcall_validation.jsonl"))
        assert all(isinstance(row, Row) and row.tools for row in result.rows)

    def test_tagged_words_are_read(self) -> None:
        result = read_rows(spec(SHARED / "extraction" / "wnut17" / "emerging.dev.conll"))
        assert (result.format, len(result.rows), result.faults) == ("token_labels", 1009, ())


def test_what_an_ambiguous_record_holds_for_other_formats_goes_to_metadata(tmp_path: Path) -> None:
    path = tmp_path / "both.jsonl"
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    path.write_bytes(json.dumps({"messages": turns, "text": "Once upon a time."}).encode() + b"\n")
    with pytest.raises(DataError, match="could be of several formats: chat, text"):
        read_rows(spec(path))
    for name, kept in (("chat", "text"), ("text", "messages")):
        [row] = read_rows(SourceSpec(path=str(path), format=name)).rows
        assert kept in row.meta
        assert read_rows(spec(path), lambda _, name=name: name).rows == (row,)
