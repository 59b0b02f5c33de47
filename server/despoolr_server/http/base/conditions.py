"""Conditional requests and ranges (RFC 9110, sections 13 and 14) as pure functions of header text.

The law: conditions are looked at in the order of section 13.2.2, and the first that fails decides.
ETags of this server are strong, so weak and strong comparison differ only by the `W/` that a cache
may have put before one: `If-Match` asks for strong ones. A date that is not in one of HTTP's three
forms is as if it had not been sent. Several ranges in one request are answered with the
whole file, which the RFC allows. A number of any length is read in a time linear in it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache
from typing import Final

import msgspec
from multidict import MultiMapping

from despoolr_core.formats.dates import MONTH_NAMES
from despoolr_core.rules.memory import remembered
from despoolr_server.http.handling import hdrs

_TAG: Final = re.compile(r'(W/)?("[^"]*")')
_RANGE: Final = re.compile(r"bytes=([0-9]*)-([0-9]*)")
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]+)-([0-9]+)/(?:[0-9]+|\*)")

OFFSET_MAX: Final = 2**63 - 1
"""The last place that a file can have; a number beyond it is read as this one."""

DATE_SIZE_MAX: Final = 64
"""Characters of an HTTP date; the longest, of RFC 850, has 33."""

_TIME: Final = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_DATES: Final = (
    re.compile(
        rf"[A-Z][a-z]{{2}}, (?P<day>[0-9]{{2}}) (?P<month>[A-Z][a-z]{{2}}) (?P<year>[0-9]{{4}}) "
        rf"{_TIME} GMT"
    ),
    re.compile(
        rf"[A-Z][a-z]{{5,8}}, (?P<day>[0-9]{{2}})-(?P<month>[A-Z][a-z]{{2}})-(?P<year>[0-9]{{2}}) "
        rf"{_TIME} GMT"
    ),
    re.compile(
        rf"[A-Z][a-z]{{2}} (?P<month>[A-Z][a-z]{{2}}) (?P<day>[0-9 ][0-9]) {_TIME} "
        rf"(?P<year>[0-9]{{4}})"
    ),
)
"""IMF-fixdate, the form of RFC 850, and asctime's (RFC 9110, 5.6.7)."""


class ConditionResult(msgspec.Struct, frozen=True):
    """What the conditions of a request come to: 0 (go on), 304 or 412; and, for 412, why, as one
    sentence.
    """

    status: int
    reason: str = ""


GO_ON: Final = ConditionResult(0)


def is_plain(header: str) -> bool:
    """Whether an `If-None-Match` is one strong tag, as our own clients send it."""
    return len(header) > 1 and header[0] == '"' and header.find('"', 1) == len(header) - 1


def matches(header: str, etag: str, *, strongly: bool = False) -> bool:
    """Whether `If-Match` or `If-None-Match` names `etag` (`""` for a file that does not exist,
    which even `*` does not match).
    """
    if not etag:
        return False
    return _has_star(header) or any(
        tag == etag and not (strongly and weak) for weak, tag in _TAG.findall(header)
    )


def is_star(headers: MultiMapping[str], name: str) -> bool:
    """Whether `If-Match` or `If-None-Match` is about any file at all."""
    text = joined(headers, name)
    return text is not None and _has_star(text)


def _has_star(header: str) -> bool:
    """Whether `*` is a list's element; beside tags it has no place there, and still means any (the
    stricter reading).
    """
    return header.strip() == "*" or (
        "*" in header and "*" in (part.strip() for part in _TAG.sub("", header).split(","))
    )


def are_in(headers: MultiMapping[str]) -> bool:
    """Whether a request has any condition that `evaluate` would hold against a resource."""
    return (
        hdrs.IF_MATCH in headers
        or hdrs.IF_NONE_MATCH in headers
        or hdrs.IF_UNMODIFIED_SINCE in headers
        or hdrs.IF_MODIFIED_SINCE in headers
    )


def evaluate(
    headers: MultiMapping[str], etag: str, modified_at: float, *, reads: bool, creates: bool = False
) -> ConditionResult:
    """Hold a request's conditions against a resource: `etag` `""` means that there is none.

    `reads`: the method is GET or HEAD, to which what is known already is nothing new (304) and not
    a failure. `creates`: the share itself sees to `If-None-Match: *`, in one step with the write.
    """
    match = joined(headers, hdrs.IF_MATCH)
    if match is not None:
        if not matches(match, etag, strongly=True):
            seen = f"It is now {etag}" if etag else "There is no such file"
            return ConditionResult(412, f"{seen}, not {match[:80]}. Read it again, then decide.")
    elif (
        etag
        and (text := headers.get(hdrs.IF_UNMODIFIED_SINCE)) is not None
        and is_by_then(text, modified_at) is False
    ):
        return ConditionResult(412, f"It was changed after {text}. Read it again, then decide.")
    none_match = joined(headers, hdrs.IF_NONE_MATCH)
    if none_match is not None:
        if matches(none_match, etag) and not (creates and _has_star(none_match)):
            return (
                ConditionResult(304)
                if reads
                else ConditionResult(412, f"The file still is {etag}.")
            )
    elif (
        reads
        and etag
        and (text := headers.get(hdrs.IF_MODIFIED_SINCE)) is not None
        and is_by_then(text, modified_at)
    ):
        return ConditionResult(304)
    return GO_ON


def joined(headers: MultiMapping[str], name: str) -> str | None:
    """All lines of a header as one list; None if there is none."""
    lines = headers.getall(name, None)
    return None if lines is None else ", ".join(lines)


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """The half-open range that a `Range` header asks of `size` bytes; None to send all of them.

    Raises `ValueError` when no byte of the file is in it (416).
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        length = min(_place(found[2]), size)
        if length == 0:
            raise ValueError(header)
        return size - length, size
    first = _place(found[1])
    last = _place(found[2]) if found[2] else size - 1
    if found[2] and last < first:
        return None
    if first >= size:
        raise ValueError(header)
    return first, min(last + 1, size)


def open_range(header: str) -> tuple[int, int | None] | None:
    """`(offset, length)` of a `Range` whose file size is not known yet; None for a form that needs
    the size.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or not found[1]:
        return None
    first = _place(found[1])
    if not found[2]:
        return first, None
    last = _place(found[2])
    return (first, last - first + 1) if last >= first else None


def content_range(header: str) -> tuple[int, int] | None:
    """`(offset, length)` of a `Content-Range` on a PUT; None if it is not one."""
    found = _CONTENT_RANGE.fullmatch(header.strip())
    if found is None:
        return None
    first, last = _place(found[1]), _place(found[2])
    return (first, last - first + 1) if last >= first else None


def _place(digits: str) -> int:
    digits = digits.lstrip("0")
    return min(int(digits or "0"), OFFSET_MAX) if len(digits) < 20 else OFFSET_MAX


def is_by_then(header: str, modified_at: float) -> bool | None:
    """Whether a file time is not after the date in `If-Modified-Since` or `If-Unmodified-Since`;
    None for what is not a date.
    """
    date = http_time(header) if len(header) <= DATE_SIZE_MAX else None
    return None if date is None else int(modified_at) <= date


@remembered(1024, DATE_SIZE_MAX)
def http_time(text: str) -> float | None:
    """An HTTP date, of at most `DATE_SIZE_MAX` characters, in seconds since 1970; None for any
    other text.
    """
    for form in _DATES:
        found = form.fullmatch(text.strip())
        if found is None:
            continue
        if found["month"] not in MONTH_NAMES:
            return None
        year, month = int(found["year"]), MONTH_NAMES.index(found["month"]) + 1
        if len(found["year"]) == 2:
            year += 1900 if year >= 70 else 2000  # as POSIX and this site's century have it
        hour, minute, second = (int(found[part]) for part in ("hour", "minute", "second"))
        try:
            return datetime(
                year, month, int(found["day"]), hour, minute, min(second, 59), tzinfo=UTC
            ).timestamp()
        except ValueError:
            return None
    return None


@lru_cache(maxsize=4096)
def http_date(seconds: int) -> str:
    """Site time as an HTTP date. Site time has no zone; HTTP has only one, so it is printed as
    GMT.
    """
    return formatdate(seconds, usegmt=True)


@lru_cache(maxsize=4096)
def iso_date(seconds: int) -> str:
    """Site time as RFC 3339 writes it, `1996-06-03T07:00:00Z`, for WebDAV; as GMT, for the same
    reason.
    """
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
