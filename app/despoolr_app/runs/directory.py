"""Where a run is kept: `runs/<utc>-<scenario>-seed<N>/` with `records.jsonl`, `summary.json`, and
`runs/latest` beside it.

The law: `records.jsonl` is append-only and the one truth about the run; whatever is told of it
later is read from there. A writer never raises into the run (a full disk is counted and said at the
end), uses no thread and no `fsync`, so it serves virtual time too. A reader is bounded, takes a
last line that was cut off (the process was killed) for what it is, and says of a run that did not
end that it did not: what is missing from it is no answer.
"""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

import msgspec

from despoolr_app.disk.plain_file import opener, read_plain
from despoolr_app.disk.privacy import DIRECTORY, make_directory
from despoolr_core.phrases import counted
from despoolr_core.records.kinds.run import RunEnded
from despoolr_core.records.stream import ForeignRecord, Record, decode, encode, encode_all
from despoolr_core.rules.plain_json import read_json
from despoolr_core.suggest import hint, nearest

RECORDS: Final = "records.jsonl"
RECORDS_BEFORE: Final = "records.1.jsonl"
"""What a capped `records.jsonl` is renamed to when it is full."""
SUMMARY: Final = "summary.json"
STATE: Final = "state.json"
"""What a server keeps beside its records: it has no end, so none is missing."""
LATEST: Final = "latest"
NOT_ENDED: Final = (
    "this run did not end: it was killed, or goes on still. What it had not written yet is "
    "missing here; run it again for the whole"
)
NOT_BEGUN: Final = (
    "this run did not end, and nothing of it was recorded: it was killed soon after it began, or "
    "has only just begun; run it again"
)
NOTHING: Final = "there are no records to tell of"
LINE_SIZE_MAX: Final = 1024 * 1024
RECORDS_MAX: Final = 10_000_000
"""Records a reader takes from one run."""
TOGETHER_MAX: Final = 1024
"""Records that wait to be written together."""
_BUFFER: Final = 256 * 1024
RUN_NAME: Final = re.compile(r"\d{8}T\d{6}Z-[A-Za-z0-9._-]+")
"""The names that `new_directory` gives, with a seed and without."""
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")


class RunError(ValueError):
    """There is no such run, or it cannot be read or written; the message says what to do."""


class RecordFile:
    """Appends records to a file, buffered: a listener for a `Recorder`.

    With `size_max` (bytes) a full file becomes `records.1.jsonl`, whose predecessor goes, and a
    new one begins; so at most twice that is kept. What cannot be written is counted in
    `lost_count`; `failure` says why.
    """

    def __init__(self, path: Path, *, size_max: int = 0) -> None:
        """Raises `RunError` if the file cannot be made."""
        self.path = path
        self.size_max = size_max
        self.lost_count = 0
        self.rotation_count = 0
        """How often a full file became the one before."""
        self.failure = ""
        self._file: BinaryIO | None = None
        self._size = 0
        self._waiting: list[Record] = []
        try:
            self._open()
        except OSError as error:
            raise RunError(f"cannot write {path}: {error.strerror}") from None

    def __call__(self, record: Record) -> None:
        """Append one record."""
        try:
            line = encode(record)
        except UnicodeEncodeError as error:
            self._lose(record, error)
        else:
            self._append(line + b"\n", 1)

    def put_off(self, record: Record) -> None:
        """Append one record with those that come until `flush`: for whoever flushes soon anyway,
        and does not ask which part it is in. It costs a third.
        """
        self._waiting.append(record)
        if len(self._waiting) >= TOGETHER_MAX:
            self._append_waiting()

    def flush(self) -> None:
        """Hand what is buffered to the operating system."""
        self._append_waiting()
        if self._file is not None:
            try:
                self._file.flush()
            except OSError as error:
                self._fail(error)

    def close(self) -> None:
        """Flush and let go of the file."""
        self._append_waiting()
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError as error:
                self._fail(error)

    @property
    def loss(self) -> str:
        """What could not be written, in one sentence; empty if nothing was lost."""
        if not self.lost_count:
            return ""
        lost = counted(self.lost_count, "record")
        return f"{lost} could not be written to {self.path}: {self.failure}"

    def _append_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        lines = encode_all(waiting, self._lose)
        if len(lines) > _BUFFER:  # a write that fails takes a part of so many, and ends in a line
            for line in lines.splitlines(keepends=True):
                self._append(line, 1)
        elif lines:
            self._append(lines, lines.count(b"\n"))

    def _append(self, lines: bytes, count: int) -> None:
        try:
            if self._file is None:
                self._open()
            assert self._file is not None
            self._file.write(lines)
            self._size += len(lines)
            if self.size_max and self._size >= self.size_max:
                self._rotate()
        except OSError as error:
            self._fail(error, count)

    def _open(self) -> None:
        _end_cut_line(self.path)
        self._file = open(self.path, "ab", buffering=_BUFFER, opener=opener)  # noqa: SIM115 - until `close`
        self._size = self._file.tell()

    def _rotate(self) -> None:
        self.close()
        self.path.replace(self.path.with_name(RECORDS_BEFORE))
        self.rotation_count += 1
        self._open()

    def _lose(self, record: Record, error: UnicodeEncodeError) -> None:
        """Count one of which no line can be made: the others of its batch are written."""
        self.lost_count += 1
        self.failure = (
            f"{record.kind} (record {record.seq}) has half a surrogate pair, {error.object[:40]!r}"
        )

    def _fail(self, error: OSError, count: int = 1) -> None:
        self.lost_count += count
        self.failure = error.strerror or type(error).__name__


class RunDirectory:
    """One run being written. `with RunDirectory.create(...) as run:` closes it; what was written
    stays. Raises `RunError`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.listener = RecordFile(path / RECORDS)

    @classmethod
    def create(
        cls, root: Path, stamp: str, scenario: str, seed: int | None, *, is_latest: bool = True
    ) -> RunDirectory:
        """Make `root/<stamp>-<scenario>-seed<N>` (`new_directory`) and open its records. Raises
        `RunError`.
        """
        return cls(new_directory(root, stamp, scenario, seed, is_latest=is_latest))

    def make_latest(self) -> None:
        """Point `latest` at it. Raises `RunError`."""
        point_latest(self.path)

    def discard(self) -> None:
        """Remove it, with whatever was written: nothing became of it."""
        self.close()
        shutil.rmtree(self.path, ignore_errors=True)

    def write_summary(self, summary: Any) -> None:
        """Atomically write `summary.json`. Raises `RunError`."""
        self.listener.flush()
        write_whole(
            self.path / SUMMARY, msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n"
        )

    @property
    def notes(self) -> list[str]:
        """What the user should know about the writing: records that were lost."""
        loss = self.listener.loss
        return [loss] if loss else []

    def close(self) -> None:
        """Close the records file; nothing can be recorded afterwards."""
        self.listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class FinishedRun:
    """A run to be read: `records()` streams what happened, each iteration over the run does so
    anew; `notes` says, after that, what was not as it should be.
    """

    def __init__(self, path: Path, *, records_max: int = RECORDS_MAX) -> None:
        self.path = path
        self.records_max = records_max
        self.notes: list[str] = []

    @property
    def summary(self) -> dict[str, Any] | None:
        """`summary.json`, or None for a run that did not come to an end (or a server's data
        directory).
        """
        try:
            summary = read_json(read_plain(self.path / SUMMARY), object)
        except (OSError, msgspec.DecodeError):
            return None
        return summary if isinstance(summary, dict) else None

    @property
    def _is_complete(self) -> bool:
        """Whether the directory says so itself: a run that was counted, or a server's data."""
        return any((self.path / name).exists() for name in (SUMMARY, STATE))

    def __iter__(self) -> Iterator[Record]:
        return self.records()

    def records(self) -> Iterator[Record]:
        """Every record in order. Lines that are no records are skipped and counted in `notes`,
        which also say so of a run that did not end. Raises `RunError`, too where there is none.
        """
        self.notes = []
        read = damaged = 0
        is_last_damaged = False
        has_ended = False
        for name in (RECORDS_BEFORE, RECORDS):
            for line in _lines(self.path / name, is_needed=name == RECORDS):
                if read >= self.records_max:
                    self.notes.append(f"only the first {self.records_max:,} records were read")
                    return
                try:
                    record = decode(line)
                except ForeignRecord as error:
                    raise RunError(
                        f"{self.path}: its records are not as this version writes them ({error})"
                    ) from None
                except msgspec.MsgspecError:
                    damaged += 1
                    is_last_damaged = True
                    continue
                is_last_damaged = False
                read += 1
                has_ended = isinstance(record.data, RunEnded)
                yield record
        has_ended = has_ended or self._is_complete
        if not read:
            raise RunError(f"{self.path}: {NOTHING if has_ended else NOT_BEGUN}")
        if not has_ended:
            self.notes.append(NOT_ENDED)
        if is_last_damaged:
            self.notes.append(
                "the last line is cut off: the process that wrote it was killed; everything "
                "before it counts"
            )
            damaged -= 1
        if damaged:
            self.notes.append(
                f"{damaged:,} {'line that is' if damaged == 1 else 'lines that are'} no "
                "record: skipped"
            )


def new_directory(
    root: Path, stamp: str, what: str, seed: int | None, *, is_latest: bool = True
) -> Path:
    """Make `root/<stamp>-<what>-seed<N>` and point `root/latest` at it, unless not `is_latest`
    (`seed` None: of what has none, and without it). Raises `RunError`.

    `stamp` is `utc_stamp(...)` of the moment. Two runs of one second get names that differ.
    """
    name = f"{stamp}-{_UNSAFE.sub('-', what).strip('-.')[:100] or 'run'}"
    name += "" if seed is None else f"-seed{seed}"
    try:
        make_directory(root)
        path = _fresh(root, name)
    except OSError as error:
        raise _unwritable(root, error) from None
    if is_latest:
        point_latest(path)
    return path


def point_latest(run: Path) -> None:
    """Point `latest`, beside a run, at it. Raises `RunError`."""
    try:
        _point(run.parent / LATEST, run)
    except OSError as error:
        raise _unwritable(run.parent, error) from None


def check_root(root: Path) -> None:
    """Whether runs can be kept in `root`, before something long begins. Raises `RunError`."""
    try:
        make_directory(root)
        probe = _beside(root / "probe")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise _unwritable(root, error) from None


def write_whole(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Atomically write a file of a run, from pieces as they come. Raises `RunError`."""
    temporary = _beside(path)
    try:
        with open(temporary, "wb", opener=opener) as file:
            file.writelines([data] if isinstance(data, bytes) else data)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):  # it cannot even be looked for there
            temporary.unlink(missing_ok=True)
        raise RunError(f"cannot write {path}: {error.strerror}") from None
    except BaseException:  # the pieces ended in their middle
        temporary.unlink(missing_ok=True)
        raise


def utc_stamp(at: float) -> str:
    """A moment (seconds since 1970) as it stands in a run's name: `19960603T080000Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")


def load_run(path: Path) -> FinishedRun:
    """A run by its directory (or the `records.jsonl` in it). Raises `RunError`."""
    directory = path.parent if path.name == RECORDS else path
    if not (directory / RECORDS).is_file():
        raise RunError(f"{path} is not a run: it has no {RECORDS}")
    return FinishedRun(directory)


def latest(root: Path) -> Path:
    """The directory `root/latest` points at, be it a link or a text file. Raises `RunError`."""
    pointer = root / LATEST
    try:
        is_link = pointer.is_symlink() or pointer.is_dir()
        target = pointer.resolve() if is_link else root / read_plain(pointer).decode().strip()
    except OSError:
        raise RunError(
            f"there is no finished run in {root}; make one with `despoolr run` or `despoolr kb run`"
        ) from None
    if not target.is_dir():
        raise RunError(
            f"{pointer} points at {target.name}, which is gone; name another run of {root}"
        )
    return target


def find_run(text: str, root: Path) -> FinishedRun:
    """A run as a user names it: `latest`, a directory, or the name of one in `root`. Raises
    `RunError`.
    """
    if text == LATEST:
        return load_run(latest(root))
    for path in (Path(text), root / text):
        with suppress(OSError):  # a text that can be no file's name, or lies where we may not look
            if path.exists():
                return load_run(path)
    raise no_such_run(text, root)


def no_such_run(text: str, root: Path) -> RunError:
    """What is said of a name that is no run's: with the nearest, or the newest."""
    names = sorted(
        (p.name for p in root.glob("*") if RUN_NAME.fullmatch(p.name) and p.is_dir()), reverse=True
    )
    if (near := nearest(text, [LATEST, *names])) is not None:
        return RunError(f"there is no run {text!r}{hint(near)}")
    there_are = (
        f"; the newest in {root} are {', '.join(names[:3])}"
        if names
        else f"; there are no runs in {root}"
    )
    return RunError(f"there is no run {text!r}{there_are}")


def _unwritable(root: Path, error: OSError) -> RunError:
    return RunError(
        f"cannot write runs to {root}: {error.strerror}; choose another place with --out"
    )


# -- files


def _fresh(root: Path, name: str) -> Path:
    for number in range(1, 1000):
        path = root / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir(mode=DIRECTORY)
        except FileExistsError:
            continue
        return path
    raise FileExistsError(17, "a thousand runs of the same second", name)


def _point(pointer: Path, target: Path) -> None:
    temporary = _beside(pointer)
    try:
        try:
            temporary.symlink_to(target.name, target_is_directory=True)
        except (OSError, NotImplementedError):
            temporary.write_text(target.name + "\n", "utf-8")
        temporary.replace(pointer)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _beside(path: Path) -> Path:
    """A name for what becomes `path`, nobody else's: runs begin and end beside each other, in
    containers with the same pids.
    """
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")


def _lines(path: Path, *, is_needed: bool) -> Iterator[bytes]:
    try:
        with open(path, "rb", opener=opener) as file:
            while line := file.readline(LINE_SIZE_MAX):
                yield line
    except FileNotFoundError:
        if is_needed:
            raise RunError(f"{path} is gone") from None
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}") from None


def _end_cut_line(path: Path) -> None:
    """A killed process may have left half a line: end it, so that the next record begins its
    own.
    """
    try:
        with open(path, "r+b", opener=opener) as file:
            if file.seek(0, 2) and file.seek(-1, 2) >= 0 and file.read(1) != b"\n":
                file.write(b"\n")
    except FileNotFoundError:
        pass
