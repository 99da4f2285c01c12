"""What a good score may hide: memorised rows, a gap to the training loss, leaked test rows, what was forgotten.

Wires the live models to the signals of `evaluate`; a signal that cannot be measured says so and stops nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunewright.data.encode import encode_prompt
from tunewright.data.rows import Row
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
from tunewright.infer.hf import HfEngine
from tunewright.infer.shared import SharedEngine
from tunewright.jobs.evaluate_stage import Stage
from tunewright.runs.evaluation import Comparison, Signal
from tunewright.runs.folder import RunFolder
from tunewright.runs.summary import summarise

NUM_SUITE_ROWS = 104


def all_signals(
    run: RunFolder, stage: Stage, base: SharedEngine, tuned: HfEngine, suites: Sequence[str]
) -> list[Signal]:
    """Return the signals of a run in the order in which a reader should see them.

    Raises:
        DataError: if a suite cannot be read.
    """
    engine = SharedEngine(tuned.model, tuned.tokenizer)
    summary = summarise(run)
    found = [_forgotten(stage, read_suite(name), base, engine) for name in suites]
    found.append(gap(summary.train_loss, summary.best_valid_loss, len(stage.prepared.tokens.validation)))
    found.append(_memorised(stage, engine))
    leak = _contamination(stage)
    return [*found, leak] if leak else found


def contaminated_rows(stage: Stage) -> list[str]:
    """Return the test rows that nearly repeat a training row, by `file:line`; exact ones where rensa is missing."""
    train = _train_rows(stage)
    try:
        return contaminated(stage.rows, train)
    except MissingExtraError:
        return contaminated(stage.rows, train, threshold=None)


def _forgotten(stage: Stage, suite: Suite, base: SharedEngine, tuned: SharedEngine) -> Signal:
    some = suite.first(NUM_SUITE_ROWS)
    of_base, of_tuned = (_suite_scores(stage, some, engine) for engine in (base, tuned))
    groups = [row.group if isinstance(row.group, str) else None for row in some.rows]

    def compare(
        a: Sequence[float | None], b: Sequence[float | None], of_rows: Sequence[str | None] | None
    ) -> Comparison:
        return compare_columns("base", "tuned", "forgetting", a, b, groups=of_rows, seed=stage.seed)

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
    train, held_out = make_probes(tokens.train, seed=stage.seed), make_probes(tokens.test, seed=stage.seed)
    limit = Sampling(max_new_tokens=max(1, longest([*train, *held_out])))

    def complete(asked: list[list[int]]) -> list[list[int]]:
        return [list(answer.ids) for answer in engine.generate(asked, limit)]

    return memorised(train, held_out, complete, wilson)


def _contamination(stage: Stage) -> Signal | None:
    train = _train_rows(stage)
    try:
        return contamination(stage.rows, train)
    except MissingExtraError:
        return contamination(stage.rows, train, threshold=None)


def _train_rows(stage: Stage) -> list[Row]:
    return [row for source in stage.prepared.sets.train for row in source.rows if isinstance(row, Row)]
