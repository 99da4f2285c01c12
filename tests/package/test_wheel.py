"""What a user gets who installs the wheel: everything the quickstart needs, and no torch in the bare requirements."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tunewright.errors import MissingExtraError

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_brings_weights_example_report_template_and_types(unpacked: Path) -> None:
    package = unpacked / "tunewright"
    for name in (
        "models/starter/model.safetensors",
        "models/starter/tokenizer.json",
        "models/starter/chat_template.jinja",
        "models/starter/README.md",
        "examples/support/train.jsonl",
        "examples/support/heldout.jsonl",
        "examples/support/recipe.yaml",
        "evaluate/page/page.html.jinja",
        "evaluate/page/run.html.jinja",
        "evaluate/page/parts/verdict.html.jinja",
        "evaluate/page/compare.html.jinja",
        "evaluate/page/style.css",
        "py.typed",
    ):
        assert (package / name).is_file(), name


def test_the_quickstart_of_the_wheel_finds_its_own_data(unpacked: Path, tmp_path: Path) -> None:
    code = "from tunewright.cli.example import example_folder; print(example_folder())"
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    assert Path(found.stdout.strip()) == unpacked / "tunewright" / "examples" / "support"


def test_the_bare_install_asks_for_no_torch() -> None:
    heavy = ("torch", "transformers", "peft", "bitsandbytes", "onnx", "fastapi", "nicegui", "sqlalchemy")
    assert not [name for name in PROJECT["dependencies"] if name.startswith(heavy)]


@pytest.mark.parametrize("extra", ["train", "qlora", "onnx", "serve", "platform", "all"])
def test_every_extra_exists_and_its_absence_is_said_in_one_line_with_the_command(extra: str) -> None:
    assert extra in PROJECT["optional-dependencies"]
    error = MissingExtraError.of(extra, "package")
    assert "\n" not in error.message
    assert error.hint == f"pip install 'tunewright[{extra}]'"
