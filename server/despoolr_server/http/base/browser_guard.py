"""What a browser may be made to do by a page that is not ours: nothing that changes anything, and
nothing under another name.

The law: a caller that shows a token of ours itself (`Authorization: Bearer`) is nobody's victim.
What a browser sends by itself is a password that it remembers (Basic), or nothing at all. So

* a call that changes something comes from no other origin (`Sec-Fetch-Site`, `Origin`: cross-site
  request forgery);
* a call without a Bearer token is addressed by a name that nobody outside can give to this server
  (`Host`: DNS rebinding): an IP address, a loopback name, a name without a dot or below a domain
  that is not public, or one that was configured;
* a JSON body is not sent as what a form can send (`Content-Type`).

Sources: Fetch, "CORS-safelisted request-header"; RFC 6761, RFC 6762; OWASP's Cross-Site Request
Forgery Prevention.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from multidict import istr

from despoolr_server.http.base.problem import Refused, known
from despoolr_server.http.handling import hdrs
from despoolr_server.http.handling.handler import Request

SAFE_METHODS: Final = frozenset(("GET", "HEAD", "OPTIONS", "PROPFIND"))
"""Methods that change nothing."""

NOT_SAFE: Final = frozenset(("/api/v1/messages",))
"""Addresses whose GET changes something: a message that was read is gone."""

ASKED_BY_ANYONE: Final = frozenset(("/healthz", "/ready"))
"""Addresses that answer under any name: they name nobody, and health is asked for by load
balancers.
"""

PRIVATE_DOMAINS: Final = ("localhost", "local", "internal", "home.arpa", "svc", "cluster.local")
"""Domains that no public name server answers for: of the special-use names, and of Kubernetes'
services.
"""

FORM_TYPES: Final = frozenset(("text/plain", "multipart/form-data"))
"""What a form of a foreign page can send, and no JSON client does."""
URLENCODED: Final = "application/x-www-form-urlencoded"
"""The third such type, which curl's `-d` says as well: refused where a browser sent it."""

POLICY: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""What every page's Content-Security-Policy begins with; its own scripts and styles are named by
their hashes.
"""

SEC_FETCH_SITE: Final = istr("Sec-Fetch-Site")
_BEARER: Final = "bearer "
_USUAL_BEARERS: Final = frozenset(("Bearer ", _BEARER))
_AUTHORITY: Final = re.compile(r"(\[[^][@/\s]*\]|[^][@/:\s]*)(:\d*)?")
_PORTS: Final = {"http": "80", "https": "443"}


class BrowserGuard:
    """The checks of one server. `names` are those it may be addressed by besides, one with a port
    where browsers see that port and a proxy leaves it out of `Host`; `is_open`: it asks nobody for
    a token.
    """

    def __init__(self, names: Iterable[str] = (), *, is_open: bool = False) -> None:
        pairs = [_name_and_port(name) for name in names if name]
        self._names = frozenset(name for name, _ in pairs)
        self._origins = frozenset(pair for pair in pairs if pair[1])
        self._is_open = is_open
        self._known: set[str] = set()

    def passes(self, headers: Mapping[str, str]) -> bool:
        """Whether nobody's browser speaks so, with a token of ours: any call of it passes, and
        nearly all that is asked is spoken so.
        """
        return (
            headers.get(hdrs.AUTHORIZATION, "")[:7] in _USUAL_BEARERS
            and not self._is_open
            and hdrs.ORIGIN not in headers
            and SEC_FETCH_SITE not in headers
        )

    def check(self, request: Request) -> None:
        """Raises `Refused`: 403 for a change from another origin, 421 for a name that may be
        somebody else's.
        """
        headers = request.headers
        if self.passes(headers):
            return
        is_safe = request.method in SAFE_METHODS
        if not is_safe or request.path in NOT_SAFE:
            self._check_origin(request)
        if not self._is_open and headers.get(hdrs.AUTHORIZATION, "")[:7].lower() == _BEARER:
            return
        host = headers.get(hdrs.HOST)
        if host and host not in self._known and request.path not in ASKED_BY_ANYONE:
            self._check_host(host)

    def _check_origin(self, request: Request) -> None:
        headers = request.headers
        origin, site = headers.get(hdrs.ORIGIN), headers.get(SEC_FETCH_SITE)
        if site == "same-origin":
            return  # as the browser sees it, whatever name a proxy calls this server by
        if site not in (None, "none"):
            told = f"`Sec-Fetch-Site: {_shown(site)}` says that another site's page asks"
        elif origin is None or self._is_same(origin, headers.get(hdrs.HOST, "")):
            return  # its own page, or no browser of today
        else:
            told = f"`Origin: {_shown(origin)}` is not this server"
        raise Refused(
            known(
                "cross-origin",
                f"{told}: a page of another site may change nothing here. Ask from this "
                "server's own.",
            )
        )

    def _is_same(self, origin: str, host: str) -> bool:
        try:
            parts = urlsplit(origin)
            port = _PORTS[parts.scheme]
            name, given = _split(parts.netloc)
            here, here_port = _split(host)
        except (ValueError, KeyError):
            return False
        if name in self._names and not is_ours(name) and (given or port) == port:
            return True  # a public name, of a proxy that calls this server by another
        if (name, given or port) in self._origins:
            return True
        return bool(name) and name == here and (given or port) == (here_port or port)

    def _check_host(self, host: str) -> None:
        try:
            name, _ = _split(host)
        except ValueError:
            name = ""
        if not name or not (name in self._names or is_ours(name)):
            raise Refused(
                known(
                    "unknown-host",
                    f"`Host: {_shown(host)}` is not a name of this server. Use its "
                    "address, or ask its operator to "
                    "allow the name (`--allow-host`, DESPOOLR_ALLOW_HOST); a call with a Bearer "
                    "token may use any.",
                )
            )
        if len(self._known) < _KNOWN_MAX:
            self._known.add(host)


_KNOWN_MAX: Final = 64
"""`Host` headers remembered as good."""


def is_ours(name: str) -> bool:
    """Whether nobody outside can make this host name (lower case) mean this server: see the
    module.
    """
    if "." not in name.rstrip("."):
        return True  # of this machine, this compose network, this namespace
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return name.rstrip(".").endswith(tuple(f".{domain}" for domain in PRIVATE_DOMAINS))
    return True


def check_json_type(request: Request) -> None:
    """Raises `Refused` (415) for a JSON call whose body is said to be what a form of another site's
    page can send.
    """
    given = request.headers.get(hdrs.CONTENT_TYPE)
    if given is None:
        return
    kind = given.partition(";")[0].strip().lower()
    headers = request.headers
    is_browser = hdrs.ORIGIN in headers or SEC_FETCH_SITE in headers
    if kind in FORM_TYPES or (kind == URLENCODED and is_browser):
        raise Refused(
            known(
                "unsupported-media-type",
                f"This call takes JSON, not {_shown(kind)}. Send `application/json`.",
            )
        )


def page_headers(
    *, scripts: Iterable[str] = (), styles: Iterable[str] = (), connects: bool = False
) -> dict[str, str]:
    """The headers of a page that runs these inline scripts and styles and no others; it may call
    this server if it `connects`.
    """
    policy = POLICY
    for directive, texts in (("script-src", scripts), ("style-src", styles)):
        hashes = " ".join(f"'sha256-{_hash(text)}'" for text in texts)
        policy += f"; {directive} {hashes}" if hashes else ""
    return {
        hdrs.CONTENT_TYPE: "text/html; charset=utf-8",
        "Content-Security-Policy": f"{policy}; connect-src 'self'" if connects else policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
    }


def inline(html: str, tag: str) -> list[str]:
    """What stands in a page between `<tag>` and `</tag>`: what its policy names by hash."""
    return [part.partition(f"</{tag}>")[0] for part in html.split(f"<{tag}>")[1:]]


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _split(authority: str) -> tuple[str, str]:
    """Host (lower case) and port of an authority. Raises `ValueError`."""
    if not _AUTHORITY.fullmatch(authority):
        raise ValueError(authority)
    parts = urlsplit(f"//{authority}")
    port = parts.port
    return (parts.hostname or "").rstrip("."), "" if port is None else str(port)


def _name_and_port(name: str) -> tuple[str, str]:
    """What an operator calls a server: a name or an address, with a port or without."""
    try:
        return _split(name)
    except ValueError:  # an IPv6 address as it is listened at
        return name.rstrip(".").lower(), ""


def _shown(text: str) -> str:
    return ascii(text[:100])[1:-1]
