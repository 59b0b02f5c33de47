"""Answers of commands that read files of the field: MIFs and instruction files."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from despoolr_core.formats.instructions.winst import PackageServer
from despoolr_core.formats.mif.language.model import Comment


class MifRemark(Struct):
    """What a rule finds in a MIF, and where."""

    line: int
    column: int
    severity: str
    rule: str
    text: str
    source: str


class MifChecked(Struct):
    """A file: whether it would be taken; `error` where it cannot be read."""

    file: str
    taken: bool
    kind: str | None
    error: str | None
    findings: list[MifRemark]


class MifCheckAnswer(Struct):
    """`mif check`: whether SMS, or a mode of ours, takes the files."""

    mode: str
    files: list[MifChecked]


class MifPath(Struct):
    """A path, with a program for each operating system."""

    name: str
    programs: dict[str, Any]


class MifEnum(Struct):
    """An enumeration: its numbers and what they mean."""

    name: str
    members: dict[str, str]


class MifAttribute(Struct):
    """An attribute; `meaning` is the enumeration's text for its value."""

    name: str
    id: int | None
    type: str
    access: str
    storage: str
    description: str
    value: Any
    meaning: str | None


class MifGroup(Struct):
    """A group; one without an id is the template of tables."""

    name: str
    id: int | None
    key: list[int]
    description: str
    attributes: list[MifAttribute]
    class_name: str = field(name="class")


class MifRows(Struct):
    """A table of a group: its rows by attribute."""

    name: str
    id: int | None
    rows: list[dict[str, Any]]
    class_name: str = field(name="class")


class MifShowAnswer(Struct):
    """`mif show`: the component, with what is remarkable in it."""

    kind: str
    encoding: str
    language: str
    headers: dict[str, list[str]]
    name: str
    description: str
    paths: list[MifPath]
    enums: list[MifEnum]
    groups: list[MifGroup]
    tables: list[MifRows]
    comments: list[Comment]
    findings: list[MifRemark]


class InstructionTold(Struct):
    """A WINST record with PCMDUMP's fields: dates in site seconds and, as `_text`, as it printed
    them.
    """

    site_id: str
    request_id: str
    package_id: str
    job_id: str
    install_flag: int
    install_by_date: float | None
    install_by_date_text: str | None
    install_by_full: int
    display_date: float | None
    display_date_text: str | None
    display_full: int
    expiration_date: float | None
    expiration_date_text: str | None
    expiration_full: int
    user_input_flags: int
    operating_system: int
    operating_systems: list[str]
    disk_usage: str
    run_command: str
    wcl_name: str
    servers: list[PackageServer]
    package_name: str
    comments: str
    domain_name: str
    reserved: str
    pcm_version: str
    background: bool
    synchronous_exit: bool


class InstructionAnswer(Struct):
    """`pcmdump /r`: an instruction file."""

    file_name: str
    records: list[InstructionTold]
