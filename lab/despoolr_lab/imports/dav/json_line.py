"""A line of an access log that is an object of JSON, as Caddy and Traefik write it, and nginx with
a `log_format` of its own.

The law: what a server calls a thing is a name of a table here; an object in an object counts by the
names in it. What has no method, address, status and time by such names is no request.

Sources: Caddy's and Traefik's pages of access logs, nginx' variables.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import msgspec

DEPTH_MAX: Final = 4
"""Objects in each other."""
NAMES: Final = {
    "at": ("ts", "StartUTC", "time_iso8601", "time_local", "msec", "@timestamp", "time"),
    "method": ("method", "RequestMethod", "request_method"),
    "uri": ("uri", "RequestPath", "request_uri", "url", "path"),
    "status": ("status", "DownstreamStatus"),
    "client": ("client_ip", "remote_ip", "ClientHost", "remote_addr", "ClientAddr"),
    "user": ("user_id", "ClientUsername", "remote_user"),
    "agent": ("User-Agent", "request_User-Agent", "http_user_agent", "user_agent"),
}
"""What servers call the parts of a request; the first that is there counts."""
_DECODER: Final = msgspec.json.Decoder(dict[str, Any])


def parts_of(line: str) -> dict[str, str] | None:
    """The parts of a request by the names of `NAMES`; None for any other line."""
    try:
        found = _DECODER.decode(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    flat: dict[str, str] = {}
    _collect(found, flat, 0)
    method, _, rest = flat.get("request", "").partition(" ")
    if rest:  # nginx' "$request": the line that was asked with
        flat.setdefault("method", method)
        flat.setdefault("uri", rest.rpartition(" ")[0] or rest)
    parts = {
        part: next((flat[name] for name in names if flat.get(name)), "")
        for part, names in NAMES.items()
    }
    if not parts["status"][:3].isdecimal():
        return None
    return parts if parts["at"] and parts["method"] and parts["uri"] else None


def seconds_of(text: str) -> float:
    """A time: of 1970 in seconds, as ISO 8601, or as nginx' `$time_local`. Raises `ValueError` and
    `OverflowError`, also for one after the year 9999.
    """
    if text[:1].isdigit() and text.replace(".", "", 1).isdecimal():
        seconds = float(text)
        dt.datetime.fromtimestamp(seconds, dt.UTC)
        return seconds
    if "/" in text:
        return dt.datetime.strptime(text, "%d/%b/%Y:%H:%M:%S %z").timestamp()
    at = dt.datetime.fromisoformat(text)
    return (at if at.tzinfo is not None else at.replace(tzinfo=dt.UTC)).timestamp()


def _collect(found: dict[str, Any], flat: dict[str, str], depth: int) -> None:
    for key, value in found.items():
        if isinstance(value, dict) and depth < DEPTH_MAX:
            _collect(value, flat, depth + 1)
        elif isinstance(value, list) and value:
            flat.setdefault(key, str(value[0]))
        elif isinstance(value, str | int | float):
            flat.setdefault(key, str(value))
