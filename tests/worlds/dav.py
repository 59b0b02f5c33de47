"""What tests of WebDAV over HTTP say and read: bodies to send, and answers taken apart."""

from __future__ import annotations

from typing import NamedTuple
from xml.etree.ElementTree import Element, fromstring

from worlds.share_server import Reply, Site

D = "{DAV:}"
P = "{urn:ietf:rfc:7807}"


class Part(NamedTuple):
    """One response of a multi-status: its status (0: see the properties), and each property's
    status and element.
    """

    status: int
    properties: dict[str, tuple[int, Element]]
    element: Element


def parts(reply: Reply) -> dict[str, Part]:
    """A multi-status by address."""
    assert reply.status == 207, reply
    assert reply.headers["Content-Type"].startswith("application/xml")
    root = fromstring(reply.body)
    assert root.tag == D + "multistatus"
    found: dict[str, Part] = {}
    for response in root:
        href = response.findtext(D + "href") or ""
        properties = {
            element.tag: (status_of(stat), element)
            for stat in response.findall(D + "propstat")
            for element in stat[0]
        }
        assert href not in found, href
        found[href] = Part(
            status_of(response) if response.find(D + "status") is not None else 0,
            properties,
            response,
        )
    return found


def status_of(element: Element) -> int:
    return int((element.findtext(D + "status") or "x 0").split()[1])


def lockinfo(scope: str = "exclusive", owner: str = "<D:owner>anna</D:owner>") -> bytes:
    """The body of a LOCK."""
    return (
        f'<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:{scope}/></D:lockscope>'
        f"<D:locktype><D:write/></D:locktype>{owner}</D:lockinfo>"
    ).encode()


def propfind(*names: str) -> bytes:
    """The body of a PROPFIND for some properties of the namespace DAV:."""
    asked = "".join(f"<D:{name}/>" for name in names)
    return f'<D:propfind xmlns:D="DAV:"><D:prop>{asked}</D:prop></D:propfind>'.encode()


def proppatch(inside: str) -> bytes:
    """The body of a PROPPATCH; `inside` uses the prefixes D and u (urn:u)."""
    return f'<D:propertyupdate xmlns:D="DAV:" xmlns:u="urn:u">{inside}</D:propertyupdate>'.encode()


async def lock(
    site: Site, target: str, token: str | None = None, scope: str = "exclusive", **headers: str
) -> str:
    """A lock that must be granted; its token, in angle brackets."""
    reply = await site.ask("LOCK", target, lockinfo(scope), token, **headers)
    assert reply.status in (200, 201), reply
    return str(reply.headers["Lock-Token"])
