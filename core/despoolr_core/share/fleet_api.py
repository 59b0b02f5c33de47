"""The bodies of the calls by which a fleet finds its site, gets tokens and leases its clients, as
structs that both sides encode and decode.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from despoolr_core.rules.fields import NameText
from despoolr_core.rules.text import MACHINE_NAME_SIZE_MAX
from despoolr_core.share.modes import Role

NUMBER_MAX: Final = 1_000_000
"""Clients one site can have."""
HOLDER_SIZE_MAX: Final = 64
INSTANCE_SIZE_MAX: Final = 64

Instance = Annotated[str, msgspec.Meta(max_length=INSTANCE_SIZE_MAX, pattern=r"^[A-Za-z0-9.-]*$")]


def _one_line(*words: str) -> None:
    """A pattern's `$` lets a line end through. Raises `ValueError`."""
    if any(word.endswith("\n") for word in words):
        raise ValueError("a name has no line end")


class TokenRequest(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Who a token is to be for. `role` is `client`, `service` or `admin`."""

    machine: NameText
    user: NameText = ""
    role: Role = Role.CLIENT


class ClockFacts(msgspec.Struct):
    """Site time now, and how many site seconds pass in a second."""

    now: float
    scale: float


class SiteCard(msgspec.Struct):
    """The site by which a server was set up. `set` are the behaviours that were changed from the
    version's.
    """

    code: str
    domain: str
    version: str
    set: dict[str, Any]
    response: str


class ServerCard(msgspec.Struct, frozen=True, omit_defaults=True):
    """A logon server or distribution server of a site, and where it answers. `netware`: it is a
    server of NetWare's.
    """

    name: str
    url: str
    logon: bool
    distribution: bool
    package_share: str
    domain: str
    netware: bool = False


class SetupFacts(msgspec.Struct, omit_defaults=True):
    """`GET /api/v1/setup`. `start` counts the starts of this server's data; a logon server has no
    `site`.
    """

    server: str
    shares: list[str]
    clock: ClockFacts
    start: int
    site: SiteCard | None = None
    servers: list[ServerCard] = []


class TokenList(msgspec.Struct):
    """The tokens, in the order in which they were asked for."""

    tokens: list[str]


class SlotRequest(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Who wants how many clients, and from which number on (0: any).

    `prefix` is what their machines' names begin with, `instance` names the process that asks,
    `stopped` says that it had to stop its clients because it could not renew its lease.
    """

    holder: Annotated[
        str, msgspec.Meta(min_length=1, max_length=HOLDER_SIZE_MAX, pattern=r"^[A-Za-z0-9_.-]+$")
    ]
    count: Annotated[int, msgspec.Meta(ge=1, le=NUMBER_MAX)]
    first: Annotated[int, msgspec.Meta(ge=0, le=NUMBER_MAX)] = 0
    prefix: Annotated[
        str, msgspec.Meta(max_length=MACHINE_NAME_SIZE_MAX, pattern=r"^[A-Za-z0-9_-]*$")
    ] = "PC"
    instance: Instance = ""
    stopped: bool = False

    def __post_init__(self) -> None:
        _one_line(self.holder, self.prefix, self.instance)
        if self.holder in (".", ".."):
            raise ValueError("a holder's name is a part of an address, so it cannot be . or ..")


class SlotNews(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """How many of a holder's clients exist, and which process says so."""

    live: Annotated[int, msgspec.Meta(ge=0)]
    instance: Instance = ""

    def __post_init__(self) -> None:
        _one_line(self.instance)


class SlotFacts(msgspec.Struct, omit_defaults=True):
    """A holder's clients: `first` to `first + count - 1`. `clocks`: the machines whose clocks are
    wrong on purpose, and by how many seconds.

    In real seconds: `lease_s` after it asked the holder stops them by its own clock, unless it was
    answered again meanwhile; `free_after_s` after it was heard of the site gives the numbers to
    others.
    """

    holder: str
    first: int
    count: int
    lease_s: float
    free_after_s: float
    clocks: dict[str, float] = {}


class FleetRow(msgspec.Struct):
    """A lease, and how many of its clients exist."""

    holder: str
    first: int
    count: int
    live: int


class SlotSum(msgspec.Struct):
    """`GET /api/v1/slots`. `exact`: as many exist now as were asked for. `lapsed`: leases that ran
    out since the start.
    """

    wanted: int
    leased: int
    live: int
    lapsed: int
    exact: bool
    fleets: list[FleetRow]
