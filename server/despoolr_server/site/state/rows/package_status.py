"""Which package a child's report is about, and what the site then knows: shared by Distribution
Manager and the Data Loader.

The law (Q235805, articles.md S3): an ID is a package's own, or a marked one whose fourth character
is lost. A site that resolves marks tries the packages that match in the other seven places: one is
meant; none, and the ID does not exist; several, and nobody can say which: the report is kept for a
person.
"""

from __future__ import annotations

import msgspec

from despoolr_core.formats.reports.site_mif import PackageReport, is_marked, unmarked
from despoolr_server.database.protocol import Connection
from despoolr_server.site.state.rows import queries


class Resolution(msgspec.Struct, frozen=True):
    """The package that is meant, or why none is: the `candidates` that match, if there are
    several.
    """

    package: str = ""
    candidates: tuple[str, ...] = ()

    @property
    def is_ambiguous(self) -> bool:
        """Whether more than one package matches."""
        return len(self.candidates) > 1


def resolve(package_id: str, known: list[str], *, resolves_marks: bool) -> Resolution:
    """Which of the known packages an ID in a report means."""
    if package_id in known:
        return Resolution(package_id)
    if not (resolves_marks and is_marked(package_id)):
        return Resolution()
    candidates = unmarked(package_id, known)
    return (
        Resolution(candidates[0])
        if len(candidates) == 1
        else Resolution(candidates=tuple(candidates))
    )


def load(db: Connection, report: PackageReport, *, resolves_marks: bool) -> tuple[Resolution, str]:
    """Record a child's report. Returns the package it means, and the status before (empty: not
    known).
    """
    found = resolve(report.package_id, queries.package_ids(db), resolves_marks=resolves_marks)
    if not found.package:
        return found, ""
    rows = queries.package_statuses(db, found.package)
    row = next((row for row in rows if row.SiteCode == report.site and not row.Server), None)
    if row is None or report.time >= row.UpdatedAt:
        queries.set_package_status(
            db, found.package, report.site, "", report.result, report.version, report.time
        )
    return found, str(row.Status) if row is not None else ""


def missing(package_id: str) -> str:
    """What Distribution Manager logs for an ID it does not know, letter for letter (Q235774,
    Q235805).
    """
    return (
        f"~SQL Msg #99901> This PkgID ({package_id}) does not exist in the parent table, "
        "SMSPackages.~"
    )


def ambiguous(report: PackageReport, candidates: tuple[str, ...]) -> str:
    """What is logged when several packages match a marked ID. Our words: what SP1 does then is
    UNKNOWN.
    """
    return (
        f"~PkgID ({report.package_id}) of site {report.site} may be any of "
        f"{', '.join(candidates)}: "
        f"the status {report.result} is kept and none of them is changed.~"
    )
