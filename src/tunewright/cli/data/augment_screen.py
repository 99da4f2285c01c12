"""What `tunewright data augment` does with a file, and what it says: counts, and three rows before and after."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunewright.cli.data.output import refuse_in_place
from tunewright.cli.data.stages import watched
from tunewright.cli.screen import clean, shortened
from tunewright.data.augment.balance import Balance, plan_balance
from tunewright.data.augment.expand import Child, Children, Way, copies, exactly
from tunewright.data.augment.record import content_hash, grouped, is_augmented, prompt_texts
from tunewright.data.containers.record import Record
from tunewright.data.containers.write import RecordWriter
from tunewright.data.read import OpenSource
from tunewright.data.rows import RowFault
from tunewright.errors import DataError

_NUM_EXAMPLES = 3
_NUM_SHOWN = 5
_WIDTH = 90
_NO_PROMPT_SIDE = {
    "text": "all of a text is taught",
    "token_labels": "each word has its own label",
    "pair": "both texts are what is taught",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """The options of the command."""

    output: str | None
    ways: tuple[Way, ...]
    copies: int
    balance: str | None
    ratio: float
    seed: int
    overwrite: bool
    as_json: bool


@dataclass
class _Tally:
    num_originals: int = 0
    num_without_prompt: int = 0
    num_children_before: int = 0
    num_same: int = 0
    by_way: Counter[str] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    examples: list[Child] = field(default_factory=list)
    left_out: list[RowFault] = field(default_factory=list)
    done: set[str] = field(default_factory=set)


def run(source: OpenSource, wish: Wish) -> int:
    """Write the originals, each followed by its children; return the exit code: 1 where a line could not be read.

    Raises:
        DataError: rows of this format have no prompt side, or none has the field to balance.
        RecipeError: no output is named, or it is the input.
        StorageError: the output exists, or cannot be written.
    """
    refuse_in_place(source.path, wish.output)
    if source.format.KIND in _NO_PROMPT_SIDE:
        reason = f"rows of the format {source.format.NAME} have no prompt that could change: "
        raise DataError(
            reason + _NO_PROMPT_SIDE[source.format.KIND], hint="augment prompts, conversations or labelled texts"
        )
    plan = None
    if wish.balance is not None:
        records = watched(_only_records(source), "counting classes")
        plan = plan_balance((record.value for record in records), wish.balance, wish.ratio, wish.seed)
    tally = _Tally()
    with RecordWriter(Path(wish.output or ""), overwrite=wish.overwrite) as writer:
        for item in watched(source.records(), "augmenting"):
            _one(item, wish, plan, tally, writer)
    _say(source, wish, plan, tally)
    return int(bool(tally.left_out))


def _only_records(source: OpenSource) -> Iterator[Record]:
    return (item for item in source.records() if isinstance(item, Record))


def _one(item: Record | RowFault, wish: Wish, plan: Balance | None, tally: _Tally, writer: RecordWriter) -> None:
    if isinstance(item, RowFault):
        tally.left_out.append(item)
        return
    record = item.value
    tally.num_originals += 1
    tally.num_children_before += is_augmented(record)
    tally.num_without_prompt += not prompt_texts(record)
    children = _children(record, wish, plan, tally.done)
    # A row that is given a group is written anew; all others stay byte for byte.
    parent = grouped(record) if children.made else record
    writer.write(parent, item.raw if parent is record else b"")
    for child in children.made:
        writer.write(child.record)
    tally.num_same += children.num_same
    tally.by_way.update(child.how for child in children.made)
    tally.examples += children.made[: _NUM_EXAMPLES - len(tally.examples)]
    name = plan.class_of(record) if plan else None
    if name is not None:
        tally.classes[name] += 1 + len(children.made)


def _children(record: dict[str, Any], wish: Wish, plan: Balance | None, done: set[str]) -> Children:
    if plan is None:
        return copies(record, wish.ways, wish.copies, wish.seed)
    key = content_hash(record)
    quota = plan.quotas.get(key, 0)
    if not quota or key in done:
        return Children([], 0)
    done.add(key)
    return exactly(record, wish.ways, quota, wish.seed)


def _say(source: OpenSource, wish: Wish, plan: Balance | None, tally: _Tally) -> None:
    short = {name: count for name, count in tally.classes.items() if plan and count < plan.target}
    if wish.as_json:
        said: dict[str, Any] = {
            "path": source.path,
            "format": source.format.NAME,
            "originals": tally.num_originals,
            "made": tally.by_way.total(),
            "by_way": dict(sorted(tally.by_way.items())),
            "not_new": tally.num_same,
            "without_prompt": tally.num_without_prompt,
            "children_before": tally.num_children_before,
            "left_out": [str(fault) for fault in tally.left_out],
            "examples": [{"how": each.how, "before": each.before, "after": each.after} for each in tally.examples],
            "output": wish.output,
        }
        if plan:
            before, after = dict(plan.counts), dict(tally.classes)
            said["balance"] = {
                "field": plan.field,
                "target": plan.target,
                "before": before,
                "after": after,
                "short": short,
            }
        print(json.dumps(said, ensure_ascii=False))
        return
    for each in tally.examples:
        print(f"{each.how:<9} {shortened(each.before, _WIDTH)}\n{'':>7} → {shortened(each.after, _WIDTH)}")
    counts = plan.counts if plan else {}
    for name, count in sorted(tally.classes.items()):
        print(f"{shortened(name, 40):<42}{counts[name]:>8,} → {count:,}" + " (short of the target)" * (name in short))
    print(clean("\n".join(_ending(wish, tally))))


def _ending(wish: Wish, tally: _Tally) -> Iterator[str]:
    made = ", ".join(f"{count:,} {name}" for name, count in tally.by_way.most_common())
    yield f"{tally.num_originals:,} rows + {tally.by_way.total():,} new ({made or 'none'}) → {wish.output}"
    if tally.num_same:
        yield f"{tally.num_same:,} variants were dropped: they said the same as the row or as another variant"
    if tally.num_without_prompt:
        yield f"{tally.num_without_prompt:,} rows have no prompt text to change"
    if tally.num_children_before:
        yield f"{tally.num_children_before:,} rows were made by an earlier run and got no children"
    for fault in tally.left_out[:_NUM_SHOWN]:
        yield f"not read, and so not in the output: {fault}"
    if len(tally.left_out) > _NUM_SHOWN:
        yield f"… and {len(tally.left_out) - _NUM_SHOWN:,} more lines that could not be read"
