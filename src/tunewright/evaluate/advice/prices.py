"""What do machines and services cost? The shipped price table with the user's own laid over it.

A price is a statement of somebody at some time, so each carries its source and its date. Knows nothing of how many
seconds or tokens anything takes.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from tunewright.errors import Fault, RecipeError
from tunewright.spec.faults import near_miss
from tunewright.spec.node import Node

_SHIPPED = Path(__file__).with_name("prices.yaml")
_HINT = f"{_SHIPPED} shows every key"


def _date_as_text(value: Any) -> Any:
    # YAML reads an unquoted 2026-03-01 as a date; the user meant the text.
    return value.isoformat() if isinstance(value, date) else value


Day = Annotated[str, BeforeValidator(_date_as_text)]


class MachinePrice(Node):
    """What an hour of a machine costs, busy or not."""

    dollars_per_hour: float = Field(ge=0)
    source: str = Field(min_length=1)
    as_of: Day = Field(min_length=1)


class ServicePrice(Node):
    """What a service asks for a million tokens."""

    input_per_million: float = Field(ge=0)
    output_per_million: float = Field(ge=0)
    training_per_million: float | None = Field(default=None, ge=0)
    source: str = Field(min_length=1)
    as_of: Day = Field(min_length=1)


class Prices(Node):
    """The price table; all amounts in US dollars."""

    machine: str
    """The machine that answers and trains: a key of `machines`."""
    machines: dict[str, MachinePrice]
    services: dict[str, ServicePrice] = Field(default_factory=dict)
    """By the name under which the service knows the model."""

    @model_validator(mode="after")
    def _machine_must_be_listed(self) -> Prices:
        if self.machine not in self.machines:
            raise ValueError(f"machine must be one of {', '.join(self.machines)}, got {self.machine!r}")
        return self

    @property
    def here(self) -> MachinePrice:
        """The price of the machine in use."""
        return self.machines[self.machine]


def load_prices(path: Path | None = None) -> Prices:
    """Return the shipped price table, with the entries of the file at `path` laid over it.

    Raises:
        RecipeError: if the file cannot be read, is no YAML mapping or breaks a rule; with every fault at once.
    """
    tree = _read(_SHIPPED)
    origin = str(_SHIPPED.name)
    if path is not None:
        tree, origin = _laid_over(tree, _read(path)), str(path)
    try:
        return Prices.model_validate(tree)
    except ValidationError as error:
        faults = _faults(error, tree)
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise RecipeError(f"{origin} has {count}", faults=faults, hint=_HINT) from error


def _read(path: Path) -> dict[Any, Any]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise RecipeError(f"{path}: no such price table", hint="check the path; without one, ours is used") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read: {error}", hint="a price table is a UTF-8 text file") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that there is not, such as 2026-02-31
        reason = " ".join(str(error).split())
        raise RecipeError(f"{path}: is not YAML: {reason}", hint="mind indents and colons") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise RecipeError(f"{path}: must be a mapping of keys, got {type(tree).__name__}", hint=_HINT)
    return tree


def _laid_over(below: dict[Any, Any], above: dict[Any, Any]) -> dict[Any, Any]:
    laid = {**below, **above}
    for section in ("machines", "services"):
        if isinstance(above.get(section), dict):
            laid[section] = {**below[section], **above[section]}
        elif section in above and above[section] is None:
            # An empty section (`services:`) is written in YAML as null.
            laid[section] = below[section]
    return laid


def _faults(error: ValidationError, tree: dict[Any, Any]) -> tuple[Fault, ...]:
    known = _known_paths(tree)
    faults: list[Fault] = []
    for detail in error.errors(include_url=False):
        path = ".".join(str(part) for part in detail["loc"])
        value = repr(detail["input"])
        shown = value if len(value) <= 80 else value[:77] + "..."
        if detail["type"] == "extra_forbidden":
            faults.append(Fault(path, "is not a key of a price table", shown, near_miss(path, known)))
        elif detail["type"] == "missing":
            faults.append(Fault(path, "must be given"))
        elif not path:
            faults.append(Fault("", detail["msg"].removeprefix("Value error, ")))
        else:
            rule = detail["msg"].removeprefix("Input should be ")
            faults.append(Fault(path, f"must be {rule}" if rule != detail["msg"] else rule, shown))
    return tuple(faults)


def _known_paths(tree: dict[Any, Any]) -> list[str]:
    """Return the path of every key that could stand in `tree`: the names of entries are the user's own."""
    paths = list(Prices.model_fields)
    for section, node in (("machines", MachinePrice), ("services", ServicePrice)):
        entries = tree.get(section)
        names = entries if isinstance(entries, dict) else ()
        paths += [f"{section}.{name}.{key}" for name in names for key in node.model_fields]
    return paths
