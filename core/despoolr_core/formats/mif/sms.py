"""What SMS makes of a MIF: its dialect (parser of MIFCHECK, inventory processor, data loader), its
kinds, its limits.

Law: `mif.md` sections 7 to 9, with the article in each row of `RULES`. The dialect decides whether
the file compiles at all; the kind (status, NOIDMIF, IDMIF, delta) adds what PCM, a client or a site
then refuses. What SMS changes without a word (a cut string) is a warning here.
"""

from __future__ import annotations

import enum
import re
from typing import Final

from despoolr_core.formats.mif.checks import Checker, Facts
from despoolr_core.formats.mif.language.dates import DATE_LENGTH, date_year
from despoolr_core.formats.mif.language.model import (
    Attribute,
    Component,
    Enumeration,
    Group,
    Mif,
    NodePath,
    PathBlock,
    PathReference,
    Statement,
    Type,
    scan_comments,
)
from despoolr_core.rules.fold import fold

JOBSTATUS_CLASS: Final = "MICROSOFT|JOBSTATUS|1.0"
IDENTIFICATION_CLASS: Final = "MICROSOFT|IDENTIFICATION|1.0"
ARCHITECTURE_CLASS: Final = "MICROSOFT|ARCHITECTURE|1.0"

STATUS_MIF_SIZE_MAX: Final = 65_536
"""Bytes of a status MIF that PCM still takes: 64 KB; a larger one is event 119 (Q122178)."""
CUSTOM_MIF_SIZE_SMS2: Final = 100 * 1024
"""The default limit of an SMS 2.0 client for NOIDMIFs and IDMIFs (Q202078)."""
CUSTOM_MIF_SIZE_DEFAULT: Final = (250_000, 250 * 1024)
"""ConfigMgr's default of 250 KB; whether KB means 1,000 or 1,024 bytes is unknown, so between the
two it is a warning.
"""
MIF_SIZE_MAX: Final = 5_000_000
"""The site server's default "Max MIF Size" (Q198766, Q319167); this codec's own default bound."""
STORED_STRING_MAX: Final = 255
"""Characters of a value that SMS 1.x keeps (BORES)."""
YEARS: Final = range(1980, 2031)
"""Years a DATE may have (BORES 7B; Q239534 raises the last to 2035)."""
RESERVED_ARCHITECTURES: Final = frozenset({"SYSTEM", "PERSONAL COMPUTER"})
SHOWN_IDENTIFICATION: Final = ("Site", "Domain", "Name", "SystemType", "SystemRole")
PRAGMAS: Final = frozenset({"SMS:ADD", "SMS:UPDATE", "SMS:DELETE"})


class MifKind(enum.StrEnum):
    """What a MIF is to SMS (`mif.md` section 8)."""

    STATUS = "status MIF"
    NOIDMIF = "NOIDMIF"
    IDMIF = "IDMIF"
    DELTA = "delta MIF"


def kind_of(mif: Mif) -> MifKind:
    """What this MIF is to SMS."""
    component, headers = mif.component, {fold(name) for name in mif.delta_headers}
    if component.group(JOBSTATUS_CLASS):
        return MifKind.STATUS
    if "KEYATTRIBUTE" in headers:
        return MifKind.DELTA
    if (
        component.group(IDENTIFICATION_CLASS)
        or component.group(ARCHITECTURE_CLASS)
        or "ARCHITECTURE" in headers
    ):
        return MifKind.IDMIF
    return MifKind.NOIDMIF


def stored_value(component: Component, attribute: Attribute) -> str | int | None:
    """What SMS keeps of a value: enums as their string, strings cut at NUL, the declared length and
    255 characters.
    """
    value, kind = attribute.value, attribute.type
    if isinstance(value, int):
        enumeration = component.enum_of(attribute)
        return value if enumeration is None else enumeration.string_of(value) or value
    if value is None:
        return None
    size = (
        STORED_STRING_MAX
        if kind is None or kind.size is None
        else min(kind.size, STORED_STRING_MAX)
    )
    return value.partition("\0")[0][:size] if "\0" in value else value[:size]


def stored_values(component: Component, group: Group) -> dict[str, str | int | None]:
    """What SMS keeps of a group, by attribute name."""
    return {attribute.name: stored_value(component, attribute) for attribute in group.attributes}


# the dialect


def check_dialect(checker: Checker, mif: Mif) -> None:
    """What SMS's parser refuses or ignores beyond the common rules."""
    if mif.header:
        checker.say("sms-ignored", (-1, 0), "LANGUAGE is ignored (if it is taken at all: unknown)")
    for n, item in enumerate(mif.component.items):
        if type(item) is Group:
            _check_pragmas(checker, item, n)
        elif type(item) is PathBlock:
            checker.say("sms-ignored", (n,), "PATH is ignored")
            if fold(item.start).endswith("PATHS"):
                checker.say("sms-alias", (n,), "whether SMS knows PATHS is unknown")
        elif type(item) is Enumeration:
            if fold(item.start).endswith("ENUMERATION"):
                checker.say("sms-alias", (n,), "whether SMS knows ENUMERATION is unknown")
        elif type(item) is Statement and item.keyword == "PRAGMA":
            checker.say("sms-version", (n,), "a component has no PRAGMA in DMI 1.x")


def _check_pragmas(checker: Checker, group: Group, n: int) -> None:
    for m, item in enumerate(group.items):
        if type(item) is Statement and item.keyword == "PRAGMA":
            known = fold(str(item.value)) in PRAGMAS
            checker.say(
                "sms-pragma",
                (n, m),
                "honoured only in .nhm files" if known else f"{item.value!r} means nothing",
            )


def check_attribute(checker: Checker, path: NodePath, facts: Facts) -> None:
    """SMS's own rules for one attribute."""
    if "NAME" in facts:
        at, name = facts["NAME"]
        assert isinstance(name, str)
        if '"' in name:
            checker.say("sms-quote", (*path, at), 'a name with a "')
        if name.endswith(" "):
            checker.say("sms-name-blank", (*path, at), "a name that ends in a blank")
        if "'" in name:
            checker.say("sms-name-apostrophe", (*path, at), "a name with a '")
    if "PRAGMA" in facts:
        checker.say(
            "sms-version", (*path, facts["PRAGMA"][0]), "an attribute has no PRAGMA in DMI 1.x"
        )
    if "VALUE" in facts:
        at, value = facts["VALUE"]
        if isinstance(value, str):
            kind = facts["TYPE"][1] if "TYPE" in facts else None
            _string(
                checker, value, (*path, at), is_date=isinstance(kind, Type) and kind.kind == "DATE"
            )
        elif isinstance(value, PathReference):
            checker.say("sms-ignored", (*path, at), "the value's program is never asked")


def _string(checker: Checker, value: str, path: NodePath, *, is_date: bool) -> None:
    if '"' in value:
        is_status = checker.component.group(JOBSTATUS_CLASS) is not None
        checker.say("sms-quote-status" if is_status else "sms-quote", path, 'a value with a "')
    if "\0" in value:
        checker.say("sms-nul", path, "the value ends at its NUL")
    if len(value) > STORED_STRING_MAX:
        checker.say("sms-cut", path, f"{len(value)} characters, cut to {STORED_STRING_MAX}")
    if (
        is_date
        and len(value) == DATE_LENGTH
        and (year := date_year(value)) is not None
        and year not in YEARS
    ):
        checker.say("sms-year", path, f"the year {year} is outside {YEARS[0]}..{YEARS[-1]}")


# the kinds


def check_kind(checker: Checker, mif: Mif, size: int) -> None:
    """What the receivers of each kind refuse. `size` in bytes."""
    kind = kind_of(mif)
    _size(checker, kind, size)
    if kind is MifKind.STATUS:
        _status(checker, mif.component)
    elif kind is MifKind.IDMIF:
        _idmif(checker, mif)


def _size(checker: Checker, kind: MifKind, size: int) -> None:
    if kind is MifKind.STATUS:
        if size > STATUS_MIF_SIZE_MAX:
            checker.say(
                "kind-size", None, f"{size} bytes: PCM refuses a status MIF over 64 KB (event 119)"
            )
    elif kind is not MifKind.DELTA:
        if size > CUSTOM_MIF_SIZE_DEFAULT[1]:
            checker.say("kind-size", None, f"{size} bytes: over the default limit of 250 KB")
        elif size > CUSTOM_MIF_SIZE_DEFAULT[0]:
            checker.say(
                "kind-size-warning", None, f"{size} bytes: over 250 KB if a KB has 1,000 bytes"
            )
        elif size > CUSTOM_MIF_SIZE_SMS2:
            checker.say(
                "kind-size-warning",
                None,
                f"{size} bytes: over the default limit of an SMS 2.0 client, 100 KB",
            )


def _find(component: Component, class_name: str) -> list[tuple[int, Group]]:
    return [
        (n, g)
        for n, g in enumerate(component.items)
        if type(g) is Group and fold(g.class_name) == class_name
    ]


def _status(checker: Checker, component: Component) -> None:
    found = _find(component, JOBSTATUS_CLASS)
    if len(found) > 1:
        checker.say("kind-status", (found[1][0],), "a second InstallStatus group")
    n, group = found[0]
    status = group.value("Status")
    if not isinstance(status, str) or fold(status) not in ("SUCCESS", "FAILED"):
        checker.say("kind-status", (n,), f"Status is {status!r}, not Success or Failed")
    if not group.value("Description"):
        checker.say(
            "kind-description", (n,), "no Description: the despooler logs error cb and goes on"
        )


def _idmif(checker: Checker, mif: Mif) -> None:
    component, headers = (
        mif.component,
        {fold(name): texts for name, texts in mif.delta_headers.items()},
    )
    identification, architecture = (
        _find(component, IDENTIFICATION_CLASS),
        _find(component, ARCHITECTURE_CLASS),
    )
    for groups, name in ((identification, "Identification"), (architecture, "Architecture")):
        if len(groups) > 1:
            checker.say("kind-groups", (groups[1][0],), f"a second {name} group")
    if bool(identification) != bool(architecture):
        has, lacks = (
            ("Identification", "Architecture")
            if identification
            else ("Architecture", "Identification")
        )
        checker.say(
            "kind-groups",
            (identification or architecture)[0][:1],
            f"a group {has} but none {lacks}",
        )
    for n, group in architecture:
        name = str(group.value("ArchitectureName") or "")
        if fold(name) in RESERVED_ARCHITECTURES:
            checker.say(
                "kind-architecture", (n,), f"an SMS 2.0 client refuses the architecture {name!r}"
            )
    if identification:
        n, group = identification[0]
        missing = [name for name in SHOWN_IDENTIFICATION if group.attribute(name) is None]
        if missing:
            checker.say(
                "kind-identification",
                (n,),
                f"not shown in the Sites window without {', '.join(missing)}",
            )
    if "ARCHITECTURE" in headers:
        _delta_header(checker, mif, headers)


_BLANK_HEADER: Final = re.compile(r"\s*[A-Za-z]\w*\s+<|\s+[A-Za-z]\w*<")


def _delta_header(checker: Checker, mif: Mif, headers: dict[str, tuple[str, ...]]) -> None:
    name = headers["ARCHITECTURE"][0]
    if fold(name) in RESERVED_ARCHITECTURES:
        checker.say("kind-architecture", (), f"an SMS 2.0 client refuses the architecture {name!r}")
    if "UNIQUEID" not in headers:
        checker.say("kind-header", (), "//Architecture<...> without //UniqueID<...>")
    if not _find(mif.component, fold(name)):
        checker.say("kind-header", (), f"no group of class {name!r}, the architecture's name")
    for _, comment in scan_comments(mif.component.lead):
        if _BLANK_HEADER.match(comment):
            checker.say(
                "kind-header-spelling", (), f"//{comment.strip()}: the header has no blanks"
            )
