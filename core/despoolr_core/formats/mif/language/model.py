"""The tree of a MIF: what stands in the file, in the order and the spelling in which it stands
there.

Law: every node keeps the exact text it was read from (`text`, `start`, `end`) and the white space
and comments before it (`lead`), so the file can be written again byte for byte; what the text
*means* stands beside it (`value`, `number`, `values`). A node made by a program has no text; the
writer gives it one. Nodes are frozen and know no position: a position is where a node comes to
stand when the file is written (`locate`).

The grammar is `mif.md` section 2 (DMI 1.x as IBM and the reference service layer read it, SMS's
dialect beside it).
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Final, TypeAlias

import msgspec

from despoolr_core.formats.mif.language.findings import MifFinding, Places
from despoolr_core.formats.mif.language.words import OS_KEYWORDS
from despoolr_core.rules.fold import fold


class Encoding(enum.StrEnum):
    """How the bytes become characters. Only the first two are legal (IBM, CA, NC); the others are
    read leniently.
    """

    LATIN_1 = "iso8859-1"
    UTF_16_BE = "utf-16-be"
    UTF_16_LE = "utf-16-le"
    UTF_8 = "utf-8"


class Special(enum.Enum):
    """Keywords that stand where a value stands."""

    UNSUPPORTED = "UNSUPPORTED"
    UNKNOWN = "UNKNOWN"
    DIRECT_INTERFACE = "DIRECT-INTERFACE"


class PathReference(msgspec.Struct, frozen=True, gc=False):
    """`*"NAMES"`: the value comes from the program that the path block of this name names."""

    name: str


Value: TypeAlias = str | int | PathReference | Special
"""What an attribute or a row field can hold."""


class Type(msgspec.Struct, frozen=True, gc=False):
    """An attribute's type. `kind` is a key of `TYPE_KINDS`' values or `ENUM`; `size` in bytes; an
    enum is named or inline.
    """

    kind: str
    size: int | None = None
    name: str | None = None
    enum: Enumeration | None = None


class Statement(msgspec.Struct, frozen=True, gc=False):
    """`KEYWORD = value`. `keyword` is upper-case; `value` is a `Value`, a `Type` or, for KEY, a
    tuple of ids.
    """

    keyword: str
    value: Value | Type | tuple[int, ...]
    lead: str = ""
    text: str = ""


class Member(msgspec.Struct, frozen=True, gc=False):
    """One line of an enumeration: `0x07 = "..."`."""

    number: int
    string: str
    lead: str = ""
    text: str = ""


class Row(msgspec.Struct, frozen=True, gc=False):
    """One table row; its values belong to the template's attributes in ascending order of their
    ids. None: an empty field. Not to be confused with a row of the site database.
    """

    values: tuple[Value | None, ...]
    lead: str = ""
    text: str = ""


class Skipped(msgspec.Struct, frozen=True, gc=False):
    """What a lenient reader stepped over; kept so that nothing is lost, never written in the
    writer's own style.
    """

    lead: str = ""
    text: str = ""


class Block(msgspec.Struct, frozen=True):
    """`START KIND ... END KIND`. A block from a file has its `start` text; `end` is empty if the
    file lacks it.
    """

    items: tuple[Item, ...] = ()
    lead: str = ""
    start: str = ""
    end_lead: str = ""
    end: str = ""

    def get(self, keyword: str) -> Value | Type | tuple[int, ...] | None:
        """The first value a statement of this block gives to `keyword` (upper-case)."""
        for item in self.items:
            if type(item) is Statement and item.keyword == keyword:
                return item.value
        return None

    def literal(self, keyword: str) -> str:
        """As `get`, for statements that hold a literal; `""` if there is none."""
        value = self.get(keyword)
        return value if isinstance(value, str) else ""

    @property
    def name(self) -> str:
        """The text of the NAME statement; `""` where there is none."""
        return self.literal("NAME")

    @property
    def description(self) -> str:
        """The text of the DESCRIPTION statement; `""` where there is none."""
        return self.literal("DESCRIPTION")

    @property
    def id(self) -> int | None:
        """The number of the ID statement; None where there is none."""
        value = self.get("ID")
        return value if isinstance(value, int) else None


class Enumeration(Block, frozen=True):
    """`START ENUM`: numbers and what they mean."""

    @property
    def members(self) -> list[Member]:
        """The members in file order."""
        return [item for item in self.items if type(item) is Member]

    def string_of(self, number: int) -> str | None:
        """What a number means, or None."""
        return next((m.string for m in self.members if m.number == number), None)

    def number_of(self, string: str) -> int | None:
        """The number of a string (case counts; of several the first wins, REF), or None."""
        return next((m.number for m in self.members if m.string == string), None)


class PathBlock(Block, frozen=True):
    """`START PATH`: where the instrumentation program of a name lies on each operating system."""

    @property
    def programs(self) -> dict[str, str | Special]:
        """Operating system keyword to file, or `Special.DIRECT_INTERFACE`."""
        return {
            s.keyword: s.value
            for s in self.items
            if type(s) is Statement
            and s.keyword in OS_KEYWORDS
            and isinstance(s.value, str | Special)
        }


class Attribute(Block, frozen=True):
    """`START ATTRIBUTE ... END ATTRIBUTE`: one fact of a group."""

    @property
    def type(self) -> Type | None:
        """What the TYPE statement says; None where there is none."""
        value = self.get("TYPE")
        return value if isinstance(value, Type) else None

    @property
    def raw_value(self) -> Value | None:
        """VALUE as it stands, path references and UNSUPPORTED included; None without one."""
        value = self.get("VALUE")
        return None if isinstance(value, Type | tuple) else value

    @property
    def value(self) -> str | int | None:
        """VALUE decoded; None for no value, UNSUPPORTED, UNKNOWN or a path reference."""
        value = self.raw_value
        return value if isinstance(value, str | int) else None

    @property
    def access(self) -> str:
        """READ-ONLY unless stated (IBM 033)."""
        return self.literal("ACCESS") or "READ-ONLY"

    @property
    def storage(self) -> str:
        """SPECIFIC unless stated (IBM 034)."""
        return self.literal("STORAGE") or "SPECIFIC"


class _Classed(Block, frozen=True):
    @property
    def class_name(self) -> str:
        """CLASS, or `""`."""
        return self.literal("CLASS")


class Group(_Classed, frozen=True):
    """`START GROUP`: facts that belong together; ID only = scalar, KEY only = template, both =
    instrumented table.
    """

    @property
    def key(self) -> tuple[int, ...]:
        """The key attributes' ids in their order; empty without KEY."""
        value = self.get("KEY")
        return value if isinstance(value, tuple) else ()

    @property
    def attributes(self) -> list[Attribute]:
        """The attributes in file order."""
        return [item for item in self.items if type(item) is Attribute]

    def attribute(self, which: str | int) -> Attribute | None:
        """An attribute by name (case counts) or by id."""
        for item in self.attributes:
            if (item.id if isinstance(which, int) else item.name) == which:
                return item
        return None

    def value(self, which: str | int) -> str | int | None:
        """An attribute's decoded value by name or id; None if there is no such attribute or no
        value.
        """
        found = self.attribute(which)
        return found.value if found is not None else None


class MifTable(_Classed, frozen=True):
    """`START TABLE`: rows for a template group of the same class."""

    @property
    def rows(self) -> list[Row]:
        """The rows in file order."""
        return [item for item in self.items if type(item) is Row]


class Component(Block, frozen=True, dict=True):
    """`START COMPONENT ... END COMPONENT`: all that a file says."""

    @property
    def groups(self) -> list[Group]:
        """The groups, templates included, in file order."""
        return [item for item in self.items if type(item) is Group]

    @property
    def tables(self) -> list[MifTable]:
        """The tables in file order."""
        return [item for item in self.items if type(item) is MifTable]

    @property
    def enums(self) -> list[Enumeration]:
        """The named enumerations in file order."""
        return [item for item in self.items if type(item) is Enumeration]

    @property
    def paths(self) -> list[PathBlock]:
        """The path blocks in file order."""
        return [item for item in self.items if type(item) is PathBlock]

    def group(self, which: str | int) -> Group | None:
        """A group by class (case does not count, as SMS compares), else by name, or by id."""
        if isinstance(which, int):
            return next((g for g in self.groups if g.id == which), None)
        upper = fold(which)
        for item in self.groups:
            if fold(item.class_name) == upper:
                return item
        return next((g for g in self.groups if g.name == which), None)

    def enum(self, name: str) -> Enumeration | None:
        """A named enumeration (case counts)."""
        return self._enums_by_name.get(name)

    def enum_of(self, attribute: Attribute) -> Enumeration | None:
        """The enumeration an attribute's type speaks of, inline or named; None for any other
        type.
        """
        kind = attribute.type
        if kind is None or kind.kind != "ENUM":
            return None
        return kind.enum if kind.name is None else self.enum(kind.name)

    def table_rows(self, table: MifTable) -> list[dict[str, Value | None]]:
        """A table's rows by attribute name, empty fields filled with the template's defaults (IBM
        036).
        """
        template = self._templates.get(table.class_name)
        if template is None:
            return []
        columns = sorted(template.attributes, key=lambda a: a.id or 0)
        rows = []
        for row in table.rows:
            values = row.values + (None,) * (len(columns) - len(row.values))
            rows.append(
                {
                    c.name: c.raw_value if v is None else v
                    for c, v in zip(columns, values, strict=False)
                }
            )
        return rows

    @cached_property
    def _enums_by_name(self) -> dict[str, Enumeration]:
        return {e.name: e for e in reversed(self.enums)}  # the first of a name counts

    @cached_property
    def _templates(self) -> dict[str, Group]:
        return {g.class_name: g for g in reversed(self.groups) if g.key}


Item: TypeAlias = Statement | Member | Row | Skipped | Block


class Comment(msgspec.Struct, frozen=True):
    """`//...` with its place; `text` is what follows the two strokes."""

    line: int
    column: int
    text: str


class Mif(msgspec.Struct, frozen=True):
    """A whole file: LANGUAGE statements before the component, the component, and what follows it
    (0x1A included).
    """

    component: Component
    header: tuple[Statement | Skipped, ...] = ()
    tail: str = ""
    encoding: Encoding = Encoding.LATIN_1
    findings: tuple[MifFinding, ...] = ()

    @property
    def language(self) -> str:
        """LANGUAGE, or the default `en|US|iso8859-1` (IBM 018)."""
        for item in self.header:
            if type(item) is Statement and isinstance(item.value, str):
                return item.value
        return "en|US|iso8859-1"

    @property
    def text(self) -> str:
        """The file's characters, byte order mark excluded; built nodes contribute nothing."""
        return "".join(pieces(self))

    @property
    def comments(self) -> list[Comment]:
        """Every comment, in order. They carry data: the delta headers are comments."""
        text = self.text
        places = Places(text)
        return [Comment(*places.of(at), text=found) for at, found in scan_comments(text)]

    @property
    def delta_headers(self) -> dict[str, tuple[str, ...]]:
        """`//UniqueID<x>`, `//ResyncClass<Class><1>` before START COMPONENT: name to the texts in
        angle brackets (cc180804).
        """
        before = (self.header[0].lead if self.header else "") + self.component.lead
        found: dict[str, tuple[str, ...]] = {}
        for _, comment in scan_comments(before):
            match = _DELTA_HEADER.match(comment)
            if match:
                found.setdefault(match[1], tuple(re.findall(r"<([^>]*)>", match[2])))
        return found


_DELTA_HEADER: Final = re.compile(r"\s*([A-Za-z]\w*)\s*((?:<[^>]*>)+)")

BLOCKS: Final[dict[str, type[Block]]] = {
    "COMPONENT": Component,
    "PATH": PathBlock,
    "ENUM": Enumeration,
    "GROUP": Group,
    "ATTRIBUTE": Attribute,
    "TABLE": MifTable,
}
KIND_OF: Final[dict[type[Block], str]] = {cls: kind for kind, cls in BLOCKS.items()}


def pieces(mif: Mif) -> Iterator[str]:
    """The texts whose concatenation is the file."""
    for item in mif.header:
        yield item.lead
        yield item.text
    yield from _block_pieces(mif.component)
    yield mif.tail


def _block_pieces(block: Block) -> Iterator[str]:
    yield block.lead
    yield block.start
    for item in block.items:
        if isinstance(item, Block):
            yield from _block_pieces(item)
        else:
            yield item.lead
            yield item.text
    yield block.end_lead
    yield block.end


NodePath: TypeAlias = tuple[int, ...]
"""Indices of items from the component down: `()` the component, `(2, 5)` the sixth item of its
third. `(-1, n)`: the header.
"""


def locate(mif: Mif) -> dict[NodePath, int]:
    """Where every node begins in `mif.text`, without its lead."""
    offsets: dict[NodePath, int] = {}
    at = 0
    for n, item in enumerate(mif.header):
        offsets[(-1, n)] = at + len(item.lead)
        at += len(item.lead) + len(item.text)
    _locate_block(mif.component, (), at, offsets)
    return offsets


def _locate_block(block: Block, path: NodePath, at: int, offsets: dict[NodePath, int]) -> int:
    at += len(block.lead)
    offsets[path] = at
    at += len(block.start)
    for n, item in enumerate(block.items):
        if isinstance(item, Block):
            at = _locate_block(item, (*path, n), at, offsets)
        else:
            at += len(item.lead)
            offsets[(*path, n)] = at
            at += len(item.text)
    return at + len(block.end_lead) + len(block.end)


_COMMENT_OR_LITERAL: Final = re.compile(r'"[^"\\]*+(?:\\[\s\S][^"\\]*+)*+"|//([^\n\x1a]*)|(\x1a)')


def scan_comments(text: str) -> Iterator[tuple[int, str]]:
    """Offset and text of each comment, up to the end of file that 0x1A makes (REF)."""
    for match in _COMMENT_OR_LITERAL.finditer(text):
        if match[2]:
            return
        if match[1] is not None:
            yield match.start(), match[1].rstrip("\r")
