"""Text in a terminal's cells: a character of Chinese, Japanese or Korean takes two.

The law: what is laid out for a terminal is measured here, never with `len`.
"""

from __future__ import annotations

import textwrap
from typing import Any, Final

from rich.cells import cell_len, set_cell_size

ELLIPSIS: Final = "…"


class _Measured(str):
    """A text whose length is its cells, as `textwrap` asks for it."""

    __slots__ = ()

    def __len__(self) -> int:
        return cell_len(str(self))


class _Wrapper(textwrap.TextWrapper):
    """Lines of so many cells, which may end after any wide character."""

    def __init__(self, width: int, first: str, rest: str, **how: Any) -> None:
        super().__init__(width, _Measured(first), _Measured(rest), **how)

    def _split(self, text: str) -> list[str]:
        found: list[str] = []
        for chunk in super()._split(text):
            if chunk.isascii():
                found.append(chunk)
                continue
            narrow = ""
            for one in chunk:
                if cell_len(one) > 1:
                    found += [narrow, _Measured(one)] if narrow else [_Measured(one)]
                    narrow = ""
                else:
                    narrow += one
            found += [narrow] if narrow else []
        return found


def wrap(text: str, width: int, first: str = "", rest: str = "", **how: Any) -> list[str]:
    """Lines of at most `width` cells, as `textwrap.wrap` makes them; `first` and `rest` stand
    before the first and the others.
    """
    return [str(line) for line in _Wrapper(width, first, rest, **how).wrap(text)]


def fill(text: str, width: int, first: str = "", rest: str = "", **how: Any) -> str:
    """The lines of `wrap` with line feeds between them."""
    return "\n".join(wrap(text, width, first, rest, **how))


def padded(text: str, width: int) -> str:
    """At least `width` cells, with spaces behind it."""
    return text + " " * (width - cell_len(text))


def cut(text: str, width: int) -> str:
    """At most `width` cells (and at least one), the last an ellipsis where more were."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(0, width - 1)).rstrip() + ELLIPSIS
