"""What does not grow: opens of one server up to a million, and reports and verdicts of a run with
ten million records. Each is measured in a process of its own, whose memory is all its own.

    python -m despoolr_lab.bench.many COUNT    (the opens, as one line of JSON)
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import Final

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_core.records.stream import Recorder
from despoolr_core.share.modes import Role
from despoolr_core.share.wire import OpenReply, OpenRequest, SessionReply, SessionRequest
from despoolr_lab.bench.base.figures import Found, add
from despoolr_server.files.memory import MemoryFileStore
from despoolr_server.shares.base.limits import ShareLimits
from despoolr_server.shares.base.principal import Caller, Principal
from despoolr_server.shares.host import ShareHost

OPENS: Final = 1_000_000
FEW: Final = 10_000
OF_ONE_FILE: Final = 10_000
PAIRS: Final = 10_000
RECORDS: Final = 10_000_000
_HELD_MAX: Final = 500
_WAIT: Final = 400
"""Records of which one in ten is a refusal of the same wait."""
_WHO: Final = Principal("PC00001", "user", Role.SERVICE)
_SHARE: Final = "READ|WRITE|DELETE"


def measure_opens(rounds: int) -> Found:
    """`held_growth_1000000`: an open and a close with a million held, to those with ten thousand;
    `bytes_per_open`.
    """
    found: Found = {}
    for _ in range(rounds):
        command = [sys.executable, "-m", "despoolr_lab.bench.many", str(OPENS)]
        add(found, json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
    return found


async def _opens(count: int) -> dict[str, float]:
    clock = LoopClock(825_926_400.0)
    limits = ShareLimits(opens_max=2 * count, opens_per_machine_max=2 * count)
    host = ShareHost("BENCH", clock, Recorder(clock.now), limits)
    host.add_share("S", MemoryFileStore())
    session = ""
    pairs_us: dict[int, float] = {}
    before = 0
    for number in range(count):
        if number % OF_ONE_FILE == 0:
            session = _session(host)
            await host.paths.put(Caller(_WHO), "S", f"F{number // OF_ONE_FILE}", b"x")
        request = OpenRequest(session, "S", f"F{number // OF_ONE_FILE}", share_mode=_SHARE)
        reply = await host.handles.open(_WHO, request)
        assert isinstance(reply, OpenReply), reply
        if number + 1 in (FEW, count):
            gc.collect()
            if number + 1 == FEW:
                before = _resident()
            pairs_us[number + 1] = await _pairs_us(host)
    return {
        "held_growth_1000000": pairs_us[count] / pairs_us[FEW],
        "held_pairs_s": 1e6 / pairs_us[count],
        "bytes_per_open": (_resident() - before) / (count - FEW),
    }


def _session(host: ShareHost) -> str:
    reply = host.sessions.start(_WHO, SessionRequest(program="BENCH", lease_s=3600.0))
    assert isinstance(reply, SessionReply)
    return reply.session


async def _pairs_us(host: ShareHost) -> float:
    """CPU microseconds of an open and a close of a file that thousands have open."""
    request = OpenRequest(_session(host), "S", "F0", share_mode=_SHARE)
    took = []
    for _ in range(5):
        started = process_time()
        for _ in range(PAIRS // 5):
            reply = await host.handles.open(_WHO, request)
            assert isinstance(reply, OpenReply), reply
            await host.handles.close(_WHO, reply.open)
        took.append((process_time() - started) / (PAIRS // 5) * 1e6)
    return min(took)


def _resident() -> int:
    """Bytes of memory that this process has (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def measure_records(_rounds: int) -> Found:
    """Of a run with `RECORDS` records: the most memory of `report` and of `why` (`report_mb`,
    `why_mb`), and the records that each reads a CPU second (`..._records_s`).
    """
    found: Found = {}
    with tempfile.TemporaryDirectory(prefix="despoolr-records-") as directory:
        run = _a_run(Path(directory))
        with (run / "records.jsonl").open("wb", buffering=1 << 20) as out:
            out.writelines(_lines(RECORDS))
        for command in ("report", "why"):
            mb, spent = _told_by("despoolr", command, str(run))
            add(found, {f"{command}_mb": mb, f"{command}_records_s": RECORDS / spent})
    return found


def _a_run(directory: Path) -> Path:
    """A kept run, whose records are then other ones."""
    _told_by("despoolr", "kb", "run", "Q147819", "--version", "1.1", "--out", str(directory))
    return (directory / "latest").resolve()


def _told_by(*command: str) -> tuple[float, float]:
    """The most memory of a command, in MB, and its CPU seconds. Raises `CalledProcessError`."""
    arguments = [sys.executable, "-m", *command]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 10, 11):  # a run may have gone wrong: it is told all the same
        raise subprocess.CalledProcessError(process.returncode, arguments)
    return used.ru_maxrss / 1e3, used.ru_utime + used.ru_stime


def _lines(count: int) -> Iterator[bytes]:
    """Records of a server on which 200 machines open and close fifty files, and one that writes is
    refused now and then, as JSON lines.
    """
    at = 833_803_200.0
    yield _line(1, at, "SITE1", "share.started", '{"server":"SITE1"}')
    held: list[tuple[int, str]] = []
    for number in range(2, count + 1):
        at += 0.5
        machine, path = f"WS{number % 200}", f"BPC00001/F{number % 50}.DAT"
        where = f'"server":"SITE1","machine":"{machine}","share":"SMS_PKGD"'
        if number % _WAIT == _WAIT - 1:
            data = (
                f'{{"episode":"SITE1-E{number // _WAIT}","reason":"gave up","server":"SITE1",'
                '"state":"given up"}'
            )
            yield _line(number, at, "SITE1/SITE1", "episode.ended", data)
        elif number % 10 == 0 and held:
            opened, name = held[number % len(held)]
            blocker = (
                f'{{"open":"SITE1-O{opened}","machine":"{name}","user":"u","program":"WINWORD.EXE",'
                f'"access":"READ","share_mode":"READ","opened_at":{at - 5.0}}}'
            )
            data = (
                '{"server":"SITE1","machine":"SITE1","user":"s","program":"SMS_DESPOOLER",'
                f'"share":"SMS_PKGD","path":"BPC00001/F{opened % 50}.DAT","access":"WRITE",'
                '"share_mode":"NONE","nt_status":"SHARING_VIOLATION","win32":32,'
                f'"blockers":[{blocker}],"purpose":"job BPC{number // _WAIT:05} package BPC00001",'
                f'"episode":"SITE1-E{number // _WAIT}"}}'
            )
            yield _line(number, at, "SITE1/SITE1", "open.refused", data)
        elif len(held) < _HELD_MAX and number % 2:
            held.append((number, machine))
            data = (
                f'{{{where},"open":"SITE1-O{number}","session":"S1","user":"u",'
                f'"program":"WINWORD.EXE","path":"{path}","access":"READ","share_mode":"READ",'
                '"action":"OPENED","purpose":""}'
            )
            yield _line(number, at, f"SITE1/{machine}", "open.granted", data)
        elif held:
            opened, name = held.pop(number % len(held))
            data = (
                f'{{"server":"SITE1","open":"SITE1-O{opened}","machine":"{name}",'
                f'"share":"SMS_PKGD","path":"BPC00001/F{opened % 50}.DAT","reason":"closed"}}'
            )
            yield _line(number, at, f"SITE1/{name}", "open.closed", data)
        else:
            yield _line(number, at, "SITE1", "share.started", '{"server":"SITE1"}')


def _line(number: int, at: float, actor: str, kind: str, data: str) -> bytes:
    return (
        f'{{"actor":"{actor}","at":{at},"data":{data},"kind":"{kind}","seq":{number}}}\n'.encode()
    )


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_opens(int(sys.argv[1])))))
