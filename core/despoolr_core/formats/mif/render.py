"""A tree back to bytes: letter for letter (`render_verbatim`), or in one clean style (`render`).

Law: `render_verbatim(parse(x)) == x`; `parse(render(m))` means what `m` means. The style
is ISMIF32's: CRLF, ASCII, upper-case keywords, one statement a line, two blanks a level; everything
outside 20-7E is an escape. Comments are kept, each on a line of its own before the statement it
stood with: delta headers are comments.
"""

from __future__ import annotations

from typing import Final

import msgspec

from despoolr_core.formats.mif.language.findings import MifError
from despoolr_core.formats.mif.language.model import (
    KIND_OF,
    Block,
    Encoding,
    Item,
    Member,
    Mif,
    PathReference,
    Row,
    Statement,
    Type,
    Value,
    scan_comments,
)
from despoolr_core.formats.mif.language.tokens import encode, quote

LITERAL_PART_MAX: Final = 500
"""Bytes of one literal; a longer string is written as adjacent literals (REF reads at most 508 in
one).
"""

_WORD_STATEMENTS: Final = frozenset({"ID", "ACCESS", "STORAGE"})


def render_verbatim(mif: Mif) -> bytes:
    """The file as it was read. Nodes put in by a program are written in the writer's style on lines
    of their own.

    Raises `MifError` if such a node has a character the file has no way to write.
    """
    if not mif.component.start:
        return render(mif)
    out: list[str] = []
    for item in mif.header:
        out += (item.lead, item.text)
    _verbatim(mif.component, 0, mif, out)
    out.append(mif.tail)
    return encode("".join(out), mif.encoding)


def _verbatim(block: Block, depth: int, mif: Mif, out: list[str]) -> None:
    out += (block.lead, block.start)
    for item in block.items:
        if isinstance(item, Block):
            if item.start:
                _verbatim(item, depth + 1, mif, out)
                continue
        elif item.text:
            out += (item.lead, item.text)
            continue
        lines: list[str] = []
        _write(item, "  " * (depth + 1), mif.encoding is Encoding.UTF_16_BE, lines)
        out += [f"\r\n{line}" for line in lines]
    out += (block.end_lead, block.end)


def render(mif: Mif) -> bytes:
    """The file in the writer's style: ASCII bytes, or UTF-16 (FE FF) if a character lies beyond
    ISO 8859-1.
    """
    try:
        return _render(mif, wide=False)
    except _TooWide:
        return _render(mif, wide=True)


class _TooWide(MifError):
    """A character that an 8-bit file has no escape for."""

    def __init__(self) -> None:
        super().__init__(
            "a character beyond ISO 8859-1 in an 8-bit file", rule="escape", source="IBM 016"
        )


def _render(mif: Mif, *, wide: bool) -> bytes:
    lines: list[str] = []
    for item in mif.header:
        _write(item, "", wide, lines)
    _write(mif.component, "", wide, lines)
    _comments(mif.tail, "", lines)
    lines.append("")
    text = "\r\n".join(lines)
    if wide:
        return encode(text, Encoding.UTF_16_BE)
    try:
        return encode(text, Encoding.LATIN_1)
    except UnicodeEncodeError:
        raise _TooWide() from None


def _write(item: Item, pad: str, wide: bool, out: list[str]) -> None:
    if isinstance(item, Block):
        kind = KIND_OF[type(item)]
        _comments(item.lead + item.start, pad, out)
        out.append(f"{pad}START {kind}")
        deeper = pad + "  "
        for inner in item.items:
            _write(inner, deeper, wide, out)
        _comments(item.end_lead + item.end, pad, out)
        out.append(f"{pad}END {kind}")
        return
    if item.lead or item.text:
        _comments(item.lead + item.text, pad, out)
    if type(item) is Statement:
        _statement(item, pad, wide, out)
    elif type(item) is Member:
        first, *more = _literals(item.string, wide)
        out.append(f"{pad}{item.number} = {first}")
        out += [f"{pad}  {part}" for part in more]
    elif type(item) is Row:
        out.append(
            pad
            + "{"
            + ", ".join("" if v is None else " ".join(_value(v, wide)) for v in item.values)
            + "}"
        )


def _comments(text: str, pad: str, out: list[str]) -> None:
    if "//" in text:
        out += [f"{pad}//{comment}" for _, comment in scan_comments(text)]


def _statement(statement: Statement, pad: str, wide: bool, out: list[str]) -> None:
    keyword, value = statement.keyword, statement.value
    if keyword in _WORD_STATEMENTS:
        out.append(f"{pad}{keyword} = {value}")
        return
    if isinstance(value, Type):
        if value.enum is not None:
            at = len(out)
            _write(_bare(value.enum), pad, wide, out)
            out[at] = f"{pad}TYPE = START ENUM"
            return
        parts = _literals(value.name, wide) if value.name is not None else [_type(value)]
    elif isinstance(value, tuple):
        parts = [",".join(str(n) for n in value)]
    else:
        parts = _value(value, wide)
    out.append(f"{pad}{keyword} = {parts[0]}")
    if len(parts) > 1:
        out += [f"{pad}  {part}" for part in parts[1:]]


def _bare(block: Block) -> Block:
    """An inline enumeration without its comments: the TYPE statement's text has them already."""
    items = tuple(
        msgspec.structs.replace(item, lead="", text="")
        for item in block.items
        if isinstance(item, Statement | Member)
    )
    return type(block)(items)


def _type(kind: Type) -> str:
    return kind.kind if kind.size is None else f"{kind.kind}({kind.size})"


def _value(value: Value, wide: bool) -> list[str]:
    if isinstance(value, str):
        return _literals(value, wide)
    if isinstance(value, int):
        return [str(value)]
    if isinstance(value, PathReference):
        first, *more = _literals(value.name, wide)
        return [f"*{first}", *more]
    return [value.value]


def _literals(string: str, wide: bool) -> list[str]:
    """One literal, or several that the reader joins, each short enough."""
    if not wide and not string.isascii() and any(character > "\xff" for character in string):
        raise _TooWide()
    step = LITERAL_PART_MAX // 4 if wide else LITERAL_PART_MAX
    if len(string) <= step:
        return [quote(string, wide=wide)]
    return [quote(string[n : n + step], wide=wide) for n in range(0, len(string), step)]
