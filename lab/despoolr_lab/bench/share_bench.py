"""How fast one share server answers, as ratios to a bare aiohttp route measured in the same run.

The server runs in a process of its own, on one core where the system lets us choose; the load runs
here, on another. Ratios compare what a request costs the server in CPU time, so that a busy machine
falsifies them less; rates a second are wall time.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_core.records.stream import Recorder
from despoolr_core.share.modes import Role
from despoolr_lab.bench.base.figures import Found, add
from despoolr_lab.bench.base.load import Script, answers_per_second, request, taken
from despoolr_server.files.disk import DiskFileStore
from despoolr_server.files.journal.journalled import JournalledFileStore
from despoolr_server.files.memory import MemoryFileStore
from despoolr_server.files.protocol import FileStore
from despoolr_server.http.app import make_app
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.base.surface import SURFACE
from despoolr_server.http.connections.connections import Runner
from despoolr_server.http.handling.application import App
from despoolr_server.http.handling.handler import Route
from despoolr_server.shares.base.principal import Caller, Principal
from despoolr_server.shares.host import ShareHost

CLIENTS: Final = 200
"""How many workstations have an instruction file on the measured share."""

WINST_SIZE: Final = 1200
CONNECTIONS: Final = 32
PAIR_CONNECTIONS: Final = 8
_STORES: Final[dict[str, Callable[[Path], FileStore]]] = {
    "disk": DiskFileStore,
    "journal": JournalledFileStore,
    "memory": lambda _directory: MemoryFileStore(),
}
_SECRET: Final = b"only for benches, on loopback"


def measure(rounds: int, seconds: float = 2.0) -> Found:
    """Requests a second by kind (`..._s`, `..._per_cpu_s`), and `..._ratio`: their ratio to the
    bare route, in interleaved rounds of `seconds`.

    `polls_304_ratio` is conditional GETs of an unchanged WINST file on disk, with a token, against
    a bare dynamic aiohttp route; `gets_200_ratio` reads the file; `puts_ratio` replaces it;
    `open_close_pairs_ratio` opens and closes it by handle.
    """
    kinds: dict[str, tuple[str, Callable[[], list[Script]]]] = {
        "bare": ("bare", _bare),
        "polls_304": ("disk", _polls),
        "gets_200": ("disk", _gets),
        "puts": ("journal", _puts),
        "open_close_pairs": ("disk", _pairs),
    }
    found: Found = {}
    with _servers({server for server, _ in kinds.values()}) as servers:
        for _ in range(rounds):
            bare = 1.0
            for kind, (server, scripts) in kinds.items():
                port, pid = servers[server]
                # one open and one close are a pair
                each = 2 if kind == "open_close_pairs" else 1
                asked = taken(pid, partial(_rate, port, scripts, seconds, each))
                add(found, asked.figures(kind))
                bare = asked.per_cpu_s if kind == "bare" else bare
                add(found, {f"{kind}_ratio": asked.per_cpu_s / bare})
    return found


def _rate(port: int, scripts: Callable[[], list[Script]], seconds: float, each: int) -> float:
    return run_loop(lambda: answers_per_second(port, scripts(), seconds)) / each


# -- what the load says


def identity(client: int) -> str:
    """The header by which one of the bench's workstations is known to a server of the bench."""
    token = Auth(_SECRET).issue(_machine(client), "user", Role.CLIENT)
    return f"Authorization: Bearer {token}"


def _machine(client: int) -> str:
    return f"PC{client:05}"


def winst_path(client: int) -> str:
    """The instruction file of one of the bench's workstations, on its share."""
    return f"PCMINS.BOX/ABC{client:05}.INS"


def always(request: bytes, *statuses: int) -> Script:
    """The same request again and again. Raises `ValueError` for an answer with another status."""

    def script(status: int, body: bytes) -> bytes:
        if status and status not in statuses:
            raise ValueError(
                f"{request.split(b' HTTP', 1)[0]!r} was answered {status}: {body[:200]!r}"
            )
        return request

    return script


def _bare() -> list[Script]:
    return [
        always(request("GET", f"/SMS_SHR/{winst_path(n)}", identity(n)), 200)
        for n in range(CONNECTIONS)
    ]


def _polls() -> list[Script]:
    return [_poll(n) for n in range(CONNECTIONS)]


def _poll(client: int) -> Script:
    """Learn the ETag once, then poll with it."""
    target, who = f"/SMS_SHR/{winst_path(client)}", identity(client)
    state: dict[str, bytes] = {}

    def script(status: int, body: bytes) -> bytes:
        if status == 304:
            return state["poll"]
        if not status:
            return request("GET", "/bench/etag/" + winst_path(client), who)
        if status != 200 or "poll" in state:
            raise ValueError(f"a poll of {target} was answered {status}")
        state["poll"] = request("GET", target, who, f"If-None-Match: {body.decode()}")
        return state["poll"]

    return script


def _gets() -> list[Script]:
    return [
        always(request("GET", f"/SMS_SHR/{winst_path(n)}", identity(n)), 200)
        for n in range(CONNECTIONS)
    ]


def _puts() -> list[Script]:
    body = b"x" * WINST_SIZE
    return [
        always(
            request("PUT", f"/SMS_SHR/DESPOOLR.BOX/{_machine(n)}.PCK", identity(n), body=body),
            201,
            204,
        )
        for n in range(CONNECTIONS)
    ]


def _pairs() -> list[Script]:
    return [pairs(n, winst_path(n), "READ", "READ") for n in range(PAIR_CONNECTIONS)]


def pairs(client: int, path: str, access: str, share_mode: str) -> Script:
    """Log on, then open a file of the bench's share and close it for ever."""
    who = identity(client)
    state: dict[str, bytes] = {}

    def script(status: int, body: bytes) -> bytes:
        if not status:
            return request(
                "POST", "/api/v1/sessions", who, body=b'{"program":"BENCH","lease_s":600}'
            )
        if status == 204:
            return state["open"]
        if status != 201:
            raise ValueError(f"an open was answered {status}: {body[:200]!r}")
        answer: dict[str, Any] = msgspec.json.decode(body)
        if "open" not in answer:
            asked = {
                "session": answer["session"],
                "share": "SMS_SHR",
                "path": path,
                "access": access,
                "share_mode": share_mode,
            }
            state["open"] = request("POST", "/api/v1/opens", who, body=msgspec.json.encode(asked))
            return state["open"]
        return request("DELETE", f"/api/v1/opens/{answer['open']}", who)

    return script


# -- the server's process


@contextmanager
def _servers(kinds: set[str]) -> Iterator[dict[str, tuple[int, int]]]:
    """A server process for each kind; their ports and process ids."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    processes: dict[str, subprocess.Popen[str]] = {}
    servers: dict[str, tuple[int, int]] = {}
    with tempfile.TemporaryDirectory(prefix="despoolr-bench-") as directory:
        try:
            for kind in sorted(kinds):
                command = [
                    sys.executable,
                    "-m",
                    __spec__.name if __spec__ else "despoolr_lab.bench.share_bench",
                ]
                command += ["serve", kind, str(Path(directory) / kind), "asyncio"]
                processes[kind] = process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
                assert process.stdout is not None
                port = process.stdout.readline()
                if not port:
                    raise RuntimeError(f"the bench's server of kind {kind} did not start")
                servers[kind] = (int(port), process.pid)
                if len(cores) > 1:
                    os.sched_setaffinity(process.pid, {cores[0]})
            if len(cores) > 1:
                os.sched_setaffinity(0, {cores[1]})
            yield servers
        finally:
            if len(cores) > 1:
                os.sched_setaffinity(0, set(cores))
            for process in processes.values():
                process.communicate()  # the end of its input ends it


def run_loop(main: Callable[[], Awaitable[float]]) -> float:
    """Run a load on uvloop where it is installed: it must cost less than what it loads."""

    async def running() -> float:
        return await main()

    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:
        return asyncio.run(running())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(running())


async def _serve(kind: str, directory: Path) -> None:
    if kind == "bare":
        app = web.Application()
        app.router.add_get("/{share}/{path:.*}", _bare_answer)
        runner = Runner(app)
    else:
        directory.mkdir()
        shares = _share_app(_STORES[kind](directory))
        await fill(shares)
        runner = Runner(shares)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(site.port, flush=True)
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()
    loop.remove_reader(sys.stdin.fileno())
    await runner.cleanup()


async def _bare_answer(asked: web.Request) -> web.StreamResponse:
    return web.Response(text=asked.match_info["share"])


_SERVICE: Final = Caller(Principal("BPC", "SMSService", Role.SERVICE))


def _share_app(store: FileStore) -> App:
    clock = LoopClock(825_926_400.0)
    recorder = Recorder(clock.now)
    host = ShareHost("BENCH", clock, recorder)
    host.add_share("SMS_SHR", store)

    async def etag(asked: web.Request) -> web.StreamResponse:
        found = host.listings.stat(_SERVICE, "SMS_SHR", asked.match_info["path"])
        return web.Response(text=found[1] if isinstance(found, tuple) else "")

    routes = [Route("GET", "/bench/etag/{path:.*}", etag)]
    return make_app(host, Auth(_SECRET), clock, extra_routes=routes)


async def fill(app: App) -> None:
    """Put the clients' files into the share."""
    paths = app[SURFACE].host.paths
    for box in ("PCMINS.BOX", "DESPOOLR.BOX"):
        await paths.make_directory(_SERVICE, "SMS_SHR", box, parents=True)
    for client in range(CLIENTS):
        await paths.put(_SERVICE, "SMS_SHR", winst_path(client), b"x" * WINST_SIZE)


def main(arguments: list[str]) -> None:
    """Be the server that is measured, until the input ends."""
    kind, directory, loop = arguments[1:4]
    if loop == "uvloop":
        import uvloop  # noqa: PLC0415 - optional

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(kind, Path(directory)))
    else:
        asyncio.run(_serve(kind, Path(directory)))


if __name__ == "__main__":
    main(sys.argv[1:])
