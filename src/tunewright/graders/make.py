"""From a recipe's graders to live ones, and which names need no settings. Does not know what any of them measures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from pydantic import TypeAdapter

from tunewright.graders.grade import Grader
from tunewright.spec.grader import GraderNode, GraderSpec
from tunewright.spec.maker import load_maker

_SPEC: TypeAdapter[GraderSpec] = TypeAdapter(GraderSpec)


def make_graders(specs: Iterable[GraderNode]) -> dict[str, Grader]:
    """Return the graders by their titles, in the order given.

    Raises:
        MissingExtraError: if one needs a package that is not installed.
        GraderError: if one cannot be made (a file of the user's, a judge).
    """
    return {spec.title: load_maker(spec)(spec) for spec in specs}


def names_without_settings() -> tuple[str, ...]:
    """Return the kinds of graders that a single word asks for, sorted."""
    return tuple(sorted(kind for variant in _variants() if not _required(variant) for kind in _kinds(variant)))


def named_grader(name: str, specs: Iterable[GraderNode]) -> GraderNode | None:
    """Return the grader of `specs` called `name`, else the one that this word alone asks for, else None."""
    for spec in specs:
        if spec.title == name:
            return spec
    return _SPEC.validate_python(name) if name in names_without_settings() else None


def _variants() -> tuple[type[GraderNode], ...]:
    union, *_ = get_args(GraderSpec)
    return get_args(union)


def _required(variant: type[GraderNode]) -> list[str]:
    return [name for name, field in variant.model_fields.items() if field.is_required()]


def _kinds(variant: type[GraderNode]) -> tuple[str, ...]:
    return get_args(variant.model_fields["kind"].annotation)
