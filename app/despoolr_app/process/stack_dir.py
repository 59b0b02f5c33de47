"""The directory all processes of a stack have in common: its secrets, and the moment its time is
counted from.

The law: whoever comes first makes what is not there yet, whole, and everyone reads the same;
nothing in it ever changes afterwards. So no process has to start before another, and one that
starts again finds the time where its neighbours are.

| File | Holds | Read by |
| --- | --- | --- |
| `secret` | what signs every token | servers, clients (0600) |
| `database.password` | of a site database on PostgreSQL | site server, PostgreSQL (0600) |
| `metrics.token` | a client's token, for `/metrics` | Prometheus (0644) |
| `since` | seconds since 1970 (UTC): site time is counted from there | servers (0644) |
| `moment` | one moment by a machine's wall clock and its steady clock (JSON) | servers (0644) |
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from despoolr_app.clocks.time_source import Anchor, parse_anchor
from despoolr_app.disk.plain_file import read_plain
from despoolr_app.process.private_file import read_secret
from despoolr_app.process.settings import ConfigError
from despoolr_core.share.modes import Role
from despoolr_server.http.base.auth import Auth

SECRET: Final = "secret"
PASSWORD: Final = "database.password"
METRICS_TOKEN: Final = "metrics.token"
SINCE: Final = "since"
MOMENT: Final = "moment"
WATCHER: Final = "PROMETHEUS"
"""The machine that the token for metrics names; it may look, and do no more than any client."""


@dataclass(frozen=True, slots=True)
class Common:
    """What is in it. `since`: seconds since 1970."""

    secret: bytes
    password: str
    since: float
    anchor: Anchor | None = None
    """A moment by the steady clock of the machine whose process came first: it holds on that
    machine until that restarts.
    """


def open_common(directory: Path, now: float, anchor: Anchor | None = None) -> Common:
    """Read the directory, making what is missing; `now` and `anchor` are this machine's time.
    Raises `ConfigError`.
    """
    try:
        if not directory.is_dir():
            directory.mkdir(mode=0o711, parents=True, exist_ok=True)
            directory.chmod(0o711)  # Prometheus reads its token there, whatever our umask
        _make(directory / SECRET, secrets.token_urlsafe(32), 0o600)
        _make(directory / PASSWORD, secrets.token_urlsafe(24), 0o600)
        _make(directory / SINCE, repr(now), 0o644)
        if anchor is not None:
            _make(directory / MOMENT, msgspec.json.encode(anchor).decode(), 0o644)
    except OSError as error:
        raise ConfigError(
            f"cannot write {directory}: {error.strerror}; give a --common that this process "
            "can write"
        ) from None
    secret = read_secret(directory / SECRET)
    token = Auth(secret).issue(WATCHER, "", Role.CLIENT)
    try:
        _make(directory / METRICS_TOKEN, token, 0o644)
        since = float(_text(directory / SINCE))
        return Common(secret, _text(directory / PASSWORD), since, _anchor(directory / MOMENT))
    except OSError as error:
        raise ConfigError(f"cannot read {error.filename or directory}: {error.strerror}") from None
    except ValueError:
        raise ConfigError(
            f"{directory / SINCE} is damaged; write the seconds since 1970 that site time began at"
        ) from None


def common_secret(directory: Path) -> bytes:
    """The secret somebody else made. Raises `ConfigError`."""
    return read_secret(directory / SECRET)


def _make(file: Path, text: str, mode: int) -> None:
    """Write a file unless it is there: a link of a whole file under its name, which only one
    process gets to make.
    """
    if file.exists():
        return
    temporary = file.with_name(f"{file.name}.{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as out:
            out.write(text + "\n")
            out.flush()
            os.fchmod(out.fileno(), mode)
            os.fsync(out.fileno())
        try:
            os.link(temporary, file)
        except FileExistsError:
            pass  # a neighbour was faster; what it wrote counts
    finally:
        temporary.unlink(missing_ok=True)


def _anchor(file: Path) -> Anchor | None:
    try:
        return parse_anchor(read_plain(file))
    except FileNotFoundError:
        return None


def _text(file: Path) -> str:
    return read_plain(file).decode("ascii").strip()
