"""What a good score may hide: memorised rows, a gap to the training loss, leaked test rows, what was forgotten.

Wires the live models to the signals of `evaluate`; a signal that cannot be measured says so and stops nothing.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from tunewright.data.encode import encode_prompt
from tunewright.errors import MissingExtraError
from tunewright.evaluate.columns import group_text
from tunewright.evaluate.signals.forgetting import forgetting
from tunewright.evaluate.signals.gap import contaminations, gap
from tunewright.evaluate.signals.memorised import Complete, longest, make_probes, memorised
from tunewright.evaluate.statistics.intervals import wilson
from tunewright.evaluate.statistics.paired import compare_columns
from tunewright.evaluate.suites.suites import BUILT_IN, Suite, read_suite, score_suite
from tunewright.graders.grade import Output
from tunewright.graders.make import make_graders
from tunewright.infer.engine import Sampling
from tunewright.infer.shared import SharedEngine
from tunewright.jobs.evaluation.stage import Stage
from tunewright.runs.evaluation import Column, Comparison, Signal

NUM_SUITE_ROWS = 104


def all_signals(
    stage: Stage, column: Column, base: SharedEngine, tuned: SharedEngine, suites: Sequence[str]
) -> list[Signal]:
    """Return the signals of the tuned model, whose column has its losses, in the order in which they should be seen.

    Raises:
        DataError: if a suite cannot be read.
    """
    found = [_forgotten(stage, read_suite(name), base, tuned) for name in suites]
    found.append(loss_gap(column))
    return [*found, _memorised(stage, base, tuned)]


def loss_gap(column: Column) -> Signal:
    """Return the gap between the losses of a column: of validation rows, or of test rows where those are missing."""
    held_out = "validation" if "validation" in column.losses else "test"
    seen, unseen = column.losses.get("train"), column.losses.get(held_out)
    num_rows = unseen.num_rows if unseen else 0
    return gap(seen and seen.loss, unseen and unseen.loss, num_rows, held_out=held_out)


def leaked(stage: Stage) -> tuple[Signal, list[str]]:
    """Return the signal of test rows that nearly repeat a training row, and those rows by `file:line`.

    Only exact repetitions where rensa is missing.
    """
    train = stage.train_rows
    try:
        return contaminations(stage.exam.rows, train)
    except MissingExtraError:
        return contaminations(stage.exam.rows, train, threshold=None)


def _forgotten(stage: Stage, suite: Suite, base: SharedEngine, tuned: SharedEngine) -> Signal:
    some, bound = _bounded(suite, stage.exam.seed)
    of_base, of_tuned = (_suite_scores(stage, some, engine) for engine in (base, tuned))
    groups = [group_text(row.group) for row in some.rows]

    def compare(
        a: Sequence[float | None], b: Sequence[float | None], of_rows: Sequence[str | None] | None
    ) -> Comparison:
        return compare_columns("base", "tuned", "forgetting", a, b, groups=of_rows, seed=stage.exam.seed)

    found = forgetting(of_base, of_tuned, groups, compare, suite=some.name, domains=some.domains)
    return found.model_copy(update={"rule": f"{found.rule}{bound}"})


def _bounded(suite: Suite, seed: int) -> tuple[Suite, str]:
    """Return the suite with as many rows as are asked at most, and that bound in words.

    The built-in suite is in an order of which every beginning is a sample; a user's file may be sorted by anything.
    """
    num_all = len(suite.rows)
    if num_all <= NUM_SUITE_ROWS:
        return suite, ""
    if suite.name in BUILT_IN:
        return suite.first(NUM_SUITE_ROWS), f"; the first {NUM_SUITE_ROWS} of its {num_all:,} rows"
    kept = sorted(random.Random(f"suite {seed}").sample(range(num_all), NUM_SUITE_ROWS))
    some = replace(
        suite,
        rows=tuple(suite.rows[place] for place in kept),
        grader_of_row=tuple(suite.grader_of_row[place] for place in kept),
    )
    return some, f"; {NUM_SUITE_ROWS} of its {num_all:,} rows, drawn by seed {seed}"


def _suite_scores(stage: Stage, suite: Suite, engine: SharedEngine) -> list[float | None]:
    prompts = [encode_prompt(row.prompt, engine.plain.tokenizer, row.tools) for row in suite.rows]

    def tell(done: int, total: int) -> None:
        stage.listener.on_progress(f"asking what was not taught: {suite.name}", done, total)

    completions = engine.generate(prompts, Sampling(max_new_tokens=64), on_progress=tell)
    outputs = [Output(each.text.strip(), each.has_ended, len(each.ids)) for each in completions]
    return score_suite(suite, outputs, make_graders(suite.specs))[0]


def _memorised(stage: Stage, base: SharedEngine, tuned: SharedEngine) -> Signal:
    tokens = stage.prepared.tokens
    train, held_out = make_probes(tokens.train, seed=stage.exam.seed), make_probes(tokens.test, seed=stage.exam.seed)
    limit = Sampling(max_new_tokens=max(1, longest([*train, *held_out])))

    def completing(engine: SharedEngine) -> Complete:
        return lambda asked: [list(answer.ids) for answer in engine.generate(asked, limit)]

    return memorised(train, held_out, completing(tuned), wilson, base=completing(base))
