"""What the job database says and what is true: jobs, versions on the shares, clients."""

from __future__ import annotations

from typing import Final

from despoolr_core.records.live.fold import OVER, WORKSTATION, ClientNow, JobNow, LiveFold
from despoolr_core.records.live.model import LiveClients, LiveJob, LivePackage, LiveRetry
from despoolr_core.records.live.page_query import PageQuery
from despoolr_core.records.live.steps import LOOKED_AT, STEP, Steps
from despoolr_core.records.versions.versioned_folder import VersionedFolder
from despoolr_core.rules.fold import fold

JOBS_MAX: Final = 20
PACKAGES_MAX: Final = 8
FILES_MAX: Final = 24
"""Files of a package that the map shows: those first that are not new everywhere."""
SERVERS_MAX: Final = 12
"""Servers that the map of a package shows, the worst first."""
MACHINES_MAX: Final = 24
"""Clients that are named of a state."""
RETRIES_MAX: Final = 12
_FOUND: Final = {
    "new": ("ran the new version", "right"),
    "old": ("ran the old version", "old"),
    "mixed": ("ran a mixture of old and new files", "wrong"),
    "missing": ("ran it with files missing", "wrong"),
    "": ("ran a version that no record tells", "old"),
}
"""What lay on the share when a client ran it."""


def jobs_of(live: LiveFold, asked: PageQuery) -> Steps[tuple[list[LiveJob], int, int, int]]:
    """Jobs, those first that are not over or of which the database says what is not true; how many
    more there are; and how many of all are Retrying, and how many untrue.
    """
    rows = []
    for number, job in enumerate([*live.jobs.values()]):
        if number % STEP == STEP - 1:
            yield
        if (
            (not asked.package or job.package == asked.package)
            and (not asked.server or (yield from _is_on(live, job, asked.server)))
            and asked.has_word(job.job, job.name, job.package, job.type)
        ):
            rows.append((yield from job_row(live, job)))
    rows.sort(key=lambda row: (row.status in OVER and not row.untrue, -row.status_at, row.job))
    retrying = sum(row.status == "Retrying" for row in rows)
    untrue = sum(row.untrue for row in rows)
    return rows[:JOBS_MAX], max(0, len(rows) - JOBS_MAX), retrying, untrue


def job_row(live: LiveFold, job: JobNow) -> Steps[LiveJob]:
    """A job as the page has it."""
    truth = live.versions.jobs.get(job.job)
    right, wrong = yield from _pcs(live, job)
    told = [one[:5] for one in truth.history] if truth is not None else []
    is_true = truth is None or bool(truth.replaced_by) or not told or not any(told[-1][2:])
    reported: dict[str, dict[str, int]] = {}
    for (kind, status), count in sorted(job.reported.items()):
        if count:
            reported.setdefault(kind, {})[status] = count
    return LiveJob(
        job=job.job,
        name=job.name or job.job,
        type=job.type,
        package=job.package,
        status=job.status,
        status_at=job.said[-1][0] if job.said else 0.0,
        said=list(job.said),
        truth=told,
        reported=reported,
        replaced_by=live.name_of(truth.replaced_by) if truth and truth.replaced_by else "",
        untrue=job.status == "Complete" and (not is_true or wrong > 0),
        pcs_right=right,
        pcs_wrong=wrong,
        why=job.reason,
    )


def _pcs(live: LiveFold, job: JobNow) -> Steps[tuple[int, int]]:
    """How many clients reported success with the right files on the share, and how many with
    others.
    """
    right = wrong = 0
    for number, ((kind, _, machine), status) in enumerate([*job.rows.items()]):
        if number % LOOKED_AT == LOOKED_AT - 1:
            yield
        client = live.clients.get(machine) if kind == WORKSTATION else None
        if client is None or status != "Complete" or client.package != job.package:
            continue
        right, wrong = (
            (right, wrong + 1) if _FOUND[client.found][1] == "wrong" else (right + 1, wrong)
        )
    return right, wrong


def _is_on(live: LiveFold, job: JobNow, server: str) -> Steps[bool]:
    wanted = fold(server)
    if (job.package, wanted) in live.versions.folders:
        return True
    for number, (_, _, machine) in enumerate([*job.rows]):
        if number % LOOKED_AT == LOOKED_AT - 1:
            yield
        if machine and fold(machine) == wanted:
            return True
    return False


def packages_of(live: LiveFold, asked: PageQuery) -> tuple[list[LivePackage], int]:
    """The version maps of packages, broken ones first; and how many more there are."""
    found: dict[str, list[VersionedFolder]] = {}
    for folder in live.versions.folders.values():
        if asked.is_of(folder.server, folder.package) and folder.now:
            found.setdefault(folder.package, []).append(folder)
    order = sorted(
        (
            item
            for item in found.items()
            if asked.has_word(item[0]) or any(asked.has_word(*f.names.values()) for f in item[1])
        ),
        key=lambda item: (all(f.state == "new" and not f.others for f in item[1]), item[0]),
    )
    rows = [_package_row(live, name, folders) for name, folders in order[:PACKAGES_MAX]]
    return rows, max(0, len(order) - PACKAGES_MAX)


def _package_row(live: LiveFold, package: str, folders: list[VersionedFolder]) -> LivePackage:
    worst = sorted(folders, key=lambda f: (_BADNESS[f.state], not f.others, f.server))[:SERVERS_MAX]
    shown = sorted(worst, key=lambda f: f.server)
    files: dict[str, str] = {}
    for folder in shown:
        for key in folder.now:
            files.setdefault(key, folder.names[key])
    letters = {key: "".join(folder.letter(key) for folder in shown) for key in files}
    order = sorted(letters, key=lambda key: (set(letters[key]) == {"n"}, key))
    return LivePackage(
        package=package,
        job=live.name_of(shown[0].versions.job),
        servers=[folder.server for folder in shown],
        files={files[key]: letters[key] for key in order[:FILES_MAX]},
        folders=[folder.sums for folder in shown],
        more_files=max(0, len(order) - FILES_MAX),
        more_servers=max(0, len(folders) - SERVERS_MAX),
    )


_BADNESS: Final = {"missing": 0, "mixed": 1, "old": 2, "new": 3, "": 4}


def clients_of(live: LiveFold, asked: PageQuery) -> Steps[tuple[list[LiveClients], int, int]]:
    """Clients by state, wrong ones first; how many there are, and how many are wrong."""
    states: dict[tuple[str, str], list[str]] = {}
    for number, (machine, client) in enumerate([*live.clients.items()]):
        if number % LOOKED_AT == LOOKED_AT - 1:
            yield
        if asked.is_of(client.server, client.package) and asked.has_word(machine):
            states.setdefault(_state_of(client), []).append(machine)
    waiting = yield from _waiting(live, asked)
    for (state, tone), machines in waiting.items():
        states.setdefault((state, tone), []).extend(machines)
    order = sorted(states.items(), key=lambda item: (_TONES.index(item[0][1]), item[0][0]))
    rows = [
        LiveClients(state, tone, len(machines), sorted(machines)[:MACHINES_MAX])
        for (state, tone), machines in order
    ]
    count = sum(row.count for row in rows)
    return rows, count, sum(row.count for row in rows if row.tone == "wrong")


_TONES: Final = ("wrong", "wait", "old", "right")


def _state_of(client: ClientNow) -> tuple[str, str]:
    says, tone = _FOUND[client.found]
    if client.result == "Failed":
        return f"{says}, reported Failed", "wrong"
    told = f", reported {client.result}" if client.result else ""
    return f"{says}{told}", tone


def _waiting(live: LiveFold, asked: PageQuery) -> Steps[dict[tuple[str, str], list[str]]]:
    """Clients that have an offer and have not run anything: what Job Details says of them."""
    found: dict[tuple[str, str], list[str]] = {}
    seen: set[str] = set()
    if asked.server:
        return found
    for job in [*reversed(live.jobs.values())]:
        if asked.package and job.package != asked.package:
            continue
        for number, ((kind, _, machine), status) in enumerate([*job.rows.items()]):
            if number % LOOKED_AT == LOOKED_AT - 1:
                yield
            if kind != WORKSTATION or machine in live.clients or machine in seen:
                continue
            if not asked.has_word(machine, job.name):
                continue
            seen.add(machine)
            says, tone = _REPORTED.get(status, (f"{status} of", "wait"))
            state = f"{says} {job.name or job.job}"
            found.setdefault((state, tone), []).append(machine)
    return found


_REPORTED: Final = {
    "Complete": ("reported success for", "right"),
    "Failed": ("reported failure for", "wrong"),
    "None": ("wait for", "wait"),
    "Active": ("wait for", "wait"),
    "Canceled": ("were taken off", "old"),
}


def retries_of(live: LiveFold, asked: PageQuery) -> tuple[list[LiveRetry], int]:
    """What will be tried again, soonest first; and how many more there are."""
    rows = [
        LiveRetry(
            retry.at,
            retry.job,
            live.name_of(retry.job),
            list(retry.servers[:SERVERS_MAX]),
            len(retry.servers),
            retry.attempt,
        )
        for retry in live.retries.values()
        if (not asked.server or any(fold(s) == fold(asked.server) for s in retry.servers))
        and asked.has_word(retry.job, live.name_of(retry.job))
        and (not asked.package or _package(live, retry.job) == asked.package)
    ]
    rows.sort(key=lambda row: (row.at, row.job))
    return rows[:RETRIES_MAX], max(0, len(rows) - RETRIES_MAX)


def _package(live: LiveFold, job: str) -> str:
    found = live.jobs.get(job)
    return found.package if found is not None else ""
