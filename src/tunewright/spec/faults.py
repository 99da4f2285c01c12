"""From pydantic's errors to ours: all faults at once, each with path, rule, value and a near miss.

Paths are what the user wrote (`method.rank`, not `method.lora.rank`); an unknown key is compared with its siblings
first and with every key of the tree second, because a key at the wrong depth is the commonest slip.
"""

from __future__ import annotations

import difflib
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tunewright.errors import Fault


def faults_of(error: ValidationError, root: type[BaseModel]) -> tuple[Fault, ...]:
    """Return one fault per wrong place of the tree that `root` describes."""
    faults: dict[str, Fault] = {}
    for detail in error.errors(include_url=False):
        fault = _fault(detail, root)
        faults.setdefault(f"{fault.path} {fault.rule}", fault)
    return tuple(faults.values())


def key_paths(node: type[BaseModel], prefix: str = "") -> list[str]:
    """Return the dotted path of every key below `node`, in definition order."""
    paths: list[str] = []
    for name, field in node.model_fields.items():
        paths.append(prefix + name)
        for child in _nodes_in(field.annotation):
            paths += [path for path in key_paths(child, f"{prefix}{name}.") if path not in paths]
    return paths


def _nodes_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [node for part in get_args(annotation) for node in _nodes_in(part)]


def _fault(detail: ErrorDetails, root: type[BaseModel]) -> Fault:
    path = _written_path(detail["loc"], root)
    value = repr(detail["input"])
    shown = value if len(value) <= 80 else value[:77] + "..."
    if detail["type"] == "extra_forbidden":
        return Fault(path, "is not a key of a recipe", shown, near_miss(path, key_paths(root)))
    if detail["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        context = detail.get("ctx", {})
        tag, expected = context.get("tag"), str(context.get("expected_tags", ""))
        rule = f"must be one of {expected}" if expected else "must be given"
        return Fault(f"{path}.kind", rule, repr(tag) if tag is not None else "", _nearest(str(tag), expected))
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return Fault(path, f"must be {message}" if message != detail["msg"] else message, shown)


def near_miss(path: str, known: list[str]) -> str:
    """Return `did you mean …?` for the known key that `path` most likely meant, or an empty text."""
    parent, _, leaf = path.rpartition(".")
    siblings = [key.rpartition(".")[2] for key in known if key.rpartition(".")[0] == parent]
    close = difflib.get_close_matches(leaf, siblings, n=1, cutoff=0.6)
    if close:
        return f"did you mean {parent + '.' if parent else ''}{close[0]}?"
    leaves = {key.rpartition(".")[2]: key for key in reversed(known)}
    close = difflib.get_close_matches(leaf, list(leaves), n=1, cutoff=0.7)
    if close:
        return f"did you mean {leaves[close[0]]}?"
    return f"keys here: {', '.join(siblings)}" if siblings else ""


def _nearest(tag: str, expected: str) -> str:
    close = difflib.get_close_matches(tag, expected.replace("'", "").split(", "), n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else ""


def _written_path(loc: tuple[int | str, ...], root: type[BaseModel]) -> str:
    """Join `loc`, leaving out the tags and type names that pydantic inserts for unions."""
    known = set(key_paths(root))
    path = ""
    for index, part in enumerate(loc):
        if isinstance(part, int):
            path += f"[{part}]"
            continue
        candidate = f"{path}.{part}" if path else part
        is_last = index == len(loc) - 1
        is_inserted = candidate not in known and _leads_on(path, loc[index + 1 :], known, is_last=is_last)
        path = path if is_inserted else candidate
    return path


def _leads_on(path: str, rest: tuple[int | str, ...], known: set[str], *, is_last: bool) -> bool:
    """Whether the part just read was a union's tag: nothing after it names a deeper key without it."""
    if path not in known:
        return False
    has_children = any(key.startswith(path + ".") for key in known)
    return (has_children and not is_last and bool(rest)) or (not has_children)
