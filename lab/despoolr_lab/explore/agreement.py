"""Whether the site database and the shares agree, at the end of a run.

The law: it looks where nobody is told to look, into files and tables, and changes nothing. Where a
job is under way it asks nothing: they need agree only at rest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from despoolr_core.errors import FormatError
from despoolr_core.formats.instruction import WireRemove, parse_instruction
from despoolr_core.formats.instruction_file import WIREMOVE
from despoolr_core.rules.fold import fold
from despoolr_lab.explore.breach import Breach, without_ids
from despoolr_lab.explore.calm import SETTLED_S
from despoolr_lab.scenario.world import SiteMachine, World
from despoolr_server.database.protocol import Connection, Row
from despoolr_server.engine.names import Name, parse_name
from despoolr_server.files import FileStore
from despoolr_server.site.jobs.model import UNDER_WAY, DetailStatus, JobStatus, JobType
from despoolr_server.site.jobs.status import overall_status, status_without_run
from despoolr_server.site.state import boxes, queries
from despoolr_server.site.state.packages import Files, PackageError, decompress

OLD_FILES: Final = "told as installed and not there"
WRONG_STATUS: Final = "a job says otherwise than its rows"
LEFT_IN_BOX: Final = "left in a box"
RULED_S: Final = 2 * 3600.0
"""Seconds after which the Scheduler has looked at rows, at any Response."""
PASSED_ON: Final = (
    (boxes.ROOT_SHARE, boxes.LAN_OUTBOX),
    (boxes.ROOT_SHARE, boxes.DELTA_MIFS),
    (boxes.ROOT_SHARE, boxes.SITE_REPORTS),
    (boxes.ROOT_SHARE, boxes.INVENTORY),
    (boxes.ROOT_SHARE, boxes.DISTRIBUTION_MANAGER),
    (boxes.SITE_SHARE, ""),
)
"""The boxes of a site server from which a service takes whatever lies there."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """What was found, and of which rows: those that a fault of SMS's explains are passed over."""

    breach: Breach
    package: str = ""
    is_of_rest: bool = False
    """It is one only if nothing disturbed the run at its end."""
    late: tuple[str, str, float] | None = None
    """Of a status MIF: site, name of its report, when it came. The .SNI may have been executed
    before that, and then nobody takes the MIF any more (Q138241).
    """


_INSTALLED: Final = f"""
    SELECT "PackageStatus".* FROM "PackageStatus"
    JOIN "SMSPackages" ON "SMSPackages"."PkgID" = "PackageStatus"."PkgID"
    WHERE "PackageStatus"."Server" != '' AND "PackageStatus"."Status" = '{DetailStatus.COMPLETE}'
        AND "PackageStatus"."Version" = "SMSPackages"."StoredVersion"
"""


@dataclass(frozen=True, slots=True)
class Ending:
    """What was there at the end."""

    disagreements: list[Disagreement] = field(default_factory=list)
    rows: dict[tuple[str, ...], str] = field(default_factory=dict)
    """Site and row of Job Details (job, kind, site, machine) to its status."""
    waiting: set[str] = field(default_factory=set)
    """Reports of clients that wait at a site for the date that their client had (Q172899)."""


async def look(world: World) -> Ending:
    """What database and shares say at this moment."""
    ending = Ending()
    for code, machine in world.sites.items():
        now = world.clock.now()
        jobs, details, installed = await world.assembly.databases[code].run(_tables)
        profile = machine.setup.profile
        ending.rows.update(
            {(code, d.JobID, d.Kind, d.SiteCode, d.MachineName): d.Status for d in details}
        )
        for job in jobs:
            if job.JobID[:3] == code:
                rows = [row for row in details if row.JobID == job.JobID]
                ending.disagreements.extend(_status(job, rows, profile, now))
        busy = {job.PackageID for job in jobs if job.Status in UNDER_WAY}
        busy |= {job.PackageID for job in jobs if job.Type == JobType.REMOVE_PACKAGE}
        for row in installed:
            if row.SiteCode == code and row.PkgID not in busy:
                ending.disagreements.extend(_files(world, code, row))
        waiting = _waiting(world, machine, now)
        ending.waiting.update(waiting.values())
        ending.disagreements.extend(_boxes(world, machine, waiting, now))
    return ending


def _tables(db: Connection) -> tuple[list[Row], list[Row], list[Row]]:
    """The jobs, their rows, and which servers are said to have a package's newest version."""
    return (
        db.all('SELECT * FROM "Jobs"'),
        db.all('SELECT * FROM "JobDetails"'),
        db.all(_INSTALLED),
    )


def _status(job: Row, rows: list[Row], profile: Any, now: float) -> Iterator[Disagreement]:
    """A job's status is what the rule makes of its rows, once the Scheduler has looked."""
    was = JobStatus(job.Status)
    if not rows or max(row.UpdatedAt for row in rows) > now - RULED_S:
        return
    if was not in (*UNDER_WAY, JobStatus.COMPLETE):
        return  # what it failed of need not stand in a row
    # what is Complete must have become so; after that no row moves it
    before = JobStatus.ACTIVE if was == JobStatus.COMPLETE else was
    said = {(row.Kind, row.Status) for row in rows}
    may_be = {
        status_without_run(
            overall_status(
                before, said, stays_retrying=profile.job_stays_retrying, has_given_up=given_up
            ),
            said,
            queries.spec_of(job),
            profile,
            is_sent=is_sent,
        )
        for given_up in (False, True)
        for is_sent in (False, True)
    }
    if was not in may_be:
        text = f"job {job.JobID} is {was}, and its rows make it {' or '.join(sorted(may_be))}"
        yield Disagreement(Breach(WRONG_STATUS, text, now, 0, "", "SMS_SCHEDULER"), is_of_rest=True)


def _files(world: World, code: str, row: Row) -> Iterator[Disagreement]:
    """A server that is said to have a package has its files."""
    server = world.sites[code].setup.server
    master = _read(
        world.assembly.stores[server, boxes.ROOT_SHARE], f"{boxes.STORE}/{row.PkgID}.PCK"
    )
    role = next((r for r in world.sites[code].setup.servers if r.name == row.Server), None)
    if master is None or role is None or not role.distribution:
        return
    try:
        wanted = decompress(master)
    except PackageError:
        return  # events 15 and 375 say so
    store = world.assembly.stores[role.name, role.package_share]
    # a package may move to another directory, which begins with its ID
    places = [name for name in _names(store, "") if fold(name).startswith(fold(row.PkgID))]
    wrong = [_unlike(store, place, wanted) for place in places] or [sorted(wanted)]
    if all(wrong):
        text = (
            f"{row.Server} is said to have package {row.PkgID}, and has not what it should of "
            f"{', '.join(wrong[0][:5])}"
        )
        breach = Breach(OLD_FILES, text, world.clock.now(), 0, "package file", "SMS_DESPOOLER")
        yield Disagreement(breach, row.PkgID)


def _unlike(store: FileStore, directory: str, wanted: Files) -> list[str]:
    """The files that a directory has not as they should be."""
    return [name for name, data in wanted.items() if _read(store, f"{directory}/{name}") != data]


def _waiting(world: World, machine: SiteMachine, now: float) -> dict[str, str]:
    """The client reports that are not due yet: the name of their files to their number."""
    setup = machine.setup
    store = world.assembly.stores[setup.server, boxes.SITE_SHARE]
    found: dict[str, str] = {}
    for facts in _entries(store, "") if setup.profile.results_wait_for_client_date else ():
        name, _, extension = fold(facts.path).rpartition(".")
        if extension != "SNI" or name.endswith("_R"):
            continue
        with suppress(FormatError):
            instruction = parse_instruction(_read(store, facts.path) or b"")
            if instruction.type == WIREMOVE and (instruction.execute_at or 0.0) > now:
                found[name] = WireRemove.from_instruction(instruction).report_id
    return found


def _boxes(
    world: World, machine: SiteMachine, waiting: Collection[str], now: float
) -> Iterator[Disagreement]:
    """What lies in a box for hours was forgotten there. A retry instruction waits in its own, and
    so do those `waiting`.
    """
    setup = machine.setup
    server = setup.server
    for share, box in PASSED_ON:
        store = world.assembly.stores[server, share]
        for facts in _entries(store, box):
            name = facts.path.rpartition("/")[2]
            report, _, extension = fold(name).rpartition(".")
            if facts.directory or fold(name).endswith("_R.SNI") or report in waiting:
                continue
            if now - facts.modified_at > SETTLED_S:
                text = f"{facts.path} lies in {share} of {server} for hours"
                where = without_ids(box.rpartition("/")[2] or share)
                kind = f"{LEFT_IN_BOX}: {name.rpartition('.')[2][:3]}"
                breach = Breach(kind, text, now, 0, where, "")
                is_mif = extension == "PCK" and setup.profile.sni_before_pck
                late = (setup.code, report, facts.modified_at) if is_mif else None
                yield Disagreement(breach, is_of_rest=True, late=late)


def _entries(store: FileStore, path: str) -> list[Any]:
    name = parse_name(path)
    if not isinstance(name, Name) or (path and store.find(name) is None):
        return []
    return list(store.list(name))


def _names(store: FileStore, path: str) -> list[str]:
    return [facts.path.rpartition("/")[2] for facts in _entries(store, path) if facts.directory]


def _read(store: FileStore, path: str) -> bytes | None:
    name = parse_name(path)
    if not isinstance(name, Name):
        return None
    facts = store.find(name)
    return None if facts is None or facts.directory else store.read(name)
