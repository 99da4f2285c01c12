"""Sizes that recur: kernels are compiled for the exact shape of a product, and a shape that is new costs more than the
few rows by which it differs from an old one.

Measured on a CPU with bf16 units, oneDNN takes 0.5 to 4 ms for the first product of a shape, some 70 new ones in a
step, and keeps what it made (a gigabyte after a hundred steps). Deliberately does not know what the sizes count.
"""

from __future__ import annotations

_FINEST = 8
_STEPS_AN_OCTAVE = 32


def round_tokens(count: int) -> int:
    """Return the next of 32 sizes an octave, a multiple of 8: at most 1/32 more, on average 1/64."""
    step = max(_FINEST, (1 << max(count - 1, 1).bit_length()) // (2 * _STEPS_AN_OCTAVE))
    return -(-count // step) * step


def round_length(count: int) -> int:
    """Return the next of 8 sizes an octave, a multiple of 8: for the sides of attention's squares."""
    step = max(_FINEST, (1 << max(count - 1, 1).bit_length()) // 16)
    return -(-count // step) * step


def round_blocks(count: int) -> int:
    """Return the next of 1, 2, 3, 4, 6, 8, 12, 16 …"""
    size = 1
    while size < count:
        if size % 2 == 0 and size + size // 2 >= count:
            return size + size // 2
        size *= 2
    return size


def binary_cuts(count: int, largest: int, smallest: int) -> list[slice]:
    """Return `count` cut into pieces of `largest`, then of its halves down to `smallest`, then what is left."""
    cuts: list[slice] = []
    start, size = 0, largest
    while start < count:
        while size > count - start and size > smallest:
            size //= 2
        end = min(start + size, count)
        cuts.append(slice(start, end))
        start = end
    return cuts
