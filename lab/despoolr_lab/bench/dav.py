"""WebDAV beside its peers in one run: Apache's mod_dav and wsgidav, each on the core that ours has,
the load on another.

GET and PUT of 1.2 KB and LOCK+UNLOCK pairs with eight connections (Apache's pairs with one: with
more its lock database loses locks), PROPFIND of 1,000 files with one. Ours runs as the product does
(uvloop where it is installed), once on the plain disk, as the peers do, and once with durable
uploads, which no peer has. A peer that is not installed is said to be missing and leaves its ratios
out: Debian's `apache2`, PyPI's `wsgidav` (the `bench` extra).
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter, sleep
from typing import Final

from despoolr_lab.bench.base.figures import Found, add
from despoolr_lab.bench.base.load import Script, answers_per_second, request, taken
from despoolr_lab.bench.share_bench import WINST_SIZE, always, identity, run_loop
from despoolr_lab.reserved_ports import ReservedPorts

CONNECTIONS: Final = 8
FILES: Final = 1000
"""How many files a PROPFIND tells of."""

BOX: Final = "/SMS_SHR/DESPOOLR.BOX"
LISTED: Final = "/SMS_SHR/LISTED"
_START_S_MAX: Final = 10.0
_TOKEN: Final = re.compile(rb"(?:opaquelocktoken|urn:uuid):[^<\s]+")
_LOCK: Final = (
    b'<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope>'
    b"<D:locktype><D:write/></D:locktype><D:owner>bench</D:owner></D:lockinfo>"
)
_FIND: Final = (
    b'<?xml version="1.0"?><D:propfind '
    b'xmlns:D="DAV:"><D:prop><D:resourcetype/><D:getcontentlength/>'
    b"<D:getlastmodified/><D:getetag/></D:prop></D:propfind>"
)
_HTTPD: Final = """\
ServerRoot {root}
PidFile {root}/pid
Listen 127.0.0.1:{port}
ServerName 127.0.0.1
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule dav_module {modules}/mod_dav.so
LoadModule dav_fs_module {modules}/mod_dav_fs.so
{user}
ErrorLog {root}/error.log
DavLockDB {root}/locks
DocumentRoot {files}
MaxKeepAliveRequests 0
KeepAliveTimeout 60
<Directory {files}>
  Dav On
  Require all granted
</Directory>
"""

WORK: Final = {
    "get": "GET of 1.2 KB",
    "put": "PUT of 1.2 KB",
    "lock": "LOCK + UNLOCK pairs",
    "propfind": "PROPFIND of 1,000 files",
}
PEERS: Final = ("apache", "wsgidav")


def measure(rounds: int, works: Sequence[str] = tuple(WORK), seconds: float = 2.0) -> Found:
    """Answers as `dav_{work}_{server}_s` (a second) and `..._per_cpu_s`, and
    `dav_{work}_to_{peer}`: ours on theirs, in interleaved rounds.

    Ratios compare answers per CPU second of the server, all its processes counted: each has one
    core, and what else the machine does falsifies them less.
    """
    found: Found = {}
    with (
        tempfile.TemporaryDirectory(prefix="despoolr-dav-") as directory,
        _servers(Path(directory)) as servers,
    ):
        for turn in range(rounds):
            for work in works:
                asked = {}
                for server in [*servers] if turn % 2 == 0 else [*servers][::-1]:
                    port, pid = servers[server]
                    asked[server] = taken(pid, partial(_rate, work, server, port, turn, seconds))
                    add(found, asked[server].figures(f"dav_{work}_{server}"))
                for peer in PEERS:
                    if peer in asked:
                        theirs = asked[peer].per_cpu_s
                        add(found, {f"dav_{work}_to_{peer}": asked["ours"].per_cpu_s / theirs})
                        durable = asked["ours_durable"].per_cpu_s / theirs
                        add(found, {f"dav_{work}_durable_to_{peer}": durable})
    return found


def _rate(work: str, server: str, port: int, turn: int, seconds: float) -> float:
    if work == "propfind":
        return run_loop(lambda: _finds_per_second(port, seconds * 1.1))
    count = 1 if (work, server) == ("lock", "apache") else CONNECTIONS
    scripts = [_SCRIPTS[work](client, turn) for client in range(count)]
    rate = run_loop(lambda: answers_per_second(port, scripts, seconds))
    return rate / 2 if work == "lock" else rate


# -- what the load says


def _get(client: int, _turn: int) -> Script:
    return always(request("GET", f"{LISTED}/F{client}", identity(client)), 200)


def _put(client: int, _turn: int) -> Script:
    return always(
        request("PUT", f"{BOX}/{client}.PCK", identity(client), body=b"x" * WINST_SIZE), 201, 204
    )


def _lock_unlock(client: int, turn: int) -> Script:
    # the last turn's may have been left locked
    target, who = f"{BOX}/L{client}-{turn}.PCK", identity(client)
    lock = request(
        "LOCK",
        target,
        who,
        "Depth: 0",
        "Timeout: Second-60",
        "Content-Type: application/xml",
        body=_LOCK,
    )

    def script(status: int, body: bytes) -> bytes:
        if status in (200, 201):
            token = _TOKEN.search(body)
            assert token is not None, body
            return request("UNLOCK", target, who, f"Lock-Token: <{token[0].decode()}>")
        if status not in (0, 204):
            raise ValueError(f"a lock of {target} was answered {status}: {body[:200]!r}")
        return lock

    return script


_SCRIPTS: Final[dict[str, Callable[[int, int], Script]]] = {
    "get": _get,
    "put": _put,
    "lock": _lock_unlock,
}


async def _finds_per_second(port: int, seconds: float) -> float:
    """One PROPFIND after the other, each on a connection of its own, whose end ends the answer:
    peers send it in chunks.
    """
    head = (
        f"PROPFIND {LISTED}/ HTTP/1.0\r\nHost: bench\r\n{identity(0)}\r\nDepth: "
        "1\r\nContent-Type: application/xml\r\n"
    )
    request = head.encode() + b"Content-Length: %d\r\n\r\n" % len(_FIND) + _FIND
    count, started = 0, perf_counter()
    while (took := perf_counter() - started) < seconds or not count:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        found = len(re.findall(rb"<[a-zA-Z0-9]*:?response[ >]", answer))
        if found != FILES + 1:
            raise ValueError(f"a PROPFIND told of {found} resources: {answer[:300]!r}")
        count += 1
    return count / took


# -- the servers


@contextmanager
def _servers(directory: Path) -> Iterator[dict[str, tuple[int, int]]]:
    """Ours and every peer that is installed, each with its files laid out, by name; their ports and
    process ids.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    started: list[subprocess.Popen[bytes]] = []
    servers: dict[str, tuple[int, int]] = {}
    loop = "uvloop" if find_spec("uvloop") else "asyncio"
    ours = [sys.executable, "-m", "despoolr_lab.bench.share_bench", "serve"]
    try:
        if len(cores) > 1:
            os.sched_setaffinity(0, {cores[0]})  # what is started here inherits it
        for name, command in {
            "ours": [*ours, "disk", str(directory / "ours"), loop],
            "ours_durable": [*ours, "journal", str(directory / "durable"), loop],
            "wsgidav": [
                sys.executable,
                "-m",
                "despoolr_lab.bench.dav",
                "serve",
                str(_laid_out(directory / "wsgidav")),
            ],
        }.items():
            if name == "wsgidav" and find_spec("wsgidav") is None:
                print("wsgidav is not installed (the `bench` extra): not compared", file=sys.stderr)
                continue
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            started.append(process)
            assert process.stdout is not None
            said = process.stdout.readline()
            if not said:
                raise RuntimeError(f"the bench's server {name} did not start")
            servers[name] = (int(said), process.pid)
        with _apache(directory / "apache") as apache:
            if apache is not None:
                servers["apache"] = apache
            if len(cores) > 1:
                os.sched_setaffinity(0, {cores[1]})
            for name in ("ours", "ours_durable"):
                run_loop(lambda name=name: _fill(servers[name][0]))  # type: ignore[misc]
            yield servers
    finally:
        if cores:
            os.sched_setaffinity(0, set(cores))
        for process in started:
            process.communicate()  # the end of its input ends it


@contextmanager
def _apache(directory: Path) -> Iterator[tuple[int, int] | None]:
    """Apache with mod_dav, its port and process id; None where it is not installed."""
    program = shutil.which("apache2", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or ""
    modules = Path("/usr/lib/apache2/modules")
    if not program or not (modules / "mod_dav_fs.so").exists():
        print(
            "Apache's mod_dav is not installed (Debian: apt-get install apache2): not compared",
            file=sys.stderr,
        )
        yield None
        return
    files, reserved = _laid_out(directory / "files"), ReservedPorts(1)
    (port,) = reserved.ports
    user = ""
    if os.getuid() == 0:
        user = "User www-data\nGroup www-data"
        for path in (directory.parent, directory, *directory.rglob("*")):
            shutil.chown(path, "www-data", "www-data")
    config = directory / "httpd.conf"
    config.write_text(
        _HTTPD.format(root=directory, files=files, port=port, modules=modules, user=user)
    )
    subprocess.run([program, "-f", str(config)], check=True)
    deadline = perf_counter() + _START_S_MAX
    while not (directory / "pid").exists():
        if perf_counter() > deadline:
            raise RuntimeError(f"Apache did not start: {(directory / 'error.log').read_text()}")
        sleep(0.05)
    pid = int((directory / "pid").read_text())
    try:
        yield port, pid
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        while (directory / "pid").exists() and perf_counter() < deadline + 600:
            sleep(0.05)


def _laid_out(root: Path) -> Path:
    """A peer's files: the same addresses as ours."""
    (root / BOX[1:]).mkdir(parents=True)
    listed = root / LISTED[1:]
    listed.mkdir()
    for number in range(FILES):
        (listed / f"F{number}").write_bytes(b"x" * WINST_SIZE)
    return root


async def _fill(port: int) -> float:
    """The same files, put on ours."""
    state = {"number": 0}

    def script(_status: int, _body: bytes) -> bytes:
        number = state["number"] = state["number"] + 1
        if number == 1:
            return request("MKCOL", LISTED, identity(0))
        return request(
            "PUT", f"{LISTED}/F{min(number - 2, FILES - 1)}", identity(0), body=b"x" * WINST_SIZE
        )

    while state["number"] < FILES + 2:
        await answers_per_second(port, [script], 0.2)
    return 0.0


def _serve_wsgidav(root: str) -> None:
    """wsgidav on cheroot, as its own command runs it, with locks in memory, until the input
    ends.
    """
    from cheroot.wsgi import Server  # noqa: PLC0415 - a peer that only `make bench` installs
    from wsgidav.wsgidav_app import WsgiDAVApp  # noqa: PLC0415 - as above

    app = WsgiDAVApp(
        {
            "provider_mapping": {"/": root},
            "simple_dc": {"user_mapping": {"*": True}},
            "verbose": 1,
            "lock_storage": True,
            "property_manager": True,
        }
    )
    server = Server(("127.0.0.1", 0), app)
    server.prepare()
    print(server.bind_addr[1], flush=True)
    threading.Thread(target=server.serve, daemon=True).start()
    sys.stdin.read()
    server.stop()


def main(arguments: list[str]) -> None:
    """Be the wsgidav that is measured, until the input ends."""
    _serve_wsgidav(arguments[1])


if __name__ == "__main__":
    main(sys.argv[1:])
