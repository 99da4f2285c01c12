"""The command line answers at once, says what it can do, and needs nothing that a verb does not use."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

import tunewright
from tunewright.cli import main

VERBS = ("finetune", "run", "resume", "quickstart", "show", "runs", "chat", "schema", "report")
HEAVY = {"pydantic", "torch", "transformers", "rich.console", "yaml", "tunewright.spec", "tunewright.spec.recipe"}
SOURCE = str(Path(tunewright.__file__).parents[1])


def _python(code: str) -> subprocess.CompletedProcess[str]:
    setup = f"import sys; sys.path.insert(0, {SOURCE!r})\n"
    command = [sys.executable, "-c", setup + code]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_help_imports_nothing_heavy() -> None:
    found = _python("from tunewright.cli import main; main(['--help']); print('\\n'.join(['MODULES', *sys.modules]))")
    modules = set(found.stdout.partition("MODULES\n")[2].split())
    assert "typer" in modules
    assert not modules & HEAVY


def test_help_answers_in_a_third_of_a_second() -> None:
    def seconds() -> float:
        started = time.perf_counter()
        assert "finetune" in _python("from tunewright.cli import main; main(['--help'])").stdout
        return time.perf_counter() - started

    # The best of several: the limit is the program's, not that of a machine that tests something else meanwhile.
    assert min(seconds() for _ in range(5)) < 0.3


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_shows_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    assert f"\n    tunewright {verb}" in capsys.readouterr().out


def test_no_argument_shows_the_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {verb} " in out for verb in VERBS)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"tunewright {tunewright.__version__}\n"


@pytest.mark.parametrize("package", ["torch", "transformers", "peft"])
def test_a_missing_package_is_named_with_the_command_that_installs_it(package: str, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("{}\n", encoding="utf-8")
    found = _python(
        f"sys.modules[{package!r}] = None\n"
        f"from tunewright.cli import main\nsys.exit(main(['finetune', '--data', {str(rows)!r}]))"
    )
    assert found.returncode == 8
    assert f"the package {package} is not installed" in found.stderr
    assert "pip install 'tunewright[train]'" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_reader_that_leaves_is_not_an_error() -> None:
    code = f"import sys; sys.path.insert(0, {SOURCE!r}); from tunewright.cli import main; sys.exit(main(['schema']))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
