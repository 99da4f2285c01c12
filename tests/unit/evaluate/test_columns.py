"""Every model answers the same rows from the same prompts, and a grade that could not be given is not a zero."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tests.unit.data.fake_tokenizer import FakeTokenizer
from tunewright.data.encode import encode_prompt
from tunewright.data.rows import Message, Row
from tunewright.evaluate.baselines.asked import Asked
from tunewright.evaluate.baselines.prompts import ZeroShot
from tunewright.evaluate.columns import (
    Answering,
    ColumnFacts,
    answer_all,
    column_of,
    graded_answer,
    mean_score,
    row_key,
    with_losses,
)
from tunewright.graders.grade import Grader, Output
from tunewright.graders.make import make_graders, named_grader
from tunewright.infer.engine import Completion, Sampling
from tunewright.runs.evaluation import Answer, SplitLoss

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


def asked(rows: Sequence[Row]) -> list[Asked]:
    return [ZeroShot().ask(row) for row in rows]


def graded(row: Row, output: Output, judges: dict[str, Grader]) -> Answer:
    return graded_answer(ZeroShot().ask(row), output, judges, prompt_tokens=3)


def test_each_row_gets_the_answer_to_its_own_prompt() -> None:
    rows = [make_row(line) for line in (3, 1, 2)]
    engine, told = Repeating(), list[tuple[int, int]]()
    how = Answering(engine, TOKENIZER, {}, 17)
    answers, seconds = answer_all(how, asked(rows), lambda done, total: told.append((done, total)))
    assert seconds >= 0
    assert [answer.text for answer in answers] == ["answer 3", "answer 1", "answer 2"]
    assert [answer.has_ended for answer in answers] == [True, True, False]
    assert engine.prompts == [encode_prompt(row.prompt, TOKENIZER) for row in rows]
    assert [answer.prompt_tokens for answer in answers] == [len(prompt) for prompt in engine.prompts]
    assert engine.sampling == Sampling(max_new_tokens=17, temperature=0.0)
    assert told == [(3, 3)]


def test_the_reference_is_not_in_the_prompt() -> None:
    engine = Repeating()
    answer_all(Answering(engine, TOKENIZER, {}, 5), asked([make_row(1, "secret")]))
    assert "secret" not in TOKENIZER.decode(engine.prompts[0])


def test_a_grade_that_cannot_be_given_is_a_failure_with_a_reason() -> None:
    answer = graded(make_row(1, "Paris"), Output("It is Paris."), graders("exact_match", "contains", "token_f1"))
    assert answer.scores["exact_match"] == 0.0
    assert 0 < (answer.scores["token_f1"] or 0) < 1
    unjudged = graded(make_row(1, fact=5), Output("x"), graders("contains"))
    assert set(unjudged.scores) | set(unjudged.failures) == {"contains"}
    assert all(unjudged.failures.values())


def test_a_mean_is_over_the_answers_that_could_be_graded() -> None:
    exact, rows = graders("exact_match"), [make_row(line) for line in (1, 2, 3)]
    answers = [
        graded(rows[0], Output("Paris"), exact),
        graded(rows[1], Output("no"), {}),
        graded(rows[2], Output(""), exact),
    ]
    column = column_of(ColumnFacts("a", "base", "m", {}), asked(rows), answers, exact, 2.0)
    assert mean_score(column, "exact_match") == 0.5
    assert mean_score(column, "token_f1") is None
    assert column.usage is not None
    assert column.usage.rows_per_s == 1.5
    assert column_of(ColumnFacts("a", "base", "m", {}), [], [], exact, 2.0).usage is None


def test_losses_find_their_rows_by_place() -> None:
    rows = [make_row(line) for line in (1, 2)]
    answers = [graded(row, Output("x"), {}) for row in rows]
    column = column_of(ColumnFacts("a", "base", "m", {}), asked(rows), answers, {})
    told = with_losses(
        column, {"test": SplitLoss(loss=0.5, perplexity=1.6, num_rows=9)}, rows, {row_key(rows[1]): 0.25}
    )
    assert [answer.loss for answer in told.answers] == [None, 0.25]
    assert (told.loss, told.perplexity) == (0.5, 1.6)
