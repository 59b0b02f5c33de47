"""An update that is given up ends its episode, and a server that is gone keeps nobody from giving
up.
"""

from __future__ import annotations

import pytest

from despoolr_server.site.jobs.model import DistributePhase
from worlds.site import Bench


async def blocked() -> tuple[Bench, str]:
    """An update that LOGON1 refuses; the job."""
    bench = Bench("1.2 SP4")
    package = await bench.package()
    await bench.job(package)
    await bench.pump(4)
    await bench.hold(f"{package}/b.dat")
    job = await bench.update(package, distribute=DistributePhase((), True))
    await bench.pump(4)
    assert bench.status(job) == "Retrying"
    return bench, job


def states(bench: Bench) -> list[str]:
    return [row.state for row in bench.logons["LOGON1"].host.episodes()]


async def test_a_cancelled_update_is_over_for_its_server() -> None:
    bench, job = await blocked()
    await bench.administrator.cancel_job(job)
    await bench.pump(3)
    assert (bench.status(job), states(bench)) == ("Cancelled", ["given up"])


@pytest.mark.parametrize("server", ["LOGON1"])
async def test_a_job_is_cancelled_though_its_server_is_gone(server: str) -> None:
    bench, job = await blocked()
    bench.down.add(server)
    await bench.administrator.cancel_job(job)
    await bench.pump(3)
    assert bench.status(job) == "Cancelled"
    bench.down.clear()
    await bench.pump(3)
    assert bench.status(job) == "Cancelled"
