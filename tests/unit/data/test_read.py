"""What is read from a file, whatever its name and however it is broken."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.data import records
from tunewright.data.read import ReadResult, read_rows
from tunewright.errors import DataError, DataMissingError

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
RECORD: dict[str, Any] = {
    "messages": [{"role": "user", "content": "hi\u2028ü"}, {"role": "assistant", "content": "hello"}]
}
LINE = json.dumps(RECORD, ensure_ascii=False)


def read(tmp_path: Path, content: str | bytes, name: str = "t.jsonl") -> ReadResult:
    path = tmp_path / name
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return read_rows(path)


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
    assert all(row.messages[0].content == "hi\u2028ü" for row in result.rows)
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


def test_a_line_that_is_too_long_is_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MAX_RECORD_BYTES", 200)
    (fault,) = read(tmp_path, f"{LINE}\n" + "x" * 201).faults
    assert "at most 200 bytes, got 201 bytes" in str(fault)


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
    with pytest.raises(DataError, match=r"chat, prompt_completion; the keys found are mesages, b") as caught:
        read(tmp_path, '{"mesages": 1, "b": 2}\nnot json')
    assert "did you mean messages" in caught.value.hint
    assert len(caught.value.faults) == 1


def test_utf_16_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="UTF-16"):
        read(tmp_path, LINE.encode("utf-16"))


def test_a_missing_file_suggests_its_neighbour(tmp_path: Path) -> None:
    read(tmp_path, LINE, "train.jsonl")
    with pytest.raises(DataMissingError, match="does not exist") as caught:
        read_rows(tmp_path / "trian.jsonl")
    assert "train.jsonl" in caught.value.hint
    with pytest.raises(DataMissingError) as caught:
        read_rows(tmp_path / "nowhere" / "train.jsonl")
    assert "nowhere" in caught.value.hint


def test_a_folder_names_the_files_in_it(tmp_path: Path) -> None:
    read(tmp_path, LINE, "train.jsonl")
    with pytest.raises(DataMissingError, match="is a folder") as caught:
        read_rows(tmp_path)
    assert "train.jsonl" in caught.value.hint


@pytest.mark.parametrize("name", ["a\0b.jsonl", "x" * 5000])
def test_a_name_that_no_file_can_have_is_our_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataMissingError):
        read_rows(tmp_path / name)


@given(st.binary(max_size=60) | st.text("[]{},: \n\"'messages1", max_size=60).map(str.encode))
def test_no_bytes_make_reading_raise_anything_but_our_error(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    try:
        result = read(tmp_path_factory.getbasetemp(), raw)
    except DataError:
        return
    assert result.num_records >= len(result.rows)


def shared_files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((SHARED / folder).glob("*.json*"))]


@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared data beside the repository")
class TestSharedFiles:
    @pytest.mark.parametrize("path", shared_files("chat", "broken", "tools", "preference"), ids=lambda path: path.name)
    def test_every_record_is_a_row_or_has_a_fault(self, path: Path) -> None:
        try:
            result = read_rows(path)
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
        result = read_rows(SHARED / "chat" / name)
        assert (len(result.rows), result.faults) == (num_rows, ())

    def test_line_ends_do_not_change_the_rows(self) -> None:
        plain, crlf = (read_rows(SHARED / "chat" / f"azure_oai_v2_chat_train{end}.jsonl") for end in ("", "_crlf"))
        assert [row.messages for row in plain.rows] == [row.messages for row in crlf.rows]

    def test_an_array_called_jsonl_names_its_keys(self) -> None:
        with pytest.raises(DataError, match="query, ground_truth, response"):
            read_rows(SHARED / "broken" / "array_not_jsonl.jsonl")

    def test_raw_line_breaks_in_a_text_are_explained(self) -> None:
        with pytest.raises(DataError, match="a line break inside a text"):
            read_rows(SHARED / "broken" / "raw_newlines_in_strings.jsonl")

    def test_rows_without_an_answer_are_named(self) -> None:
        result = read_rows(SHARED / "broken" / "no_assistant_at_all.jsonl")
        assert (len(result.rows), len(result.faults)) == (0, 5)

    def test_tools_are_never_dropped_in_silence(self) -> None:
        result = read_rows(SHARED / "tools" / "foundry_stock_toolcall_validation.jsonl")
        assert len({fault.line for fault in result.faults}) == 10
        assert all("later version" in str(fault) for fault in result.faults)
