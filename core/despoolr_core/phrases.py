"""Amounts and lists for people: how a count, a number of bytes and several names are said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_UNITS: Final = ("KiB", "MiB", "GiB", "TiB")


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: `1 attempt`, `2,569 records`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def how_often(number: int) -> str:
    """How often in words: `once`, `twice`, `1,000 times`."""
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")


def size(count: int) -> str:
    """Bytes: `12 bytes`, `3.4 MiB`."""
    if count < 1024:
        return f"{count} byte{'' if count == 1 else 's'}"
    power = min((count.bit_length() - 1) // 10, len(_UNITS))
    return f"{count / 1024**power:.1f} {_UNITS[power - 1]}"


def named(words: Sequence[str], most: int = 5) -> str:
    """`a, b and c`; of more than `most`, as many, `and 7 more`. None: the empty text."""
    shown = list(words[:most]) + ([f"{len(words) - most:,} more"] if len(words) > most else [])
    return " and ".join(part for part in (", ".join(shown[:-1]), *shown[-1:]) if part)


def cut(text: str, length: int) -> str:
    """At most `length` characters (and at least one), the last an ellipsis where more were."""
    return text if len(text) <= length else text[: max(0, length - 1)] + "…"
