"""Whether the commands of jobs have reached the clients' instruction files, and have left them.

The law: once a site is done with a job, each of its workstations has the command in its master
file, and once it is done with cancelling it, none has; at rest each logon server of the domain has
that file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from despoolr_client.agent.agent import RESTART_S
from despoolr_core.errors import FormatError
from despoolr_core.formats.instructions.winst_text import parse_winst
from despoolr_core.rules.fold import fold
from despoolr_core.times import span_s
from despoolr_lab.explore.agreement.tables import (
    Disagreement,
    SiteTables,
    base,
    content,
    directories,
    entries,
    is_begun,
)
from despoolr_lab.explore.rules.breach import Breach
from despoolr_lab.explore.rules.calm import SETTLED_S
from despoolr_lab.scenario.model import ProgramOutcome
from despoolr_server.database.protocol import Row
from despoolr_server.site.jobs.model import DetailKind, DetailStatus, JobStatus
from despoolr_server.site.state import boxes

NO_COMMAND: Final = "a command that nobody was given"
NOT_CARRIED: Final = "a command that did not reach the logon server"
NOT_TAKEN_BACK: Final = "a command that was cancelled and is still there"


def commands(tables: SiteTables) -> Iterator[Disagreement]:
    """What is wrong with the instruction files of one site's clients."""
    yield from _given(tables)
    yield from _taken_back(tables)
    yield from _carried(tables)


def expiries(tables: SiteTables) -> dict[str, float]:
    """Request to the site time at which its command expires, of those that do."""
    found: dict[str, float] = {}
    for master in _masters(tables).values():
        with suppress(FormatError):
            for record in parse_winst(master).records:
                if record.expiration_full and record.expiration_date is not None:
                    found[record.request_id] = record.expiration_date
    return found


def mandatory(tables: SiteTables) -> dict[tuple[str, str], float]:
    """Machine and request to when the command is to be run by itself, of this site's own jobs."""
    found: dict[tuple[str, str], float] = {}
    for job in tables.own_jobs:
        run = tables.spec(job).run
        if run is None or run.mandatory_after is None or not is_begun(job):
            continue
        for row in tables.rows_of(job.JobID):
            if row.Kind == DetailKind.WORKSTATION and row.SiteCode == tables.code:
                at = max(run.mandatory_after, run.offer_after)
                found[row.MachineName, job.RequestID] = at
    return found


def due(tables: SiteTables) -> dict[tuple[str, str], float]:
    """Machine and request to when a command should have been run at the latest, of those that
    nothing keeps from it: the machine is on and goes by a right clock, and a server has the
    package.
    """
    profile = tables.machine.setup.profile
    if profile.polls_only_changed_file or any(one.hangs for one in tables.world.scenario.program):
        return {}  # Q163488: a date passes unnoticed; and who hangs runs nothing else
    have = {row.PkgID for row in tables.statuses if row.Status == DetailStatus.COMPLETE}
    requests = {job.RequestID for job in tables.own_jobs if job.PackageID in have}
    programs = tables.world.scenario.program
    outcomes = [ProgramOutcome(), *(one for all_ in programs for one in (all_, *all_.then))]
    # a machine runs one program after another, each after a countdown
    runs_s = max(span_s(one.runs) + one.restarts * RESTART_S for one in outcomes)
    found: dict[tuple[str, str], float] = {}
    for (machine, request), at in mandatory(tables).items():
        agent = tables.world.agents.get(machine)
        if agent is None or request not in requests or not agent.is_on or agent.clock_offset_s:
            continue
        settings = agent.settings
        if not settings.behaviour.is_service and not settings.habits.honours_marker:
            busy_s = len(tables.jobs) * (agent.behaviour.countdown + runs_s)
            found[machine, request] = at + busy_s + 2 * settings.polling_interval_s
    return found


def _given(tables: SiteTables) -> Iterator[Disagreement]:
    ids = {fold(agent.machine): agent.sms_id for agent in tables.world.agents.values()}
    masters = _masters(tables)
    removed = tables.removed
    for job in tables.jobs:
        if not is_begun(job) or job.PackageID in removed:
            continue
        rows = [row for row in tables.rows_of(job.JobID) if row.SiteCode == tables.code]
        is_done = any(
            row.Kind == DetailKind.COMPLETION and row.Status == DetailStatus.COMPLETE
            for row in rows
        )
        missing = [
            row.MachineName
            for row in rows
            if row.Kind == DetailKind.WORKSTATION
            and (sms_id := ids.get(fold(row.MachineName)))
            and not _has(masters.get(fold(sms_id)), job)
        ]
        if is_done and missing:
            text = (
                f"{tables.code} is done with job {job.JobID}, and {', '.join(missing[:5])} has no "
                "command of it"
            )
            breach = Breach(NO_COMMAND, text, tables.now, 0, "", "SMS_DESPOOLER")
            yield Disagreement(breach, job.PackageID)


def _taken_back(tables: SiteTables) -> Iterator[Disagreement]:
    masters = _masters(tables)
    for job in tables.jobs:
        is_over = job.Status == JobStatus.CANCELLED and any(
            row.Kind == DetailKind.COMPLETION
            and row.SiteCode == tables.code
            and row.Status == DetailStatus.CANCELED
            for row in tables.rows_of(job.JobID)
        )
        having = [sms_id for sms_id, master in sorted(masters.items()) if _has(master, job)]
        if is_over and having:
            text = (
                f"job {job.JobID} was cancelled, and the instruction files of "
                f"{', '.join(having[:5])} still have its command"
            )
            yield Disagreement(Breach(NOT_TAKEN_BACK, text, tables.now, 0, "", "SMS_DESPOOLER"))


def _carried(tables: SiteTables) -> Iterator[Disagreement]:
    root = tables.store(boxes.ROOT_SHARE)
    for domain in directories(root, boxes.PCM_DOMAINS):
        there = [
            tables.store(boxes.LOGON_SHARE, role.name)
            for role in tables.machine.setup.servers
            if role.logon and fold(role.domain) == fold(domain.rpartition(".")[0])
        ]
        for facts in entries(root, f"{boxes.PCM_DOMAINS}/{domain}"):
            if tables.now - facts.modified_at < SETTLED_S or facts.directory:
                continue
            name = base(facts.path)
            data = content(root, f"{boxes.PCM_DOMAINS}/{domain}/{name}")
            if any(content(one, f"{boxes.PCM_INSTRUCTIONS}/{name}") != data for one in there):
                text = f"a logon server of {domain} has another {name} than {tables.code}"
                program = "SMS_MAINTENANCE_MANAGER"
                breach = Breach(NOT_CARRIED, text, tables.now, 0, "", program)
                yield Disagreement(breach, is_of_rest=True)


def _masters(tables: SiteTables) -> dict[str, bytes]:
    """The master instruction files, by the client's SMSID."""
    root = tables.store(boxes.ROOT_SHARE)
    found: dict[str, bytes] = {}
    for domain in directories(root, boxes.PCM_DOMAINS):
        for facts in entries(root, f"{boxes.PCM_DOMAINS}/{domain}"):
            name = base(facts.path)
            data = content(root, f"{boxes.PCM_DOMAINS}/{domain}/{name}")
            if data is not None:
                found[fold(name).rpartition(".")[0]] = data
    return found


def _has(master: bytes | None, job: Row) -> bool:
    try:
        records = parse_winst(master).records if master is not None else ()
    except FormatError:
        return False
    return any(record.request_id == job.RequestID for record in records)
