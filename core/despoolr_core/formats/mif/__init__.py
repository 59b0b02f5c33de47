"""MIF: the Management Information Format of DMI 1.x and SMS 1.x/2.0, read and written without loss.

The nouns: a `Mif` is one component; a `Component` holds groups, tables, enumerations and paths; a
`Group` has a class and attributes; an `Attribute` has a type and perhaps a value. A `MifFinding` is
something a reader noticed, with its place, its rule and the rule's source; `RULES` says what each
means for the DMI specification (`Mode.STRICT`), for a forgiving reader (`Mode.LENIENT`) and for SMS
(`Mode.SMS`).

    parse(data, mode)   the tree, or `MifError`            check(data, mode)     every finding
    render(mif)         one clean style                    render_verbatim(mif)  as it was read,
    byte for byte build_mif(...)      a tree from a program's values     would_sms_take(data)  a
    verdict
"""

from __future__ import annotations

from despoolr_core.formats.mif.build import (
    COUNTER,
    DATE,
    INTEGER,
    build_attribute,
    build_enum,
    build_group,
    build_mif,
    build_table,
)
from despoolr_core.formats.mif.codec import check, examine, parse, read, would_sms_take
from despoolr_core.formats.mif.dates import date_flaw, parse_date, render_date
from despoolr_core.formats.mif.findings import MifError, MifFinding, MifTooLarge, Mode, Severity
from despoolr_core.formats.mif.model import (
    Attribute,
    Block,
    Comment,
    Component,
    Encoding,
    Enumeration,
    Group,
    Member,
    Mif,
    MifTable,
    PathBlock,
    PathReference,
    Row,
    Skipped,
    Special,
    Statement,
    Type,
    Value,
)
from despoolr_core.formats.mif.render import plain, render, render_verbatim
from despoolr_core.formats.mif.rules import RULES, Rule
from despoolr_core.formats.mif.sms import (
    STATUS_MIF_SIZE_MAX,
    MifKind,
    Verdict,
    kind_of,
    stored_value,
)

__all__ = [
    "COUNTER",
    "DATE",
    "INTEGER",
    "RULES",
    "STATUS_MIF_SIZE_MAX",
    "Attribute",
    "Block",
    "Comment",
    "Component",
    "Encoding",
    "Enumeration",
    "Group",
    "Member",
    "Mif",
    "MifError",
    "MifFinding",
    "MifKind",
    "MifTable",
    "MifTooLarge",
    "Mode",
    "PathBlock",
    "PathReference",
    "Row",
    "Rule",
    "Severity",
    "Skipped",
    "Special",
    "Statement",
    "Type",
    "Value",
    "Verdict",
    "build_attribute",
    "build_enum",
    "build_group",
    "build_mif",
    "build_table",
    "check",
    "date_flaw",
    "examine",
    "kind_of",
    "parse",
    "parse_date",
    "plain",
    "read",
    "render",
    "render_date",
    "render_verbatim",
    "stored_value",
    "would_sms_take",
]
