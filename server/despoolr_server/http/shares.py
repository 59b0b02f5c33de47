"""`/{share}/{path}`: each method is an open, the work and a close, done by the host; this module only speaks HTTP.

A refusal is 423 with the blockers. Only asking for a file's facts (`HEAD`, `?stat=true`) opens nothing but its attributes,
and so conflicts with nothing. A poll that finds nothing new (a matching `If-None-Match`) is answered from the facts in memory
after the same check as any read.
"""

from __future__ import annotations

from html import escape
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from aiohttp import hdrs, web

from despoolr_core.sharing import NtStatus
from despoolr_core.wire import Entry, Listing, Problem
from despoolr_server.http.conditions import byte_range, http_date, is_plain, matches
from despoolr_server.http.problem import Handler, Refused, answer, bad_request, known
from despoolr_server.http.surface import Surface, json_answer, query, read_body, switch
from despoolr_server.share.host import NOT_MODIFIED, Caller, Content

TEXT_SUFFIXES: Final = (".ins", ".sni", ".mif", ".pck", ".nhm", ".nim", ".ini", ".txt", ".log", ".cfg", ".rul", ".uid")
"""Names that a browser shows as text; everything else is a download. Never HTML: any client may write files here."""


class ShareRoutes:
    """The methods of a share's files and directories, in one table: another method is another line."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._host = surface.host
        self.methods: dict[str, Handler] = {
            "GET": self.get,
            "HEAD": self.head,
            "PUT": self.put,
            "DELETE": self.delete,
            "MOVE": self.move,
            "COPY": self.copy,
            "MKCOL": self.make_directory,
            "OPTIONS": self.options,
        }
        self._allow = ", ".join(self.methods)

    async def get(self, request: web.Request) -> web.StreamResponse:
        """The file (200, 206), nothing new (304), or the names in a directory."""
        caller = self._surface.caller(request)
        info = request.match_info
        share, path = info["share"], info.get("path", "")
        headers = request.headers
        if request.rel_url.raw_query_string and switch("stat", query(request, "stat")["stat"]):
            return self._facts(caller, share, path)
        if not path or path[-1] == "/":
            return self._listing(request, caller, share, path)
        wanted = headers.get(hdrs.IF_NONE_MATCH, "")
        if wanted and not is_plain(wanted):
            etag = self._etag(caller, share, path)
            wanted = etag if matches(wanted, etag) else ""
        if wanted and self._host.is_unchanged(caller, share, path, wanted):
            return web.Response(status=304, headers={hdrs.ETAG: wanted})
        content = await self._host.get(caller, share, path, wanted)
        if content is NOT_MODIFIED:
            return web.Response(status=304, headers={hdrs.ETAG: wanted})
        if type(content) is Problem:
            if content.nt_status == NtStatus.FILE_IS_A_DIRECTORY and takes_listing(headers.get(hdrs.ACCEPT, "")):
                return self._listing(request, caller, share, path)
            return answer(content)
        assert type(content) is Content
        return _file(request, share, path, content)

    async def head(self, request: web.Request) -> web.StreamResponse:
        """What GET would say of the file, by its attributes alone."""
        caller, share, path = self._asked(request)
        found = self._host.stat(caller, share, path.rstrip("/"))
        if isinstance(found, Problem):
            return answer(found)
        entry, etag = found
        if entry.directory:
            return web.Response(content_type="application/json")
        if matches(request.headers.get(hdrs.IF_NONE_MATCH, ""), etag):
            return web.Response(status=304, headers={hdrs.ETAG: etag})
        headers = _file_headers(path, etag, entry.modified_at)
        headers[hdrs.CONTENT_LENGTH] = str(entry.size)
        return web.Response(headers=headers)

    async def put(self, request: web.Request) -> web.StreamResponse:
        """Replace or create the whole file. `If-None-Match: *` only creates; `If-Match` only replaces what you have seen."""
        caller, share, path = self._asked(request)
        if hdrs.CONTENT_RANGE in request.headers:
            raise bad_request("PUT replaces the whole file. To write a part, open it and PUT to /api/v1/opens/{id}/content.")
        data = await read_body(request, self._surface.body_size_max)
        existing = self._check_match(request, caller, share, path)
        create_only = request.headers.get(hdrs.IF_NONE_MATCH, "").strip() == "*"
        etag = await self._host.put(caller, share, path, data, create_only=create_only)
        if isinstance(etag, Problem):
            return answer(etag)
        return web.Response(status=204 if existing else 201, headers={hdrs.ETAG: etag})

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """Delete a file or an empty directory."""
        caller, share, path = self._asked(request)
        self._check_match(request, caller, share, path)
        refusal = await self._host.delete(caller, share, path.rstrip("/"))
        return answer(refusal) if refusal else web.Response(status=204)

    async def move(self, request: web.Request) -> web.StreamResponse:
        """Rename within the share, to `Destination`; `Overwrite: F` refuses an existing name."""
        caller, share, path = self._asked(request)
        new_path, replace = _destination(request, share)
        self._check_match(request, caller, share, path)
        existing = self._etag(caller, share, new_path)
        refusal = await self._host.move(caller, share, path.rstrip("/"), new_path, replace=replace)
        return answer(refusal) if refusal else web.Response(status=204 if existing else 201)

    async def copy(self, request: web.Request) -> web.StreamResponse:
        """Copy within the share, to `Destination`; `Overwrite: F` refuses an existing name."""
        caller, share, path = self._asked(request)
        new_path, replace = _destination(request, share)
        existing = self._etag(caller, share, new_path)
        refusal = await self._host.copy(caller, share, path.rstrip("/"), new_path, replace=replace)
        return answer(refusal) if refusal else web.Response(status=204 if existing else 201)

    async def make_directory(self, request: web.Request) -> web.StreamResponse:
        """Make a directory; with `?parents=true` also those above it, and one that exists is fine (204)."""
        caller, share, path = self._asked(request)
        parents = switch("parents", query(request, "parents")["parents"])
        if request.can_read_body:
            raise Refused(known("unsupported-media-type", "MKCOL takes no body here. Send none."))
        found = self._host.stat(caller, share, path.rstrip("/"))
        refusal = await self._host.make_directory(caller, share, path.rstrip("/"), parents=parents)
        if refusal is not None and refusal.nt_status == NtStatus.OBJECT_NAME_COLLISION:
            return answer(refusal, {hdrs.ALLOW: self._allow}, status=405)  # RFC 4918, 9.3.1: 405, where the share says 412
        if refusal is not None:
            return answer(refusal)
        return web.Response(status=201 if isinstance(found, Problem) else 204)

    async def options(self, request: web.Request) -> web.StreamResponse:
        """Which methods there are. It says nothing about files, so it asks for no token."""
        return web.Response(headers={hdrs.ALLOW: self._allow, "Accept-Ranges": "bytes"})

    # -- what they share

    def _asked(self, request: web.Request) -> tuple[Caller, str, str]:
        return self._surface.caller(request), request.match_info["share"], request.match_info.get("path", "")

    def _etag(self, caller: Caller, share: str, path: str) -> str:
        """The ETag of what has that name now (a directory's may be any text), or `""`."""
        found = self._host.stat(caller, share, path)
        return "" if isinstance(found, Problem) else (found[1] or '"directory"')

    def _check_match(self, request: web.Request, caller: Caller, share: str, path: str) -> bool:
        """Whether the name exists. Raises `Refused` (412) where `If-Match` or `If-None-Match` forbid to go on."""
        etag = self._etag(caller, share, path.rstrip("/"))
        match = request.headers.get(hdrs.IF_MATCH)
        if match is not None and not matches(match, etag):
            seen = f"It is now {etag}" if etag else "There is no such file"
            detail = f"{seen}, not {match[:80]}. Read it again, then decide."
            raise Refused(known("precondition-failed", detail, share=share, path=path))
        none_match = request.headers.get(hdrs.IF_NONE_MATCH, "").strip()
        if none_match not in ("", "*") and matches(none_match, etag):
            raise Refused(known("precondition-failed", f"The file still is {etag}.", share=share, path=path))
        return bool(etag)

    def _facts(self, caller: Caller, share: str, path: str) -> web.Response:
        found = self._host.stat(caller, share, path.rstrip("/"))
        if isinstance(found, Problem):
            return answer(found)
        return json_answer(found[0], headers={hdrs.ETAG: found[1]} if found[1] else None)

    def _listing(self, request: web.Request, caller: Caller, share: str, path: str) -> web.Response:
        path = path.rstrip("/")
        entries = self._host.list(caller, share, path)
        if isinstance(entries, Problem):
            return answer(entries)
        if prefers_html(request.headers.get(hdrs.ACCEPT, "")):
            return web.Response(text=_index(share, path, entries), content_type="text/html")
        return json_answer(Listing(path, entries))


def takes_listing(accept: str) -> bool:
    """Whether an `Accept` header leaves room for a directory's names; our own client's wants octets or nothing."""
    return not accept or any(kind in accept for kind in ("*/*", "text/html", "application/json", "application/*"))


def prefers_html(accept: str) -> bool:
    """Whether `text/html` stands before `application/json` in an `Accept` header, as browsers send it."""
    html, json = accept.find("text/html"), accept.find("application/json")
    return html >= 0 and (json < 0 or html < json)


def _file(request: web.Request, share: str, path: str, content: Content) -> web.Response:
    headers = _file_headers(path, content.etag, content.modified_at)
    data = content.data
    match = request.headers.get(hdrs.IF_MATCH)
    if match is not None and not matches(match, content.etag):
        raise Refused(known("precondition-failed", f"The file is now {content.etag}.", share=share, path=path))
    asked = request.headers.get(hdrs.RANGE)
    if asked is None or request.headers.get(hdrs.IF_RANGE, content.etag) != content.etag:
        return web.Response(body=data, headers=headers)
    try:
        part = byte_range(asked, len(data))
    except ValueError:
        unsatisfied = known("range-not-satisfiable", f"The file has {len(data)} octets.", share=share, path=path)
        raise Refused(unsatisfied, {hdrs.CONTENT_RANGE: f"bytes */{len(data)}"}) from None
    if part is None:
        return web.Response(body=data, headers=headers)
    headers[hdrs.CONTENT_RANGE] = f"bytes {part[0]}-{part[1] - 1}/{len(data)}"
    return web.Response(status=206, body=data[part[0] : part[1]], headers=headers)


def _file_headers(path: str, etag: str, modified_at: float) -> dict[str, str]:
    text = path.lower().endswith(TEXT_SUFFIXES)
    return {
        hdrs.CONTENT_TYPE: "text/plain" if text else "application/octet-stream",
        hdrs.ETAG: etag,
        hdrs.LAST_MODIFIED: http_date(int(modified_at)),
        hdrs.ACCEPT_RANGES: "bytes",
        "X-Content-Type-Options": "nosniff",
    }


def _destination(request: web.Request, share: str) -> tuple[str, bool]:
    """The new path and whether an existing one may be replaced. Raises `Refused` for a destination elsewhere."""
    text = request.headers.get("Destination", "")
    overwrite = request.headers.get("Overwrite", "T").strip().upper()
    if not text:
        raise bad_request(f"{request.method} needs a `Destination` header: /{share}/new/path, percent-encoded.")
    if overwrite not in ("T", "F"):
        raise bad_request(f"`Overwrite` must be T or F, not {overwrite[:40]!r}.")
    parts = urlsplit(text)
    if not parts.path.startswith("/"):
        raise bad_request(f"`Destination` must be a URL, or a path from the root like /{share}/new/path.")
    to_share, _, to_path = parts.path[1:].partition("/")
    if (parts.netloc and parts.netloc.lower() != request.host.lower()) or unquote(to_share).lower() != share.lower():
        raise Refused(known("another-server", f"{text[:200]} is not on this server's share {share}. Read here and write there."))
    return unquote(to_path).rstrip("/"), overwrite == "T"


def _index(share: str, path: str, entries: list[Entry]) -> str:
    here = f"/{quote(share)}/{quote(path)}".rstrip("/") + "/"
    rows = [] if not path else [f'<tr><td><a href="{escape(here.rsplit("/", 2)[0])}/">..</a></td><td></td><td></td></tr>']
    for entry in entries:
        href, slash = escape(here + quote(entry.name)), "/" if entry.directory else ""
        size = "" if entry.directory else f"{entry.size:,}"
        rows.append(
            f'<tr><td><a href="{href}{slash}">{escape(entry.name)}{slash}</a></td>'
            f"<td>{size}</td><td>{http_date(int(entry.modified_at))[5:-4]}</td></tr>"
        )
    title = escape(f"\\\\{share}\\{path}".rstrip("\\").replace("/", "\\"))
    return _PAGE.format(title=title, rows="\n".join(rows))


_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }} td, th {{ text-align: left; padding: .2rem .8rem .2rem 0 }}
td:nth-child(2), th:nth-child(2) {{ text-align: right }}
</style>
<h1>{title}</h1>
<table><tr><th>Name</th><th>Size</th><th>Modified (site time)</th></tr>
{rows}
</table>
</html>
"""
