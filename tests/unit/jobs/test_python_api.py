"""The Python interface gives the same run as the command line, in a plain process and in a notebook."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import tunewright
from tests.tiny import make_rows, write_rows
from tunewright.errors import RecipeError, RowTooLongError, RunExistsError, TunewrightError
from tunewright.jobs.python import Run, finetune, load_run

OVERRIDES = {"train.max_steps": 2, "evaluate.max_new_tokens": 8, "train.hardware.precision": "fp32"}
SOURCE = str(Path(tunewright.__file__).parents[1])


@pytest.fixture(scope="module")
def run(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("python")
    rows = write_rows(folder / "rows.jsonl", 16, system="Be brief.")
    return finetune(tiny_model, rows, output=folder / "run", overrides=OVERRIDES, progress=False)


def test_a_run_tells_what_came_of_it(run: Run) -> None:
    assert run.summary().state == "finished"
    assert " → " in run.verdict
    assert [row["step"] for row in run.metrics()] == [1, 2]
    assert repr(run) == f"<Run {run.path}: finished, {run.verdict}>"
    assert repr(load_run(run.path)) == repr(run)


def test_the_root_package_offers_the_same_names(run: Run) -> None:
    assert tunewright.finetune is finetune
    assert isinstance(tunewright.load_run(str(run.path)), tunewright.Run)


def test_html_escapes_what_it_shows(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run.folder, "path", run.path)
    page = run._repr_html_()
    assert "<table>" in page
    assert "perplexity" in page
    copy = Run(type(run.folder)(run.path.with_name("<b>")))
    run.path.rename(copy.path)
    try:
        assert "&lt;b&gt;" in copy._repr_html_()
    finally:
        copy.path.rename(run.path)


def test_a_plain_question_gets_the_system_prompt_of_the_rows(run: Run) -> None:
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Code of item 3?"}]
    assert run.chat("Code of item 3?", max_new_tokens=8) == run.chat(turns, max_new_tokens=8)


def test_a_streamed_answer_is_the_whole_answer(run: Run) -> None:
    conversation = run.conversation(max_new_tokens=8)
    assert "".join(conversation.ask("Code of item 3?")).rstrip() == run.chat("Code of item 3?", max_new_tokens=8)
    assert [turn["role"] for turn in conversation.turns] == ["user", "assistant"]


def test_a_conversation_that_outgrows_the_context_drops_its_oldest_turns(run: Run) -> None:
    conversation = run.conversation(max_new_tokens=4)
    for _ in range(6):
        list(conversation.ask("x" * 60))
    assert conversation.num_dropped == 2
    assert conversation.turns[0]["role"] == "user"
    before = list(conversation.turns)
    with pytest.raises(RowTooLongError, match="context has 256"):
        list(conversation.ask("x" * 300))
    assert conversation.turns == before
    conversation.reset()
    assert conversation.turns == []


def test_a_reader_that_stops_early_keeps_the_answer_so_far(run: Run) -> None:
    conversation = run.conversation(base=True, max_new_tokens=30, temperature=2.0)
    pieces = conversation.ask("Code?")
    first = next(pieces)
    pieces.close()
    assert conversation.turns[-1] == {"role": "assistant", "content": first}


def test_rows_given_as_objects_are_saved_beside_the_run(tiny_model: Path, tmp_path: Path) -> None:
    output = tmp_path / "deep" / "run"
    made = finetune(
        tiny_model, make_rows(8), test=make_rows(2, first=50), output=output, overrides=OVERRIDES, progress=False
    )
    assert made.summary().state == "finished"
    assert sorted(path.name for path in output.parent.iterdir()) == ["run", "run-rows.jsonl", "run-test-rows.jsonl"]
    assert made.folder.recipe().data.train[0].path == str(output.with_name("run-rows.jsonl"))


def test_rows_that_cannot_be_used_leave_nothing(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(TunewrightError, match="cannot be used"):
        finetune(tiny_model, [{"messages": []}], output=tmp_path / "run", progress=False)
    assert list(tmp_path.iterdir()) == []


def test_rows_of_another_run_are_not_overwritten(tiny_model: Path, tmp_path: Path) -> None:
    kept = tmp_path / "run-rows.jsonl"
    kept.write_text("kept", encoding="utf-8")
    with pytest.raises(RunExistsError, match="rows of another run"):
        finetune(tiny_model, make_rows(2), output=tmp_path / "run", progress=False)
    assert kept.read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize("data", [[1, 2], ["rows.jsonl", {"messages": []}], [{"messages": [object()]}]])
def test_data_of_another_kind_is_refused(data: list[object], tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="data"):
        finetune("starter", data, output=tmp_path / "run", progress=False)  # type: ignore[arg-type]


def test_all_faults_are_raised_at_once() -> None:
    with pytest.raises(RecipeError) as caught:
        finetune(data="x.jsonl", overrides={"train.learning_rate": -1, "train.sed": 1}, progress=False)
    assert [fault.path for fault in caught.value.faults] == ["train.learning_rate", "train.sed"]


def test_progress_in_a_plain_process_is_a_few_lines(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", 8)
    finetune(tiny_model, rows, output=tmp_path / "run", overrides={**OVERRIDES, "train.max_steps": 40})
    out = capsys.readouterr().out
    assert "step 40/40" in out
    assert len(out.splitlines()) < 60
    assert "\r" not in out


def test_progress_in_a_notebook_is_one_display_that_ends_well(tiny_model: Path, tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", 12)
    overrides = {**OVERRIDES, "train.max_steps": 40}
    cells = [
        f"import sys; sys.path.insert(0, {SOURCE!r})\nimport tunewright as tw",
        f"run = tw.finetune({str(tiny_model)!r}, 'rows.jsonl', output='run', overrides={overrides!r})\nrun",
        "run.chat('Code of item 1?', max_new_tokens=4)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    display, result = (output for output in notebook.cells[1].outputs if output.output_type != "stream")
    text = display["data"]["text/plain"]
    assert text.startswith("data      train: 12 rows")
    assert "step 40/40  loss " in text
    assert "scored    tuned model: " in text
    assert len(text.splitlines()) < 40
    assert "<table>" in result["data"]["text/html"]
    streams = [output.text for output in notebook.cells[1].outputs if output.output_type == "stream"]
    # A line that rewrites itself is one line to a reader: the libraries have a bar and an import warning of their own.
    assert sum(stream.count("\n") for stream in streams) < 5, streams
    assert notebook.cells[2].outputs[-1]["output_type"] == "execute_result"
