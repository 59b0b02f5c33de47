"""`smbstatus --json`: one sample, or many in one file (`smbstatus -j >> share.jsonl`).

The law: an open is known by its process, its id there, and when it was opened, which is exact. Who
it is stands in the sessions, by process and user, for one process can carry several; its share in
the process's tree connections. A sample is decoded by itself, and only what is asked of it is kept.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Final

import msgspec

from despoolr_lab.imports.traces.roots import Roots
from despoolr_lab.imports.traces.samples import OpenSample, SampledOpen
from despoolr_lab.imports.traces.seen import ALL_MODES, UNKNOWN, Who
from despoolr_lab.imports.traces.source import TraceFile, name, path_below, user_of

SAMPLE_SIZE_MAX: Final = 32 * 1024 * 1024
"""Bytes of one sample: some 40,000 opens."""
GAP: Final = (
    "smbstatus lists no handles of clients whose connection is gone (durable ones), unless it is "
    "called with --fast"
)


class _Server(msgspec.Struct):
    pid: str | int = ""


class _Session(msgspec.Struct):
    server_id: _Server
    uid: int = -1
    username: str = ""
    remote_machine: str = ""
    hostname: str = ""


class _Tree(msgspec.Struct):
    service: str
    server_id: _Server


class _Hex(msgspec.Struct, frozen=True):
    hex: str = ""


class _Open(msgspec.Struct):
    server_id: _Server
    uid: int = -1
    share_file_id: str | int = ""
    sharemode: _Hex = _Hex()
    access_mask: _Hex = _Hex()
    opened_at: str = ""


class _File(msgspec.Struct):
    service_path: str = ""
    filename: str = ""
    num_pending_deletes: int = 0
    opens: dict[str, _Open] = {}


class _Status(msgspec.Struct):
    timestamp: str
    sessions: dict[str, _Session] = {}
    tcons: dict[str, _Tree] = {}
    open_files: dict[str, _File] = {}


_DECODER: Final = msgspec.json.Decoder(_Status)
_BEGIN: Final = re.compile(r"^[ \t]*(?:\[\s*)?\{", re.MULTILINE)


def sniff(head: str) -> bool:
    """Whether a text is what `smbstatus --json` writes; warnings of its may stand before it."""
    return '"timestamp"' in head and '"smb_conf"' in head and _BEGIN.search(head) is not None


def read(source: TraceFile) -> Iterator[OpenSample]:
    """The samples of a file, in its order."""
    roots = Roots()
    for number, text in enumerate(_texts(source), 1):
        try:
            yield sample_of(text, roots)
        except ValueError as error:
            source.damaged(f"sample {number:,}: {error}")


def sample_of(text: bytes, roots: Roots) -> OpenSample:
    """One sample. Raises `ValueError` for what is none."""
    try:
        return _sample(_DECODER.decode(text), roots)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ValueError(str(error)[:100]) from None


def _texts(source: TraceFile) -> Iterator[bytes]:
    """One text a sample: a line, or the lines from one brace at their beginning to the next."""
    part: list[bytes] = []
    size = indent = 0
    for raw in source.raw_lines(SAMPLE_SIZE_MAX):
        if not part:
            line = raw.lstrip(b"[, \t").rstrip(b"], \t")
            if line[:1] != b"{":
                continue  # a warning of smbstatus's, or what stands between two samples
            if line[-1:] == b"}":
                yield line
                continue
            indent = len(raw) - len(raw.lstrip())
        size += len(raw)
        if not raw[:indent].strip() and raw[indent : indent + 1] == b"}":
            yield b"\n".join([*part, b"}"])
            part, size = [], 0
        elif size <= SAMPLE_SIZE_MAX:
            part.append(raw if part else raw.lstrip(b"[, \t"))
    if part:
        yield b"\n".join(part)


def _sample(status: _Status, roots: Roots) -> OpenSample:
    users: dict[tuple[str, int], Who] = {}
    for session in status.sessions.values():
        address = session.hostname.partition(":")[2].rpartition(":")[0] or session.remote_machine
        who = Who(name(address), name(session.remote_machine), user_of(session.username))
        users[str(session.server_id.pid), session.uid] = who
    services: dict[str, set[str]] = {}
    for tree in status.tcons.values():
        if tree.service != "IPC$":
            services.setdefault(str(tree.server_id.pid), set()).add(tree.service)
    rows = []
    pending = []
    for file in status.open_files.values():
        if file.num_pending_deletes:
            pending.append(path_below(file.filename))
        for one in file.opens.values():
            pid = str(one.server_id.pid)
            of_pid = services.get(pid, set())
            if len(of_pid) == 1:
                roots.learn(next(iter(of_pid)), file.service_path)
            share = roots.share_at(file.service_path) or _last(file.service_path)
            opened_at = time_of(one.opened_at)
            rows.append(
                SampledOpen(
                    key=f"{pid}/{one.share_file_id}/{one.opened_at}",
                    who=users.get((pid, one.uid), Who(machine=f"pid {pid}")),
                    share=name(share),
                    path=path_below(file.filename),
                    access=_hex(one.access_mask.hex),
                    share_mode=_hex(one.sharemode.hex) & ALL_MODES,
                    known=ALL_MODES if one.sharemode.hex else 0,
                    opened_at=opened_at,
                )
            )
    at = time_of(status.timestamp)
    if at is None:
        raise ValueError(f"no time: {status.timestamp[:40]}")
    return OpenSample(at, rows, tuple(pending))


def time_of(text: str) -> float | None:
    """Seconds since 1970 of a time with its zone; None for what is none."""
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    if not 1 < at.year < dt.MAXYEAR:  # in another zone it is in no calendar
        return None
    return (at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp()


def _hex(text: str) -> int:
    return int(text, 16) if text else UNKNOWN


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]
