"""Whether distribution servers have of packages what the database says.

The law: what a package should be is what was packed of its source for the last job, where that is
still there, and not what a Despooler kept of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from despoolr_core.rules.fold import fold
from despoolr_lab.explore.agreement.tables import (
    RULED_S,
    Disagreement,
    SiteTables,
    content,
    directories,
)
from despoolr_lab.explore.rules.breach import Breach
from despoolr_server.database.protocol import Row
from despoolr_server.files import FileStore
from despoolr_server.site.jobs.model import DetailKind, DetailStatus, JobStatus, JobType
from despoolr_server.site.state import boxes
from despoolr_server.site.state.context import SiteServerRole
from despoolr_server.site.state.packages import Files, PackageError, decompress

OLD_FILES: Final = "told as installed and not there"
NOT_REMOVED: Final = "told as removed and still there"
OTHER_STATUS: Final = "a package says otherwise than its job"
LEFT_OUT: Final = "a server that an update left out"
DESPOOLER: Final = "SMS_DESPOOLER"


def packages(tables: SiteTables) -> Iterator[Disagreement]:
    """What is wrong with the packages of one site."""
    removed = tables.removed
    for row in tables.statuses:
        if tables.is_busy(row.PkgID):
            continue
        yield from _status(tables, row)
        package = tables.packages.get(row.PkgID)
        is_newest = package is not None and row.Version == package.StoredVersion
        if row.Status == DetailStatus.COMPLETE and is_newest and row.PkgID not in removed:
            yield from _files(tables, row)
    yield from _untold(tables)
    for package in tables.packages.values():
        if not tables.is_busy(package.PkgID) and package.PkgID not in removed:
            yield from _left_out(tables, package)
    for job in tables.own_jobs:
        if job.Type == JobType.REMOVE_PACKAGE and not tables.is_busy(job.PackageID):
            yield from _removed(tables, job)


def _files(tables: SiteTables, row: Row) -> Iterator[Disagreement]:
    """A server that is said to have a package has its files."""
    wrong = _wrong(tables, row.PkgID, row.Server)
    if wrong:
        text = (
            f"{row.Server} is said to have package {row.PkgID}, and has not what it should of "
            f"{', '.join(wrong[:5])}"
        )
        breach = Breach(OLD_FILES, text, tables.now, 0, "package file", DESPOOLER)
        yield Disagreement(breach, row.PkgID)


def _wrong(tables: SiteTables, package: str, server: str) -> list[str]:
    """The files of a package that a server has not as they should be."""
    role, wanted = _role(tables, server), _wanted(tables, package)
    if wanted is None or role is None:
        return []
    store = tables.store(role.package_share, role.name)
    wrong = [_unlike(store, place, wanted) for place in _places(store, package)]
    return wrong[0] if wrong and all(wrong) else [] if wrong else sorted(wanted)


def _left_out(tables: SiteTables, package: Row) -> Iterator[Disagreement]:
    """Who has a package has what its last Share Package job brought, if that was to refresh who has
    it; and whoever that job named has it.
    """
    jobs = [job for job in tables.own_jobs if job.PackageID == package.PkgID]
    last = max(jobs, key=lambda job: (job.ActivateAt, job.JobID), default=None)
    if last is None or last.Type != JobType.SHARE_PACKAGE or last.Status != JobStatus.COMPLETE:
        return
    if last.StatusAt > tables.now - RULED_S:
        return
    spec = tables.spec(last)
    have = {
        row.Server: row.Version
        for row in tables.statuses
        if row.PkgID == package.PkgID and row.Status == DetailStatus.COMPLETE
    }
    ours = {role.name for role in tables.machine.setup.servers}
    wanted = (ours & set(spec.distribute.put_on)) | (
        set(have) if spec.distribute.refresh_existing else set()
    )
    older = {name for name in wanted if have.get(name) != package.StoredVersion}
    left = [name for name in sorted(older) if _wrong(tables, package.PkgID, name)]
    if left:
        text = (
            f"job {last.JobID} is Complete, and {', '.join(left)} has not what it brought of "
            f"{package.PkgID}"
        )
        breach = Breach(LEFT_OUT, text, tables.now, 0, "package file", DESPOOLER)
        yield Disagreement(breach, package.PkgID, is_of_rest=True)


def _wanted(tables: SiteTables, package: str) -> Files | None:
    """What a package is: as it was packed for the last job that sent it, else the master copy."""
    root = tables.store(boxes.ROOT_SHARE)
    packed = content(root, f"{boxes.TOSEND}/{package}.P00")
    if packed is not None and len(packed) != tables.packages[package].SourceCompSize:
        packed = None  # it is of a job that never began
    data = packed or content(root, f"{boxes.STORE}/{package}.PCK")
    if data is None:
        return None
    try:
        return decompress(data)
    except PackageError:
        return None  # events 15 and 375 say so


def _removed(tables: SiteTables, job: Row) -> Iterator[Disagreement]:
    """A server that a package was removed from has nothing of it, unless it came back."""
    for row in tables.rows_of(job.JobID):
        role = _role(tables, row.MachineName)
        if role is None or row.SiteCode != tables.code or row.Status != DetailStatus.COMPLETE:
            continue
        came_back = any(
            other.MachineName == row.MachineName
            and other.JobID != job.JobID
            and other.UpdatedAt >= row.UpdatedAt
            for one in tables.jobs
            if one.PackageID == job.PackageID
            for other in tables.rows_of(one.JobID)
        )
        if came_back:
            continue
        left = _places(tables.store(role.package_share, role.name), job.PackageID)
        if left:
            text = f"{', '.join(left)} is still on {role.name}, and job {job.JobID} removed it"
            breach = Breach(NOT_REMOVED, text, tables.now, 0, "package file", DESPOOLER)
            yield Disagreement(breach, job.PackageID)


def _status(tables: SiteTables, row: Row) -> Iterator[Disagreement]:
    """The status of a package on a server is what the last report of it said."""
    reports = [
        detail
        for job in tables.jobs
        if job.PackageID == row.PkgID
        for detail in tables.rows_of(job.JobID)
        if detail.Kind == DetailKind.SERVER
        and (detail.SiteCode, detail.MachineName) == (row.SiteCode, row.Server)
    ]
    last = max((detail.UpdatedAt for detail in reports), default=tables.now)
    said = {detail.Status for detail in reports if detail.UpdatedAt == last}
    if last > tables.now - RULED_S or row.Status in said or DetailStatus.CANCELED in said:
        return
    text = (
        f"package {row.PkgID} is {row.Status} on {row.Server}, and its last job says "
        f"{' or '.join(sorted(said))}"
    )
    breach = Breach(OTHER_STATUS, text, tables.now, 0, "", "SMS_INVENTORY_DATA_LOADER")
    yield Disagreement(breach, row.PkgID)


def _untold(tables: SiteTables) -> Iterator[Disagreement]:
    """Of a server that a job reported on, the package has a status."""
    told = {(row.PkgID, row.Server) for row in tables.statuses}
    for job in tables.jobs:
        for row in tables.rows_of(job.JobID):
            is_ours = row.Kind == DetailKind.SERVER and row.SiteCode == tables.code
            is_old = row.UpdatedAt < tables.now - RULED_S and row.Status == DetailStatus.COMPLETE
            if is_ours and is_old and (job.PackageID, row.MachineName) not in told:
                text = (
                    f"{row.MachineName} is {row.Status} by job {job.JobID}, and package "
                    f"{job.PackageID} has no status there"
                )
                breach = Breach(OTHER_STATUS, text, tables.now, 0, "", "SMS_INVENTORY_DATA_LOADER")
                yield Disagreement(breach, job.PackageID)


def _role(tables: SiteTables, server: str) -> SiteServerRole | None:
    roles = tables.machine.setup.servers
    return next((role for role in roles if role.name == server and role.distribution), None)


def _places(store: FileStore, package: str) -> list[str]:
    """Where a package is: it may move to another directory, which begins with its ID."""
    return [name for name in directories(store, "") if fold(name).startswith(fold(package))]


def _unlike(store: FileStore, directory: str, wanted: Files) -> list[str]:
    """The files that a directory has not as they should be."""
    return [name for name, data in wanted.items() if content(store, f"{directory}/{name}") != data]
