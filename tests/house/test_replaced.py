"""Values that are made from others by `replace`: with fields that there are.

mypy sees neither what `msgspec.structs.replace` is given nor that `dataclasses.replace` is given a
struct; both would be an exception in a run.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache

import pytest

from worlds.import_graph import modules, nodes_of, tree_of

STRUCTS, DATACLASSES = "msgspec.structs", "dataclasses"


class Kinds:
    """The product's structs and dataclasses, each with the names of its fields."""

    def __init__(self, trees: list[ast.Module]) -> None:
        self._classes: defaultdict[str, list[ast.ClassDef]] = defaultdict(list)
        for tree in trees:
            for node in nodes_of(tree):
                if isinstance(node, ast.ClassDef):
                    self._classes[node.name].append(node)
        found = [one for same in self._classes.values() for one in same]
        self.fields = {
            STRUCTS: [self._fields(one) for one in found if self._is_struct(one)],
            DATACLASSES: [self._fields(one) for one in found if _is_dataclass(one)],
        }

    def _bases(self, kind: ast.ClassDef) -> Iterator[ast.ClassDef]:
        for base in kind.bases:
            named = base.value if isinstance(base, ast.Subscript) else base
            yield from self._classes.get(ast.unparse(named).rpartition(".")[2], ())

    def _is_struct(self, kind: ast.ClassDef) -> bool:
        own = any(ast.unparse(base) in ("msgspec.Struct", "Struct") for base in kind.bases)
        return own or any(self._is_struct(base) for base in self._bases(kind))

    def _fields(self, kind: ast.ClassDef) -> set[str]:
        own = {
            one.target.id
            for one in kind.body
            if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
        }
        return own.union(*(self._fields(base) for base in self._bases(kind)))


def _is_dataclass(kind: ast.ClassDef) -> bool:
    return any("dataclass" in ast.unparse(one) for one in kind.decorator_list)


def replaced(tree: ast.Module) -> Iterator[tuple[int, str, set[str]]]:
    """The line of each call of a `replace` with names, whose it is, and the names."""
    whose = {
        alias.asname or alias.name: node.module
        for node in nodes_of(tree)
        if isinstance(node, ast.ImportFrom) and node.module in (STRUCTS, DATACLASSES)
        for alias in node.names
        if alias.name == "replace"
    }
    for node in nodes_of(tree):
        if not isinstance(node, ast.Call) or not node.keywords:
            continue
        called = ast.unparse(node.func)
        module = whose.get(called) or called.removesuffix(".replace")
        names = {one.arg for one in node.keywords if one.arg is not None}
        if module in (STRUCTS, DATACLASSES) and called.endswith("replace") and names:
            yield node.lineno, module, names


@cache
def kinds() -> Kinds:
    return Kinds([tree_of(path) for path in modules().values()])


def wrong(tree: ast.Module, known: Kinds) -> list[str]:
    """The calls with fields that no class has together."""
    return [
        f"line {line}: no class of {module} has {', '.join(sorted(names))}"
        for line, module, names in replaced(tree)
        if not any(names <= fields for fields in known.fields[module])
    ]


@pytest.mark.slow
def test_what_is_replaced_is_a_field_of_a_class_that_has_all_of_them() -> None:
    found = {module: wrong(tree_of(path), kinds()) for module, path in modules().items()}
    assert {module: lines for module, lines in found.items() if lines} == {}


def test_a_wrong_name_and_a_wrong_replace_are_found() -> None:
    tree = ast.parse(
        """
import dataclasses, msgspec
from msgspec.structs import replace
class A(msgspec.Struct):
    a: int
class B(A):
    b: int
@dataclasses.dataclass
class C:
    c: int
replace(x, a=1, b=2)
replace(x, a=1, c=2)
msgspec.structs.replace(x, d=1)
dataclasses.replace(x, c=1)
dataclasses.replace(x, a=1)
text.replace("a", "b")
replace(x, **more)
"""
    )
    assert [line.partition(":")[0] for line in wrong(tree, Kinds([tree]))] == [
        "line 12",
        "line 13",
        "line 15",
    ]
