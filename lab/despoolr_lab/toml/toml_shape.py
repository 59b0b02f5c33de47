"""What a TOML text may be before anything reads it, and what its texts may hold afterwards.

The law: TOML's reader in Python's library calls itself for each bracket and each part of a dotted
key, and takes time in the square of the parts. So a key has at most `PARTS_MAX` parts, brackets
stand at most `DEPTH_MAX` deep in each other, and a text with more is refused by one look that costs
no more than its length. Names and lines keep to `despoolr_core.rules.text`; prose and the content
of files may have lines of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from despoolr_core.rules.text import why_unfit, why_unfit_prose

DEPTH_MAX: Final = 32
PARTS_MAX: Final = 32
LINE_SIZE_MAX: Final = 4096
"""Characters of a text that is neither prose nor the content of a file, and of a file's path."""

PROSE: Final = frozenset({"story", "title"})
CONTENT: Final = frozenset({"files", "content", "raw"})
"""Keys under which the content of files stands: it may be anything that TOML can carry, and their
paths are as long as a share takes them.
"""

_TOKEN: Final = re.compile(
    r'"""(?:[^"\\]|\\[\s\S]|"(?!""))*+(?:"{3,5}|\Z)'
    r"|'''(?:[^']|'(?!''))*+(?:'{3,5}|\Z)"
    r'|"(?:[^"\\\n]|\\.)*+"?'
    r"|'[^'\n]*+'?"
    r"|\#[^\n]*+"
    r"|(?P<open>[\[{])|(?P<close>[\]}])|(?P<dot>\.)|(?P<end>[=,\n])"
    r"|[^\"'\#\[\]{}.=,\n]++"
)


def why_refused(text: str) -> tuple[str, int]:
    """Why a text is not handed to a reader, as a clause, and the line; `("", 0)` for one that
    is.
    """
    depth = dots = 0
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind is None:
            continue
        if kind == "dot":
            dots += 1
            if dots >= PARTS_MAX:
                return f"a key has more than {PARTS_MAX} parts", _line(text, token.start())
            continue
        dots = 0
        if kind == "open":
            depth += 1
            if depth > DEPTH_MAX:
                return f"brackets stand more than {DEPTH_MAX} deep in each other", _line(
                    text, token.start()
                )
        elif kind == "close":
            depth = max(0, depth - 1)
    return "", 0


def unfit(document: dict[str, Any]) -> Iterator[tuple[list[str | int], str]]:
    """The paths of keys and texts that nobody may have, each with a clause. The document is as deep
    as `DEPTH_MAX` at most.
    """
    yield from _unfit_in(document, [], why_unfit)


def _unfit_in(
    value: Any, path: list[str | int], rule: Any
) -> Iterator[tuple[list[str | int], str]]:
    if isinstance(value, dict):
        names_files = bool(path) and path[-1] in CONTENT
        for key, item in value.items():
            if reason := why_unfit(key, LINE_SIZE_MAX) if names_files else why_unfit(key):
                yield path, f"a key {reason}"
            within = (
                None
                if key in CONTENT or rule is None
                else why_unfit_prose
                if key in PROSE
                else rule
            )
            yield from _unfit_in(item, [*path, key], within)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _unfit_in(item, [*path, number], rule)
    elif isinstance(value, str) and rule is not None:
        reason = why_unfit(value, LINE_SIZE_MAX) if rule is why_unfit else rule(value)
        if reason:
            yield path, f"{path[-1] if path else 'a text'} {reason}"


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
