"""Open+close pairs beside a real SMB server: Samba's smbd on loopback, in a directory of its own,
in the same run.

Both are asked for the very same open: an existing file, attributes only, everything shared, closed
again at once, by 1, 4 and 16 clients. That is the open `smbtorture`
(`smb2.bench.path-contention-shared`, in C, the fastest SMB client there is here) asks for; an open
of the data costs Samba more, and us no more. Each server has one core, the load another; ratios are
pairs per CPU second of the server, all its processes counted: smbd forks one for each client, we
never do.

Debian: `samba` and `samba-testsuite`; smbd wants to be root. Where they are missing it is said, and
the ratios are left out.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from threading import Timer
from time import perf_counter, sleep
from typing import Final

from despoolr_lab.bench.base.figures import Found, add
from despoolr_lab.bench.base.load import Taken, answers_per_second, cpu_s, taken
from despoolr_lab.bench.share_bench import pairs, run_loop, winst_path
from despoolr_lab.reserved_ports import ReservedPorts

CLIENTS: Final = (1, 4, 16)
START_S_MAX: Final = 30.0
LATE_S_MAX: Final = 30.0
"""How much longer than asked `smbtorture` may take before it is ended, on a machine that does other
things.
"""

_TICK: Final = re.compile(rb"(\d+\.\d+) second: open\[num/s=\d+[^]]*\] close\[num/s=(\d+)[^]]*\]")
_CONFIG: Final = """\
[global]
server role = standalone server
smb ports = {port}
interfaces = lo
bind interfaces only = yes
disable netbios = yes
private dir = {root}/private
lock directory = {root}/lock
state directory = {root}/state
cache directory = {root}/cache
pid directory = {root}/pid
ncalrpc dir = {root}/ncalrpc
log file = {root}/log.smbd
map to guest = Bad User
guest account = nobody
load printers = no
printcap name = /dev/null
disable spoolss = yes
[files]
path = {root}/files
guest ok = yes
read only = no
"""


class SambaError(Exception):
    """smbd or smbtorture did not do what a measurement needs; the message has what it said."""


def measure(rounds: int, seconds: float = 2.0) -> Found:
    """Pairs as `open_close_{clients}_{server}_s` (a second), `..._per_cpu_s`, and
    `open_close_{clients}_to_samba`.

    Interleaved rounds of `seconds`. Nothing where Samba is not installed.
    """
    why_not = _missing()
    if why_not:
        print(f"{why_not}: not compared", file=sys.stderr)
        return {}
    found: Found = {}
    with (
        tempfile.TemporaryDirectory(prefix="despoolr-samba-") as directory,
        _pinned() as load,
        _ours(Path(directory) / "ours") as ours,
        _smbd(Path(directory) / "samba") as smbd,
    ):
        load()
        for number in range(rounds):
            for count in CLIENTS:
                asked = {}
                for server in ("ours", "samba") if number % 2 == 0 else ("samba", "ours"):
                    asked[server] = (
                        _ask_ours(*ours, count, seconds)
                        if server == "ours"
                        else _ask_samba(*smbd, count, seconds)
                    )
                    add(found, asked[server].figures(f"open_close_{count}_{server}"))
                ratio = asked["ours"].per_cpu_s / asked["samba"].per_cpu_s
                add(found, {f"open_close_{count}_to_samba": ratio})
    return found


def ticks(said: bytes) -> list[tuple[float, int]]:
    """What `smbtorture` has told so far: seconds since it began, and how many opens a second it
    closed since the last time.
    """
    return [(float(at), int(rate)) for at, rate in _TICK.findall(said)]


# -- the load


def _ask_ours(port: int, pid: int, count: int, seconds: float) -> Taken:
    """Pairs a second, and a CPU second of the server."""
    scripts = [
        pairs(client, winst_path(0), "READ_ATTRIBUTES", "READ|WRITE|DELETE")
        for client in range(count)
    ]
    return taken(pid, lambda: run_loop(lambda: answers_per_second(port, scripts, seconds)) / 2)


def _ask_samba(port: int, pid: int, count: int, seconds: float) -> Taken:
    """The same of smbd. Connecting and the first second are not counted: `smbtorture` tells once a
    second.
    """
    command = ["smbtorture", "//127.0.0.1/files", f"--smb-ports={port}", "-U%"]
    command += [
        f"--option=torture:{name}"
        for name in (f"timelimit={seconds + 1:.0f}", f"nprocs={count}", "bench_path=F0")
    ]
    with subprocess.Popen(
        [*command, "smb2.bench.path-contention-shared"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
    ) as process:
        late = Timer(seconds + LATE_S_MAX, process.kill)
        late.start()
        own, started = cpu_s(process.pid), perf_counter()
        try:
            rate, per_cpu_s = _follow(process, pid)
            load = (cpu_s(process.pid) - own) / (perf_counter() - started)
        finally:
            late.cancel()
            process.kill()
    return Taken(rate, per_cpu_s, load)


def _follow(process: subprocess.Popen[bytes], pid: int) -> tuple[float, float]:
    assert process.stdout is not None
    said, seen = b"", 0
    began, ended = (0.0, 0.0), (0.0, 0.0)
    while piece := process.stdout.read(65536):
        said += piece
        told = ticks(said)
        if len(told) > seen:
            ended = (told[-1][0], cpu_s(pid))
            if not seen:
                began, first = ended, len(told)
            seen = len(told)
    if ended[0] <= began[0]:
        raise SambaError(f"smbtorture told nothing of use: {said[-2000:].decode(errors='replace')}")
    told = ticks(said)
    count = sum(
        rate * (at - before)
        for (before, _), (at, rate) in zip(told[first - 1 :], told[first:], strict=False)
    )
    return count / (ended[0] - began[0]), count / max(ended[1] - began[1], 0.01)


# -- the servers


def _missing() -> str:
    """Why Samba cannot be compared here; `""` if it can."""
    if _program("smbd") is None or shutil.which("smbtorture") is None:
        return "Samba is not installed (Debian: apt-get install samba samba-testsuite)"
    return "" if os.getuid() == 0 else "smbd wants to be started by root"


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def _pinned() -> Iterator[Callable[[], None]]:
    """What is started in here has the first core, until the load is given the second; all as before
    in the end.
    """
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[0]})
    try:
        yield lambda: os.sched_setaffinity(0, {cores[-1]})
    finally:
        os.sched_setaffinity(0, set(cores))


@contextmanager
def _ours(directory: Path) -> Iterator[tuple[int, int]]:
    """Our server's port and process id."""
    loop = "uvloop" if find_spec("uvloop") else "asyncio"
    command = [
        sys.executable,
        "-m",
        "despoolr_lab.bench.share_bench",
        "serve",
        "disk",
        str(directory),
        loop,
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        if not said:
            raise RuntimeError("the bench's server did not start")
        try:
            yield int(said), process.pid
        finally:
            process.communicate()  # the end of its input ends it


@contextmanager
def _smbd(root: Path) -> Iterator[tuple[int, int]]:
    """A private smbd's port and process id."""
    for name in ("files", "private", "lock", "state", "cache", "pid", "ncalrpc"):
        (root / name).mkdir(parents=True)
    (root / "files" / "F0").write_bytes(b"x" * 1200)
    for path in (root.parent, root, root / "files", root / "files" / "F0"):
        path.chmod(0o755)  # the guest must get there
    reserved = ReservedPorts(1)
    (port,) = reserved.ports
    config = root / "smb.conf"
    config.write_text(_CONFIG.format(root=root, port=port))
    program = _program("smbd")
    assert program is not None
    command = [program, "--foreground", "--no-process-group", f"--configfile={config}"]
    # A session of its own: smbd ends its whole process group with itself. It ends by itself at the
    # end of its input.
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _await_port(port, process, root / "log.smbd")
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(START_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = perf_counter() + START_S_MAX
    while perf_counter() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        sleep(0.05)
    raise SambaError(
        f"smbd did not start: {log.read_text() if log.exists() else 'it wrote no log'}"
    )
