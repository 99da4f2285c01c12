"""The graders of structure, tool calls, judges and users' files pass the contract that a plug-in's must.

`JsonFields` compares JSON, so the kit's plain texts are given to it as JSON strings; the bare texts are there as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tunewright.graders.grade import Grade, Grader
from tunewright.graders.judge import Judge
from tunewright.graders.python_file import PythonFile
from tunewright.graders.structure import JsonFields, JsonValid
from tunewright.graders.tools import ToolCall
from tunewright.spec.grader import JsonFieldsSpec, JsonSpec, JudgeSpec, PythonSpec, ToolCallSpec
from tunewright.testing.grader_kit import GraderKit

_TEXT = {"type": "string"}


class TestJsonValid(GraderKit):
    compares = False

    def make(self) -> Grader:
        return JsonValid(JsonSpec(json_schema=_TEXT))


class TestJsonFields(GraderKit):
    compares = False

    def make(self) -> Grader:
        return JsonFields(JsonFieldsSpec())


class TestJsonFieldsOfJson(GraderKit):
    def make(self) -> Grader:
        return JsonFields(JsonFieldsSpec(json_schema=_TEXT))

    def grade(self, output: str, reference: str | None) -> Grade:
        return super().grade(json.dumps(output), None if reference is None else json.dumps(reference))


class TestToolCall(GraderKit):
    def make(self) -> Grader:
        return ToolCall(ToolCallSpec())


class TestToolCallWithCalls(TestToolCall):
    def grade(self, output: str, reference: str | None) -> Grade:
        return super().grade(_called(output), None if reference is None else _called(reference))


class TestJudge(GraderKit):
    compares = False

    def make(self) -> Grader:
        judge = Judge(JudgeSpec(model="m"))
        judge.use_judge(lambda messages: f"mark: {1 + len(messages[1]['content']) % 5}")
        return judge


class TestJudgeWithoutAModel(GraderKit):
    compares = False

    def make(self) -> Grader:
        return Judge(JudgeSpec(model="m"))


class TestPythonFile(GraderKit):
    meta: Mapping[str, Any] = {"tags": ["a"]}
    _path: Path

    @pytest.fixture(autouse=True)
    def _write(self, tmp_path: Path) -> None:
        self._path = tmp_path / "same.py"
        text = (
            "def grade(sample, item):\n    item['tags'].append('b')\n"
            "    return sample['output_text'] == item['reference']\n"
        )
        self._path.write_text(text, encoding="utf-8")

    def make(self) -> Grader:
        return PythonFile(PythonSpec(path=str(self._path), allow=True))


def _called(text: str) -> str:
    return f"<tool_call>{json.dumps({'name': 'say', 'arguments': {'text': text}})}</tool_call>"
