"""Times, spans and values in words: the few ways a report writes them, and nothing that a terminal
or a browser would obey.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

from despoolr_core.phrases import cut, named
from despoolr_core.rules import conflict
from despoolr_core.rules.conflict import wants
from despoolr_core.share.modes import Access, ShareMode, parse_flags

TEXT_MAX: Final = 400
SERVER_STOPPED: Final = "server stopped"
"""The reason of an open's end that is neither its holder's doing nor anybody's who wanted the
file.
"""
ITEMS_MAX: Final = 40
"""Items of a list or a table that a value shows."""
_UNPRINTABLE: Final = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\u061c\\u200b-\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff]"
)
"""Control and unpaired characters, and those without a shape that reorder or hide their
neighbours.
"""


def clean(value: Any, text_max: int = TEXT_MAX) -> str:
    """Text that is safe to print: control, bidirectional and unpaired characters become U+FFFD, and
    it is cut at `text_max`.
    """
    text = cut(str(value), text_max)
    if text.isascii() and text.isprintable():
        return text
    return _UNPRINTABLE.sub("�", text)


def value_text(value: Any, text_max: int = TEXT_MAX) -> str:
    """An expected or found value for people: `WS1: Complete, WS2: None`; lists one item after the
    other; `nothing` for none.
    """
    return clean(_value_text(value), text_max)


def _value_text(value: Any, is_inside: bool = False) -> str:
    if isinstance(value, str):
        return f'"{value}"' if is_inside and ", " in value else value or "nothing"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return _listed(
            (f"{key}: {_value_text(item, True)}" for key, item in value.items()), len(value), ", "
        )
    if isinstance(value, list | tuple):
        return _listed((_value_text(item) for item in value), len(value), "; ")
    return str(value)


def _listed(items: Iterable[str], number: int, between: str) -> str:
    shown = list(islice(items, ITEMS_MAX))
    if number > ITEMS_MAX:
        shown.append(f"and {number - ITEMS_MAX:,} more")
    return between.join(shown) or "nothing"


def unc(server: str, share: str, path: str) -> str:
    r"""The file as a Windows user would type it: `\\LOGON1\SMS_PKGD\BPC00001\b.dat`."""
    return clean("\\\\" + "\\".join(part for part in (server, share, *path.split("/")) if part))


def file_name(path: str) -> str:
    """The last part of a path."""
    return clean(path.replace("\\", "/").rpartition("/")[2] or path)


def program_on(program: str, machine: str) -> str:
    """`WINWORD.EXE on WS1`, or the machine alone."""
    return clean(f"{program} on {machine}" if program else machine)


def words_of(flags: str, none: str) -> str:
    """`READ|WRITE` as `read and write`, `READ` as `read`; `none` for no flag at all."""
    words = [word.lower().replace("_", " ") for word in flags.split("|") if word and word != "NONE"]
    return named(words) or none


def clash(access: str, share_mode: str, holder_access: str, holder_share_mode: str) -> str:
    """Why two opens exclude each other, by the two-line rule: each one's access must be inside what
    the other shares.

    Empty when the words do not tell (a lock, a pending delete).
    """
    try:
        opens = [
            wants(parse_flags(Access, access)),
            parse_flags(ShareMode, share_mode),
            wants(parse_flags(Access, holder_access)),
            parse_flags(ShareMode, holder_share_mode),
        ]
    except ValueError:
        return ""
    wanted, held = conflict.clash(*opens)
    reasons = []
    if wanted:
        reasons.append(
            f"it wants to {_names(wanted)}; the holder lets others "
            f"{words_of(holder_share_mode, 'do nothing')}"
        )
    if held:
        reasons.append(
            f"the holder may {_names(held)}; it lets others {words_of(share_mode, 'do nothing')}"
        )
    return clean("; ".join(reasons))


def _names(share_mode: int) -> str:
    kinds = (ShareMode.READ, ShareMode.WRITE, ShareMode.DELETE)
    return words_of("|".join(mode.name or "" for mode in kinds if share_mode & mode), "")


def how_closed(reason: str) -> str:
    """How an open came to its end, in a word or two: `closed` by its holder, or why it ended
    else.
    """
    return "closed" if reason in ("", "closed") else clean(reason)
