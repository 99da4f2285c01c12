"""Who may import whom: the Direction table of the architecture, held against the source.

Each `find_*` function takes a tree laid out like src/tunewright and returns its violations as `file:line: why`. Each is
shown to fail on a small wrong tree and to pass on its right neighbour, then run on the package. Dynamic imports count
as imports: outside the one maker loader, they would be a way around the table.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.floors.source import PACKAGE, SourceFile, read_tree, write_tree

GROUND = frozenset({"errors", "spec", "runs", "catalogue", "data", "graders"})
BENCH = frozenset(
    {"models", "methods", "objectives", "train", "infer", "safety", "evaluate", "export", "serve"},
)
HOUSE = frozenset({"targets", "search", "platform", "web", "client"})
ROOF = frozenset({"jobs", "cli", "testing"})
ROOMS = GROUND | BENCH | HOUSE | ROOF

EVERYONE_MAY_IMPORT = frozenset({"errors", "spec"})
# Room → what it may import besides EVERYONE_MAY_IMPORT. `errors` is the bottom: it imports nothing of ours.
DIRECTION: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "spec": frozenset(),
    "runs": frozenset(),
    "catalogue": frozenset(),
    "graders": frozenset(),
    "objectives": frozenset(),
    "client": frozenset(),
    "data": frozenset({"runs"}),
    "models": frozenset({"catalogue", "data", "runs"}),
    "methods": frozenset({"models"}),
    "infer": frozenset({"data", "models", "methods", "runs"}),
    "safety": frozenset({"infer"}),
    "train": frozenset({"data", "graders", "models", "methods", "objectives", "infer", "runs"}),
    "evaluate": frozenset({"data", "graders", "models", "objectives", "infer", "runs"}),
    "export": frozenset({"models", "methods", "infer", "runs"}),
    "serve": frozenset({"infer", "safety", "data", "catalogue", "runs"}),
    "targets": frozenset({"runs", "catalogue", "data"}),
    "search": frozenset({"targets", "runs"}),
    "platform": frozenset({"targets", "catalogue", "data", "runs"}),
    "web": frozenset({"platform"}),
    "jobs": GROUND | BENCH | {"search"},
    "cli": frozenset({"jobs", "platform", "web", "client", "targets", "data", "catalogue", "runs"}),
    "testing": ROOMS,
    "__main__": frozenset({"jobs", "runs", "cli"}),
    "__init__": frozenset({"jobs", "runs", "cli"}),
}

TORCH_FAMILY = frozenset({"torch", "transformers", "peft"})
POSIX_ONLY = frozenset({"fcntl", "pwd", "grp", "resource", "termios", "tty", "pty"})
OWN_ROOTS = frozenset({"tunewright", "starter", "examples", "tests"})
# Switches that a library documents as assignable attributes; setting them replaces no code of theirs.
DOCUMENTED_SWITCHES = ("torch.backends.",)


@dataclass(frozen=True)
class Import:
    """One imported module: its dotted name, its line, and the circumstances that the rules ask about."""

    target: str
    line: int
    in_function: bool
    typing_only: bool
    dynamic: bool = False


# ── the rules ────────────────────────────────────────────────────────────────────────────────────────────────────────


def find_unlisted_edges(root: Path) -> list[str]:
    """Report imports of a room that the importer's row does not list, and rooms that have no row."""
    faults = []
    for file, module, imports in _modules(root):
        room = _room(module)
        if room not in DIRECTION:
            faults.append(f"{file.where}: room '{room}' has no row in the Direction table")
            continue
        for found in imports:
            other = _room(found.target) if _is_own(found.target) else room
            if other != room and not _may_import(room, other, found):
                faults.append(f"{file.where}:{found.line}: {room} may not import {other}")
    return faults


def find_cycles(root: Path) -> list[str]:
    """Report a cycle among modules at import time: imports in functions and for type checkers do not count."""
    names = {module for _, module, _ in _modules(root)}
    graph = {
        module: {
            needed
            for found in imports
            if _is_own(found.target) and not found.in_function and not found.typing_only
            for needed in _executed_by(found.target, module, names)
        }
        for _, module, imports in _modules(root)
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return ["import cycle: " + " → ".join(reversed(error.args[1]))]
    return []


def find_lazy_own_imports(root: Path) -> list[str]:
    """Report own-package imports in functions, and dynamic imports, where nothing is gained by hiding them."""
    faults = []
    for file, module, imports in _modules(root):
        if _room(module) in {"cli", "__init__"}:
            continue
        for found in imports:
            hidden = _is_own(found.target) or not found.target
            if hidden and found.dynamic and file.where.as_posix() != "spec/maker.py":
                faults.append(f"{file.where}:{found.line}: only spec/maker.py imports by name at run time")
            elif hidden and found.in_function and not found.dynamic:
                faults.append(f"{file.where}:{found.line}: import of {found.target} inside a function")
    return faults


def find_torch_outside_the_bench(root: Path) -> list[str]:
    """Report torch, transformers or peft in a ground or house room, at whatever depth."""
    return [
        f"{file.where}:{found.line}: {found.target} in {_room(module)}, a room without torch"
        for file, module, imports in _modules(root)
        if _room(module) in GROUND | HOUSE
        for found in imports
        if found.target.split(".")[0] in TORCH_FAMILY
    ]


def find_posix_only_imports(root: Path) -> list[str]:
    """Report modules that Windows lacks, imported where merely importing our file would fail there."""
    return [
        f"{file.where}:{found.line}: {found.target} does not exist on Windows; import it in the function that needs it"
        for file, _, imports in _modules(root)
        for found in imports
        if found.target.split(".")[0] in POSIX_ONLY and not found.in_function
    ]


def find_monkey_patches(root: Path) -> list[str]:
    """Report an attribute of an imported third-party module or class being set or deleted."""
    return [
        f"{file.where}:{line}: assignment to {chain}, which is not ours"
        for file in read_tree(root)
        for chain, line in _patched_attributes(file.tree)
        if not chain.startswith(DOCUMENTED_SWITCHES)
    ]


RULES = (
    find_unlisted_edges,
    find_cycles,
    find_lazy_own_imports,
    find_torch_outside_the_bench,
    find_posix_only_imports,
    find_monkey_patches,
)


# ── the package obeys them ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("find", RULES)
def test_package_obeys(find: Callable[[Path], list[str]]) -> None:
    assert read_tree(PACKAGE), f"no source below {PACKAGE}"
    faults = find(PACKAGE)
    assert not faults, "\n".join(faults)


def test_table_has_one_row_per_room_and_names_only_rooms() -> None:
    assert set(DIRECTION) == ROOMS | {"__init__", "__main__"}
    assert frozenset().union(*DIRECTION.values()) <= ROOMS


# ── the rules can fail ───────────────────────────────────────────────────────────────────────────────────────────────

WRONG_TREES = [
    (find_unlisted_edges, "data/rows.py", "from tunewright.models import load"),
    (find_unlisted_edges, "data/rows.py", "import tunewright.models.load"),
    (find_unlisted_edges, "data/rows.py", "from tunewright import models"),
    (find_unlisted_edges, "data/rows.py", "from ..models import load"),
    (find_unlisted_edges, "data/rows.py", "def f():\n    from tunewright.models import load"),
    (find_unlisted_edges, "cli/show.py", "def f():\n    from tunewright.models import load"),
    (find_unlisted_edges, "errors.py", "from tunewright.spec import Recipe"),
    (find_unlisted_edges, "kitchen/stove.py", ""),
    (find_unlisted_edges, "__init__.py", "from tunewright.jobs import train"),
    (find_unlisted_edges, "__init__.py", "def f():\n    from tunewright.platform import rules"),
    (find_unlisted_edges, "graders/exact.py", "import importlib\nimportlib.import_module('tunewright.models')"),
    (find_lazy_own_imports, "data/rows.py", "def f():\n    from tunewright.runs import folder"),
    (find_lazy_own_imports, "data/rows.py", "def f():\n    from . import split"),
    (find_lazy_own_imports, "spec/maker.py", "def f():\n    from tunewright.models import load"),
    (find_lazy_own_imports, "spec/other.py", "import importlib\ndef f(x):\n    importlib.import_module(x)"),
    (find_lazy_own_imports, "spec/other.py", "from importlib import import_module as load\nload('tunewright.runs')"),
    (find_lazy_own_imports, "train/loop.py", "__import__('tunewright.runs')"),
    (find_torch_outside_the_bench, "data/rows.py", "import torch.nn"),
    (find_torch_outside_the_bench, "data/rows.py", "def f():\n    from transformers import AutoTokenizer"),
    (find_torch_outside_the_bench, "client.py", "import peft"),
    (find_torch_outside_the_bench, "platform/rules/quota.py", "import importlib\nimportlib.import_module('torch')"),
    (find_posix_only_imports, "runs/folder.py", "import fcntl"),
    (find_posix_only_imports, "train/loop.py", "try:\n    import resource\nexcept ImportError:\n    resource = None"),
    (find_posix_only_imports, "train/loop.py", "class A:\n    from pwd import getpwuid"),
    (find_monkey_patches, "models/load.py", "import torch\ntorch.load = None"),
    (find_monkey_patches, "models/load.py", "import torch.nn as nn\ndef f():\n    nn.Linear.forward = None"),
    (find_monkey_patches, "models/load.py", "from peft import PeftModel as P\nP.forward: object = None"),
    (find_monkey_patches, "models/load.py", "import torch\nsetattr(torch, 'load', None)"),
    (find_monkey_patches, "models/load.py", "def f():\n    import torch\n    del torch.load"),
]

RIGHT_TREES = [
    (find_unlisted_edges, "data/rows.py", "from tunewright.runs import folder\nfrom tunewright.errors import Fault"),
    (find_unlisted_edges, "data/rows.py", "from .split import split\nfrom ..spec import Recipe"),
    (find_unlisted_edges, "__init__.py", "def f():\n    from tunewright.jobs import train"),
    (find_unlisted_edges, "__main__.py", "from tunewright.cli import main"),
    (find_unlisted_edges, "data/rows.py", "from tunewright import __version__"),
    (find_unlisted_edges, "testing/engine.py", "from tunewright.infer import Engine"),
    (find_lazy_own_imports, "cli/train.py", "def f():\n    from tunewright.jobs import train"),
    (find_lazy_own_imports, "spec/maker.py", "import importlib\ndef f(x):\n    importlib.import_module(x)"),
    (find_lazy_own_imports, "models/load.py", "import importlib\nimportlib.import_module('bitsandbytes')"),
    (find_torch_outside_the_bench, "models/load.py", "import torch"),
    (find_torch_outside_the_bench, "data/rows.py", "import torchlight"),
    (find_posix_only_imports, "runs/folder.py", "def f():\n    import fcntl"),
    (find_monkey_patches, "models/load.py", "import torch\ntorch.backends.cudnn.benchmark = False"),
    (find_monkey_patches, "models/load.py", "import torch\nclass A:\n    def f(self):\n        self.torch = torch"),
    (find_monkey_patches, "models/load.py", "from tunewright.models import hub\nhub.seen = True"),
    (find_monkey_patches, "models/load.py", "import torch\nx = torch.nn.Linear(1, 1)\nx.bias = None"),
]


@pytest.mark.parametrize(("find", "where", "text"), WRONG_TREES)
def test_rule_fails_on(find: Callable[[Path], list[str]], where: str, text: str, tmp_path: Path) -> None:
    tree = write_tree(tmp_path, {"models/__init__.py": "", "runs/__init__.py": "", "data/split.py": "", where: text})
    assert len(find(tree)) == 1


@pytest.mark.parametrize(("find", "where", "text"), RIGHT_TREES)
def test_rule_passes_on(find: Callable[[Path], list[str]], where: str, text: str, tmp_path: Path) -> None:
    assert find(write_tree(tmp_path, {where: text})) == []


CYCLES = [
    {"data/a.py": "from tunewright.data.b import x", "data/b.py": "from tunewright.data import a"},
    {"data/__init__.py": "from tunewright.data.a import x", "data/a.py": "from tunewright.data import y"},
    # b runs data/__init__ first, which needs a, which needs b's own room.
    {
        "data/__init__.py": "from tunewright.data.a import x",
        "data/a.py": "from tunewright.runs.b import x",
        "data/c.py": "",
        "runs/b.py": "import tunewright.data.c",
    },
]


@pytest.mark.parametrize("files", CYCLES)
def test_cycle_is_found(files: dict[str, str], tmp_path: Path) -> None:
    assert len(find_cycles(write_tree(tmp_path, files))) == 1


@pytest.mark.parametrize(
    "back",
    [
        "def f():\n    from tunewright.data import a",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from tunewright.data import a",
        "from tunewright.data import c",
    ],
)
def test_what_does_not_run_at_import_time_makes_no_cycle(back: str, tmp_path: Path) -> None:
    files = {"data/__init__.py": "", "data/a.py": "from tunewright.data.b import x", "data/b.py": back, "data/c.py": ""}
    assert find_cycles(write_tree(tmp_path, files)) == []


# ── reading imports ──────────────────────────────────────────────────────────────────────────────────────────────────


def _modules(root: Path) -> Iterator[tuple[SourceFile, str, list[Import]]]:
    files = read_tree(root)
    names = {_module_name(file.where) for file in files}
    for file in files:
        reader = _ImportReader(_module_name(file.where), file.where.name == "__init__.py", names)
        reader.visit(file.tree)
        yield file, _module_name(file.where), reader.found


def _module_name(where: Path) -> str:
    parts = where.with_suffix("").parts
    return ".".join(("tunewright", *(parts[:-1] if parts[-1] == "__init__" else parts)))


def _room(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def _is_own(target: str) -> bool:
    return target.split(".")[0] == "tunewright"


def _may_import(room: str, other: str, found: Import) -> bool:
    if other == "__init__":
        return room != "errors"  # the package itself: its version, its path
    if other in EVERYONE_MAY_IMPORT:
        return room != "errors"
    lazily = room != "__init__" or found.in_function or found.typing_only
    return other in DIRECTION[room] and lazily


def _executed_by(target: str, importer: str, names: set[str]) -> Iterator[str]:
    """Yield the modules that importing `target` runs: itself and the packages around it that the importer is not in."""
    parts = target.split(".")
    for depth in range(1, len(parts) + 1):
        name = ".".join(parts[:depth])
        around_both = depth < len(parts) and f"{importer}.".startswith(f"{name}.")
        if name in names and name != importer and not around_both:
            yield name


class _ImportReader(ast.NodeVisitor):
    """Collects imports with their circumstances; resolves relative ones and submodules of `from package import x`."""

    def __init__(self, module: str, is_package: bool, names: set[str]) -> None:
        self.found: list[Import] = []
        self._package = module if is_package else module.rpartition(".")[0]
        self._names = names
        self._functions = 0
        self._typing_only = 0
        self._import_module_names = {"__import__", "importlib.import_module"}

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(alias.name, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            above = self._package.split(".")
            base = ".".join(above[: len(above) - node.level + 1] + ([base] if base else []))
        if base == "importlib":
            self._import_module_names |= {a.asname or a.name for a in node.names if a.name == "import_module"}
        submodules = {alias.name for alias in node.names if f"{base}.{alias.name}" in self._names}
        for name in sorted(submodules):
            self._add(f"{base}.{name}", node)
        if len(submodules) < len(node.names):
            self._add(base, node)

    def visit_Call(self, node: ast.Call) -> None:
        if ast.unparse(node.func) in self._import_module_names and node.args:
            name = node.args[0]
            literal = name.value if isinstance(name, ast.Constant) else ""
            self._add(str(literal), node, dynamic=True)
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        guarded = ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}
        self._typing_only += guarded
        for child in node.body:
            self.visit(child)
        self._typing_only -= guarded
        for child in [node.test, *node.orelse]:
            self.visit(child)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        self._functions += 1
        self.generic_visit(node)
        self._functions -= 1

    visit_AsyncFunctionDef = visit_FunctionDef
    visit_Lambda = visit_FunctionDef

    def _add(self, target: str, node: ast.stmt | ast.expr, *, dynamic: bool = False) -> None:
        self.found.append(Import(target, node.lineno, self._functions > 0, self._typing_only > 0, dynamic))


def _patched_attributes(tree: ast.Module) -> Iterator[tuple[str, int]]:
    foreign = dict(_third_party_names(tree))
    for written, line in _written_attributes(tree):
        first, _, rest = written.partition(".")
        if first in foreign:
            yield f"{foreign[first]}.{rest}", line


def _written_attributes(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            yield ast.unparse(node), node.lineno
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"setattr", "delattr"} and len(node.args) > 1:
            yield f"{ast.unparse(node.args[0])}.{ast.unparse(node.args[1])}", node.lineno


def _third_party_names(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield (name bound in this file, what it stands for) for each import that is neither ours nor Python's."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            bound = [
                (a.asname or a.name.split(".")[0], a.name if a.asname else a.name.split(".")[0]) for a in node.names
            ]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            bound = [(a.asname or a.name, f"{node.module}.{a.name}") for a in node.names]
        else:
            continue
        for name, meaning in bound:
            if meaning.split(".")[0] not in OWN_ROOTS | sys.stdlib_module_names:
                yield name, meaning
