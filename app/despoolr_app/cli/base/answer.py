"""What every command prints with `--json`: one envelope around its answer, or around the reason why
there is none.

The law: `command` is the command's name, `source` says who was asked (servers, a run, empty for
what Despoolr knows by itself), `site_time` is the moment the answer is about, in ISO 8601 and in
seconds since 1970, null where it is about none; `data` is the command's own. An answer has `data`,
a failure has `error`, never both. `despoolr schema answer` says the same to programs, and what
`data` is.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta


class SiteTime(msgspec.Struct, frozen=True):
    """A moment of site time. Sites have no zone, so the ISO form has none either."""

    iso: Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.]\d{3}$")]
    seconds: Annotated[float, Meta(description="Seconds since 1970")]


Command = Annotated[str, Meta(description="The command, without `despoolr`")]
Asked = Annotated[
    str,
    Meta(
        description="Who was asked: URLs of servers, a run's directory; empty for what Despoolr "
        "knows by itself"
    ),
]
Notes = Annotated[list[str], Meta(description="What was not as it should be while answering")]


class Answered(msgspec.Struct, frozen=True):
    """What a command came to. `site_time` is the moment that the answer is about."""

    command: Command
    source: Asked
    site_time: SiteTime | None
    notes: Notes
    data: Any


class Reason(msgspec.Struct, frozen=True):
    """Why a command has no answer: the line that stands on standard error, and the exit code."""

    message: Annotated[str, Meta(min_length=1)]
    exit_code: Annotated[int, Meta(ge=1)]


class Failed(msgspec.Struct, frozen=True):
    """What a command prints that has no answer."""

    command: Command
    source: Asked
    site_time: SiteTime | None
    notes: Notes
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
