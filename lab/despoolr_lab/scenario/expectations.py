"""What each expectation looks at, and what it found: one function per kind, found by its type.

An expectation never changes the world. It looks where a person would look: Job Details over the
site's API, files on a distribution server's disk, the event log, the services' log lines, the
episodes of the share.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from msgspec import convert, to_builtins

from despoolr_app.site_client.errors import SiteError, SiteRefused, SiteUnreachable
from despoolr_client.pcm.state import Folder
from despoolr_core.records.kinds.client import ProgramStarted
from despoolr_core.records.kinds.site import (
    DetailStatusChanged,
    InstructionExecuted,
    JobStatusChanged,
    LineLogged,
)
from despoolr_core.records.stream import Record, of
from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import ShareError, ShareUnreachable
from despoolr_core.share.site_api import DetailRow
from despoolr_core.share.wire import EpisodeRow
from despoolr_core.suggest import one_of
from despoolr_core.times import moment_s, span_s
from despoolr_lab.scenario import model
from despoolr_lab.scenario.job_names import job_at
from despoolr_lab.scenario.world import World
from despoolr_server.engine.names import Name, parse_name
from despoolr_server.site.jobs.model import DetailKind
from despoolr_server.site.state import boxes
from despoolr_server.site.state.packages import decompress


class Finding(msgspec.Struct, frozen=True):
    """One expectation's outcome, as `expectations` of the JSON result."""

    name: str
    expected: Any
    actual: Any
    ok: bool


_BLANKS: Final = re.compile(r" {2,}")
_JOB_NAMED: Final = re.compile(r"\{job:([^}]+)\}")

Look = Callable[[World, Any], Awaitable[Finding]]
LookBack = Callable[[World, list[Record], Any], Awaitable[Finding]]


async def check(world: World, records: list[Record], expectation: model.Expectation) -> Finding:
    """Look, compare, and say what was found."""
    look = _LOOK.get(type(expectation))
    try:
        if look is not None:
            return await look(world, expectation)
        return await _LOOK_BACK[type(expectation)](world, records, expectation)
    except (SiteError, ShareError, ShareUnreachable) as error:
        return _finding(expectation, "somebody who answers", _why(error), ok=False)


def _why(error: SiteError | ShareError | ShareUnreachable) -> str:
    """Who did not answer, or answered no; without what a person at a command line could do."""
    if isinstance(error, SiteUnreachable | ShareUnreachable):
        return f"{str(error).partition(' does not answer')[0]} does not answer"
    return error.detail if isinstance(error, SiteRefused) else str(error)


def expectations_named(scenario: model.Scenario, name: str) -> list[model.Expectation]:
    """Those that are called so, by their `name` or as they are told. Raises `ValueError` if none
    is called so.
    """
    one_of(name, [one.label for one in scenario.expect], "expectation")
    return [one for one in scenario.expect if one.label == name]


def _finding(expectation: Any, expected: Any, actual: Any, ok: bool | None = None) -> Finding:
    return Finding(expectation.label, expected, actual, expected == actual if ok is None else ok)


# -- jobs


async def _job(world: World, e: model.JobExpectation) -> Finding:
    answer = await _get_job(world, e, e.job)
    status = answer["job"]["status"] if answer else None
    wanted = [e.status] if isinstance(e.status, str) else list(e.status)
    return _finding(e, e.status, status, status in wanted)


async def _reached(world: World, records: list[Record], e: model.ReachedExpectation) -> Finding:
    start = world.scenario.start
    job = await _get_job(world, e, e.job)
    job_id = job["job"]["job"] if job else ""
    site = e.site or world.scenario.site[0].code
    at = next(
        (
            r.at
            for r, changed in of(records, JobStatusChanged)
            if changed.job == job_id
            and changed.status == e.status
            and r.actor.startswith(f"{site}/")
        ),
        None,
    )
    if e.never:
        return _finding(
            e,
            f"never {e.status}",
            None if at is None else f"{e.status} after {_recorded_span(at - start)}",
            at is None,
        )
    expected = f"{e.status} between {e.after or '0s'} and {e.before or 'the end'}"
    if at is None:
        return _finding(e, expected, f"never {e.status}", False)
    late_enough = not e.after or at >= moment_s(e.after, start)
    early_enough = not e.before or at <= moment_s(e.before, start)
    return _finding(
        e, expected, f"{e.status} after {_recorded_span(at - start)}", late_enough and early_enough
    )


async def _rows(world: World, e: model.RowsTable) -> Finding:
    answer = await _get_job(world, e, e.job)
    kind, key = _ROWS[type(e)]
    rows = {
        getattr(row, key): row.status
        for row in convert(answer["details"] if answer else [], list[DetailRow])
        if row.kind == kind
    }
    actual = {name: rows.get(name) for name in e.rows}
    expected = {
        name: to_builtins(wanted) if isinstance(wanted, model.RowStatus) else wanted
        for name, wanted in e.rows.items()
    }
    is_ok = all(_row_fits(wanted, actual[name]) for name, wanted in e.rows.items())
    return _finding(e, expected, actual, is_ok)


_ROWS: Final = {
    model.WorkstationsExpectation: (DetailKind.WORKSTATION, "machine"),
    model.ServersExpectation: (DetailKind.SERVER, "machine"),
    model.ArrivalsExpectation: (DetailKind.SITE_ARRIVAL, "site"),
    model.CompletionsExpectation: (DetailKind.COMPLETION, "site"),
}
"""Which rows of Job Details an expectation looks at, and what it names them by."""


def _row_fits(wanted: str | bool | model.RowStatus, status: str | None) -> bool:
    if isinstance(wanted, bool):
        return wanted == (status is not None)
    if isinstance(wanted, str):
        return status == wanted
    return status is not None and wanted.fits(status)


async def _get_job(world: World, e: Any, name: str) -> Any:
    return await job_at(world, e.site or world.scenario.site[0].code, name)


async def _mifs(world: World, records: list[Record], e: model.MifsExpectation) -> Finding:
    site = e.site or world.scenario.site[0].code
    answer = await _get_job(world, e, e.job)
    job_id = answer["job"]["job"] if answer else ""
    count = sum(
        1
        for r, changed in of(records, DetailStatusChanged)
        if r.actor.startswith(f"{site}/")
        and changed.status != "None"
        and changed.job == job_id
        and changed.detail == "Workstation"
        and e.status in ("", changed.status)
        and e.machine in ("", changed.machine)
    )
    return _finding(e, e.count, count)


async def _expiries(world: World, records: list[Record], e: model.ExpiriesExpectation) -> Finding:
    answer = await _get_job(world, e, e.job)
    job_id = answer["job"]["job"] if answer else ""
    count = sum(
        1
        for r, executed in of(records, InstructionExecuted)
        if executed.job == job_id
        and executed.result.startswith("expired")
        and r.actor.startswith(f"{e.site}/" if e.site else "")
    )
    return _finding(e, e.count, count)


# -- files


async def _files(world: World, e: model.FilesExpectation) -> Finding:
    site, package_id = world.packages[e.package]
    servers = [s.name for s in world.sites[site].setup.servers if s.distribution]
    server = e.server or servers[0]
    store = world.package_store(server)
    present = _tree(store, world.package_directory(server, package_id))
    spelled = {fold(name): name for name in present}  # names on a share have no case
    actual: dict[str, str | bool] = {
        name: present.get(spelled.get(fold(name), ""), False) for name in e.files
    }
    ok = all(
        actual[name] == wanted if wanted is not True else actual[name] is not False
        for name, wanted in e.files.items()
    )
    if e.only:
        wanted = {fold(name) for name in e.files}
        actual |= {name: text for name, text in present.items() if fold(name) not in wanted}
        ok = ok and set(spelled) <= wanted
    return _finding(e, dict(e.files), actual, ok)


def _tree(store: Any, directory: str) -> dict[str, str]:
    """The text of every file below a directory."""
    top = parse_name(directory)
    assert isinstance(top, Name)
    if store.find(top) is None:
        return {}
    files: list[Name] = []
    ahead = [top]
    while ahead:
        name = ahead.pop()
        for facts in store.list(name):
            (ahead if facts.directory else files).append(name.child(facts.path.rpartition("/")[2]))
    files.sort(key=lambda name: name.key.split("/"))
    return {
        name.path[len(top.path) :].lstrip("/"): store.read(name).decode("utf-8", "replace")
        for name in files
    }


async def _master(world: World, e: model.MasterExpectation) -> Finding:
    site, package_id = world.packages[e.package]
    machine = world.sites[e.site or site]
    share = world.connections.administrator(machine.setup.server).share(boxes.ROOT_SHARE)
    try:
        found = decompress(await share.read(f"{boxes.STORE}/{package_id}.PCK"))
    except ShareError as error:
        if not error.is_missing:
            return _finding(e, dict(e.files) or "no master copy", str(error), False)
        return _finding(e, "no master copy" if e.none else dict(e.files), "no master copy", e.none)
    actual = {name: data.decode("utf-8", "replace") for name, data in found.items()}
    is_same = {fold(name): text for name, text in actual.items()} == {
        fold(n): text for n, text in e.files.items()
    }
    return _finding(
        e, "no master copy" if e.none else dict(e.files), actual, not e.none and is_same
    )


async def _package_status(world: World, e: model.PackageStatusExpectation) -> Finding:
    site, package_id = world.packages[e.package]
    try:
        answer = await world.api(e.site or site, "GET", f"packages/{package_id}")
    except SiteRefused as error:
        return _finding(e, e.status, error.detail, False)
    rows = {(row["site"], row["server"]): row["status"] for row in answer["status"]}
    return _finding(e, e.status, rows.get((e.of_site, e.server)))


async def _box(world: World, e: model.BoxExpectation) -> Finding:
    path = await _with_ids(world, e, e.path)
    share = world.connections.administrator(e.server).share(e.share)
    above, brace, _ = e.path.partition("{package:")
    try:
        entries = await share.list(path)
    except ShareError as error:
        if not error.is_missing or not brace:
            return _finding(e, _counted(e, 0).expected, str(error), ok=False)
        await share.list(above.rpartition("/")[0])
        entries = []  # a package's directory comes and goes; what it lies in does not
    count = sum(
        1
        for entry in entries
        if not entry.directory and fold(entry.name).endswith(fold(e.extension))
    )
    return _counted(e, count)


# -- events, logs, episodes


def _counted(e: Any, count: int) -> Finding:
    if e.count is not None:
        return _finding(e, e.count, count)
    at_least = 1 if e.at_least is None else e.at_least
    return _finding(e, f"at least {at_least}", count, count >= at_least)


async def _events(world: World, e: model.EventsExpectation) -> Finding:
    site = e.site or world.scenario.site[0].code
    events = (await world.api(site, "GET", "events?limit=10000"))["events"]
    text = _plain(await _with_ids(world, e, e.text))
    job_id = ""
    if e.job:
        answer = await _get_job(world, e, e.job)
        job_id = answer["job"]["job"] if answer else "?"
    count = sum(
        x["code"] == e.code and job_id in ("", x["job"]) and text in _plain(x["text"])
        for x in events
    )
    return _counted(e, count)


async def _log(world: World, records: list[Record], e: model.LogExpectation) -> Finding:
    text = _plain(await _with_ids(world, e, e.text))
    count = sum(
        1
        for r, said in of(records, LineLogged)
        if said.component == e.component
        and text in _plain(said.text)
        and (not e.site or r.actor == f"{e.site}/{e.component}")
    )
    return _counted(e, count)


def _plain(text: str) -> str:
    """A text with one blank where it has several, as pages show an article's."""
    return _BLANKS.sub(" ", text)


async def _with_ids(world: World, e: Any, text: str) -> str:
    """The text with `{package:NAME}` and `{job:NAME}` replaced by their IDs."""
    text = world.with_ids(text)
    for name in _JOB_NAMED.findall(text):
        answer = await _get_job(world, e, name)
        text = text.replace(f"{{job:{name}}}", answer["job"]["job"] if answer else "?")
    return text


async def _episode(world: World, e: model.EpisodeExpectation) -> Finding:
    e = msgspec.structs.replace(e, path=await _with_ids(world, e, e.path))
    rows = [row for row in all_episodes(world) if _is_meant(row, e)]
    shown = [_episode_line(row) for row in all_episodes(world)]
    if e.none:
        return _finding(e, "no episode", shown or "no episode", not rows)
    wanted = {
        key: getattr(e, key)
        for key in ("path", "state", "blocker", "program", "attempts", "attempts_at_least")
        if getattr(e, key)
    }
    return _finding(e, wanted, shown or "no episode", bool(rows))


def all_episodes(world: World) -> list[EpisodeRow]:
    """The episodes of every server of the world, by first refusal."""
    return sorted(
        (row for host in world.assembly.hosts.values() for row in host.episodes()),
        key=lambda row: (row.first_refused_at, row.episode),
    )


def _is_meant(row: EpisodeRow, e: model.EpisodeExpectation) -> bool:
    return (
        (
            not e.path
            or any(
                fold(path).endswith(fold(e.path))
                for path in (row.path, *(h.path for h in row.holds))
            )
        )
        and (not e.state or row.state == e.state)
        and (not e.blocker or any(hold.machine == e.blocker for hold in row.holds))
        and (
            not e.program
            or row.program == e.program
            or any(hold.program == e.program for hold in row.holds)
        )
        and (e.attempts is None or row.attempt_count == e.attempts)
        and row.attempt_count >= e.attempts_at_least
        and (not e.blocked_at_least or row.blocked_s >= span_s(e.blocked_at_least))
        and (not e.blocked_at_most or row.blocked_s <= span_s(e.blocked_at_most))
    )


def _episode_line(row: EpisodeRow) -> str:
    holders = ", ".join(f"{h.machine}/{h.program}" for h in row.holds)
    return (
        f"{row.program} on {row.path}: {row.state}, {row.attempt_count} attempts, "
        f"{_recorded_span(row.blocked_s)}, blocked by {holders}"
    )


# -- machines


async def _attribute(world: World, e: model.AttributeExpectation) -> Finding:
    site = e.site or world.agents[e.machine].settings.site
    try:
        machine = await world.api(site, "GET", f"machines/{e.machine}")
    except SiteRefused as error:
        return _finding(e, e.value, error.detail, False)
    return _finding(e, e.value, machine["attributes"].get(e.group, {}).get(e.attribute))


async def _pcm(world: World, e: model.PcmExpectation) -> Finding:
    agent = world.agents[e.machine]
    jobs = (await world.api(agent.settings.site, "GET", "jobs"))["jobs"]
    names = {job["request"]: job["name"] for job in jobs}
    seen: Counter[str] = Counter()
    instances: dict[str, str] = {}
    for job in jobs:
        seen[job["name"]] += 1
        instances[job["request"]] = f"{job['name']}#{seen[job['name']]}"
    actual: dict[str, list[str]] = {}
    expected: dict[str, list[str]] = {}
    for key, folder in (("pending", Folder.PENDING), ("executed", Folder.EXECUTED)):
        wanted = getattr(e, key)
        if wanted is not None:
            expected[key] = sorted(wanted)
            actual[key] = sorted(
                instances[request]
                if instances.get(request) in wanted
                else names.get(request, request)
                for request in agent.folder(folder)
            )
    return _finding(e, expected, actual)


# -- programs and opens


async def _runs(world: World, records: list[Record], e: model.RunsExpectation) -> Finding:
    answer = await _get_job(world, e, e.job)
    request = answer["job"]["request"] if answer else "?"
    count = sum(
        1
        for r, started in of(records, ProgramStarted)
        if started.request == request
        and e.machine in ("", r.actor)
        and e.server in ("", started.server)
    )
    return _counted(e, count)


async def _run_order(world: World, records: list[Record], e: model.RunOrderExpectation) -> Finding:
    requests: dict[str, str] = {}
    for name in e.jobs:  # what is asked about keeps the name that it is asked by
        answer = await _get_job(world, e, name)
        if answer:
            requests.setdefault(answer["job"]["request"], name)
    actual = [
        requests.get(started.request, started.request)
        for r, started in of(records, ProgramStarted)
        if r.actor == e.machine
    ]
    return _finding(e, e.jobs, actual)


async def _open(world: World, e: model.OpenExpectation) -> Finding:
    path = fold((await _with_ids(world, e, e.path)).replace("\\", "/"))
    count = sum(
        1
        for server, host in world.assembly.hosts.items()
        for row in host.opens()
        if e.server in ("", server)
        and e.machine in ("", row.machine)
        and fold(e.program) in ("", fold(row.program))
        and fold(row.path).endswith(path)
    )
    return _counted(e, count)


def _recorded_span(seconds: float) -> str:
    """A span as records have it: another form would be another digest of every scenario."""
    days, rest = divmod(int(seconds), 86400)
    hours, rest = divmod(rest, 3600)
    return (f"{days} d " if days else "") + f"{hours} h {rest // 60} min"


_LOOK: Final[dict[type, Look]] = {
    model.JobExpectation: _job,
    **dict.fromkeys(_ROWS, _rows),
    model.FilesExpectation: _files,
    model.MasterExpectation: _master,
    model.PackageStatusExpectation: _package_status,
    model.EventsExpectation: _events,
    model.EpisodeExpectation: _episode,
    model.AttributeExpectation: _attribute,
    model.PcmExpectation: _pcm,
    model.OpenExpectation: _open,
    model.BoxExpectation: _box,
}
"""Of what is there now."""

_LOOK_BACK: Final[dict[type, LookBack]] = {
    model.ReachedExpectation: _reached,
    model.LogExpectation: _log,
    model.MifsExpectation: _mifs,
    model.ExpiriesExpectation: _expiries,
    model.RunsExpectation: _runs,
    model.RunOrderExpectation: _run_order,
}
"""Of what has happened."""
