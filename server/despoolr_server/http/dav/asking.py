"""What every WebDAV method reads from a request: who asks, under which locks, how deep, where to, for how long.

The law: `If` is looked at before anything is done; where none of its lists holds the answer is 412, and where one does its
tokens go with the caller into the share, which decides what they let through. A tag of another server or share has no state
here, so nothing it says holds. A header that does not fit its grammar is refused by name.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final
from urllib.parse import unquote, urlsplit

from aiohttp import hdrs, web

from despoolr_core.rules.fold import fold
from despoolr_core.wire import Problem
from despoolr_server.http.conditions import is_by_then, matches
from despoolr_server.http.dav.bodies import XmlRefused
from despoolr_server.http.dav.if_header import State, holds, parse_if, submitted
from despoolr_server.http.problem import Refused, bad_request, known
from despoolr_server.http.surface import Surface
from despoolr_server.share.dav import TIMEOUT_S_MAX
from despoolr_server.share.host import Caller

Asked = tuple[Caller, str, str]
"""The caller, the share, the path without slashes at its end."""

PRODUCT_MAX: Final = 100
"""Characters of a `User-Agent`'s product that are kept."""

_SECONDS: Final = re.compile(r"second-(\d{1,10})", re.IGNORECASE)


class Asking:
    """The requests of one server's WebDAV clients."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._host = surface.host

    def asked(self, request: web.Request) -> Asked:
        """Who asks for what, its `If` header looked at. Raises `Refused`."""
        if "#" in request.raw_path:
            raise bad_request("The address has a `#`. A fragment is no part of a file's address; percent-encode it (%23).")
        caller, info = self._surface.caller(request), request.match_info
        share, path = info["share"], info.get("path", "").rstrip("/")
        if "If" in request.headers:
            caller = self.under(request, caller, share, path)
        return caller, share, path

    def under(self, request: web.Request, caller: Caller, share: str, path: str) -> Caller:
        """The caller with the tokens that its `If` header submits. Raises `Refused` (400, 412)."""
        text = ", ".join(request.headers.getall("If"))
        try:
            lists = parse_if(text)
        except ValueError as error:
            raise bad_request(f"`If` cannot be read: {error}. RFC 4918, 10.4 has its grammar.") from None

        def state_of(tag: str) -> State:
            place = (share, path) if not tag else self.place(request, tag)
            if place is None:
                return State("", frozenset())
            etag, locks = self._host.dav_locks_on(caller, *place)
            return State(etag, frozenset(lock.token for lock in locks))

        if not holds(lists, state_of):
            detail = "None of the lists in `If` holds: the lock may have timed out, or the file changed. Ask again, then decide."
            raise Refused(known("precondition-failed", detail, share=share, path=path))
        return replace(caller, tokens=submitted(lists))

    def place(self, request: web.Request, url: str) -> tuple[str, str] | None:
        """The share and path of an address on this server; None for one elsewhere, or that is none."""
        parts = urlsplit(url)
        if not parts.path.startswith("/") or (parts.netloc and parts.netloc.lower() != request.host.lower()):
            return None
        share, _, path = parts.path[1:].partition("/")
        return unquote(share), unquote(path).rstrip("/")

    def destination(self, request: web.Request, share: str) -> tuple[str, bool]:
        """The new path and whether an existing one may be replaced. Raises `Refused` for a destination elsewhere."""
        text = request.headers.get("Destination", "")
        overwrite = request.headers.get("Overwrite", "T").strip().upper()
        if not text:
            raise bad_request(f"{request.method} needs a `Destination` header: /{share}/new/path, percent-encoded.")
        if overwrite not in ("T", "F"):
            raise bad_request(f"`Overwrite` must be T or F, not {overwrite[:40]!r}.")
        if not urlsplit(text).path.startswith("/"):
            raise bad_request(f"`Destination` must be a URL, or a path from the root like /{share}/new/path.")
        place = self.place(request, text)
        if place is None or fold(place[0]) != fold(share):
            detail = f"{text[:200]} is not on this server's share {share}. Read here and write there."
            raise Refused(known("another-server", detail))
        return place[1], overwrite == "T"

    def etag(self, caller: Caller, share: str, path: str) -> str:
        """The ETag of what has that name now, or `""`."""
        found = self._host.stat(caller, share, path)
        return "" if isinstance(found, Problem) else (found[1] or '"directory"')

    def check_match(self, request: web.Request, caller: Caller, share: str, path: str) -> bool:
        """Whether the name exists. Raises `Refused` (412) where one of HTTP's own conditions forbids to go on."""
        etag = self.etag(caller, share, path)
        match = request.headers.get(hdrs.IF_MATCH)
        if match is not None and not matches(match, etag):
            seen = f"It is now {etag}" if etag else "There is no such file"
            detail = f"{seen}, not {match[:80]}. Read it again, then decide."
            raise Refused(known("precondition-failed", detail, share=share, path=path))
        unmodified = request.headers.get(hdrs.IF_UNMODIFIED_SINCE)
        if unmodified is not None and match is None and etag:
            found = self._host.stat(caller, share, path)
            if not isinstance(found, Problem) and not is_by_then(unmodified, found[0].modified_at):
                detail = f"It was changed after {unmodified[:40]}. Read it again, then decide."
                raise Refused(known("precondition-failed", detail, share=share, path=path))
        none_match = request.headers.get(hdrs.IF_NONE_MATCH, "").strip()
        if none_match not in ("", "*") and matches(none_match, etag):
            raise Refused(known("precondition-failed", f"The file still is {etag}.", share=share, path=path))
        return bool(etag)


def depth(request: web.Request, default: str, *allowed: str) -> str:
    """The `Depth` header in lower case. Raises `Refused` for one that the method does not take."""
    text = request.headers.get("Depth", default).strip().lower()
    if text not in allowed:
        raise bad_request(f"`Depth` of {request.method} must be {' or '.join(allowed)}, not {text[:40]!r}.")
    return text


def timeout_s(request: web.Request) -> float:
    """The first time that a `Timeout` header asks for, in seconds; 0 if it asks for none we know."""
    for text in request.headers.get("Timeout", "").split(","):
        if text.strip().lower() == "infinite":
            return TIMEOUT_S_MAX
        found = _SECONDS.fullmatch(text.strip())
        if found is not None:
            return max(1.0, float(found[1]))
    return 0.0


def product(agent: str) -> str:
    """A `User-Agent`'s product, by which a blocker is known: `davfs2` of `davfs2/1.6.1 neon/0.32.4`."""
    first = agent.strip().partition(" ")[0].partition("/")[0]
    return "".join(char for char in first if char.isprintable())[:PRODUCT_MAX]


def xml_refused(error: XmlRefused, share: str, path: str) -> Refused:
    """What is wrong with an XML body, as a refusal."""
    if error.is_attack:
        return Refused(known("no-external-entities", f"{error}.", share=share, path=path))
    return Refused(known("bad-request", f"{error}. See RFC 4918, section 14.", share=share, path=path))
