"""Addresses: the one place where the text of a URL becomes a share and a path.

The law: percent-encoded text is UTF-8 and every `%` begins an escape; what is not that is refused
(400) and never guessed at, because a guess is another file. A fragment is no part of a file's
address (RFC 3986, 3.5), so a `#` that was not encoded is refused too, and where an address names a
file and nothing else, so is a `?`. `check_target` holds the address of every request to this;
`parse_url` reads those in `Destination` and in the tags of `If`. What a share does with a path
(dots, devices, backslashes) is the share's to say (`share.engine.names`).

Two authorities are one if their hosts and ports are: user information is ignored, hosts are
compared without regard to case and to a trailing dot (RFC 1034, 3.1), IPv6 addresses by value, and
a port left out is that of the scheme (RFC 3986, 6.2.3).
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

PORTS: Final = {"http": 80, "https": 443}
"""The schemes that lead to this server, and their ports where none is said."""

_AUTHORITY_MAX: Final = 512
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_URL: Final = re.compile(
    r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://([^/?#]*))?([^?#]*)([?#]?)", re.DOTALL
)
_HOST: Final = re.compile(
    r"(?:[^@]*@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(?::([0-9]{0,5}))?"
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class BadAddress(ValueError):
    """An address that cannot be read. The message says why, as a clause. Who must act: the
    client.
    """


class NoPlace(BadAddress):
    """An address that can be read and leads to no server's files, such as a URN or a path from
    nowhere.
    """


class Place(msgspec.Struct, frozen=True):
    """What an address leads to. `authority` is as it was written, `""` if none was; `path` keeps a
    slash at its end.
    """

    scheme: str
    authority: str
    share: str
    path: str


def decode(text: str) -> str:
    """Percent-encoded UTF-8 as text. Raises `BadAddress`."""
    if "%" not in text and text.isascii():
        return text
    if _BAD_ESCAPE.search(text):
        raise BadAddress("it has a `%` that begins no escape (a `%` of a name is written %25)")
    try:
        return unquote_to_bytes(text.encode("utf-8")).decode("utf-8")
    except UnicodeError:
        raise BadAddress("it is not UTF-8, percent-encoded") from None


def check_target(raw: str) -> None:
    """Hold the address of a request, as it came, to the law. Raises `BadAddress`."""
    if "#" in raw:
        raise BadAddress(
            "it has a `#`: a fragment is no part of a file's address (a `#` of a name is "
            "written %23)"
        )
    decode(raw)


def parse_url(text: str) -> Place:
    """An absolute URL, or a path from the root, that names a file and nothing else. Raises
    `BadAddress`, `NoPlace`.
    """
    if _CONTROL.search(text):
        raise BadAddress("it has a control character")
    found = _URL.match(text)
    assert found is not None, "the pattern takes any text"
    scheme, authority, path, rest = found.groups()
    if rest:
        raise BadAddress(
            f"it has a `{rest}`, which is no part of a file's address (percent-encode it)"
        )
    if authority is not None:
        split_authority(authority)
    if not path.startswith("/") or (scheme and authority is None):
        raise NoPlace("it is neither a URL nor a path from the root")
    share, _, below = path[1:].partition("/")
    return Place((scheme or "").lower(), authority or "", decode(share), decode(below))


def is_same_authority(place: Place, host: str) -> bool:
    """Whether an address is on the server that its client calls `host` (as in `Host`: a name,
    perhaps with a port).

    The scheme that counts is the address's own: in front of this server may stand a proxy that
    speaks TLS.
    """
    if not place.authority:
        return not place.scheme
    port = PORTS.get(place.scheme or "http")
    try:
        return port is not None and split_authority(place.authority, port) == split_authority(
            host, port
        )
    except BadAddress:
        return False


def split_authority(text: str, default_port: int = 0) -> tuple[str, int]:
    """Host and port in the form in which they are compared. Raises `BadAddress`."""
    found = _HOST.fullmatch(text) if len(text) <= _AUTHORITY_MAX else None
    if found is None or not found[1]:
        raise BadAddress("its host or port is none")
    host, port = found[1], int(found[2]) if found[2] else default_port
    if port > 0xFFFF:
        raise BadAddress("its port is none")
    if host.startswith("["):
        try:
            return f"[{IPv6Address(host[1:-1]).compressed}]", port
        except ValueError:
            raise BadAddress("its host is no IPv6 address") from None
    return decode(host).lower().removesuffix("."), port
