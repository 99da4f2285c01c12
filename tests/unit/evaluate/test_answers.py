"""Every model answers the same rows from the same prompts, and a grade that could not be given is not a zero."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.data.fake_tokenizer import FakeTokenizer
from tunewright.data.encode import encode_prompt
from tunewright.data.rows import Message, Row
from tunewright.evaluate.answers import answer_rows, grade_answer, mean_scores, sample_rows
from tunewright.graders.grade import Grader, Output
from tunewright.graders.make import make_graders, named_grader
from tunewright.infer.engine import Completion, Sampling

TOKENIZER = FakeTokenizer()


def make_row(line: int, reference: str = "Paris", **meta: object) -> Row:
    return Row("t.jsonl", line, (Message("user", f"question {line}"), Message("assistant", reference)), meta)


def graders(*names: str) -> dict[str, Grader]:
    return make_graders([spec for name in names if (spec := named_grader(name, ())) is not None])


class Repeating:
    """An engine that answers with the last digit of its prompt's question, and says whether it was asked greedily."""

    def __init__(self) -> None:
        self.prompts: list[list[int]] = []
        self.sampling = Sampling()

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        *,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[Completion]:
        self.prompts, self.sampling = [list(prompt) for prompt in prompts], sampling
        if on_progress is not None:
            on_progress(len(prompts), len(prompts))
        texts = [TOKENIZER.decode(prompt).split("question ")[1].split("<")[0] for prompt in prompts]
        return [Completion((), f" answer {text}\n", text != "2") for text in texts]

    def stream(self, prompt: Sequence[int], sampling: Sampling) -> Iterator[str]:
        raise NotImplementedError


def test_each_row_gets_the_answer_to_its_own_prompt() -> None:
    rows = [make_row(line) for line in (3, 1, 2)]
    engine, told = Repeating(), list[tuple[int, int]]()
    answers = answer_rows(engine, TOKENIZER, rows, {}, 17, on_progress=lambda done, total: told.append((done, total)))
    assert [answer.row for answer in answers] == rows
    assert [answer.text for answer in answers] == ["answer 3", "answer 1", "answer 2"]
    assert [answer.has_ended for answer in answers] == [True, True, False]
    assert engine.prompts == [encode_prompt(row.prompt, TOKENIZER) for row in rows]
    assert engine.sampling == Sampling(max_new_tokens=17, temperature=0.0)
    assert told == [(3, 3)]


def test_the_reference_is_not_in_the_prompt() -> None:
    engine = Repeating()
    answer_rows(engine, TOKENIZER, [make_row(1, "secret")], {}, 5)
    assert "secret" not in TOKENIZER.decode(engine.prompts[0])


@given(st.integers(0, 30), st.integers(0, 40), st.integers(0, 2**32 - 1))
def test_a_sample_is_seeded_in_order_and_without_repeats(count: int, limit: int, seed: int) -> None:
    rows = [make_row(line) for line in range(1, count + 1)]
    sample = sample_rows(rows, limit, seed)
    assert len(sample) == min(count, limit)
    lines = [row.line for row in sample]
    assert lines == sorted(set(lines))
    assert sample == sample_rows(rows, limit, seed)


def test_another_seed_draws_other_rows() -> None:
    rows = [make_row(line) for line in range(100)]
    assert len({tuple(row.line for row in sample_rows(rows, 10, seed)) for seed in range(5)}) == 5


def test_a_grade_that_cannot_be_given_is_a_failure_with_a_reason() -> None:
    answer = grade_answer(make_row(1, "Paris"), Output("It is Paris."), graders("exact_match", "contains", "token_f1"))
    assert answer.scores["exact_match"] == 0.0
    assert 0 < answer.scores["token_f1"] < 1
    unjudged = grade_answer(make_row(1, fact=5), Output("x"), graders("contains"))
    assert set(unjudged.scores) | set(unjudged.failures) == {"contains"}
    assert all(unjudged.failures.values())


def test_a_mean_is_over_the_answers_that_could_be_graded() -> None:
    exact = graders("exact_match")
    good, bad = grade_answer(make_row(1), Output("Paris"), exact), grade_answer(make_row(2), Output("no"), {})
    wrong = grade_answer(make_row(3), Output("no"), exact)
    assert mean_scores([good, bad, wrong], ("exact_match", "token_f1")) == {"exact_match": 0.5}
    assert mean_scores([], ("exact_match",)) == {}
