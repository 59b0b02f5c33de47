"""MIFs that sites send to their parents: what became of a package at a site, and which sites there
are.

Law: the same shape as a job-details MIF (`job_mif`): Identification, Architecture, the facts. The
archive shows neither file (Q235805 names the package-status MIF and prints one ID out of it); class
names and attributes are ours. `read_delta_mif` reads whatever may lie in `DELTAMIF.COL`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from despoolr_core.formats.mif.build import DATE, build_attribute, build_group, build_mif
from despoolr_core.formats.mif.codec import read
from despoolr_core.formats.mif.language.dates import parse_date, render_date
from despoolr_core.formats.mif.language.findings import MifError, Mode
from despoolr_core.formats.mif.language.model import Attribute, Component
from despoolr_core.formats.mif.render import render
from despoolr_core.formats.mif.sms import IDENTIFICATION_CLASS, stored_values
from despoolr_core.formats.reports.job_mif import (
    JOB_DETAILS_CLASS,
    Inventory,
    JobReport,
    architecture,
    architecture_name,
    job_report,
    number_of,
    read_inventory_mif,
    read_plain_job_mif,
    text_of,
)
from despoolr_core.rules.fold import fold

PACKAGE_STATUS_CLASS: Final = "MICROSOFT|PACKAGESTATUS|1.0"
PACKAGE_STATUS: Final = "PackageStatus"
SITE_CLASS: Final = "MICROSOFT|SITE|1.0"
SITE: Final = "Site"

SUCCESS: Final = "Success"
FAILED: Final = "Failed"
PACKAGE_RESULTS: Final = (SUCCESS, FAILED)
MARK: Final = "Z"
"""What 1.2 puts in the fourth place of the ID of a package that a Share Package On Server job
installed (Q235805).
"""

_WIDTH_REPORT: Final = 96


class PackageReport(msgspec.Struct, frozen=True):
    """What became of a package at a site: `result` is Success or Failed, `time` site seconds.

    `package_id` is as the site wrote it: it may carry the mark of Q235805 and then is no package's
    ID.
    """

    report: str
    package_id: str
    site: str
    result: str
    version: int
    job_id: str
    time: float


class SiteReport(msgspec.Struct, frozen=True):
    """A site as it tells its parents: who it is, whose child, which servers it has. `time` is site
    seconds.
    """

    code: str
    parent: str
    server: str
    version: str
    servers: tuple[str, ...]
    time: float


DeltaMif = JobReport | Inventory | PackageReport | SiteReport
"""What the Data Loader loads."""


def mark(package_id: str) -> str:
    """The ID as 1.2 writes it on success (Q235805): the fourth character is lost."""
    return f"{package_id[:3]}{MARK}{package_id[4:]}"


def is_marked(package_id: str) -> bool:
    """Whether an ID carries the mark: no hex digit is a Z, so no package's own does."""
    return package_id[3:4] == MARK


def unmarked(package_id: str, known: Sequence[str]) -> list[str]:
    """The packages of `known` whose ID matches a marked one in the other seven places, in order."""
    return [one for one in known if len(one) == len(package_id) and mark(one) == package_id]


def render_package_mif(report: PackageReport) -> bytes:
    """The package-status MIF. Raises `MifError` for a result that is not in `PACKAGE_RESULTS`."""
    _known(report.result)
    facts = [
        build_attribute("PkgID", 1, report.package_id, size=8),
        build_attribute("SiteCode", 2, report.site, size=3),
        build_attribute("Status", 3, report.result, size=32),
        build_attribute("Version", 4, report.version),
        build_attribute("JobID", 5, report.job_id, size=8),
        build_attribute("Time", 6, render_date(report.time), kind=DATE),
    ]
    return _render(PACKAGE_STATUS, PACKAGE_STATUS_CLASS, report.report, facts)


def render_site_mif(report: SiteReport) -> bytes:
    """The MIF by which a site makes itself known upward."""
    facts = [
        build_attribute("SiteCode", 1, report.code, size=3),
        build_attribute("Parent", 2, report.parent, size=3),
        build_attribute("Server", 3, report.server, size=32),
        build_attribute("Version", 4, report.version, size=32),
        build_attribute("Servers", 5, " ".join(report.servers), size=1024),
        build_attribute("Time", 6, render_date(report.time), kind=DATE),
    ]
    return _render(SITE, SITE_CLASS, report.code, facts)


def _render(kind: str, class_name: str, key: str, facts: list[Attribute]) -> bytes:
    attribute = build_attribute("Report", 1, key, size=_WIDTH_REPORT)
    identification = build_group("Identification", 1, IDENTIFICATION_CLASS, [attribute], key=(1,))
    return render(
        build_mif(
            kind, [identification, architecture(2, kind), build_group(kind, 3, class_name, facts)]
        )
    )


def read_delta_mif(data: bytes) -> DeltaMif:
    """What a file in `DELTAMIF.COL` is about, by the group it has; a machine if it has none of
    ours. Raises `MifError`.
    """
    plain = read_plain_job_mif(data)
    if plain is not None:
        return plain
    component = read(data, Mode.SMS).component
    if component.group(JOB_DETAILS_CLASS) is not None:
        return job_report(component)
    if component.group(PACKAGE_STATUS_CLASS) is not None:
        return _package_report(component)
    if component.group(SITE_CLASS) is not None:
        return _site_report(component)
    return read_inventory_mif(data)


def _package_report(component: Component) -> PackageReport:
    key, facts = _facts(component, PACKAGE_STATUS, PACKAGE_STATUS_CLASS)
    report = PackageReport(
        report=key,
        package_id=text_of(facts, "PkgID"),
        site=text_of(facts, "SiteCode"),
        result=text_of(facts, "Status"),
        version=number_of(facts, "Version"),
        job_id=text_of(facts, "JobID"),
        time=_time(facts),
    )
    _known(report.result)
    return report


def _site_report(component: Component) -> SiteReport:
    _, facts = _facts(component, SITE, SITE_CLASS)
    return SiteReport(
        code=text_of(facts, "SiteCode"),
        parent=text_of(facts, "Parent"),
        server=text_of(facts, "Server"),
        version=text_of(facts, "Version"),
        servers=tuple(text_of(facts, "Servers").split()),
        time=_time(facts),
    )


def _facts(
    component: Component, kind: str, class_name: str
) -> tuple[str, dict[str, str | int | None]]:
    identification, group = component.group(IDENTIFICATION_CLASS), component.group(class_name)
    if identification is None or group is None or fold(architecture_name(component)) != fold(kind):
        raise MifError(f"groups Identification and {kind}, architecture {kind} expected")
    return text_of(stored_values(component, identification), "Report"), stored_values(
        component, group
    )


def _time(facts: dict[str, str | int | None]) -> float:
    at = parse_date(text_of(facts, "Time"))
    if at is None:
        raise MifError("a full Time is expected")
    return at


def _known(result: str) -> None:
    if result not in PACKAGE_RESULTS:
        raise MifError(f"Status is {result!r}, not one of {', '.join(PACKAGE_RESULTS)}")
