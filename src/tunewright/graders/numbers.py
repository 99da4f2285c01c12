r"""Whether an answer gives the right number: the last one in it, with its unit.

Reads numbers as people write them: 1,234.5 and 1.234,5, 3/4 and 1½, 6.02 × 10²³, −5, $3 million, 20 %, \frac{3}{4}.
Units and their conversion are pint's; a word that pint does not know ("apples") is no unit. Currencies never convert.
Does not know which of several numbers was meant as the answer: it takes the last, as answers that reason end with it.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product
from typing import Any

from tunewright.errors import MissingExtraError
from tunewright.graders.grade import NO_REFERENCE, Grade, GradeFailure, Item, Output
from tunewright.spec.grader import NumericSpec

# The last number is near the end; a model that never stops must not cost seconds a row.
_MAX_READ = 10_000
# Near 0 a relative difference means nothing: 32 °F are 5.7e-14 °C after rounding.
_ZERO = 1e-12

_NO_NUMBER = GradeFailure("the reference holds no number")

_TIMES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_CURRENCIES = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR"}
_CODES = ("USD", "EUR", "GBP", "JPY", "INR", "CHF")
# What pint lacks or takes for something else; a pound is a weight and a currency, so it is tried as both.
_WORDS: dict[str, tuple[str, ...]] = {
    **{sign: (code,) for sign, code in _CURRENCIES.items()},
    **{code: (code,) for code in _CODES},
    **dict.fromkeys(("dollar", "dollars"), ("USD",)),
    **dict.fromkeys(("euro", "euros"), ("EUR",)),
    **dict.fromkeys(("rupee", "rupees"), ("INR",)),
    "yen": ("JPY",),
    **dict.fromkeys(("pound", "pounds"), ("pound", "GBP")),
    **dict.fromkeys(("%", "percent"), ("percent",)),
    "kmh": ("kilometer_per_hour",),
    "°": ("degree",),
}
# Words that follow a number in plain English and are units to pint (an inch, a year, an are, an attosecond, …).
_SELDOM_UNITS = frozenset({"a", "am", "are", "as", "at", "in", "pm", "rd", "th"})
# pint reads cats and hats as multiples of this.
_NEVER_MEANT = frozenset({"technical_atmosphere"})
_MAX_FACTORS = 4

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_SUPERSCRIPT = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+")
_VULGAR = re.compile("[¼-¾⅐-⅞]")
_DASHES = str.maketrans(dict.fromkeys("\u2212\u2010\u2011\u2013\ufe63\uff0d", "-"))
# The ways in which LaTeX and words write what has a shorter form, in this order.
_SHORTER = tuple(
    (re.compile(pattern, re.IGNORECASE), short)
    for pattern, short in (
        (r"\\([%$])", r"\1"),
        (r"\{,\}", ","),
        (r"\\[dt]?frac\{(\d+)\}\{(\d+)\}", r" \1/\2"),
        (r"\\(?:times|cdot)\b", "×"),
        (r"\\(?:text|mathrm)\{([^{}]*)\}", r"\1"),
        (r"\$(?=\S)([^$\n]{1,80})(?<=\S)\$(?!\d)", r"\1"),
        (r"º", "°"),
        (r"\bper cent\b", "percent"),
        (r"\bdeg(?:ree)?s?\.? (?=celsius\b|fahrenheit\b|[CF]\b)", "°"),
        (r"°\s*(?:celsius|c)\b", "°C"),
        (r"°\s*(?:fahrenheit|f)\b", "°F"),
        (r"\b(?:sq\.?|square) ([a-z]+)", r"\1^2"),
        (r"\b(?:cu\.?|cubic) ([a-z]+)", r"\1^3"),
        (r"\b([a-z]+) squared\b", r"\1^2"),
        (r"\b([a-z]+) cubed\b", r"\1^3"),
    )
)

_SIGN = "[" + re.escape("".join(_CURRENCIES)) + "]"
_DIGITS = r"""
    [1-9]\d{0,2}(?:,\d{2,3})*,\d{3}(?!\d)(?:\.\d+)?      # 1,234,567.8 and 12,34,567
  | [1-9]\d{0,2}(?:\.\d{3}){2,}(?!\d)(?:,\d+)?           # 1.234.567,8
  | [1-9]\d{0,2}\.\d{3},\d+                              # 1.234,5
  | [1-9]\d{0,2}(?:[ '’_]\d{3})+(?!\d)(?:[.,]\d+)?       # 1 234 567,8
  | \d+(?:[.,]\d+)?
  | (?<!\d)\.\d+
"""
_TO_THE = r"(?:\^|\*\*)\{?"
_NUMBER = re.compile(
    rf"""
    (?<![A-Za-z\u00c0-\u03ff^\d])(?<!\d\.)
    (?P<sign>(?<![\w)%])[-+])?
    (?P<money>(?:(?:\b[A-Z]{{1,2}})?{_SIGN}|\b(?:{"|".join(_CODES)}))\ ?)?
    (?P<inner>(?<={_SIGN})-)?
    (?:
        (?<!/)(?:(?P<whole>\d{{1,9}})\ +)?(?P<above>\d{{1,9}})\ ?[/⁄]\ ?(?P<below>\d{{1,9}})(?![\d/⁄.,]\d|\d)
      | 10{_TO_THE}(?P<of_ten>[-+]?\d{{1,4}})\}}?
      | (?P<digits>{_DIGITS})
        (?:\s?[×x*·⋅]\s?10{_TO_THE}(?P<power>[-+]?\d{{1,4}})\}}?|[eE](?P<exponent>[-+]?\d{{1,4}})(?![\w.]))?
    )
    """,
    re.VERBOSE,
)
_TIMES_AFTER = re.compile(rf" ?-?({'|'.join(_TIMES)})\b", re.IGNORECASE)
_FACTOR = re.compile(
    rf"(?P<word>{_SIGN}|%|°[CF]?(?![a-zA-Z])|[A-Za-zµμΩ_]+)"
    r"(?:(?:\^|\*\*)\{?(?P<power>-?\d)\}?(?!\d)|(?P<short>[23](?!\d)))?"
)
_JOINT = re.compile(
    r"\ ?(?P<over>/|\bper\b|\ba(?=\ (?:second|minute|hour|day|week|month|year)\b))\ ?|\ ?[·⋅*]\ ?|-(?=[A-Za-z])|\ {1,2}"
)
_UNIT_LIKE = re.compile(r"\s?(?:[^\W\d]|[%°/^·$€£¥₹]|(?<=[^\W\d])[23]|\^-?\d|\sper\s){0,24}")


@dataclass(frozen=True, slots=True)
class Measure:
    """A number as it was written, and the units that may be meant, in pint's words; none for a plain number."""

    value: float
    units: tuple[str, ...] = ()


class Numeric:
    """1 if the last number of the output equals that of the reference, units converted, else 0.

    Equal: |answer − reference| ≤ tolerance · |reference|, in the reference's unit. Where only one of both names a unit,
    the bare numbers count. Units that do not convert into one another (kg and m, $ and €) are not equal. An answer
    without a number gets 0; a reference without one is a failure.

    Raises:
        MissingExtraError: if pint is not installed.
    """

    def __init__(self, spec: NumericSpec) -> None:
        _pint()
        self._tolerance = spec.tolerance

    def __call__(self, output: Output, item: Item, /) -> Grade:
        """Return the grade of `output`."""
        if item.reference is None:
            return NO_REFERENCE
        wanted = last_measure(item.reference)
        if wanted is None:
            return _NO_NUMBER
        given = last_measure(output.text)
        return float(given is not None and self._are_equal(given, wanted))

    def _are_equal(self, given: Measure, wanted: Measure) -> bool:
        pairs = product(given.units or ("dimensionless",), wanted.units or ("dimensionless",))
        values = [_converted(given.value, own, other) for own, other in pairs]
        if not (given.units and wanted.units):
            values.append(given.value)
        allowed = max(self._tolerance * abs(wanted.value), 0.0 if wanted.value else _ZERO)
        return any(value is not None and abs(value - wanted.value) <= allowed for value in values)


def last_measure(text: str) -> Measure | None:
    """Return the last number of `text` with its unit, or None if there is none; looks at the last 10,000 characters.

    Raises:
        MissingExtraError: if pint is not installed.
    """
    plain = _plain(text[-_MAX_READ:])
    found, end = None, 0
    for match in _NUMBER.finditer(plain):
        # Digits of the unit before ("5 m2") are no number of their own.
        if match.start() < end:
            continue
        value = _value(match)
        if value is None:
            continue
        times = _TIMES_AFTER.match(plain, match.end())
        after = times.end() if times else match.end()
        money = (match["money"] or "").strip()
        money = money if money in _CODES else _CURRENCIES.get(money[-1:], "")
        units, end = _units(plain, after, money)
        found = Measure(value * (_TIMES[times[1].lower()] if times else 1.0), units)
    return found


def is_number(text: str) -> bool:
    """Return whether `text` is nothing but one number with at most one word for its unit. Needs no pint."""
    plain = _plain(text[:_MAX_READ]).strip(" .")
    match = _NUMBER.match(plain)
    return match is not None and _value(match) is not None and bool(_UNIT_LIKE.fullmatch(plain, match.end()))


def _plain(text: str) -> str:
    """Return `text` with one way to write each sign: superscripts as powers, fractions with a stroke, one minus."""
    text = _SUPERSCRIPT.sub(lambda found: "^" + found[0].translate(_SUPERSCRIPTS), text)
    text = _VULGAR.sub(lambda found: " " + unicodedata.normalize("NFKC", found[0]), text)
    for pattern, short in _SHORTER:
        text = pattern.sub(short, text)
    return unicodedata.normalize("NFKC", text.translate(_DASHES))


def _value(match: re.Match[str]) -> float | None:
    """Return the number that was matched, or None where it is none (1/0) or beyond all bounds."""
    sign = -1.0 if "-" in (match["sign"] or "") or match["inner"] else 1.0
    if match["above"]:
        if float(match["below"]) == 0:
            return None
        return sign * (float(match["whole"] or 0) + float(match["above"]) / float(match["below"]))
    power = match["power"] or match["exponent"] or match["of_ten"] or "0"
    # One literal, not a product: 3 × 10^-7 must be the very number that 3e-7 is.
    value = float(f"{_decimal(match['digits'] or '1')}e{int(power)}")
    return sign * value if math.isfinite(value) else None


def _decimal(digits: str) -> str:
    """Return the digits without thousands separators and with a decimal point."""
    compact = re.sub(r"[ '’_]", "", digits)
    if re.fullmatch(r"[1-9]\d{0,2}(?:,\d{2,3})*,\d{3}(?:\.\d+)?", compact):
        return compact.replace(",", "")
    if compact.count(".") > 1 or ("." in compact and "," in compact):
        compact = compact.replace(".", "")
    return compact.replace(",", ".")


def _units(text: str, start: int, money: str) -> tuple[tuple[str, ...], int]:
    """Return the units that stand at `start`, as pint's expressions, and where they end; `money` stood before."""
    expressions, end = ([money] if money else []), start
    for _ in range(_MAX_FACTORS):
        joint = _JOINT.match(text, end)
        is_over = bool(joint and joint["over"])
        # No unit begins with "per"; a further one needs a joint, and after a currency sign ("$5 m") the joint "per".
        may_go_on = joint is not None and (is_over or not money) if expressions else not is_over
        factor = _FACTOR.match(text, joint.end() if joint else end) if may_go_on else None
        named = _named(factor["word"], text[factor.end() :]) if factor else ()
        if not factor or not named:
            break
        power = int(factor["power"] or factor["short"] or "1") * (-1 if is_over else 1)
        parts = [f"({name})**({power})" for name in named]
        expressions = [f"{before}*{part}" for before in expressions for part in parts] or parts
        end = factor.end()
    return tuple(expressions), end


def _named(word: str, rest: str) -> tuple[str, ...]:
    """Return pint's names for a word after a number; none if it is no unit there."""
    if word in _WORDS or word.lower() in _WORDS:
        return _WORDS.get(word) or _WORDS[word.lower()]
    if word.lower() in _SELDOM_UNITS and re.match(r"\s*[\w(]", rest):
        return ()
    return _known_to_pint(word)


@lru_cache(maxsize=4096)
def _known_to_pint(word: str) -> tuple[str, ...]:
    for spelling in (word, word.lower()):
        for prefix, unit, _ in _pint()[0].parse_unit_name(spelling)[:1]:
            return () if unit in _NEVER_MEANT else (prefix + unit,)
    return ()


def _converted(value: float, unit: str, wanted: str) -> float | None:
    """Return `value` in the unit `wanted`, or None if one does not become the other."""
    if unit == wanted:
        return value
    registry, refusal = _pint()
    try:
        return float(registry.Quantity(value, unit).to(wanted).magnitude)
    except (refusal, ArithmeticError, ValueError):
        return None


@cache
def _pint() -> tuple[Any, type[Exception]]:
    """Return pint's registry and its root error. One for all: it is slow to build, and units of two do not mix."""
    try:
        import pint
    except ImportError as error:
        raise MissingExtraError.of("evaluate", "pint") from error
    registry = pint.UnitRegistry()
    for code in _CODES:
        registry.define(f"{code} = [currency_{code}]")
    return registry, pint.errors.PintError
