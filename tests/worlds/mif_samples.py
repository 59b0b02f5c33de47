"""Small MIFs for tests: one group, one attribute, with one thing changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from despoolr_core.formats.mif.build import INTEGER
from despoolr_core.formats.mif.codec import examine, read
from despoolr_core.formats.mif.language.findings import MifFinding, Mode, Severity
from despoolr_core.formats.mif.language.model import (
    Block,
    Enumeration,
    Item,
    Member,
    Mif,
    MifTable,
    Row,
    Skipped,
    Statement,
    Type,
    Value,
)
from despoolr_core.formats.mif.sms import MifKind, kind_of
from despoolr_core.formats.reports.job_mif import JobReport, job_report


def read_job_mif(data: bytes) -> JobReport:
    """The report of a job-details MIF, by the same two steps as the Data Loader."""
    return job_report(read(data, Mode.STRICT).component)


def attribute(
    number: str = "1",
    *,
    type_: str = "STRING(8)",
    value: str | None = '"v"',
    name: str = '"a"',
    extra: str = "",
) -> str:
    """One attribute; texts stand as written. `value` None: no VALUE."""
    stated = "" if value is None else f" VALUE={value}"
    return f"START ATTRIBUTE NAME={name} ID={number} {extra} TYPE={type_}{stated} END ATTRIBUTE\n"


def group(
    *attributes: str, head: str = 'ID=1 CLASS="DMTF|ComponentID|1.0"', name: str = '"g"'
) -> str:
    """One group of these attributes (one plain one if none)."""
    return (
        f"START GROUP NAME={name} {head}\n" + "".join(attributes or (attribute(),)) + "END GROUP\n"
    )


def mif(*blocks: str, before: str = "", after: str = "") -> bytes:
    """A file of these blocks (one plain group if none)."""
    body = "".join(blocks or (group(),))
    return f'{before}START COMPONENT NAME="c"\n{body}END COMPONENT{after}\n'.encode("latin-1")


def with_value(value: str, type_: str = "STRING(600)") -> bytes:
    """A file whose one attribute has this value."""
    return mif(group(attribute(type_=type_, value=value)))


# What stands around a piece of a file.

HEAD = b'START COMPONENT NAME="c"\n'
_GROUP = b'START GROUP NAME="g" ID=1 CLASS="a|b|c"\n'
_ATTRIBUTE = b'START ATTRIBUTE NAME="x" ID=1 TYPE=INTEGER VALUE=0 END ATTRIBUTE\n'
_TAIL = b"END GROUP END COMPONENT"


def wrap_block(block: bytes) -> bytes:
    """A file with this block before its one group."""
    return HEAD + block + b"\n" + _GROUP + _ATTRIBUTE + _TAIL


def wrap_attribute(attribute: bytes) -> bytes:
    """A file whose one group has this attribute."""
    return HEAD + _GROUP + attribute + b"\n" + _TAIL


def build_enum(name: str, members: Mapping[int, str]) -> Enumeration:
    """A named enumeration of numbers and their strings."""
    return Enumeration(
        (
            Statement("NAME", name),
            Statement("TYPE", INTEGER),
            *(Member(number, string) for number, string in members.items()),
        )
    )


def build_table(
    name: str, number: int, class_name: str, rows: Iterable[Sequence[Value | None]]
) -> MifTable:
    """A table for a template of this class; values in ascending order of the attributes' ids."""
    return MifTable(
        (
            Statement("NAME", name),
            Statement("ID", number),
            Statement("CLASS", class_name),
            *(Row(tuple(row)) for row in rows),
        )
    )


def plain(mif: Mif) -> Mif:
    """What a MIF means, without its spelling: no text, comments, skipped parts, findings or
    encoding. For comparing.
    """
    header = tuple(
        msgspec.structs.replace(s, lead="", text="") for s in mif.header if isinstance(s, Statement)
    )
    component = _plain_block(mif.component)
    return Mif(
        msgspec.structs.replace(
            mif.component, items=component.items, lead="", start="", end_lead="", end=""
        ),
        header,
    )


def _plain_block(block: Block) -> Block:
    items: list[Item] = []
    for item in block.items:
        if isinstance(item, Block):
            items.append(_plain_block(item))
        elif not isinstance(item, Skipped):
            item = msgspec.structs.replace(item, lead="", text="")
            if (
                isinstance(item, Statement)
                and isinstance(item.value, Type)
                and item.value.enum is not None
            ):
                inline = _plain_block(item.value.enum)
                assert isinstance(inline, Enumeration)
                item = msgspec.structs.replace(
                    item, value=msgspec.structs.replace(item.value, enum=inline)
                )
            items.append(item)
    return type(block)(tuple(items))


class Verdict(msgspec.Struct, frozen=True):
    """Would SMS take it? If not, `reason` is the first finding that says no."""

    taken: bool
    kind: MifKind | None
    reason: MifFinding | None


def would_sms_take(data: bytes) -> Verdict:
    """Would SMS take this file, as what kind, and if not, why?"""
    mif, found = examine(data, Mode.SMS)
    reason = next((f for f in found if f.severity >= Severity.ERROR), None)
    return Verdict(reason is None, kind_of(mif) if mif is not None else None, reason)
