"""What each step of a timeline does to a world: one function per kind of step, found by its type.

A step acts as somebody: an administrator over the site's API and the source share, a user at a
client, an operator of a machine. None reaches into a service's state; only `kill` and `disk` touch
what a person would touch with a power switch or a full disk.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from despoolr_app.site_client.errors import SiteError, SiteRefused
from despoolr_client.agent import user_holds
from despoolr_client.agent.agent import PcmAgent
from despoolr_client.agent.machine.habits import AS_SHIPPED
from despoolr_core.formats.reports.noidmif import render_noidmif
from despoolr_core.phrases import counted
from despoolr_core.records.kinds.run import FaultBegan, FaultEnded, StepTaken
from despoolr_core.response import Response
from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import OpenFile, ShareError, ShareUnreachable
from despoolr_core.share.fault_api import KINDS, DiskFull
from despoolr_core.share.modes import Access, Disposition, Role, ShareMode, parse_flags
from despoolr_core.times import moment_s, signed_span_s, span_s
from despoolr_lab.scenario import model
from despoolr_lab.scenario.breakable import BreakableWorld
from despoolr_lab.scenario.holders import (
    habits_of,
    habits_together,
    hold_when_free,
    is_turned_away,
)
from despoolr_lab.scenario.job_names import job_at, job_id
from despoolr_lab.scenario.world import World
from despoolr_server.faults.begun import CannotBegin
from despoolr_server.faults.catalogue import FAULTS
from despoolr_server.faults.disk_full import disks_of
from despoolr_server.files import MemoryFileStore
from despoolr_server.site.jobs.model import (
    JOB_TYPES,
    DistributePhase,
    JobSpec,
    RunPhase,
    SendPhase,
)
from despoolr_server.site.services.scheduler.targets import DEFAULT_SERVERS
from despoolr_server.site.state import boxes


class StepError(Exception):
    """A step that could not be done: the scenario asks for something the world cannot do.
    `where` in the file, as `place` takes it.
    """

    def __init__(self, why: str, where: Sequence[str | int] = ()) -> None:
        super().__init__(why)
        self.where = list(where)


async def do_step(world: World, step: model.Step) -> str:
    """Do one step. Returns why a share refused it and nobody said that it may, else nothing.

    Raises `StepError` for what cannot be done. A refusal is recorded as well.
    """
    try:
        refused = await _DO[type(step)](world, step)
        return "" if getattr(step, "may_fail", False) else refused or ""
    except (SiteError, ShareError, ShareUnreachable, StepError, CannotBegin) as error:
        why = error.detail if isinstance(error, SiteRefused) else error
        index = next(i for i, one in enumerate(world.scenario.step) if one is step)
        raise StepError(
            f"step {step.__struct_config__.tag} at {step.at}: {why}", ["step", index, "at"]
        ) from None


async def _job(world: World, step: model.JobStep) -> None:
    now = world.clock.now()
    activate_at = moment_s(step.activate_after, now) if step.activate_after else now
    site, package_id = world.packages[step.package]
    site = step.site or site
    run = None
    if step.command:
        run = RunPhase(
            command=step.command,
            command_name=step.name,
            offer_after=moment_s(step.offer_after, now) if step.offer_after else activate_at,
            mandatory_after=moment_s(step.mandatory_after, now) if step.mandatory_after else None,
            expires_after=moment_s(step.expires_after, now) if step.expires_after else None,
            background=step.background,
        )
    put_on = tuple(step.put_on) or (() if step.refresh_existing else (DEFAULT_SERVERS,))
    phase = (
        DistributePhase(put_on=put_on, refresh_existing=step.refresh_existing)
        if step.distribute
        else DistributePhase()
    )
    spec = JobSpec(
        name=step.name,
        package=package_id,
        type=JOB_TYPES[step.type],
        machines=tuple(step.machines) if run else (),
        send=SendPhase(fold(step.send[:1]) + step.send[1:]),
        sites=tuple(step.sites),
        distribute=phase,
        run=run,
        priority=step.priority,
        activate_at=activate_at,
        repeat_every_s=span_s(step.repeat_every) if step.repeat_every else 0.0,
    )
    await world.api(site, "POST", "jobs", spec)


async def _cancel(world: World, step: model.CancelStep) -> None:
    site = step.site or world.scenario.site[0].code
    job = await job_id(world, site, step.job)
    if not job:
        raise StepError(f"{site} has made no {step.job} yet")
    await world.api(site, "POST", f"jobs/{job}/cancel")


async def _hotfix(world: World, step: model.HotfixStep) -> None:
    await world.api(step.site or world.scenario.site[0].code, "POST", f"hotfixes/{step.article}")


async def _set(world: World, step: model.SetStep) -> None:
    code = step.site or world.scenario.site[0].code
    world.change_site(code, step.profile, Response(step.response) if step.response else None)


async def _source(world: World, step: model.SourceStep) -> None:
    site, _ = world.packages[step.package]
    await world.put_source(site, step.package, step.files)
    share = world.connections.administrator(world.sites[site].setup.server).share(
        boxes.SOURCE_SHARE
    )
    for name in step.delete:
        await share.delete(f"{step.package}/{name}")


async def _hold(world: World, step: model.HoldStep) -> str | None:
    server, share, path = _place(world, step)
    access = Access(parse_flags(Access, step.access))
    share_mode = ShareMode(parse_flags(ShareMode, step.share_mode))
    disposition, habits = Disposition(step.disposition), habits_of(step)
    if step.machine in world.agents:
        habits = habits_together(world.agents[step.machine].settings.habits, habits)
    held_s = habits.held_s(span_s(step.for_) if step.for_ else math.inf)
    for_s = held_s if held_s < math.inf else None
    if habits != AS_SHIPPED:
        world.habitual_holds[step.machine, path] = None
    try:
        if step.machine in world.agents:
            agent = world.agents[step.machine]

            async def hold() -> None:
                held = await user_holds.hold(
                    agent,
                    server,
                    share,
                    path,
                    program=step.program,
                    access=access,
                    share_mode=share_mode,
                    disposition=disposition,
                    for_s=for_s,
                )
                _lock_ranges(world, step, held.opened)

            place = agent, server, share, path
            if habits.honours_marker and agent.is_on and await is_turned_away(*place):
                world.habitual_holds[step.machine, path] = world.spawn(
                    hold_when_free(*place, hold), f"{step.machine} waits for {path}"
                )
                _note(world, step, turned_away=path)
            else:
                await hold()
        else:
            opened = world.connections.log_on(
                step.machine, "Administrator", server, Role.ADMIN
            ).share(share)
            file = await opened.open(path, access, share_mode, disposition, program=step.program)
            await world.keep_open(step.machine, path, file, for_s)
            _lock_ranges(world, step, file)
    except ShareError as error:
        _note(world, step, refused=str(error), blockers=[b.machine for b in error.blockers])
        return str(error)
    except (ShareUnreachable, ValueError) as error:
        if not step.may_fail:
            raise StepError(f"{step.machine} cannot hold {path}: {error}") from None
        _note(world, step, refused=str(error))
    return None


def _lock_ranges(world: World, step: model.HoldStep, file: OpenFile) -> None:
    for one in step.locks:
        world.spawn(_lock(world, step, file, one), f"{step.machine} locks a range")


async def _lock(world: World, step: model.HoldStep, file: OpenFile, held: model.HeldRange) -> None:
    await world.clock.sleep(span_s(held.after))
    try:
        await file.lock(held.offset, held.length, exclusive=not held.shared)
    except (ShareError, ShareUnreachable) as error:
        _note(world, step, range_refused=str(error), offset=held.offset, length=held.length)
        if not step.may_fail:
            held_bytes = counted(held.length, "byte")
            what = f"the lock of {held_bytes} from {held.offset} on was not granted: {error}"
            world.refused_later.append((step, what))
        return
    if held.for_:
        await world.clock.sleep(span_s(held.for_))
        with suppress(ShareError, ShareUnreachable):  # the file was closed before
            await file.unlock(held.offset, held.length)


def _place(world: World, step: model.HoldStep) -> tuple[str, str, str]:
    """Server, share and path of what is held."""
    if step.path:
        return step.server, step.share, world.with_ids(step.path)
    site, package_id = world.packages[step.package]
    roles = [role for code in (site, *world.sites) for role in world.sites[code].setup.servers]
    for role in roles:
        if role.distribution and step.server in ("", role.name):
            directory = world.package_directory(role.name, package_id)
            return role.name, role.package_share, f"{directory}/{step.file}"
    raise StepError(f"{step.server} is not a distribution server")


async def _release(world: World, step: model.ReleaseStep) -> None:
    habitual = [
        key
        for key in world.habitual_holds
        if key[0] == step.machine and fold(key[1]).endswith(fold(step.file))
    ]
    for key in habitual:
        waiting = world.habitual_holds.pop(key)
        if waiting is not None:
            waiting.cancel()
    if habitual and not _is_held(world, step):
        _note(world, step, released=0)  # a habit has closed it before, or it was never opened
        return
    if step.machine not in world.agents:
        count = await world.let_go(step.machine, step.file)
        if not count:
            raise StepError(
                f"{step.machine} holds no {step.file or 'file'}: it was never opened, or is "
                "closed already"
            )
        _note(world, step, released=count)
        return
    agent = world.agents[step.machine]
    path = ""
    if step.file:
        held = [h.path for h in agent.connections.holds if fold(h.path).endswith(fold(step.file))]
        if not held:
            raise StepError(
                f"{step.machine} holds no {step.file}: it was never opened, or is closed already"
            )
        path = held[0]
    count = await user_holds.release(agent, path=path)
    if not count:
        raise StepError(
            f"{step.machine} holds nothing: what it opened is closed already, or was never"
        )
    _note(world, step, released=count)


def _is_held(world: World, step: model.ReleaseStep) -> bool:
    if step.machine in world.agents:
        paths = [hold.path for hold in world.agents[step.machine].connections.holds]
    else:
        paths = [path for machine, path, _ in world.server_holds if machine == step.machine]
    return any(fold(path).endswith(fold(step.file)) for path in paths)


async def _connect(world: World, step: model.ConnectStep) -> None:
    agent = _switched_on(world, step.machine)
    server = step.server or agent.settings.logon_servers[0]
    connection = world.connections.log_on(step.machine, agent.user, server)
    await connection.session.start("EXPLORER.EXE")


async def _poll(world: World, step: model.PollStep) -> None:
    await _switched_on(world, step.machine).poll_once()


def _switched_on(world: World, machine: str) -> PcmAgent:
    agent = world.agents[machine]
    if not agent.is_on:
        raise StepError(f"{machine} is switched off")
    return agent


async def _execute(world: World, step: model.ExecuteStep) -> None:
    site = world.agents[step.machine].settings.site
    try:
        answer = await job_at(world, site, step.job)
        if answer is None:
            raise StepError(f"{site} knows no {step.job} yet")
        try:
            world.agents[step.machine].execute(answer["job"]["request"])
        except (KeyError, ValueError) as error:
            raise StepError(
                f"{step.machine} has no pending command of job {step.job}: {error}"
            ) from None
    except (StepError, SiteError) as error:
        if not step.may_fail:
            raise
        _note(world, step, refused=str(error))


async def _power(world: World, step: model.PowerStep) -> None:
    agent = world.agents[step.machine]
    if step.on == agent.is_on:
        raise StepError(f"{step.machine} is switched {'on' if step.on else 'off'} already")
    await (agent.power_on() if step.on else agent.power_off())


async def _clock(world: World, step: model.ClockStep) -> None:
    world.agents[step.machine].clock_offset_s = signed_span_s(step.offset)


async def _noidmif(world: World, step: model.NoIdMifStep) -> None:
    agent = world.agents[step.machine]
    agent.files.write_noidmif(step.file, render_noidmif(step.group, step.attributes), agent.now())


async def _put(world: World, step: model.PutStep) -> str | None:
    data = bytes.fromhex(step.hex) if step.hex else step.text.encode("latin-1")
    server = world.connections.administrator(step.server)
    try:
        await server.share(step.share).write(world.with_ids(step.path), data)
    except (ShareError, ShareUnreachable) as error:
        _note(world, step, refused=str(error))
        return str(error)
    return None


async def _delete(world: World, step: model.DeleteStep) -> str | None:
    share = world.connections.administrator(step.server).share(step.share)
    try:
        await share.delete(world.with_ids(step.path))
    except (ShareError, ShareUnreachable) as error:
        _note(world, step, refused=str(error))
        return str(error)
    return None


async def _delete_history(world: World, step: model.DeleteHistoryStep) -> None:
    agent = world.agents[step.machine]
    if not agent.history:
        raise StepError(f"{step.machine} has no history: PCM has met no package")
    if agent.is_running:
        raise StepError(f"a package runs on {step.machine}: its history is open")
    agent.forget_history()


async def _acl(world: World, step: model.AclStep) -> None:
    path = world.with_ids(step.path)
    server = world.connections.administrator(step.server)
    if path and await server.share(step.share).stat(path) is None:
        raise StepError(f"there is no {path} on {step.share} of {step.server} then")
    await server.set_rights(step.share, path, Role(step.role), step.rights or None)


async def _service(world: World, step: model.ServiceStep) -> None:
    site = step.site or world.scenario.site[0].code
    if step.turns:
        if not world.is_up(site):
            raise StepError(f"site {site} is down")
        await world.restart_service(site, step.service, step.turns)
        return
    services = (await world.api(site, "GET", "site"))["services"]
    is_paused = any(one["paused"] for one in services if one["component"] == step.service)
    if is_paused if step.action == "pause" else step.action == "resume" and not is_paused:
        raise StepError(f"{step.service} is {'' if is_paused else 'not '}paused")
    await world.api(site, "POST", f"services/{step.service}/{step.action}")


async def _kill(world: World, step: model.KillStep) -> None:
    if step.server:
        await _kill_server(world, step)
        return
    site = step.site or world.scenario.site[0].code
    if not world.is_up(site):
        raise StepError(f"site {site} is down already")
    for _ in range(step.turns):
        await asyncio.sleep(0)
    await world.kill_site(site)

    async def restart_later() -> None:
        await world.clock.sleep(span_s(step.down_for))
        await world.restart_site(site)

    world.spawn(restart_later(), f"restart of {site}")


async def _kill_server(world: World, step: model.KillStep) -> None:
    if step.server not in world.logons:
        raise StepError(f"{step.server} is a site server: name its site")
    if not await world.kill_server(step.server):
        raise StepError(f"{step.server} is down already")

    async def restart_later() -> None:
        await world.clock.sleep(span_s(step.down_for))
        await world.restart_server(step.server)

    world.spawn(restart_later(), f"restart of {step.server}")


async def _link(world: World, step: model.LinkStep) -> None:
    network = world.surroundings.network
    name = (
        ("heal" if step.up else "cut") if step.other else ("bring_up" if step.up else "take_down")
    )
    change = getattr(network, name, None)
    if change is None:
        raise StepError("links are cut in virtual time only (--time virtual)")
    change(*(host.lower() for host in (step.server, step.other) if host))


async def _disk(world: World, step: model.DiskStep) -> None:
    disk = DiskFull(server=step.server, share=step.share, path=step.path)
    name, stores = disks_of(BreakableWorld(world), disk)
    for store in stores:
        assert isinstance(store, MemoryFileStore), "no other store of a scenario can be full"
        store.set_free(name, None if step.free < 0 else step.free)


async def _fault(world: World, step: model.FaultStep) -> None:
    fault = str(step.__struct_config__.tag)
    kind = KINDS[fault]
    fields = {key: getattr(step, key) for key in kind.__struct_fields__ if key != "for_"}
    begun = await FAULTS[fault](BreakableWorld(world), kind(**fields))
    number = world.recorder.record("scenario", FaultBegan(fault=fault, where=begun.where))
    if not step.for_:
        return

    async def end_later() -> None:
        await world.clock.sleep(span_s(step.for_))
        await begun.end()
        world.recorder.record("scenario", FaultEnded(fault=fault, where=begun.where), cause=number)

    world.spawn(end_later(), f"end of {fault}")


def _note(world: World, step: Any, **data: Any) -> None:
    world.recorder.record("scenario", StepTaken(do=step.__struct_config__.tag, result=data))


_DO: Final[dict[type, Callable[[World, Any], Awaitable[str | None]]]] = {
    model.JobStep: _job,
    model.CancelStep: _cancel,
    model.HotfixStep: _hotfix,
    model.SetStep: _set,
    model.SourceStep: _source,
    model.HoldStep: _hold,
    model.ReleaseStep: _release,
    model.ConnectStep: _connect,
    model.PollStep: _poll,
    model.ExecuteStep: _execute,
    model.PowerStep: _power,
    model.ClockStep: _clock,
    model.NoIdMifStep: _noidmif,
    model.PutStep: _put,
    model.DeleteStep: _delete,
    model.DeleteHistoryStep: _delete_history,
    model.AclStep: _acl,
    model.ServiceStep: _service,
    model.KillStep: _kill,
    model.LinkStep: _link,
    model.DiskStep: _disk,
    **dict.fromkeys(model.Fault.__args__, _fault),
}
