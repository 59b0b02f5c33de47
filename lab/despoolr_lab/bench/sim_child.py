"""What `sim_runs` measures, in the process of its own that it is measured in: a run of a scenario
with all that precedes it, the same run again, and requests on the simulated network.

The law: it is run as a file on the packages of some checkout, this one or an older one, so it says
what it needs of them by their plainest names. It prints one JSON object.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from contextlib import redirect_stdout
from functools import partial
from importlib import import_module
from io import StringIO
from itertools import pairwise
from time import process_time
from typing import Any, Final

WARM_RUNS: Final = 3
CLIENTS: Final = 200
REQUESTS: Final = 50


def runs(arguments: list[str]) -> dict[str, float]:
    """CPU seconds of `despoolr` with these arguments: until virtual time begins and until the end,
    and of the same in the warm process. Raises `RuntimeError` where the command fails.
    """
    despoolr: Any = import_module("despoolr.console")  # as whoever types the command
    tuning: Any = import_module("despoolr_app.process.gc_tuning")
    collect_late = getattr(tuning, "collect_late", None)
    if collect_late is None:  # a checkout that is older
        gc.set_threshold(*tuning.THRESHOLDS)
    else:
        collect_late()
    import_module("despoolr_lab.cli")
    from despoolr_lab.scenario import run as scenario_run  # noqa: PLC0415 - part of what is measured

    begun: list[float] = []
    module: Any = scenario_run
    run_virtual = module.run_virtual

    def noting(*args: Any, **kwargs: Any) -> Any:
        begun.append(process_time())
        return run_virtual(*args, **kwargs)

    module.run_virtual = noting
    import tempfile  # noqa: PLC0415 - a command has it from the scenario's own imports

    ended = [0.0]
    with tempfile.TemporaryDirectory() as out, redirect_stdout(StringIO()):
        for _ in range(1 + WARM_RUNS):
            code = despoolr.run([*arguments, "--out", out, "--json"])
            if code:
                raise RuntimeError(f"despoolr {' '.join(arguments)} ended with {code}")
            ended.append(process_time())
    spent = [after - before for before, after in pairwise(ended)]
    from statistics import median  # noqa: PLC0415 - none of a command's own

    return {"start": begun[0], "cold": spent[0], "warm": median(spent[1:])}


def requests(_arguments: list[str]) -> dict[str, float]:
    """Polls that are answered 304, for each CPU second: client, network and share server."""
    from statistics import median  # noqa: PLC0415 - as above

    from despoolr_lab.sim.world import run_virtual  # noqa: PLC0415

    run_virtual(_polls)
    return {"requests": median(run_virtual(_polls) for _ in range(3))}


async def _polls() -> float:
    from despoolr_lab.bench import share_bench  # noqa: PLC0415
    from despoolr_lab.sim.network import Network  # noqa: PLC0415
    from despoolr_server.files.memory import MemoryFileStore  # noqa: PLC0415

    network = Network(carries_values=True)
    share_app: Any = vars(share_bench)["_share_app"]
    app = share_app(MemoryFileStore())
    runner = _runner(app)
    await runner.setup()
    fill = getattr(share_bench, "fill", None)
    if fill is not None:  # in an older checkout the runner does it
        await fill(app)
    await network.serve(runner, "LOGON1")
    path = share_bench.winst_path(0)
    async with network.session("fleet") as http:
        ask = _way_to(http)
        who = f"{share_bench.identity(0)}\r\n"
        asked = await ask("GET", f"/bench/etag/{path}", who, None, http.timeout, None)

        async def client(number: int) -> None:
            lines = f"{share_bench.identity(number)}\r\nIf-None-Match: {asked.body.decode()}\r\n"
            for _ in range(REQUESTS):
                told = await ask("GET", f"/SMS_SHR/{path}", lines, None, http.timeout, None)
                assert told.status == 304, told
                await asyncio.sleep(1.0)

        begun = process_time()
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(client(number))
        spent = process_time() - begun
    await runner.cleanup()
    return CLIENTS * REQUESTS / spent


def _runner(app: Any) -> Any:
    try:
        server: Any = import_module("despoolr_lab.sim.value_server").ValueServer
    except ModuleNotFoundError:  # an older checkout
        return import_module("despoolr_server.http.connections.connections").Runner(app)
    return server(app, keepalive_s=7 * 86400.0, shutdown_s=1.0)


def _way_to(http: Any) -> Any:
    way_to = getattr(http, "way_to", None)
    if way_to is not None:
        return way_to("http://logon1")
    older: Any = import_module("despoolr_client.transport.exchange")
    return partial(older.exchange, http, older.address_of(http, "http://logon1"))


if __name__ == "__main__":
    measure = {"runs": runs, "requests": requests}[sys.argv[1]]
    print(json.dumps(measure(sys.argv[2:])))
