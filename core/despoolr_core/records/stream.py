"""Everything that happened, in order: one record per fact, append-only.

A record says when (site time), who (the actor), what (the kind), because of what (`cause`: the
sequence number of the record that led to it, 0 for none) and the facts of its kind. Reports, `why`,
digests and the live page are readers of this one stream; none keeps a second truth. Wall time never
appears in it, so that two runs of one seed are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from despoolr_core.formats.sms_id import is_package_id

KINDS: Final[dict[str, str]] = {
    # the share engine (`server` is the share server in all of them)
    "share.started": "server: a share server began; nothing that was open before is held any more",
    "session.started": "a machine connected: server, session, machine, user, program, lease_s "
    "(0: no lease)",
    "session.ended": "it left: server, session, machine, reason (logoff, lease expired, "
    "server stopped)",
    "open.granted": "server, open, session, machine, user, program, share, path, access, "
    "share_mode, action, purpose; and lock "
    "for that of a WebDAV lock",
    "open.refused": "server, machine, user, program, share, path, access, share_mode, nt_status, "
    "win32, blockers, purpose, "
    "episode",
    "open.closed": "server, open, machine, share, path, reason (closed, logoff, lease expired, "
    "server stopped, or why forced)",
    "lock.granted": "server, open, machine, program, share, path, lock, offset, length, purpose",
    "lock.released": "server, open, machine, share, path, lock, offset, length (by an unlock; a "
    "close releases all it has)",
    "file.written": "server, share, path, size, machine, program, purpose",
    "file.deleted": "server, share, path, machine, program, purpose",
    "file.renamed": "server, share, path, new_path, machine, program, purpose",
    "box.restored": "server, share, path, aside (the new name of a file that stood there): a "
    "site's directory was missing",
    "share.damaged": "server, share, found: what is wrong with its data; nothing on it can "
    "be changed",
    "rights.changed": "share, path, role, rights, was",
    "message.sent": "machine, text",
    "message.read": "server, text, does (what the machine's user does: close, crash)",
    "episode.ended": "server, episode, state, reason",
    # the site
    "job.status": "job, status, was, reason",
    "detail.status": "job, detail, site, machine, status, was",
    "instruction.written": "file, type, job, retries, execute_at, servers, forgotten (servers it "
    "will not refresh: Q195936)",
    "instruction.executed": "file, type, job, result",
    "copy.started": "job, package, server, attempt",
    "copy.file": "job, package, server, file, result, win32",
    "copy.ended": "job, package, server, attempt, result, file, win32",
    "mif.loaded": "file, report, kind",
    "mif.refused": "file, reason",
    "mifs.sent": "to, request, count: a packet of MIFs is on its way to the parent site",
    "package.reported": "package, said (the ID as written), job, result: a site tells what became "
    "of another site's package",
    "package.status": "package, site, status, was, job: what a site now says of a package",
    "package.unknown": "said, site, result, file, reason, kept (for a person): no package has the "
    "ID a site reported",
    "hotfix.installed": "article, fields",
    "event": "event, component, text",
    "log": "component, text",
    # the client
    "pcm.polled": "result (changed, unchanged, missing, failed)",
    "pcm.record": "request, package, state (New, Executed, expired, cancelled)",
    "pcm.run": "request, package, server, program",
    "pcm.reported": "request, package, report, result",
    # the fleets
    "slots.leased": "holder, first, count",
    "slots.released": "holder, first, count",
    "slots.lapsed": "holder, first, count",
    # the scenario
    "scenario.step": "do, and what was asked",
    "scenario.expect": "name, expected, actual, ok",
    "run.ended": "reason (time up, or ended early): the last record of a run; what was open then, "
    "nobody had closed",
}
"""Every kind there is, and the facts it carries. An unknown kind is a bug of ours."""


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """One fact. `at` is site time in seconds since 1970, rounded to the millisecond; `actor` e.g.
    `BPC/SMS_DESPOOLER`.
    """

    seq: int
    at: float
    actor: str
    kind: str
    cause: int = 0
    data: dict[str, Any] = {}


Listener = Callable[[Record], None]


class Recorder:
    """The one door into the stream: numbers a fact, hands it to the listeners, and returns its
    number for later causes.

    `now` is the site clock. Listeners (a file writer, the episode ledger, a digest) are called in
    order and must not raise.
    """

    def __init__(self, now: Callable[[], float], listeners: Iterable[Listener] = ()) -> None:
        self._now = now
        self._seq = 0
        self._is_over = False
        self.listeners: list[Listener] = list(listeners)

    @property
    def count(self) -> int:
        """How many facts there are so far."""
        return self._seq

    def record(self, actor: str, kind: str, /, *, cause: int = 0, **data: Any) -> int:
        """Append one fact and return its sequence number."""
        assert kind in KINDS, f"unknown record kind {kind!r}"
        if self._is_over:
            return self._seq
        self._seq += 1
        entry = Record(self._seq, round(self._now(), 3), actor, kind, cause, data)
        for listener in self.listeners:
            listener(entry)
        return self._seq

    def end(self, actor: str, /, *, reason: str) -> None:
        """Append `run.ended`, the last fact there is.

        What a run's parts say while they are taken apart never happened to the machines of the run:
        a file that is let go of then has not been closed by its holder. So it is no record.
        """
        self.record(actor, "run.ended", reason=reason)
        self._is_over = True


_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_DECODER: Final = msgspec.json.Decoder(Record)


def encode(record: Record) -> bytes:
    """One line of `records.jsonl`, without the newline; keys sorted, so equal records are equal
    octets.
    """
    return _ENCODER.encode(record)


def decode(line: bytes) -> Record:
    """The inverse of `encode`. Raises `msgspec.DecodeError` for a line that is no record."""
    return _DECODER.decode(line)


def is_owners(record: Record) -> bool:
    """Whether a record of a job is by the site the job belongs to: the sites it goes to tell their
    part of it as well.

    What is no job's ID (in a made-up run) is everybody's.
    """
    job = str(record.data["job"])
    return record.actor.partition("/")[0] == job[:3] or not is_package_id(job)


def story(records: Iterable[Record], **wanted: Any) -> list[Record]:
    """The records whose facts match every `wanted` key: the story of a job, a machine, a path."""
    return [r for r in records if _matches(r.data, wanted)]


def _matches(data: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(data.get(key) == value for key, value in wanted.items())
