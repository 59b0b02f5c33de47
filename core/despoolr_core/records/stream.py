"""Everything that happened, in order: one record per fact, append-only.

A record says when (site time), who (the actor), what (the kind), because of what (`cause`: the
sequence number of the record that led to it, 0 for none) and the facts of its kind. Reports, `why`,
digests and the live page are readers of this one stream; none keeps a second truth. Wall time never
appears in it, so that two runs of one seed are equal.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Final, TypeVar

import msgspec

from despoolr_core.formats.sms_id import is_package_id
from despoolr_core.records.kinds import KINDS
from despoolr_core.records.kinds.fact import Fact, UnknownFact
from despoolr_core.records.kinds.run import RunEnded


class Record(msgspec.Struct, frozen=True, gc=False):
    """One fact. `at` is site time in seconds since 1970, rounded to the millisecond; `actor` e.g.
    `BPC/SMS_DESPOOLER`.
    """

    seq: int
    at: float
    actor: str
    data: Fact
    cause: int = 0

    @property
    def kind(self) -> str:
        """The name of its kind, as `records.jsonl` has it."""
        fact = self.data
        return fact.kind if isinstance(fact, UnknownFact) else fact.KIND


K = TypeVar("K", bound=Fact)
Listener = Callable[[Record], None]


class Recorder:
    """The one door into the stream: numbers a fact, hands it to the listeners, and returns its
    number for later causes.

    `now` is the site clock. Listeners (a file writer, the episode ledger, a digest) are called in
    order and must not raise. With `wanted`, they are called for facts of these kinds only.
    """

    def __init__(
        self,
        now: Callable[[], float],
        listeners: Iterable[Listener] = (),
        *,
        wanted: frozenset[type[Fact]] | None = None,
    ) -> None:
        self._now = now
        self._wanted = wanted
        self._seq = 0
        self._now_told = self._at = 0.0
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
        if self._wanted is not None and type(fact) not in self._wanted:
            return self._seq
        now = self._now()
        if now != self._now_told:  # to round it takes as long as all the rest
            self._now_told, self._at = now, round(now, 3)
        entry = Record(self._seq, self._at, actor, fact, cause)
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


_NOTHING: Final = msgspec.Raw(b"{}")


class _Line(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A record as `records.jsonl` has it, its fact read or not."""

    seq: int
    at: float
    actor: str
    kind: str
    cause: int = 0
    data: msgspec.Raw | Fact = _NOTHING


class _UnreadLine(_Line, frozen=True, gc=False):
    """A line whose kind is to be known before its fact can be read."""

    data: msgspec.Raw = _NOTHING


_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_DECODER: Final = msgspec.json.Decoder(_UnreadLine)


class _Last:
    """The record that was encoded last, and its line."""

    told: tuple[Record | None, bytes] = None, b""


_last: Final = _Last()


class ForeignRecord(msgspec.DecodeError):
    """A record of a kind that this version knows, without what it must have."""


def encode(record: Record) -> bytes:
    """One line of `records.jsonl`, without the newline; keys sorted, so equal records are equal
    bytes. The last one is remembered: a file and those who follow write the same. Raises
    `UnicodeEncodeError` for a text with half a surrogate pair, which is in no line.
    """
    before, line = _last.told
    if before is record:
        return line
    line = _ENCODER.encode(
        _Line(record.seq, record.at, record.actor, record.kind, record.cause, _raw(record.data))
    )
    _last.told = record, line
    return line


def encode_all(
    records: Sequence[Record],
    lose: Callable[[Record, UnicodeEncodeError], object] = lambda *_: None,
) -> bytes:
    """The lines of records, each with its newline: for half of what they cost one by one. One that
    `encode` has no line for has none here, and `lose` is told.
    """
    try:
        return _ENCODER.encode_lines(
            [
                _Line(one.seq, one.at, one.actor, kind, one.cause, one.data)
                if (kind := one.data.KIND)
                else _Line(one.seq, one.at, one.actor, one.kind, one.cause, _raw(one.data))
                for one in records
            ]
        )
    except UnicodeEncodeError:
        return b"".join(_lines(records, lose))


def _lines(
    records: Sequence[Record], lose: Callable[[Record, UnicodeEncodeError], object]
) -> Iterator[bytes]:
    for record in records:
        try:
            yield encode(record) + b"\n"
        except UnicodeEncodeError as error:
            lose(record, error)


def _raw(fact: Fact) -> msgspec.Raw | Fact:
    return fact.raw if isinstance(fact, UnknownFact) else fact


def decode(line: bytes) -> Record:
    """The inverse of `encode`; a kind that is not in `KINDS` is kept as an `UnknownFact`.

    Raises `msgspec.DecodeError` for a line that is no record, and `ForeignRecord` for one that
    lacks what its kind must have.
    """
    try:
        return _decoded(line)
    except RecursionError:
        raise msgspec.DecodeError("it is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(str(error)) from None


@cache  # one for each of `KINDS`, when it is read first
def _decoder_of(kind: type[K]) -> msgspec.json.Decoder[K]:
    return msgspec.json.Decoder(kind)


def _decoded(line: bytes) -> Record:
    found = _DECODER.decode(line)
    kind = KINDS.get(found.kind)
    fact: Fact
    if kind is not None:
        try:
            fact = _decoder_of(kind).decode(found.data)
        except msgspec.MsgspecError as error:
            raise ForeignRecord(f"{found.kind}: {error}") from None
    else:
        raw = found.data if found.data is _NOTHING else found.data.copy()
        fact = UnknownFact(kind=found.kind, raw=raw)
    return Record(found.seq, found.at, found.actor, fact, found.cause)


def of(records: Iterable[Record], kind: type[K]) -> Iterator[tuple[Record, K]]:
    """The records of a kind, each with its fact."""
    for record in records:
        fact = record.data
        if isinstance(fact, kind):
            yield record, fact


def is_owners(actor: str, job: str) -> bool:
    """Whether an actor is of the site that a job belongs to: the sites it goes to tell their part
    of it as well.

    What is no job's ID (in a made-up run) is everybody's.
    """
    return actor.partition("/")[0] == job[:3] or not is_package_id(job)
