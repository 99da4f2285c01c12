"""Random conversations and rows, for the property tests of this folder."""

from __future__ import annotations

from hypothesis import strategies as st

from tunewright.data.rows import Message, Row

# No "<": a content that spells a special token is its own matter.
contents = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<"), min_size=1, max_size=12).filter(
    lambda text: bool(text.strip())
)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    messages = [Message("system", draw(contents))] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 4))):
        messages.append(Message("user", draw(contents)))
        messages.append(Message("assistant", draw(contents), draw(st.sampled_from([0.0, 1.0, 0.5]))))
    messages[-1] = Message("assistant", messages[-1].content, draw(st.sampled_from([1.0, 2.0])))
    return Row("train.jsonl", draw(st.integers(1, 10_000)), tuple(messages), {})


def row(question: str = "hi", answer: str = "hello", line: int = 1) -> Row:
    return Row("train.jsonl", line, (Message("user", question), Message("assistant", answer)), {})
