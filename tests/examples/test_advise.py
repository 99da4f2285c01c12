"""Two shipped tasks, advised on as a user would: one that tuning wins, and one that a look into the documents wins."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from tunewright.cli import main
from tunewright.evaluate.advice.facts import value_at
from tunewright.runs.evaluation import Column, Comparison, Evaluation
from tunewright.runs.folder import RunFolder

EXAMPLES = Path(__file__).parents[2] / "examples"
GIVEN = {"smallest_that_matters": 0.05}
UNTRAINED = {"base", "prompt", "few_shot", "retrieval"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def support(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Return what `advise` measures by the recipe of the support example."""
    return _advised(tmp_path_factory.mktemp("support"), EXAMPLES / "support", ["--recipe", "recipe.yaml"])


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Return what `advise` measures of the catalogue, with its sheets of products to look into."""
    flags = ["--data", "train.jsonl", "--test", "heldout.jsonl", "--documents", "documents"]
    return _advised(tmp_path_factory.mktemp("catalogue"), EXAMPLES / "catalogue", flags)


def test_support_is_worth_fine_tuning(support: Evaluation) -> None:
    assert support.recommendation == "fine_tune"
    assert support.advice[0].text.startswith('Fine-tune: "tuned" scores ')
    tuned = _mean(support, support.column("tuned"))
    assert tuned > 0.6
    rivals = [column for column in support.columns if column.kind in UNTRAINED]
    assert {column.kind for column in rivals} == UNTRAINED
    assert all(_mean(support, column) < tuned - 0.4 for column in rivals)
    assert all(_comparison(support, "tuned", column.name).verdict == "better" for column in rivals)


def test_the_catalogue_is_not(catalogue: Evaluation) -> None:
    assert catalogue.recommendation == "retrieval"
    assert catalogue.advice[0].text.startswith('Do not fine-tune: use "')
    chosen = catalogue.first("retrieval")
    assert chosen is not None
    assert _mean(catalogue, chosen) > 0.9
    assert _mean(catalogue, catalogue.column("tuned")) < 0.3
    assert _comparison(catalogue, chosen.name, "base").verdict == "better"
    assert _comparison(catalogue, chosen.name, "tuned").verdict == "better"


@pytest.mark.parametrize("example", ["support", "catalogue"])
def test_the_chosen_column_is_shown_to_beat_the_base(example: str, request: pytest.FixtureRequest) -> None:
    evaluation: Evaluation = request.getfixturevalue(example)
    kind = {"fine_tune": "tuned", "retrieval": "retrieval"}[evaluation.recommendation]
    chosen = next(column for column in evaluation.columns if column.kind == kind)
    found = _comparison(evaluation, chosen.name, "base")
    assert found.verdict == "better"
    assert found.low > 0.5
    assert found.p_holm < 0.05
    assert found.num_groups < found.num_rows == len(evaluation.test.rows)


@pytest.mark.parametrize("example", ["support", "catalogue"])
def test_every_number_of_the_advice_stands_in_the_file(example: str, request: pytest.FixtureRequest) -> None:
    evaluation: Evaluation = request.getfixturevalue(example)
    assert len(evaluation.advice) >= 3
    for sentence in evaluation.advice:
        assert sentence.because, sentence.text
        for path, kept in sentence.because.items():
            found = value_at(evaluation, path, GIVEN)
            assert (found is None) == (kept is None), path
            assert kept is None or (found is not None and math.isclose(found, kept)), path
        known = [abs(value) for value in sentence.because.values() if value is not None]
        for number in _numbers(sentence.text):
            assert any(_told(number, value) for value in known), (number, sentence)


@pytest.mark.parametrize("example", ["support", "catalogue"])
def test_settings_were_chosen_without_the_test_set(example: str, request: pytest.FixtureRequest) -> None:
    evaluation: Evaluation = request.getfixturevalue(example)
    assert evaluation.candidates
    assert all(each.num_rows < len(evaluation.test.rows) for each in evaluation.candidates)
    assert evaluation.test.num_available == len(evaluation.test.rows)
    assert len({len(column.answers) for column in evaluation.columns}) == 1


def _advised(folder: Path, example: Path, flags: list[str]) -> Evaluation:
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(example)
        assert main(["advise", *flags, "--output", str(folder / "run"), "--quiet"]) == 0
    found = RunFolder.open(folder / "run").evaluation()
    assert found is not None
    return found


def _mean(evaluation: Evaluation, column: Column) -> float:
    return column.scores[evaluation.headline].mean


def _comparison(evaluation: Evaluation, column: str, against: str) -> Comparison:
    found = evaluation.comparison(column, against, evaluation.headline)
    assert found is not None
    return found


def _numbers(text: str) -> list[str]:
    """Return the numbers of a sentence but those in quotes, which are names, and the bound of a tiny p-value."""
    return re.findall(r"\d[\d,]*(?:\.\d+)?(?:e-?\d+)?", re.sub(r'"[^"]*"|p < 0\.001', "", text))


def _told(number: str, value: float) -> bool:
    """Whether `number` is `value`, in percent or milliseconds perhaps, rounded to the digits that it has, or to two."""
    written = float(number.replace(",", ""))
    digits = len(number.partition("e")[0].partition(".")[2])
    scale = 10.0 ** int(number.partition("e")[2] or 0)
    step = 0.5001 * scale * 10.0**-digits
    return any(
        abs(written - told) <= step or (told >= 1000 and math.isclose(written, told, rel_tol=0.05))
        for told in (value, 100 * value, 1000 * value)
    )
