"""How fast status reports travel from a client's PUT to a row of Job Details, and what an idle
client weighs.

One process, loopback sockets, files on disk, the database thread: every hop of the real thing
(`.PCK` and `.SNI` uploaded, carried by the Maintenance Manager, executed by the Despooler, loaded
by the Data Loader), its services called in turn instead of waiting for their intervals. The ceiling
it is compared with is the upload alone, measured in the same run.
"""

from __future__ import annotations

import asyncio
import gc
import random
import tempfile
import tracemalloc
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from time import perf_counter
from typing import Final

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_client.agent.agent import PcmAgent
from despoolr_client.agent.settings import ClientSettings
from despoolr_client.fleet import Fleet
from despoolr_client.pcm.behaviour import PcmBehaviour
from despoolr_client.transport.limiter import PriorityLimiter
from despoolr_client.transport.share_server import ShareServer
from despoolr_core.formats.instructions.instruction import Result, WireRemove, render_instruction
from despoolr_core.formats.reports.job_mif import JobReport, render_job_mif
from despoolr_core.formats.reports.status_mif import StatusMif, render_status_mif
from despoolr_core.formats.sms_id import first_sms_id, next_sms_id
from despoolr_core.profile import profile_of
from despoolr_core.records.stream import Recorder
from despoolr_core.share.contract import Share
from despoolr_lab.scenario.model import Scenario, Site
from despoolr_lab.scenario.surroundings.surroundings import of_this_machine
from despoolr_lab.scenario.world import World
from despoolr_lab.scenario.worlds import Variation
from despoolr_lab.sim.sockets import SocketNetwork
from despoolr_server.database.protocol import Connection, insert_into
from despoolr_server.site.state import boxes
from despoolr_server.site.state.rows.queries import ADD_DETAIL, details

REPORTS: Final = 1_000
ROWS_FEW: Final = 100
ROWS_MANY: Final = 230_000
"""Rows of Job Details with which 1.2's loader was 50 times slower (Q162558)."""
TURNS: Final = 3
IN_FLIGHT: Final = 64
IDLE_CLIENTS: Final = 20_000


def measure() -> dict[str, float]:
    """`reports_per_s`, `uploads_per_s` (a report's two files, nothing else), their ratio,
    `bytes_per_idle_client`, and `load_growth_230000`: what loading a status costs with as many
    rows, to its cost with 100.
    """
    with tempfile.TemporaryDirectory(prefix="despoolr-bench-") as directory:
        found = asyncio.run(_reports(Path(directory)))
    found["load_growth_230000"] = _loads(ROWS_MANY) / _loads(ROWS_FEW)
    return {**found, "bytes_per_idle_client": _idle_client()}


def _loads(rows: int) -> float:
    """Seconds that the Data Loader takes for a status while Job Details has so many rows
    (Q162558).
    """
    with tempfile.TemporaryDirectory(prefix="despoolr-bench-") as directory:
        return asyncio.run(_load(Path(directory), rows))


async def _load(root: Path, rows: int) -> float:
    clock = LoopClock(833_803_200.0)
    scenario = Scenario(name="bench", title="loading", site=[Site(response="Slow")])
    async with asyncio.TaskGroup() as group, AsyncExitStack() as stack:
        world = World(
            scenario,
            {"BPC": profile_of("1.2")},
            of_this_machine(clock, root),
            Recorder(clock.now),
            Variation(0),
            group,
        )
        stack.push_async_callback(world.stop)
        await world.start()
        machines, job, _ = await _job_for_everyone(world)
        await world.sites["BPC"].server.context.database.run(lambda db: _fill(db, rows))
        here = world.connections.administrator(world.sites["BPC"].setup.server).share(
            boxes.ROOT_SHARE
        )
        took = []
        for turn in range(TURNS):
            reports = [
                JobReport(
                    f"{turn}/{sms}",
                    job,
                    "Workstation",
                    "BPC",
                    "Complete",
                    clock.now(),
                    "DOMAIN1",
                    name,
                    sms,
                )
                for name, sms in machines
            ]
            await here.write_all(
                [(f"{boxes.DELTA_MIFS}/{r.sms_id}.MIF", render_job_mif(r)) for r in reports]
            )
            started = perf_counter()
            await _cycles(world, ("SMS_INVENTORY_DATA_LOADER",))
            took.append((perf_counter() - started) / len(reports))
    return min(took)


def _fill(db: Connection, count: int) -> None:
    row = {
        "Kind": "Workstation",
        "SiteCode": "BPC",
        "Domain": "DOMAIN1",
        "Status": "Complete",
        "UpdatedAt": 0.0,
        "MachineID": 0,
        "Description": "",
    }
    rows = [
        {**row, "JobID": f"BPC1{n // 1000:04}", "MachineName": f"PC{n % 1000:05}"}
        for n in range(count)
    ]
    db.change_each(ADD_DETAIL, rows)
    loaded = [{"Report": f"OLD{n}", "At": 0.0} for n in range(count)]
    db.change_each(insert_into("LoadedReports", "Report", "At"), loaded)


async def _reports(root: Path) -> dict[str, float]:
    clock = LoopClock(833_803_200.0)
    surroundings = of_this_machine(clock, root)
    scenario = Scenario(name="bench", title="status reports", site=[Site(response="Slow")])
    async with asyncio.TaskGroup() as group, AsyncExitStack() as stack:
        world = World(
            scenario,
            {"BPC": profile_of("1.2")},
            surroundings,
            Recorder(clock.now),
            Variation(0),
            group,
        )
        stack.push_async_callback(world.stop)
        await world.start()
        machines, job, request = await _job_for_everyone(world)
        boxes = world.connections.administrator("LOGON1").share("SMS_SHR")
        uploads = await _upload(
            boxes, [("WARM", *m) for m in machines[:200]], job, request, finish=False
        )
        for entry in await boxes.list("DESPOOLR.BOX"):
            await boxes.delete(f"DESPOOLR.BOX/{entry.name}")
        started = perf_counter()
        uploads = await _upload(boxes, [("REAL", *m) for m in machines], job, request)
        await _cycles(
            world, ("SMS_MAINTENANCE_MANAGER", "SMS_DESPOOLER", "SMS_INVENTORY_DATA_LOADER")
        )
        elapsed = perf_counter() - started
        rows = await world.sites["BPC"].server.context.database.run(lambda db: details(db, job))
        counts = Counter((row.Kind, row.Status) for row in rows)
        assert counts["Workstation", "Complete"] == len(machines), counts
    return {
        "reports_per_s": len(machines) / elapsed,
        "uploads_per_s": len(machines) / uploads,
        "reports_to_uploads": uploads / elapsed,
    }


async def _job_for_everyone(world: World) -> tuple[list[tuple[str, str]], str, str]:
    sms_id = first_sms_id("BPC")
    machines: list[tuple[str, str]] = []
    for number in range(REPORTS):
        machines.append((f"WS{number}", sms_id))
        sms_id = next_sms_id(sms_id)
    known = [{"name": name, "sms_id": sms, "domain": "DOMAIN1"} for name, sms in machines]
    await world.api("BPC", "POST", "machines", known)
    await world.put_source("BPC", "PATCH", {"setup.exe": "a patch"})
    source = f"\\\\{world.sites['BPC'].setup.server}\\PKGSRC\\PATCH"
    package = (await world.api("BPC", "POST", "packages", {"name": "PATCH", "source": source}))[
        "package"
    ]
    spec = {
        "name": "ALL",
        "package": package,
        "machines": ["*"],
        "distribute": {"put_on": ["LOGON1"]},
        "run": {"command": "setup.exe"},
    }
    job = (await world.api("BPC", "POST", "jobs", spec))["job"]
    await _cycles(
        world, ("SMS_SCHEDULER", "SMS_LAN_SENDER", "SMS_DESPOOLER", "SMS_INVENTORY_DATA_LOADER")
    )
    request = (await world.api("BPC", "GET", f"jobs/{job}"))["job"]["request"]
    return machines, job, request


async def _cycles(world: World, components: tuple[str, ...]) -> None:
    executive = world.sites["BPC"].server.executive
    for component in components:
        await executive.service(component).cycle_now(world.clock.now())


async def _upload(
    share: Share,
    machines: list[tuple[str, str, str]],
    job: str,
    request: str,
    *,
    finish: bool = True,
) -> float:
    """Put every report's two files into the box; the seconds it took."""
    gate = asyncio.Semaphore(IN_FLIGHT)
    mif = render_status_mif(StatusMif("Success", "installed"))

    async def report(number: int, run: str, name: str, sms_id: str) -> None:
        stem = f"{number:08X}" if finish else f"W{number:07X}"
        result = WireRemove(
            site="BPC",
            request_id=request,
            job_id=job,
            package_id="BPC00001",
            sms_id=sms_id,
            machine=name,
            domain="DOMAIN1",
            result=Result.SUCCESS,
            report_id=f"{sms_id}/{run}/{number}",
            finished_at=833_803_200.0,
            mif_file=f"{stem}.PCK",
        )
        async with gate:
            await share.write(f"DESPOOLR.BOX/{stem}.PCK", mif)
            await share.write(
                f"DESPOOLR.BOX/{stem}.SNI", render_instruction(result.to_instruction())
            )

    started = perf_counter()
    await asyncio.gather(*(report(number, *machine) for number, machine in enumerate(machines)))
    return perf_counter() - started


def _idle_client() -> float:
    """Bytes that a client with nothing on offer takes beside the shared session (tracemalloc)."""

    async def main() -> float:
        clock = LoopClock(833_803_200.0)
        network = SocketNetwork()
        async with network.session("clients") as session:
            settings = ClientSettings(
                clock=clock,
                connect=lambda server, _machine, _user: ShareServer(
                    session, f"http://{server.lower()}", "", clock, name=server
                ),
                recorder=Recorder(clock.now),
                random=lambda label: random.Random(label),
                limiter=PriorityLimiter(),
                site="BPC",
                domain="DOMAIN1",
                logon_servers=("LOGON1",),
                behaviour=PcmBehaviour.of(profile_of("1.2")),
            )
            fleet = Fleet(clock, PriorityLimiter())
            gc.collect()
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            sms_id = first_sms_id("BPC")
            agents = []
            for number in range(IDLE_CLIENTS):
                agents.append(PcmAgent(f"WS{number}", sms_id, settings))
                sms_id = next_sms_id(sms_id)
            fleet.add_spread(agents)
            gc.collect()
            after = tracemalloc.get_traced_memory()[0]
            tracemalloc.stop()
            return (after - before) / IDLE_CLIENTS

    return asyncio.run(main())
