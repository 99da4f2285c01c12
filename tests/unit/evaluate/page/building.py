"""A whole evaluation to show, made up but consistent: five columns, slices, a matrix, failures, signals, advice.

`make_evaluation` is the support desk of a shop in which tuning wins; its arguments make the other outcomes. Scores,
intervals and differences are those of its answers, computed here by the simplest formula.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist

from tunewright.runs.evaluation import (
    Answer,
    Candidate,
    Column,
    ColumnKind,
    Comparison,
    Confusion,
    Evaluation,
    JudgedPairs,
    Message,
    Row,
    Score,
    Sentence,
    SetScore,
    Signal,
    SplitLoss,
    TestSet,
    Usage,
    Verdict,
)
from tunewright.runs.events import (
    DataRead,
    DataSplit,
    ModelLoaded,
    Notice,
    RowLeftOut,
    RuleApplied,
    RunFinished,
    RunStarted,
    TrainingStarted,
    Validated,
)
from tunewright.runs.folder import RunFolder
from tunewright.runs.metrics import MetricsRow
from tunewright.spec.recipe import build_recipe

TOPICS = ("delivery", "opening hours", "refunds", "warranty")
_SAYINGS = {
    "delivery": ("When will my parcel from order {n} arrive?", "Parcel {n} arrives within three working days."),
    "opening hours": ("Are you open on day {n}?", "We are open from nine to six on day {n}."),
    "refunds": ("I want my money back for item {n}.", "Send item {n} back within 30 days and we refund it in full."),
    "warranty": ("Мой товар {n} сломан. Что делать?", "Item {n} has a warranty of two years: bring it to any shop."),
}
_LOSSES: tuple[tuple[str, ColumnKind, float], ...] = (("base", "base", 2.0), ("tuned", "tuned", 1.0))
_COLUMNS: tuple[tuple[str, ColumnKind, float], ...] = (
    ("base", "base", 0.04),
    ("system prompt", "prompt", 0.22),
    ("4 examples (bm25)", "few_shot", 0.55),
    ("retrieval", "retrieval", 0.61),
    ("tuned", "tuned", 0.83),
)


def make_evaluation(
    *, num_rows: int = 60, verdict: Verdict = "better", shares: dict[str, float] | None = None, seed: int = 0
) -> Evaluation:
    """Return the evaluation; `shares` are the right answers of each column by name, `verdict` that of tuned to base."""
    rng = random.Random(seed)
    rows = [_row(number) for number in range(num_rows)]
    columns = [_column(name, kind, (shares or {}).get(name, share), rows, rng) for name, kind, share in _COLUMNS]
    comparisons = [_comparison(columns[-1], other, verdict if n == 0 else None) for n, other in enumerate(columns[:-1])]
    return Evaluation(
        headline="contains",
        test=TestSet(
            rows=rows,
            num_available=2 * num_rows,
            seed=0,
            chosen=f"{num_rows} of {2 * num_rows} rows, stratified by topic, seed 0",
            num_groups=len({row.group for row in rows}),
            files=["heldout.jsonl"],
            contaminated=["heldout.jsonl:3"],
        ),
        columns=columns,
        comparisons=comparisons,
        candidates=[_candidate(k, s) for k, s in ((1, 0.35), (2, 0.475), (4, 0.575), (8, None))],
        signals=[
            Signal(name="train/validation gap", value=0.31, num_rows=60, is_bad=False, rule="bad above 0.5 nats"),
            Signal(
                name="memorised",
                value=0.12,
                low=0.07,
                high=0.2,
                num_rows=100,
                is_bad=True,
                rule="bad if its interval is above that of held-out rows",
                examples=["Parcel 7 arrives within three working days."],
            ),
            Signal(name="forgetting", value=None, num_rows=0, is_bad=False, rule="bad above 0.05"),
        ],
        judged=[
            JudgedPairs(
                column="tuned",
                against="base",
                judge="politeness",
                wins=41,
                losses=11,
                ties=6,
                win_rate=44 / 58,
                low=0.632,
                high=0.851,
                consistent=0.897,
                place_bias=0.069,
                num_failed=2,
                failures={"the judge timed out after 30 s": 2},
            )
        ],
        advice=[
            Sentence(text="Fine-tune: the tuned model wins.", because={"comparisons.0.difference": 0.79}),
            Sentence(text="Tuning pays off after 41,000 requests.", because={"break_even.requests": 41000.0}),
        ],
        seeds={"bootstrap": 0, "examples": 7},
        seconds=312.0,
        notes=["2 test rows have no reference and were not asked."],
    )


def empty_evaluation(*columns: Column, headline: str = "") -> Evaluation:
    """Return an evaluation of no rows."""
    test = TestSet(rows=[], num_available=0, seed=0, chosen="no rows", num_groups=0)
    return Evaluation(headline=headline, test=test, columns=list(columns))


def loss_evaluation() -> Evaluation:
    """Return what a training on plain texts ends with: losses of the held-out text, and no answers."""
    columns = [
        Column(
            name=name,
            kind=kind,
            model="starter",
            losses={"test": SplitLoss(loss=loss, perplexity=math.exp(loss), num_rows=1)},
        )
        for name, kind, loss in _LOSSES
    ]
    return empty_evaluation(*columns)


def finished_run(path: Path, *, is_finished: bool = True, test_is_validation: bool = False) -> RunFolder:
    """Return a run of sixty steps with everything that a training tells, and without an evaluation."""
    reason = "messages[2].role is 'bot'; expected one of system, user, assistant"
    with RunFolder.create(path, build_recipe({"name": "desk"})) as run:
        for event in (
            RunStarted(run_id="r", name="desk", tunewright_version="0"),
            DataRead(role="train", path="train.jsonl", format="messages", num_rows=128, num_unusable=1, sha256="0"),
            RowLeftOut(path="train.jsonl", line=17, reason=reason),
            DataSplit(num_train=113, num_validation=13, num_test=170, test_is_validation=test_is_validation),
            ModelLoaded(source="starter", num_parameters=9437184, num_trainable=294912, context_tokens=512,
                        device="cpu", precision="bf16", template="own"),
            RuleApplied(path="train.batch_size", value=8, rule="largest power of two ≤ 113 rows / 25, within 1…32"),
            TrainingStarted(num_steps=60, num_rows=113, batch_size=8, num_tokens=9876, num_supervised_tokens=2310),
            Notice(message="2 rows of train.jsonl are exact copies of others"),
            Validated(step=48, valid_loss=0.5619, perplexity=1.754, is_best=True),
            *([RunFinished(seconds=41.7, best_step=48, num_steps=60)] if is_finished else []),
        ):  # fmt: skip
            run.append_event(event)
        for step in range(1, 61):
            run.append_metrics(MetricsRow(step=step, train_loss=0.4 + 3 / step, tokens_per_second=900.0 + step))
    return run


def score_of(scores: Sequence[float], num_failed: int, groups: Sequence[str | None]) -> Score:
    """Return the mean with Wilson's interval (1927, eq. 4): enough for a page to have something to show."""
    count, mean, z = len(scores), sum(scores) / len(scores), NormalDist().inv_cdf(0.975)
    middle = (mean + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(mean * (1 - mean) / count + z * z / (4 * count * count))
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Score(mean=mean, low=low, high=high, method="wilson", num_rows=count, num_failed=num_failed)


def _candidate(k: int, score: float | None) -> Candidate:
    failure = "" if score is not None else "8 examples do not fit the context"
    return Candidate(
        column="4 examples (bm25)", settings={"k": k}, score=score, num_rows=40, is_chosen=k == 4, failure=failure
    )


def _row(number: int) -> Row:
    topic = TOPICS[number % len(TOPICS)]
    question, answer = _SAYINGS[topic]
    asked = question.format(n=number) + (" I have waited long enough and would like to know today." * (number % 3))
    return Row(
        where=f"heldout.jsonl:{number + 1}",
        prompt=[Message(role="system", content="You help customers."), Message(role="user", content=asked)],
        reference=answer.format(n=number),
        group=f"{topic} {number // 8}",
        slices={"topic": topic},
    )


def _column(name: str, kind: ColumnKind, share: float, rows: list[Row], rng: random.Random) -> Column:
    answers = [_answer(name, row, rng.random() < share, number) for number, row in enumerate(rows)]
    judged = [answer.scores["contains"] for answer in answers if "contains" in answer.scores]
    overlap = [answer.scores["token_f1"] for answer in answers]
    is_tuned = kind == "tuned"
    return Column(
        name=name,
        kind=kind,
        model="starter" if not is_tuned else "runs/desk/artifacts/lora",
        settings={"k": 4, "nearest by": "bm25"} if kind == "few_shot" else {},
        chosen_on="40 validation rows, 4 settings" if kind == "few_shot" else "",
        scores={
            "contains": score_of(judged, len(rows) - len(judged), []),
            "token_f1": score_of(overlap, 0, []),
        },
        set_scores={
            "bleu": SetScore(values={"bleu_corpus": 0.1 + share / 2}, signature="nrefs:1|case:mixed|eff:no|tok:13a"),
            "label": SetScore(values={"macro_f1": 0.05 + share * 0.9}, confusion=_confusion(share, len(rows))),
        },
        losses=_losses(share, len(rows), is_tuned),
        usage=Usage(
            prompt_tokens=440.0 if kind in ("few_shot", "retrieval") else 31.0,
            completion_tokens=14.2,
            latency_p50=0.31 if kind in ("few_shot", "retrieval") else 0.082,
            latency_p95=0.52 if kind in ("few_shot", "retrieval") else 0.12,
            num_timed=20,
            rows_per_s=18.4,
            peak_bytes=812_000_000,
            dollars_per_1000=0.0107 if kind in ("few_shot", "retrieval") else 0.0026,
            price="machine-seconds at $0.12 an hour",
        ),
        training_seconds=184.0 if is_tuned else None,
        training_dollars=0.33 if is_tuned else None,
        num_shortened=3 if kind == "few_shot" else 0,
        answers=answers,
    )


def _answer(name: str, row: Row, is_right: bool, number: int) -> Answer:
    reference = row.reference or ""
    text = reference if is_right else reference.replace("three", "ten").replace("nine", "ten") + " Thank you!"
    if name == "base" and not is_right:
        text = (
            ""
            if number % 9 == 0
            else "I am not sure what you mean by that question of yours, sorry " * (number % 3 + 1)
        )
    fails = name == "retrieval" and number % 20 == 5
    return Answer(
        text=text,
        has_ended=not (name == "base" and number % 7 == 2),
        prompt_tokens=31,
        completion_tokens=len(text.split()),
        scores={"token_f1": 1.0 if is_right else 0.4} | ({} if fails else {"contains": float(is_right)}),
        failures={"contains": "the judge timed out after 30 s"} if fails else {},
        loss=0.4 if is_right else 2.0 + number / 100,
        note="oldest 1 of 4 examples left out" if name.startswith("4 ") and number % 20 == 3 else "",
    )


def _losses(share: float, num_rows: int, is_tuned: bool) -> dict[str, SplitLoss]:
    """Of the test set, and for the tuned column also of what it was trained on."""
    splits = {"test": (0.0, num_rows)} | ({"train": (-0.31, 400), "validation": (-0.02, 40)} if is_tuned else {})
    losses = {name: (2.4 - 1.9 * share + gap, count) for name, (gap, count) in splits.items()}
    return {
        name: SplitLoss(loss=loss, perplexity=math.exp(loss), token_accuracy=0.2 + 0.7 * share, num_rows=count)
        for name, (loss, count) in losses.items()
    }


def _confusion(share: float, num_rows: int) -> Confusion:
    size, each = len(TOPICS), num_rows // len(TOPICS)
    right = round(share * each)
    counts = [[right if given == expected else 0 for given in range(size + 1)] for expected in range(size)]
    for expected in range(size):
        counts[expected][(expected + 1) % size] += (each - right) // 2
        counts[expected][size] += each - right - (each - right) // 2
    return Confusion(labels=list(TOPICS), counts=counts)


def _comparison(column: Column, against: Column, verdict: Verdict | None) -> Comparison:
    pairs = [
        (a.scores.get("contains"), b.scores.get("contains"))
        for a, b in zip(column.answers, against.answers, strict=True)
    ]
    gaps = [a - b for a, b in pairs if a is not None and b is not None]
    mean = sum(gaps) / len(gaps)
    error = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / max(1, len(gaps) - 1) / len(gaps))
    if verdict is None:
        verdict = "better" if mean > 2.5 * error else "worse" if mean < -2.5 * error else "too_few_rows"
    shown = verdict in ("better", "worse")
    return Comparison(
        column=column.name,
        against=against.name,
        grader="contains",
        difference=mean,
        low=mean - 1.96 * error,
        high=mean + 1.96 * error,
        p_value=0.00001 if shown else 0.21,
        p_holm=0.00004 if shown else 0.42,
        test="mcnemar",
        num_rows=len(gaps),
        num_groups=len(gaps),
        detectable=2.8 * error,
        verdict=verdict,
    )
