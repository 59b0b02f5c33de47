"""Whether the head of a request is one that this server answers, and what it is told else.

The law: aiohttp has parsed it, and has refused what is no HTTP. What is left is judged here: HTTP/1
alone (RFC 9112, 2.3 and 3.2), a path of this server, text in UTF-8, no transfer coding but
`chunked`; and some of aiohttp's refusals get the status that HTTP has for them.
"""

from __future__ import annotations

import re
from typing import Any, Final

from aiohttp import hdrs
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import BadHttpMethod, LineTooLong
from aiohttp.web_protocol import _ErrInfo
from yarl import URL

from despoolr_server.http.base.problem import Refused, known

_MADE_UP: Final = re.compile(
    rb"(?:^|\r\n)[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100} [^ \r\n]+ HTTP/1\.[01]\r\n"
)
"""A request line whose method is a word that HTTP allows, though nobody has registered it."""


def judge_head(
    message: RawRequestMessage, *, has_body: bool, may_be_odd: bool
) -> RawRequestMessage | _ErrInfo:
    """A head as this server's routes know it, or what is answered to it. `may_be_odd`: some byte of
    what came is not ASCII.
    """
    if may_be_odd and not _is_utf8(message):
        return _refusal(
            "bad-request", "The request line or a header is not UTF-8. Percent-encode it."
        )
    if has_body and _is_coded(message):
        return _refusal(
            "unknown-coding",
            "Bodies are taken as they are: of the transfer codings only `chunked`.",
        )
    return _as_ours(message)


def judge_error(error: _ErrInfo, data: bytes) -> _ErrInfo:
    """What is answered to `data` that aiohttp refused."""
    if isinstance(error.exc, LineTooLong) and _is_address(error.exc, data):
        return _refusal("address-too-long")
    if isinstance(error.exc, BadHttpMethod) and _MADE_UP.search(data):
        return _refusal("unknown-method")
    return error


def _refusal(name: str, detail: str = "", headers: dict[str, str] | None = None) -> _ErrInfo:
    problem = known(name, detail)
    return _ErrInfo(status=problem.status, exc=Refused(problem, headers), message="")


def _is_address(error: LineTooLong, data: bytes) -> bool:
    """Whether what is too long is the address of a request, as far as its packet shows."""
    words = data.split(b" ", 2)
    began = error.args[0]
    return (
        len(words) > 1
        and isinstance(began, bytes | bytearray)
        and words[1].startswith(bytes(began[:64]))
    )


def _as_ours(message: RawRequestMessage) -> RawRequestMessage | _ErrInfo:
    """A head as this server's routes know them: HTTP/1, and a path of this server (RFC 9112, 2.3
    and 3.2).
    """
    if message.version.major != 1:
        return _refusal("bad-request", "This server speaks HTTP/1.1.")
    if message.method == hdrs.METH_CONNECT:
        return _refusal("method-not-allowed", "This server is not a proxy.", {hdrs.ALLOW: ""})
    if message.path == "*" and message.method == hdrs.METH_OPTIONS:
        return message._replace(path="/", url=URL("/"))
    # perhaps none: yarl forgets that it stands for one
    if message.path[0] != "/" and message.url.raw_path == "/":
        return message._replace(url=message.url.with_path("/").with_query(message.url.query_string))
    return message


def _is_coded(message: RawRequestMessage) -> bool:
    """Whether a body has been put into another form than chunks, which nobody here would undo (RFC
    9112, 6.1).
    """
    codings = ",".join(message.headers.getall(hdrs.TRANSFER_ENCODING, ()))
    return any(coding.strip().lower() not in ("", "chunked") for coding in codings.split(","))


def _is_utf8(message: Any) -> bool:
    """Whether a request's line and headers are UTF-8 (aiohttp hands on other bytes as lone
    surrogates).
    """
    try:
        message.path.encode()
        for name, value in message.raw_headers:
            name.decode()
            value.decode()
    except UnicodeError:
        return False
    return True
