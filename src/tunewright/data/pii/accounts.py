"""Bank accounts (IBAN) and payment cards, each by its own checksum.

Sources: ISO 13616 and the SWIFT IBAN registry (length by country), ISO 7064 MOD 97-10, ISO/IEC 7812 (the Luhn digit,
and the number ranges of the brands). A number without its checksum is not taken: it is a number like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tunewright.data.pii.numbers import number_matches
from tunewright.data.pii.span import Span

_IBAN_LENGTHS: dict[str, int] = {
    item[:2]: int(item[2:])
    for item in """AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28
    EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30
    KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29
    PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20
    YE30""".split()
}
_IBAN_START = re.compile(r"(?<![A-Za-z0-9])(?:[A-Z]{2}|[a-z]{2})[0-9]{2}(?=[ \-]?[A-Za-z0-9])")
_IBAN_SIGN = re.compile(r"[ \-]?([A-Za-z0-9])")

# First digits from…to → lengths. Maestro by its own ranges only: 50 and 56–69 would take one number in twenty.
_BRANDS: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    ("4", "4", (13, 16, 19)),
    ("51", "55", (16,)),
    ("2221", "2720", (16,)),
    ("34", "34", (15,)),
    ("37", "37", (15,)),
    ("6011", "6011", (16, 19)),
    ("644", "649", (16, 19)),
    ("65", "65", (16, 19)),
    ("300", "305", (14,)),
    ("36", "36", (14,)),
    ("38", "39", (14,)),
    ("3528", "3589", (16,)),
    ("62", "62", (16, 17, 18, 19)),
    ("5018", "5018", (16, 17, 18, 19)),
    ("5020", "5020", (16, 17, 18, 19)),
    ("5038", "5038", (16, 17, 18, 19)),
    ("6304", "6304", (16, 17, 18, 19)),
    ("6759", "6763", (16, 17, 18, 19)),
)
_CARD_RUN = re.compile(r"(?<![\w.,+])[0-9](?:[ \-\u00a0]?[0-9]){11,}(?!\w)")
_DIGITS = re.compile(r"[0-9]+")
_LUHN_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def find_ibans(text: str) -> Iterator[Span]:
    """Yield IBANs, in one piece or parted by spaces or dashes, whose country, length and checksum agree."""
    for match in _IBAN_START.finditer(text):
        length = _IBAN_LENGTHS.get(match[0][:2].upper(), 0)
        signs, end = list(match[0]), match.end()
        while len(signs) < length and (sign := _IBAN_SIGN.match(text, end)):
            signs.append(sign[1])
            end = sign.end()
        is_whole = length and len(signs) == length and not text[end : end + 1].isalnum()
        if is_whole and is_iban("".join(signs)):
            yield Span(match.start(), end, "iban", 0.99)


def is_iban(number: str) -> bool:
    """Whether `number`, without spaces, is an IBAN: known country, its length, ISO 7064 MOD 97-10."""
    number = number.upper()
    if len(number) != _IBAN_LENGTHS.get(number[:2]) or not (number.isascii() and number.isalnum()):
        return False
    return int("".join(str(int(sign, 36)) for sign in number[4:] + number[:4])) % 97 == 1


def find_cards(text: str) -> Iterator[Span]:
    """Yield payment cards: the digits and length of a brand, a right Luhn digit, groups parted by one kind of sign."""
    for run in number_matches(_CARD_RUN, text):
        groups = list(_DIGITS.finditer(text, run.start(), run.end()))
        first = 0
        # A card may stand between other numbers: "code 12 4111 1111 …, 12/27".
        while first < len(groups):
            last = _last_group(text, groups, first)
            if last is not None:
                yield Span(groups[first].start(), groups[last].end(), "card", 0.95)
            first = first + 1 if last is None else last + 1


def is_card(digits: str) -> bool:
    """Whether `digits` have the length of the brand that they begin like, and a right Luhn digit."""
    is_branded = any(len(digits) in lengths and low <= digits[: len(low)] <= high for low, high, lengths in _BRANDS)
    return is_branded and passes_luhn(digits)


def passes_luhn(digits: str) -> bool:
    """Whether the last digit is the Luhn digit of the others."""
    values = [int(digit) for digit in reversed(digits)]
    return (sum(values[::2]) + sum(_LUHN_DOUBLED[value] for value in values[1::2])) % 10 == 0


def _last_group(text: str, groups: list[re.Match[str]], first: int) -> int | None:
    digits, signs = "", set[str]()
    found = None
    for index in range(first, min(first + 8, len(groups))):
        if index > first:
            signs.add(text[groups[index].start() - 1])
        digits += groups[index][0]
        if len(digits) > 19 or len(signs) > 1:
            break
        if is_card(digits):
            found = index
    return found
