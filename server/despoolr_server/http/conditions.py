"""Conditional requests and ranges (RFC 9110, sections 13 and 14) as pure functions of header text.

ETags of this server are strong, so weak and strong comparison differ only by the `W/` that a cache may have put before one.
Several ranges in one request are answered with the whole file, which the RFC allows.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from typing import Final

from despoolr_core.rules.memory import remembered

_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')
_RANGE: Final = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")
_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(?:\d{1,19}|\*)")


def is_plain(header: str) -> bool:
    """Whether an `If-None-Match` is one strong tag, as our own clients send it."""
    return len(header) > 1 and header[0] == '"' and header.find('"', 1) == len(header) - 1


def matches(header: str, etag: str) -> bool:
    """Whether `If-Match` or `If-None-Match` names `etag` (`""` for a file that does not exist, which even `*` does not match)."""
    if not etag:
        return False
    return header.strip() == "*" or etag in _TAG.findall(header)


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """The half-open range that a `Range` header asks of `size` octets; None to send all of them.

    Raises `ValueError` when no octet of the file is in it (416).
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        length = min(int(found[2]), size)
        if length == 0:
            raise ValueError(header)
        return size - length, size
    first = int(found[1])
    last = int(found[2]) if found[2] else size - 1
    if found[2] and last < first:
        return None
    if first >= size:
        raise ValueError(header)
    return first, min(last + 1, size)


def open_range(header: str) -> tuple[int, int | None] | None:
    """`(offset, length)` of a `Range` whose file size is not known yet; None for a form that needs the size."""
    found = _RANGE.fullmatch(header.strip())
    if found is None or not found[1]:
        return None
    first = int(found[1])
    if not found[2]:
        return first, None
    last = int(found[2])
    return (first, last - first + 1) if last >= first else None


def content_range(header: str) -> tuple[int, int] | None:
    """`(offset, length)` of a `Content-Range` on a PUT; None if it is not one."""
    found = _CONTENT_RANGE.fullmatch(header.strip())
    if found is None or int(found[2]) < int(found[1]):
        return None
    return int(found[1]), int(found[2]) - int(found[1]) + 1


@remembered(1024, 64)
def is_by_then(header: str, modified_at: float) -> bool:
    """Whether a file time is not after the date in `If-Modified-Since` or `If-Unmodified-Since`; a bad date says nothing."""
    try:
        date = parsedate_to_datetime(header)
    except (ValueError, TypeError):
        return False
    return int(modified_at) <= date.replace(tzinfo=UTC).timestamp()


@lru_cache(maxsize=4096)
def http_date(seconds: int) -> str:
    """Site time as an HTTP date. Site time has no zone; HTTP has only one, so it is printed as GMT."""
    return formatdate(seconds, usegmt=True)


@lru_cache(maxsize=4096)
def iso_date(seconds: int) -> str:
    """Site time as RFC 3339 writes it, `1996-06-03T07:00:00Z`, for WebDAV; as GMT, for the same reason."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
