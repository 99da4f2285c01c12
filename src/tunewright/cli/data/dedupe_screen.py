"""What `tunewright data dedupe` does with a file, and what it says about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tunewright.cli.data.stages import telling
from tunewright.cli.screen import clean, shortened
from tunewright.data.containers.write import refuse_existing
from tunewright.data.duplicates.compared import By
from tunewright.data.duplicates.dedupe import LargeCluster, Plan, plan_dedupe, write_deduped
from tunewright.data.read import OpenSource

_NUM_LINES_SHOWN = 5
_EXCERPT_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Wish:
    """The options of the command; without a threshold only exact duplicates go."""

    output: str
    removed: str | None
    threshold: float | None
    by: By
    overwrite: bool
    as_json: bool


def run(source: OpenSource, wish: Wish) -> None:
    """Find the duplicates, write both files, and say what was found.

    Raises:
        DataError, MissingExtraError, StorageError: as `plan_dedupe` and `write_deduped`.
    """
    output = Path(wish.output)
    # Asked before the search as well: nobody waits for minutes only to be told that the file is there.
    if output.resolve() != Path(source.path).resolve():
        refuse_existing(output, overwrite=wish.overwrite)
    with telling() as tell:
        plan = plan_dedupe(source, wish.threshold, wish.by, tell)
    removed = write_deduped(
        source, plan, output, Path(wish.removed) if wish.removed else None, overwrite=wish.overwrite
    )
    if wish.as_json:
        print(json.dumps(_as_dict(plan, wish, removed), ensure_ascii=False))
    else:
        _say(plan, output, removed)


def _as_dict(plan: Plan, wish: Wish, removed: Path) -> dict[str, object]:
    return {
        "path": plan.path,
        "rows": plan.num_rows,
        "kept": plan.num_kept,
        "removed": len(plan.removed),
        "removed_exact": sum(item.is_exact for item in plan.removed),
        "clusters": plan.num_clusters,
        "contradicting_clusters": plan.num_contradicting,
        "threshold": wish.threshold,
        "by": wish.by,
        "output": wish.output,
        "removed_file": str(removed),
        "largest": [
            {"rows": len(cluster.lines), "lines": cluster.lines, "excerpt": cluster.excerpt} for cluster in plan.largest
        ],
    }


def _say(plan: Plan, output: Path, removed: Path) -> None:
    num_exact = sum(item.is_exact for item in plan.removed)
    print(f"{plan.num_rows:,} rows; clusters of duplicates: {plan.num_clusters:,}")
    print(clean(f"{plan.num_kept:,} stay → {output}"))
    print(clean(f"{len(plan.removed):,} go, {num_exact:,} of them exact duplicates → {removed}"))
    if plan.num_contradicting:
        print(f"clusters with different labels, of which one row of each stays: {plan.num_contradicting:,}")
    for cluster in plan.largest:
        excerpt = shortened(cluster.excerpt, _EXCERPT_WIDTH)
        print(f"{len(cluster.lines):>7,} rows alike, lines {_lines(cluster)}: {excerpt}")
    if plan.num_clusters > len(plan.largest):
        print(f"{plan.num_clusters - len(plan.largest):>7,} more clusters; {clean(str(removed))} lists what went")


def _lines(cluster: LargeCluster) -> str:
    shown = ", ".join(map(str, cluster.lines[:_NUM_LINES_SHOWN]))
    return shown + ", …" * (len(cluster.lines) > _NUM_LINES_SHOWN)
