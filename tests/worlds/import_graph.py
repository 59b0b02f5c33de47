"""Which of our modules imports which, read from the source: at the top of a module, inside its
functions, or only for its types.
"""

from __future__ import annotations

import ast
import gc
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from worlds.support import REPOSITORY

ROOTS = ("core", "server", "client", "app", "lab", "public")


class Import(NamedTuple):
    """One import of one of our modules by another."""

    importer: str
    imported: str
    line: int
    in_function: bool


@cache
def _trees() -> Mapping[Path, ast.Module]:
    """All of ours at once, with the garbage collector resting, which would take three times as long
    as the parser does, and passes over them from then on.
    """
    gc.collect()
    gc.disable()
    try:
        return {path: ast.parse(path.read_text("utf-8")) for path in modules().values()}
    finally:
        gc.freeze()
        gc.enable()


def tree_of(path: Path) -> ast.Module:
    """A file of ours, parsed once for all who look at it: nobody changes it."""
    return _trees()[path]


@cache
def nodes_of(tree: ast.Module) -> tuple[ast.AST, ...]:
    """All of a file, walked once for all who look at it."""
    return tuple(ast.walk(tree))


@cache
def modules() -> Mapping[str, Path]:
    """Every module of ours by its dotted name, packages too."""
    found: dict[str, Path] = {}
    for root in ROOTS:
        for path in sorted((REPOSITORY / root).rglob("*.py")):
            parts = path.relative_to(REPOSITORY / root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports() -> tuple[Import, ...]:
    """Every import, wherever in a module it stands."""
    return tuple(one for name, path in modules().items() for one in _of(name, path))


def _of(name: str, path: Path) -> Iterator[Import]:
    for node, in_function in _statements(tree_of(path), in_function=False):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        else:
            named = [f"{node.module}.{alias.name}" for alias in node.names]
        for one in named:
            module = one if one in modules() else one.rpartition(".")[0]
            if module in modules() and module != name:
                yield Import(name, module, node.lineno, in_function)


def _statements(
    node: ast.AST, *, in_function: bool
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for child in ast.iter_child_nodes(node):
        inside = in_function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, inside
        yield from _statements(child, in_function=inside)


def room_of(module: str) -> str:
    """The folder a module lies in, dotted."""
    is_package = modules()[module].name == "__init__.py"
    return module if is_package else module.rpartition(".")[0]


def circles(arrows: Mapping[str, Collection[str]]) -> list[tuple[str, ...]]:
    """Groups of names of which each can be reached from each, in order (Tarjan)."""
    found: list[tuple[str, ...]] = []
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    waiting: list[str] = []

    def look(name: str) -> None:
        number[name] = lowest[name] = len(number)
        waiting.append(name)
        for other in sorted(arrows.get(name, ())):
            if other not in number:
                look(other)
                lowest[name] = min(lowest[name], lowest[other])
            elif other in waiting:
                lowest[name] = min(lowest[name], number[other])
        if lowest[name] == number[name]:
            group = waiting[waiting.index(name) :]
            del waiting[waiting.index(name) :]
            if len(group) > 1:
                found.append(tuple(sorted(group)))

    for name in sorted(arrows):
        if name not in number:
            look(name)
    return sorted(found)
