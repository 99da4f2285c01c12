"""What is found and, as important, what is not: most numbers in training data are no one's."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.data.pii.secrets_made import made
from tunewright.data.pii.accounts import is_card, is_iban, passes_luhn
from tunewright.data.pii.detectors import TYPES, find_pii
from tunewright.data.pii.national_ids import is_german_tax_id, is_spanish_id
from tunewright.data.pii.span import Span, resolve
from tunewright.errors import DataError


def found(text: str, **asked: object) -> list[tuple[str, str]]:
    return [(span.type, text[span.start : span.end]) for span in find_pii(text, **asked)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("email", "jane.doe+list@mail.example.co.uk"),
        ("email", "jörg@müller.example"),
        ("phone", "+49 30 901820"),
        ("phone", "+49 (0)30 901820"),
        ("phone", "+1 (415) 555-2671"),
        ("phone", "+34 612 34 56 78"),
        ("phone", "0049 30 901820"),
        ("phone", "(415) 555-2671"),
        ("phone", "415-555-2671"),
        ("phone", "1-800-555-0199"),
        ("phone", "020 7946 0958"),
        ("phone", "01 23 45 67 89"),
        ("phone", "089/12345678"),
        ("phone", "(030) 123 4567"),
        ("phone", "06-12345678"),
        ("iban", "GB82 WEST 1234 5698 7654 32"),
        ("iban", "DE89370400440532013000"),
        ("iban", "de89 3704 0044 0532 0130 00"),
        ("iban", "NO93-8601-1117-947"),
        ("iban", "MT84 MALT 0110 0001 2345 MTLC AST0 01S"),
        ("card", "4111 1111 1111 1111"),
        ("card", "5555-5555-5555-4444"),
        ("card", "378282246310005"),
        ("card", "3782 822463 10005"),
        ("card", "2223003122003222"),
        ("ip", "192.168.17.23"),
        ("ip", "2001:db8::8a2e:370:7334"),
        ("ip", "fe80::1ff:fe23:4567:890a"),
        ("ip", "::ffff:192.0.2.128"),
        ("es_id", "12345678Z"),
        ("es_id", "12.345.678-Z"),
        ("es_id", "X1234567L"),
        ("de_tax_id", "86095742719"),
        ("de_tax_id", "47 036 892 816"),
    ],
)
def test_what_belongs_to_a_person_is_found_whole(kind: str, value: str) -> None:
    for text in (value, f"It is {value}, thanks.", f"({value})", f"first\n{value}\nlast", f"Ana: {value}."):
        assert found(text) == [(kind, value)], text


@pytest.mark.parametrize(
    "text",
    [
        "on 01.02.2024 10:30, 2024-01-02, 12/31/2023 or 31-12-1999",
        "from 09.00-17.00 and 08:15:30 until 2024-01-02T10:30:00.123456+00:00",
        "it costs $1,234,567.89 or 1.234.567,89 € or EUR 12 345 678",
        "order no. 0301-234567, invoice 415-555-2671, ticket #0400 123456",
        "version 10.2.33.4, v2.10.11.12, release 4.10.12.3 or just 1.2.3.4",
        "π is 3.14159265358979 and α is 0.0072973525693",
        "127.0.0.1, ::1, 0.0.0.0, mask 255.255.255.0, not 999.10.10.10",
        "std::vector, A::B, a::b, face::bad, 12:30:45 and 10:20:30:40",
        "GB82 WEST 1234 5698 7654 33 and DE8937040044053201300 and XX82 1234",
        "4111 1111 1111 1112 and 1234567812345678 and 1700000000000 ms",
        "12345678A and X1234567A and 86095742718 and 11111111111",
        "@handle, a@b, npm install left-pad@1.3.0, user@localhost",
        "sk-learn-is-a-python-library-for-people, risk-assessment-of-2024-numbers-in-use, AKIA",
        "password: ask your administrator for it; the secret is patience; token: string; key = value1",
        "api_key = os.environ['OPENAI_API_KEY'], password=${DB_PASSWORD_1}, token: <your-token-123>",
        "ISBN 978-3-16-148410-0, ISBN 0-306-40615-2, pages 100-200 of 1200",
        "I have 1000000 reasons, 1 2 3 4 5 6 7 8 9 10, 1234567890",
        "[EMAIL_1] and [PHONE_123456789] and [CARD_12]",
    ],
)
def test_dates_prices_orders_and_versions_are_left_alone(text: str) -> None:
    assert found(text) == []


def test_a_number_without_a_form_is_a_phone_number_only_after_such_a_word() -> None:
    assert found("612345678") == []
    assert found("phone: 612345678") == [("phone", "612345678")]
    assert found("Mein Handy ist 0176 1234567.") == [("phone", "0176 1234567")]
    assert found("612345678", label="phone") == [("phone", "612345678")]


@pytest.mark.parametrize("name", sorted(made()))
def test_marked_keys_are_found_whole(name: str) -> None:
    kind, value = made()[name]
    before = "Authorization: Bearer " if name == "bearer" else "use "
    assert found(f"{before}{value} here") == [(kind, value)]


def test_a_private_key_without_its_end_is_found_all_the_same() -> None:
    _, value = made()["private key"]
    cut = value[:-30]
    assert found(f"log: {cut}") == [("private_key", cut)]


@pytest.mark.parametrize(
    "text",
    [
        "password = {}",
        "PASSWORD: '{}'",
        "the password is {}.",
        '"api_key": "{}"',
        "AWS_SECRET_ACCESS_KEY={}",
        "pwd={};",
    ],
)
def test_random_values_that_are_assigned_to_a_secret_word_are_found(text: str) -> None:
    value = "hX7" + "q9Lm" + "2Vb8" + "Kz4t"
    assert found(text.format(value)) == [("secret", value)]


def test_a_password_in_a_url_is_found_without_its_host() -> None:
    value = "pa55" + "word"
    assert found(f"postgres://app:{value}@db/main") == [("secret", value)]


def test_a_card_is_found_between_other_numbers() -> None:
    assert found("code 12 4111 1111 1111 1111 12/27") == [("card", "4111 1111 1111 1111")]


def test_only_the_types_asked_for_are_found() -> None:
    text = "a@example.com or +49 30 901820"
    assert found(text, types=("phone",)) == [("phone", "+49 30 901820")]


def test_names_come_from_the_plug_in_only() -> None:
    text = "Rose wrote to a@example.com"
    assert found(text) == [("email", "a@example.com")]
    assert found(text, names=lambda text: [(0, 4)])[0] == ("name", "Rose")
    with pytest.raises(DataError, match=r"returned \(0, 99\)"):
        find_pii(text, names=lambda text: [(0, 99)])


def test_the_longest_names_the_stretch_and_takes_all_of_it() -> None:
    spans = [Span(0, 6, "phone", 0.5), Span(4, 14, "email", 0.5), Span(20, 24, "ip", 0.5), Span(20, 24, "email", 0.5)]
    assert resolve(spans, ("email", "ip", "phone")) == [Span(0, 14, "email", 0.5), Span(20, 24, "email", 0.5)]


@given(st.text(alphabet=st.sampled_from(list("aZ09 .,-+@:/()[]_\n=é")), max_size=80))
def test_spans_lie_in_the_text_in_order_and_apart(text: str) -> None:
    spans = find_pii(text)
    assert all(0 <= span.start < span.end <= len(text) and span.type in TYPES for span in spans)
    assert all(before.end <= after.start for before, after in itertools.pairwise(spans))


@settings(max_examples=60)
@given(st.integers(0, 10**15 - 1), st.integers(0, 9))
def test_a_wrong_digit_is_never_a_card(number: int, digit: int) -> None:
    digits = f"4{number:015d}"
    right = next(d for d in "0123456789" if passes_luhn(digits[:-1] + d))
    assert is_card(digits[:-1] + right)
    assert is_card(digits[:-1] + str(digit)) == (str(digit) == right)


@settings(max_examples=60)
@given(st.integers(0, 10**18 - 1), st.integers(2, 98))
def test_exactly_one_pair_of_check_digits_makes_an_iban(bban: int, offset: int) -> None:
    rest = f"{bban:018d}"
    check = 98 - int(rest + "131400") % 97
    assert is_iban(f"DE{check:02d}{rest}")
    other = (check + offset - 2) % 97 + 2
    assert is_iban(f"DE{other:02d}{rest}") == (other == check)


@settings(max_examples=60)
@given(st.integers(0, 99_999_999))
def test_exactly_one_letter_fits_a_spanish_id(number: int) -> None:
    assert sum(is_spanish_id(f"{number:08d}{letter}") for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 1


@settings(max_examples=60)
@given(st.permutations("0123456789").filter(lambda p: p[0] != "0"), st.integers(1, 9))
def test_exactly_one_digit_fits_a_german_tax_id(digits: list[str], place: int) -> None:
    ten = [*digits]
    ten[place] = ten[0]
    assert sum(is_german_tax_id("".join(ten) + digit) for digit in "0123456789") == 1
    assert not any(is_german_tax_id("".join(digits) + digit) for digit in "0123456789")


@pytest.mark.parametrize(
    "piece", ["a", "1", "1 ", "0 1", "@", "a@", ":", "a:", "1.", "password", "sk-", "eyJ", "-----"]
)
def test_time_grows_with_length_and_not_with_its_square(piece: str) -> None:
    def seconds(length: int) -> float:
        began = time.perf_counter()
        find_pii(piece * (length // len(piece)))
        return time.perf_counter() - began

    # Eight times the text takes eight times as long, or sixty-four times; one try of several is not disturbed.
    assert any(seconds(160_000) < 24 * seconds(20_000) for _ in range(4))
