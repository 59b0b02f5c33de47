"""What a long-running process is told: command-line options and `DESPOOLR_*` variables, each read
by one function.

The law: a wrong value stops the process before anything is bound or written, with one line that
names the value and what would be right (`ConfigError`). Nothing here touches the network; only
secrets touch files.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from despoolr_app.clocks.time_source import Anchor
from despoolr_app.disk.plain_file import opener, read_plain
from despoolr_core.errors import FormatError
from despoolr_core.formats.sms_id import check_site_code
from despoolr_core.profile import Profile, ProfileError, profile_of, with_overrides
from despoolr_core.response import Response
from despoolr_core.rules.fold import fold
from despoolr_core.rules.text import MACHINE_NAME_SIZE_MAX
from despoolr_core.share.fleet_api import ServerCard
from despoolr_core.suggest import nearest, suggestion
from despoolr_core.times import span_s
from despoolr_core.timing import Timing, parse_timing
from despoolr_server.site.state.slots import LEASE_S, LEASE_S_MAX, LEASE_S_MIN

SITE_PORT: Final = 8801
LOGON_PORT: Final = 8802
FLEET_PORT: Final = 8804
SECRET_SIZE_MIN: Final = 16
SECRET_SIZE_MAX: Final = 4096
"""Bytes of a secret; no more of its file is read."""

VARIABLES: Final[dict[str, str]] = {
    "DESPOOLR_LISTEN": "host:port a server listens on",
    "DESPOOLR_LISTEN_LOGON": "host:port of the logon server of `serve all`",
    "DESPOOLR_ALLOW_FAULTS": "1: an administrator may break a server (`despoolr fault`)",
    "DESPOOLR_FAST_LANE": "0: every request goes through aiohttp's own parser and tasks",
    "DESPOOLR_ALLOW_HOST": "names a server may be addressed by without a Bearer token, "
    "separated by spaces",
    "DESPOOLR_DATA": "directory of shares, site database, logs, records and secret",
    "DESPOOLR_NAME": "machine name of the server",
    "DESPOOLR_CODE": "site code, three letters or digits",
    "DESPOOLR_DOMAIN": "domain of the site's machines",
    "DESPOOLR_VERSION": "SMS version whose behaviour the site has, such as 1.2",
    "DESPOOLR_RESPONSE": "Response setting: Very Fast, Fast, Medium or Slow",
    "DESPOOLR_SET": "behaviours of the profile: field=value, separated by spaces",
    "DESPOOLR_TIME": "real, or xN for N site seconds a second",
    "DESPOOLR_CLOCK": "URL of a running server whose time to take over",
    "DESPOOLR_SECRET": "the secret all servers of a site share, at least 16 bytes",
    "DESPOOLR_SECRET_FILE": "a file with that secret",
    "DESPOOLR_COMMON": "a directory all processes of a stack have in common: secrets, and when "
    "its time began",
    "DESPOOLR_DATABASE": "URL of the site database, where it is not a file in the data directory",
    "DESPOOLR_TOKEN": "a token, for the commands that ask a running site",
    "DESPOOLR_URL": "URLs of running servers, for the commands that ask, separated by spaces",
    "DESPOOLR_LOGON": "logon servers of the site: NAME=URL[,distribution], separated by spaces",
    "DESPOOLR_NETWARE": "names of the site's servers that are NetWare's, separated by spaces",
    "DESPOOLR_PARENT": "the site above this one: SITE=SERVER=URL",
    "DESPOOLR_AT_SITE": "code of the site that the administrating commands ask",
    "DESPOOLR_LOG_FORMAT": "how a process tells what happens: plain, text or json; and the layout "
    "of a site's log files",
    "DESPOOLR_ADDRESS": "other sites: SITE=SERVER=URL, separated by spaces",
    "DESPOOLR_ROLES": "what `serve logon` is: logon, distribution or both",
    "DESPOOLR_PACKAGE_SHARE": "the share packages lie on, of `serve logon`",
    "DESPOOLR_CLIENTS": "how many clients to run",
    "DESPOOLR_CLIENTS_WANTED": "how many clients all fleets of the site are to be together; 0: as "
    "many as they lease",
    "DESPOOLR_FLEET_LEASE": "how long a silent fleet's clients stay its own, in real time, "
    "such as 30s",
    "DESPOOLR_LEASE": "1: a fleet leases its clients' numbers from the site server",
    "DESPOOLR_HOLDER": "the name a fleet leases under; its host's name, if left out",
    "DESPOOLR_SEED": "seed of the clients' choices",
    "DESPOOLR_PREFIX": "what the clients' names begin with",
    "DESPOOLR_POLL_EVERY": "the clients' polling interval in site time, such as 1h",
    "DESPOOLR_SITE": "URL of the site server, for `fleet`",
    "DESPOOLR_RUNS": "directory of finished runs",
    "DESPOOLR_DEBUG": "1: show tracebacks",
}
"""Every variable any command reads."""

STACK_VARIABLES: Final = frozenset(
    f"DESPOOLR_{name}"
    for name in (
        *(
            "ENV_FILE",
            "PARENT_VERSION",
            "BASE",
            "TAG",
            "POSTGRES_IMAGE",
            "PROMETHEUS_IMAGE",
            "GRAFANA_IMAGE",
            "TLS_IMAGE",
        ),
        *(
            "SITE_PORT",
            "LOGON1_PORT",
            "LOGON2_PORT",
            "PARENT_PORT",
            "PROMETHEUS_PORT",
            "GRAFANA_PORT",
        ),
        *("TLS_SITE_PORT", "TLS_LOGON1_PORT", "TLS_LOGON2_PORT", "TLS_DIRECTORY"),
        *("SERVER_MEMORY", "CLIENTS_MEMORY", "LOAD_MEMORY", "PROMETHEUS_MEMORY", "GRAFANA_MEMORY"),
    )
)
"""Those that only `docker-compose.yml` reads: every container is given the whole file of
settings.
"""

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


# -- secrets


def given_secret(text: str | None, file: Path | None) -> bytes | None:
    """The secret an operator configured, or None. A file's trailing newline does not count. Raises
    `ConfigError`.
    """
    if text and file is not None:
        raise ConfigError(
            "give the secret once: DESPOOLR_SECRET, or --secret-file (DESPOOLR_SECRET_FILE), "
            "not both"
        )
    if file is not None:
        return read_secret(file)
    if not text:
        return None
    return _checked(text.encode(), "DESPOOLR_SECRET")


def read_secret(file: Path) -> bytes:
    """A secret from a file. Raises `ConfigError`."""
    try:
        with open(file, "rb", opener=opener) as opened:
            return _checked(opened.read(SECRET_SIZE_MAX + 2).strip(), str(file))
    except OSError as error:
        raise ConfigError(f"cannot read the secret in {file}: {error.strerror}") from None


def read_token(file: Path) -> str:
    """A token from a file. Raises `ConfigError`."""
    try:
        return read_plain(file).decode("ascii").strip()
    except OSError as error:
        raise ConfigError(f"cannot read the token in {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file} holds no token") from None


def make_secret(file: Path) -> bytes:
    """Make a secret that only this user can read. Raises `ConfigError`."""
    secret = secrets.token_urlsafe(32).encode()
    write_private(file, secret + b"\n")
    return secret


def write_private(file: Path, data: bytes) -> None:
    """Write a file that only this user can read, whole or not at all. Raises `ConfigError`."""
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())  # or a power cut could leave the name with nothing in it
        temporary.replace(file)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise ConfigError(f"cannot write {file}: {error.strerror}") from None


def _checked(secret: bytes, where: str) -> bytes:
    if len(secret) < SECRET_SIZE_MIN:
        raise ConfigError(
            f"the secret in {where} has {len(secret)} bytes; give at least {SECRET_SIZE_MIN}"
        )
    if len(secret) > SECRET_SIZE_MAX:
        raise ConfigError(
            f"the secret in {where} has more than {SECRET_SIZE_MAX:,} bytes; give a shorter one"
        )
    if len(set(secret)) == 1:  # what a file that was lost holds
        raise ConfigError(
            f"the secret in {where} is one byte, {len(secret)} times; restore the file, or "
            "move it away"
        )
    return secret


# -- variables


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """One line for each `DESPOOLR_*` variable that nobody reads, with the nearest right one."""
    found = []
    known = [*VARIABLES, *sorted(STACK_VARIABLES)]
    for name in sorted(environment):
        if name.startswith("DESPOOLR_") and name not in known:
            near = nearest(name, known)
            hint = f"; did you mean {near}?" if near else ""
            found.append(f"{name} is no setting of Despoolr{hint}")
    return found
