"""Two servers that differ in the fast lane alone, and what is said to both: the same bytes, cut at
random places, pipelined, with pauses, well formed or nearly.

The law: what a server answers to each connection, and all that it puts on record, is the same with
the lane and without, but for the date. Time is virtual, so time-outs are compared, too.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable
from typing import Final, NamedTuple

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_core.records.stream import Record, Recorder
from despoolr_core.share.modes import Role
from despoolr_core.share.wire import Problem
from despoolr_lab.sim.network import Network
from despoolr_lab.sim.world import run_virtual
from despoolr_server.files.memory import MemoryFileStore
from despoolr_server.files.protocol import StoreError
from despoolr_server.http.app import make_app
from despoolr_server.http.base.auth import Auth
from despoolr_server.http.connections.connection_limits import ConnectionLimits
from despoolr_server.http.connections.connections import Runner
from despoolr_server.shares.base.limits import ShareLimits
from despoolr_server.shares.base.principal import Caller, Principal
from despoolr_server.shares.base.rights import Rights, RightsTable
from despoolr_server.shares.host import ShareHost
from worlds.raw_http import dial_in_memory
from worlds.share_server import EPOCH

_AUTH: Final = Auth(b"sixteen bytes!!!")
_WHO: Final = tuple(
    f"Authorization: Bearer {_AUTH.issue(machine, machine, role)}"
    for machine, role in (("PC01", Role.CLIENT), ("PC02", Role.CLIENT), ("BPC", Role.SERVICE))
)
_SERVICE: Final = Caller(Principal("BPC", "BPC", Role.SERVICE))
_PATHS: Final = (
    "/S/A.INS",
    "/S/A.INS",
    "/S/A.INS",
    "/S/B.PCK",
    "/S/BOX/C.TXT",
    "/S/BOX/",
    "/S/BOX",
    "/S/NONE/X.INS",
    "/S/%41.INS",
    "/S/%zz",
    "/S/b%C3%BC.ins",
    "/T/A.INS",
    "/T/B.PCK",
    "/T/LARGE.PCK",
    "/S/R/D.INS",
    "/S/A.INS?stat=true",
    "/S/A.INS?",
    "/S//A.INS",
    "/S/./A.INS",
    "/S/a;b&c='d'",
    "/S/LARGE.PCK",
)
_ODD_FIELDS: Final = (
    "Connection: close",
    "Connection: keep-alive",
    "Connection: Keep-Alive, X",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding : chunked",
    "Expect: 100-continue",
    "Content-Length: 3",
    "Content-Length: +3",
    "Content-Length: 3, 3",
    "Content-Length:",
    "Content-Encoding: gzip",
    "Upgrade: h2c",
    "TE: trailers",
    "Host: other.example.com",
    "Origin: http://evil.example.com",
    "Sec-Fetch-Site: cross-site",
    "X: a\r\n b",
    "X: \xfc",
    "X: a\x00b",
    "X:\t a \t",
    "X" * 300 + ": y",
    "X: " + "y" * 9000,
    "nocolon",
    ": v",
    "Range: bytes=1-3",
    "If-Match: *",
    "If-None-Match: *",
    'If-None-Match: "a", "b"',
    "If-Modified-Since: Mon, 04 Mar 1996 08:00:00 GMT",
    "If: (<opaquelocktoken:x>)",
    "If: (@LOCK@)",
    "Despoolr-Session: S1",
    "Despoolr-Session: S99",
    "Despoolr-Program: %ff",
    "Despoolr-Purpose: a job",
    "Accept: text/html",
    "User-Agent: davfs2/1.6.1",
    "Content-Type: text/plain",
)
_LINES: Final = (
    "GET {} HTTP/1.0",
    "GET {} HTTP/1.1 ",
    "GET  {} HTTP/1.1",
    "GET {}  HTTP/1.1",
    "get {} HTTP/1.1",
    "HEAD {} HTTP/1.1",
    "DELETE {} HTTP/1.1",
    "OPTIONS {} HTTP/1.1",
    "PROPFIND {} HTTP/1.1",
    "BREW {} HTTP/1.1",
    "GET http://logon1{} HTTP/1.1",
    "GET {}#x HTTP/1.1",
    "CONNECT {} HTTP/1.1",
    "POST {} HTTP/1.1",
    "GET {} HTTP/2.0",
    "\r\nGET {} HTTP/1.1",
)
_LOCKINFO: Final = (
    '<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope>'
    "<locktype><write/></locktype></lockinfo>"
)
_LOCKED: Final = (
    "/S/A.INS",
    "/S/A.INS",
    "/S/NEW.PCK",
    "/T/A.INS",
    "/T/NEW.PCK",
    "/U/NEW.PCK",
    "/S/BOX",
    "/S/BOX/",
    "/S",
    "/S/R/D.INS",
    "/S/NONE/X.INS",
    "/S/CON",
    "/S/A.INS/",
    "/NONE/A.INS",
)
_LOCK_FIELDS: Final = (
    "Depth: 0",
    "Depth: 0|Timeout: Second-9",
    "Depth: infinity|Timeout: Infinite, Second-4100000000",
    "Depth: 1",
    "Depth: 0|User-Agent: davfs2/1.6.1 neon/0.32.4",
    "Depth: 0|Content-Type: text/xml",
    "If: (@LOCK@)",
    "",
)
_OPEN: Final = (
    '{{"session":"S{}","share":"{}","path":"A.INS","disposition":"{}","access":"{}",'
    '"share_mode":"{}"}}'
)


_LOGON: Final = ("POST /api/v1/sessions", '{"program":"PCMSVC","lease_s":3600}')
_BETWEEN: Final = (
    ("PUT /S/A.INS", "longer than it was"),
    ("DELETE /S/A.INS", ""),
    ("DELETE /api/v1/sessions/@SESSION@", ""),
    ("DELETE /api/v1/sessions/@SESSION@/shares/S", ""),
    ("PATCH /api/v1/opens/@OPEN@", '{"delete":true}'),
    ("PATCH /api/v1/opens/@OPEN@", '{"attributes":"READONLY"}'),
    ("PUT /api/v1/opens/@OPEN@/content", "written"),
    ("GET /api/v1/opens/@OPEN@/content", ""),
    ("POST /api/v1/opens/@OPEN@/locks", '{"locks":[{"offset":0,"length":1,"flags":"SHARED"}]}'),
    ("LOCK /S/A.INS", _LOCKINFO),
)


_TAKES_TIME: Final = re.compile(rb"PUT /T/.*(?:LOCK /|POST /api/)", re.DOTALL)
"""What is done earlier in the lane, behind what is not safe yet; and tells the time."""


class Exchange(NamedTuple):
    """What one connection says, in pieces, each with the seconds of silence before it."""

    pieces: tuple[tuple[float, bytes], ...]


class Heard(NamedTuple):
    """What one server answered to each connection, and put on record."""

    answers: list[bytes]
    records: list[Record]
    lane_count: int
    """How often a handler without a task of its own asked for the time."""


def exchanges(seed: int, count: int, requests: int = 6) -> list[Exchange]:
    """So many connections, each with up to so many requests."""
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        if chance.random() < 0.25:
            made.append(_pairs(chance))
            continue
        if chance.random() < 0.1:
            made.append(_chains(chance))
            continue
        if chance.random() < 0.15:
            made.append(_locks(chance))
            continue
        said = [_request(chance) for _ in range(chance.randint(1, requests))]
        if chance.random() < 0.5:
            said.append(_last(chance))
        pieces = _cut(chance, b"".join(said))
        if _TAKES_TIME.search(b"".join(said)):
            pieces = [(0.05, one) for one in said]
        made.append(Exchange(tuple(pieces)))
    return made


def play(said: list[Exchange], *, lane: bool) -> Heard:
    """Say all of it to a new server, one connection after the other."""

    async def main() -> Heard:
        return await _play(said, lane)

    return run_virtual(main)


class _Clock(LoopClock):
    """It knows who asks for the time: a handler in the fast lane is in no task."""

    lane_count = 0

    def now(self) -> float:
        self.lane_count += asyncio.current_task() is None
        return super().now()


class _SlowStore(MemoryFileStore):
    """What is written to it is safe a little later, and what is large is on its way for a while."""

    inline_max = 2000
    is_safe_at_once = False

    async def sync(self) -> None:
        await asyncio.sleep(0.02)

    def when_safe(self, call: Callable[[StoreError | None], None]) -> None:
        asyncio.get_running_loop().call_later(0.02, call, None)


class _SoonStore(_SlowStore):
    """What is written to it is safe in a later turn, at the same time: what comes behind it is done
    before that in the lane, and after it without.
    """

    async def sync(self) -> None:
        await asyncio.sleep(0)

    def when_safe(self, call: Callable[[StoreError | None], None]) -> None:
        asyncio.get_running_loop().call_soon(call, None)


async def _play(said: list[Exchange], lane: bool) -> Heard:
    clock, records = _Clock(EPOCH), list[Record]()
    recorder = Recorder(clock.now, [records.append])
    host = ShareHost("LOGON1", clock, recorder, ShareLimits(file_size_max=1_000_000))
    rights = RightsTable({"": {Role.CLIENT: Rights.CHANGE}, "R": {Role.CLIENT: Rights.READ}})
    host.add_share("S", MemoryFileStore(), rights)
    host.add_share("T", _SlowStore(), rights)
    host.add_share("U", _SoonStore(), rights)
    runner = Runner(
        make_app(host, _AUTH, clock),
        limits=ConnectionLimits(),
        lane=lane,
        shutdown_timeout=1.0,
    )
    await runner.setup()
    network = Network()
    await network.serve(runner, "logon1")
    try:
        answers = [await _one(network, host, exchange) for exchange in said]
        return Heard(answers, records, clock.lane_count)
    finally:
        await runner.cleanup()


async def _one(network: Network, host: ShareHost, exchange: Exchange) -> bytes:
    raw = await dial_in_memory(network, "logon1")
    for pause, piece in exchange.pieces:
        await asyncio.sleep(pause)
        token = next((f"<{lock.token}>" for lock in host.dav_locks), "<none>").encode()
        opens, sessions = [*host.engine.table], [*host.engine.sessions]
        handle = opens[-1].handle if opens else "none"
        session = sessions[-1].session if sessions else "none"
        for word, meant in (
            (b"@ETAG@", _etag(host)),
            (b"@LOCK@", token),
            (b"@OPEN@", handle.encode()),
            (b"@SESSION@", session.encode()),
            (b"@_IN_JSON_@", f'"{session}"'.encode().rjust(11)),  # as many bytes
        ):
            piece = piece.replace(word, meant)
        raw.say(piece)
    try:
        async with asyncio.timeout(600.0):
            heard = await raw.heard()
    except ConnectionError:
        heard = b"reset"
    raw.hang_up()
    await asyncio.sleep(0.1)
    return re.sub(rb"Date: [^\r]+", b"Date: now", heard)


def _etag(host: ShareHost) -> bytes:
    found = host.listings.stat(_SERVICE, "S", "A.INS")
    return b'"none"' if isinstance(found, Problem) else found[1].encode()


def _request(chance: random.Random) -> bytes:
    fields = ["Host: logon1", chance.choice(_WHO)]
    path = chance.choice(_PATHS)
    make = chance.choice((_get, _get, _put, _open, _close, _session, _lock, _unlock, _chain))
    line, body = make(chance, path)
    if body or chance.random() < 0.1:
        fields.append(f"Content-Length: {len(body)}")
    if chance.random() < 0.06:
        line = chance.choice(_LINES).format(path)
    if line.startswith("GET") and chance.random() < 0.5:
        fields.append("If-None-Match: @ETAG@")
    if chance.random() < 0.12:
        fields.append(chance.choice(_ODD_FIELDS))
    if chance.random() < 0.03:
        fields.pop(chance.randrange(len(fields)))
    if chance.random() < 0.1:
        chance.shuffle(fields)
    text = "\r\n".join([line, *fields, "", ""]).encode("latin-1") + body
    if chance.random() < 0.02:
        at = chance.randrange(len(text))
        text = text[:at] + bytes([chance.randrange(256)]) + text[at + 1 :]
    return text


def _pairs(chance: random.Random) -> Exchange:
    """A session that opens and closes the same file over and over, and what comes in between."""
    who, other = chance.choice(_WHO[:3]), chance.choice(_WHO)
    share = chance.choice("SST")
    body = (
        f'{{"share":"{share}","path":"{chance.choice(("A.INS", "a.ins", "A.INS/", "B.INS"))}",'
        f'"access":"{chance.choice(("READ", "READ_ATTRIBUTES", "READ|DELETE", "WRITE"))}",'
        f'"share_mode":"{chance.choice(("READ", "", "READ|WRITE|DELETE"))}","session":@_IN_JSON_@}}'
    )
    opening = ("POST /api/v1/opens", body)
    closing = ("DELETE /api/v1/opens/@OPEN@", "")
    said = [
        (who, "PUT /S/A.INS", "abc"),
        (who, "PUT /T/A.INS", "abc"),
        (who, *chance.choice((_LOGON, (_LOGON[0], _LOGON[1].replace("3600", "7"))))),
    ]
    for _ in range(chance.randint(2, 6)):
        said.append((who, *opening))
        if chance.random() < 0.3:
            said.append((chance.choice((who, other)), *chance.choice((*_BETWEEN, opening))))
        said.append((who if chance.random() < 0.9 else other, *closing))
    pause = chance.choice((0.0, 0.01, 2.0))
    pieces = [
        (
            pause,
            f"{line} HTTP/1.1\r\nHost: logon1\r\n{speaks}\r\n"
            f"Content-Length: {len(text)}\r\n\r\n{text}".encode()
            if text
            else f"{line} HTTP/1.1\r\nHost: logon1\r\n{speaks}\r\n\r\n".encode(),
        )
        for speaks, line, text in said
    ]
    return Exchange((*pieces, (0.01, _last(chance))))


def _get(chance: random.Random, path: str) -> tuple[str, bytes]:
    return f"GET {path} HTTP/1.1", b""


def _put(chance: random.Random, path: str) -> tuple[str, bytes]:
    size = chance.choice((0, 1, 3, 1200, 1200, 70_000))
    return f"PUT {path} HTTP/1.1", bytes(chance.choices(b"abc\r\n\xff", k=size))


def _open(chance: random.Random, _path: str) -> tuple[str, bytes]:
    access, mode = chance.choice(("READ", "WRITE", "")), chance.choice(("READ", "", "READ|WRITE"))
    share, disposition = chance.choice("SST"), chance.choice(("OPEN", "OPEN", "OPEN_IF"))
    body = _OPEN.format(chance.randint(1, 3), share, disposition, access, mode).encode()
    return "POST /api/v1/opens HTTP/1.1", body if chance.random() < 0.95 else body[:-1]


def _close(chance: random.Random, _path: str) -> tuple[str, bytes]:
    handle = chance.choice(
        (f"O{chance.randint(1, 60)}", "x", "O1/content", "O%31", "O1?force=true")
    )
    return f"DELETE /api/v1/opens/{handle} HTTP/1.1", b""


def _lock(chance: random.Random, path: str) -> tuple[str, bytes]:
    scope = chance.choice(("exclusive", "shared", "none"))
    body = f'<lockinfo xmlns="DAV:"><lockscope><{scope}/></lockscope>'
    body += "<locktype><write/></locktype></lockinfo>"
    where = "/S/A.INS" if chance.random() < 0.5 else path
    return f"LOCK {where} HTTP/1.1\r\nDepth: 0\r\nTimeout: Second-9", body.encode()


def _unlock(_chance: random.Random, _path: str) -> tuple[str, bytes]:
    return "UNLOCK /S/A.INS HTTP/1.1\r\nLock-Token: @LOCK@", b""


def _chain(chance: random.Random, _path: str) -> tuple[str, bytes]:
    calls = [
        '{"call":"get","share":"S","path":"A.INS"}',
        '{"call":"put","share":"T","path":"C.PCK","data":"YWJj"}',
        '{"call":"session","request":{"program":"X","lease_s":60}}',
        '{"call":"nothing"}',
    ]
    picked = chance.choices(calls, weights=(4, 4, 4, 1), k=chance.randint(0, 3))
    if chance.random() < 0.5:
        picked = [_new(chance), *picked[:1]]
    return "POST /api/v1/chain HTTP/1.1", f'{{"calls":[{",".join(picked)}]}}'.encode()


def _new(chance: random.Random) -> str:
    """A call that makes a new file, nearly always."""
    path = f"N{chance.randrange(10_000)}"
    return f'{{"call":"put","share":"U","path":"{path}","data":"YWJj","create":true}}'


def _chains(chance: random.Random) -> Exchange:
    """Chains of one turn of several clients, and what may come between them."""
    said = b""
    for _ in range(chance.randint(2, 20)):
        line, body = _put(chance, "/U/A.PCK") if chance.random() < 0.05 else _chain(chance, "")
        if chance.random() < 0.8:
            line, body = "POST /api/v1/chain HTTP/1.1", f'{{"calls":[{_new(chance)}]}}'.encode()
        fields = f"Host: logon1\r\n{chance.choice(_WHO)}\r\nContent-Length: {len(body)}"
        said += f"{line}\r\n{fields}\r\n\r\n".encode() + body
    pieces = [(0.0, said)]
    if chance.random() < 0.3:
        at = chance.randrange(len(said))
        pieces = [(0.0, said[:at]), (chance.choice((0.0, 0.01)), said[at:])]
    return Exchange((*pieces, (0.1, _last(chance))))


def _locks(chance: random.Random) -> Exchange:
    """Locks and unlocks of a few files in the same words, by two who may be in each other's way.

    Where a `PUT` takes its time nobody puts: what comes behind it is done earlier in the lane.
    """
    asked = [
        f"{chance.choice(_LOCKED)}|{chance.choice(_WHO)}|{chance.choice(_LOCK_FIELDS)}"
        for _ in range(2)
    ]
    pieces = []
    for _ in range(chance.randint(2, 8)):
        target, *fields = chance.choice(asked).split("|")
        _, body = _lock(chance, "")
        if chance.random() < 0.1:
            body = chance.choice((b"", b"<", b"<!DOCTYPE x>" + body, b" " * 70_000))
        said = [("LOCK", fields, body), ("UNLOCK", [*fields, "Lock-Token: @LOCK@"], b"")]
        if chance.random() < 0.3:
            said.insert(
                1, chance.choice((said[0], ("PUT", fields, b"abc"), ("DELETE", fields, b"")))
            )
        for method, some, content in said:
            length = [f"Content-Length: {len(content)}"] if content else []
            if chance.random() < 0.05:
                length.append(chance.choice(_ODD_FIELDS))
            lines = [f"{method} {target} HTTP/1.1", "Host: logon1", *filter(None, some), *length]
            head = "\r\n".join([*lines, "", ""]).encode("latin-1")
            pieces.append((chance.choice((0.0, 0.01, 0.05)), head + content))
    return Exchange((*pieces, (0.1, _last(chance))))


def _session(chance: random.Random, _path: str) -> tuple[str, bytes]:
    return "POST /api/v1/sessions HTTP/1.1", b'{"program":"PCMSVC","lease_s":3600}'


def _last(chance: random.Random) -> bytes:
    return (
        f"GET /S/A.INS HTTP/1.1\r\nHost: logon1\r\nConnection: close\r\n{_WHO[0]}\r\n\r\n".encode()
    )


def _cut(chance: random.Random, said: bytes) -> list[tuple[float, bytes]]:
    if chance.random() < 0.3:
        return [(0.0, said)]
    places = sorted(chance.randrange(len(said) + 1) for _ in range(chance.choice((1, 3, 12))))
    if chance.random() < 0.6:  # between two requests, as a client does that waits
        places = [found.end() for found in re.finditer(rb"\r\n\r\n", said)]
    pieces, pause = [], chance.choice((0.0, 0.01, 0.01, 5.0))
    for begin, end in zip([0, *places], [*places, len(said)], strict=True):
        if begin < end:
            pieces.append((pause, said[begin:end]))
    return pieces
