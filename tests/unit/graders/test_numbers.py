"""Numbers are read as people write them, and compared in the reference's unit."""

from __future__ import annotations

import sys
import time

import pint
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.errors import MissingExtraError
from tunewright.graders import numbers
from tunewright.graders.grade import NO_REFERENCE, GradeFailure, Item, Output
from tunewright.graders.numbers import Numeric, is_number, last_measure
from tunewright.spec.grader import NumericSpec


def grade(answer: str, reference: str, tolerance: float = 1e-6) -> float:
    found = Numeric(NumericSpec(tolerance=tolerance))(Output(answer), Item(reference))
    assert isinstance(found, float), found
    return found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("The answer is 42.", 42),
        ("First 3, then 7 and so 21", 21),
        ("1,234.5", 1234.5),
        ("1,234,567", 1234567),
        ("12,34,567", 1234567),
        ("1.234,5", 1234.5),
        ("1.234.567", 1234567),
        ("12 345", 12345),
        ("12\u202f345,6", 12345.6),
        ("1'000'000", 1000000),
        ("3,14", 3.14),
        ("0,125", 0.125),
        ("1,2,3", 3),
        (".5", 0.5),
        ("x=-5", -5),
        ("\u22125", -5),
        ("(-5)", -5),
        ("- 5", 5),
        ("pages 3-5", 5),
        ("COVID-19", 19),
        ("3/4", 0.75),
        ("1 1/2", 1.5),
        ("1½", 1.5),
        ("½", 0.5),
        (r"\boxed{\frac{3}{4}}", 0.75),
        ("3/4/2024", 2024),
        ("1.5e-3", 0.0015),
        ("6.02 × 10^23", 6.02e23),
        ("6.02·10²³", 6.02e23),
        (r"6.02 \times 10^{23}", 6.02e23),
        ("3 x 10⁻⁷", 3e-7),
        ("10**-7", 1e-7),
        ("$5 million", 5e6),
        ("-$5", -5),
        ("$-5", -5),
        ("５", 5),
        ("٤٢", 42),
        ("答案是42", 42),
        ("$42$", 42),
        ("8 of 10, as 1/0 is none", 10),
        ("5 m2", 5),
    ],
)
def test_the_last_number_is_read_as_people_write_it(text: str, value: float) -> None:
    found = last_measure(text)
    assert found is not None
    assert found.value == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("text", ["", "none", "H2O", "?!", "1e999", "9" * 5000, "1/0"])
def test_what_is_no_number_is_none(text: str) -> None:
    assert last_measure(text) is None


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        ("5 km", "5000 m"),
        ("It takes 1.5 hours.", "90 minutes"),
        ("36 km/h", "10 m/s"),
        ("36 kilometres per hour", "10 m·s⁻¹"),
        ("68 °F", "20 degrees Celsius"),
        ("32°F", "0 ℃"),
        ("2.5 square metres", "25000 cm²"),
        ("1 tonne", "1,000 kg"),
        ("0.5", "50%"),
        ("50", "50%"),
        ("50 per cent", "0.5"),
        ("£5", "5 pounds"),
        ("5 lb", "5 pounds"),
        ("EUR 5", "5 €"),
        ("$5/kg", "$0.005 per gram"),
        ("42 cm", "42"),
        ("42", "42 cm"),
        ("5 apples", "5 pears"),
        ("5 in total", "5 cm"),
        ("5\nDays go by.", "5 cm"),
        ("5\u00a0km", "5000 m"),
        ("5-km", "5000 m"),
        ("It is **5 km**.", "5000 m"),
        ("5 Celsius", "5 °C"),
    ],
)
def test_what_is_the_same_amount_is_right(answer: str, reference: str) -> None:
    assert grade(answer, reference) == 1.0


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        ("41", "42"),
        ("5 km", "5 m"),
        ("5 kg", "5 m"),
        ("$5", "5 €"),
        ("5000", "5 km"),
        ("-5", "5"),
        ("1e-13", "0.5"),
        ("no number", "5"),
        ("", "0"),
        ("5 in", "5 cm"),
        ("5 am", "5 pm"),
    ],
)
def test_what_is_another_amount_is_wrong(answer: str, reference: str) -> None:
    assert grade(answer, reference) == 0.0


def test_the_tolerance_is_relative_to_the_reference() -> None:
    assert grade("101", "100", tolerance=0.0101) == 1.0
    assert grade("101", "100", tolerance=0.0099) == 0.0
    assert grade("-101", "-100", tolerance=0.0101) == 1.0
    assert grade("0.001", "0", tolerance=0.5) == 0.0


def test_a_reference_without_a_number_is_a_failure() -> None:
    found = Numeric(NumericSpec())(Output("5"), Item("five"))
    assert isinstance(found, GradeFailure)
    assert "no number" in found.reason
    assert Numeric(NumericSpec())(Output("5"), Item(None)) == NO_REFERENCE


@pytest.mark.parametrize(
    "text",
    ["42", "-3.5", "1,234", "$5", "5 €", "20 %", "3 km/h", "9.8 m/s²", "20 °C", "7 days", "3/4", "5 km per hour"],
)
def test_a_number_with_at_most_a_unit_is_nothing_but_a_number(text: str) -> None:
    assert is_number(text)


@pytest.mark.parametrize(
    "text", ["", "Paris", "3 red cars", "12 Main Street", "2024-05-06", "3/4/2024", "3 to 5", "about 5", "555-1234"]
)
def test_what_says_more_is_not(text: str) -> None:
    assert not is_number(text)


UNITS = ("m", "km", "mile", "s", "hour", "kg", "lb", "degC", "kelvin", "litre", "joule", "kWh", "newton")


@settings(deadline=None)
@given(st.sampled_from(UNITS), st.sampled_from(UNITS), st.floats(-1e6, 1e6).map(lambda x: round(x, 3)))
def test_conversions_are_pint_s(unit: str, wanted: str, value: float) -> None:
    # Ours is told by its result: the number that pint gives is right, and one beside it is not.
    try:
        expected = float(_DIRECT.Quantity(value, unit).to(wanted).magnitude)
    except pint.DimensionalityError:
        assert grade(f"{value} {unit}", f"{value} {wanted}") == 0.0
        return
    assert grade(f"{value} {unit}", f"{expected!r} {wanted}") == 1.0
    if expected:
        assert grade(f"{value} {unit}", f"{expected * 1.01!r} {wanted}") == 0.0


_DIRECT = pint.UnitRegistry()

pieces = st.sampled_from(
    [*"0123456789.,-/+$€%°^*×eE'½² ", "10", " per ", "km", "pounds", "in ", "million", r"\frac{1}{2}", "\ud800", "猫"]
)
texts = st.text(st.characters(), max_size=30) | st.lists(pieces, max_size=20).map("".join)


@settings(deadline=None)
@given(texts, texts)
def test_no_text_makes_it_raise_and_a_number_equals_itself(answer: str, reference: str) -> None:
    grader = Numeric(NumericSpec())
    for one, other in ((answer, reference), (reference, reference)):
        found = grader(Output(one), Item(other))
        assert isinstance(found, GradeFailure) or found in {0.0, 1.0}
    if last_measure(reference) is not None:
        assert grader(Output(reference), Item(reference)) == 1.0


@pytest.mark.parametrize(
    "piece",
    ["1 ", "1,111", "5 pounds ", "5 per ", "$", "1", r"\frac{", "sq ", "- ", "a squared ", "1.1", "1/", "10^", "½"],
)
def test_a_model_that_never_stops_costs_no_time_worth_naming(piece: str) -> None:
    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        started = time.perf_counter()
        Numeric(NumericSpec())(Output(text), Item(text))
        is_number(text)
        return time.perf_counter() - started

    # No longer than ten milliseconds, or at least not with the square of the length; one try of several is undisturbed.
    assert any(seconds(400_000) < max(0.01, 24 * seconds(50_000)) for _ in range(4))


def test_a_missing_pint_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pint", None)
    numbers._pint.cache_clear()
    try:
        with pytest.raises(MissingExtraError, match="pint"):
            Numeric(NumericSpec())
    finally:
        numbers._pint.cache_clear()
