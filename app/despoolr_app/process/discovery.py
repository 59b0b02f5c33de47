"""Which servers run here: a small file that `serve` and `demo` write, and the commands that ask
read.

The law: a server is listed from when it answers until it stops cleanly; one that was killed is
dropped by the next reader, because its process is gone. The file names addresses and where the
token lies, not the token, and only its owner can read it. Several processes started in one
directory share `.despoolr/servers.json`; a lock keeps them from losing each other.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from despoolr_app.disk.plain_file import opener, read_plain
from despoolr_app.process.private_file import write_private
from despoolr_app.process.settings import ConfigError
from despoolr_core.rules.plain_json import read_json

DIRECTORY: Final = ".despoolr"
FILE: Final = "servers.json"
WATCH: Final = "watch"
"""The role of what only watches: it answers the live page's call and no other."""
LISTED_MAX: Final = 1000
"""Servers one file lists; the oldest leave first."""


class RunningServer(msgspec.Struct, frozen=True, omit_defaults=True):
    """One server that answers. `role` is `site`, `logon` or `watch` (the page of a share that is
    watched); `token_file` holds an administrator's token.
    """

    name: str
    role: str
    url: str
    token_file: str
    pid: int
    site: str = ""
    data: str = ""


class _Listed(msgspec.Struct):
    servers: list[RunningServer] = []


def publish(servers: Iterable[RunningServer], directory: Path, data: Path | None = None) -> None:
    """List servers in `directory/.despoolr/servers.json` (and, only them, in `data/servers.json`).
    Raises `ConfigError`.
    """
    new = list(servers)
    with _changing(directory) as listed:
        taken = {(s.name, s.url) for s in new}
        listed.servers = ([s for s in listed.servers if (s.name, s.url) not in taken] + new)[
            -LISTED_MAX:
        ]
    if data is not None:
        write_private(
            data / FILE, msgspec.json.format(msgspec.json.encode(_Listed(new)), indent=2) + b"\n"
        )


def withdraw(pid: int, directory: Path, data: Path | None = None) -> None:
    """Take a process's servers off the list: a clean stop. A list that is gone, or cannot be
    written, is fine.
    """
    if data is not None:
        (data / FILE).unlink(missing_ok=True)
    if not (directory / DIRECTORY / FILE).exists():
        return
    try:
        with _changing(directory) as listed:
            listed.servers = [s for s in listed.servers if s.pid != pid]
    except ConfigError:
        return


def running(directory: Path) -> list[RunningServer]:
    """The servers that run, as listed in `directory`: sites first. Those whose process is gone are
    left out, and those that only watch.

    Raises `ConfigError`.
    """
    return sorted(
        (s for s in _living(directory) if s.role != WATCH), key=lambda s: (s.role != "site", s.name)
    )


def watches(directory: Path) -> list[RunningServer]:
    """The pages of shares that are watched from `directory`, the newest first. Raises
    `ConfigError`.
    """
    return [s for s in reversed(_living(directory)) if s.role == WATCH]


def _living(directory: Path) -> list[RunningServer]:
    return [s for s in _read(directory / DIRECTORY / FILE).servers if _is_alive(s.pid)]


@contextmanager
def _changing(directory: Path) -> Iterator[_Listed]:
    """Read, change, write, with no other process in between; dead servers are dropped on the
    way.
    """
    file = directory / DIRECTORY / FILE
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = open(file.parent / "lock", "w", encoding="ascii", opener=opener)  # noqa: SIM115 - below
    except OSError as error:
        raise ConfigError(
            f"cannot write {file}: {error.strerror}; run in a directory that can be written"
        ) from None
    with lock:
        _lock(lock.fileno())
        listed = _read(file)
        listed.servers = [s for s in listed.servers if _is_alive(s.pid)]
        yield listed
        if listed.servers:
            write_private(file, msgspec.json.format(msgspec.json.encode(listed), indent=2) + b"\n")
        else:
            file.unlink(missing_ok=True)


def _read(file: Path) -> _Listed:
    """The list; nothing where there is none. Raises `ConfigError` for one that is damaged: it may
    list others' servers.
    """
    try:
        return read_json(read_plain(file), _Listed)
    except OSError:
        return _Listed()
    except msgspec.MsgspecError as error:
        raise ConfigError(
            f"{file} is damaged ({error}); move it away, and start again the servers it listed"
        ) from None


def _lock(descriptor: int) -> None:
    try:
        import fcntl  # noqa: PLC0415 - there is none on Windows
    except ImportError:  # Windows: the last writer wins
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def _is_alive(pid: int) -> bool:
    if sys.platform == "win32":  # where signal 0 is Ctrl-C, and no server of ours can run
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
