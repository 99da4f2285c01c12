"""The base of every spec: frozen, extra keys forbidden, every number finite.

A node has at most 12 fields (a test counts them) and belongs to the room that reads it. A choice between variants is
a union discriminated by `kind`; the variant's `maker` is the address of its implementation, a constant of our own.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Node(BaseModel):
    """An inert description: compares by value, cannot be changed, refuses what it does not know."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True, validate_default=True
    )


class Variant(Node):
    """One arm of a choice; `maker` is `module:attribute` of what makes the live thing."""

    maker: ClassVar[str]
