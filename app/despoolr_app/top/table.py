"""A table of a terminal: as wide as it may be, in cells of one colour.

The law: a name is cut only where nothing else can give way; columns go first, in the order that a
table says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from rich.cells import cell_len

from despoolr_app.cells import cut, padded
from despoolr_app.top.answer import TopTarget

GAP: Final = 2


class TopCell(NamedTuple):
    """A text and its colour: `hold`, `refused`, `right`, `retry`, `dim`, or none."""

    text: str
    colour: str = ""


@dataclass(frozen=True, slots=True)
class TopLine:
    """One line: its parts, and what it is about."""

    parts: tuple[TopCell, ...]
    target: TopTarget | None = None

    @property
    def text(self) -> str:
        """The line without its colours."""
        return "".join(part.text for part in self.parts)


@dataclass(frozen=True, slots=True)
class TopColumn:
    """A column of a table: `gives_way` is when it goes where there is no room (0: never)."""

    head: str
    gives_way: int = 0
    is_number: bool = False


Row = tuple[Sequence[TopCell], TopTarget | None]
Pane = tuple[Sequence[TopColumn], list[Row], int]
"""The columns and rows of a pane, and how many more rows there are."""


def table(columns: Sequence[TopColumn], rows: Sequence[Row], width: int) -> list[TopLine]:
    """A heading and a line a row. Where it is too wide columns give way, in their order; then the
    widest column is cut.
    """
    keep = list(range(len(columns)))
    while _wide(columns, rows, keep) > width:
        gone = [index for index in keep if columns[index].gives_way]
        if not gone:
            break
        keep.remove(min(gone, key=lambda index: columns[index].gives_way))
    widths = {index: _column_width(columns, rows, index) for index in keep}
    while (over := sum(widths.values()) + GAP * (len(keep) - 1) - width) > 0:
        widest = max(keep, key=lambda index: widths[index])
        if widths[widest] <= 6:
            break
        widths[widest] -= min(over, max(1, widths[widest] - 6))
    heading = [TopCell(columns[index].head, "dim") for index in range(len(columns))]
    return [
        _line(columns, cells, keep, widths, target) for cells, target in [(heading, None), *rows]
    ]


def _column_width(columns: Sequence[TopColumn], rows: Sequence[Row], index: int) -> int:
    return max([cell_len(columns[index].head), *(cell_len(cells[index].text) for cells, _ in rows)])


def _wide(columns: Sequence[TopColumn], rows: Sequence[Row], keep: Sequence[int]) -> int:
    return sum(_column_width(columns, rows, i) for i in keep) + GAP * (len(keep) - 1)


def _line(
    columns: Sequence[TopColumn],
    cells: Sequence[TopCell],
    keep: Sequence[int],
    widths: dict[int, int],
    target: TopTarget | None,
) -> TopLine:
    parts = []
    for place, index in enumerate(keep):
        text = cut(cells[index].text, widths[index])
        is_last = place == len(keep) - 1
        if columns[index].is_number:
            text = f"{text:>{widths[index]}}"
        elif not is_last:
            text = padded(text, widths[index])
        parts.append(TopCell(text + ("" if is_last else " " * GAP), cells[index].colour))
    return TopLine(tuple(parts), target)


def texts(lines: Iterable[TopLine]) -> list[str]:
    """The lines as they look without colour."""
    return [line.text.rstrip() for line in lines]
