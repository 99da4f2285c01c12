"""One page tells a run in any state: the verdict first, every number behind it, and nothing that runs."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

import pytest

from tests.unit.evaluate.page.building import empty_evaluation, finished_run, loss_evaluation, make_evaluation
from tests.unit.evaluate.page.reading import HOSTILE, Page, assert_stands_alone
from tunewright.errors import RunError, StorageError
from tunewright.evaluate.page.run_page import MARKDOWN, render_report, write_report
from tunewright.evaluate.page.verdict import headline_sentence
from tunewright.runs.evaluation import Confusion, Evaluation, JudgedPairs, Message, Row, SetScore
from tunewright.runs.events import DataRead, Notice, RowLeftOut, RunFailed, RunInterrupted, RunPaused, RunStarted
from tunewright.runs.folder import RunFolder
from tunewright.runs.hardest import HARDEST, Hardest, HardRow, save_hardest
from tunewright.runs.metrics import MetricsRow
from tunewright.spec.recipe import build_recipe


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", build_recipe({"name": "x"}))


def page_of(run: RunFolder, evaluation: Evaluation) -> Page:
    run.save_evaluation(evaluation)
    return Page(render_report(run))


def at_the_end_of_training(evaluation: Evaluation) -> Evaluation:
    """Return what a training ends with: base and tuned, their scores and answers, one comparison."""
    columns = [
        evaluation.column(name).model_copy(update={"usage": None, "training_seconds": None, "training_dollars": None})
        for name in ("base", "tuned")
    ]
    columns = [c.model_copy(update={"losses": {"test": c.losses["test"]}, "set_scores": {}}) for c in columns]
    nothing = {"candidates": [], "signals": [], "judged": [], "advice": [], "notes": []}
    found = [found for found in evaluation.comparisons if found.against == "base"]
    test = evaluation.test.model_copy(update={"contaminated": []})
    return evaluation.model_copy(update={"columns": columns, "comparisons": found, "test": test, **nothing})


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return page_of(finished_run(tmp_path_factory.mktemp("runs") / "desk"), make_evaluation())


def test_the_verdict_comes_before_everything_else(page: Page) -> None:
    verdict = headline_sentence(make_evaluation())
    assert page.body.startswith(f"desk {verdict} Too few rows to tell the tuned model from “4 examples (bm25)”")
    assert f"<title>desk · {escape(verdict)}</title>" in page.source


def test_page_holds_every_part_of_the_evaluation(page: Page) -> None:
    for told in (
        "1 test row nearly repeats a training row",
        "Fine-tune: the tuned model wins.",
        "comparisons.0.difference",
        "3 not judged",
        "nrefs:1|case:mixed|eff:no|tok:13a",
        "+80 (+69 to +91)",
        "McNemar",
        "16 points",
        "The judge “politeness” prefers the tuned model to the base model: the tuned model wins 76 %",
        "63 % to 85 %",
        "+0.07",
        "2 pairs without a verdict: the judge timed out after 30 s",
        "$0.0026",
        "812 MB",
        "82 ms",
        "3 min 4 s",
        "machine-seconds at $0.12 an hour",
        "opening hours",
        "group (32 values)",
        "expected ↓ given →",
        "12 of 15",
        "✗ memorised",
        "? forgetting",
        "not measured",
        "7 of 60 answers are empty",
        "3 answers without a score by contains: the judge timed out after 30 s",
        "did not end by itself",
        "oldest 1 of 4 examples left out",
        "Lost against the base",
        "Lowest scores",
        "All 60 rows.",
        "tokens foretold",
        "0.513perplexity 1.67",
        "chosen on 40 validation rows, 4 settings",
        "4 settings tried on validation rows",
        "8 examples do not fit the context",
        "test set 0, bootstrap 0, examples 7",
        "2 test rows have no reference",
    ):
        assert told in page.text, told


def test_page_holds_every_part_of_the_run(page: Page) -> None:
    for told in (
        "60 of 60 steps",
        "42 s",
        "2 rows of train.jsonl are exact copies of others",
        "Training loss goes from",
        "Best validation loss 0.562 at step 48; the tuned model is that checkpoint.",
        "throughput (tokens/s)",
        "train.jsonl:17",
        "messages[2].role is 'bot'",
        "113 rows to train on, 13 to validate, 170 to score.",
        "2,310 of 9,876 tokens an epoch are supervised",
        "largest power of two",
        "kind: lora",
        "9,437,184 parameters, 294,912 of them trained",
        "recipe",
    ):
        assert told in page.text, told
    assert "No test file was given" not in page.text


def test_sections_stand_in_the_order_in_which_they_are_asked_for(page: Page) -> None:
    assert page.headings() == [
        "What to do",
        "contains, every column",
        "Scores",
        "Comparisons",
        "Preferred by a judge",
        "What an answer takes",
        "contains by slice",
        "Expected and given labels",
        "Overfitting and forgetting",
        "What went wrong on the way",
        "Answers, side by side",
        "Loss by split",
        "Training",
        "Machine",
        "Data",
        "Settings",
        "Lineage",
    ]


def test_the_end_of_a_training_has_no_section_that_it_cannot_fill(tmp_path: Path) -> None:
    page = page_of(finished_run(tmp_path / "desk"), at_the_end_of_training(make_evaluation()))
    assert page.body.startswith("desk The tuned model is better than the base model: contains 3 % → 83 %")
    assert page.headings() == [
        "contains, every column",
        "Scores",
        "Comparisons",
        "contains by slice",
        "What went wrong on the way",
        "Answers, side by side",
        "Training",
        "Machine",
        "Data",
        "Settings",
        "Lineage",
    ]


def test_of_plain_texts_the_losses_are_told_and_drawn(tmp_path: Path) -> None:
    page = page_of(finished_run(tmp_path / "desk"), loss_evaluation())
    assert page.body.startswith("desk No answer was graded; the loss is 2.000 → 1.000 nats a token on 1 held-out row.")
    assert page.headings()[:2] == ["Loss, every column", "Scores"]
    assert "of losses no test is made" in page.text
    assert "Answers, side by side" not in page.text
    assert 'class="fill tuned"' in page.source
    assert 'class="whisker"' not in page.source


def test_page_needs_nothing_from_outside_and_no_script(page: Page) -> None:
    assert_stands_alone(page)
    assert "prefers-color-scheme: dark" in page.source
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes


def test_hostile_content_is_shown_and_never_run(run: RunFolder) -> None:
    with run:
        run.append_event(
            DataRead(role="train", path=HOSTILE, format="messages", num_rows=1, num_unusable=0, sha256="0")
        )
        run.append_event(RowLeftOut(path=HOSTILE, line=1, reason=HOSTILE))
        run.append_event(Notice(message=HOSTILE, hint=HOSTILE))
        run.append_event(RunFailed(code="x", message=HOSTILE, hint=HOSTILE))
        run.append_metrics(MetricsRow(step=1, train_loss=1.0))
    hard = HardRow(
        path=HOSTILE, line=1, loss=9.0, num_supervised=1, prompt=HOSTILE, answer=HOSTILE, contradictions=[HOSTILE]
    )
    save_hardest(run.path / HARDEST, Hardest(num_rows=1, num_all=1, rows=[hard]))
    evaluation = make_evaluation(num_rows=12)
    tuned = evaluation.columns[-1]
    answers = [
        answer.model_copy(update={"text": HOSTILE, "note": HOSTILE, "scores": {}, "failures": {"contains": HOSTILE}})
        for answer in tuned.answers
    ]
    labels = SetScore(values={HOSTILE: 1.0}, signature=HOSTILE, confusion=Confusion(labels=[HOSTILE], counts=[[1, 2]]))
    hostile = {"name": HOSTILE, "model": HOSTILE, "settings": {HOSTILE: HOSTILE}, "chosen_on": HOSTILE}
    hostile |= {"set_scores": {HOSTILE: labels}, "answers": answers, "notes": [HOSTILE]}
    row = Row(
        where=HOSTILE,
        prompt=[Message(role=HOSTILE, content=HOSTILE)],
        reference=HOSTILE,
        group=HOSTILE,
        slices={HOSTILE: HOSTILE},
    )
    test = evaluation.test.model_copy(update={"rows": [row, *evaluation.test.rows[1:]], "chosen": HOSTILE})
    pairs = JudgedPairs(
        column=HOSTILE, against=HOSTILE, judge=HOSTILE, wins=0, losses=0, ties=0, num_failed=1, failures={HOSTILE: 1}
    )
    columns = [*evaluation.columns[:-1], tuned.model_copy(update=hostile)]
    page = page_of(
        run,
        evaluation.model_copy(
            update={"columns": columns, "test": test, "comparisons": [], "judged": [pairs], "notes": [HOSTILE]}
        ),
    )
    assert_stands_alone(page)
    assert page.text.count(HOSTILE) >= 40


def test_run_without_anything_has_a_page(run: RunFolder) -> None:
    page = Page(render_report(run))
    assert page.body.startswith("x Stopped")
    assert "never started" in page.text
    assert "No step was taken yet." in page.text
    assert page.headings() == ["Training", "Data", "Settings", "Lineage"]


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        (RunInterrupted(step=2, hint="tunewright resume here"), ("Interrupted", "interrupted after step 2")),
        (
            RunPaused(step=2, reason="asked to", hint="tunewright resume here"),
            ("Paused", "paused after step 2: asked to"),
        ),
        (RunFailed(code="x", message="disk is full", hint="tunewright resume here"), ("Failed", "disk is full")),
    ],
)
def test_a_run_that_did_not_end_has_a_page_with_its_curve_and_the_way_on(
    run: RunFolder, ending: RunInterrupted | RunPaused | RunFailed, told: tuple[str, str]
) -> None:
    with run:
        run.append_event(RunStarted(run_id="r", name="x", tunewright_version="0"))
        run.append_metrics(MetricsRow(step=1, train_loss=2.0, valid_loss=2.5))
        run.append_metrics(MetricsRow(step=2, train_loss=float("nan")))
        run.append_event(ending)
    page = Page(render_report(run))
    assert page.body.startswith(f"x {told[0]}")
    assert told[1] in page.text
    assert "tunewright resume here" in page.text
    assert "svg" in page.tags


def test_a_running_run_says_how_far_it_is(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "desk", is_finished=False)
    with run.lock():
        assert Page(render_report(run)).body.startswith("desk Still running at step 60 of 60")


def test_a_finished_run_without_held_out_rows_says_that_it_was_not_scored(tmp_path: Path) -> None:
    page = Page(render_report(finished_run(tmp_path / "desk")))
    assert page.body.startswith("desk Finished, not scored")
    assert "Scores" not in page.headings()


def test_rows_that_chose_the_checkpoint_are_no_clean_test_and_the_page_says_so(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "desk", test_is_validation=True)
    assert "these rows also chose the best checkpoint" in page_of(run, make_evaluation(num_rows=8)).text


def test_the_hardest_rows_are_shown_with_loss_place_words_and_what_that_may_mean(run: RunFolder) -> None:
    rows = [
        HardRow(
            path="t.jsonl",
            line=17,
            loss=6.2134,
            num_supervised=1,
            prompt="user: When?",
            answer="Never.",
            contradictions=["t.jsonl:4"],
        ),
        HardRow(path="t.jsonl", line=3, loss=2.0, num_supervised=1200, prompt="", answer="Some text."),
    ]
    save_hardest(run.path / HARDEST, Hardest(num_rows=2000, num_all=12000, median_loss=0.4, rows=rows))
    text = Page(render_report(run)).text
    for told in (
        "Rows that the model finds hardest",
        "a sample of 2,000 of the 12,000 training rows",
        "half of them are below 0.400",
        "the answer is wrong",
        "6.213",
        "over 1 token",
        "over 1,200 tokens",
        "t.jsonl:17",
        "another answer to the same prompt: t.jsonl:4",
    ):
        assert told in text, told
    assert text.index("Never.") < text.index("Some text.")


def test_of_many_rows_left_out_a_hundred_are_listed_and_the_others_counted(run: RunFolder) -> None:
    with run:
        for line in range(1, 131):
            run.append_event(RowLeftOut(path="t.jsonl", line=line, reason="empty"))
    text = Page(render_report(run)).text
    assert "130 rows left out" in text
    assert "t.jsonl:100" in text
    assert "t.jsonl:101" not in text
    assert "and 30 more, all in events.jsonl" in text


@pytest.mark.parametrize("columns", [0, 1])
def test_an_evaluation_of_almost_nothing_has_a_page(run: RunFolder, columns: int) -> None:
    full = make_evaluation(num_rows=4)
    bare = [full.columns[0].model_copy(update={"usage": None, "scores": {}, "set_scores": {}, "answers": []})]
    page = page_of(run, empty_evaluation(*bare[:columns]))
    assert ("No answer was graded" if columns else "can be said about whether it helped") in page.body


def test_at_most_two_hundred_rows_are_shown_and_the_page_says_so(run: RunFolder) -> None:
    text = page_of(run, make_evaluation(num_rows=230)).source
    assert "200 of the 230 rows are on this page; all are in evaluation.json." in text
    assert len(set(re.findall(r'<div class="from">(heldout\.jsonl:\d+)', text))) == 200


def test_a_long_answer_is_cut_and_says_by_how_much(run: RunFolder) -> None:
    evaluation = make_evaluation(num_rows=4)
    column = evaluation.columns[-1]
    answers = [column.answers[0].model_copy(update={"text": "x" * 5000}), *column.answers[1:]]
    column = column.model_copy(update={"answers": answers})
    page = page_of(run, evaluation.model_copy(update={"columns": [*evaluation.columns[:-1], column]}))
    assert "… 3,800 more characters" in page.text
    assert "x" * 1201 not in page.text


def test_page_and_markdown_are_written_together_and_markdown_only_with_an_evaluation(run: RunFolder) -> None:
    assert write_report(run) == run.report_path
    markdown = run.report_path.with_name(MARKDOWN)
    assert not markdown.exists()
    run.save_evaluation(make_evaluation(num_rows=4))
    assert write_report(run).read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert markdown.read_text(encoding="utf-8").startswith("**The tuned model is better")


def test_a_page_that_cannot_be_written_is_the_fault_of_the_storage(run: RunFolder) -> None:
    run.report_path.mkdir()
    with pytest.raises(StorageError):
        write_report(run)


def test_a_damaged_evaluation_is_named(run: RunFolder) -> None:
    run.evaluation_path.write_text("{", encoding="utf-8")
    with pytest.raises(RunError, match=r"evaluation\.json"):
        render_report(run)
