"""What a good score may hide: memorised rows, a gap to the training loss, leaked test rows, what was forgotten.

Wires the live models to the signals of `evaluate`; a signal that cannot be measured says so and stops nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunewright.data.encode import encode_prompt
from tunewright.errors import MissingExtraError
from tunewright.evaluate.signals.forgetting import forgetting
from tunewright.evaluate.signals.gap import contaminated, contamination, gap
from tunewright.evaluate.signals.memorised import longest, make_probes, memorised
from tunewright.evaluate.statistics.intervals import wilson
from tunewright.evaluate.statistics.paired import compare_columns
from tunewright.evaluate.suites.suites import Suite, read_suite, score_suite
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
    seen, unseen = (column.losses.get(name) for name in ("train", "validation"))
    unseen = unseen or column.losses.get("test")
    found.append(gap(seen and seen.loss, unseen and unseen.loss, unseen.num_rows if unseen else 0))
    found.append(_memorised(stage, tuned))
    leak = _contamination(stage)
    return [*found, leak] if leak else found


def contaminated_rows(stage: Stage) -> list[str]:
    """Return the test rows that nearly repeat a training row, by `file:line`; exact ones where rensa is missing."""
    train = stage.train_rows
    try:
        return contaminated(stage.exam.rows, train)
    except MissingExtraError:
        return contaminated(stage.exam.rows, train, threshold=None)


def _forgotten(stage: Stage, suite: Suite, base: SharedEngine, tuned: SharedEngine) -> Signal:
    some = suite.first(NUM_SUITE_ROWS)
    of_base, of_tuned = (_suite_scores(stage, some, engine) for engine in (base, tuned))
    groups = [row.group if isinstance(row.group, str) else None for row in some.rows]

    def compare(
        a: Sequence[float | None], b: Sequence[float | None], of_rows: Sequence[str | None] | None
    ) -> Comparison:
        return compare_columns("base", "tuned", "forgetting", a, b, groups=of_rows, seed=stage.exam.seed)

    return forgetting(of_base, of_tuned, groups, compare, suite=some.name, domains=some.domains)


def _suite_scores(stage: Stage, suite: Suite, engine: SharedEngine) -> list[float | None]:
    prompts = [encode_prompt(row.prompt, engine.plain.tokenizer, row.tools) for row in suite.rows]

    def tell(done: int, total: int) -> None:
        stage.listener.on_progress(f"asking what was not taught: {suite.name}", done, total)

    completions = engine.generate(prompts, Sampling(max_new_tokens=64), on_progress=tell)
    outputs = [Output(each.text.strip(), each.has_ended, len(each.ids)) for each in completions]
    return score_suite(suite, outputs, make_graders(suite.specs))[0]


def _memorised(stage: Stage, engine: SharedEngine) -> Signal:
    tokens = stage.prepared.tokens
    train, held_out = make_probes(tokens.train, seed=stage.exam.seed), make_probes(tokens.test, seed=stage.exam.seed)
    limit = Sampling(max_new_tokens=max(1, longest([*train, *held_out])))

    def complete(asked: list[list[int]]) -> list[list[int]]:
        return [list(answer.ids) for answer in engine.generate(asked, limit)]

    return memorised(train, held_out, complete, wilson)


def _contamination(stage: Stage) -> Signal | None:
    train = stage.train_rows
    try:
        return contamination(stage.exam.rows, train)
    except MissingExtraError:
        return contamination(stage.exam.rows, train, threshold=None)
