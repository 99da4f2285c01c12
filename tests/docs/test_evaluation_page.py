"""The page on evaluation shows what the commands truly print: each of them runs here, in page order, in one folder.

The folder holds a copy of `examples/` and the files that the page shows. What was measured is not compared (scores,
times, money), nor the lines that come as time passes; words are: verdicts, columns, reasons, recommendations. `advise`
on the two shipped tasks takes minutes and is marked slow. `UPDATE_DOCS=1` writes what is printed into the page.
Also held: tables of graders, pairs, verdicts and signals, the files of the page, and recorded measurements.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest

from tests.docs.console import BLOCK, Shown, run_block
from tunewright.evaluate.advice.case import Recommendation
from tunewright.evaluate.advice.prices import load_prices
from tunewright.evaluate.baselines.prompts import read_prompts
from tunewright.evaluate.signals.gate import COLUMN_NAMES, SIGNAL_NAMES
from tunewright.evaluate.statistics.pairs import planned_pairs
from tunewright.evaluate.suites.suites import read_suite
from tunewright.graders.choose import choose
from tunewright.graders.grade import Item
from tunewright.runs.evaluation import ColumnKind, Verdict
from tunewright.runs.folder import RunFolder
from tunewright.spec.grader import GraderSpec
from tunewright.spec.recipe import Recipe
from tunewright.spec.recipe_yaml import load_recipe

REPO = Path(__file__).resolve().parents[2]
PAGE = REPO / "docs" / "evaluation.md"
RESULTS = REPO / "benchmarks" / "results"

_FILE = re.compile(r"^```(?:yaml|python)\n(# (\S+)\n.*?)^```$", re.MULTILINE | re.DOTALL)
_SUITE = re.compile(r"^```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")

# Lines that are alike on every machine, figures and all; those that come as time passes, or tell how training went.
_EXACT = ("data ", "rows ", "chosen ")
_PASSING = ("step ", "validated ", "─")
_PROGRESS = re.compile(r"…$|: [\d,]+ of [\d,]+$")
# The answers of a run's end: from their header to the empty line before the run folder is named.
_SAMPLES = re.compile(r"^question +base +tuned *$.*?(?=^run folder)", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"[−+-]?\$?\d+(?:[.,]\d+)*(?:e-\d+)?(?: (?:%|ms|s|[kMG]B)(?!\w))?")
_MASKS = (
    (re.compile(r"\bp [=<>] #"), "p"),
    (re.compile(r"(?<=examples )\((?:random|by class|bm25)\)"), "(#)"),
    # Which of two ways is cheaper is a matter of milliseconds.
    (re.compile(r"(?<=a thousand requests cost ).*?(?=\. A request reads)"), "#"),
    # Whether a greedy answer ends may hang on the last bit of a product.
    (re.compile(r"! (?:(?!! ).)*?did not end by (?:itself|themselves) within the tokens (?:it|they) had "), ""),
)


def is_slow(block: str) -> bool:
    """Whether a block trains on a whole shipped task."""
    return "tunewright advise" in block


def run_blocks(folder: Path, wanted: Callable[[str], bool]) -> dict[int, list[Shown]]:
    """Run the console blocks of the page that are wanted, in order, in `folder`; return them by their place."""
    text = PAGE.read_text(encoding="utf-8")
    shutil.copytree(REPO / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    for content, name in _FILE.findall(text):
        (folder / name).write_text(content, encoding="utf-8")
    (folder / "mine.jsonl").write_text(_SUITE.findall(text)[0], encoding="utf-8")
    shown: dict[int, list[Shown]] = {}
    code = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COLUMNS", "100")
        # The program calls itself as it was called; the page calls it by its name.
        patch.setattr("sys.argv", ["pytest"])
        for place, block in enumerate(BLOCK.findall(text)):
            if wanted(block):
                if "--tally" in block:
                    play_raters(folder / "sheets")
                shown[place], code = run_block(block, code)
    return shown


def play_raters(sheets: Path) -> None:
    """Fill both sheets in, as the page says: one rater goes by the words of the reference, the other by the place."""
    # Without sheets the command that writes them has failed, and is shown with what it printed instead.
    for number in (number for number in (1, 2) if (sheets / f"sheet-{number}.json").exists()):
        sheet = orjson.loads((sheets / f"sheet-{number}.json").read_bytes())
        ratings = [
            {"row": each["row"], "choice": better_side(each) if number == 1 else "left"} for each in sheet["questions"]
        ]
        filled = {"sheet": sheet["id"], "rater": sheet["rater"], "ratings": ratings}
        (sheets.parent / f"ratings-{number}.json").write_bytes(orjson.dumps(filled))


def better_side(question: dict[str, Any]) -> str:
    """Return the side whose answer has more words of the reference."""
    wanted = set(question["reference"].split())
    left, right = (len(wanted & set(question[side].split())) for side in ("left", "right"))
    return "tie" if left == right else "left" if left > right else "right"


def steady(text: str) -> str:
    """Return the words of an output that are alike on every machine, without what was measured, on one line."""
    lines = (line.strip() for line in _SAMPLES.sub("", text).splitlines())
    kept = [line for line in lines if not (line.startswith(_PASSING) or _PROGRESS.search(line))]
    words = " ".join(line if line.startswith(_EXACT) else _NUMBER.sub("#", line) for line in kept)
    words = " ".join(words.split()) + " "
    for pattern, instead in _MASKS:
        words = pattern.sub(instead, words)
    return words.strip()


def put(shown: dict[int, list[Shown]]) -> None:
    """Put what was printed into the page, and leave the other blocks as they are."""
    places = iter(range(len(BLOCK.findall(PAGE.read_text(encoding="utf-8")))))

    def text_of(match: re.Match[str]) -> str:
        block = shown.get(next(places))
        return match[0] if block is None else "".join(f"$ {e.command}\n{e.printed}".rstrip() + "\n" for e in block)

    PAGE.write_text(BLOCK.sub(text_of, PAGE.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")


def compare(shown: dict[int, list[Shown]]) -> None:
    """Fail where a command prints other words than the page shows; with UPDATE_DOCS write them there."""
    assert shown
    if os.environ.get("UPDATE_DOCS"):
        put(shown)
        return
    for each in (each for block in shown.values() for each in block):
        assert steady(each.printed) == steady(each.expected), (
            f"$ {each.command}\n(UPDATE_DOCS=1 writes what is printed)"
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which the quick commands run."""
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def blocks(folder: Path) -> dict[int, list[Shown]]:
    """Return the quick console blocks of the page, run."""
    return run_blocks(folder, lambda block: not is_slow(block))


def test_every_quick_command_of_the_page_prints_what_the_page_shows(blocks: dict[int, list[Shown]]) -> None:
    compare(blocks)


@pytest.mark.slow
def test_advise_says_of_both_shipped_tasks_what_the_page_shows(tmp_path: Path) -> None:
    compare(run_blocks(tmp_path, is_slow))
    found = {path.name: RunFolder.open(path).evaluation() for path in (tmp_path / "runs").iterdir()}
    assert {name: each and each.recommendation for name, each in found.items()} == {
        "catalogue": "retrieval",
        "support": "fine_tune",
    }


def test_the_page_shows_no_defect_of_ours(blocks: dict[int, list[Shown]]) -> None:
    printed = "\n".join(each.printed for block in blocks.values() for each in block)
    assert "internal error" not in printed
    assert "Traceback" not in printed


@pytest.mark.usefixtures("blocks")
def test_what_a_grader_cannot_judge_is_counted_and_in_no_mean(folder: Path) -> None:
    evaluation = RunFolder.open(folder / "runs" / "graded").evaluation()
    assert evaluation is not None
    for column in evaluation.columns:
        score = column.scores["closeness"]
        assert (score.num_rows, score.num_failed) == (36, 12)
        assert column.scores["contains"].num_failed == 0


@pytest.mark.usefixtures("blocks")
def test_the_test_set_meets_each_column_once_and_choices_are_made_on_validation_rows(folder: Path) -> None:
    evaluation = RunFolder.open(folder / "runs" / "small").evaluation()
    assert evaluation is not None
    assert {column.kind for column in evaluation.columns} == set(get_args(ColumnKind)) - {"remote"}
    assert all(len(column.answers) == len(evaluation.test.rows) == 48 for column in evaluation.columns)
    chosen = [column for column in evaluation.columns if column.kind not in ("base", "tuned")]
    assert all("validation rows" in column.chosen_on for column in chosen)
    assert len(evaluation.candidates) > len(chosen) == sum(each.is_chosen for each in evaluation.candidates)


def test_figures_are_the_only_words_that_may_differ() -> None:
    assert steady("contains 4 % → 93 %, +89 points, p = 0.006") == steady("contains 0 % → 8.1 %, −9 points, p < 0.001")
    assert steady("base  82 ms  $3.2e-05") == steady("base\n0.11 s $0.0012")
    assert steady("rows      141 to train on") != steady("rows      142 to train on")
    assert steady("The tuned model is better") != steady("The tuned model is worse")
    assert steady('"a": a thousand requests cost $1 with, once. A request reads 3') == steady(
        '"a": a thousand requests cost $2 with: never. A request reads 4'
    )
    assert steady("! base: 1 of 9 answers did not end by themselves within the tokens they had\npage") == "page"
    assert steady("question  base  tuned\nWho?  I.  You.\n\nrun folder  a") == "run folder a"


def tables() -> Iterator[list[list[str]]]:
    """Yield the tables of the page, each as its rows of cells, the header first."""
    for table in re.findall(r"(?:^\|.*\n)+", PAGE.read_text(encoding="utf-8"), re.MULTILINE):
        yield [[cell.strip() for cell in line.strip().strip("|").split(" |")] for line in table.splitlines()]


def table(first: str) -> list[list[str]]:
    """Return the rows of the one table whose first header is `first`."""
    (found,) = (rows for rows in tables() if rows[0][0] == first)
    return found[2:]


def test_every_grader_is_in_the_table_with_its_settings() -> None:
    documented = {_CODE.findall(row[0])[0]: set(_CODE.findall(row[3])) for row in table("Grader")}
    ours = {
        kind: set(spec.model_fields) - {"kind", "name"}
        for spec in get_args(get_args(GraderSpec)[0])
        for kind in get_args(spec.model_fields["kind"].annotation)
    }
    assert documented == ours


_NAMES: dict[ColumnKind, str] = {
    "base": "base",
    "prompt": "prompt",
    "few_shot": "examples",
    "retrieval": "passages",
    "tuned": "tuned",
    "tuned_retrieval": "tuned + passages",
    "remote": "service",
}
_CALL = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
_SHAPES = (
    [Item("a", tool_calls=(_CALL,)), Item("b")],
    [Item("It costs 3 pounds.", {"fact": "3 pounds"})],
    [Item('{"a": 1}')],
    [Item("yes"), Item("yes"), Item("yes"), Item("no"), Item("no"), Item("no")],
    [Item("12"), Item("7.5")],
    [Item("a short answer"), Item("and another")],
    [Item(" ".join(["long"] * 20))],
)


def test_the_graders_of_each_shape_are_those_that_are_chosen() -> None:
    rows = table("The rows")
    assert len(rows) == len(_SHAPES)
    for (_, named), items in zip(rows, _SHAPES, strict=True):
        kinds = [spec.kind for spec in choose(items, lambda package: True).specs]
        assert [*_CODE.findall(named), "ended"] == kinds


def test_every_verdict_recommendation_and_gate_is_named() -> None:
    assert {code for row in table("Verdict") for code in _CODE.findall(row[0])} == set(get_args(Verdict))
    assert {code for row in table("`recommendation`") for code in _CODE.findall(row[0])} == set(
        get_args(Recommendation)
    )
    assert {code for row in table("Signal") for code in _CODE.findall(row[0])} == set(SIGNAL_NAMES)
    gates = re.findall(r"^`--fail-if.*?(?=^```)", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert set(COLUMN_NAMES) <= set(_CODE.findall(gates[0]))


def test_columns_are_held_against_each_other_as_the_page_says() -> None:
    kinds = {name: kind for kind, name in _NAMES.items()}
    documented = {(kinds[row[0]], kinds[other]) for row in table("Tested") for other in row[1].split(", ")}
    assert documented == set(planned_pairs([(kind, kind) for kind in get_args(ColumnKind)]))


def test_the_files_of_the_page_are_read_as_it_says(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    for content, name in _FILE.findall(text):
        (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "mine.jsonl").write_text(_SUITE.findall(text)[0], encoding="utf-8")
    assert [prompt.name for prompt in read_prompts(tmp_path / "prompts.yaml")] == ["short", "clerk"]
    assert load_prices(tmp_path / "prices.yaml").here.dollars_per_hour == 0.12
    assert read_suite(str(tmp_path / "mine.jsonl")).grader_of_row == ("contains", "numeric")
    recipe = load_recipe(tmp_path / "graded.yaml")
    assert [grader.title for grader in recipe.evaluate.graders] == ["closeness", "contains"]


def test_limits_that_the_page_names_are_those_of_the_code() -> None:
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    evaluate = Recipe().evaluate
    assert f"`evaluate.max_rows` rows ({evaluate.max_rows})" in text
    assert f"`evaluate.max_minutes` ({evaluate.max_minutes:g})" in text


def test_the_figures_of_speed_are_the_recorded_ones() -> None:
    recorded = orjson.loads((RESULTS / "eval_throughput.json").read_bytes())
    text = PAGE.read_text(encoding="utf-8")
    for name, title in (("starter", "starter"), ("42M", "42 M Llama")):
        part = recorded["fewshot"][name]
        rates, ratios = part["rows_per_s"], part["ratios"]
        row = f"| few-shot, {title} | {rates['ours bf16']:.1f} |"
        row += f" {rates['generate fp32']:.1f} ({ratios['fp32']:.1f} ×) |"
        row += f" {rates['generate bf16']:.1f} ({ratios['bf16']:.1f} ×) |"
        assert row in text
        assert rates["differing fp32"] == 0
        assert f"{rates['differing bf16']} of {part['rows']} " in text
    seconds, ratios = recorded["perplexity"]["seconds"], recorded["perplexity"]["ratios"]
    assert f"| ours | {seconds['ours']:.2f} |" in text
    assert f"| {seconds['fp32, batch 8']:.2f} | {ratios['default']:.1f} × |" in text
    assert f"({recorded['perplexity']['best']}) | {seconds[recorded['perplexity']['best']]:.2f} |" in text
    assert f"| {ratios['best']:.1f} × |" in text
    assert f"loading included: {recorded['exact']['seconds']:.1f} s" in text


def test_the_figures_of_coverage_are_the_recorded_ones() -> None:
    recorded = orjson.loads((RESULTS / "interval_coverage.json").read_bytes())
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert f"lowest coverage of {len(recorded['coverage'])} simulated cases" in text
    assert f"is {percent(recorded['lowest_chosen'], 2)}" in text
    (at_100,) = (each for each in recorded["exact_lowest"] if each["rows"] == 100)
    exact = f"{percent(at_100['chosen'], 2)} at 100 rows, where Wilson alone has {percent(at_100['wilson'], 2)}"
    assert exact in text
    paired = {each["case"]: each["type_1"] for each in recorded["paired"]}
    assert f"{paired['a rare loss'] * 100:.0f} of 100 sets" in text
    assert f"in {percent(paired['skewed'], 1)} of simulated sets" in text


def percent(share: float, digits: int) -> str:
    """Return a share as the page writes it."""
    return f"{100 * share:.{digits}f} %"
