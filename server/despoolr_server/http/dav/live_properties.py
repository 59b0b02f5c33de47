"""The live properties of WebDAV: what a share knows of a resource, told as XML elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from despoolr_server.http.base.conditions import http_date, iso_date
from despoolr_server.http.base.media import content_type
from despoolr_server.http.dav.answers import SUPPORTED_LOCKS, lockdiscovery, visible
from despoolr_server.http.dav.bodies import DAV, escaped
from despoolr_server.shares.dav import Dav, DavResource

DISPLAY_NAME: Final = DAV + "displayname"


class LiveProperties:
    """The properties of what one share has: each an element, or None where a resource has none."""

    def __init__(self, dav: Dav, share: str) -> None:
        self._dav = dav
        self._share = share

    def creation_date(self, found: DavResource) -> str | None:
        return f"<D:creationdate>{iso_date(int(found.facts.modified_at))}</D:creationdate>"

    def display_name(self, found: DavResource) -> str | None:
        name = found.facts.path.rpartition("/")[2] or self._share
        return f"<D:displayname>{escaped(visible(name))}</D:displayname>"

    def length(self, found: DavResource) -> str | None:
        return (
            None
            if found.facts.directory
            else f"<D:getcontentlength>{found.facts.size}</D:getcontentlength>"
        )

    def content_type(self, found: DavResource) -> str | None:
        return (
            None
            if found.facts.directory
            else f"<D:getcontenttype>{content_type(found.facts.path)}</D:getcontenttype>"
        )

    def etag(self, found: DavResource) -> str | None:
        if found.facts.directory:
            return None
        return f"<D:getetag>{escaped(found.facts.etag)}</D:getetag>"

    def modified(self, found: DavResource) -> str | None:
        return f"<D:getlastmodified>{http_date(int(found.facts.modified_at))}</D:getlastmodified>"

    def kind(self, found: DavResource) -> str | None:
        return (
            "<D:resourcetype><D:collection/></D:resourcetype>"
            if found.facts.directory
            else "<D:resourcetype/>"
        )

    def discovery(self, found: DavResource) -> str | None:
        if not found.locks:
            return "<D:lockdiscovery/>"
        return lockdiscovery(found.locks, self._dav.left_s)

    def supported(self, _found: DavResource) -> str:
        return SUPPORTED_LOCKS

    def free(self, found: DavResource) -> str | None:
        if not found.facts.directory or not self._share:
            return None
        free = self._dav.free_bytes(self._share)
        return f"<D:quota-available-bytes>{free}</D:quota-available-bytes>"

    def used(self, found: DavResource) -> str | None:
        if not found.facts.directory or not self._share:
            return None
        return f"<D:quota-used-bytes>{self._dav.used_bytes(self._share)}</D:quota-used-bytes>"


Live = Callable[[LiveProperties, DavResource], str | None]

LIVE: Final[dict[str, Live]] = {
    DAV + "creationdate": LiveProperties.creation_date,
    DISPLAY_NAME: LiveProperties.display_name,
    DAV + "getcontentlength": LiveProperties.length,
    DAV + "getcontenttype": LiveProperties.content_type,
    DAV + "getetag": LiveProperties.etag,
    DAV + "getlastmodified": LiveProperties.modified,
    DAV + "resourcetype": LiveProperties.kind,
    DAV + "lockdiscovery": LiveProperties.discovery,
    DAV + "supportedlock": LiveProperties.supported,
    DAV + "quota-available-bytes": LiveProperties.free,
    DAV + "quota-used-bytes": LiveProperties.used,
}
"""The live properties (RFC 4918, 15; RFC 4331 for the quota). A file has one time: it was created
when modified.
"""

ALWAYS: Final = tuple(name for name in LIVE if not name.startswith(DAV + "quota-"))
"""Those that `allprop` shows; a quota is told to who asks for it by name (RFC 4331, 2)."""
