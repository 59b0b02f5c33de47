"""What every command prints with `--json`: one envelope around its answer, or around the reason why
there is none.

The law: `source` says who was asked (servers, a run, empty for what Despoolr knows by itself),
`site_time` is the moment the answer is about, in ISO 8601 and in seconds since 1970, null where it
is about none; `data` is the command's own. An answer has `data`, a failure has `error`, never both.
`answer.schema.json` beside this module says the same to programs.
"""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import msgspec


class SiteTime(msgspec.Struct, frozen=True):
    """A moment of site time. Sites have no zone, so the ISO form has none either."""

    iso: str
    seconds: float


class Answered(msgspec.Struct, frozen=True):
    """What a command came to."""

    source: str
    site_time: SiteTime | None
    notes: list[str]
    data: Any


class Reason(msgspec.Struct, frozen=True):
    """Why a command has no answer: the line that stands on standard error, and the exit code."""

    message: str
    exit_code: int


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """What a command prints that has no answer."""

    source: str = ""
    site_time: SiteTime | None = None
    notes: list[str] = []
    error: Reason


def site_time(at: float | None) -> SiteTime | None:
    """A moment in both forms; None for none, and for what is no moment of a calendar."""
    if at is None:
        return None
    try:
        moment = datetime.fromtimestamp(at, UTC).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        return None
    return SiteTime(moment.isoformat(timespec="milliseconds"), at)


def schema() -> dict[str, Any]:
    """The JSON Schema of the envelope, as it ships."""
    text = files("despoolr_app.cli").joinpath("answer.schema.json").read_bytes()
    return dict(msgspec.json.decode(text))
