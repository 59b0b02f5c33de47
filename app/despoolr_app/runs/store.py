"""All runs that are kept in a directory: what they came to, what they take, and their end.

The law: only what is a run is touched, one directory at a time: it is renamed out of sight first,
so a removal that was killed leaves a hidden directory, which the next one takes along. What may
still be written to is left alone: a run that did not end, and was written to a moment ago. `latest`
points at the newest that is there.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from despoolr_app.runs.directory import (
    LATEST,
    RECORDS,
    RUN_NAME,
    SUMMARY,
    FinishedRun,
    RunError,
    latest,
    no_such_run,
    point_latest,
)

RUNS_MAX: Final = 100_000
"""Entries of a directory that are looked at; more are an error."""
WRITTEN_S: Final = 60.0
"""A run without an end whose files changed less than so many seconds ago may still go on."""
_GOING: Final = ".removed-"
_GOING_NAME: Final = re.compile(r"\.removed-[0-9a-f]{16}")


class KeptRun(msgspec.Struct, frozen=True):
    """A run: `kind` is `scenario`, `load`, `soak`, `import` ...; `state` is `passed`, `failed`,
    `interrupted`, `not ended` or `imported`; `at` is when it was last written to, in seconds since
    1970; `size` in bytes.
    """

    name: str
    kind: str
    state: str
    at: float
    size: int
    seed: int | None
    scenario: str
    version: str
    verdict: str
    digest: str


class RunStore:
    """The runs of `root`. Removals ask for `now`, in seconds since 1970."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def runs(self) -> list[KeptRun]:
        """All, the newest first. Raises `RunError` where they cannot be listed."""
        return sorted(
            map(_told, self._directories()), key=lambda run: (run.at, run.name), reverse=True
        )

    def find(self, text: str) -> KeptRun:
        """One by its name, or `latest`. Raises `RunError`."""
        name = latest(self.root).name if text == LATEST else text
        if not _is_run(self.root, name):
            raise no_such_run(text, self.root)
        return _told(self.root / name)

    def remove(self, names: list[str], now: float) -> None:
        """Remove runs by their names; all of them can go, or none goes. Raises `RunError`."""
        paths = [self._removable(name, now) for name in names]
        for path in paths:
            self._remove(path)
        self.sweep()

    def old(self, keep: int, now: float) -> tuple[list[KeptRun], list[KeptRun]]:
        """The runs beyond the `keep` newest: those that can be removed, and those that may still
        go on. Raises `RunError`.
        """
        beyond = self.runs()[keep:]
        going = [run for run in beyond if _may_go_on(run, now)]
        return [run for run in beyond if run not in going], going

    def sweep(self) -> None:
        """Finish removals that were cut off. Raises `RunError`."""
        try:
            for path in self.root.glob(f"{_GOING}*"):
                if _GOING_NAME.fullmatch(path.name) and _is_directory(path):
                    shutil.rmtree(path)
        except OSError as error:
            raise RunError(f"cannot remove {error.filename}: {error.strerror}") from None

    def _removable(self, name: str, now: float) -> Path:
        path = self.root / name
        if not _is_run(self.root, name):
            raise RunError(f"there is no run {name!r} in {self.root}; nothing was removed")
        if _may_go_on(_told(path), now):
            raise RunError(
                f"{path} did not end and was written to less than {WRITTEN_S:.0f} s ago: it may "
                "still go on; stop it first, or wait; nothing was removed"
            )
        return path

    def _remove(self, path: Path) -> None:
        try:
            path.rename(hidden := self.root / f"{_GOING}{secrets.token_hex(8)}")
            self._point_at_newest(path.name)
            shutil.rmtree(hidden)
        except OSError as error:
            raise RunError(f"cannot remove {path}: {error.strerror}") from None

    def _point_at_newest(self, gone: str) -> None:
        pointer = self.root / LATEST
        if pointer.is_symlink():
            named = pointer.readlink().name
        else:
            named = pointer.read_text("utf-8").strip() if pointer.is_file() else ""
        if named != gone:
            return
        if left := self.runs():
            point_latest(self.root / left[0].name)
        else:
            pointer.unlink()

    def _directories(self) -> Iterator[Path]:
        try:
            for number, path in enumerate(self.root.iterdir()):
                if number >= RUNS_MAX:
                    raise RunError(
                        f"{self.root} has more than {RUNS_MAX:,} entries; does it hold runs?"
                    )
                if _is_run(self.root, path.name):
                    yield path
        except FileNotFoundError:
            return
        except OSError as error:
            raise RunError(f"cannot read {self.root}: {error.strerror}") from None


def _is_run(root: Path, name: str) -> bool:
    """Whether it has a run's name, and what a run has: records, or (a load) its summary."""
    path = root / name
    if not (RUN_NAME.fullmatch(name) and _is_directory(path)):
        return False
    return any((path / file).is_file() for file in (RECORDS, SUMMARY))


def _is_directory(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _may_go_on(run: KeptRun, now: float) -> bool:
    return run.state == "not ended" and now - run.at < WRITTEN_S


def _told(path: Path) -> KeptRun:
    summary = FinishedRun(path).summary
    size, at = _measured(path)
    told: dict[str, Any] = summary or {}
    seed = told.get("seed")
    kind = _text(told, "kind") or ("soak" if "resources" in told else "scenario")
    return KeptRun(
        name=path.name,
        kind=kind,
        state="imported" if kind == "import" else _state(summary),
        at=at,
        size=size,
        seed=seed if isinstance(seed, int) else None,
        scenario=_text(told, "kb") or _text(told, "scenario") or _text(told, "name"),
        version=_text(told, "version"),
        verdict=_text(told, "verdict"),
        digest=_text(told, "digest"),
    )


def _state(summary: dict[str, Any] | None) -> str:
    if summary is None:
        return "not ended"
    if summary.get("interrupted"):
        return "interrupted"
    return "passed" if summary.get("passed") is True else "failed"


def _text(summary: dict[str, Any], key: str) -> str:
    found = summary.get(key)
    return found if isinstance(found, str) else ""


def _measured(path: Path) -> tuple[int, float]:
    """Bytes of all files, and when the last of them changed."""
    size, at = 0, 0.0
    for directory, _, names in os.walk(path):
        for name in names:
            try:
                status = Path(directory, name).lstat()
            except OSError:
                continue  # it went meanwhile
            size += status.st_size
            at = max(at, status.st_mtime)
    return size, at
