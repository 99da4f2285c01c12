"""Which rows of a file repeat others, which of them stays, and the file without them.

Of rows that repeat each other stays the one with the longest answer; of equally long ones that which says most in all;
of these the first. A row goes only if it is similar enough to one that stays, and only if that has the same label or
verdict. So doing it again removes nothing more. Deliberately does not know how duplicates are found (`duplicates`).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tunewright.data.checking.check import NearDuplicate
from tunewright.data.checking.fingerprints import Place
from tunewright.data.containers.write import RecordWriter
from tunewright.data.duplicates.clusters import DEFAULT_THRESHOLD, Clusters, find_duplicates, find_exact_duplicates
from tunewright.data.duplicates.compared import By, compared, num_answer_characters, verdict, without_system
from tunewright.data.duplicates.shingles import Tell, TextSet
from tunewright.data.read import Entry, OpenSource
from tunewright.errors import DataError

_NUM_LARGEST = 5
_NUM_EXCERPT_CHARACTERS = 200


class Removed(NamedTuple):
    """A row that goes: its line, that of the row which stays instead, their similarity and whether they are equal."""

    line: int
    kept_line: int
    similarity: float
    is_exact: bool


class LargeCluster(NamedTuple):
    """A cluster to show: its lines, ascending, and the beginning of its first row's text, normalised."""

    lines: tuple[int, ...]
    excerpt: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be removed from `path`; `num_contradicting` clusters hold rows of different labels, which stay."""

    path: str
    num_rows: int
    num_clusters: int
    num_contradicting: int
    removed: tuple[Removed, ...]
    largest: tuple[LargeCluster, ...]

    @property
    def num_kept(self) -> int:
        """Rows that stay."""
        return self.num_rows - len(self.removed)


def plan_dedupe(
    source: OpenSource, threshold: float | None = DEFAULT_THRESHOLD, by: By = "row", tell: Tell | None = None
) -> Plan:
    """Return which rows of a source repeat others and which of them stays.

    Args:
        source: the rows; all of them must be usable.
        threshold: similarity from which rows repeat each other, 0.5…1; None: only rows that say exactly the same.
        by: compare whole rows, or only what is asked.

    Raises:
        DataError: a row is not usable, or the threshold is out of range.
        MissingExtraError: near duplicates are wanted and rensa is not installed.
    """
    facts = _Facts()
    texts = TextSet(facts.watch(source, by), tell)
    clusters = find_exact_duplicates(texts) if threshold is None else find_duplicates(texts, threshold, tell=tell)
    similarity = _similarity(texts, exact=threshold is None)
    rows, kept, similarities = keep_best(clusters, facts.ranks(), facts.verdicts(), similarity, threshold or 1.0)
    lines = np.frombuffer(facts.lines, dtype=np.int64)
    is_exact = texts.spelling_of_row[rows] == texts.spelling_of_row[kept]
    removed = zip(lines[rows].tolist(), lines[kept].tolist(), similarities.tolist(), is_exact.tolist(), strict=True)
    return Plan(
        source.path,
        texts.num_rows,
        len(clusters.clusters),
        facts.num_contradicting(clusters),
        tuple(Removed(*item) for item in removed),
        tuple(_largest(clusters, texts, lines)),
    )


def keep_best(
    clusters: Clusters,
    ranks: np.ndarray,
    kinds: np.ndarray,
    similarity: Callable[[np.ndarray, np.ndarray], np.ndarray],
    threshold: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows to remove, ascending; the row that stays instead of each; and their similarity.

    In each cluster the best row stays and those go that are similar enough to it; of what is left again the best stays,
    until nothing is left. So no row goes for the sake of one that it is only connected with by others.

    Args:
        ranks: the lower the better, int [num_rows], all different.
        kinds: rows of different kinds never replace each other, int [num_rows].
        similarity: of pairs of rows.
    """
    members = [member.row for cluster in clusters.clusters for member in cluster]
    rows = np.array(members, dtype=np.int64)
    numbers = np.repeat(np.arange(len(clusters.clusters)), [len(cluster) for cluster in clusters.clusters])
    order = np.lexsort((ranks[rows], kinds[rows], numbers))
    rows, numbers = rows[order], numbers[order]
    parts = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    while len(rows):
        is_leader = np.ones(len(rows), dtype=bool)
        is_leader[1:] = (numbers[1:] != numbers[:-1]) | (kinds[rows[1:]] != kinds[rows[:-1]])
        leaders = rows[is_leader][np.cumsum(is_leader) - 1]
        others, leaders_of_others = rows[~is_leader], leaders[~is_leader]
        found = similarity(others, leaders_of_others)
        is_near = found >= threshold
        parts.append((others[is_near], leaders_of_others[is_near], found[is_near]))
        rows, numbers = others[~is_near], numbers[~is_leader][~is_near]
    removed, kept, similarities = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(removed)
    return removed[order], kept[order], similarities[order]


def write_deduped(
    source: OpenSource, plan: Plan, output: Path, removed: Path | None = None, *, overwrite: bool = False
) -> Path:
    """Write the rows that stay to `output`, as they were and in their order, and the others beside it.

    Args:
        removed: where the others go, each with the line that stays instead; default: `<stem of output>.removed.jsonl`.

    Returns:
        The file of the removed rows.

    Raises:
        DataError: an output is the input, or the input changed since the plan was made.
        StorageError: an output exists and may not be replaced, or cannot be written.
    """
    removed = removed or output.with_name(f"{output.name.split('.')[0]}.removed.jsonl")
    files = {Path(source.path).resolve(), output.resolve(), removed.resolve()}
    if len(files) < 3:
        raise DataError(
            f"{source.path}, {output} and {removed} must be three files: nothing is changed in place",
            hint="name another file with -o or --removed",
        )
    reason = {item.line: item for item in plan.removed}
    with RecordWriter(output, overwrite=overwrite) as kept, RecordWriter(removed, overwrite=overwrite) as gone:
        for entry in usable(source):
            if item := reason.get(entry.line):
                gone.write(_removed_record(item, entry.record or {}))
            else:
                kept.write(entry.record or {}, entry.raw)
        if (kept.num_records, gone.num_records) != (plan.num_kept, len(plan.removed)):
            raise DataError(f"{source.path} changed while it was read", hint="run it again when nothing writes to it")
    return removed


def usable(source: OpenSource) -> Iterator[Entry]:
    """Yield the entries of a source.

    Raises:
        DataError: a row is not usable.
    """
    for entry in source:
        if entry.row is None:
            raise DataError(
                f"{source.path}:{entry.line} cannot be used; a file whose rows are all usable can be rid of duplicates",
                hint=f"mend it first: tunewright data check {source.path} --fix -o mended.jsonl",
                faults=tuple(fault.as_fault() for fault in entry.faults),
            )
        yield entry


def near_duplicates(sources: Sequence[OpenSource], threshold: float = DEFAULT_THRESHOLD) -> Iterator[NearDuplicate]:
    """Yield every row that nearly says what an earlier one says, for `data check`; unusable rows say nothing.

    Each comes with the first row of its cluster. Rows that repeat that one exactly are not here: the check names them.
    """
    places: list[Place] = []

    def texts() -> Iterator[str]:
        for source in sources:
            for entry in source:
                if entry.row is not None:
                    places.append(Place(source.path, entry.line))
                    yield compared(entry.row)

    for cluster in find_duplicates(texts(), threshold).clusters:
        first = places[cluster[0].row]
        yield from (NearDuplicate(places[m.row], first, m.similarity) for m in cluster[1:] if not m.is_exact)


class _Facts:
    """What is remembered of each row while the texts are read."""

    def __init__(self) -> None:
        self.lines = array("q")
        self._answers, self._lengths, self._verdicts = array("q"), array("q"), array("q")
        self._numbers: dict[str, int] = {}

    def watch(self, source: OpenSource, by: By) -> Iterator[str]:
        for entry in usable(source):
            row: Any = entry.row
            self.lines.append(entry.line)
            self._answers.append(num_answer_characters(row))
            self._lengths.append(len(row.said))
            self._verdicts.append(self._numbers.setdefault(verdict(row), len(self._numbers)))
            yield compared(row, by)

    def ranks(self) -> np.ndarray:
        """Return the place of each row in the order best to worst, int64 [num_rows]."""
        answers, lengths = np.frombuffer(self._answers, np.int64), np.frombuffer(self._lengths, np.int64)
        ranks = np.empty(len(answers), dtype=np.int64)
        ranks[np.lexsort((-lengths, -answers))] = np.arange(len(answers))
        return ranks

    def verdicts(self) -> np.ndarray:
        return np.frombuffer(self._verdicts, dtype=np.int64)

    def num_contradicting(self, clusters: Clusters) -> int:
        if len(self._numbers) < 2:
            return 0
        return sum(len({self._verdicts[member.row] for member in cluster}) > 1 for cluster in clusters.clusters)


def _similarity(texts: TextSet, *, exact: bool) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    if exact:
        return lambda first, second: np.ones(len(first))
    return lambda first, second: texts.jaccard(texts.text_of_row[first], texts.text_of_row[second])


def _largest(clusters: Clusters, texts: TextSet, lines: np.ndarray) -> Iterable[LargeCluster]:
    for cluster in sorted(clusters.clusters, key=len, reverse=True)[:_NUM_LARGEST]:
        rows = [member.row for member in cluster]
        excerpt = without_system(texts.normal(int(texts.text_of_row[rows[0]]), _NUM_EXCERPT_CHARACTERS))
        yield LargeCluster(tuple(lines[rows].tolist()), excerpt)


def _removed_record(item: Removed, record: dict[str, Any]) -> dict[str, Any]:
    return {
        "line": item.line,
        "kept_line": item.kept_line,
        "similarity": round(item.similarity, 4),
        "exact": item.is_exact,
        "record": record,
    }
