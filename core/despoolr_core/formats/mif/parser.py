"""The grammar of `mif.md` section 2, one method a rule, over tokens taken one at a time.

Law: the parser knows what a MIF looks like and nothing of what it means; meaning is checked
afterwards (`checks`). What is wrong is reported by the name of a rule; whether that ends the
reading is the reader's mode (`rules`), unless the reader collects: then a bad statement is stepped
over and the next one read. Every byte ends up in some node.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

from despoolr_core.formats.mif.language.findings import MifError, MifFinding, Mode, Places, Severity
from despoolr_core.formats.mif.language.model import (
    BLOCKS,
    Block,
    Component,
    Encoding,
    Enumeration,
    Item,
    Member,
    Mif,
    PathReference,
    Row,
    Skipped,
    Special,
    Statement,
    Type,
    Value,
)
from despoolr_core.formats.mif.language.rules import RULES
from despoolr_core.formats.mif.language.tokens import (
    LITERAL_MAX,
    Token,
    byte_count,
    next_token,
    parse_integer,
    unescape,
)
from despoolr_core.formats.mif.language.words import (
    ACCESS_WORDS,
    BLOCK_WORDS,
    CHILDREN,
    LITERAL_KEYWORDS,
    OS_KEYWORDS,
    STATEMENTS,
    STORAGE_WORDS,
    STRING_KINDS,
    TYPE_KINDS,
)
from despoolr_core.rules.fold import fold

FINDINGS_MAX: Final = 1_000
"""A reader that collects stops after so many findings: a file that bad needs no longer list."""

_REST_OF_LINE: Final = re.compile(r"[^\r\n\x1a]*?(?=[ \t]*(?://|[\r\n\x1a]|\Z))")


class _Resync(Exception):
    """The statement cannot be read on, and the reader goes on with the next."""


class Parser:
    """Reads one component. `collect`: go on after errors, so that `findings` has as many as there
    are.
    """

    def __init__(
        self, text: str, mode: Mode, encoding: Encoding = Encoding.LATIN_1, *, collect: bool = False
    ) -> None:
        self._text = text
        self._places = Places(text)
        self._mode = mode
        self._encoding = encoding
        self._wide = encoding is Encoding.UTF_16_BE
        self._collect = collect
        self._end = 0
        """Where the last consumed token ends; what follows up to a node's first token is that
        node's lead.
        """
        self._peeked: Token | None = None
        self._open: list[str] = []
        self.findings: list[MifFinding] = []

    # reports

    def report(self, rule: str, offset: int, text: str) -> None:
        """Note a broken rule. Raises `MifError` if it is an error here and this reader does not
        collect.
        """
        row = RULES[rule]
        severity = row.severity(self._mode)
        if severity is None:
            return
        line, column = self._places.of(offset)
        if severity >= Severity.ERROR and not self._collect:
            raise MifError(text, line, column, rule, row.source)
        self.findings.append(MifFinding(line, column, severity, rule, text, row.source))
        if len(self.findings) >= FINDINGS_MAX:
            raise MifError(
                f"{FINDINGS_MAX} findings: not read further", line, column, rule, row.source
            )

    def _fail(self, rule: str, offset: int, text: str) -> NoReturn:
        self.report(rule, offset, text)
        raise _Resync

    def _unexpected(self, token: Token, wanted: str) -> NoReturn:
        if token.kind == "bad":
            if token.text == '"':
                self.refuse(
                    "literal-unterminated", token.start, "the file ends inside this literal"
                )
            self._fail("illegal-character", token.start, f"illegal character {token.text!r}")
        found = "the end of the file" if token.kind == "eof" else repr(token.text[:40])
        self._fail("syntax", token.start, f"{wanted} expected, {found} found")

    def refuse(self, rule: str, offset: int, text: str) -> NoReturn:
        """Note a broken rule after which nothing more can be read. Raises `MifError`."""
        self.report(rule, offset, text)
        raise MifError(text, *self._places.of(offset), rule, RULES[rule].source)

    # tokens

    def _peek(self) -> Token:
        if self._peeked is None:
            self._peeked = next_token(self._text, self._end, self.report)
        return self._peeked

    def _next(self) -> Token:
        token = self._peek()
        self._end = token.end
        self._peeked = None
        return token

    def _back_to(self, offset: int) -> None:
        self._end = offset
        self._peeked = None

    def _mark(self, mark: str) -> None:
        token = self._peek()
        if token.kind != "mark" or token.text != mark:
            self._unexpected(token, f"'{mark}'")
        self._next()

    def _is_mark(self, mark: str) -> bool:
        token = self._peek()
        return token.kind == "mark" and token.text == mark

    # the file

    def file(self) -> Mif:
        """The whole file. Raises `MifError` for what cannot be stepped over."""
        header: list[Statement | Skipped] = []
        component: Component | None = None
        while component is None:
            start, token = self._end, self._peek()
            try:
                if token.kind == "eof":
                    self.refuse("no-component", token.start, "no START COMPONENT")
                word = fold(token.text) if token.kind == "word" else ""
                if word == "LANGUAGE":
                    header.append(self._statement(self._text[start : token.start]))
                elif word == "START":
                    component = self._component(self._text[start : token.start])
                else:
                    self._stray(token, "START COMPONENT")
            except _Resync:
                header.append(self._skip(start, token))
        tail_at = self._end
        after = self._peek()
        if after.kind != "eof":
            again = after.kind == "word" and fold(after.text) == "START"
            self.report(
                "trailing-text",
                after.start,
                "a second component" if again else f"{after.text[:40]!r} after END COMPONENT",
            )
        elif after.text and self._text[after.end :].strip(" \t\r\n\f\v\x1a"):
            self.report("after-end-of-file", after.end, "bytes after 0x1A are not read")
        return Mif(component, tuple(header), self._text[tail_at:], self._encoding)

    def _component(self, lead: str) -> Component:
        start = self._next()
        word = self._peek()
        kind = BLOCK_WORDS.get(fold(word.text)) if word.kind == "word" else None
        if kind != "COMPONENT":
            self._unexpected(word, "COMPONENT")
        self._next()
        block = self._block("COMPONENT", lead, start.start)
        assert isinstance(block, Component)
        return block

    def _block(self, kind: str, lead: str, start_at: int) -> Block:
        start = self._text[start_at : self._end]
        items: list[Item] = []
        if len(self._open) > len(BLOCKS):
            self.refuse("misplaced", start_at, "blocks nested too deep")
        self._open.append(kind)
        while True:
            at, token = self._end, self._peek()
            before = self._text[at : token.start]
            try:
                if token.kind == "eof":
                    end_lead, end = "", ""
                    self._unclosed(kind, token, start_at)
                    break
                word = fold(token.text) if token.kind == "word" else ""
                if word == "END":
                    if self._ends(kind, token):
                        end_lead, end = before, self._text[token.start : self._end]
                        break
                    end_lead, end = "", ""
                    break
                items.append(self._item(kind, before, token, word))
            except _Resync:
                items.append(self._skip(at, token))
        self._open.pop()
        return BLOCKS[kind](tuple(items), lead, start, end_lead, end)

    def _item(self, kind: str, before: str, token: Token, word: str) -> Item:
        if word == "START":
            return self._child(kind, before)
        if word in STATEMENTS:
            return self._statement(before)
        if kind == "ENUM" and (token.kind == "integer" or token.text == "-"):
            return self._member(before)
        if kind == "TABLE" and token.text == "{":
            return self._row(before)
        return self._stray(token, "a statement")

    def _stray(self, token: Token, wanted: str) -> NoReturn:
        if token.kind == "word":
            self._fail(
                "unknown-statement",
                token.start,
                f"unknown statement {token.text[:40]!r}, {wanted} expected",
            )
        self._unexpected(token, wanted)

    def _unclosed(self, kind: str, token: Token, start_at: int) -> None:
        line = self._places.of(start_at)[0]
        rule = "unclosed-component" if kind == "COMPONENT" else "unclosed"
        self.report(
            rule,
            token.start,
            f"the file ends without END {kind} (START {kind} stands in line {line})",
        )

    def _ends(self, kind: str, end: Token) -> bool:
        """Whether END closes this block; if not and an outer block is meant, the END is left for
        that one.
        """
        self._next()
        word = self._peek()
        closes = BLOCK_WORDS.get(fold(word.text)) if word.kind == "word" else None
        if closes == kind:
            self._next()
            return True
        if closes is None:
            self._unexpected(word, f"END {kind}")
        self.report("end-mismatch", end.start, f"END {word.text} where {kind} is open")
        if closes not in self._open:
            self._next()
            raise _Resync
        self._back_to(end.start)
        return False

    def _child(self, parent: str, lead: str) -> Block:
        start = self._next()
        word = self._peek()
        kind = BLOCK_WORDS.get(fold(word.text)) if word.kind == "word" else None
        if kind is None:
            self._unexpected(word, "a block's name")
        self._next()
        if kind not in CHILDREN.get(parent, ()):
            self.report("misplaced", start.start, f"START {word.text} inside {parent}")
        return self._block(kind, lead, start.start)

    def _skip(self, lead_at: int, first: Token) -> Skipped:
        """Step over a bad statement: to the next thing that begins a statement, at least one token
        on.
        """
        end = max(first.end, self._end) if self._end > first.start else first.end
        self._back_to(end)
        while True:
            token = self._peek()
            if token.kind == "eof" or self._begins(token):
                return Skipped(self._text[lead_at : first.start], self._text[first.start : end])
            if token.kind == "bad" and token.text == '"':
                self.refuse(
                    "literal-unterminated", token.start, "the file ends inside this literal"
                )
            end = token.end
            self._back_to(end)

    def _begins(self, token: Token) -> bool:
        word = fold(token.text)
        if token.kind == "word" and word in ("START", "END"):
            following = next_token(self._text, token.end, _ignore)
            return following.kind == "word" and fold(following.text) in BLOCK_WORDS
        innermost = self._open[-1] if self._open else ""
        if (token.kind == "word" and word in STATEMENTS) or (
            token.kind == "integer" and innermost == "ENUM"
        ):
            return next_token(self._text, token.end, _ignore).text == "="
        return innermost == "TABLE" and token.text == "{"

    # statements

    def _statement(self, lead: str) -> Statement:
        keyword_token = self._next()
        keyword = fold(keyword_token.text)
        self._mark("=")
        value: Value | Type | tuple[int, ...]
        if keyword in LITERAL_KEYWORDS:
            value = self._literal_or_rest()
        elif keyword == "ID":
            value = self._integer()
        elif keyword == "KEY":
            value = self._key()
        elif keyword == "TYPE":
            value = self._type()
        elif keyword == "VALUE":
            value = self._value()
        elif keyword == "ACCESS":
            value = self._choice(ACCESS_WORDS)
        elif keyword == "STORAGE":
            value = self._choice(STORAGE_WORDS)
        else:
            assert keyword in OS_KEYWORDS
            value = self._program()
        return Statement(keyword, value, lead, self._text[keyword_token.start : self._end])

    def _literal(self) -> str:
        token = self._peek()
        if token.kind != "literal":
            self._unexpected(token, "a literal")
        first, parts = token.start, []
        while token.kind == "literal":
            self._next()
            parts.append(unescape(token.text[1:-1], token.start + 1, self.report, wide=self._wide))
            token = self._peek()
        joined = "".join(parts)
        size = byte_count(joined, wide=self._wide)
        if size > LITERAL_MAX:
            self.report(
                "literal-length",
                first,
                f"a literal of {size} bytes, {LITERAL_MAX} is the most others read",
            )
        return joined

    def _literal_or_rest(self) -> str:
        """A literal; a lenient reader takes the rest of the line where the quotes are missing."""
        before, token = self._end, self._peek()
        if token.kind == "literal":
            return self._literal()
        unterminated = token.kind == "bad" and token.text == '"'
        if (
            unterminated
            or token.kind == "eof"
            or "\n" in self._text[before : token.start]
            or self._begins(token)
        ):
            self._unexpected(token, "a literal")
        self.report("unquoted", token.start, "a literal without its quotes")
        match = _REST_OF_LINE.match(self._text, token.start)
        assert match is not None
        self._back_to(match.end())
        return match[0]

    def _integer(self) -> int:
        token = self._peek()
        if token.kind != "integer":
            self._unexpected(token, "an unsigned number")
        self._next()
        return parse_integer(token.text)

    def _signed(self) -> int:
        if self._is_mark("-"):
            self._next()
            return -self._integer()
        return self._integer()

    def _key(self) -> tuple[int, ...]:
        ids = [self._integer()]
        while self._is_mark(","):
            self._next()
            ids.append(self._integer())
        return tuple(ids)

    def _choice(self, words: frozenset[str]) -> str:
        token = self._peek()
        if token.kind != "word" or fold(token.text) not in words:
            self._unexpected(token, " or ".join(sorted(words)))
        self._next()
        return fold(token.text)

    def _program(self) -> str | Special:
        token = self._peek()
        if token.kind == "word" and fold(token.text) == Special.DIRECT_INTERFACE.value:
            self._next()
            return Special.DIRECT_INTERFACE
        return self._literal_or_rest()

    def _type(self) -> Type:
        token = self._peek()
        if token.kind == "literal":
            return Type("ENUM", name=self._literal())
        word = fold(token.text) if token.kind == "word" else ""
        if word == "START":
            return self._inline_enum()
        kind = TYPE_KINDS.get(word)
        if kind is None:
            self._unexpected(token, "a type")
        self._next()
        size = None
        if kind in STRING_KINDS and self._is_mark("("):
            self._next()
            size = self._integer()
            self._mark(")")
        return Type(kind, size)

    def _inline_enum(self) -> Type:
        at = self._end
        start = self._next()
        word = self._peek()
        if word.kind != "word" or BLOCK_WORDS.get(fold(word.text)) != "ENUM":
            self._unexpected(word, "ENUM")
        self._next()
        block = self._block("ENUM", self._text[at : start.start], start.start)
        assert isinstance(block, Enumeration)
        return Type("ENUM", enum=block)

    def _value(self) -> Value:
        token = self._peek()
        if token.kind == "integer" or token.text == "-":
            return self._signed()
        if token.text == "*":
            self._next()
            return PathReference(self._literal())
        if token.kind == "word" and fold(token.text) in (
            Special.UNSUPPORTED.value,
            Special.UNKNOWN.value,
        ):
            self._next()
            return Special(fold(token.text))
        return self._literal_or_rest()

    def _member(self, lead: str) -> Member:
        start = self._peek().start
        number = self._signed()
        self._mark("=")
        string = self._literal()
        return Member(number, string, lead, self._text[start : self._end])

    def _row(self, lead: str) -> Row:
        start = self._next().start
        values: list[Value | None] = []
        while True:
            values.append(None if self._is_mark(",") or self._is_mark("}") else self._field())
            if self._is_mark("}"):
                self._next()
                return Row(tuple(values), lead, self._text[start : self._end])
            self._mark(",")

    def _field(self) -> Value:
        token = self._peek()
        known = token.kind in ("integer", "literal") or token.text in ("-", "*")
        if not known and fold(token.text) not in (Special.UNSUPPORTED.value, Special.UNKNOWN.value):
            self._unexpected(token, "a value, ',' or '}'")
        return self._value()


def _ignore(rule: str, offset: int, text: str) -> None:
    """Looking ahead reports nothing; the token is looked at again."""
