"""What `tunewright data leakage` says: each leaking row with the training row that is most like it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tunewright.cli.data.stages import telling
from tunewright.cli.screen import clean, shortened
from tunewright.data.duplicates.compared import By
from tunewright.data.duplicates.leakage import LeakageReport, leakage_between
from tunewright.data.read import OpenSource

_NUM_SHOWN = 20
_EXCERPT_WIDTH = 80


def run(
    train: Sequence[OpenSource], test: Sequence[OpenSource], threshold: float | None, by: By, *, as_json: bool
) -> bool:
    """Compare the sources and say what leaks; return whether anything does.

    Raises:
        DataError, MissingExtraError: as `leakage_between`.
    """
    with telling() as tell:
        report = leakage_between(train, test, threshold, by, tell)
    if as_json:
        print(json.dumps(_as_dict(report, threshold, by), ensure_ascii=False))
    else:
        _say(report, by)
    return bool(report.leaks)


def _as_dict(report: LeakageReport, threshold: float | None, by: By) -> dict[str, object]:
    return {
        "train_rows": report.num_train,
        "test_rows": report.num_test,
        "unusable": report.num_unusable,
        "leaking": len(report.leaks),
        "leaking_exact": sum(leak.is_exact for leak in report.leaks),
        "threshold": threshold,
        "by": by,
        "leaks": [
            {
                "test": {"path": leak.test.path, "line": leak.test.line},
                "train": {"path": leak.train.path, "line": leak.train.line},
                "similarity": round(leak.similarity, 4),
                "exact": leak.is_exact,
            }
            for leak in report.leaks
        ],
    }


def _say(report: LeakageReport, by: By) -> None:
    num_exact = sum(leak.is_exact for leak in report.leaks)
    what = "test rows" if by == "row" else "questions of test rows"
    text = f"{len(report.leaks):,} of {report.num_test:,} {what} are in the {report.num_train:,} training rows"
    print(text + (f", {num_exact:,} of them exactly" if report.leaks else ""))
    if report.num_unusable:
        print(f"not compared, as they break a rule of their format: {report.num_unusable:,}")
    for leak in report.leaks[:_NUM_SHOWN]:
        how = "is" if leak.is_exact else f"is like ({leak.similarity:.2f})"
        places = f"{leak.test.path}:{leak.test.line} {how} {leak.train.path}:{leak.train.line}"
        print(f"{clean(places)}: {shortened(leak.excerpt, _EXCERPT_WIDTH)}")
    if len(report.leaks) > _NUM_SHOWN:
        print(f"… and {len(report.leaks) - _NUM_SHOWN:,} more; --json lists all")
