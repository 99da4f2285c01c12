"""A user's own function: what it is given, what it may return, and every way in which it can go wrong."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import pytest

from tunewright.errors import GraderError
from tunewright.graders.grade import Grade, GradeFailure, Grader, Item, Output
from tunewright.graders.make import make_graders
from tunewright.graders.python_file import PythonFile
from tunewright.spec.grader import PythonSpec


def make(folder: Path, text: str | bytes, function: str = "grade") -> Grader:
    path = folder / "mine.py"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    [grader] = make_graders([PythonSpec(path=str(path), function=function, allow=True)]).values()
    return grader


def returning(folder: Path, expression: str, item: Item | None = None) -> Grade:
    text = f"import math\nimport numpy\n\ndef grade(sample, item):\n    return {expression}\n"
    return make(folder, text)(Output("out", has_ended=False, num_tokens=3), item or Item("ref"))


def test_a_function_may_have_any_name_and_imports_and_dataclasses_work(tmp_path: Path) -> None:
    text = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n\n@dataclass\nclass P:\n    x: int\n\n"
        "def mine(sample, item, *, weight=1.0):\n    return P(1).x * weight\n"
    )
    assert make(tmp_path, text, "mine")(Output(""), Item(None)) == 1.0


def test_the_function_is_given_sample_and_item(tmp_path: Path) -> None:
    item = Item("ref", {"level": 2, "reference": "not this"}, (("user", "hi"),), ({"function": {"name": "f"}},))
    wanted = {
        "level": 2,
        "reference": "ref",
        "prompt": [{"role": "user", "content": "hi"}],
        "metadata": {"level": 2, "reference": "not this"},
        "tool_calls": [{"function": {"name": "f"}}],
    }
    assert returning(tmp_path, f"item == {wanted!r}", item) == 1.0
    assert returning(tmp_path, "sample == {'output_text': 'out', 'has_ended': False, 'num_tokens': 3}") == 1.0


def test_every_call_gets_fresh_copies(tmp_path: Path) -> None:
    text = (
        "def grade(sample, item):\n"
        "    clean = item['metadata']['tags'] == ['a'] == item['tags'] and 'seen' not in sample\n"
        "    item['tags'].append('b'); item['metadata']['tags'].clear(); sample['seen'] = True\n"
        "    item['tool_calls'][0]['function'].clear(); item['prompt'].clear()\n"
        "    return clean\n"
    )
    grader, meta, calls = make(tmp_path, text), {"tags": ["a"]}, ({"function": {"name": "f"}},)
    before = copy.deepcopy((meta, calls))
    item = Item("ref", meta, (("user", "hi"),), calls)
    assert [grader(Output("x"), item) for _ in range(2)] == [1.0, 1.0]
    assert (meta, calls) == before


@pytest.mark.parametrize(
    ("expression", "score"),
    [("0.25", 0.25), ("1", 1.0), ("0", 0.0), ("True", 1.0), ("False", 0.0), ("numpy.float32(0.5)", 0.5), ("-0.0", 0.0)],
)
def test_a_number_from_0_to_1_is_the_score(tmp_path: Path, expression: str, score: float) -> None:
    found = returning(tmp_path, expression)
    assert found == score
    assert type(found) is float


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("None", "got None"),
        ("math.nan", "got nan"),
        ("math.inf", "got inf"),
        ("1.5", "got 1.5"),
        ("-1e-9", "got -1e-09"),
        ("'0.5'", "got '0.5'"),
        ("[1]", "got [1]"),
        ("1j", "got 1j"),
        ("10 ** 5000", "got int"),
        ("'x' * 100_000", "xxx…"),
    ],
)
def test_anything_else_is_the_row_s_failure(tmp_path: Path, expression: str, shown: str) -> None:
    found = returning(tmp_path, expression)
    assert isinstance(found, GradeFailure)
    assert "mine.py: grade must return a number from 0 to 1" in found.reason
    assert shown in found.reason
    assert len(found.reason) < 400


RAISING = {
    "1 / 0": "line 4 of {path}: ZeroDivisionError: division by zero",
    "item['nothing']": "line 4 of {path}: KeyError: 'nothing'",
    "exit(3)": "line 4 of {path}: SystemExit: 3",
    "raise Odd": "line 4 of {path}: Odd: Odd",
    "grade(sample, item)": "line 4 of {path}: RecursionError: maximum recursion",
    "raise GeneratorExit": "line 4 of {path}: GeneratorExit: ",
    "import json; json.loads('{')": "line 4 of {path}: JSONDecodeError: Expecting property name",
}


@pytest.mark.parametrize("statement", RAISING)
def test_whatever_the_function_raises_is_the_row_s_failure_with_the_line(tmp_path: Path, statement: str) -> None:
    text = (
        "from sys import exit\n\ndef grade(sample, item):\n"
        f"    {statement}\n\nclass Odd(Exception):\n    def __str__(self):\n        raise ValueError\n"
    )
    found = make(tmp_path, text)(Output("x"), Item("ref"))
    assert isinstance(found, GradeFailure)
    assert found.reason.startswith(RAISING[statement].format(path=tmp_path / "mine.py"))


def test_the_user_s_own_interrupt_is_not_swallowed(tmp_path: Path) -> None:
    grader = make(tmp_path, "def grade(sample, item):\n    raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        grader(Output("x"), Item("ref"))
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, "raise KeyboardInterrupt\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def grade(sample, item):\n    return (\n", "line 2 of .*mine.py: this is not Python: '\\(' was never closed"),
        (b"x = '\xff\xfe'\n", "mine.py: this is not Python"),
        (b"x = '\x00'\n", "mine.py: this is not Python"),
        ("\n\nimport no_such_module_at_all\n", "line 3 of .*mine.py: ModuleNotFoundError: .*no_such_module_at_all"),
        ("raise SystemExit(2)\n", "line 1 of .*mine.py: SystemExit: 2"),
        ("x = 1\n", "mine.py: has no function 'grade'"),
        ("grade = 1\n", "mine.py: has no function 'grade'"),
        ("x = 1\ndef grade(sample):\n    return 1\n", r"line 2 of .*mine.py: grade cannot take \(sample, item\)"),
        ("async def grade(sample, item):\n    return 1\n", "mine.py: grade is async"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_line_and_a_way_out(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    with pytest.raises(GraderError, match=message) as caught:
        make(tmp_path, text)
    assert caught.value.hint


@pytest.mark.parametrize("name", ["missing.py", "."])
def test_a_path_that_is_no_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(GraderError, match="cannot be read") as caught:
        PythonFile(PythonSpec(path=str(tmp_path / name), allow=True))
    assert str(tmp_path / name) in caught.value.message
    assert caught.value.hint


def test_nothing_runs_unless_it_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n", encoding="utf-8")
    spec = PythonSpec(path=str(tmp_path / "mine.py"), allow=True).model_copy(update={"allow": False})
    with pytest.raises(GraderError, match="runs only if you say so"):
        PythonFile(spec)
    assert not (tmp_path / "ran").exists()


def test_two_files_do_not_get_into_each_other_s_way_nor_into_a_module_s(tmp_path: Path) -> None:
    graders = []
    for value in (0.25, 0.75):
        folder = tmp_path / str(value)
        folder.mkdir()
        graders.append(make(folder, f"VALUE = {value}\ndef grade(sample, item):\n    return VALUE\n"))
    assert [grader(Output("x"), Item(None)) for grader in graders] == [0.25, 0.75]
    assert "mine" not in sys.modules


def test_a_relative_path_is_found_again_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "def grade(sample, item):\n    return 1 / 0\n"
    Path("mine.py").write_text(text, encoding="utf-8")
    grader: Any = PythonFile(PythonSpec(path="mine.py", allow=True))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert grader(Output("x"), Item(None)) == GradeFailure("line 2 of mine.py: ZeroDivisionError: division by zero")
