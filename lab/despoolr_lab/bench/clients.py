"""What clients cost the process that they are in: one exchange with a server, a poll of a whole
fleet, and 100,000 clients that have nothing to do.

An exchange, alone or among others in one write, is asked of a server that says the same 304 to
everything, in a process of its own, so that all that is measured is the client's; beside one that
only writes and hears, which tells how fast the machine is. Fleets are the
command, beside a served site, as somebody would start them; those that poll as often as they can
have an instruction file each, with a package to run if they like. What they cost is taken from the
system (`/proc`), and of a steady state only: after their first polls, when nothing is new.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, process_time, sleep
from typing import Final, cast
from urllib.request import urlopen

import aiohttp

from despoolr_client.agent.polling import INSTRUCTIONS
from despoolr_client.transport.exchange import address_of, exchange, exchange_several
from despoolr_client.transport.replies import SEVERAL_MAX
from despoolr_core.formats.client_number import sms_id_of
from despoolr_core.formats.instructions.winst import (
    PackageServer,
    WinstFile,
    WorkstationInstruction,
)
from despoolr_core.formats.instructions.winst_text import render_winst
from despoolr_lab.bench.base.figures import Found, add
from despoolr_lab.bench.base.load import cpu_s
from despoolr_lab.bench.share_bench import run_loop
from despoolr_lab.reserved_ports import ReservedPorts
from despoolr_lab.sim.sockets import SocketNetwork

IN_FLIGHT: Final = 32
EXCHANGES: Final = 16_000
IDLE_CLIENTS: Final = 100_000
BUSY_CLIENTS: Final = 20_000
_STEADY_S: Final = 30.0
_STEADY_POLLS: Final = 3
"""Polls of each client after which a fleet is steady: two after a change do the whole."""
_START_S_MAX: Final = 300.0
READY: Final = "despoolr: ready"
_FIRST_POLL: Final = "first poll of all"
_POLLS: Final = re.compile(r"^despoolr_fleet_polls_total\{.*\} (\S+)$", re.MULTILINE)
_ASKED: Final = (
    b"GET /S/A.INS HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n"
    b'User-Agent: despoolr\r\nIf-None-Match: "1"\r\n\r\n'
)
_CANNED: Final = b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nContent-Length: 0\r\n\r\n'


class BenchFailed(Exception):
    """A process that is measured did not do what it should; the message has what it said."""


def measure_exchanges(rounds: int) -> Found:
    """CPU microseconds of a client's process for one request and its answer: alone (`exchange_us`;
    `exchange_to_bare` is its ratio to one that nobody reads), and of several that clients of a
    fleet ask together (`exchange_several_us`).
    """
    found: Found = {}
    command = [sys.executable, "-m", "despoolr_lab.bench.clients"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        for _ in range(rounds):
            alone, bare = run_loop(lambda: _exchanges(port)), run_loop(lambda: _bare(port))
            add(found, {"exchange_us": alone, "exchange_to_bare": alone / bare})
            add(found, {"exchange_several_us": run_loop(lambda: _several(port))})
        process.communicate()  # the end of its input ends it
    return found


async def _exchanges(port: int) -> float:
    async with SocketNetwork().session("bench") as http:
        address = address_of(http, f"http://127.0.0.1:{port}")
        timeout = aiohttp.ClientTimeout(total=60)

        async def client(count: int) -> None:
            for _ in range(count):
                reply = await exchange(
                    http, address, "GET", "/S/A.INS", 'If-None-Match: "1"\r\n', None, timeout
                )
                assert reply.status == 304

        async def all_of_them(count: int) -> None:
            await asyncio.gather(*(client(count // IN_FLIGHT) for _ in range(IN_FLIGHT)))

        await all_of_them(EXCHANGES // 8)
        started = process_time()
        await all_of_them(EXCHANGES)
        return (process_time() - started) / EXCHANGES * 1e6


async def _bare(port: int) -> float:
    loop, said = asyncio.get_running_loop(), asyncio.Queue[None]()
    clients = [
        (await loop.create_connection(lambda: _Bare(said), "127.0.0.1", port))[1]
        for _ in range(IN_FLIGHT)
    ]

    async def all_of_them(count: int) -> None:
        for client in clients:
            client.begin(count // IN_FLIGHT)
        for _ in clients:
            await said.get()

    await all_of_them(EXCHANGES // 8)
    started = process_time()
    await all_of_them(EXCHANGES)
    return (process_time() - started) / EXCHANGES * 1e6


async def _several(port: int) -> float:
    async with SocketNetwork().session("bench") as http:
        address = address_of(http, f"http://127.0.0.1:{port}")
        timeout = aiohttp.ClientTimeout(total=60)
        asked = [("/S/A.INS", 'If-None-Match: "1"\r\n')] * SEVERAL_MAX

        async def alone() -> None:
            await exchange(http, address, "GET", *asked[0], None, timeout)

        async def several(count: int) -> None:
            for _ in range(count // SEVERAL_MAX):
                assert len(await exchange_several(address, asked)) == SEVERAL_MAX

        at_once = IN_FLIGHT // SEVERAL_MAX
        await asyncio.gather(*(alone() for _ in range(at_once)))
        await several(EXCHANGES // 8)
        started = process_time()
        await asyncio.gather(*(several(EXCHANGES // at_once) for _ in range(at_once)))
        return (process_time() - started) / EXCHANGES * 1e6


def measure_fleets(_rounds: int) -> Found:
    """Of `IDLE_CLIENTS` that poll each minute: `idle_mb`, the most memory of their process, and
    `idle_core`, the share of a core that it uses. `fleet_polls_per_cpu_s`: polls of a fleet that
    has as many to make as it can.
    """
    found: Found = {}
    with tempfile.TemporaryDirectory(prefix="despoolr-fleet-") as directory, _site(directory):
        fleet = ("--clients", str(IDLE_CLIENTS), "--poll-every", "1m")
        with _despoolr(directory, "idle", "fleet", *fleet, ready=_FIRST_POLL) as process:
            sleep(_STEADY_S)
            spent, started = cpu_s(process.pid), perf_counter()
            sleep(2 * _STEADY_S)
            core = (cpu_s(process.pid) - spent) / (perf_counter() - started)
            add(found, {"idle_mb": _most_mb(process.pid), "idle_core": core})
    with tempfile.TemporaryDirectory(prefix="despoolr-fleet-") as directory, _site(directory):
        _offer(Path(directory), BUSY_CLIENTS)
        reserved = ReservedPorts(1)
        (port,) = reserved.ports
        listen = ("--listen", f"127.0.0.1:{port}")
        fleet = ("--clients", str(BUSY_CLIENTS), "--poll-every", "1s")
        with _despoolr(directory, "busy", "fleet", *fleet, *listen, ready=_FIRST_POLL) as process:
            _await_polls(port, _STEADY_POLLS * BUSY_CLIENTS)
            before, spent = _polls(port), cpu_s(process.pid)
            sleep(_STEADY_S)
            polls, spent = _polls(port) - before, cpu_s(process.pid) - spent
            add(found, {"fleet_polls_per_cpu_s": polls / spent, "fleet_polls_s": polls / _STEADY_S})
    return found


@contextmanager
def _site(directory: str) -> Iterator[None]:
    ports = ("--listen", "127.0.0.1:0", "--listen-logon", "127.0.0.1:0")
    with _despoolr(directory, "site", "serve", "all", *ports, ready=READY):
        yield


def _offer(directory: Path, count: int) -> None:
    """The instruction files of so many clients, with the same package, on the served share."""
    server = PackageServer(r"\\LOGON1\SMS_PKGD\BPC00001" "\\")
    offered = WorkstationInstruction(
        site_id="BPC",
        request_id="BPC0001",
        package_id="BPC00001",
        job_id="BPC00001",
        package_name="Word 6.0",
        run_command="setup.exe /q",
        servers=(server,),
    )
    (box,) = directory.rglob(INSTRUCTIONS)
    for number in range(1, count + 1):
        sms_id = sms_id_of("BPC", number)
        file = box / f"{sms_id}.INS"
        file.write_bytes(render_winst(WinstFile(file.name, (offered,))))


@contextmanager
def _despoolr(
    directory: str, name: str, *arguments: str, ready: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A `despoolr` process in this directory, once it has said that it is ready. Raises
    `BenchFailed`.
    """
    command = [sys.executable, "-m", "despoolr", *arguments]
    with started(command, Path(directory, f"{name}.log"), ready) as process:
        yield process


@contextmanager
def started(
    command: list[str], said: Path, ready: str, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in the directory of the file that it writes to, once it has said `ready`; ended
    afterwards. Raises `BenchFailed`.
    """
    with said.open("wb") as log:
        process = subprocess.Popen(
            command, cwd=said.parent, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        deadline = perf_counter() + _START_S_MAX
        while ready not in said.read_text(errors="replace"):
            if process.poll() is not None or perf_counter() > deadline:
                raise BenchFailed(said.read_text(errors="replace")[-2000:])
            sleep(0.1)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _most_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None, status
    return int(found[1]) / 1e3


def _polls(port: int) -> int:
    """How many polls a fleet has made so far, as its metrics tell."""
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        told = answer.read().decode()
    return sum(int(float(count)) for count in _POLLS.findall(told))


def _await_polls(port: int, count: int) -> None:
    """Until a fleet has made so many polls. Raises `BenchFailed`."""
    deadline = perf_counter() + _START_S_MAX
    while _polls(port) < count:
        if perf_counter() > deadline:
            raise BenchFailed(f"a fleet has made {_polls(port)} polls of {count}")
        sleep(1)


class _Bare(asyncio.Protocol):
    """A client that asks again whatever it hears, so many times."""

    def __init__(self, said: asyncio.Queue[None]) -> None:
        self._said = said
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def begin(self, count: int) -> None:
        self._left = count
        self._transport.write(_ASKED)

    def data_received(self, _data: bytes) -> None:
        self._left -= 1
        if self._left:
            self._transport.write(_ASKED)
        else:
            self._said.put_nowait(None)


class _Canned(asyncio.Protocol):
    """A server that says the same to everything."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        """Each request came whole: they are short, and one waits for the other."""
        self._transport.write(_CANNED * data.count(b"\r\n\r\n"))


async def _serve() -> float:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Canned, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()
    loop.remove_reader(sys.stdin.fileno())
    server.close()
    return 0.0


if __name__ == "__main__":
    run_loop(_serve)
