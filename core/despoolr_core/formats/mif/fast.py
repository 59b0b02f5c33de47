"""The short way for plain MIFs, several times faster than the parser and never of another opinion.

Law: whatever is not plain (adjacent literals, enumerations, tables, paths, a Unicode file, any
mistake) is declined with None and goes to `parser`, which alone knows what is wrong. One regular
expression cuts the text into statements; a statement seen before is not looked at again: nodes are
frozen and know no position, so equal texts share one node. (40,000 status MIFs a night, Q140389,
are made of the same sixty lines.)
"""

from __future__ import annotations

import re
from typing import Final

from despoolr_core.formats.mif.language.model import (
    BLOCKS,
    Block,
    Component,
    Item,
    Mif,
    Special,
    Statement,
    Type,
    Value,
)
from despoolr_core.formats.mif.language.tokens import INTEGER, WORD, parse_integer, unescape
from despoolr_core.formats.mif.language.words import (
    ACCESS_WORDS,
    BLOCK_WORDS,
    LITERAL_KEYWORDS,
    STORAGE_WORDS,
    STRING_KINDS,
    TYPE_KINDS,
)
from despoolr_core.rules.fold import fold
from despoolr_core.rules.memory import remembered

_BLANK: Final = r"[ \t\r\n\f\v]*+"
_SHOWN: Final = r"[\x20\x21\x23-\x5b\x5d-\x7e\xa0-\xff]*+"
_PLAIN: Final = rf'"{_SHOWN}(?:\\[\x21-\x7e]{_SHOWN})*+"'
_PLAIN_TRIVIA: Final = r"(?:[ \t\r\n\f\v]++|//[\t\x0b-\r\x20-\x7e\xa0-\xff]*+)*+"
_PLAIN_GROUP: Final = f"({_PLAIN})"
_CUT: Final = re.compile(
    rf"{_PLAIN_TRIVIA}{WORD}{_BLANK}(?:={_BLANK}(?:{_PLAIN}|{INTEGER}(?:{_BLANK},{_BLANK}{INTEGER})*+|{WORD}(?:{_BLANK}\({_BLANK}{INTEGER}{_BLANK}\))?+)|{WORD})"
    r"|[\s\S]++"
)
"""A statement, a START or an END with the white space before it; or, as the last piece, all the
rest.
"""

_PARTS: Final = re.compile(
    rf"({_PLAIN_TRIVIA})(({WORD}){_BLANK}(?:={_BLANK}(?:{_PLAIN_GROUP}|({INTEGER}(?:{_BLANK},{_BLANK}{INTEGER})*+)"
    rf"|({WORD})(?:{_BLANK}\({_BLANK}({INTEGER}){_BLANK}\))?+)|({WORD})))"
)
_TAIL: Final = re.compile(rf"{_PLAIN_TRIVIA}(?:\x1a[ \t\r\n\f\v\x1a]*+)?+\Z")
_PIECE_MAX: Final = 500
"""Longer pieces are declined: no literal here can exceed the 508 bytes that need a warning, and
the memory is bounded.
"""


class _Edge:
    """START or END of a block."""

    __slots__ = ("cls", "kind", "lead", "starts", "text")

    def __init__(self, kind: str, *, starts: bool, lead: str, text: str) -> None:
        self.kind = kind
        self.cls = BLOCKS[kind]
        self.starts = starts
        self.lead = lead
        self.text = text


def read(text: str) -> Mif | None:
    """The tree of a plain 8-bit MIF without LANGUAGE, or None: let the parser read it."""
    pieces = _CUT.findall(text)
    tail = ""
    if pieces and _TAIL.match(pieces[-1]):
        tail = pieces.pop()
    stack: list[tuple[_Edge, list[Item]]] = []
    items: list[Item] = []
    block: Block | None = None
    for piece in pieces:
        node = _node(piece)
        if type(node) is Statement:
            items.append(node)
        elif node is None or block is not None:
            return None
        elif type(node) is _Edge:
            if node.starts:
                stack.append((node, items))
                if _DEPTH.get(node.kind) != len(stack):
                    return None
                items = []
            else:
                if not stack or stack[-1][0].kind != node.kind:
                    return None
                start, outer = stack.pop()
                built = start.cls(tuple(items), start.lead, start.text, node.lead, node.text)
                items = outer
                if stack:
                    items.append(built)
                else:
                    block = built
    # Statements outside the component would have landed in the outermost list.
    return Mif(block, (), tail) if type(block) is Component and not items else None


_DEPTH: Final = {"COMPONENT": 1, "GROUP": 2, "ATTRIBUTE": 3}


@remembered(4096, _PIECE_MAX, len)
def _node(piece: str) -> Statement | _Edge | None:  # noqa: C901 - a table of what is plain
    """What a piece is; None for anything that is not plain."""
    match = _PARTS.fullmatch(piece) if len(piece) <= _PIECE_MAX else None
    if match is None:
        return None
    lead, text, word, literal, numbers, name, size, block = match.groups()
    keyword = fold(word)
    if block is not None:
        kind = BLOCK_WORDS.get(fold(block))
        if keyword not in ("START", "END") or kind not in _DEPTH:
            return None
        return _Edge(kind, starts=keyword == "START", lead=lead, text=text)
    value: Value | Type | tuple[int, ...] | None = None
    if literal is not None:
        try:
            literal = unescape(literal[1:-1], 0, _decline)
        except _Decline:
            return None
        if keyword in LITERAL_KEYWORDS or keyword == "VALUE":
            value = literal
        elif keyword == "TYPE":
            value = Type("ENUM", name=literal)
    elif numbers is not None:
        if keyword == "KEY":
            value = tuple(parse_integer(n.strip()) for n in numbers.split(","))
        elif keyword in ("ID", "VALUE") and "," not in numbers:
            value = parse_integer(numbers)
    else:
        value = _word_value(keyword, fold(name), size)
    return None if value is None or keyword == "LANGUAGE" else Statement(keyword, value, lead, text)


class _Decline(Exception):
    """Something worth a report: the parser's business."""


def _decline(_rule: str, _offset: int, _text: str) -> None:
    raise _Decline


def _word_value(keyword: str, word: str, size: str | None) -> Value | Type | None:
    if keyword == "TYPE" and word in TYPE_KINDS:
        kind = TYPE_KINDS[word]
        if size is None:
            return Type(kind)
        return Type(kind, parse_integer(size)) if kind in STRING_KINDS else None
    if size is not None:
        return None
    if (keyword == "ACCESS" and word in ACCESS_WORDS) or (
        keyword == "STORAGE" and word in STORAGE_WORDS
    ):
        return word
    if keyword == "VALUE" and word in ("UNSUPPORTED", "UNKNOWN"):
        return Special(word)
    return None
