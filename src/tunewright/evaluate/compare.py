"""Base against tuned on the same rows: the scores file of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from tunewright.data.rows import Row
from tunewright.evaluate.answers import Answer, grade_answer
from tunewright.graders.grade import Grader, Output
from tunewright.runs.atomic import write_json
from tunewright.runs.samples import GroupScores, Message, Sample, Scores


@dataclass(frozen=True, slots=True)
class Column:
    """One model's results: loss, perplexity and grader means by name, and its answers (in the rows' order)."""

    scores: dict[str, float]
    answers: tuple[Answer, ...]


def compare(base: Column, tuned: Column, graders: Iterable[str], num_rows: int, num_samples: int) -> Scores:
    """Return the comparison; the headline is the first grader that scored both, else the loss, else nothing.

    `num_rows` is the number of rows behind the loss; a grader's number is that of its answers.
    """
    headline = next((name for name in (*graders, "loss") if name in base.scores and name in tuned.scores), "")
    pairs = list(zip(base.answers, tuned.answers, strict=True))
    return Scores(
        headline=headline,
        num_rows=num_rows if headline in ("loss", "") else len(pairs),
        base=base.scores,
        tuned=tuned.scores,
        groups=_groups(pairs, headline),
        samples=[_sample(*pair) for pair in _telling(pairs)[:num_samples]],
    )


def _groups(pairs: Sequence[tuple[Answer, Answer]], headline: str) -> dict[str, GroupScores]:
    members: dict[str, list[tuple[float, float]]] = {}
    for base, tuned in pairs:
        group = base.row.group
        if isinstance(group, str) and headline in base.scores and headline in tuned.scores:
            members.setdefault(group, []).append((base.scores[headline], tuned.scores[headline]))
    return {
        group: GroupScores(
            base=sum(b for b, _ in scores) / len(scores),
            tuned=sum(t for _, t in scores) / len(scores),
            num_rows=len(scores),
        )
        for group, scores in sorted(members.items())
    }


def _telling(pairs: list[tuple[Answer, Answer]]) -> list[tuple[Answer, Answer]]:
    """Order the pairs so that a short sample shows as many groups as it can, right and wrong in their true proportion.

    Not the best first: a sample that is picked for success would be a lie.
    """
    seen: dict[object, int] = {}
    ranked: list[tuple[int, int, tuple[Answer, Answer]]] = []
    for position, pair in enumerate(pairs):
        group = pair[0].row.group
        rank = seen.get(group, 0)
        seen[group] = rank + 1
        ranked.append((rank, position, pair))
    return [pair for _, _, pair in sorted(ranked, key=lambda entry: entry[:2])]


def _sample(base: Answer, tuned: Answer) -> Sample:
    row = base.row
    return Sample(
        prompt_messages=[Message(role=message.role, content=message.said) for message in row.prompt],
        reference=row.reference,
        base=base.text,
        tuned=tuned.text,
        group=row.group if isinstance(row.group, str) else None,
        base_scores=base.scores,
        tuned_scores=tuned.scores,
        source=row.path,
        line=row.line,
    )


def save_column(path: Path, column: Column) -> None:
    """Write a column's scores and answers, so that a resumed run need not answer again.

    Raises:
        StorageError: if the storage refuses.
    """
    answers = [[answer.row.where, answer.text, answer.has_ended] for answer in column.answers]
    write_json(path, {"scores": column.scores, "answers": answers})


def load_column(path: Path, rows: Sequence[Row], graders: Mapping[str, Grader]) -> Column | None:
    """Return the column at `path` if it holds answers to exactly `rows`, else None."""
    try:
        tree = orjson.loads(path.read_bytes())
        answers = tree["answers"]
        if [where for where, _, _ in answers] != [row.where for row in rows]:
            return None
        graded = [
            grade_answer(row, Output(text, ended), graders) for row, (_, text, ended) in zip(rows, answers, strict=True)
        ]
        return Column(tree["scores"], tuple(graded))
    except (OSError, ValueError, KeyError, TypeError):
        return None
