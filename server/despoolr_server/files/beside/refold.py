"""What an older version kept under another fold of a name is found under today's.

The law: attributes and properties are kept by key, and keys are folded names. Before a root said of
which fold its keys are, a key was made with Python's own capitals: a file called U+0131 (dotless i)
had the key `I`. Such a root is walked once, at start, and what is kept for a name under the key it
had goes under the key it has. The journal needs nothing: its records name paths as they were
written and are folded as they are read.
"""
# Paths are plain strings here, as in `places`.

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from despoolr_core.rules.fold import FOLD, fold
from despoolr_server.files.beside.attributes import AttributeList
from despoolr_server.files.beside.properties import PropertyList

MARK: Final = "fold"
"""The file beside the lists that says of which fold their keys are."""


def refold(private: Path, attributes: AttributeList, properties: PropertyList) -> None:
    """Bring both lists of the root above `private` to today's keys, unless they are. Raises
    `OSError`.
    """
    mark = private / MARK
    try:
        if mark.read_text("utf-8") == FOLD:
            return
    except FileNotFoundError:
        pass
    _walk(str(private.parent), private.name, attributes, properties)
    temporary = mark.with_suffix(".new")
    temporary.write_text(FOLD, "utf-8")
    temporary.replace(mark)


def _walk(base: str, private: str, attributes: AttributeList, properties: PropertyList) -> None:
    """Each directory before what is in it: a directory that is called otherwise takes what is below
    it along.
    """
    todo = [(base, "")]
    while todo:
        path, key = todo.pop()
        found: list[tuple[str, bool]] = []
        # deeper than the system goes: made by hand
        with suppress(OSError), os.scandir(path) as entries:
            found = [
                (e.name, e.is_dir(follow_symlinks=False))
                for e in entries
                if key or e.name != private
            ]
        taken = {fold(name) for name, _ in found}
        for name, is_directory in found:
            former, now = _former_fold(name), fold(name)
            if former != now and former not in taken:
                attributes.rename(_join(key, former), _join(key, now))
                properties.rename(_join(key, former), _join(key, now))
            if is_directory:
                todo.append((f"{path}/{name}", _join(key, now)))


def _former_fold(text: str) -> str:
    """As names were folded before there was a mark."""
    return "".join(upper if len(upper := char.upper()) == 1 else char for char in text)


def _join(directory: str, part: str) -> str:
    return f"{directory}/{part}" if directory else part
