"""Every shipped recipe is one that runs: it builds, its files exist, and two steps of it work on a tiny model."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny import make_tiny_model
from tunewright.jobs.train import finetune
from tunewright.runs.summary import summarise
from tunewright.spec.recipe import Recipe, build_recipe
from tunewright.spec.recipe_yaml import load_recipe, override, read_tree

REPO = Path(__file__).resolve().parents[2]
RECIPES = sorted((REPO / "recipes").glob("*.yaml"))
NAMES = [path.stem for path in RECIPES]

pytestmark = pytest.mark.parametrize("path", RECIPES, ids=NAMES)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # A token a byte: the rows need some 500, twice what the shared tiny model holds.
    return make_tiny_model(tmp_path_factory.mktemp("models") / "long", context=1024)


def paths_of(recipe: Recipe) -> list[str]:
    return [
        source.path for sources in (recipe.data.train, recipe.data.validation, recipe.data.test) for source in sources
    ]


def test_it_builds_and_its_files_exist(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert paths_of(recipe)
    for name in paths_of(recipe):
        assert not Path(name).is_absolute()
        assert (REPO / name).is_file(), name


def test_it_is_listed_in_the_readme(path: Path) -> None:
    assert f"({path.name})" in (path.parent / "README.md").read_text(encoding="utf-8")


def test_two_steps_of_it_run(path: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if path.stem == "support-qlora":
        pytest.importorskip("bitsandbytes")
    monkeypatch.chdir(REPO)
    tree = read_tree(path)
    tree["data"].pop("max_length", None)
    settings = [
        f"model.source={model}",
        "train.max_steps=2",
        "train.batch_size=4",
        "train.hardware.device=cpu",
        "evaluate.max_rows=4",
        "evaluate.max_new_tokens=4",
        f"output={tmp_path / 'run'}",
    ]
    run = finetune(build_recipe(override(tree, settings), origin=str(path)))
    summary = summarise(run)
    assert (summary.state, summary.steps_done) == ("finished", 2)
    assert summary.verdict
    assert run.artifact() is not None
