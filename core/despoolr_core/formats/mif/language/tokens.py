"""Bytes to characters, characters to tokens, and literals to the strings they stand for.

Law: `mif.md` section 1. White space and comments only separate; a token is a word, an integer, a
literal or one of `= , ( ) { } * -`. Possessive quantifiers keep every pattern linear on hostile
input.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec

from despoolr_core.formats.mif.language.model import Encoding

TRIVIA: Final = r"(?:[ \t\r\n\f\v]++|//[^\n\x1a]*+)*+"
WORD: Final = r"[A-Za-z_][A-Za-z0-9_-]*+"
INTEGER: Final = r"(?:0[xX][0-9A-Fa-f]++|0[0-7]*+|[1-9][0-9]*+)"
"""A digit wrong for the radix ends the number (REF): `08` is 0 and a stray 8, `0x` is 0 and the
word x.
"""

_TOKEN: Final = re.compile(
    rf"(?P<lead>{TRIVIA})(?:(?P<word>{WORD})|(?P<integer>{INTEGER})"
    r'|(?P<literal>"[^"\\]*+(?:\\[\s\S][^"\\]*+)*+")|(?P<mark>[=,(){}*-])|(?P<eof>\x1a|\Z)|(?P<bad>[\s\S]))'
)
_BAD_IN_COMMENT: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_BAD_IN_LITERAL: Final = re.compile(r"\r?\n|[\x00-\x1f\x7f-\x9f]")
_ESCAPE_8: Final = re.compile(r"\\(?:([0-7]{1,3})|[xX]([0-9A-Fa-f]{1,2})|([\s\S]))")
_ESCAPE_16: Final = re.compile(r"\\(?:([0-7]{1,6})|[xX]([0-9A-Fa-f]{1,4})|([\s\S]))")
_ESCAPED_QUOTE: Final = re.compile(r'(?<!\\)(?:\\\\)*+\\"')
_ESCAPES: Final = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    '"': '"',
    "'": "'",
    "?": "?",
}
"""IBM 016; `\\'`, `\\?` and upper-case letters from REF."""

LITERAL_MAX: Final = 508
"""Bytes a literal may hold in REF and that IBM's service layer shows."""

Report = Callable[[str, int, str], None]
"""`report(rule, offset, text)`: may raise, if the rule is an error in the reader's mode."""


class Token(msgspec.Struct, frozen=True, gc=False):
    """One token: `kind` is word, integer, literal, mark, eof or bad; offsets in characters."""

    kind: str
    text: str
    start: int
    end: int


def next_token(text: str, pos: int, report: Report) -> Token:
    """The token after the white space at `pos`. Bad bytes in a comment are reported and passed."""
    match = _TOKEN.match(text, pos)
    assert match is not None and match.lastgroup is not None, "the last alternatives match anything"
    kind = match.lastgroup
    start, end = match.span(kind)
    if start - pos > 1 and (bad := _BAD_IN_COMMENT.search(text, pos, start)):
        report("comment-octet", bad.start(), f"byte 0x{ord(bad[0]):02X} in a comment")
    return Token(kind, text[start:end], start, end)


def decode(data: bytes) -> tuple[str, Encoding, tuple[str, str] | None]:
    """Characters, encoding, and the rule the encoding breaks (rule, text) if any. The byte order
    mark is taken off.

    Bytes that the encoding cannot mean give the rule `undecodable` and no characters.
    """
    if data[:2] == b"\xfe\xff":
        return _decode(
            data[2:],
            Encoding.UTF_16_BE,
            ("unicode", "a Unicode file: IBM's service layer and SMS refuse it"),
        )
    if data[:2] == b"\xff\xfe":
        return _decode(
            data[2:],
            Encoding.UTF_16_LE,
            ("encoding", "UTF-16 little-endian (FF FE) is no MIF encoding: save it as ANSI"),
        )
    if data[:3] == b"\xef\xbb\xbf":
        return _decode(
            data[3:],
            Encoding.UTF_8,
            ("encoding", "UTF-8 (EF BB BF) is no MIF encoding: save it as ANSI"),
        )
    return data.decode("latin-1"), Encoding.LATIN_1, None


def _decode(
    data: bytes, encoding: Encoding, flaw: tuple[str, str]
) -> tuple[str, Encoding, tuple[str, str] | None]:
    if encoding is not Encoding.UTF_8 and len(data) % 2:
        return (
            "",
            encoding,
            (
                "undecodable",
                f"an odd number of bytes ({len(data)} after the mark) in a two-byte file",
            ),
        )
    try:
        return (
            data.decode(encoding, "strict" if encoding is Encoding.UTF_8 else "surrogatepass"),
            encoding,
            flaw,
        )
    except UnicodeDecodeError as error:
        return "", encoding, ("undecodable", f"byte {error.start + 3} is no UTF-8")


BYTE_ORDER_MARK: Final[dict[Encoding, bytes]] = {
    Encoding.LATIN_1: b"",
    Encoding.UTF_16_BE: b"\xfe\xff",
    Encoding.UTF_16_LE: b"\xff\xfe",
    Encoding.UTF_8: b"\xef\xbb\xbf",
}


def encode(text: str, encoding: Encoding) -> bytes:
    """The inverse of `decode`. Raises `UnicodeEncodeError` for a character the encoding does not
    have.
    """
    if encoding is Encoding.LATIN_1:
        return text.encode("latin-1")
    return BYTE_ORDER_MARK[encoding] + text.encode(
        encoding, "strict" if encoding is Encoding.UTF_8 else "surrogatepass"
    )


def byte_count(string: str, *, wide: bool) -> int:
    """How many bytes a string fills: a character of a Unicode file fills two (IBM, REF)."""
    return len(string.encode("utf-16-be", "surrogatepass")) if wide else len(string)


def has_escaped_quote(data: bytes) -> bool:
    """Whether `\\"` stands in a literal of a MIF that can be read."""
    text, _, _ = decode(data)
    pos = 0 if '\\"' in text else len(text)
    while pos < len(text):
        token = next_token(text, pos, lambda _rule, _offset, _text: None)
        if token.kind == "eof":
            break
        if token.kind == "literal" and _ESCAPED_QUOTE.search(token.text):
            return True
        pos = token.end
    return False


def parse_integer(text: str) -> int:
    """`nnn` decimal, `0nnn` octal, `0xnnn` hexadecimal (IBM 016); a leading `-` is allowed."""
    digits = text.lstrip("-").strip()
    radix = 16 if digits[:2] in ("0x", "0X") else 8 if digits[0] == "0" else 10
    value = int(digits, radix)
    return -value if text[0] == "-" else value


def unescape(body: str, offset: int, report: Report, *, wide: bool = False) -> str:
    """What stands between the quotes, decoded. `offset` is the body's place, for reports.

    A reader that tolerates an unknown escape keeps its backslash.
    """
    bad = _BAD_IN_LITERAL.search(body)
    while bad:
        if "\n" in bad[0]:
            report("literal-newline", offset + bad.start(), "the line ends inside a literal")
        else:
            report(
                "literal-octet",
                offset + bad.start(),
                f"byte 0x{ord(bad[0]):02X} in a literal: write it as \\x{ord(bad[0]):02x}",
            )
        bad = _BAD_IN_LITERAL.search(body, bad.end())
    if "\\" not in body:
        return body

    limit = 0xFFFF if wide else 0xFF

    def one(match: re.Match[str]) -> str:
        octal, hexadecimal, letter = match.groups()
        at = offset + match.start()
        if letter is not None:
            plain = _ESCAPES.get(letter) or _ESCAPES.get(letter.lower())
            if plain is None:
                report(
                    "escape",
                    at,
                    f"unknown escape \\{letter if letter.isprintable() else ''}: a backslash is "
                    "written \\\\",
                )
                return match[0]
            return plain
        value = int(octal, 8) if octal is not None else int(hexadecimal, 16)
        if value > limit:
            report("escape", at, f"{match[0]} is above the character set's maximum")
            return match[0]
        if octal is not None and octal[0] != "0":
            report("octal", at, f"{match[0]}: write octal with a leading 0, or hexadecimal")
        return chr(value)

    if not wide:
        return _ESCAPE_8.sub(one, body)
    # Two escapes can make one character: let them join as two code units of the file would.
    return (
        _ESCAPE_16.sub(one, body)
        .encode("utf-16-be", "surrogatepass")
        .decode("utf-16-be", "surrogatepass")
    )


_MUST_ESCAPE: Final = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")
_SHORT: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quote(string: str, *, wide: bool = False) -> str:
    """A literal in ASCII: `"` and `\\` escaped, all else outside 20-7E as a padded `\\xnn`
    (`\\xnnnn` in a Unicode file).
    """
    if _MUST_ESCAPE.search(string) is None:
        return f'"{string}"'

    def one(match: re.Match[str]) -> str:
        character = match[0]
        if character in _SHORT:
            return _SHORT[character]
        if not wide:
            return f"\\x{ord(character):02x}"
        units = character.encode("utf-16-be", "surrogatepass").hex()
        return "".join(f"\\x{units[n : n + 4]}" for n in range(0, len(units), 4))

    return '"' + _MUST_ESCAPE.sub(one, string) + '"'
