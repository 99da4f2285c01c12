"""E-mail addresses, phone numbers and IP addresses.

Numbers are found by the ways in which people write phone numbers, not by their length: prices, dates, order numbers and
versions are numbers too. A number that could be anything is a phone number only after a word such as "phone".
Sources: ITU-T E.164 (calling codes, at most 15 digits); the North American Numbering Plan (no area code or exchange
begins with 0 or 1).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from tunewright.data.pii.numbers import number_matches, run_starts
from tunewright.data.pii.span import Span

# ── e-mail ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_LOCAL = re.compile(r"[\w.%+'\-]+\Z")
_DOMAIN = re.compile(r"(?:[^\W_](?:[^\W_]|-){0,62}\.){1,8}[^\W\d_]{2,24}(?![\w-])")
_MAX_LOCAL = 64


def find_emails(text: str) -> Iterator[Span]:
    """Yield e-mail addresses, letters of any script. `npm@1.2` and `@handle` are none."""
    # From each @ outwards: a pattern that begins with the local part takes quadratic time on long words.
    at = text.find("@")
    while at >= 0:
        local = _LOCAL.search(text[max(0, at - _MAX_LOCAL) : at])
        name = local[0].lstrip(".%+'-") if local else ""
        domain = _DOMAIN.match(text, at + 1) if name and name[-1] != "." else None
        if domain:
            yield Span(at - len(name), domain.end(), "email", 0.95)
        at = text.find("@", at + 1)


# ── phone ────────────────────────────────────────────────────────────────────────────────────────────────────────────

_CALLING_CODES = frozenset(
    """1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84
    86 90 91 92 93 94 95 98 211 212 213 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 235 236 237
    238 239 240 241 242 243 244 245 246 247 248 249 250 251 252 253 254 255 256 257 258 260 261 262 263 264 265 266 267
    268 269 290 291 297 298 299 350 351 352 353 354 355 356 357 358 359 370 371 372 373 374 375 376 377 378 379 380 381
    382 383 385 386 387 389 420 421 423 500 501 502 503 504 505 506 507 508 509 590 591 592 593 594 595 596 597 598 599
    670 672 673 674 675 676 677 678 679 680 681 682 683 685 686 687 688 689 690 691 692 800 808 850 852 853 855 856 870
    880 881 882 883 886 888 960 961 962 963 964 965 966 967 968 970 971 972 973 974 975 976 977 979 992 993 994 995 996
    998""".split()
)
_BEFORE = r"(?<![\w.,/#$€£+\-])"
_AFTER = r"(?!\w|[.,\-/:]\d|\s?[%€$£])"
_INTERNATIONAL = re.compile(r"(?<![\w+])(?:\+ ?|(?<![.,])00 ?)[1-9](?:\)?[ \u00a0.\-/]?\(?\d){7,14}(?!\d)")
_NORTH_AMERICAN = re.compile(_BEFORE + r"(?:1[ .\-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .\-])[2-9]\d\d[ .\-]\d{4}" + _AFTER)
# A trunk prefix 0 and an area code; the groups after it are parted by one and the same sign: 020 7946 0958, 089/123456.
_TRUNK = re.compile(
    _BEFORE
    + r"(?:\(0[1-9]\d{0,4}\)|0[1-9]\d{0,4})(?: ?[ .\-/\u00a0] ?)\d{2,8}"
    + r"(?:(?P<sep>[ .\-\u00a0])\d{2,4}(?:(?P=sep)\d{2,4}){0,3})?"
    + _AFTER
)
_AFTER_A_WORD = re.compile(
    r"\b(?:(?:tele)?(?:phone|fax|fon)|tel|telefon|handy|mobile|cell|whatsapp|móvil|teléfono|téléphone|telefono"
    r"|call(?: me)?|dial|reach me|ring me)\b[^\d\n]{0,20}\Z",
    re.IGNORECASE,
)
_ANY_NUMBER = re.compile(r"\d(?:[ \u00a0.\-/()]{0,2}\d){6,14}(?!\w|[.,\-/:]\d)")
_OTHER_NUMBER = re.compile(
    r"(?:order|invoice|ticket|ref(?:erence)?|sku|isbn|issn|ean|serial|version|tracking|case|item|product|part|article|"
    r"customer|rechnung|bestell\w*|auftrag\w*|artikel\w*)\W{0,3}(?:no|nr|num|number|nummer|id|code)?\W{0,3}\Z",
    re.IGNORECASE,
)
_DATE = re.compile(r"\d{1,2}[ ./\-]\d{1,2}[ ./\-](?:19|20)\d\d(?!\d)|(?:19|20)\d\d[ ./\-]\d{1,2}[ ./\-]\d{1,2}(?!\d)")


def find_phones(text: str) -> Iterator[Span]:
    """Yield phone numbers: +49 30 …, 0049…, (415) 555-2671, 020 7946 0958, and after a word such as "phone" any."""
    for match in number_matches(_INTERNATIONAL, text):
        end = _international_end(match)
        if end:
            yield Span(match.start(), end, "phone", 0.9)
    for pattern in (_NORTH_AMERICAN, _TRUNK):
        for match in number_matches(pattern, text):
            num_digits = sum(map(str.isdigit, match[0]))
            if 9 <= num_digits <= 12 and not _is_something_else(text, match):
                yield Span(match.start(), match.end(), "phone", 0.75)
    for start in run_starts(text):
        word = _AFTER_A_WORD.search(text[max(0, start - 40) : start])
        match = _ANY_NUMBER.match(text, start) if word else None
        if match and not _is_something_else(text, match):
            yield Span(match.start(), match.end(), "phone", 0.6)


def _international_end(match: re.Match[str]) -> int:
    """Return where the number ends, or 0 if it is none."""
    places = [place for place, sign in enumerate(match[0]) if sign.isdigit()]
    digits = "".join(match[0][place] for place in places)
    if match[0].startswith("00"):
        places, digits = places[2:], digits[2:]
    code = next((digits[:size] for size in (1, 2, 3) if digits[:size] in _CALLING_CODES), "")
    if code == "1":
        # Exactly ten digits follow: a number right behind is not part of it.
        if len(digits) < 11 or digits[1] in "01" or match[0][places[10] + 1 : places[10] + 2].isdigit():
            return 0
        return match.start() + places[10] + 1
    national = digits[len(code) :]
    is_number = code and len(digits) >= 9 and len(set(national)) > 1
    return match.end() if is_number and not national.endswith("00000") else 0


def _is_something_else(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - 32) : match.start()]
    return bool(_DATE.match(match[0].lstrip("(")) or _OTHER_NUMBER.search(before))


# ── IP ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

_IPV4 = re.compile(r"(?<![\w.\-])\d{1,3}(?:\.\d{1,3}){3}(?![\w\-]|\.\w)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4})(?![\w:]|\.\w)")
_VERSION = re.compile(r"(?:version|release|build|firmware|rev(?:ision)?|section|chapter|v\.?)\W{0,3}\Z", re.IGNORECASE)


def find_ips(text: str) -> Iterator[Span]:
    """Yield IP addresses of both versions that can belong to somebody.

    Not taken: this host and no host (127.0.0.1, ::1, 0.0.0.0), net masks, and what is read as a version number: four
    numbers of one digit each (1.2.3.4), or any after "version", "release", "build", "firmware" and the like.
    """
    for match in _IPV4.finditer(text):
        is_version = len(match[0]) == 7 or _VERSION.search(text[max(0, match.start() - 12) : match.start()])
        if not is_version and _is_somebodys(match[0]) and not match[0].startswith("255."):
            yield Span(match.start(), match.end(), "ip", 0.8)
    for match in _IPV6.finditer(text):
        # A::B is a name in several programming languages; addresses have a number in them and more than single letters.
        groups = [group for group in match[0].split(":") if group]
        is_written_out = any(sign.isdigit() for sign in match[0]) and max(map(len, groups), default=0) >= 2
        if is_written_out and len(groups) >= 2 and _is_somebodys(match[0]):
            yield Span(match.start(), match.end(), "ip", 0.9)


def _is_somebodys(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)
