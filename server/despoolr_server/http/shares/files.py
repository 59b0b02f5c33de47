"""`/{share}/{path}`: each method is an open, the work and a close, done by the host; this module
only speaks HTTP.

Here are GET, HEAD, PUT and OPTIONS; the methods that only WebDAV has stand in `http.dav`.

A refusal is 423 with the blockers. Only asking for a file's facts (`HEAD`, `?stat=true`) opens
nothing but its attributes, and so conflicts with nothing. A poll that finds nothing new (a matching
`If-None-Match`) is answered from the facts in memory after the same check as any read.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from despoolr_core.phrases import counted
from despoolr_core.share.modes import NtStatus
from despoolr_core.share.wire import Problem
from despoolr_server.http.base.conditions import (
    byte_range,
    evaluate,
    http_date,
    is_by_then,
    is_plain,
    is_star,
    joined,
    matches,
)
from despoolr_server.http.base.media import content_type
from despoolr_server.http.base.pieces import bytes_answer
from despoolr_server.http.base.problem import Refused, bad_request, known
from despoolr_server.http.base.surface import IF, Surface, expects, json_answer, read_body, switch
from despoolr_server.http.base.uploads import Sending
from despoolr_server.http.dav.answers import lock_error, refuse
from despoolr_server.http.dav.collections import CollectionRoutes
from despoolr_server.http.dav.locking import LockRoutes
from despoolr_server.http.dav.properties import PropertyRoutes
from despoolr_server.http.dav.request import DIRECTORY_TAG, Asking, check_query
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.handler import Handler, Request, StreamResponse
from despoolr_server.http.handling.single_write import SingleWriteResponse, fields_of
from despoolr_server.http.shares.listings import listing_answer, listing_page
from despoolr_server.shares.base.principal import (
    LARGE_SIZE,
    NOT_MODIFIED,
    Caller,
    Content,
    NotModified,
    Written,
)


class ShareRoutes:
    """The methods of a share's files and directories, in one table: another method is another line.
    Handlers raise `Refused`, which is answered as a problem.
    """

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._host = surface.host
        self._asking = asking = Asking(surface)
        self.locks = LockRoutes(surface, asking)
        trees, properties = CollectionRoutes(surface, asking), PropertyRoutes(surface, asking)
        of_files: dict[str, Handler] = {
            "GET": self.get,
            "HEAD": self.head,
            "PUT": self.put,
            **trees.methods,
            **properties.methods,
            **self.locks.methods,
        }
        self.methods = {name: self._after_reading(call) for name, call in of_files.items()}
        self.methods["OPTIONS"] = self.options
        self.root_methods: dict[str, Handler] = {
            "PROPFIND": properties.find_shares,
            "OPTIONS": self.options,
        }
        """What the server's own root answers, so that a client finds the shares."""
        self._allow = trees.allow = ", ".join(self.methods)

    def _after_reading(self, handler: Handler) -> Handler:
        """A handler that looks for a name after its directory was read, if that takes long."""
        gate, surface = self._host.gate, self._surface

        async def handle(request: Request) -> StreamResponse:
            info = request.match_info
            share, path = info["share"], info.get("path", "")
            if gate.is_unread(share, path):
                surface.caller(request)  # who may not call is told so at once
                await gate.read_ahead(share, path)
            return await handler(request)

        return handle

    async def get(  # noqa: C901 - a hot path, its conditions in RFC 9110's order
        self, request: Request
    ) -> StreamResponse:
        """The file (200, 206), nothing new (304), or the names in a directory."""
        caller = self._surface.caller(request)
        info = request.match_info
        share, path = info["share"], info.get("path", "")
        headers = request.headers
        if IF in headers:
            self._asking.under(request, caller, share, path)
        if "?" in request.raw_path:
            check_query(request, "stat")
            if switch("stat", request.query["stat"]):
                return self._facts(request, caller, share, path)
        if not path or path[-1] == "/":
            return await self._listing(request, caller, share, path)
        if hdrs.IF_MATCH in headers or hdrs.IF_UNMODIFIED_SINCE in headers:
            with Sending(request) as sending:
                found = await self._host.paths.get(caller, share, path, before=sending)
                return await self._read(request, share, path, found, caller)
        wanted = headers.get(hdrs.IF_NONE_MATCH, "")
        if wanted and (not is_plain(wanted) or len(headers.getall(hdrs.IF_NONE_MATCH)) > 1):
            wanted = joined(headers, hdrs.IF_NONE_MATCH) or ""
            etag = self._asking.etag(caller, share, path)
            wanted = etag if matches(wanted, etag) else ""
        since = headers.get(hdrs.IF_MODIFIED_SINCE)
        if since is not None and hdrs.IF_NONE_MATCH not in headers:
            etag = self._unless_modified(caller, share, path, since)
            if etag:
                wanted = etag
        if wanted and self._host.polls.is_unchanged(caller, share, path, wanted):
            return SingleWriteResponse(304, {hdrs.ETAG: wanted})
        told = self.now_there(caller, share, path) if hdrs.RANGE not in headers else None
        if told is not None:
            return told
        with Sending(request) as sending:
            content = await self._host.paths.get(caller, share, path, wanted, sending)
            if content is NOT_MODIFIED:
                return SingleWriteResponse(304, {hdrs.ETAG: wanted})
            return await self._read(request, share, path, content, caller)

    def now_there(
        self, caller: Caller, share: str, path: str, size_max: int = LARGE_SIZE
    ) -> SingleWriteResponse | None:
        """The answer with a file of at most `size_max` bytes, where nothing of it goes on record
        and nobody is to be waited for; None where `get` has to be asked.
        """
        now = self._host.polls.content_now(caller, share, path, size_max)
        if now is None:
            return None
        return SingleWriteResponse(200, _file_lines(path, now.etag, now.modified_at), now.data)

    async def head(self, request: Request) -> StreamResponse:
        """What GET would say of the file, by its attributes alone."""
        caller, share, path = self._asking.asked(request, "stat")
        found = self._host.listings.stat(caller, share, path)
        if isinstance(found, Problem):
            return refuse(request, found)
        entry, etag = found
        self._asking.check_state(request, share, path, etag or DIRECTORY_TAG, entry.modified_at)
        if entry.directory:
            return SingleWriteResponse(200, {**_VARY, hdrs.CONTENT_TYPE: "application/json"})
        if evaluate(request.headers, etag, entry.modified_at, reads=True).status:
            return SingleWriteResponse(304, {hdrs.ETAG: etag})
        headers = _file_headers(path, etag, entry.modified_at)
        headers[hdrs.CONTENT_LENGTH] = str(entry.size)
        return SingleWriteResponse(200, headers)

    async def put(self, request: Request) -> StreamResponse:
        """Replace or create the whole file. `If-None-Match: *` only creates; `If-Match` only
        replaces what you have seen.
        """
        info = request.match_info
        caller, share, path = self._surface.caller(request), info["share"], info.get("path", "")
        if "?" in request.raw_path:
            check_query(request)
        if IF in request.headers:
            caller = self._asking.under(request, caller, share, path)
        if hdrs.CONTENT_RANGE in request.headers:
            raise bad_request(
                "PUT replaces the whole file. To write a part, open it and PUT to "
                "/api/v1/opens/{id}/content."
            )
        create_only = is_star(request.headers, hdrs.IF_NONE_MATCH)
        if expects(request):
            self._asking.check_conditions(request, caller, share, path)
            size = request.content_length or 0
            refusal = self._host.paths.why_not_put(
                caller, share, path, size, create_only=create_only
            )
            if refusal is not None:
                return refuse(
                    request, refusal, error=lock_error(refusal, self._host.dav_locks.of_handle)
                )
        data = await read_body(request, self._surface.body_size_max)
        self._asking.check_conditions(request, caller, share, path)
        written = await self._host.paths.put(caller, share, path, data, create_only=create_only)
        return (
            self.put_refused(request, written)
            if isinstance(written, Problem)
            else put_answer(written)
        )

    def put_refused(self, request: Request, refusal: Problem) -> StreamResponse:
        """That a file was not put."""
        return refuse(request, refusal, error=lock_error(refusal, self._host.dav_locks.of_handle))

    async def options(self, _request: Request) -> StreamResponse:
        """Which methods there are: those of WebDAV class 1 and 2. It says nothing about files, so
        it asks for no token.
        """
        return SingleWriteResponse(
            200,
            {
                hdrs.ALLOW: self._allow,
                "Accept-Ranges": "bytes",
                "DAV": "1, 2",
                "MS-Author-Via": "DAV",
            },
        )

    # -- what they share

    async def _read(
        self,
        request: Request,
        share: str,
        path: str,
        content: Content | NotModified | Problem,
        caller: Caller,
    ) -> StreamResponse:
        """What GET found, as far as the request's conditions let it be told."""
        if type(content) is Problem:
            if content.nt_status == NtStatus.FILE_IS_A_DIRECTORY and takes_listing(
                request.headers.get(hdrs.ACCEPT, "")
            ):
                return await self._listing(request, caller, share, path)
            return refuse(request, content)
        assert type(content) is Content
        return await _file(request, share, path, content)

    def _unless_modified(self, caller: Caller, share: str, path: str, since: str) -> str:
        """The ETag of a file that was last changed by `since` (an HTTP date), or `""`."""
        found = self._host.listings.stat(caller, share, path)
        if (
            isinstance(found, Problem)
            or found[0].directory
            or not is_by_then(since, found[0].modified_at)
        ):
            return ""
        return found[1]

    def _facts(self, request: Request, caller: Caller, share: str, path: str) -> StreamResponse:
        found = self._host.listings.stat(caller, share, path.rstrip("/"))
        if isinstance(found, Problem):
            return refuse(request, found)
        self._asking.check_state(
            request, share, path, found[1] or DIRECTORY_TAG, found[0].modified_at
        )
        return json_answer(found[0], headers={hdrs.ETAG: found[1]} if found[1] else None)

    async def _listing(
        self, request: Request, caller: Caller, share: str, path: str
    ) -> StreamResponse:
        path = path.rstrip("/")
        async with self._surface.looks.one(caller.who.machine):
            listed = await self._host.listings.list_long(caller, share, path)
        if isinstance(listed, Problem):
            return refuse(request, listed)
        if hdrs.IF_MATCH in request.headers or hdrs.IF_UNMODIFIED_SINCE in request.headers:
            found = self._host.listings.stat(caller, share, path)
            if not isinstance(found, Problem):
                self._asking.check_state(request, share, path, DIRECTORY_TAG, found[0].modified_at)
        if prefers_html(request.headers.get(hdrs.ACCEPT, "")):
            return await listing_page(request, share, path, listed, _VARY)
        return await listing_answer(request, path, listed, _VARY)


def put_answer(written: Written) -> SingleWriteResponse:
    """That a file was put."""
    return SingleWriteResponse(201 if written.is_new else 204, f"Etag: {written.etag}\r\n")


_VARY: Final[dict[str, str]] = {hdrs.VARY: hdrs.ACCEPT}
"""Of every answer to which `Accept` made a difference."""


def takes_listing(accept: str) -> bool:
    """Whether an `Accept` header leaves room for a directory's names; our own client's wants bytes
    or nothing.
    """
    return not accept or any(
        kind in accept for kind in ("*/*", "text/html", "application/json", "application/*")
    )


def prefers_html(accept: str) -> bool:
    """Whether `text/html` stands before `application/json` in an `Accept` header, as browsers send
    it.
    """
    html, json = accept.find("text/html"), accept.find("application/json")
    return html >= 0 and (json < 0 or html < json)


async def _file(request: Request, share: str, path: str, content: Content) -> StreamResponse:
    headers = _file_headers(path, content.etag, content.modified_at)
    data = content.data
    if hdrs.IF_MATCH in request.headers or hdrs.IF_UNMODIFIED_SINCE in request.headers:
        verdict = evaluate(request.headers, content.etag, content.modified_at, reads=True)
        if verdict.status == HTTPStatus.NOT_MODIFIED:
            return SingleWriteResponse(304, {hdrs.ETAG: content.etag})
        if verdict.status:
            raise Refused(known("precondition-failed", verdict.reason, share=share, path=path))
    asked = request.headers.get(hdrs.RANGE)
    if asked is None or request.headers.get(hdrs.IF_RANGE, content.etag) != content.etag:
        return await bytes_answer(request, 200, headers, data)
    try:
        part = byte_range(asked, len(data))
    except ValueError:
        unsatisfied = known(
            "range-not-satisfiable",
            f"The file has {counted(len(data), 'byte')}.",
            share=share,
            path=path,
        )
        raise Refused(unsatisfied, {hdrs.CONTENT_RANGE: f"bytes */{len(data)}"}) from None
    if part is None:
        return await bytes_answer(request, 200, headers, data)
    headers[hdrs.CONTENT_RANGE] = f"bytes {part[0]}-{part[1] - 1}/{len(data)}"
    return await bytes_answer(request, 206, headers, data[part[0] : part[1]])


def _file_headers(path: str, etag: str, modified_at: float) -> dict[str, str]:
    return fields_of(_file_lines(path, etag, modified_at))


def _file_lines(path: str, etag: str, modified_at: float) -> str:
    """The headers of a file, as the lines that they make."""
    return (
        f"Content-Type: {content_type(path)}\r\n"
        f"Etag: {etag}\r\n"
        f"Last-Modified: {http_date(int(modified_at))}\r\n"
        "Accept-Ranges: bytes\r\n"
        "X-Content-Type-Options: nosniff\r\n"
    )
