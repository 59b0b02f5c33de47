"""PROPFIND and PROPPATCH: properties of files and directories, live ones from what the share knows,
dead ones as they were kept.

The law: live properties are told, never set (but for a display name, which is as good as dead); a
PROPPATCH does all it is asked or nothing, in the order of its steps. A dead property is a client's
XML, given back as it came. One answer holds at most `FOUND_MAX` resources; a deeper look is
refused, and says how to look instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from despoolr_core.share.wire import Problem
from despoolr_server.engine.rows import FileFacts
from despoolr_server.http.base.pieces import PIECE_SIZE, check_size_of, in_pieces
from despoolr_server.http.base.problem import known
from despoolr_server.http.base.surface import Surface, read_body
from despoolr_server.http.dav.answers import (
    XML_TYPE,
    href,
    lock_error,
    multistatus,
    multistatus_texts,
    refuse,
    status_line,
)
from despoolr_server.http.dav.bodies import (
    XML_SIZE_MAX,
    PropertyChange,
    PropertyQuery,
    XmlRefused,
    byte_size,
    empty_element,
    escaped,
    names_size,
    parse_propfind,
    parse_proppatch,
)
from despoolr_server.http.dav.fragments import KeptFragments
from despoolr_server.http.dav.live_properties import (
    ALWAYS,
    DISPLAY_NAME,
    LIVE,
    Live,
    LiveProperties,
)
from despoolr_server.http.dav.request import Asking, depth, xml_refused
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.handler import Handler, Request, StreamResponse
from despoolr_server.http.handling.single_write import SingleWriteResponse
from despoolr_server.loop.pace import BATCH, batches, turn
from despoolr_server.shares.base.principal import TooMany
from despoolr_server.shares.dav import NO_LOCKS, NO_PROPERTIES, DavResource, Looked, PlainFiles

KEPT_MAX: Final = 256
"""Dead properties of one resource."""

KEPT_SIZE_MAX: Final = 128 * 1024
"""Characters of all dead properties of one resource."""

_OK: Final = f"</D:prop><D:status>{status_line(200)}</D:status></D:propstat>"
_NOT_FOUND: Final = f"</D:prop><D:status>{status_line(404)}</D:status></D:propstat>"

_FIXED_SIZE: Final = 1536
_LOCK_SIZE: Final = 512
"""Bytes of a response with all live properties, and of a lock in it, but for what has a length of
its own.
"""


class PropertyRoutes:
    """The two methods on properties. Handlers raise `Refused`, which is answered as a problem."""

    def __init__(self, surface: Surface, asking: Asking) -> None:
        self._surface = surface
        self.host = surface.host
        self._asking = asking
        self._kept = KeptFragments()
        self.methods: dict[str, Handler] = {"PROPFIND": self.find, "PROPPATCH": self.patch}

    async def find(self, request: Request) -> StreamResponse:
        """207 with what was asked for, of the resource and of what is in it, as deep as `Depth`
        says.
        """
        caller, share, path = self._asking.asked(request)
        how = depth(request, "infinity", "0", "1", "infinity")
        try:
            asked = parse_propfind(await read_body(request, XML_SIZE_MAX))
        except XmlRefused as error:
            raise xml_refused(error, share, path) from None
        self._asking.check_conditions(request, caller, share, path)
        if how == "0":
            found = await self.host.dav.look(caller, share, path, 0)
            return await self._told(request, share, path, asked, found)
        async with self._surface.looks.one(caller.who.machine):
            found = await self.host.dav.look(caller, share, path, {"1": 1, "infinity": None}[how])
            size = await _size_about(found, asked) if isinstance(found, list) else 0
        return await self._told(request, share, path, asked, found, size)

    async def _told(
        self,
        request: Request,
        share: str,
        path: str,
        asked: PropertyQuery,
        found: Looked | TooMany | Problem,
        size: int = 0,
    ) -> StreamResponse:
        if isinstance(found, Problem):
            return refuse(request, found)
        if isinstance(found, TooMany):
            detail = (
                f"There are more than {found.found_max} resources below. Ask with `Depth: "
                "1`, directory by directory."
            )
            problem = known("propfind-finite-depth", detail, share=share, path=path)
            return refuse(request, problem, error="propfind-finite-depth")
        check_size_of(size, "Ask for fewer properties, or with `Depth: 1`, directory by directory.")
        texts = multistatus_texts(self._responses(share, found, asked))
        return await in_pieces(request, HTTPStatus.MULTI_STATUS, XML_TYPE, texts, size_about=size)

    async def find_shares(self, request: Request) -> StreamResponse:
        """207 of the server's root: a directory with the shares in it. Clients look there before
        they look into a share.
        """
        caller = self._surface.caller(request)
        how = depth(request, "infinity", "0", "1", "infinity")
        try:
            asked = parse_propfind(await read_body(request, XML_SIZE_MAX))
        except XmlRefused as error:
            raise xml_refused(error, "", "") from None
        if how == "infinity":
            problem = known(
                "propfind-finite-depth",
                "Ask the server's root with `Depth: 1`, then share by share.",
            )
            return refuse(request, problem, error="propfind-finite-depth")
        root = FileFacts("", 0, self._surface.started_at, True, 0, "")
        responses = [*self._responses("", [DavResource(root, NO_PROPERTIES, NO_LOCKS)], asked)]
        for share in self.host.share_names() if how == "1" else ():
            found = await self.host.dav.look(caller, share, "", 0)
            responses += [*self._responses(share, found, asked)] if isinstance(found, list) else []
        return SingleWriteResponse(
            HTTPStatus.MULTI_STATUS,
            {hdrs.CONTENT_TYPE: XML_TYPE},
            b"".join(multistatus_texts(responses)),
        )

    async def patch(self, request: Request) -> StreamResponse:
        """207: all of it was done, or none, and why."""
        caller, share, path = self._asking.asked(request)
        try:
            changes = parse_proppatch(await read_body(request, XML_SIZE_MAX))
        except XmlRefused as error:
            raise xml_refused(error, share, path) from None
        self._asking.check_conditions(request, caller, share, path)
        visit = self.host.dav.may_set_properties(caller, share, path)
        if isinstance(visit, Problem):
            return refuse(request, visit, error=lock_error(visit, self.host.dav_locks.of_handle))
        before = visit.share.store.properties(visit.name)
        after = dict(before)
        for change in changes:
            if change.xml is None:
                after.pop(change.name, None)
            else:
                after[change.name] = change.xml
        wrong = {
            change.name: 403
            for change in changes
            if change.name in LIVE and change.name != DISPLAY_NAME
        }
        if not wrong and (len(after) > KEPT_MAX or sum(map(len, after.values())) > KEPT_SIZE_MAX):
            wrong = {change.name: 507 for change in changes if change.xml is not None}
        if not wrong:
            refusal = await self.host.dav.set_properties(caller, share, path, after)
            if refusal is not None:
                return refuse(request, refusal)
        facts = visit.share.store.find(visit.name)
        where = href(
            visit.share.name, visit.name.path, directory=facts is not None and facts.directory
        )
        return multistatus([_patched(where, changes, wrong)])

    def _responses(self, share: str, found: Looked, asked: PropertyQuery) -> Iterator[bytes]:
        """The responses, those of plain files as they were kept, where they were: of these as many
        together as are sent at one time.
        """
        response = self._response_of(share, asked)
        for one in found:
            if isinstance(one, list):
                size = len(self._of_file(share, asked, one[0], response))
                for files in batches(one, max(1, PIECE_SIZE // size)):
                    yield self._together(share, asked, files, response)
            elif one.facts.directory or one.properties or one.locks:
                yield response(one)
            else:
                yield self._of_file(share, asked, one.facts, response)

    def _together(
        self,
        share: str,
        asked: PropertyQuery,
        files: PlainFiles,
        response: Callable[[DavResource], bytes],
    ) -> bytes:
        """The responses about files that stand one after the other."""
        kept = self._kept.of(share, asked).runs.get(files[0].path)
        if kept is not None and kept[0] == files:
            return kept[1]
        joined = b"".join([self._of_file(share, asked, facts, response) for facts in files])
        self._kept.keep_run(share, asked, files, joined)
        return joined

    def _of_file(
        self,
        share: str,
        asked: PropertyQuery,
        facts: FileFacts,
        response: Callable[[DavResource], bytes],
    ) -> bytes:
        """The response about a file that has neither properties nor locks."""
        kept = self._kept.of(share, asked).files.get(facts.path)
        if kept is not None and kept[0] is facts:
            return kept[1]
        made = response(DavResource(facts, NO_PROPERTIES, NO_LOCKS))
        self._kept.keep(share, asked, facts, made)
        return made

    def _response_of(self, share: str, asked: PropertyQuery) -> Callable[[DavResource], bytes]:
        """What makes the response about a resource. What is the same for all (what is asked for,
        where they stand) is worked out once.

        An address is percent-encoded, and so needs no escapes of XML.
        """
        wanted = (
            [(name, LIVE.get(name), empty_element(name)) for name in asked.names]
            if asked.kind == "prop"
            else None
        )
        of_share = LiveProperties(self.host.dav, share)
        directory: str | None = None
        start = ""

        def response(one: DavResource) -> bytes:
            nonlocal directory, start
            facts = one.facts
            parent, _, last = facts.path.rpartition("/")
            if parent != directory or not last:
                directory, start = parent, href(share, parent, directory=True)
            where = (start + quote(last) + ("/" if facts.directory else "")) if last else start
            if wanted is None:
                return _all(of_share, where, one, asked).encode()
            return _named(of_share, where, one, wanted).encode()

        return response


def _named(
    of_share: LiveProperties,
    where: str,
    found: DavResource,
    wanted: list[tuple[str, Live | None, str]],
) -> str:
    """The response to who asks for properties by name."""
    have: list[str] = []
    missing: list[str] = []
    kept = found.properties
    for name, live, empty in wanted:
        element = (
            live(of_share, found)
            if live is not None and not kept
            else _element(of_share, found, name)
        )
        if element is None:
            missing.append(empty)
        else:
            have.append(element)
    parts = ["<D:response><D:href>", where, "</D:href>"]
    if have or not missing:
        parts += ["<D:propstat><D:prop>", *have, _OK]
    if missing:
        parts += ["<D:propstat><D:prop>", *missing, _NOT_FOUND]
    parts.append("</D:response>")
    return "".join(parts)


def _all(of_share: LiveProperties, where: str, found: DavResource, asked: PropertyQuery) -> str:
    """The response to who asks for all properties, or for their names."""
    told = {
        name: element for name in ALWAYS if (element := _element(of_share, found, name)) is not None
    }
    if found.properties:
        told |= {name: xml for name, xml in found.properties.items() if name not in LIVE}
    if asked.kind == "propname":
        have = [empty_element(name) for name in told]
    else:
        have = [*told.values()]
        more = (_element(of_share, found, name) for name in asked.names if name not in told)
        have += [element for element in more if element is not None]
    found_xml = f"<D:propstat><D:prop>{''.join(have)}{_OK}"
    return f"<D:response><D:href>{where}</D:href>{found_xml}</D:response>"


def _element(of_share: LiveProperties, found: DavResource, name: str) -> str | None:
    live = LIVE.get(name)
    if live is None or name in found.properties:
        return found.properties.get(name)
    return live(of_share, found)


async def _size_about(found: Looked, asked: PropertyQuery) -> int:
    """How many bytes an answer may have. What has many properties counts as many things."""
    size, done, count = 0, 0, 0
    for one in found:
        if isinstance(one, list):
            size += len(one) * _FIXED_SIZE + 8 * sum([byte_size(facts.path) for facts in one])
            count += len(one)
            done += len(one)
        else:
            size += size_of(one)
            count += 1
            done += 1 + len(one.properties)
        if done >= 4 * BATCH:
            await turn()
            done = 0
    return size + count * names_size(asked.names)


def size_of(found: DavResource) -> int:
    """How many bytes the response about a resource may have, but for the names of what it does not
    have.
    """
    kept, locks = found.properties, found.locks
    size = _FIXED_SIZE + 8 * byte_size(found.facts.path)
    if kept:
        size += sum(map(byte_size, kept.values()))
    if locks:
        size += sum(byte_size(lock.owner) + 3 * byte_size(lock.path) + _LOCK_SIZE for lock in locks)
    return size


def _patched(where: str, changes: list[PropertyChange], wrong: dict[str, int]) -> str:
    """One response: each property with its own status; where one is wrong the others fail for it
    (424).
    """
    by_status: dict[int, list[str]] = {}
    for name in dict.fromkeys(change.name for change in changes):
        status = wrong.get(name, 424) if wrong else 200
        by_status.setdefault(status, []).append(empty_element(name))
    parts = [f"<D:response><D:href>{escaped(where)}</D:href>"]
    for status, names in by_status.items():
        error = "<D:error><D:cannot-modify-protected-property/></D:error>" if status == 403 else ""
        line = f"<D:status>{status_line(status)}</D:status>"
        parts.append(f"<D:propstat><D:prop>{''.join(names)}</D:prop>{line}{error}</D:propstat>")
    return "".join([*parts, "</D:response>"])
