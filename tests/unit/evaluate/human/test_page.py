"""The page shows a sheet as text whatever it holds, names no column, and saves what the terminal would."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.evaluate.human.building import make_evaluation
from tunewright.evaluate.human.page import sheet_page, write_sheet_page
from tunewright.evaluate.human.ratings import RatingsFile
from tunewright.evaluate.human.sheet import Sheet, make_sheet

EVIL = "</script><script>document.title='broken'</script><!-- & é"
SHEET = make_sheet(make_evaluation(5, prompt=EVIL), "base", "tuned", 5).sheets[0]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

# Puts back what an earlier sitting kept (a browser that is closed at once has not written it to the disk); after the
# page's own script presses keys as a person does and leaves what the page kept and says where --dump-dom shows it.
BEFORE = """<script>if (KEPT) localStorage.setItem("tunewright-sheet-SHEET", JSON.stringify(KEPT));</script>"""
AFTER = """<script>
for (const key of KEYS) document.dispatchEvent(new KeyboardEvent("keydown", { key, cancelable: true }));
const kept = JSON.parse(localStorage.getItem("tunewright-sheet-SHEET"));
const out = document.createElement("pre");
out.id = "seen";
out.textContent = JSON.stringify({ kept, said: document.getElementById("count").textContent, title: document.title });
document.body.append(out);
</script>"""


def sheet_in(page: str) -> Sheet:
    found = re.search(r'<script type="application/json" id="sheet">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return Sheet.model_validate(json.loads(found[1]))


def test_the_page_holds_exactly_the_sheet() -> None:
    assert sheet_in(sheet_page(SHEET)) == SHEET


def test_no_text_of_a_row_becomes_markup() -> None:
    page = sheet_page(SHEET)
    assert "document.title=" in page
    assert "<script>document.title" not in page
    assert page.count("</script>") == 2
    assert "<!-- &" not in page


def test_the_page_asks_no_network_for_anything() -> None:
    page = sheet_page(SHEET)
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|\bsrc=|@import|url\(", page)


def test_the_page_is_written_whole(tmp_path: Path) -> None:
    write_sheet_page(tmp_path / "sheet.html", SHEET)
    assert (tmp_path / "sheet.html").read_text(encoding="utf-8") == sheet_page(SHEET)


def seen_in_browser(folder: Path, keys: list[str], kept: object = None) -> dict[str, Any]:
    """Return what a real browser, which has `kept` from before, keeps and says after the keys were pressed."""
    path = folder / "sheet.html"
    scripts = [
        script.replace("KEPT", json.dumps(kept)).replace("KEYS", json.dumps(keys)).replace("SHEET", SHEET.id)
        for script in (BEFORE, AFTER)
    ]
    path.write_text(scripts[0] + sheet_page(SHEET) + scripts[1], encoding="utf-8")
    assert CHROMIUM is not None
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command = [CHROMIUM, *flags, f"--user-data-dir={folder / 'profile'}", path.as_uri()]
    dom = subprocess.run(command, capture_output=True, timeout=60, encoding="utf-8", check=True).stdout
    found = re.search(r'<pre id="seen">(.*?)</pre>', dom, re.DOTALL)
    assert found is not None
    return json.loads(html.unescape(found[1]))


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_keys_choose_and_go_back_and_choices_are_still_there_when_the_page_is_opened_again(tmp_path: Path) -> None:
    first = seen_in_browser(tmp_path, ["1", "2", "x", "0", "ArrowLeft", "1"])
    second = seen_in_browser(tmp_path, ["2", "0"], first["kept"])
    kept = RatingsFile.model_validate(first["kept"])
    assert (kept.sheet, kept.rater) == (SHEET.id, SHEET.rater)
    rows = [question.row for question in SHEET.questions]
    assert [(rated.row, rated.choice) for rated in kept.ratings] == list(
        zip(rows, ["left", "right", "left"], strict=False)
    )
    assert first["said"] == "3 of 5 answered · question 4"
    assert first["title"] == "Which answer is better? · rater 1"
    kept = RatingsFile.model_validate(second["kept"])
    assert [rated.choice for rated in kept.ratings] == ["left", "right", "left", "right", "tie"]
    assert second["said"] == "5 of 5 answered"
