r"""What all servers of one process stand on: a data directory that is theirs alone, the site's
time, the records, the keys.

The data directory holds one directory per machine with its shares, the site database, `LOGS`,
`records.jsonl`, `secret`, `admin.token` and `state.json`. The law: one process at a time; every
start has a number, and ids begin with it, so that no handle, session or episode of a process that
died is mistaken for a later one. Scaled time goes on while a killed process is down (its
neighbours' did too); after a clean stop it goes on from where it stopped, unless all processes of a
stack count it from the same moment (`despoolr_app.process.stack_dir`): then it never stands still.
It never goes back, whatever is done to the wall clock (`despoolr_app.clocks.time_source`).
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import msgspec

from despoolr_app.clocks.loop_clock import LoopClock
from despoolr_app.clocks.time_source import MACHINE, Anchor, TimeSource
from despoolr_app.disk.plain_file import opener
from despoolr_app.disk.privacy import make_directory, tighten
from despoolr_app.process.logs import process_log
from despoolr_app.process.private_file import make_secret, read_secret, write_private
from despoolr_app.process.settings import ConfigError, RuntimeSettings
from despoolr_app.process.state_file import (
    MOMENT_MAX,
    DamagedState,
    State,
    note_state,
    read_state,
    write_state,
)
from despoolr_app.runs.directory import RECORDS, RECORDS_BEFORE, STATE, RecordFile
from despoolr_core.records.episodes import EpisodeLedger
from despoolr_core.records.kinds.share import ShareStarted
from despoolr_core.records.stream import Record, Recorder, decode
from despoolr_core.share.modes import Role
from despoolr_core.times import moment
from despoolr_server.http.base.auth import Auth, is_loopback

ADMINISTRATOR: Final = "ADMIN1"
RECORDS_SIZE_MAX: Final = 256 * 1024 * 1024
"""Bytes `records.jsonl` grows to before it becomes `records.1.jsonl`; at most twice that is
kept.
"""
HISTORY_SIZE_MAX: Final = 32 * 1024 * 1024
"""Bytes of old records a starting server reads, so that `why` remembers what was before."""
LIVE_SIZE_MAX: Final = 8 * 1024 * 1024
"""Bytes of old records that the live page of a starting server knows of."""
FLUSH_S: Final = 0.1
"""Records wait at most so long in memory."""
BEAT_S: Final = 20.0
"""Seconds after which a running process notes its time again."""
TOLD_S_MAX: Final = 2 * BEAT_S
"""Seconds that a process which was killed may have run since it noted its time: two beats, if a
beat was late.
"""
CUT_S_MAX: Final = TOLD_S_MAX + 35.0
"""Seconds that it may have run since the note that is on the disk, if the machine went down: Linux
writes out what has lain in its memory for 30 s, and looks for that every 5.
"""
LAST_SIZE_MAX: Final = 64 * 1024
"""Bytes at the end of the records in which the last one is looked for."""


class StartError(Exception):
    """A process cannot start; one line says why and what to do. Who must act: the operator."""


@dataclass(slots=True)
class Runtime:
    """See the module. Make it with `prepare` (no event loop needed), then `begin` inside the
    loop.
    """

    settings: RuntimeSettings
    secret_file: Path | None
    has_made_secret: bool
    starts: int
    auth: Auth
    token: str
    token_file: Path
    records: RecordFile
    clock: LoopClock = field(init=False)
    recorder: Recorder = field(init=False)
    stir: Callable[[object], None] = field(init=False)
    """To be called when something changed that services look at, and that is no record here."""
    changes: list[str] = field(default_factory=list)
    """What is not as it was when this data was last served, one sentence each."""
    source: TimeSource = MACHINE
    _state: State = field(default_factory=State)
    _beat: asyncio.TimerHandle | None = None
    _lock: IO[str] | None = None
    _flusher: asyncio.TimerHandle | None = None
    _has_told_loss: bool = False

    @property
    def data(self) -> Path:
        return self.settings.data

    @property
    def scale(self) -> float:
        """How many site seconds pass in one second."""
        return self.settings.timing.scale or 1.0

    @property
    def id_prefix(self) -> str:
        """What the ids of this start begin with."""
        return "" if self.starts == 1 else f"R{self.starts}"

    @property
    def lease_s(self) -> float:
        """A session's lease: a minute of real time, because a lost client is lost in real time."""
        return 60.0 * self.scale

    def store_directory(self, machine: str, share: str) -> Path:
        """Where a share's files lie. Raises `StartError`."""
        directory = self.data / machine / share
        try:
            make_directory(directory)
        except OSError as error:
            raise StartError(
                f"cannot write {directory}: {error.strerror}; choose another --data"
            ) from None
        return directory

    def begin(self, site_now: float | None = None) -> None:
        """Start the clock (at `site_now`, if a neighbour's time was asked for) and the records.
        Call inside the loop. Raises `StartError` or `ConfigError`, and has let go of everything
        then.
        """
        try:
            self._begin(site_now)
        except BaseException:
            self.end(is_clean=False)
            raise

    def _begin(self, site_now: float | None) -> None:
        self.clock = LoopClock(self._epoch(site_now), self.scale)
        self.stir = self.clock.share_timer()
        self.recorder = Recorder(self.clock.now, [self._write, self.stir])
        self.changes += self._changes(site_now)
        version = self.settings.version or self._state.version
        self._state = State(self.starts, self.scale, version=version)
        self._note_time()

    def remember(self, ledger: EpisodeLedger, server: str) -> None:
        """Let a new server's ledger read what the records tell of its past; what was open then is
        open no more. Raises `StartError` for records that cannot be read.
        """
        last_at = 0.0
        for record in _tail(self.data / RECORDS):
            last_at = record.at
            ledger.apply(record)
        if last_at:
            ledger.apply(Record(0, last_at, server, ShareStarted(server=server)))

    def history(self) -> Iterator[Record]:
        """What the records tell up to now, as far back as the live page reads them. Raises
        `StartError`.
        """
        self.records.flush()
        return _tail(self.data / RECORDS, LIVE_SIZE_MAX)

    def end(self, *, is_clean: bool) -> None:
        """Write what is buffered and release the data directory. `is_clean`: the stop was asked
        for. Raises `ConfigError` where its state cannot be written.
        """
        if self._flusher is not None:
            self._flusher.cancel()
        self.records.close()
        if self._beat is not None:
            self._beat.cancel()
        if is_clean:
            self._state.stopped = self.clock.now()
            write_state(self.data / STATE, self._state)
        if self._lock is not None:
            self._lock.close()

    def _epoch(self, site_now: float | None) -> float:
        """Where site time begins: never before what this data was told last."""
        last = self._last()
        if site_now is not None:
            return max(site_now, last)
        old = self._state
        if self.settings.since is not None:
            return self._since(self.settings.since, last)
        if self.scale == 1.0 or not old.wall or old.scale != self.scale:
            return max(self.source.wall(), last)
        if old.stopped is not None:
            return max(old.stopped, last)
        return max(old.site + (self.source.wall_since(old.anchor) - old.wall) * self.scale, last)

    def _last(self) -> float:
        """The latest site time that this data knows of, by its state or by its last record."""
        old = self._state
        told = old.stopped
        if told is None and old.wall:
            elapsed = self.source.elapsed(old.anchor)
            ran_s = CUT_S_MAX if elapsed is None else min(elapsed, TOLD_S_MAX)
            told = old.site + ran_s * old.scale
        return max(old.site, told or 0.0, _last_at(self.data))

    def _changes(self, site_now: float | None) -> list[str]:
        found: list[str] = []
        old = self._state
        if not old.starts:
            return found
        if self.settings.version and old.version and self.settings.version != old.version:
            found.append(
                f"this data was last served as SMS {old.version} and is SMS "
                f"{self.settings.version} from now on; "
                "what it holds stays as it is"
            )
        if old.scale != self.scale:
            last = old.stopped if old.stopped is not None else old.site
            begins = (
                "is taken over from --clock"
                if site_now is not None
                else f"begins at {moment(self.clock.now())}"
            )
            found.append(
                f"this data was last served at {_pace(old.scale)}, until {moment(last)}; now it is "
                f"{_pace(self.scale)}, "
                f"and site time {begins}"
            )
        return found

    def _since(self, since: float, before: float) -> float:
        """Site time, counted from a moment all processes know. Raises `StartError` where another
        pace would turn it back.
        """
        now = since + (self.source.wall_since(self.settings.anchor) - since) * self.scale
        if now < before and self._state.scale == self.scale:
            return before  # the wall clock was set back
        if now < before:
            raise StartError(
                f"site time would go back by {before - now:,.0f} s: this data was made at --time "
                f"x{self._state.scale:g}; "
                f"keep that, or begin anew with empty data and an empty --common"
            )
        return now

    def _note_time(self) -> None:
        """Remember what time it is, now and every `BEAT_S`. A full disk is no reason to stop: the
        next beat tries again.
        """
        noted = self._state.anchor
        boot = self.source.boot() if noted is None else noted.boot
        anchor = Anchor(self.source.wall(), self.source.steady(), boot)
        self._state.wall, self._state.site, self._state.anchor = (
            anchor.wall,
            self.clock.now(),
            anchor,
        )
        is_first, loop = self._beat is None, asyncio.get_running_loop()
        self._beat = loop.call_later(BEAT_S, self._note_time)
        try:
            (write_state if is_first else note_state)(self.data / STATE, self._state)
        except ConfigError:
            if is_first:
                raise

    def _write(self, record: Record) -> None:
        self.records.put_off(record)
        if self._flusher is None:
            self._flusher = asyncio.get_running_loop().call_later(FLUSH_S, self._flush)

    def _flush(self) -> None:
        self._flusher = None
        self.records.flush()
        if self.records.loss and not self._has_told_loss:
            self._has_told_loss = True
            process_log.tell(logging.ERROR, "records", self.records.loss)


def _pace(scale: float) -> str:
    return "real time" if scale == 1.0 else f"x{scale:g}"


def prepare(settings: RuntimeSettings, source: TimeSource = MACHINE) -> Runtime:
    """Take the data directory, count the start, and find or make the secret; returns what the
    process stands on. Raises `StartError` or `ConfigError`.
    """
    data = settings.data
    away = [listen.host for listen in settings.listens if not is_loopback(listen.host)]
    if settings.secret is None and away:
        raise ConfigError(
            f"refusing to listen on {away[0]} without a configured secret: give --secret-file or "
            "DESPOOLR_SECRET, "
            "or listen on 127.0.0.1"
        )
    if data.exists() and not data.is_dir():
        raise StartError(f"the data directory {data} is a file; choose another --data")
    try:
        make_directory(data)
        tightened = tighten(data)
        lock = _take(data)
    except OSError as error:
        raise StartError(
            f"cannot write the data directory {data}: {error.strerror or error}; choose "
            "another --data"
        ) from None
    try:
        return _prepared(settings, lock, source, tightened)
    except BaseException:
        lock.close()
        raise


def _prepared(
    settings: RuntimeSettings, lock: IO[str], source: TimeSource, tightened: list[str]
) -> Runtime:
    data, secret = settings.data, settings.secret
    secret_file, has_made = data / "secret", False
    state = _read_state(data / STATE)
    _check_count(state, data)
    if secret is None:
        has_made = not secret_file.exists()
        secret = make_secret(secret_file) if has_made else read_secret(secret_file)
    auth = Auth(secret)
    token = auth.issue(ADMINISTRATOR, "Administrator", Role.ADMIN)
    token_file = data / "admin.token"
    write_private(token_file, token.encode() + b"\n")
    return Runtime(
        settings=settings,
        secret_file=secret_file if settings.secret is None else None,
        has_made_secret=has_made,
        starts=state.starts + 1,
        auth=auth,
        token=token,
        token_file=token_file,
        records=RecordFile(data / RECORDS, size_max=RECORDS_SIZE_MAX),
        changes=tightened,
        source=source,
        _state=state,
        _lock=lock,
    )


def _take(data: Path) -> IO[str]:
    """Lock the directory for this process's life; the kernel lets go of it however the process
    ends. Raises `StartError`.
    """
    file = data / "lock"
    try:
        lock = open(file, "a+", encoding="ascii", opener=opener)  # noqa: SIM115 - held for the process's life
    except OSError as error:
        raise StartError(
            f"cannot write {file}: {error.strerror}; correct that, or choose another --data"
        ) from None
    try:
        import fcntl  # noqa: PLC0415 - there is none on Windows

        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # Windows: two processes are not kept apart
        return lock
    except OSError:
        lock.seek(0)
        owner = lock.read().strip() or "another process"
        lock.close()
        raise StartError(
            f"{data} is in use by {owner}; give this server a --data of its own"
        ) from None
    lock.truncate(0)
    lock.write(f"process {os.getpid()}")
    lock.flush()
    return lock


def _read_state(file: Path) -> State:
    try:
        return read_state(file)
    except OSError as error:
        raise StartError(f"cannot read {file}: {error.strerror}") from None
    except DamagedState as error:
        raise StartError(
            f"{file} is damaged ({error}); restore the directory, or move the file and the records "
            "beside it away (site time and ids start anew then)"
        ) from None


def _check_count(state: State, data: Path) -> None:
    """Whether this start's ids can be told from those in the records. Raises `StartError`."""
    if state.starts:
        return
    for file in (data / RECORDS, data / RECORDS_BEFORE):
        try:
            size = file.stat().st_size
        except OSError:  # none; or one that is told of when it is opened
            continue
        if size:
            raise StartError(
                f"{data / 'state.json'} is gone, and {file.name} beside it tells of earlier "
                "starts, whose ids would be given again: put it back, or move the records away, too"
            )


def _last_at(data: Path) -> float:
    """Site time of the last record in a data directory; 0.0 if there is none."""
    for name in (RECORDS, RECORDS_BEFORE):
        at = 0.0
        for record in _tail(data / name, LAST_SIZE_MAX):
            at = max(at, record.at if record.at <= MOMENT_MAX else 0.0)
        if at:
            return at
    return 0.0


def _tail(path: Path, size_max: int = HISTORY_SIZE_MAX) -> Iterator[Record]:
    """The records at the end of a file, at most `size_max` bytes of them. Raises `StartError`."""
    try:
        with open(path, "rb", opener=opener) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - size_max))
            if size > size_max:
                file.readline()
            for line in file:
                try:
                    yield decode(line)
                except msgspec.MsgspecError:
                    continue
    except FileNotFoundError:
        return
    except OSError as error:
        raise StartError(f"cannot read {path}: {error.strerror}") from None
