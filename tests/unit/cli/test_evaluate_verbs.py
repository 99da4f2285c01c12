"""How a run ends on the screen, and the verbs that measure, as a user meets them: `eval`, `compare`, `advise`."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chat_service import completion, failure, serving
from tests.tiny import write_rows
from tests.unit.cli.conftest import QUICK
from tests.unit.evaluate.page.building import make_evaluation
from tunewright.cli import main
from tunewright.cli.screen import make_console
from tunewright.cli.verdict import print_verdict
from tunewright.runs.evaluation import Evaluation, Verdict
from tunewright.runs.folder import RunFolder

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
SMALL = (
    "--set", "evaluate.baselines.examples=[1]", "--set", "evaluate.baselines.passages=[1]",
    "--set", "evaluate.baselines.max_rows=2", "--set", "train.max_steps=1",
)  # fmt: skip
OPENINGS: dict[Verdict, str] = {
    "better": "The tuned model is better than the base model",
    "worse": "The tuned model is worse than the base model",
    "no_difference_shown": "No difference between the tuned model and the base model was shown",
    "too_few_rows": "Too few rows to tell the tuned model from the base model",
}

# The built-in suite asks 104 questions, of which these tests want to know nothing.
FEW = ("--suite", "few.jsonl")

Said = Callable[..., tuple[str, str]]


@pytest.fixture
def run(finished_run: Path, here: Path) -> Path:
    """Return a copy of the finished run that a test may change, in the working folder."""
    shutil.copytree(finished_run, here / "run")
    write_rows(Path(FEW[1]), 2, first=900)
    return Path("run")


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Said:
    """Return what runs a command in a window of 80 columns, holds it to its exit code, and returns what it said."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    def call(*arguments: str | Path, code: int = 0) -> tuple[str, str]:
        capsys.readouterr()
        ended = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert ended == code, (ended, out[-2000:], err)
        assert "Traceback" not in out + err
        assert not CONTROLS.search(out + err)
        assert err.count("error: ") == (code != 0)
        return out, err

    return call


def _widest(text: str) -> int:
    """Return the length of the longest line but those that are copied whole: paths and commands."""
    copied = ("page  ", "run folder  ", "talk to it  ", "look at it  ", "worth it?   ", "report  ", "result  ")
    return max(len(line.rstrip()) for line in text.splitlines() if not line.startswith(copied))


def _written(run: Path) -> Evaluation:
    found = RunFolder.open(run).evaluation()
    assert found is not None
    return found


def _tiny_run(model: Path, said: Said, count: int, *settings: str, output: str = "run") -> Path:
    write_rows(Path(FEW[1]), 2, first=900)
    rows = write_rows(Path(f"{output}.jsonl"), count)
    said("finetune", "-m", model, "-d", rows, "--max-steps", "1", "-o", output, "-q", *QUICK, *settings)
    return Path(output)


# How a run ends.


@pytest.mark.parametrize("how", ["finetune", "show"])
@pytest.mark.parametrize("verdict", list(OPENINGS))
def test_the_end_of_a_run_says_whether_it_helped_and_how_sure_that_is(
    how: str, verdict: Verdict, run: Path, said: Said, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluation = make_evaluation(verdict=verdict)
    folder = RunFolder.open(run)
    folder.save_evaluation(evaluation)
    if how == "show":
        out, _ = said("show", run)
    else:
        print_verdict(make_console(), folder)
        out = capsys.readouterr().out
        assert "tunewright chat run" in out
        assert "tunewright show run" in out
        assert "tunewright eval run --baselines" in out
    sentence = " ".join(out.split("\n" + " " * 20)[0].split())
    assert sentence.startswith(OPENINGS[verdict])
    [found] = [each for each in evaluation.comparisons if (each.column, each.against) == ("tuned", "base")]
    assert f"(95 % interval +{100 * found.low:.0f} to +{100 * found.high:.0f})" in sentence
    assert "on 60 rows" in sentence
    assert re.search(r"^ +base +tuned +95 %$", out, re.MULTILINE)
    assert re.search(r"^contains +\d+ % +\d+ % +\d+ % to \d+ %$", out, re.MULTILINE)
    assert re.search(r"^loss \(lower is better\) +\d\.\d{3} +\d\.\d{3} *$", out, re.MULTILINE)
    samples = out[out.index("question ") :]
    assert sum(row.prompt[-1].content[:14] in samples for row in evaluation.test.rows[:8]) >= 3
    assert _widest(out) <= 80


def test_a_training_that_helps_is_called_better(here: Path, tiny_model: Path, said: Said) -> None:
    turns = ({"role": "user", "content": "Is item {} blue?"}, {"role": "assistant", "content": "No."})
    texts = [json.dumps({"messages": turns}).replace("{}", str(number)) for number in range(50)]
    Path("rows.jsonl").write_text("\n".join(texts) + "\n", encoding="utf-8")
    asked = ["finetune", "-m", tiny_model, "-d", "rows.jsonl", "-o", "run", "--max-steps", "60", *QUICK]
    out, _ = said(*asked, "--set", "data.validation_split=0.4", "--set", "evaluate.graders=[exact_match]")
    assert "The tuned model is better than the base model: exact_match 0 % → 100 %" in " ".join(out.split())
    assert re.search(r"^Is item \d+ blue\? .*No\.", out, re.MULTILINE)


def test_losses_alone_are_told_without_a_test_that_nobody_made(here: Path, tiny_model: Path, said: Said) -> None:
    run = _tiny_run(tiny_model, said, 12, "--set", "evaluate.max_rows=0")
    out, _ = said("show", run)
    assert re.match(r"loss: \d\.\d{3} → \d\.\d{3} on \d held-out rows?  (better|worse), untested", out)
    assert "perplexity (lower is better)" in out
    assert "question" not in out
    out, _ = said("eval", run, *FEW)
    assert "No answer was graded; the loss is" in out
    assert _widest(out[out.index("No answer was graded") :]) <= 80


def test_without_held_out_rows_nothing_is_claimed(here: Path, tiny_model: Path, said: Said) -> None:
    run = _tiny_run(tiny_model, said, 1)
    out, _ = said("show", run)
    assert out.startswith("finished: nothing was scored: no held-out rows")
    assert "worth it?" not in out
    assert json.loads(said("show", run, "--json")[0])["evaluation"] is None
    out, _ = said("eval", run, *FEW)
    assert "nothing can be said about whether it helped" in out
    assert "no rows are held out" in out


def test_a_run_with_held_out_rows_and_no_evaluation_points_at_eval(run: Path, said: Said) -> None:
    (run / "report" / "evaluation.json").unlink()
    out, _ = said("show", run)
    assert out.startswith("finished: the run was not evaluated: tunewright eval run\n")
    assert "no held-out rows" not in out


def test_show_has_the_advice_of_an_evaluation_or_the_way_to_it(run: Path, said: Said) -> None:
    out, _ = said("show", run)
    assert "tunewright eval run --baselines" in out
    evaluation = make_evaluation()
    RunFolder.open(run).save_evaluation(evaluation)
    out, _ = said("show", run)
    assert "→ Fine-tune: the tuned model wins." in out
    assert "--baselines" not in out
    # Advice that nothing untrained was held against is not the last word.
    columns = [column for column in evaluation.columns if column.kind in {"base", "tuned"}]
    RunFolder.open(run).save_evaluation(evaluation.model_copy(update={"columns": columns}))
    out, _ = said("show", run)
    assert "tunewright eval run --baselines" in out


def test_show_as_json_has_the_judgement_and_the_whole_evaluation(run: Path, said: Said) -> None:
    evaluation = make_evaluation(verdict="worse")
    RunFolder.open(run).save_evaluation(evaluation)
    tree = json.loads(said("show", run, "--json")[0])
    assert tree["judgement"] == "worse"
    assert tree["verdict"].startswith("contains: ")
    assert Evaluation.model_validate(tree["evaluation"]) == evaluation


def test_what_a_model_answers_cannot_move_the_cursor_or_make_markup(run: Path, said: Said) -> None:
    evaluation = make_evaluation()
    wild = "\x1b[2J\x9b31m[red]bell\x07\rover[/red]\nnext"
    columns = [
        column.model_copy(update={"answers": [answer.model_copy(update={"text": wild}) for answer in column.answers]})
        for column in evaluation.columns
    ]
    notes = ["a note with \x1b]0;title\x07 in it"]
    RunFolder.open(run).save_evaluation(evaluation.model_copy(update={"columns": columns, "notes": notes}))
    out, _ = said("show", run)
    assert "[red]bell" in out
    assert _widest(out) <= 80
    said("compare", run)


def test_a_damaged_evaluation_is_named(run: Path, said: Said) -> None:
    (run / "report" / "evaluation.json").write_text("{", encoding="utf-8")
    for verb in ("show", "compare"):
        _, err = said(verb, run, code=5)
        assert "evaluation.json: cannot be read" in err
        assert "hint: evaluate again" in err


# eval RUN.


@pytest.mark.parametrize("width", [60, 200])
def test_eval_tells_people_verdict_columns_advice_and_warnings_within_the_width(
    width: int, run: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    out, _ = said("eval", run, *FEW)
    told = out[out.index("\nToo few rows to tell") :]
    flat = " ".join(told.split())
    assert re.search(r"^base +0 % ", told, re.MULTILINE)
    assert re.search(r"^tuned +0 % ", told, re.MULTILINE)
    assert "→ Collect more test rows" in flat
    # One line says it of all columns, and what was not measured says why.
    assert "! base, tuned: 3 of 3 answers did not end by themselves" in flat
    assert "! memorised was not measured: no training row has a second half" in flat
    assert told.splitlines()[-1] == f"page  {run / 'report' / 'index.html'}"
    assert _widest(told) <= min(width, 100)


def test_eval_quietly_prints_the_page_and_as_json_what_it_wrote(run: Path, said: Said) -> None:
    out, err = said("eval", "--quiet", run, *FEW)
    assert (out, err) == (f"{run / 'report' / 'index.html'}\n", "")
    out, err = said("eval", "--json", run, *FEW)
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[-1].pop("type") == "evaluation"
    assert Evaluation.model_validate(lines[-1]) == _written(run)
    assert err == ""
    assert (run / "report" / "evaluation.md").read_text(encoding="utf-8").startswith("**Too few rows")


@pytest.mark.parametrize("arguments", [(), ("--baselines",), ("--json",)])
def test_eval_of_nothing_asks_for_a_run(arguments: tuple[str, ...], said: Said) -> None:
    _, err = said("eval", *arguments, code=2)
    assert "Missing argument 'RUN'" in err
    assert "tunewright eval RUN --help" in err


def test_eval_help_names_both_verbs(said: Said) -> None:
    for flag in ("--help", "-h"):
        out, _ = said("eval", flag)
        assert "RUN " in out
        assert "human " in out


def test_every_flag_of_eval_is_heard(run: Path, finished_run: Path, said: Said) -> None:
    Path("notes.md").write_text("# Codes\n\nItem 14 has code 4.\n", encoding="utf-8")
    Path("prompts.txt").write_text("Answer with the code.\n", encoding="utf-8")
    write_rows(Path("suite.jsonl"), 3, first=500)
    Path("prices.yaml").write_text(
        "machine: mine\nmachines: {mine: {dollars_per_hour: 360, source: us, as_of: '2026'}}\n", encoding="utf-8"
    )
    with serving() as service:
        service.reply = lambda body, count: (200, completion("Code 4."))
        said(
            "eval", run, "--quiet", "--baselines", "--documents", "notes.md", "--prompts", "prompts.txt",
            "--service", f"their-model@{service.url}", "--also", finished_run, "--checkpoints", "--rows", "2",
            "--suite", "suite.jsonl", "--prices", "prices.yaml", "--budget", "1000", "--smallest", "0.2",
            "--fail-if", "forgetting>0.9",
        )  # fmt: skip
        assert {body["model"] for body in service.bodies} == {"their-model"}
    evaluation = _written(run)
    assert len(evaluation.test.rows) == 2
    kinds = {column.kind for column in evaluation.columns}
    assert kinds >= {"base", "prompt", "few_shot", "retrieval", "remote", "tuned", "tuned_retrieval"}
    assert finished_run.name in {column.name for column in evaluation.columns}
    tried = [str(candidate.settings.get("system_prompt")) for candidate in evaluation.candidates]
    assert any("Answer with the code." in prompt for prompt in tried)
    assert {"1 passage", "tuned + 1 passage"} & {column.name for column in evaluation.columns}
    base = evaluation.first("base")
    assert base is not None
    assert base.usage is not None
    assert "on mine at $360" in base.usage.price
    [forgetting] = [signal for signal in evaluation.signals if signal.name == "forgetting"]
    assert "on the suite suite:" in forgetting.rule
    assert evaluation.advice


@pytest.mark.parametrize("as_json", [False, True])
def test_a_gate_that_fails_ends_with_10_after_everything_is_written(as_json: bool, run: Path, said: Said) -> None:
    (run / "report" / "evaluation.json").unlink()
    out, err = said("eval", run, *FEW, "--fail-if", "ended<50%", *(["--json"] if as_json else []), code=10)
    assert "ended is 0 (95 % interval 0 to " in err
    assert "fails at ended<0.5" in err
    assert "hint: the evaluation is written" in err
    assert _written(run).columns
    if as_json:
        error = json.loads(out.splitlines()[-1])["error"]
        assert error["code"] == "gate_failed"


def test_a_gate_that_holds_changes_nothing(run: Path, said: Said) -> None:
    said("eval", run, *FEW, "--quiet", "--fail-if", "forgetting>0.5", "--fail-if", "ended>50%")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("nonsense", "'nonsense': is not a condition"),
        ("score>", "is not a condition"),
        ("", "is not a condition"),
        ("score>many", "'many' is not a number"),
        ("score>nan", "'nan' is not a number"),
        ("forgeting>0.1", "did you mean forgetting?"),
    ],
)
def test_a_condition_that_means_nothing_is_refused_before_anything_is_measured(
    condition: str, expected: str, run: Path, said: Said
) -> None:
    before = (run / "report" / "evaluation.json").read_bytes()
    out, err = said("eval", run, "--fail-if", condition, code=2)
    assert expected in err
    assert "hint: " in err
    assert "answering" not in out
    assert (run / "report" / "evaluation.json").read_bytes() == before


@pytest.mark.parametrize(
    ("flags", "code", "expected"),
    [
        (["--documents", "nowhere"], 3, ["nowhere", "hint: check the path"]),
        (["--documents", "empty"], 3, ["empty: holds no passage", "leave --documents out"]),
        (["--documents", "binary"], 3, ["binary: holds no passage", ".md"]),
        (["--prompts", "nowhere"], 3, ["nowhere: cannot be opened", "hint: "]),
        (["--suite", "nowhere"], 3, ["there is no suite 'nowhere'", "built in: starter"]),
        (["--suite", "broken"], 3, ["broken:1", "hint: "]),
        (["--prices", "nowhere"], 2, ["nowhere: no such price table", "hint: "]),
        (["--prices", "broken"], 2, ["broken: is not YAML", "hint: "]),
        (["--prices", "odd"], 2, ["odd has 2 faults", "cpu_hour: is not a key", "keys here: machine"]),
        (["--also", "nowhere"], 5, ["nowhere: does not exist", "runs in .: run"]),
        (["--also", "empty"], 5, ["empty"]),
        (["--embeddings", "nowhere"], 4, ["nowhere"]),
        (["--service", "m@https://api.example.com/v1"], 4, ["OPENAI_API_KEY", "hint: "]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) and value[0].startswith("--") else "",
)
def test_what_a_flag_names_and_is_not_there_stops_eval_before_it_measures(
    flags: list[str], code: int, expected: list[str], run: Path, said: Said
) -> None:
    Path("empty").mkdir()
    Path("binary").mkdir()
    Path("binary/text.txt").write_bytes(bytes(range(256)) * 8)
    Path("broken").write_text(": : [\n", encoding="utf-8")
    Path("odd").write_text("cpu_hour: -3\nfoo: 1\n", encoding="utf-8")
    before = (run / "report" / "evaluation.json").read_bytes()
    out, err = said("eval", run, *flags, code=code)
    for text in expected:
        assert text in err
    assert "answering" not in out
    assert (run / "report" / "evaluation.json").read_bytes() == before


def test_flags_that_nothing_can_be_done_with_are_told_together_and_at_once(run: Path, said: Said) -> None:
    flags = ["--budget", "nan", "--smallest", "-1", "--rows", "0", "--documents", "", "--service", "gpt"]
    for verb in (["eval", run], ["advise", "-d", "rows.jsonl"]):
        wrong = [flag for flag in flags if verb[0] == "eval" or flag not in {"--rows", "0"}]
        out, err = said(*verb, *wrong, code=2)
        assert f"the flags have {5 if verb[0] == 'eval' else 4} faults" in err
        assert "--budget: must be 0 or more, got nan → leave it out for no limit" in err
        assert "--smallest: must be above 0 and below 1, got -1 → 0.05 is 5 points" in err
        assert "--documents: must name something, got ''" in err
        assert "--service: must be MODEL@URL, got 'gpt' → such as my-model@https://api.example.com/v1" in err
        assert ("--rows: must be 1 or more, got 0" in err) == (verb[0] == "eval")
        assert "loading" not in out


@pytest.mark.parametrize("service", ["gpt", "gpt@", "@http://x", "gpt@ftp://x", "gpt@http://", "a b@http://x", ""])
def test_a_service_must_be_a_model_at_an_address(service: str, run: Path, said: Said) -> None:
    _, err = said("eval", run, "--service", service, code=2)
    assert f"--service: must be MODEL@URL, got {service!r}" in err
    error = json.loads(said("eval", run, "--json", "--service", service, code=2)[0])["error"]
    assert error["faults"][0]["path"] == "--service"


def test_a_refused_key_costs_one_column_and_is_never_shown(
    run: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-mine")
    with serving() as service:
        service.reply = lambda body, count: (401, failure("Incorrect API key provided: sk-secret-of-mine"))
        recipe = yaml.safe_load((run / "recipe.yaml").read_text(encoding="utf-8"))
        small = {"examples": [], "passages": [], "max_rows": 2}
        (run / "recipe.yaml").write_text(
            yaml.safe_dump({**recipe, "evaluate": {**recipe["evaluate"], "baselines": small}}), encoding="utf-8"
        )
        out, err = said("eval", run, *FEW, "--service", f"their-model@{service.url}")
    flat = " ".join(out.split())
    assert "their-model" in flat
    assert "Incorrect API key" in flat
    assert "sk-secret" not in out + err
    assert "sk-secret" not in (run / "report" / "evaluation.json").read_text(encoding="utf-8")
    assert _written(run).first("tuned") is not None


def test_a_run_that_cannot_be_evaluated_says_why(run: Path, here: Path, tiny_model: Path, said: Said) -> None:
    shutil.rmtree(run / "artifacts")
    _, err = said("eval", run, code=5)
    assert "run: the run has no result yet" in err
    assert "hint: tunewright resume run" in err
    _, err = said("eval", "nowhere", code=5)
    assert "nowhere: does not exist" in err
    changed = _tiny_run(tiny_model, said, 6, output="changed")
    write_rows(Path("changed.jsonl"), 7)
    _, err = said("eval", changed, code=3)
    assert "changed.jsonl: has changed since the run began" in err
    Path("changed.jsonl").unlink()
    _, err = said("eval", changed, code=3)
    assert "changed.jsonl does not exist" in err


# compare RUN RUN.


def test_one_run_is_held_against_nothing_and_a_run_twice_is_one_run(run: Path, said: Said) -> None:
    once, _ = said("compare", run)
    assert once.startswith("There is nothing to hold run against.")
    assert said("compare", run, run.resolve(), f"{run}/")[0].startswith("There is nothing to hold run against.")


def test_runs_on_the_same_rows_are_compared_and_those_on_others_are_not(
    run: Path, finished_run: Path, said: Said
) -> None:
    RunFolder.open(run).save_evaluation(make_evaluation())
    shutil.copytree(run, "again")
    RunFolder.open(Path("again")).save_evaluation(make_evaluation(shares={"tuned": 0.4}))
    out, _ = said("compare", run, "again")
    assert "“again · tuned” is worse than “run · tuned”: contains" in " ".join(out.split())
    assert _widest(out) <= 80
    out, _ = said("compare", run, finished_run)
    flat = " ".join(out.split())
    assert flat.startswith("Scores of different test sets cannot be held against each other")
    assert "Other rows than the runs above" in flat
    assert _widest(out) <= 80


def test_a_run_without_an_evaluation_is_named_and_the_others_compared(run: Path, said: Said) -> None:
    shutil.copytree(run, "bare")
    Path("bare/report/evaluation.json").unlink()
    out, _ = said("compare", run, "bare")
    assert "bare: not evaluated (finished)" in out
    _, err = said("compare", run, "nowhere", code=5)
    assert "nowhere: does not exist" in err
    _, err = said("compare", code=2)
    assert "Missing argument" in err


def test_a_comparison_as_page_and_as_json(run: Path, said: Said) -> None:
    shutil.copytree(run, "again")
    out, _ = said("compare", run, "again", "-o", "compared.html")
    assert out.endswith("page  compared.html\n")
    assert Path("compared.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    _, err = said("compare", run, "again", "-o", "no/such/compared.html", code=6)
    assert "no/such/compared.html: cannot be written" in err
    assert "hint: " in err
    tree = json.loads(said("compare", run, "again", "--json")[0])
    assert tree["runs"] == ["run", "again"]
    [evaluation] = tree["evaluations"]
    assert [column["name"] for column in evaluation["columns"]] == ["run · base", "run · tuned", "again · tuned"]


# advise.


def test_advise_by_flags_trains_once_and_advises(here: Path, tiny_model: Path, said: Said) -> None:
    write_rows(Path("train.jsonl"), 12)
    write_rows(Path("heldout.jsonl"), 4, first=50)
    write_rows(Path(FEW[1]), 2, first=900)
    flags = ["-m", tiny_model, "-d", "train.jsonl", "--test", "heldout.jsonl", "-o", "run", *QUICK, *SMALL, *FEW]
    out, _ = said("advise", *flags)
    told = out[out.index("\nToo few rows to tell") :]
    assert "→ Collect more test rows" in told
    assert "1 passage" in told
    assert told.splitlines()[-1] == f"page  {Path('run', 'report', 'index.html')}"
    assert _widest(told) <= 80
    assert _written(Path("run")).recommendation == "collect_more_rows"
    _, err = said("advise", *flags, code=5)
    assert "a run is there already" in err


def test_advise_by_a_recipe_and_quietly(here: Path, tiny_model: Path, said: Said) -> None:
    write_rows(Path("train.jsonl"), 12)
    tree: dict[str, Any] = {"model": {"source": str(tiny_model)}, "data": {"train": "train.jsonl"}}
    Path("recipe.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    write_rows(Path(FEW[1]), 2, first=900)
    asked = ["advise", "--recipe", "recipe.yaml", "-o", "run", *QUICK, *SMALL, *FEW]
    out, _ = said(*asked, "--quiet", "--fail-if", "forgetting>0.9")
    assert out == f"{Path('run', 'report', 'index.html')}\n"
    _, err = said("advise", "--recipe", "nowhere.yaml", code=2)
    assert "nowhere.yaml: no such recipe file" in err


@pytest.mark.parametrize(
    ("flags", "code", "expected"),
    [
        (["--documents", "manuals"], 3, "manuals: documents cannot be read"),
        (["--service", "gpt"], 2, "must be MODEL@URL"),
        (["--suite", "nowhere"], 3, "there is no suite 'nowhere'"),
        (["--prices", "nowhere"], 2, "nowhere: no such price table"),
        (["--budget", "-1"], 2, "--budget: must be 0 or more, got -1"),
        (["--fail-if", "nonsense"], 2, "'nonsense': is not a condition"),
        (["--fail-if", "forgeting>0.1"], 2, "did you mean forgetting?"),
        (["-d", "nowhere.jsonl"], 3, "nowhere.jsonl does not exist"),
        (["--set", "train.sed=1"], 2, "did you mean train.seed?"),
    ],
)
def test_advise_trains_nothing_where_it_could_not_answer(
    flags: list[str], code: int, expected: str, here: Path, tiny_model: Path, said: Said
) -> None:
    write_rows(Path("train.jsonl"), 8)
    _, err = said("advise", "-m", tiny_model, "-d", "train.jsonl", "-o", "run", *QUICK, *SMALL, *flags, code=code)
    assert expected in err
    assert not Path("run").exists()


def test_advise_without_data_asks_for_some(here: Path, said: Said) -> None:
    _, err = said("advise", code=3)
    assert "data.train: no training file is named" in err
    assert "hint: --data rows.jsonl" in err
