"""What a MIF must be beyond its grammar: `mif.md` section 3, row by row.

Law: a check looks at one block and says which rule of `RULES` is broken by which node; severities,
modes and sources are that table's. Checks never stop: they find all there is to find, in file
order.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from despoolr_core.formats.mif.language.findings import MifFinding, Mode, Places
from despoolr_core.formats.mif.language.model import (
    KIND_OF,
    Attribute,
    Block,
    Component,
    Encoding,
    Enumeration,
    Group,
    Member,
    Mif,
    MifTable,
    NodePath,
    PathBlock,
    PathReference,
    Skipped,
    Special,
    Statement,
    Type,
    Value,
    locate,
)
from despoolr_core.formats.mif.language.rules import RULES
from despoolr_core.formats.mif.language.words import OS_KEYWORDS, STRING_KINDS
from despoolr_core.formats.mif.tables import check_table
from despoolr_core.formats.mif.values import value_flaws
from despoolr_core.rules.fold import fold

ALLOWED: Final[dict[str, frozenset[str]]] = {
    "COMPONENT": frozenset({"NAME", "DESCRIPTION", "PRAGMA"}),
    "PATH": frozenset({"NAME"}) | OS_KEYWORDS,
    "ENUM": frozenset({"NAME", "TYPE"}),
    "GROUP": frozenset({"NAME", "CLASS", "ID", "DESCRIPTION", "KEY", "PRAGMA"}),
    "ATTRIBUTE": frozenset(
        {"NAME", "ID", "TYPE", "DESCRIPTION", "ACCESS", "STORAGE", "VALUE", "PRAGMA"}
    ),
    "TABLE": frozenset({"NAME", "ID", "CLASS"}),
}
"""Which statements may stand in which block."""

REPEATABLE: Final = frozenset({("COMPONENT", "PRAGMA"), ("ATTRIBUTE", "PRAGMA")})
"""DMI 2.0 only (NC, HP table 4-1)."""

IDENTIFYING: Final = frozenset({"NAME", "ID", "CLASS"})
NAME_MAX: Final = {Mode.STRICT: 256, Mode.LENIENT: 256, Mode.SMS: 255}
ID_MAX: Final = 2**32 - 1
COMPONENT_ID_CLASSES: Final = frozenset({"DMTF|COMPONENTID|1.0", "DMTF|COMPONENTID|001"})

_LANGUAGE: Final = re.compile(r"[^|]*\|[^|]*\|[^|]*")
_CLASS: Final = re.compile(r"[^|]+\|[^|]+\|[^|]+")
_PRAGMA: Final = re.compile(r"[^:,\s]+:[^,]*(?:,\s*[^:,\s]+:[^,]*)*")

Facts = dict[str, tuple[int, Value | Type | tuple[int, ...]]]
"""What a block states: keyword to the index of its (first) statement and the value."""

AttributeCheck = Callable[["Checker", NodePath, Facts], None]
"""A dialect's own look at an attribute: the checker to say it to, the attribute's place, its
facts.
"""


class Checker:
    """Collects the findings of one file in one mode."""

    def __init__(self, mif: Mif, mode: Mode, *, on_attribute: AttributeCheck | None = None) -> None:
        self._on_attribute = on_attribute
        self._mif = mif
        self.mode = mode
        self.component = mif.component
        self.wide = mif.encoding is Encoding.UTF_16_BE
        self._said: list[tuple[NodePath | None, str, str]] = []
        self.enums: dict[str, Enumeration] = {}
        self.paths: set[str] = set()
        self.templates: dict[str, Group] = {}
        self.used_templates: set[str] = set()
        self.ids: set[int] = set()
        self._classes: dict[str, tuple[object, ...]] = {}

    def say(self, rule: str, path: NodePath | None, text: str) -> None:
        """A node (None: the file as a whole) breaks a rule."""
        if RULES[rule].severity(self.mode) is not None:
            self._said.append((path, rule, text))

    def findings(self) -> list[MifFinding]:
        """What was said, with places, in the order of the file."""
        if not self._said:
            return []
        places, offsets = Places(self._mif.text), locate(self._mif)
        found = []
        for path, rule, words in self._said:
            row = RULES[rule]
            severity = row.severity(self.mode)
            assert severity is not None
            line, column = (0, 0) if path is None else places.of(offsets[path])
            found.append(MifFinding(line, column, severity, rule, words, row.source))
        return sorted(found, key=lambda f: (f.line, f.column))

    # blocks

    def file(self) -> None:
        """Check the whole file: what is wrong goes to `say`."""
        languages = 0
        for n, item in enumerate(self._mif.header):
            if isinstance(item, Statement):
                languages += 1
                if languages > 1:
                    self.say("duplicate-statement", (-1, n), "LANGUAGE stands here a second time")
                if isinstance(item.value, str) and not _LANGUAGE.fullmatch(item.value):
                    self.say("language-form", (-1, n), f"{item.value!r} is not ll|CC|encoding")
        self._component(self._mif.component)

    def _component(self, component: Component) -> None:
        self._named(component, (), self._facts(component, ()))
        has_group = False
        for n, item in enumerate(component.items):
            path = (n,)
            if type(item) is Group:
                has_group = True
                self._group(item, path)
            elif type(item) is Enumeration:
                self._enum(item, path)
            elif type(item) is PathBlock:
                self._path_block(item, path)
            elif type(item) is MifTable:
                self._table(item, path)
        if not has_group:
            self.say("component-empty", (), "a component has at least one group")
        first = component.group(1)
        if first is None or fold(first.class_name) not in COMPONENT_ID_CLASSES:
            self.say("component-id", (), "no group 1 of class DMTF|ComponentID|1.0")
        unused = {
            id(self.templates[name]): name for name in self.templates.keys() - self.used_templates
        }
        for at, item in enumerate(component.items if unused else ()):
            if id(item) in unused and (template := self.templates[unused[id(item)]]).id is None:
                self.say("template-unused", (at,), f"no table uses the template {template.name!r}")

    def _facts(self, block: Block, path: NodePath) -> Facts:
        """The block's statements; says which are misplaced, repeated or out of order."""
        kind = KIND_OF[type(block)]
        allowed = ALLOWED[kind]
        facts: Facts = {}
        identified = False
        for n, item in enumerate(block.items):
            if type(item) is not Statement:
                identified = identified or type(item) is not Skipped
                continue
            keyword = item.keyword
            if keyword not in allowed:
                self.say("misplaced", (*path, n), f"{keyword} inside {kind}")
            elif keyword in facts:
                if (kind, keyword) not in REPEATABLE:
                    self.say(
                        "duplicate-statement",
                        (*path, n),
                        f"{keyword} stands in this {kind} a second time",
                    )
            else:
                facts[keyword] = (n, item.value)
            if keyword not in IDENTIFYING:
                identified = True
            elif identified:
                self.say("order", (*path, n), f"{keyword} after other statements of the {kind}")
        return facts

    def _named(self, block: Block, path: NodePath, facts: Facts) -> str:
        kind = KIND_OF[type(block)]
        if "NAME" not in facts:
            self.say("name-missing", path, f"{kind} without NAME")
            return ""
        at, name = facts["NAME"]
        assert isinstance(name, str)
        if not 1 <= len(name) <= NAME_MAX[self.mode]:
            self.say(
                "name-length",
                (*path, at),
                f"a NAME of {len(name)} characters, allowed are 1 to {NAME_MAX[self.mode]}",
            )
        return name

    def identified(self, path: NodePath, facts: Facts, taken: set[int]) -> int | None:
        """Check the ID of a block among its siblings' and return it."""
        if "ID" not in facts:
            return None
        at, number = facts["ID"]
        assert isinstance(number, int)
        if number == 0:
            self.say("id-zero", (*path, at), "an ID is not 0")
        elif number > ID_MAX:
            self.say("id-range", (*path, at), f"ID {number} has more than 32 bits")
        if number in taken:
            self.say("id-duplicate", (*path, at), f"ID {number} is taken")
        taken.add(number)
        return number

    def classed(self, block: Block, path: NodePath, facts: Facts) -> str:
        """Check CLASS and return it as classes are compared: exactly, or by SMS in upper case."""
        if "CLASS" not in facts:
            self.say("class-missing", path, f"{KIND_OF[type(block)]} without CLASS")
            return ""
        at, name = facts["CLASS"]
        assert isinstance(name, str)
        if self.mode is not Mode.SMS and not _CLASS.fullmatch(name):
            self.say("class-form", (*path, at), f"{name!r} is not body|name|version")
        return fold(name) if self.mode is Mode.SMS else name

    def head(self, block: Block, path: NodePath) -> tuple[Facts, int | None, str]:
        """What group and table have in common: facts, id and class."""
        facts = self._facts(block, path)
        self._named(block, path, facts)
        return (
            facts,
            self.identified(path, facts, self.ids),
            self.classed(block, path, facts),
        )

    def _path_block(self, block: PathBlock, path: NodePath) -> None:
        facts = self._facts(block, path)
        name = self._named(block, path, facts)
        if name in self.paths:
            self.say("name-duplicate", path, f"a second PATH {name!r}")
        self.paths.add(name)
        if not facts.keys() & OS_KEYWORDS:
            self.say("path-empty", path, "a PATH names at least one operating system")

    def _enum(self, block: Enumeration, path: NodePath) -> None:
        name = self._named(block, path, self._facts(block, path))
        if name in self.enums:
            self.say("name-duplicate", path, f"a second ENUM {name!r}")
        else:
            self.enums[name] = block
        self._members(block, path, is_inline=False)

    def _inline_enum(self, block: Enumeration, path: NodePath) -> None:
        """Everything is said at its TYPE statement (`path`)."""
        if block.name:
            self.say("enum-inline-name", path, "the name of an inline enumeration means nothing")
        for item in block.items:
            if isinstance(item, Statement) and item.keyword not in ALLOWED["ENUM"]:
                self.say("misplaced", path, f"{item.keyword} inside ENUM")
        self._members(block, path, is_inline=True)

    def _members(self, block: Enumeration, path: NodePath, *, is_inline: bool) -> None:
        kind = block.get("TYPE")
        if isinstance(kind, Type) and kind.kind != "INTEGER":
            self.say("enum-type", path, "an ENUM is of TYPE INTEGER")
        numbers: set[int] = set()
        for n, item in enumerate(block.items):
            if type(item) is not Member:
                continue
            place = path if is_inline else (*path, n)
            if item.number in numbers:
                self.say(
                    "enum-number", place, f"number {item.number} stands in this ENUM a second time"
                )
            elif not -(2**31) <= item.number < 2**31:
                self.say("enum-number", place, f"number {item.number} has more than 32 bits")
            numbers.add(item.number)
        if not numbers:
            self.say("enum-empty", path, "an ENUM has at least one member")

    def _group(self, group: Group, path: NodePath) -> None:
        facts, number, class_name = self.head(group, path)
        key = group.key
        if number is None and "KEY" not in facts:
            self.say("group-kind", path, "a GROUP has an ID, a KEY or both")
        if "PRAGMA" in facts and not _PRAGMA.fullmatch(str(facts["PRAGMA"][1])):
            self.say(
                "pragma-form",
                (*path, facts["PRAGMA"][0]),
                "a PRAGMA is keyword:value[,keyword:value]",
            )
        taken: set[int] = set()
        shape: list[object] = []
        for n, item in enumerate(group.items):
            if type(item) is Attribute:
                shape.append(self._attribute(item, (*path, n), taken, is_template="KEY" in facts))
        if not shape:
            self.say("group-empty", path, "a GROUP has at least one attribute")
        for n, wanted in enumerate(key):
            if wanted not in taken:
                self.say(
                    "key-unknown",
                    (*path, facts["KEY"][0]),
                    f"KEY {wanted} is no attribute of this group",
                )
            if wanted in key[:n]:
                self.say("key-duplicate", (*path, facts["KEY"][0]), f"KEY {wanted} twice")
        self._register(group, path, class_name, number, tuple(shape))

    def _table(self, table: MifTable, path: NodePath) -> None:
        _, number, class_name = self.head(table, path)
        if number is None:
            self.say("id-missing", path, "TABLE without ID")
        template = self.templates.get(class_name)
        check_table(table, path, template, self.say, self._field)
        if template is not None:
            self.used_templates.add(class_name)
        elif class_name:
            self.say(
                "undefined-template",
                path,
                f"no GROUP of class {table.class_name!r} with a KEY has been defined",
            )

    def _field(self, value: Value, kind: Type, size: int | None, path: NodePath) -> None:
        self.value(value, kind, kind.enum or self.enums.get(kind.name or ""), path, size=size)

    def _register(
        self,
        group: Group,
        path: NodePath,
        class_name: str,
        number: int | None,
        shape: tuple[object, ...],
    ) -> None:
        if not class_name:
            return
        if group.key:
            if class_name in self.templates and (
                number is None or self.templates[class_name].id is None
            ):
                self.say("class-template", path, f"a second template of class {class_name!r}")
            else:
                self.templates[class_name] = group
        if self._classes.setdefault(class_name, shape) != shape:
            self.say("class-definition", path, f"class {class_name!r} was defined otherwise above")

    def _attribute(
        self, attribute: Attribute, path: NodePath, taken: set[int], *, is_template: bool
    ) -> object:
        """Check one attribute and return what equal classes must have in common (IBM 028)."""
        facts = self._facts(attribute, path)
        if self._on_attribute is not None:
            self._on_attribute(self, path, facts)
        self._named(attribute, path, facts)
        number = self.identified(path, facts, taken)
        if number is None:
            self.say("id-missing", path, "ATTRIBUTE without ID")
        if "TYPE" not in facts:
            self.say("type-missing", path, "ATTRIBUTE without TYPE")
            return (number,)
        type_at, kind = facts["TYPE"]
        assert isinstance(kind, Type)
        access = facts["ACCESS"][1] if "ACCESS" in facts else "READ-ONLY"
        at, value = facts.get("VALUE", (-1, None))
        assert not isinstance(value, Type | tuple)
        if kind.size is None and kind.kind in STRING_KINDS and not isinstance(value, str):
            self.say(
                "size-missing",
                (*path, type_at),
                f"{kind.kind} without a length, and no literal that gives it",
            )
        enumeration = self.enum_of(kind, (*path, type_at)) if kind.kind == "ENUM" else None
        if value is None:
            if not is_template:
                self.say("value-missing", path, "ATTRIBUTE without VALUE")
        else:
            if at < type_at:
                self.say("order", (*path, at), "VALUE before TYPE")
            if access == "WRITE-ONLY" and not isinstance(value, PathReference | Special):
                self.say(
                    "write-only-value",
                    (*path, at),
                    "a write-only attribute has no value of its own",
                )
            if (
                type(value) is not str
                or kind.kind != "STRING"
                or self.wide
                or kind.size is None
                or len(value) > kind.size
            ):
                # All but the common case: a short enough text in a string.
                self.value(value, kind, enumeration, (*path, at), size=kind.size)
        return (
            number,
            kind.kind,
            kind.size,
            access,
            facts["STORAGE"][1] if "STORAGE" in facts else "SPECIFIC",
        )

    def enum_of(self, kind: Type, path: NodePath) -> Enumeration | None:
        """The enumeration an ENUM type speaks of; says so if nobody has defined it yet. Checks an
        inline one.
        """
        if kind.enum is not None:
            self._inline_enum(kind.enum, path)
            return kind.enum
        assert kind.name is not None
        if kind.name not in self.enums:
            self.say(
                "undefined-enum",
                path,
                f"no ENUM {kind.name!r} has been defined (a type's keyword has no quotes)",
            )
        return self.enums.get(kind.name)

    def value(
        self,
        value: Value,
        kind: Type,
        enumeration: Enumeration | None,
        path: NodePath,
        *,
        size: int | None,
    ) -> None:
        """Check one value, of an attribute or of a row's field."""
        if isinstance(value, PathReference) and value.name not in self.paths:
            self.say("undefined-path", path, f"no PATH {value.name!r} has been defined")
        for rule, text in value_flaws(
            value, kind, enumeration, size=size, wide=self.wide, mode=self.mode
        ):
            self.say(rule, path, text)
