"""WebDAV's answers: multi-status, locks in XML, and refusals that speak both languages.

The law: a refusal is one problem (RFC 9457) whoever asked. Who wants JSON, or says nothing, gets
the problem body of every other call, with `dav_error` in it where RFC 4918 has a word for the case;
a WebDAV client gets a `DAV:error` element with that word, and in it the same problem in the XML of
RFC 9457, appendix B. In a multi-status each response that failed has such an element.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import msgspec

from despoolr_core.rules.memory import remembered
from despoolr_core.share.modes import NtStatus
from despoolr_core.share.wire import Blocker, Problem
from despoolr_server.http.base.problem import CONTENT_TYPE
from despoolr_server.http.dav.bodies import escaped
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.handler import RequestHead
from despoolr_server.http.handling.single_write import SingleWriteResponse
from despoolr_server.shares.base.dav_locks import DavLock

XML_TYPE: Final = 'application/xml; charset="utf-8"'
_XML_FIELD: Final = f"Content-Type: {XML_TYPE}\r\n"
PROBLEM_NAMESPACE: Final = "urn:ietf:rfc:7807"
"""The namespace that RFC 9457, appendix B keeps for problems in XML."""

NO_CONFLICTING_LOCK: Final = "no-conflicting-lock"
LOCK_TOKEN_SUBMITTED: Final = "lock-token-submitted"
_WITH_HREF: Final = (NO_CONFLICTING_LOCK, LOCK_TOKEN_SUBMITTED)

CLIENTS: Final = (
    "webdav",
    "davfs",
    "cadaver",
    "litmus",
    "neon",
    "gvfs",
    "rclone",
    "cyberduck",
    "mountain duck",
    "winscp",
    "kio",
    "konqueror",
    "microsoft office",
    "transmit",
)
"""Words in the `User-Agent` of clients that read `DAV:error` and not JSON, in lower case (`webdav`:
Windows and macOS).
"""

_MAKING: Final = ("PUT", "MKCOL", "LOCK", "COPY", "MOVE")
"""Methods that may make a name: to them a missing directory is a conflict (409)."""

_CHOSEN_BY: Final = f"{hdrs.ACCEPT}, {hdrs.USER_AGENT}"
"""What decides whether a refusal is XML or JSON."""

_UNFIT: Final = "[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]"
_PROLOGUE: Final = '<?xml version="1.0" encoding="utf-8"?>\n'

_encode: Final = msgspec.json.Encoder().encode


def href(share: str, path: str, *, directory: bool = False) -> str:
    """A resource's address: from the root, percent-encoded, a directory's with a slash at its
    end.
    """
    text = f"/{quote(share)}/{quote(path)}" if path else f"/{quote(share)}"
    return f"{text}/" if directory and not text.endswith("/") else text


def prefers_xml(request: RequestHead) -> bool:
    """Whether this client would rather read XML: it says so, it sent some, or it is known for
    it.
    """
    accept = request.headers.get(hdrs.ACCEPT, "")
    if "json" in accept:
        return 0 <= accept.find("xml") < accept.find("json")
    if "xml" in accept and "html" not in accept:
        return True
    return "xml" in request.headers.get(hdrs.CONTENT_TYPE, "") or _is_dav_client(
        request.headers.get(hdrs.USER_AGENT, "")
    )


@remembered(1024, 256, len)
def _is_dav_client(agent: str) -> bool:
    agent = agent.lower()
    return any(word in agent for word in CLIENTS)


def refuse(
    request: RequestHead,
    problem: Problem,
    *,
    error: str = "",
    directory: bool = False,
    headers: dict[str, str] | None = None,
    status: int = 0,
) -> SingleWriteResponse:
    """The problem as this client reads it. `error` is RFC 4918's word for it; `status` replaces the
    problem's.

    What cannot be there because its directory is not is simply not there (404) to whoever does not
    want to make it.
    """
    if (
        not status
        and problem.nt_status == NtStatus.OBJECT_PATH_NOT_FOUND
        and request.method not in _MAKING
    ):
        status = HTTPStatus.NOT_FOUND
    if error or (status and status != problem.status):
        problem = msgspec.structs.replace(problem, status=status or problem.status, dav_error=error)
    headers = {**(headers or {}), hdrs.VARY: _CHOSEN_BY}
    if not prefers_xml(request):
        headers[hdrs.CONTENT_TYPE] = CONTENT_TYPE
        return SingleWriteResponse(problem.status, headers, _encode(problem))
    body = _PROLOGUE + error_xml(
        problem, href(problem.share, problem.path, directory=directory), declared=True
    )
    headers[hdrs.CONTENT_TYPE] = XML_TYPE
    return SingleWriteResponse(problem.status, headers, body.encode())


def lock_error(
    problem: Problem, lock_of: Callable[[str], DavLock | None], *, locking: bool = False
) -> str:
    """RFC 4918's word for a 423: a token would have helped, or (an open that is no DAV lock, or a
    LOCK) it would not.
    """
    if problem.status != HTTPStatus.LOCKED:
        return ""
    held = bool(problem.blockers) and all(lock_of(blocker.open) for blocker in problem.blockers)
    return LOCK_TOKEN_SUBMITTED if held and not locking else NO_CONFLICTING_LOCK


def error_xml(problem: Problem, where: str, *, declared: bool = False) -> str:
    """`DAV:error`, with RFC 4918's word for it, if it has one, and the problem."""
    word = ""
    if problem.dav_error in _WITH_HREF:
        word = f"<D:{problem.dav_error}><D:href>{escaped(where)}</D:href></D:{problem.dav_error}>"
    elif problem.dav_error:
        word = f"<D:{problem.dav_error}/>"
    opened = '<D:error xmlns:D="DAV:">' if declared else "<D:error>"
    return f"{opened}{word}{_problem_xml(problem)}</D:error>"


def _problem_xml(problem: Problem) -> str:
    parts = [f'<problem xmlns="{PROBLEM_NAMESPACE}">']
    for name in ("type", "title", "status", "detail", "nt_status", "win32", "share", "path"):
        parts.append(_field(name, getattr(problem, name)))
    if problem.blockers:
        parts += [
            "<blockers>",
            *(_blocker_xml(blocker) for blocker in problem.blockers),
            "</blockers>",
        ]
        parts.append(_field("blocker_count", problem.blocker_count))
    if problem.episode:
        parts.append(_field("episode", problem.episode))
    parts.append("</problem>")
    return "".join(parts)


def _blocker_xml(blocker: Blocker) -> str:
    names = ("open", "machine", "user", "program", "access", "share_mode", "opened_at")
    return f"<i>{''.join(_field(name, getattr(blocker, name)) for name in names)}</i>"


def _field(name: str, value: object) -> str:
    return f"<{name}>{escaped(visible(str(value)))}</{name}>"


def visible(text: str) -> str:
    """Text with a `?` for each character that XML 1.0 cannot carry (section 2.2); NTFS allows some
    of them in names.
    """
    return text if text.isprintable() else re.sub(_UNFIT, "?", text)


def status_line(status: int) -> str:
    """`HTTP/1.1 423 Locked`, as multi-status spells it."""
    phrase = HTTPStatus(status).phrase if status in HTTPStatus.__members__.values() else ""
    return f"HTTP/1.1 {status} {phrase}".rstrip()


def failed_response(share: str, path: str, problem: Problem) -> str:
    """One response of a multi-status: what could not be done to a resource, and why."""
    where = href(share, path)
    status = f"<D:status>{status_line(problem.status)}</D:status>"
    inside = f"<D:href>{escaped(where)}</D:href>{status}{error_xml(problem, where)}"
    return f"<D:response>{inside}</D:response>"


def dependent_response(share: str, path: str) -> str:
    """One response of a multi-status: the resource itself would have done, others below it would
    not.
    """
    status = f"<D:status>{status_line(HTTPStatus.FAILED_DEPENDENCY)}</D:status>"
    return f"<D:response><D:href>{escaped(href(share, path))}</D:href>{status}</D:response>"


def multistatus(responses: list[str]) -> SingleWriteResponse:
    """A 207 answer that holds these responses."""
    body = f'{_PROLOGUE}<D:multistatus xmlns:D="DAV:">{"".join(responses)}</D:multistatus>'
    headers: dict[str, str] = {hdrs.CONTENT_TYPE: XML_TYPE}
    return SingleWriteResponse(HTTPStatus.MULTI_STATUS, headers, body.encode())


def multistatus_texts(responses: Iterable[bytes]) -> Iterator[bytes]:
    """The body of a 207 answer in pieces, for `http.base.pieces`."""
    yield f'{_PROLOGUE}<D:multistatus xmlns:D="DAV:">'.encode()
    yield from responses
    yield b"</D:multistatus>"


def prop_answer(content: str, status: int = 200, fields: str = "") -> SingleWriteResponse:
    """A `DAV:prop` with this content; `fields` are the lines of more header fields."""
    body = f'{_PROLOGUE}<D:prop xmlns:D="DAV:">{content}</D:prop>'
    return SingleWriteResponse(status, f"{fields}{_XML_FIELD}", body.encode())


def lockdiscovery(locks: Sequence[DavLock], left_s: Callable[[DavLock], int]) -> str:
    """The active locks of a resource, and the seconds that are left of each."""
    active = "".join(_activelock(lock, left_s(lock)) for lock in locks)
    return f"<D:lockdiscovery>{active}</D:lockdiscovery>"


@remembered(1024, 512, len)
def _lock_root(share: str, path: str) -> str:
    return escaped(href(share, path))


def _activelock(lock: DavLock, left_s: int) -> str:
    return (
        "<D:activelock><D:locktype><D:write/></D:locktype>"
        f"<D:lockscope><D:{'exclusive' if lock.exclusive else 'shared'}/></D:lockscope>"
        f"<D:depth>{'infinity' if lock.infinite else '0'}</D:depth>{lock.owner}"
        f"<D:timeout>Second-{left_s}</D:timeout>"
        f"<D:locktoken><D:href>{lock.token}</D:href></D:locktoken>"
        f"<D:lockroot><D:href>{_lock_root(lock.share, lock.path)}</D:href></D:lockroot>"
        "</D:activelock>"
    )


SUPPORTED_LOCKS: Final = (
    "<D:supportedlock>"
    + "".join(
        f"<D:lockentry><D:lockscope><D:{scope}/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>"
        for scope in ("exclusive", "shared")
    )
    + "</D:supportedlock>"
)
