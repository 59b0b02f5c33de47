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
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.run import RunEnded


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

    def record(self, actor: str, fact: Fact, /, *, cause: int = 0) -> int:
        """Append one fact and return its sequence number."""
        if self._is_over:
            return self._seq
        self._seq += 1
        data = msgspec.json.decode(msgspec.json.encode(fact))
        entry = Record(self._seq, round(self._now(), 3), actor, fact.KIND, cause, data)
        for listener in self.listeners:
            listener(entry)
        return self._seq

    def end(self, actor: str, /, *, reason: str) -> None:
        """Append `run.ended`, the last fact there is.

        What a run's parts say while they are taken apart never happened to the machines of the run:
        a file that is let go of then has not been closed by its holder. So it is no record.
        """
        self.record(actor, RunEnded(reason=reason))
        self._is_over = True


_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_DECODER: Final = msgspec.json.Decoder(Record)


def encode(record: Record) -> bytes:
    """One line of `records.jsonl`, without the newline; keys sorted, so equal records are equal
    bytes.
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
