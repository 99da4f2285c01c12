"""The page on training shows what the commands truly print: each of them runs here, in page order, in one folder.

The folder holds a copy of `examples/` and the page's recipe. Measured numbers are not compared, nor the lines that come
as time passes; everything else is. `UPDATE_DOCS=1` writes what is printed into the page instead of comparing.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import get_args

import numpy as np
import orjson
import pytest

from tests.docs.console import Shown, run_page, write_page
from tunewright.data.forest import Forest, Targets, attention_mask
from tunewright.models.layout import EXACT
from tunewright.runs.folder import RunFolder
from tunewright.spec.method import MethodSpec

REPO = Path(__file__).resolve().parents[2]
PAGE = REPO / "docs" / "training.md"
OPTIMIZERS = REPO / "benchmarks" / "results" / "optimizers.json"

_RECIPE = re.compile(r"^```yaml\n# (\S+\.yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PICTURE = re.compile(r"^(token|position|subtree end)((?: +\w+)+)$", re.MULTILINE)
# Losses, percentages, times, sizes and speeds; the device's precision; the bars of a curve.
_MEASURED = re.compile(
    r"\d[\d,]*\.\d+|\d+ ?%|\d+:\d\d|\d[\d,]*(?= tokens/s| [kMG]B)|\b(?:bf16|fp32)\b|(?<= )[MG]B\b|[▁-█]+"
)
# What comes as time passes, and the parts of a plan's time, of which those under a second are not named.
_PASSING = ("step ", "─", "time ")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the page's commands have what they need."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(REPO / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in _RECIPE.findall(PAGE.read_text(encoding="utf-8")):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def blocks(folder: Path) -> list[list[Shown]]:
    """Return the console blocks of the page, run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COLUMNS", "80")
        # The program calls itself as it was called; the page calls it by its name.
        patch.setattr("sys.argv", ["pytest"])
        return run_page(PAGE)


def steady(text: str) -> list[str]:
    """Return the lines of an output that are alike on every machine, without what was measured."""
    lines = (" ".join(_MEASURED.sub("#", line).split()) for line in text.splitlines())
    return [line for line in lines if not (line.startswith(_PASSING) or line.endswith("…"))]


def test_every_command_of_the_page_prints_what_the_page_shows(blocks: list[list[Shown]]) -> None:
    if os.environ.get("UPDATE_DOCS"):
        write_page(PAGE, blocks)
        return
    for each in (each for block in blocks for each in block):
        assert steady(each.printed) == steady(each.expected), (
            f"$ {each.command}\n(UPDATE_DOCS=1 writes what is printed)"
        )


def test_the_page_shows_no_defect_of_ours(blocks: list[list[Shown]]) -> None:
    printed = "\n".join(each.printed for block in blocks for each in block)
    assert "internal error" not in printed
    assert "Traceback" not in printed


@pytest.mark.usefixtures("blocks")
def test_the_runs_of_the_page_end_as_it_says(folder: Path) -> None:
    states = {path.name: RunFolder.open(path).state() for path in (folder / "runs").iterdir()}
    assert states == {"first": "finished", "short": "finished", "second": "finished"}
    assert [row.step for row in RunFolder.open(folder / "runs" / "short").metrics()] == [1, 2]
    started_from = RunFolder.open(folder / "runs" / "second").manifest().started_from
    assert started_from is not None
    assert started_from.run_id == RunFolder.open(folder / "runs" / "first").manifest().run_id


def test_measured_numbers_are_the_only_ones_that_may_differ() -> None:
    assert steady("validated step 1: loss 4.851, token_accuracy 37 %") == ["validated step 1: loss #, token_accuracy #"]
    assert steady("rows 90 to train on") != steady("rows 91 to train on")
    assert steady("paused") != steady("finished")


def test_the_picture_of_a_forest_shows_each_row_what_it_would_see_alone() -> None:
    lines = {name: cells.split() for name, cells in _PICTURE.findall(PAGE.read_text(encoding="utf-8"))}
    positions, ends = (np.array(lines[name], dtype=np.int32) for name in ("position", "subtree end"))
    nothing = np.empty(0, np.int32)
    sees = attention_mask(
        Forest(np.arange(len(ends)), positions, ends, Targets(nothing, nothing, nothing), target_row=nothing)
    )
    token = lines["token"]
    assert ["".join(token[j] for j in np.flatnonzero(sees[i])) for i in (7, 11, 14)] == ["SSSSSAaa", "SSSSSBbbb", "Ccc"]
    assert positions.tolist() == [int(row.sum()) - 1 for row in sees]


def test_the_table_of_precisions_is_that_of_the_recorded_measurement() -> None:
    rows = re.findall(r"^\| (\S*e-\d) \|(.*)\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    shown = {float(rate): [float(cell) for cell in cells.split("|")] for rate, cells in rows}
    recorded = {
        each["rate"]: [arm["loss"] for arm in each["arms"][:4]] for each in orjson.loads(OPTIMIZERS.read_bytes())
    }
    assert shown.keys() == recorded.keys()
    for rate, losses in recorded.items():
        assert shown[rate] == pytest.approx(losses, abs=6e-5)


def test_every_method_and_every_exact_model_is_named_on_the_page() -> None:
    named = set(re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", PAGE.read_text("utf-8"), flags=re.M | re.S)))
    kinds = {spec.model_fields["kind"].default for spec in get_args(get_args(MethodSpec)[0])}
    assert kinds <= named
    assert named >= EXACT
