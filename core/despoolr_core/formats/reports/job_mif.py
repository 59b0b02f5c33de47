"""MIFs that travel to the Data Loader: one row of job details, or one machine's added inventory.

Law: both are SMS 1.x IDMIFs (`mif.md` section 8): a group Identification, whose key decides what is
matched, a group Architecture, then the facts. The Despooler writes the first into `DELTAMIF.COL`
and the Data Loader turns it into a row of `JobDetails` (Q169491, Q152229); architecture JobDetails
is one of SMS's own (BORES 7D). The attribute names inside are ours: no article prints such a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from operator import attrgetter
from typing import Any, Final

import msgspec

from despoolr_core.formats.mif.build import (
    DATE,
    build_attribute,
    build_group,
    build_mif,
    in_8_bits,
)
from despoolr_core.formats.mif.codec import parse
from despoolr_core.formats.mif.language.dates import parse_date, render_date
from despoolr_core.formats.mif.language.findings import MifError, Mode
from despoolr_core.formats.mif.language.model import Attribute, Component, Group
from despoolr_core.formats.mif.render import render, render_verbatim
from despoolr_core.formats.mif.sms import ARCHITECTURE_CLASS, IDENTIFICATION_CLASS, stored_values
from despoolr_core.formats.reports.job_mif_fast import SAMPLE_EVENT, SAMPLE_TIME, Pattern, mark
from despoolr_core.formats.sms_id import is_sms_id
from despoolr_core.rules.fold import fold
from despoolr_core.rules.text import why_unfit

JOB_DETAILS_CLASS: Final = "MICROSOFT|JOBDETAILS|1.0"
JOB_DETAILS: Final = "JobDetails"
PERSONAL_COMPUTER: Final = "Personal Computer"

WORKSTATION: Final = "Workstation"
SERVER: Final = "Server"
SITE_ARRIVAL: Final = "Site Arrival"
COMPLETION: Final = "Completion"
KINDS: Final = (WORKSTATION, SERVER, SITE_ARRIVAL, COMPLETION)
"""The kinds of detail rows (Q167007, Q221945, Q152229)."""

_WIDTH: Final = 64
_WIDTH_REPORT: Final = 96
_WIDTH_DESCRIPTION: Final = 255


InventoryValue = str | int | None
"""What SMS keeps of an attribute."""


class JobNotice(msgspec.Struct, frozen=True):
    """What a site that gets a job from elsewhere is to know of it: told once, with the report of
    its arrival there.
    """

    name: str
    type: str
    package_id: str
    package_name: str
    package_source: str
    package_version: int


class JobReport(msgspec.Struct, frozen=True):
    """One thing that is to be known about a job at one place.

    `report` is unique: a report that arrives twice counts once. `time` is site time in seconds
    since 1970; `event` the NT event to log with it (374: a workstation installation failed), 0 for
    none. A `description` over 255 characters is cut by the reader, as SMS cuts every string.
    `facts` travel with an arrival only, `version` with a server's row: which version of the package
    it is about, 0 for none.
    """

    report: str
    job_id: str
    kind: str
    site: str
    status: str
    time: float
    domain: str = ""
    machine: str = ""
    sms_id: str = ""
    description: str = ""
    event: int = 0
    request_id: str = ""
    facts: JobNotice | None = None
    version: int = 0


_TEXTS: Final = (
    ("JobID", "job_id", 8),
    ("Kind", "kind", 16),
    ("Site", "site", 3),
    ("Domain", "domain", _WIDTH),
    ("Machine", "machine", _WIDTH),
    ("SMSID", "sms_id", _WIDTH),
    ("RequestID", "request_id", _WIDTH),
    ("Status", "status", 32),
    ("Description", "description", _WIDTH_DESCRIPTION),
)
"""Attribute, field of `JobReport`, declared length. Time and Event follow."""
_PLAIN_TEXTS: Final = ("report", *(field for _, field, _ in _TEXTS))
"""The texts of a report without facts or version, in the file's order."""
_KIND: Final = _PLAIN_TEXTS.index("kind")

_VERSION: Final = "PackageVersion"

JOB_FACTS_CLASS: Final = "MICROSOFT|JOB|1.0"
_FACTS: Final = (
    ("Name", "name", _WIDTH),
    ("Type", "type", 32),
    ("PkgID", "package_id", 8),
    ("PackageName", "package_name", _WIDTH),
    ("PackageSource", "package_source", _WIDTH_DESCRIPTION),
)
"""Attribute, field of `JobNotice`, declared length. PackageVersion follows."""


def render_job_mif(report: JobReport) -> bytes:
    """The job-details MIF of one report. Raises `MifError` for a kind that is not in `KINDS`."""
    _known(report.kind)
    plain = (
        None
        if report.facts is not None or report.version
        else _pattern().render(_texts_of(report), report.time, report.event)
    )
    return _render(report) if plain is None else plain


@cache
def _pattern() -> Pattern:
    texts: dict[str, Any] = {field: mark(number) for number, field in enumerate(_PLAIN_TEXTS)}
    sample = _render(JobReport(time=SAMPLE_TIME, event=SAMPLE_EVENT, **texts))
    return Pattern(sample, (_WIDTH_REPORT, *(size for _, _, size in _TEXTS)))


_texts_of: Final[Callable[[JobReport], tuple[str, ...]]] = attrgetter(*_PLAIN_TEXTS)


def read_plain_job_mif(data: bytes) -> JobReport | None:
    """The report of a job-details MIF as `render_job_mif` writes them, quickly; None: parse it and
    ask `job_report`. Raises `MifError` for what is not a date.
    """
    found = _pattern().read(data)
    if found is None or found[0][_KIND] not in KINDS:
        return None
    texts: dict[str, Any] = dict(zip(_PLAIN_TEXTS, found[0], strict=True))
    return JobReport(time=found[1], event=found[2], **texts)


def _render(report: JobReport) -> bytes:
    facts = [
        build_attribute(name, n, in_8_bits(getattr(report, field)), size=size)
        for n, (name, field, size) in enumerate(_TEXTS, 1)
    ]
    facts.append(build_attribute("Time", len(facts) + 1, render_date(report.time), kind=DATE))
    facts.append(build_attribute("Event", len(facts) + 1, report.event))
    if report.version:
        facts.append(build_attribute(_VERSION, len(facts) + 1, report.version))
    identification = build_group(
        "Identification",
        1,
        IDENTIFICATION_CLASS,
        [build_attribute("Report", 1, report.report, size=_WIDTH_REPORT)],
        key=(1,),
    )
    groups = [
        identification,
        architecture(2, JOB_DETAILS),
        build_group(JOB_DETAILS, 3, JOB_DETAILS_CLASS, facts),
    ]
    if report.facts is not None:
        groups.append(build_group("Job", 4, JOB_FACTS_CLASS, _fact_attributes(report.facts)))
    return render(build_mif(JOB_DETAILS, groups))


def _fact_attributes(facts: JobNotice) -> list[Attribute]:
    attributes = [
        build_attribute(name, n, in_8_bits(getattr(facts, field)), size=size)
        for n, (name, field, size) in enumerate(_FACTS, 1)
    ]
    return [
        *attributes,
        build_attribute(_VERSION, len(attributes) + 1, facts.package_version),
    ]


def job_report(component: Component) -> JobReport:
    """The report that a parsed job-details MIF is. Raises `MifError`."""
    identification, details = (
        component.group(IDENTIFICATION_CLASS),
        component.group(JOB_DETAILS_CLASS),
    )
    if (
        identification is None
        or details is None
        or fold(architecture_name(component)) != fold(JOB_DETAILS)
    ):
        raise MifError(
            "no job-details MIF: groups Identification and JobDetails, architecture "
            "JobDetails expected"
        )
    facts = stored_values(component, details)
    event, at = facts.get("Event"), parse_date(text_of(facts, "Time"))
    if not isinstance(event, int) or at is None:
        raise MifError("a job-details MIF states an Event number and a full Time")
    texts = {field: text_of(facts, name) for name, field, _ in _TEXTS}
    _known(texts["kind"])
    return JobReport(
        report=text_of(stored_values(component, identification), "Report"),
        time=at,
        event=event,
        facts=_job_facts(component),
        version=number_of(facts, _VERSION) if _VERSION in facts else 0,
        **texts,
    )


def _job_facts(component: Component) -> JobNotice | None:
    group = component.group(JOB_FACTS_CLASS)
    if group is None:
        return None
    facts = stored_values(component, group)
    return JobNotice(
        **{field: text_of(facts, name) for name, field, _ in _FACTS},
        package_version=number_of(facts, _VERSION),
    )


def _known(kind: str) -> None:
    if kind not in KINDS:
        raise MifError(f"Kind is {kind!r}, not one of {', '.join(KINDS)}")


def text_of(facts: Mapping[str, InventoryValue], name: str) -> str:
    """A text that must be there. Raises `MifError`."""
    value = facts.get(name)
    if not isinstance(value, str):
        raise MifError(f"the text {name!r} is missing")
    return value


def number_of(facts: Mapping[str, InventoryValue], name: str) -> int:
    """A number that must be there. Raises `MifError`."""
    value = facts.get(name)
    if not isinstance(value, int):
        raise MifError(f"the number {name!r} is missing")
    return value


def architecture(number: int, name: str) -> Group:
    """The group that says what kind of object a MIF is about."""
    return build_group(
        "Architecture",
        number,
        ARCHITECTURE_CLASS,
        [build_attribute("ArchitectureName", 1, name, size=_WIDTH)],
    )


def architecture_name(component: Component) -> str:
    """What kind of object a MIF is about; empty if it does not say."""
    group = component.group(ARCHITECTURE_CLASS)
    return str(group.value("ArchitectureName") or "") if group is not None else ""


class Machine(msgspec.Struct, frozen=True):
    """Which machine an inventory MIF is about."""

    site: str
    domain: str
    name: str
    sms_id: str


class Inventory(msgspec.Struct, frozen=True):
    """A machine and what was added to it: group name to attribute name to value, and the rows of
    each table by its name.

    Of two groups with one name the later counts.
    """

    machine: Machine
    groups: dict[str, dict[str, InventoryValue]]
    tables: dict[str, list[dict[str, InventoryValue]]]


def add_identification(noidmif: bytes, machine: Machine) -> bytes:
    """A NOIDMIF with the groups that say whose it is, its own text untouched: what the machine's
    inventory carries on.

    Raises `MifError` if SMS would not compile the file, or if it holds one of the two groups
    already (SDK 3i0p).
    """
    mif = parse(noidmif, Mode.SMS)
    component = mif.component
    for class_name in (IDENTIFICATION_CLASS, ARCHITECTURE_CLASS):
        if component.group(class_name) is not None:
            raise MifError(
                f"a NOIDMIF has no group of class {class_name}",
                rule="kind-groups",
                source="SDK 3i0p",
            )
    free = max((item.id or 0 for item in (*component.groups, *component.tables)), default=0) + 1
    added = (_identification(free, machine), architecture(free + 1, PERSONAL_COMPUTER))
    return render_verbatim(
        msgspec.structs.replace(
            mif, component=msgspec.structs.replace(component, items=component.items + added)
        )
    )


def render_machine_mif(machine: Machine) -> bytes:
    """A machine's inventory with nothing in it but who it is: how a site tells its parent of
    one.
    """
    return render(
        build_mif(
            PERSONAL_COMPUTER, [_identification(1, machine), architecture(2, PERSONAL_COMPUTER)]
        )
    )


def _identification(number: int, machine: Machine) -> Group:
    facts = (
        ("Site", machine.site, 3),
        ("Domain", machine.domain, 15),
        ("Name", machine.name, _WIDTH),
    )
    attributes = [
        build_attribute(name, n, value, size=size) for n, (name, value, size) in enumerate(facts, 1)
    ]
    attributes.append(build_attribute("SMSID", len(attributes) + 1, machine.sms_id, size=_WIDTH))
    return build_group(
        "Identification", number, IDENTIFICATION_CLASS, attributes, key=(len(attributes),)
    )


def read_inventory_mif(data: bytes) -> Inventory:
    """Whose inventory a MIF is and what it adds. Raises `MifError` without an Identification that
    names a machine by SMSID.

    The rows of machines stand on these four texts, and a client wrote them: a malformed SMSID
    would name no client, and a name with a backslash no workstation that an instruction can name.
    """
    component = parse(data, Mode.SMS).component
    identification = component.group(IDENTIFICATION_CLASS)
    if identification is None:
        raise MifError(
            f"no group of class {IDENTIFICATION_CLASS}", rule="kind-groups", source="BORES 7B"
        )
    facts = stored_values(component, identification)
    known = {name: text_of(facts, name) for name in ("Site", "Domain", "Name", "SMSID")}
    if not is_sms_id(known["SMSID"]):
        raise MifError(f"SMSID {known['SMSID']!r} is not eight of 0-9 and A-Z")
    for name in ("Site", "Domain", "Name"):
        if reason := why_unfit(known[name]) or ("has a backslash" if "\\" in known[name] else ""):
            raise MifError(f"the machine's {name} {reason}")
    own = (IDENTIFICATION_CLASS, ARCHITECTURE_CLASS)
    return Inventory(
        Machine(known["Site"], known["Domain"], known["Name"], known["SMSID"]),
        {
            group.name: stored_values(component, group)
            for group in component.groups
            if fold(group.class_name) not in own and group.id is not None
        },
        {
            table.name: [
                {
                    name: value if isinstance(value, str | int) else None
                    for name, value in row.items()
                }
                for row in component.table_rows(table)
            ]
            for table in component.tables
        },
    )
