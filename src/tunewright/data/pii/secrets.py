"""Keys, tokens and passwords: by the marks that their makers give them, and by the words that they are assigned to.

A mark such as `ghp_` is proof enough. A word such as `password =` is not: "password: ask your admin" must stay, so the
value must look drawn at random. Deliberately does not try any key, nor look up who made it.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections import Counter
from collections.abc import Iterator

from tunewright.data.pii.span import Span

_B = r"(?<![A-Za-z0-9_\-])"

# What a text must hold → the key that may follow. The literals are searched first: that costs almost nothing.
_MARKED: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = (
    (("AKIA", "ASIA"), re.compile(_B + r"(?:AKIA|ASIA)[0-9A-Z]{16}(?![A-Za-z0-9])")),
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), re.compile(_B + r"gh[pousr]_[A-Za-z0-9]{30,}")),
    (("github_pat_",), re.compile(_B + r"github_pat_[A-Za-z0-9_]{22,}")),
    (("glpat-",), re.compile(_B + r"glpat-[A-Za-z0-9_\-]{20,}")),
    (("sk-",), re.compile(_B + r"sk-(?=[A-Za-z_\-]*[0-9])[A-Za-z0-9_\-]{20,}")),
    (("xox", "xapp-"), re.compile(_B + r"(?:xox[abeoprs]|xapp)-(?=[A-Za-z\-]*[0-9])[A-Za-z0-9\-]{10,}")),
    (("AIza",), re.compile(_B + r"AIza[0-9A-Za-z_\-]{35}(?![A-Za-z0-9_\-])")),
    (("_live_", "_test_", "whsec_"), re.compile(_B + r"(?:(?:sk|rk|pk)_(?:live|test)|whsec)_[0-9A-Za-z]{16,}")),
    (("hf_",), re.compile(_B + r"hf_[A-Za-z0-9]{30,}")),
    (("npm_",), re.compile(_B + r"npm_[A-Za-z0-9]{30,}")),
    (("pypi-",), re.compile(_B + r"pypi-[A-Za-z0-9_\-]{50,}")),
    (("SG.",), re.compile(_B + r"SG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}")),
    (("Bearer ", "bearer "), re.compile(r"(?<=[Bb]earer )(?=[A-Za-z._~+/\-]*[0-9])[A-Za-z0-9._~+/\-]{20,}=*")),
)
_ALL_MARKS = tuple(mark for marks, _ in _MARKED for mark in marks)
# Most marks hold one of two signs: where a text lacks the sign, those are not searched.
_MARKS_BY_SIGN = tuple(
    (sign, tuple(mark for mark in _ALL_MARKS if sign in mark and not (sign == "-" and "_" in mark))) for sign in "_-"
)
_OTHER_MARKS = tuple(mark for mark in _ALL_MARKS if "_" not in mark and "-" not in mark)

_JWT = re.compile(_B + r"(eyJ[A-Za-z0-9_\-]{5,})\.eyJ[A-Za-z0-9_\-]{5,}\.[A-Za-z0-9_\-]{8,}")
# An end mark that is missing (a cut log) must not save the key: then all that looks like base64 goes.
_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:(?!-----)[\s\S]){0,20000}-----END [A-Z0-9 ]{0,40}-----|[A-Za-z0-9+/=\s\\]*)"
)

_WORDS = ("passw", "pwd", "secret", "token", "credential", "key", "://")
_ASSIGNED = re.compile(
    r"(?P<word>passw(?:or)?d|passphrase|pwd|secret|token|credentials?|api[_\- ]?key|access[_\- ]?key|account[_\- ]?key"
    r"|auth[_\- ]?key|encryption[_\- ]?key)\w{0,24}[\"']?\s{0,3}(?::=|=>|=|:|\bis\b)\s{0,3}[\"']?"
    r"(?P<value>[^\s\"',;<>()\[\]{}]{8,512})",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"(?<=://)[^\s:/@\[\]]{0,64}:(?P<value>[^\s@/\[\]]{3,256})@")
_NOT_A_VALUE = re.compile(r"[$%]|os\.|env\.|process\.|self\.|config\.|https?:", re.IGNORECASE)
_MIN_BITS_PER_SIGN = 2.5


def may_hold_marked(text: str) -> bool:
    """Whether any mark of a key stands in the text."""
    if any(sign in text and any(mark in text for mark in marks) for sign, marks in _MARKS_BY_SIGN):
        return True
    return any(mark in text for mark in _OTHER_MARKS)


def find_api_keys(text: str) -> Iterator[Span]:
    """Yield keys that their makers marked: AWS, GitHub, GitLab, OpenAI, Slack, Google, Stripe and more."""
    for marks, pattern in _MARKED:
        if any(mark in text for mark in marks):
            for match in pattern.finditer(text):
                yield Span(match.start(), match.end(), "api_key", 0.95)


def find_jwts(text: str) -> Iterator[Span]:
    """Yield JSON web tokens: three parts, the first of which decodes to a header that names its algorithm."""
    for match in _JWT.finditer(text):
        if _is_jwt_header(match[1]):
            yield Span(match.start(), match.end(), "jwt", 0.98)


def find_private_keys(text: str) -> Iterator[Span]:
    """Yield blocks of private keys, from their first to their last line."""
    for match in _PRIVATE_KEY.finditer(text):
        yield Span(match.start(), match.end(), "private_key", 0.99)


def may_hold_assigned(text: str) -> bool:
    """Whether a word stands in the text that a secret could be assigned to."""
    lower = text.lower()
    return any(word in lower for word in _WORDS)


def find_assigned_secrets(text: str) -> Iterator[Span]:
    """Yield what is assigned to a word such as password or api_key and looks drawn at random; passwords in URLs."""
    for match in _ASSIGNED.finditer(text):
        start, end = match.span("value")
        value = match["value"].rstrip(".!?:")
        if _looks_random(value, is_password=match["word"].lower().startswith("p")):
            yield Span(start, end - (len(match["value"]) - len(value)), "secret", 0.7)
    for match in _IN_URL.finditer(text):
        yield Span(*match.span("value"), "secret", 0.85)


def _looks_random(value: str, *, is_password: bool) -> bool:
    if _NOT_A_VALUE.match(value) or len(value) < (8 if is_password else 12):
        return False
    num_kinds = sum(any(map(kind, value)) for kind in (str.isdigit, str.islower, str.isupper, _is_sign))
    counts = Counter(value).values()
    bits = -sum(count / len(value) * math.log2(count / len(value)) for count in counts)
    return any(map(str.isdigit, value)) and num_kinds >= 2 and bits >= _MIN_BITS_PER_SIGN


def _is_sign(character: str) -> bool:
    return not character.isalnum()


def _is_jwt_header(part: str) -> bool:
    try:
        header = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return False
    return isinstance(header, dict) and "alg" in header
