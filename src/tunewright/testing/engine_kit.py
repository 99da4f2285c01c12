"""The contract that every engine passes: subclass `EngineKit`, say how the engine is made and what it is asked.

The answers must differ from one another and be long enough to be cut, or the tests show nothing; the kit checks that
too. Deliberately does not know what computes the answers.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunewright.infer.engine import Completion, Engine, Sampling

Prompts = list[list[int]]


class EngineKit:
    """Tests of one engine. Subclass it as `Test…` and override the first four methods."""

    def make(self, stop_ids: frozenset[int] | None = None) -> Engine:
        """Return the engine under test; `stop_ids` are the ids that end an answer, None its own."""
        raise NotImplementedError

    def prompts(self) -> Prompts:
        """Return at least four prompts of different lengths, with different answers of several tokens."""
        raise NotImplementedError

    def context_tokens(self) -> int:
        """Return the longest input and answer together, in tokens."""
        raise NotImplementedError

    def special_ids(self) -> frozenset[int]:
        """Return the ids that no answer may show."""
        raise NotImplementedError

    def answer(self, prompts: Sequence[Sequence[int]], *, max_new_tokens: int = 12) -> list[Completion]:
        """Return the greedy answers of a new engine."""
        return self.make().generate(prompts, Sampling(max_new_tokens=max_new_tokens))

    # ── the contract ─────────────────────────────────────────────────────────────────────────────────────────────────

    def test_the_prompts_tell_engines_apart(self) -> None:
        answers = self.answer(self.prompts())
        assert len({answer.ids for answer in answers}) == len(answers) >= 4
        assert min(len(answer.ids) for answer in answers) >= 3

    def test_there_is_one_answer_per_prompt_in_their_order(self) -> None:
        prompts = self.prompts()
        answers = self.answer(prompts)
        assert self.answer(prompts[::-1]) == answers[::-1]
        assert self.answer([]) == []

    def test_an_answer_does_not_depend_on_its_neighbours(self) -> None:
        prompts = self.prompts()
        alone = [self.answer([prompt])[0] for prompt in prompts]
        assert self.answer(prompts) == alone
        assert self.answer(prompts * 3) == alone * 3

    def test_a_neighbour_that_fills_the_context_takes_nothing_away(self) -> None:
        prompts, context = self.prompts(), self.context_tokens()
        filling = [filled(prompts[0], context - room) for room in (0, 1, 5)]
        alone = [self.answer([prompt])[0] for prompt in [*prompts, *filling]]
        assert self.answer([*prompts, *filling]) == alone

    def test_the_same_question_gets_the_same_answer(self) -> None:
        for sampling in (Sampling(max_new_tokens=8), Sampling(max_new_tokens=8, temperature=1.0, top_p=0.9, seed=3)):
            engine = self.make()
            first = engine.generate(self.prompts(), sampling)
            assert engine.generate(self.prompts(), sampling) == first
            assert self.make().generate(self.prompts(), sampling) == first

    def test_the_seed_decides_a_sampled_answer(self) -> None:
        answers = [
            self.make().generate(self.prompts(), Sampling(max_new_tokens=8, temperature=5.0, seed=seed))
            for seed in (0, 1)
        ]
        assert answers[0] != answers[1]

    def test_streamed_pieces_add_up_to_the_answer(self) -> None:
        engine = self.make()
        for prompt, answer in zip(self.prompts(), self.answer(self.prompts()), strict=True):
            pieces = list(engine.stream(prompt, Sampling(max_new_tokens=12)))
            assert "".join(pieces) == answer.text
            assert all(pieces)

    def test_an_answer_stops_before_the_end_of_its_turn(self) -> None:
        for prompt, whole in zip(self.prompts(), self.answer(self.prompts()), strict=True):
            stop = whole.ids[2]
            engine = self.make(frozenset({stop}))
            [answer] = engine.generate([prompt], Sampling(max_new_tokens=12))
            assert answer.ids == whole.ids[: whole.ids.index(stop)]
            assert answer.has_ended
            assert "".join(engine.stream(prompt, Sampling(max_new_tokens=12))) == answer.text

    def test_an_answer_that_ends_early_leaves_its_neighbours_alone(self) -> None:
        prompts = self.prompts()
        stop = self.answer(prompts)[0].ids[0]
        engine = self.make(frozenset({stop}))
        alone = [engine.generate([prompt], Sampling(max_new_tokens=12))[0] for prompt in prompts]
        assert alone[0] == Completion((), "", has_ended=True)
        assert engine.generate(prompts, Sampling(max_new_tokens=12)) == alone

    def test_an_answer_is_cut_at_the_limit_and_says_so(self) -> None:
        whole = self.answer(self.prompts())
        for limit in (1, 2):
            cut = self.answer(self.prompts(), max_new_tokens=limit)
            assert [answer.ids for answer in cut] == [answer.ids[:limit] for answer in whole]
            assert not any(answer.has_ended for answer in cut)

    def test_a_prompt_that_leaves_no_room_gets_no_answer(self) -> None:
        prompt, context = self.prompts()[0], self.context_tokens()
        for length in (context, context + 1, context + 40):
            assert self.answer([filled(prompt, length)]) == [Completion((), "", has_ended=False)]
            assert list(self.make().stream(filled(prompt, length), Sampling())) == []

    def test_an_answer_ends_with_the_context(self) -> None:
        prompt = filled(self.prompts()[0], self.context_tokens() - 2)
        [answer] = self.answer([prompt])
        assert len(answer.ids) == 2 or answer.has_ended

    def test_answers_hold_no_special_token(self) -> None:
        for answer in self.answer(self.prompts()):
            assert not self.special_ids() & set(answer.ids)

    def test_progress_ends_with_all_prompts_done(self) -> None:
        told: list[tuple[int, int]] = []
        prompts = self.prompts()
        self.make().generate(
            prompts, Sampling(max_new_tokens=2), on_progress=lambda done, total: told.append((done, total))
        )
        assert told[-1] == (len(prompts), len(prompts))
        assert told == sorted(told)


def filled(prompt: Sequence[int], length: int) -> list[int]:
    """Return `prompt`, repeated until it has exactly `length` tokens."""
    return [prompt[index % len(prompt)] for index in range(length)]
