"""Evaluations of two columns for tests of human rating: small, and with answers that say which column they are from."""

from __future__ import annotations

from tunewright.runs.evaluation import Answer, Column, Evaluation, Message, Row, TestSet


def make_evaluation(num_rows: int, *, same: int = 0, prompt: str = "Question") -> Evaluation:
    """Return an evaluation in which the first `same` rows are answered alike by both columns."""
    rows = [
        Row(where=f"t.jsonl:{i}", prompt=[Message(role="user", content=f"{prompt} {i}?")], reference=f"reference {i}")
        for i in range(1, num_rows + 1)
    ]
    base = [_answer("alike" if i < same else f"from base {i}") for i in range(num_rows)]
    tuned = [_answer("alike " if i < same else f"from tuned {i}") for i in range(num_rows)]
    return Evaluation(
        headline="",
        test=TestSet(rows=rows, num_available=num_rows, seed=0, chosen="all", num_groups=num_rows),
        columns=[
            Column(name="base", kind="base", model="starter", answers=base),
            Column(name="tuned", kind="tuned", model="starter", answers=tuned),
        ],
    )


def _answer(text: str) -> Answer:
    return Answer(text=text, has_ended=True, prompt_tokens=5, completion_tokens=3)
