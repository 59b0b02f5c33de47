"""`[[site]]`, `[[server]]`, `[[clients]]`: the machines of a scenario."""

from typing import Annotated, Any, Final

from msgspec import Meta, field

from despoolr_client.agent.settings import WhenWarned
from despoolr_client.pcm.behaviour import PcmVariant
from despoolr_core.formats.sms_id import check_site_code
from despoolr_core.formats.sms_ini import SmsIniError, parse_sms_ini
from despoolr_core.profile import profile_of
from despoolr_core.response import Response
from despoolr_core.rules.fold import fold
from despoolr_core.suggest import one_of
from despoolr_core.times import signed_span_s, span_s
from despoolr_lab.toml.tables import Name, SiteCode, Span, Table, check_fields
from despoolr_lab.toml.values import check_domain
from despoolr_server.site.state.boxes import LOGON_SHARE

CLIENTS_MAX: Final = 100_000
PCMS: Final = (PcmVariant.WIN16, PcmVariant.WIN32, PcmVariant.SERVICE)
"""Those whose machines a job of ours is for (its Operating System mask)."""
PLATFORMS: Final = ("Windows NT", "NetWare")


class Site(Table, kw_only=True):
    """`[[site]]`: one SMS site and its site server."""

    code: SiteCode = "BPC"
    version: str = "1.1"
    response: str = "Fast"
    server: Name = "SITE1"
    domain: Name = "DOMAIN1"
    parent: str = ""
    """The code of the site above it; a site without one is the top of its tree."""
    profile: dict[str, Any] = {}

    def __post_init__(self) -> None:
        check_site_code(self.code)
        profile_of(self.version)
        if self.response not in list(Response):
            raise ValueError(f"response {self.response!r} is not one of {', '.join(Response)}")
        check_fields(self.profile)


class Server(Table, kw_only=True):
    """`[[server]]`: a logon server, a distribution server, or both."""

    name: Name
    site: str = ""
    roles: list[str] = field(default_factory=lambda: ["logon", "distribution"])
    package_share: Name = "SMS_PKGD"
    domain: str = ""
    platform: str = "Windows NT"
    """`Windows NT` or `NetWare`: the site knows a server of NetWare's as a machine, too, on which
    no PCM runs.
    """
    reaps_after: str = ""
    """It closes what a client has had open for so long; empty: it does not."""

    def __post_init__(self) -> None:
        check_domain(self.domain)
        one_of(self.platform, PLATFORMS, "platform")
        if self.reaps_after and span_s(self.reaps_after) <= 0:
            raise ValueError("reaps_after nothing: then nobody could have a file open")
        for role in self.roles:
            if role not in ("logon", "distribution"):
                raise ValueError(f"role {role!r} is not one of logon, distribution")
        if not self.roles:
            raise ValueError("a server is a logon server, a distribution server, or both")
        if fold(self.package_share) == LOGON_SHARE:
            raise ValueError(f"{LOGON_SHARE} is the logon share; packages lie on another")

    @property
    def is_netware(self) -> bool:
        """Whether it is a server of NetWare's."""
        return self.platform == "NetWare"


class Clients(Table, kw_only=True):
    """`[[clients]]`: client machines that are alike. `name` with `{n}` and `count`, or a list of
    `names`.
    """

    names: list[Name] = []
    name: str = "WS{n}"
    count: Annotated[int, Meta(ge=0, le=CLIENTS_MAX)] = 0
    site: str = ""
    domain: str = ""
    logon_server: str = ""
    poll_every: Span = "60m"
    first_poll: str = ""
    clock_offset: str = ""
    user: str = ""
    on: bool = True
    known: bool = True
    pcm: str = "PCMWIN32"
    """Which PCM they have: `PCMWIN16`, `PCMWIN32`, or the service `PCMSVC32`, which has no user."""
    when_warned: str = "ignore"
    """What a user does who is told that files will be closed by force: `ignore`, `close` (save and
    close) or `crash`.
    """
    sms_ini: list[str] = []
    """What their `SMS.INI` says beyond what Client Setup wrote: the lines of the file."""
    report_gap: Span = "0s"
    """How long PCM takes between the two files of a report: the width of Q138241's race."""
    closes_idle_after: str = ""
    """Programs close a file that nobody has used for so long; empty: they do not."""
    copies_first: bool = False
    """Files of packages are copied to the own disk and used there."""
    honours_marker: bool | Annotated[float, Meta(ge=0, le=1)] = False
    """Nothing of a package is opened while an update's marker lies beside it; a number: by that
    share of the machines.
    """

    def __post_init__(self) -> None:
        if bool(self.names) == bool(self.count):
            raise ValueError("say either names = [...] or count = N")
        check_domain(self.domain)
        one_of(self.when_warned, WhenWarned, "way to take a warning")
        one_of(self.pcm, PCMS, "PCM")
        try:
            parse_sms_ini("\n".join(self.sms_ini))
        except SmsIniError as error:
            raise ValueError(f"sms_ini: {error}") from None
        for text in (
            self.poll_every,
            self.first_poll or "0s",
            self.report_gap,
        ):
            span_s(text)
        signed_span_s(self.clock_offset or "0s")
        if self.closes_idle_after and span_s(self.closes_idle_after) <= 0:
            raise ValueError("closes_idle_after nothing: then no program could use a file")
        if span_s(self.poll_every) <= 0:
            raise ValueError("poll_every is how long until the next poll, and cannot be nothing")

    def expand(self) -> list[str]:
        """The names of the machines that this table stands for."""
        return list(self.names) or [
            self.name.replace("{n}", str(i)) for i in range(1, self.count + 1)
        ]
