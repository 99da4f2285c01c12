"""Many texts to token ids at once, each recurring stretch and each recurring word encoded only once.

A set's rows share their system prompt, every frame of the chat template, and most of their words. The tokenizers
library cuts a text at its special tokens first and at word borders second, and treats each piece by itself: the ids of
a text are those of its pieces in a row, and looking a word up is faster than encoding it again. Not every tokenizer
keeps that rule (a space put before the first piece only, tokens that reach over a space); each is probed, and one that
breaks it is given longer pieces, up to the whole text. Deliberately does not know templates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from threading import Lock

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

_PROBES = ("a", " a", "\n", "a\nb ", "Ça va", "1 2", "\u4f60\u597d", "e", "\u0301e")
_WORD_PROBES = (
    "a",
    "Zebra",
    "don't",
    "'s",
    "é",
    "e\u0301",
    "\u0301",
    "ЯЖ",
    "\u4f60\u597d",
    "\u3042",
    "\u0e01\u0e33",
    "\u0639",
    "\u0928\u093f",
    "\uac00",
    "1",
    "1234",
    "\u0663",
    "½",
    ".",
    "...",
    "!?",
    '"',
    "(x)",
    "_",
    "a-b",
    "—",
    "€5",
    "#1",
    "\U0001f642",
    "\U0001f44d\U0001f3fd",
    "\u200d",
    "\x00",
    "a\n",
    "\tb",
)
"""Ends and beginnings of words: letters of many scripts, marks, digits, signs, symbols, and what is none of these."""
_REMEMBERED_CHARACTERS = 4_000_000
"""Characters of the pieces that are kept with their ids: at most some 100 MB."""

# A border is one space between two characters that are none; longer white space stays with the words around it.
_BORDER = re.compile(r"(?<=\S)(?= \S)")
_WORD = re.compile(r"(?:\A\s+| )?\S+(?:(?:\s\s+|[^\S ])\S+)*(?:\s+\Z)?|\A\s+\Z")


class Segments:
    """Encodes batches of texts for one tokenizer; results equal `tokenizer.encode(text, add_special_tokens=False)`.

    Every list that it returns is the caller's own. Safe to call from several threads.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        backend = getattr(tokenizer, "backend_tokenizer", None)
        reads_specials_as_text = getattr(tokenizer, "split_special_tokens", False)
        is_usable = isinstance(backend, Tokenizer) and not reads_specials_as_text
        self._backend: Tokenizer | None = backend if is_usable else None
        at_specials, self._keeps_words = self._find_cut(), self._keeps_words_apart()
        self._stretches: Callable[[str], list[str]] = at_specials.split if at_specials is not None else _whole
        self._known = _Known()
        self._lock = Lock()

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text."""
        stretches = list(map(self._stretches, texts))
        with self._lock:
            ids_of = self._ids_of(dict.fromkeys(chain.from_iterable(stretches)))
        return [list(chain.from_iterable(map(ids_of.__getitem__, each))) for each in stretches]

    def _ids_of(self, stretches: Iterable[str]) -> dict[str, list[int]]:
        known = self._known
        try:
            pieces = {stretch: self._pieces(stretch, known) for stretch in stretches}
            for memory in (known.pieces, known.behind_space):
                new, memory.waiting = memory.waiting, {}
                encoded = self._encode_whole([memory.lead + piece for piece in new])
                for ids, found in zip(new.values(), encoded, strict=True):
                    ids.extend(found)
                known.num_characters += sum(map(len, new))
        except BaseException:
            # A Ctrl-C in here leaves pieces without their ids.
            self._known = _Known()
            raise
        if known.num_characters > _REMEMBERED_CHARACTERS:
            self._known = _Known()
        return {stretch: list(chain.from_iterable(each)) for stretch, each in pieces.items()}

    def _pieces(self, stretch: str, known: _Known) -> list[list[int]]:
        """Return the ids of each piece of a stretch; those of a new piece are written into its list later."""
        if not self._keeps_words:
            return [known.pieces[stretch]]
        if not _has_plain_spaces(stretch):
            return list(map(known.pieces.__getitem__, _WORD.findall(stretch)))
        # Most stretches: cut at spaces by the quickest means there are, eight times as fast as the pattern.
        first, *rest = stretch.split(" ")
        words = list(map(known.behind_space.__getitem__, rest))
        return [known.pieces[first], *words] if first else words

    def _encode_whole(self, texts: Sequence[str]) -> list[list[int]]:
        if self._backend is None:
            return [self._tokenizer.encode(text, add_special_tokens=False) for text in texts]
        # A call that pads or cuts leaves that switched on in the library, for whoever comes next.
        self._backend.no_padding()
        self._backend.no_truncation()
        # The fast variant leaves out the offsets of each token in its text, which nobody asks for.
        encodings = self._backend.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def _find_cut(self) -> re.Pattern[str] | None:
        """Return the pattern of the special tokens, or None where a text cannot be cut at them."""
        if self._backend is None:
            return None
        # The others are looked for in the normalised text of each part, after these have cut it.
        added = [t for t in self._tokenizer.added_tokens_decoder.values() if not t.normalized and t.content]
        if not added or any(t.lstrip or t.rstrip or t.single_word for t in added):
            return None
        # Every such token is in the pattern, the longer first: one inside another must not be cut out of it.
        contents = sorted((token.content for token in added), key=len, reverse=True)
        cut = re.compile("(" + "|".join(map(re.escape, contents)) + ")")
        special = next((token.content for token in added if token.special), contents[0])
        wholes = [f"{left}{special}{right}" for left in _PROBES for right in _PROBES]
        return cut if self._adds_up(wholes, map(cut.split, wholes)) else None

    def _keeps_words_apart(self) -> bool:
        """Whether no token reaches over a word border, nor depends on what stands beyond it."""
        if self._backend is None or self._backend.pre_tokenizer is None:
            return False
        added = self._tokenizer.added_tokens_decoder.values()
        # Such a token would be found in the whole text, and not in its words.
        if any(t.lstrip or t.rstrip or t.single_word or (" " in t.content and t.content.strip()) for t in added):
            return False
        wholes = [f"{left} {right}" for left in _WORD_PROBES for right in _WORD_PROBES]
        cut = [whole for whole in wholes if len(_words(whole)) > 1]
        return all(map(self._cuts_at_borders, cut)) and self._adds_up(cut, map(_words, cut))

    def _cuts_at_borders(self, text: str) -> bool:
        """Whether the library itself cuts `text` where we do, so that no merge could ever join the two sides."""
        assert self._backend is not None
        normalizer = self._backend.normalizer
        normal = normalizer.normalize_str(text) if normalizer is not None else text
        pre_tokenizer = self._backend.pre_tokenizer
        assert pre_tokenizer is not None
        starts = {start for _, (start, _) in pre_tokenizer.pre_tokenize_str(normal)}
        return {match.start() for match in _BORDER.finditer(normal)} <= starts

    def _adds_up(self, wholes: Sequence[str], parts_of: Iterable[list[str]]) -> bool:
        parts = list(parts_of)
        ids = iter(self._encode_whole([part for each in parts for part in each]))
        return self._encode_whole(wholes) == [list(chain.from_iterable(next(ids) for _ in each)) for each in parts]


class _Memory(dict[str, list[int]]):
    """Piece → ids. A piece that is not known gets an empty list at once, which is filled before anybody reads it.

    So each piece is looked up once, and not once to see whether it is known and once for its ids. `lead` stands in
    front of every piece and is not written out in the keys.
    """

    def __init__(self, lead: str) -> None:
        super().__init__()
        self.lead = lead
        self.waiting: dict[str, list[int]] = {}

    def __missing__(self, piece: str) -> list[int]:
        """Return the list that will hold the ids of `piece`."""
        ids: list[int] = []
        self[piece] = self.waiting[piece] = ids
        return ids


class _Known:
    """What is remembered: pieces as they are, and words that a space stands in front of."""

    def __init__(self) -> None:
        self.pieces = _Memory("")
        self.behind_space = _Memory(" ")
        self.num_characters = 0


def _whole(text: str) -> list[str]:
    return [text]


def _words(text: str) -> list[str]:
    """Cut a text before each space that stands alone: a word has its space in front."""
    return _WORD.findall(text)


def _has_plain_spaces(text: str) -> bool:
    """Whether a space never has white space beside it, as far as that can be told at a glance."""
    if not text.isascii() or "  " in text or "\n " in text or " \n" in text or text[-1:] == " ":
        return False
    return text.replace("\n", "").isprintable()
