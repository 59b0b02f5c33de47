"""Every answer that is not the one asked for is a problem body (RFC 9457), and says what to do
next.

The share's own refusals arrive as `Problem` values and leave as they are. What this layer refuses
by itself (no token, no such call, a body too large) is a `Refused`, raised by whoever notices and
turned into an answer in one place: `guarded`, which wraps every handler. There is no middleware: on
the hot path a wrapper costs a tenth of one.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Final

import msgspec
from multidict import CIMultiDict

from despoolr_core.share.modes import WIN32_CODE, NtStatus
from despoolr_core.share.wire import Problem
from despoolr_server.http.base.addresses import BadAddress, check_target
from despoolr_server.http.base.counts.latency import Latency
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.handler import Handler, Request, StreamResponse, over_aiohttp
from despoolr_server.http.handling.single_write import SingleWriteResponse

CONTENT_TYPE: Final = "application/problem+json"
TYPE_BASE: Final = "/problems/"
"""Problem types are relative references; `GET /problems/{name}` explains each one."""

_log = logging.getLogger("despoolr.http")
_encode: Final = msgspec.json.Encoder().encode
BODYLESS: Final = frozenset(("GET", "HEAD", "OPTIONS", "DELETE"))
"""Methods whose requests have no body that anybody reads."""

KNOWN: Final[dict[str, tuple[int, str, str]]] = {
    "authentication-required": (
        401,
        "This call needs a token",
        "Send `Authorization: Bearer TOKEN`, or Basic with the token as the password.",
    ),
    "cross-origin": (
        403,
        "A page of another site may not change anything here",
        "Ask from this server's own page.",
    ),
    "forbidden": (
        403,
        "This token may not do that",
        "Ask with a token of the role that the detail names.",
    ),
    "no-external-entities": (
        403,
        "The XML has a document type or entities",
        "Send it without a <!DOCTYPE>.",
    ),
    "propfind-finite-depth": (
        403,
        "There is more below than one answer holds",
        "Ask with `Depth: 1`, directory by directory.",
    ),
    "lock-token-unknown": (
        409,
        "No WebDAV lock there has that token",
        "It may have timed out: lock again, if you still need to.",
    ),
    "clients-taken": (
        409,
        "Those clients are another fleet's",
        "Give this fleet other numbers, or another name.",
    ),
    "not-found": (404, "There is no such thing on this site", "The detail names what there is."),
    "unknown-call": (
        404,
        "There is no such call",
        "See docs/share-api.md; the calls are listed at `/`.",
    ),
    "method-not-allowed": (
        405,
        "This address does not answer that method",
        "Use one of the methods in `Allow`.",
    ),
    "precondition-failed": (
        412,
        "The file is not in the state you stated",
        "Read it again, look at its ETag, then decide.",
    ),
    "request-timeout": (408, "The request did not come in time", "Send it again, without pauses."),
    "payload-too-large": (
        413,
        "The body is larger than this server takes",
        "Send less; the detail names the limit.",
    ),
    "address-too-long": (
        414,
        "The address is longer than this server takes",
        "Shorten it: 8,190 bytes are taken.",
    ),
    "unsupported-media-type": (
        415,
        "This call takes no such body",
        "Send the body that docs/share-api.md shows.",
    ),
    "range-not-satisfiable": (
        416,
        "The file has no such bytes",
        "Ask for a range inside the size in `Content-Range`.",
    ),
    "unknown-host": (
        421,
        "That is no name of this server",
        "Use its address, or a name its operator allows.",
    ),
    "headers-too-large": (
        431,
        "A header is longer than this server takes",
        "Shorten it; the detail names the limit.",
    ),
    "bad-request": (
        400,
        "The request is not well formed",
        "Mend what the detail names; trying again will not help.",
    ),
    "unknown-method": (
        501,
        "This server does not know that method",
        "Use one of those in an address's `Allow`.",
    ),
    "unknown-coding": (
        501,
        "This server does not know that transfer coding",
        "Send the body as it is, or in chunks.",
    ),
    "server-busy": (
        503,
        "The server has no room for more now",
        "Try again in a second, or end what you do not need.",
    ),
    "not-ready": (
        503,
        "The server cannot do its work now",
        "The detail says why; `despoolr health` tries it step by step.",
    ),
    "another-server": (
        502,
        "The destination is not on this share",
        "Read here and write there instead.",
    ),
    "answer-too-large": (
        507,
        "There is more than one answer may hold",
        "Ask for less at a time; the detail says how.",
    ),
    "server-error": (
        500,
        "The server made a mistake",
        "It is in the server's log. Trying again may or may not help.",
    ),
}
"""The problems of this layer by the last part of their type: status, title, what to do next."""

_NT_STATUS: Final[dict[int, NtStatus]] = {
    401: NtStatus.ACCESS_DENIED,
    403: NtStatus.ACCESS_DENIED,
    404: NtStatus.NOT_SUPPORTED,
    405: NtStatus.NOT_SUPPORTED,
    413: NtStatus.FILE_TOO_LARGE,
    415: NtStatus.NOT_SUPPORTED,
    416: NtStatus.END_OF_FILE,
    421: NtStatus.ACCESS_DENIED,
    500: NtStatus.IO_DEVICE_ERROR,
    501: NtStatus.NOT_SUPPORTED,
    502: NtStatus.NOT_SUPPORTED,
    503: NtStatus.INSUFFICIENT_RESOURCES,
    507: NtStatus.INSUFFICIENT_RESOURCES,
}


def known(name: str, detail: str = "", *, path: str = "", share: str = "") -> Problem:
    """One of the problems in `KNOWN`; `detail` replaces its advice, so it too must say what to do
    next.
    """
    status, title, advice = KNOWN[name]
    nt_status = _NT_STATUS.get(status, NtStatus.INVALID_PARAMETER)
    return Problem(
        type=TYPE_BASE + name,
        title=title,
        status=status,
        detail=detail or advice,
        nt_status=nt_status,
        win32=WIN32_CODE[nt_status],
        share=share,
        path=path,
    )


class Refused(Exception):
    """This layer will not go on with the request. `headers` go with the answer (`Allow`,
    `WWW-Authenticate`).

    `closes`: what follows on the connection cannot be read.
    """

    def __init__(
        self, problem: Problem, headers: Mapping[str, str] | None = None, *, closes: bool = False
    ) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.headers = headers
        self.closes = closes


def bad_request(detail: str) -> Refused:
    """The request is wrong in the way `detail` says."""
    return Refused(known("bad-request", detail))


def answer(
    problem: Problem, headers: Mapping[str, str] | None = None, *, status: int = 0
) -> SingleWriteResponse:
    """The problem as a response. `status` replaces its HTTP status where a method has its own word
    for it (MKCOL: 405).
    """
    if status and status != problem.status:
        problem = msgspec.structs.replace(problem, status=status)
    try:
        body = _encode(problem)
    except UnicodeEncodeError:  # it quotes a header that is not UTF-8
        words = {
            name: printable(getattr(problem, name)) for name in ("title", "detail", "share", "path")
        }
        body = _encode(msgspec.structs.replace(problem, **words))
    told: MutableMapping[str, str] = {} if headers is None else CIMultiDict(headers)
    told[hdrs.CONTENT_TYPE] = CONTENT_TYPE
    return SingleWriteResponse(problem.status, told, body)


def check_coding(request: Request) -> None:
    """Raises `Refused` (415) for a body in any coding: bodies are taken as they are, and stored
    so.
    """
    if request.method in BODYLESS:
        return
    codings = ",".join(request.headers.getall(hdrs.CONTENT_ENCODING, []))
    if all(coding.strip().lower() in ("", "identity") for coding in codings.split(",")):
        return
    detail = (
        "Bodies are taken as they are: send it without `Content-Encoding`. A compressed file "
        "is a file like any other."
    )
    raise Refused(known("unsupported-media-type", detail), {hdrs.ACCEPT_ENCODING: "identity"})


def guarded(
    handler: Handler,
    counts: defaultdict[int, int],
    latency: Latency,
    check: Callable[[Request], None] | None = None,
    *,
    began: float | None = None,
) -> Handler:
    """`handler`, with everything it raises turned into a problem body, and every answer counted by
    its status and its time.

    `check` is asked first, and raises `Refused` for a request that no handler is to see. `began`:
    when the call began of which this is the rest, in the loop's time.
    """

    async def guard(request: Request) -> StreamResponse:
        now = request._loop.time  # noqa: SLF001 - `get_running_loop` asks the system each time
        start = now() if began is None else began
        try:
            if check is not None:
                check(request)
            target = request.raw_path
            if "%" in target or "#" in target or not target.isascii():
                _check_target(target)
            if hdrs.CONTENT_ENCODING in request.headers:
                check_coding(request)
            response = await handler(request)
        except Refused as refused:
            response = answer(refused.problem, refused.headers)
            if refused.closes:
                response.force_close()
        except ConnectionError:
            raise  # the caller has gone: there is nobody to answer
        except Exception as error:
            response = _answer_to(error, request)
        counts[response.status] += 1
        latency.add(now() - start)
        return response

    return guard


def printable(text: str) -> str:
    """Text with nothing in it that UTF-8 cannot carry."""
    return text.encode("utf-8", "backslashreplace").decode()


def _check_target(raw: str) -> None:
    try:
        check_target(raw)
    except BadAddress as error:
        raise bad_request(f"The address cannot be read: {error}.") from None


def _answer_to(error: Exception, request: Request) -> StreamResponse:
    """The answer to an error that a handler did not expect: aiohttp's, or a mistake of ours."""
    failure = over_aiohttp().failure(error)
    if failure is None:
        _log.error("%s %s failed", request.method, request.path, exc_info=error)
        return answer(known("server-error"))
    if isinstance(failure, str):
        response = answer(known("bad-request", f"The body cannot be read: {failure}."))
        response.force_close()
        return response
    if failure.status < 400:
        told: StreamResponse = failure
        return told
    if failure.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return answer(known("payload-too-large", failure.text or ""))
    name = next((name for name, (status, _, _) in KNOWN.items() if status == failure.status), "")
    problem = (
        known(name, failure.text or "")
        if name
        else Problem("about:blank", failure.reason, failure.status, failure.text or "")
    )
    kept = {
        key: value
        for key, value in failure.headers.items()
        if key.lower() in ("allow", "www-authenticate", "retry-after")
    }
    return answer(problem, kept)
