"""Keys that look real, put together when a test runs: no scanner shall find one in this repository."""

from __future__ import annotations

import base64

_BODY = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0"


def part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def made() -> dict[str, tuple[str, str]]:
    """Return what it is → (type, value)."""
    return {
        "aws": ("api_key", "AK" + "IA" + "Z7Q2M4X8B6N1V3C5"),
        "github": ("api_key", "gh" + "p_" + _BODY[:36]),
        "github fine": ("api_key", "github" + "_pat_" + _BODY),
        "gitlab": ("api_key", "gl" + "pat-" + _BODY[:20]),
        "openai": ("api_key", "s" + "k-" + "proj-" + _BODY),
        "slack": ("api_key", "xo" + "xb-" + "123456789012-" + _BODY[:20]),
        "google": ("api_key", "AI" + "za" + _BODY[:35]),
        "stripe": ("api_key", "sk" + "_live_" + _BODY[:24]),
        "hugging face": ("api_key", "h" + "f_" + _BODY[:34]),
        "bearer": ("api_key", _BODY),
        "jwt": (
            "jwt",
            ".".join((part(b'{"alg":"HS256","typ":"JWT"}'), part(b'{"sub":"1234567890"}'), _BODY)),
        ),
        "private key": (
            "private_key",
            "-----BEGIN " + "PRIVATE KEY-----\n" + _BODY * 4 + "\n-----END " + "PRIVATE KEY-----",
        ),
    }
