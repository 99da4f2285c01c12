"""Two national identity numbers that carry a checksum: the Spanish DNI and NIE, the German tax id.

Sources: Spanish Ministry of the Interior, "Cálculo del dígito de control del NIF/NIE" (the letter is the number modulo
23; X, Y, Z of a NIE count as 0, 1, 2); § 139b Abgabenordnung with the test rules published for ELSTER ("Prüfung der
Steuer- und Steueridentifikationsnummer"): eleven digits, ISO 7064 MOD 11,10, of the first ten one digit twice or three
times and no other more than once. A nine-digit id with a digit modulo 11 would be one number in eleven: not taken.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from tunewright.data.pii.numbers import number_matches
from tunewright.data.pii.span import Span

_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_DNI = re.compile(r"(?<![\w.,\-])(?:[0-9]{8}|[0-9]{2}\.[0-9]{3}\.[0-9]{3})(?:[ \-]?[A-Z]|-?[a-z])(?![\w-])")
_NIE = re.compile(r"(?<![\w\-])[XYZxyz][ \-]?[0-9]{7}[ \-]?[A-Za-z](?![\w-])")
_TAX_ID = re.compile(r"(?<![\w.,\-+/])(?:[0-9]{11}|[0-9]{2} [0-9]{3} [0-9]{3} [0-9]{3})(?!\w|[.,\-/]\d)")


def find_spanish_ids(text: str) -> Iterator[Span]:
    """Yield DNI (12345678Z, 12.345.678-Z) and NIE (X1234567L) whose letter is right."""
    for pattern in (_DNI, _NIE):
        for match in number_matches(pattern, text):
            if is_spanish_id(re.sub(r"[ .\-]", "", match[0])):
                yield Span(match.start(), match.end(), "es_id", 0.95)


def is_spanish_id(number: str) -> bool:
    """Whether `number`, nine signs, ends with the letter that its digits demand."""
    number = number.upper()
    digits = number[:-1].translate(str.maketrans("XYZ", "012"))
    return digits.isdecimal() and number[-1:] == _LETTERS[int(digits) % 23]


def find_german_tax_ids(text: str) -> Iterator[Span]:
    """Yield German tax ids, in one piece or written 12 345 678 901."""
    for match in number_matches(_TAX_ID, text):
        if is_german_tax_id(match[0].replace(" ", "")):
            yield Span(match.start(), match.end(), "de_tax_id", 0.9)


def is_german_tax_id(number: str) -> bool:
    """Whether `number`, eleven digits, follows the repetition rule and ends with its check digit."""
    often = sorted(Counter(number[:10]).values())
    if number[0] == "0" or often[-1] not in (2, 3) or often[-2] != 1:
        return False
    product = 10
    for digit in number[:10]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(number[10])
