"""A public docstring is a contract or is not there: it says more than its name does, and what its
function raises.

The law: what raises says so in its own docstring, in that of its class, or in the contract that
its class fulfils (`TWINS`). A command of the command line ends with an exit code, and its help says
what it does.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import pytest

from worlds.import_graph import tree_of
from worlds.support import REPOSITORY

ROOMS = ("core", "server", "client", "app", "lab", "public")
WORDS_MIN = 5
BUGS = {"AssertionError", "NotImplementedError", "StopIteration", "StopAsyncIteration"}
"""What says that the code is wrong, or is part of a loop; nobody catches it."""

TWINS = {
    "DiskFileStore": "FileStore",
    "JournalledFileStore": "FileStore",
    "MemoryFileStore": "FileStore",
    "FillableFileStore": "FileStore",
    "BreakableServer": "Breakable",
    "BreakableWorld": "Breakable",
    "LocalShare": "Share",
    "HttpShare": "Share",
    "LiveSource": "Source",
    "RunSource": "Source",
    "LocalOpenFile": "OpenFile",
    "HttpOpen": "OpenFile",
    "VirtualLoop": "asyncio.AbstractEventLoop",
    "MemoryTransport": "asyncio.Transport",
}
"""A class to the contract that it fulfils, by name: one of ours whose docstring says what its
methods raise, or a base class of the library.
"""

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Found(NamedTuple):
    """A public function or class, and the class that it stands in."""

    place: str
    name: str
    node: Function | ast.ClassDef
    owner: ast.ClassDef | None

    @property
    def docstring(self) -> str:
        return ast.get_docstring(self.node) or ""

    def __str__(self) -> str:
        return f"{self.place}:{self.node.lineno} {self.name}"


@cache
def everything_public() -> list[Found]:
    found: list[Found] = []
    for path in (path for room in ROOMS for path in sorted((REPOSITORY / room).rglob("*.py"))):
        tree = tree_of(path)
        found += public(tree.body, str(path.relative_to(REPOSITORY)), None)
    return found


def public(body: list[ast.stmt], place: str, owner: ast.ClassDef | None) -> Iterator[Found]:
    for node in body:
        if not isinstance(node, Function | ast.ClassDef):
            continue
        if node.name.startswith("_") and node.name != "__init__":
            continue
        name = f"{owner.name}.{node.name}" if owner else node.name
        yield Found(place, name, node, owner)
        if isinstance(node, ast.ClassDef):
            yield from public(node.body, place, node)


def raised(node: ast.AST, caught: frozenset[str] = frozenset()) -> Iterator[str]:
    """What leaves a piece of code by a `raise` of its own, by name."""
    if isinstance(node, Function | ast.ClassDef | ast.Lambda):
        return
    if isinstance(node, ast.Try):
        names = {
            ast.unparse(one).rpartition(".")[2]
            for handler in node.handlers
            for one in (
                handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
            )
            if one is not None
        }
        for part in node.body:
            yield from raised(part, caught | names)
        for other in (*node.handlers, *node.orelse, *node.finalbody):
            yield from raised(other, caught)
        return
    if isinstance(node, ast.Raise) and node.exc is not None:
        of = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        name = ast.unparse(of).rpartition(".")[2]
        if name not in caught and name not in BUGS:
            yield name
    for child in ast.iter_child_nodes(node):
        yield from raised(child, caught)


def is_command(node: Function) -> bool:
    return any("command" in ast.unparse(one) for one in node.decorator_list)


def tells(found: Found) -> bool:
    """Whether somebody says what this function raises."""
    owner = found.owner
    told = [found.docstring, ast.get_docstring(owner) or "" if owner else ""]
    if owner is not None and (twin := TWINS.get(owner.name)):
        contract = [one for one in everything_public() if one.name == twin]
        told += [one.docstring for one in contract]
        if not contract:  # the library's
            return True
    return any("raise" in text.lower() for text in told)


@pytest.mark.slow
def test_a_docstring_says_more_than_the_name() -> None:
    short = [
        f"{one}: {one.docstring}"
        for one in everything_public()
        if one.docstring and len(one.docstring.split()) < WORDS_MIN
    ]
    assert not short


@pytest.mark.slow
def test_what_raises_says_so() -> None:
    silent = [
        f"{one}: {', '.join(sorted(set(names)))}"
        for one in everything_public()
        if isinstance(one.node, Function)
        and not is_command(one.node)
        and (names := [name for part in one.node.body for name in raised(part)])
        and not tells(one)
    ]
    assert not silent


@pytest.mark.slow
def test_every_twin_and_its_contract_are_there() -> None:
    names = {one.name for one in everything_public()}
    for twin, contract in TWINS.items():
        assert twin in names and (contract in names or "." in contract), twin


def test_a_raise_is_seen_unless_it_is_caught_in_the_same_function() -> None:
    def of(text: str) -> list[str]:
        return [name for part in ast.parse(text).body for name in raised(part)]

    assert of("if x:\n    raise a.WrongError(1)") == ["WrongError"]
    assert of("try:\n    raise WrongError\nexcept WrongError:\n    pass") == []
    assert of("try:\n    x()\nexcept OSError:\n    raise WrongError from None") == ["WrongError"]
    assert of("def inner():\n    raise WrongError") == []
