"""What every WebDAV method reads from a request: who asks, under which locks, how deep, where to,
for how long.

The law: `If` is looked at before anything is done; where none of its lists holds the answer is 412,
and where one does its tokens go with the caller into the share, which decides what they let
through. A tag of another server or share has no state here, so nothing it says holds. HTTP's own
conditions hold for every method, where there is something that they can be about: what is missing,
or may not be seen, is answered as without them (RFC 9110, 13.2.1). A header that does not fit its
grammar is refused by name.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

from msgspec.structs import replace
from multidict import istr

from despoolr_core.rules.fold import fold
from despoolr_core.rules.memory import remembered
from despoolr_core.rules.text import why_unfit
from despoolr_core.share.modes import NtStatus
from despoolr_core.share.wire import Problem
from despoolr_server.http.base.addresses import (
    BadAddress,
    NoPlace,
    Place,
    is_same_authority,
    parse_url,
)
from despoolr_server.http.base.conditions import are_in, evaluate
from despoolr_server.http.base.problem import Refused, bad_request, known
from despoolr_server.http.base.surface import IF, Surface, expects, query
from despoolr_server.http.dav.bodies import XmlRefused
from despoolr_server.http.dav.if_header import ResourceState, holds, parse_if, submitted
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.handler import Request, RequestHead
from despoolr_server.shares.base.principal import Caller
from despoolr_server.shares.dav import TIMEOUT_S_MAX

Asked = tuple[Caller, str, str]
"""The caller, the share, the path without slashes at its end."""

PRODUCT_MAX: Final = 100
"""Characters of a `User-Agent`'s product that are kept."""

_DEPTH: Final = istr("Depth")
_TIMEOUT: Final = istr("Timeout")
_SECONDS: Final = re.compile(r"second-([0-9]{1,10})", re.IGNORECASE)
_MAKING: Final = ("PUT", "MKCOL", "LOCK")
"""Methods to which a name that is not there is no mistake, so that conditions on it count."""

DIRECTORY_TAG: Final = '"directory"'
"""What stands for the ETag of a directory, which has none, where conditions are about whether there
is one.
"""

_MISSING: Final = (NtStatus.OBJECT_NAME_NOT_FOUND, NtStatus.OBJECT_PATH_NOT_FOUND)


async def no_body(request: Request) -> None:
    """Raises `Refused` for a call with a body that would be ignored (415; RFC 4918, 8.4).
    Nothing is done before it has begun to come; who waits to be told to send it is answered at
    once.
    """
    if request.can_read_body and (expects(request) or await request.content.read(1)):
        told = f"{request.method} takes no body here. Send none."
        raise Refused(known("unsupported-media-type", told))


class Asking:
    """The requests of one server's WebDAV clients."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._host = surface.host

    def asked(self, request: Request, *parameters: str) -> Asked:
        """Who asks for what, its `If` header looked at; `parameters` are those it may have. Raises
        `Refused`.
        """
        caller, info = self._surface.caller(request), request.match_info
        share, whole = info["share"], info.get("path", "")
        if "?" in request.raw_path:
            check_query(request, *parameters)
        path = whole.rstrip("/")
        if len(path) != len(whole) and path:
            found = self._host.listings.stat(caller, share, whole)
            if isinstance(found, Problem) and found.nt_status == NtStatus.OBJECT_NAME_INVALID:
                raise Refused(found)  # a file's name, and a slash behind it
        if IF in request.headers:
            caller = self.under(request, caller, share, path)
        return caller, share, path

    def under(self, request: Request, caller: Caller, share: str, path: str) -> Caller:
        """The caller with the tokens that its `If` header submits. Raises `Refused` (400, 412)."""
        text = ", ".join(request.headers.getall("If"))
        try:
            lists = parse_if(text)
        except ValueError as error:
            raise bad_request(
                f"`If` cannot be read: {error}. RFC 4918, 10.4 has its grammar."
            ) from None

        def state_of(tag: str) -> ResourceState:
            place = (share, path) if not tag else self.place(request, tag)
            if place is None:
                return ResourceState("", frozenset())
            etag, locks = self._host.dav.locks_on(caller, *place)
            return ResourceState(etag, frozenset(lock.token for lock in locks))

        if not holds(lists, state_of):
            detail = (
                "None of the lists in `If` holds: the lock may have timed out, or the file "
                "changed. Ask again, then decide."
            )
            raise Refused(known("precondition-failed", detail, share=share, path=path))
        return replace(caller, tokens=submitted(lists))

    def place(self, request: Request, tag: str) -> tuple[str, str] | None:
        """The share and path of a tag on this server; None for one elsewhere. Raises `Refused` for
        one that is no address.
        """
        try:
            place = _read("A tag in `If`", tag)
        except NoPlace:
            return None
        return (
            (place.share, place.path.rstrip("/"))
            if is_same_authority(place, host_of(request))
            else None
        )

    def destination(self, request: Request, share: str) -> tuple[str, bool]:
        """The new path (a slash at its end is kept) and whether an existing one may be replaced.

        Raises `Refused` for a destination elsewhere, or what is not a URL.
        """
        text = only(request, "Destination", "")
        overwrite = only(request, "Overwrite", "T").strip().upper()
        if not text:
            raise bad_request(
                f"{request.method} needs a `Destination` header: /{share}/new/path, "
                "percent-encoded."
            )
        if overwrite not in ("T", "F"):
            raise bad_request(f"`Overwrite` must be T or F, not {overwrite[:40]!r}.")
        try:
            place = _read("`Destination`", text)
        except NoPlace:
            raise bad_request(
                f"`Destination` must be a URL, or a path from the root like /{share}/new/path."
            ) from None
        if not is_same_authority(place, host_of(request)) or fold(place.share) != fold(share):
            detail = (
                f"{text[:200]} is not on this server's share {share}. Read here and write there."
            )
            raise Refused(known("another-server", detail))
        return place.path, overwrite == "T"

    def exists(self, caller: Caller, share: str, path: str) -> bool:
        """Whether that name is there, as far as the caller may know."""
        return not isinstance(self._host.listings.stat(caller, share, path), Problem)

    def etag(self, caller: Caller, share: str, path: str) -> str:
        """The ETag of what has that name now, or `""`."""
        found = self._host.listings.stat(caller, share, path)
        return "" if isinstance(found, Problem) else (found[1] or DIRECTORY_TAG)

    def check_conditions(self, request: Request, caller: Caller, share: str, path: str) -> None:
        """Raises `Refused` (412) where one of HTTP's own conditions forbids to go on. Nothing is
        asked where there is none.
        """
        if not are_in(request.headers):
            return
        found = self._host.listings.stat(caller, share, path)
        if not isinstance(found, Problem):
            etag, modified_at = found[1] or DIRECTORY_TAG, found[0].modified_at
            self.check_state(request, share, path, etag, modified_at)
        elif request.method in _MAKING and found.nt_status in _MISSING:
            self.check_state(request, share, path, "", 0.0)

    def check_state(
        self, request: Request, share: str, path: str, etag: str, modified_at: float
    ) -> None:
        """Raises `Refused` (412) where a condition of the request does not hold for what is
        there.
        """
        if not are_in(request.headers):
            return
        method = request.method
        reads, creates = method in (hdrs.METH_GET, hdrs.METH_HEAD), method == hdrs.METH_PUT
        verdict = evaluate(request.headers, etag, modified_at, reads=reads, creates=creates)
        if verdict.status == HTTPStatus.PRECONDITION_FAILED:
            raise Refused(known("precondition-failed", verdict.reason, share=share, path=path))


def check_query(request: Request, *parameters: str) -> None:
    """Raises `Refused` (400) for a query with anything in it but `parameters`, lest `what?.txt` be
    taken for the file `what`.
    """
    query(request, *parameters)
    if not request.query:  # nothing, or `&` alone
        raise bad_request(
            "The address has a `?` with nothing behind it. No file has one in its name: leave "
            "it out."
        )


def only(request: RequestHead, name: str, default: str) -> str:
    """A header that a request has once or not at all. Raises `Refused` for two of them: each could
    be the one that is meant.
    """
    lines = request.headers.getall(name, None)
    if lines is None:
        return default
    if len(lines) > 1:
        raise bad_request(f"There are {len(lines)} `{name}` headers. Send one.")
    return lines[0]


def host_of(request: Request) -> str:
    """The authority by which a client calls this server: that of the address, if it has one, else
    `Host` (RFC 9112, 3.2.2).
    """
    raw = request.raw_path
    if not raw.startswith("/"):
        return request.url.authority
    return request.headers.get(hdrs.HOST, "")


def _read(what: str, text: str) -> Place:
    try:
        return parse_url(text)
    except NoPlace:
        raise
    except BadAddress as error:
        raise bad_request(f"{what} cannot be read: {error}.") from None


def depth(request: RequestHead, default: str, *allowed: str) -> str:
    """The `Depth` header in lower case. Raises `Refused` for one that the method does not take."""
    text = only(request, _DEPTH, default).strip().lower()
    if text not in allowed:
        raise bad_request(
            f"`Depth` of {request.method} must be {' or '.join(allowed)}, not {text[:40]!r}."
        )
    return text


def timeout_s(request: RequestHead) -> float:
    """The first time that a `Timeout` header asks for, in seconds; 0 if it asks for none we
    know.
    """
    return _seconds(request.headers.get(_TIMEOUT, ""))


@remembered(256, 64, len)
def _seconds(asked: str) -> float:
    for text in asked.split(","):
        if text.strip().lower() == "infinite":
            return TIMEOUT_S_MAX
        found = _SECONDS.fullmatch(text.strip())
        if found is not None:
            return max(1.0, float(found[1]))
    return 0.0


@remembered(256, 256, len)
def product(agent: str) -> str:
    """A `User-Agent`'s product, by which a blocker is known: `davfs2` of `davfs2/1.6.1
    neon/0.32.4`.
    """
    first = agent.strip().partition(" ")[0].partition("/")[0]
    return "".join(char for char in first if not why_unfit(char))[:PRODUCT_MAX]


def xml_refused(error: XmlRefused, share: str, path: str) -> Refused:
    """What is wrong with an XML body, as a refusal."""
    if error.is_attack:
        return Refused(known("no-external-entities", f"{error}.", share=share, path=path))
    return Refused(
        known("bad-request", f"{error}. See RFC 4918, section 14.", share=share, path=path)
    )
