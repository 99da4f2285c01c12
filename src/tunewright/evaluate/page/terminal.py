"""An evaluation in the terminal: the verdict, one line for each column, what was left out, and the advice.

Plain text without colour or escapes, so that it can be piped, logged and compared. Does not print.
"""

from __future__ import annotations

from collections.abc import Iterable

from tunewright.evaluate.page import figures
from tunewright.evaluate.page.evaluation_view import answer_faults, failure_counts
from tunewright.evaluate.page.rendering import duration_text
from tunewright.evaluate.page.text_table import table_lines, wrapped
from tunewright.evaluate.page.verdict import headline_sentence, judged_sentence, rival_sentence
from tunewright.runs.evaluation import Column, Evaluation, Signal

_HEADER = ("", "95 %", "rows", "tokens", "p50", "per 1,000", "training")


def evaluation_lines(evaluation: Evaluation, width: int = 80) -> list[str]:
    """Return the lines, none wider than `width` (at least 40)."""
    width = max(width, 40)
    lines = [*wrapped(headline_sentence(evaluation), width), *wrapped(rival_sentence(evaluation), width), ""]
    lines += column_lines(evaluation, width)
    for pairs in evaluation.judged:
        lines += wrapped(judged_sentence(pairs), width, indent="  ")
    lines += [""] if evaluation.judged else []
    for sentence in evaluation.advice:
        lines += wrapped(f"→ {sentence.text}", width, indent="  ")
    told = warnings(evaluation)
    if told:
        lines += [""] if evaluation.advice else []
        lines += [line for text in told for line in wrapped(f"! {text}", width, indent="  ")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def verdict_lines(evaluation: Evaluation, width: int = 80) -> list[str]:
    """Return the verdict alone, in lines none wider than `width` (at least 40): what a training ends with."""
    return wrapped(headline_sentence(evaluation), max(width, 40))


def remark_lines(evaluation: Evaluation, width: int = 80) -> list[str]:
    """Return which rows were scored in what time, and the warnings; none wider than `width` (at least 40)."""
    took = "" if evaluation.seconds is None else f", in {duration_text(evaluation.seconds)}"
    lines = wrapped(f"scored on {evaluation.test.chosen}{took}", max(width, 40))
    return lines + [line for text in warnings(evaluation) for line in wrapped(f"! {text}", max(width, 40), indent="  ")]


def column_lines(evaluation: Evaluation, width: int) -> list[str]:
    """Return the table of columns and an empty line; figures that no column has take no room."""
    name = evaluation.headline or "loss"
    header = ("column", name, *_HEADER[1:])
    rows = [_row(evaluation, column) for column in evaluation.columns]
    if not rows:
        return []
    used = [n for n in range(len(header)) if n < 2 or any(row[n] != figures.NONE for row in rows)]
    table, missing = table_lines([header[n] for n in used], [[row[n] for n in used] for row in rows], width)
    note = wrapped(f"not shown for want of width: {', '.join(missing)}", width) if missing else []
    return [*table, *note, ""]


def warnings(evaluation: Evaluation) -> list[str]:
    """Return what a reader must know about these numbers: contamination, bad signals, failures, notes."""
    told: list[str] = []
    if evaluation.test.contaminated:
        rows = figures.rows_text(len(evaluation.test.contaminated), "test row")
        repeat = "repeats" if len(evaluation.test.contaminated) == 1 else "repeat"
        told.append(f"{rows} nearly {repeat} a training row: {', '.join(evaluation.test.contaminated[:5])}")
    for signal in evaluation.signals:
        if signal.value is None:
            told.append(_unmeasured(signal))
        elif signal.is_bad:
            told.append(f"{signal.name} is {signal.value:.3f} on {figures.rows_text(signal.num_rows)}: {signal.rule}")
    told += _grouped(answer_faults(evaluation))
    for column in evaluation.columns:
        told += [
            f"{column.name}: {figures.rows_text(count, 'answer')} without a score by {grader}: {reason}"
            for grader, reason, count in failure_counts(column)
        ]
    if evaluation.columns and not evaluation.test.rows and all(column.loss is None for column in evaluation.columns):
        told.append("no rows are held out: name a file of them as data.test, or hold some back (data.validation_split)")
    return told + list(evaluation.notes)


def _unmeasured(signal: Signal) -> str:
    said, _, reason = signal.rule.partition("not measured: ")
    return f"{signal.name} was not measured" + (f": {reason}" if reason and not said else "")


def _grouped(faults: Iterable[tuple[str, str]]) -> list[str]:
    """Return one line for each fault, with all columns that it is of."""
    names: dict[str, list[str]] = {}
    for name, text in faults:
        names.setdefault(text, []).append(name)
    return [f"{', '.join(found)}: {text}" for text, found in names.items()]


def _row(evaluation: Evaluation, column: Column) -> tuple[str, ...]:
    scale = figures.scale_of(evaluation, evaluation.headline)
    score, usage = column.scores.get(evaluation.headline), column.usage
    value = figures.number_text(column.loss, 3) if not evaluation.headline else figures.NONE
    return (
        column.name,
        scale.value(score.mean) if score else value,
        scale.interval(score.low, score.high) if score else figures.NONE,
        f"{score.num_rows:,}" if score else figures.NONE,
        figures.number_text(usage.prompt_tokens) if usage else figures.NONE,
        figures.seconds_text(usage.latency_p50) if usage else figures.NONE,
        figures.dollars_text(usage.dollars_per_1000) if usage else figures.NONE,
        figures.dollars_text(column.training_dollars),
    )
