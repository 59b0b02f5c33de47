"""The words of the house: lines that fit beside each other on a screen, and bytes that are called
bytes. Whether what the documents say is true is looked at in `test_docs.py`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from worlds.support import REPOSITORY

COLUMNS = 100
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
ROOMS = ("core", "server", "client", "app", "lab", "public", "docs", "scenarios", "deploy", "tests")
TEXTS = {".py", ".md", ".toml", ".html", ".j2", ".json", ".yaml", ".yml", ".patch"}

CONTRACTS = {
    "octet-stream": "the media type of a file's bytes",
    "OCTETSTRING": "a kind of the MIF language",
    "comment-octet": "a rule of the MIF checker",
    "literal-octet": "a rule of the MIF checker",
    '"octets=0-1"': "a unit of ranges that no server knows",
    "octets given back (or 415 above)": "what a script of tests/data prints",
}
"""What says octet and stays: others read it, or wrote it."""

READ_TWICE = {
    r"\bthat (?:is|are) none\b": "say what it is not: `what is not a date`, `not in KINDS`",
    r"\b[Ww]hole or not at all": "`atomically`",
}
"""Turns that have to be read twice, and what to say instead."""


def name_of(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def prose(page: Path) -> Iterator[tuple[int, str]]:
    """The lines of a page outside its tables and code, with their numbers."""
    is_code = False
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        if line.lstrip().startswith("```"):
            is_code = not is_code
        elif not is_code and not line.startswith("|"):
            yield number, line


@pytest.mark.parametrize("page", DOCUMENTS, ids=name_of)
def test_prose_is_wrapped_where_code_is(page: Path) -> None:
    long = [
        f"{name_of(page)}:{number}: {line[:60]} ..."
        for number, line in prose(page)
        if len(line) > COLUMNS and " " in line[:COLUMNS].strip()
    ]
    assert not long


@pytest.mark.slow
def test_bytes_are_called_bytes() -> None:
    found = []
    allowed = re.compile("|".join(map(re.escape, CONTRACTS)))
    for path in (path for room in ROOMS for path in sorted((REPOSITORY / room).rglob("*"))):
        if path.suffix not in TEXTS or path == Path(__file__) or "data" in path.parts:
            continue
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if re.search("octet", allowed.sub("", line), re.IGNORECASE):
                found.append(f"{name_of(path)}:{number}: {line.strip()}")
    assert not found


def test_nothing_has_to_be_read_twice() -> None:
    code = [path for room in ROOMS[:6] for path in sorted((REPOSITORY / room).rglob("*.py"))]
    found = []
    for path in (*DOCUMENTS, *code):
        text = " ".join(path.read_text("utf-8").split())
        for turn, better in READ_TWICE.items():
            found += [f"{name_of(path)}: {one[0]}: {better}" for one in re.finditer(turn, text)]
    assert not found


@pytest.mark.parametrize("page", ["CHANGELOG.md", "docs/fidelity.md", "docs/limits.md"])
def test_a_page_of_many_rows_says_none_twice(page: str) -> None:
    """As two branches that say the same leave it when they are merged."""
    lines = (REPOSITORY / page).read_text("utf-8").splitlines()
    long = Counter(line for line in lines if len(line) > COLUMNS // 2 and set(line) - set("|- "))
    assert sorted(line for line, count in long.items() if count > 1) == []
    names = Counter(line.split(" | ")[0] for line in lines if line.startswith("| "))
    assert sorted(name for name, count in names.items() if count > 1 and len(name) > 16) == []
