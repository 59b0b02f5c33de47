"""What a long-running process is told, each value read by one function from the text of an option.

The law: a wrong value stops the process before anything is bound or written, with one line that
names the value and what would be right (`ConfigError`). Nothing here touches the network or a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from despoolr_app.clocks.time_source import Anchor
from despoolr_core.errors import FormatError
from despoolr_core.formats.sms_id import check_site_code
from despoolr_core.profile import Profile, ProfileError, profile_of, with_overrides
from despoolr_core.response import Response
from despoolr_core.rules.fold import fold
from despoolr_core.rules.text import MACHINE_NAME_SIZE_MAX
from despoolr_core.share.fleet_api import ServerCard
from despoolr_core.suggest import suggestion
from despoolr_core.times import span_s
from despoolr_core.timing import Timing, parse_timing
from despoolr_server.site.state.rows.slots import LEASE_S, LEASE_S_MAX, LEASE_S_MIN

SITE_PORT: Final = 8801
LOGON_PORT: Final = 8802
FLEET_PORT: Final = 8804

_MACHINE: Final = re.compile(r"[A-Z0-9][A-Z0-9_-]*")
_SHARE: Final = re.compile(r"[A-Za-z0-9_$][A-Za-z0-9_$.-]{0,79}")


class ConfigError(ValueError):
    """A setting that cannot be used; the message is one line and says what can. Who must act: the
    operator.
    """


class Listen(msgspec.Struct, frozen=True):
    """Where a server listens. Port 0 takes a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """Where a program on this machine reaches it: nobody opens 0.0.0.0."""
        return f"http://{Listen(_LOCAL.get(self.host, self.host), self.port)}"


class SiteAddress(msgspec.Struct, frozen=True):
    """Another site: its code, its site server, where that answers."""

    code: str
    server: str
    url: str


_LOCAL: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "localhost": "127.0.0.1"}

REAL: Final = Timing(1.0)


class RuntimeSettings(msgspec.Struct, frozen=True):
    """What every process is told. `secret` None: take the one in `data`, or make one if `listens`
    are all loopback.
    """

    data: Path
    timing: Timing = REAL
    secret: bytes | None = None
    clock_url: str = ""
    version: str = ""
    """The SMS version of the site that is served; none for a logon server."""
    listens: tuple[Listen, ...] = ()
    since: float | None = None
    """Seconds since 1970 that scaled time is counted from, where all processes of a stack have that
    in common.
    """
    anchor: Anchor | None = None
    """A moment by this machine's steady clock, where the processes of a stack have that in common
    too.
    """
    database_password: str = ""
    """For a site database whose URL has none."""
    allow_hosts: tuple[str, ...] = ()
    """Names by which browsers and WebDAV clients may address the servers, besides their own."""
    allow_faults: bool = False
    """Whether an administrator may break the servers (`/api/v1/faults`)."""
    fast_lane: bool = True
    """Whether requests that came whole may be answered past aiohttp (`http.connections`)."""


class SiteSettings(msgspec.Struct, frozen=True):
    """A site server. Its parent's address is one of its addresses."""

    listen: Listen
    name: str
    code: str
    domain: str
    profile: Profile
    response: Response
    servers: tuple[ServerCard, ...] = ()
    addresses: tuple[SiteAddress, ...] = ()
    parent: SiteAddress | None = None
    log_layout: str = ""
    """Of the log files, where it is not the version's own."""
    overrides: dict[str, str] = msgspec.field(default_factory=dict)
    database: str = ""
    """URL of the site database; empty: a file in the data directory."""
    clients_wanted: int = 0
    """How many clients all fleets are to be together; 0: as many as they lease."""
    netware: frozenset[str] = frozenset()
    """Names of the servers that are NetWare's."""
    fleet_lease_s: float = LEASE_S
    """Seconds of this machine's time after which a silent fleet's numbers are given away."""


class LogonSettings(msgspec.Struct, frozen=True):
    """A logon server, a distribution server, or both."""

    listen: Listen
    name: str
    logon: bool = True
    distribution: bool = True
    package_share: str = "SMS_PKGD"


def parse_listen(text: str, port_default: int) -> Listen:
    """Read `host:port`, `host`, `:port` or `[::1]:port`. Raises `ConfigError`."""
    wanted = text.strip()
    host, colon, port = wanted.rpartition(":")
    if not colon or wanted.endswith("]"):
        host, port = (wanted, "") if not wanted.isdecimal() else ("", wanted)
    host = host.strip("[]") or "127.0.0.1"
    try:
        host.encode("idna")
    except UnicodeError:
        raise ConfigError(f"{host!r} can be no host's name") from None
    if not port:
        return Listen(host, port_default)
    if (
        not port.isdecimal()
        or int(port) > 65535
        or "/" in host
        or (":" in host and "[" not in wanted)
    ):
        raise ConfigError(f"{text!r} is not host:port, such as 127.0.0.1:{port_default}")
    return Listen(host, int(port))


def parse_machine(text: str) -> str:
    """A machine's name in upper case. Raises `ConfigError`."""
    name = fold(text.strip())
    if not _MACHINE.fullmatch(name) or len(name) > MACHINE_NAME_SIZE_MAX:
        raise ConfigError(
            f"{text!r} is not a machine name: up to {MACHINE_NAME_SIZE_MAX} letters, digits, - "
            "and _, such as LOGON1"
        )
    return name


def parse_url(text: str) -> str:
    """A server's URL without a path. Raises `ConfigError`."""
    url = text.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        good = (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and not parts.path
            and parts.port != 0
        )
    except ValueError:
        good = False
    if not good:
        raise ConfigError(f"{text!r} is not a server's URL, such as http://127.0.0.1:{LOGON_PORT}")
    return url


def parse_named_server(text: str) -> ServerCard:
    """Read `NAME=URL`, then after commas `distribution`, `nologon`, `share=NAME`, `domain=NAME`.
    Raises `ConfigError`.
    """
    place, *words = text.split(",")
    name, equals, url = place.partition("=")
    if not equals:
        raise ConfigError(
            f"{text!r} is not NAME=URL, such as LOGON1=http://127.0.0.1:{LOGON_PORT},distribution"
        )
    server = {"logon": True, "distribution": False}
    named = {"share": "SMS_PKGD", "domain": ""}
    for word in (w.strip() for w in words):
        key, equals, value = word.partition("=")
        if word == "distribution":
            server["distribution"] = True
        elif word == "nologon":
            server["logon"] = False
        elif equals and key in named and _SHARE.fullmatch(value):
            named[key] = fold(value)
        else:
            raise ConfigError(
                f"{word!r} in {text!r} is none of distribution, nologon, share=NAME, domain=NAME"
            )
    if not server["logon"] and not server["distribution"]:
        raise ConfigError(f"{text!r} is neither a logon nor a distribution server")
    return ServerCard(
        parse_machine(name),
        parse_url(url),
        server["logon"],
        server["distribution"],
        named["share"],
        named["domain"],
    )


def parse_netware(names: Iterable[str], servers: Iterable[str]) -> frozenset[str]:
    """Those of the site's servers that are NetWare's. Raises `ConfigError` for a name that none
    has.
    """
    wanted, there = {parse_machine(name) for name in names}, list(servers)
    for name in sorted(wanted.difference(there)):
        raise ConfigError(f"--netware: the site has no server {name!r}{suggestion(name, there)}")
    return frozenset(wanted)


def parse_address(text: str) -> SiteAddress:
    """The address that `SITE=SERVER=URL` says. Raises `ConfigError`."""
    parts = text.split("=", 2)
    if len(parts) != 3:
        raise ConfigError(
            f"{text!r} is not SITE=SERVER=URL, such as PAR=PARSRV=http://127.0.0.1:8811"
        )
    return SiteAddress(parse_code(parts[0]), parse_machine(parts[1]), parse_url(parts[2]))


def check_addresses(
    code: str, server: str, addresses: Iterable[SiteAddress], parent: SiteAddress | None
) -> None:
    """Whether every other site has one address and none is this site's own. Raises
    `ConfigError`.
    """
    known: dict[str, SiteAddress] = {}
    for address in [*addresses, *([parent] if parent else [])]:
        if address.code == code:
            what = "its own parent" if address is parent else "another site"
            raise ConfigError(
                f"site {code} cannot be {what}: give this site another --code, or name another site"
            )
        if address.server == server:
            raise ConfigError(
                f"site {address.code} and this one cannot both be on {server}: give this server "
                "another --name"
            )
        if known.setdefault(address.code, address) != address:
            raise ConfigError(
                f"site {address.code} has two addresses that differ: {known[address.code].url} "
                f"and {address.url}"
            )


def parse_code(text: str) -> str:
    """A site code in upper case. Raises `ConfigError`."""
    try:
        return check_site_code(text.strip())
    except FormatError as error:
        raise ConfigError(str(error)) from None


def parse_response(text: str) -> Response:
    """A Response setting, whatever the case; `-` and `_` are spaces. Raises `ConfigError`."""
    wanted = " ".join(text.replace("-", " ").replace("_", " ").split()).lower()
    for response in Response:
        if response.lower() == wanted:
            return response
    raise ConfigError(f"{text!r} is not a Response setting; there are {', '.join(Response)}")


def parse_overrides(items: Iterable[str]) -> dict[str, str]:
    """Read `field=value` items. Raises `ConfigError`."""
    overrides: dict[str, str] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals:
            raise ConfigError(f"{item!r} is not field=value; `despoolr profiles` lists the fields")
        overrides[name.strip()] = value.strip()
    return overrides


def parse_profile(version: str, overrides: Mapping[str, str]) -> Profile:
    """A version's profile with some fields changed. Raises `ConfigError`."""
    try:
        return with_overrides(profile_of(version), dict(overrides))
    except ProfileError as error:
        raise ConfigError(str(error)) from None


def parse_pace(text: str) -> Timing:
    """`real` or `xN`; servers over sockets cannot run in virtual time. Raises `ConfigError`."""
    try:
        timing = parse_timing(text.strip())
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if timing.is_virtual:
        raise ConfigError(
            "servers with real clients run in real or scaled time: --time real or --time xN, "
            "such as x60"
        )
    return timing


def parse_span(text: str) -> float:
    """Seconds of a span such as `90s`, `1h` or `2d 4h`. Raises `ConfigError`."""
    try:
        seconds = span_s(text)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if not seconds > 0:
        raise ConfigError(f"{text!r} must be longer than 0 s; give a span such as 1h")
    return seconds


def parse_fleet_lease(text: str) -> float:
    """Seconds after which a silent fleet has lost its clients. Raises `ConfigError`."""
    seconds = parse_span(text)
    if not LEASE_S_MIN <= seconds <= LEASE_S_MAX:
        raise ConfigError(
            f"{text!r} is not a possible lease: give {LEASE_S_MIN:.0f}s to "
            f"{LEASE_S_MAX / 3600:.0f}h, such as 30s"
        )
    return seconds


def parse_roles(text: str) -> tuple[bool, bool]:
    """Whether `logon` and whether `distribution` is in a comma-separated list. Raises
    `ConfigError`.
    """
    words = {word.strip().lower() for word in text.split(",") if word.strip()}
    if not words or words - {"logon", "distribution"}:
        raise ConfigError(f"{text!r} is not logon, distribution, or logon,distribution")
    return "logon" in words, "distribution" in words
