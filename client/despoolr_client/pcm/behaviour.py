"""How one PCM behaves: one field per behaviour, and the variant that runs. No code asks for an SMS
version.

`PcmBehaviour.of(profile)` takes from a site's profile the fields that are the client's; the rest
have the defaults of `domain.md` (b) and are set by a scenario.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec
from msgspec.structs import replace

from despoolr_core.formats.sms_ini import SmsIni
from despoolr_core.profile import Profile
from despoolr_core.rules.fold import fold


class PcmVariant(StrEnum):
    """The PCM programs of `domain.md` (b.2)."""

    WIN16 = "PCMWIN16"
    WIN32 = "PCMWIN32"
    SERVICE = "PCMSVC32"
    DOS = "PCMDOS"
    MAC = "PCMMAC"


PLATFORM: Final[dict[PcmVariant, int]] = {
    PcmVariant.WIN16: 0x01,
    PcmVariant.WIN32: 0x02,
    PcmVariant.SERVICE: 0x02,
    PcmVariant.DOS: 0x20,
    PcmVariant.MAC: 0x40,
}
"""The bit of a record's Operating System mask that stands for each variant's machine (Q123499;
Intel NT for the 32-bit ones).
"""


class ServerChoice(StrEnum):
    """`DisableRandomPCMServers=` in `[Local]` of SMS.INI (Q180151, Q195944). The preferred-server
    words are not built.
    """

    DOCUMENTED = ""
    LOCAL_ONLY = "LOCALONLY"
    DRIVE_MAPPINGS = "DRIVEMAPPINGS"
    RANDOM = "RANDOM"
    RANDOM_ONLY = "RANDOMONLY"


_SERVER_CHOICES: Final = frozenset(ServerChoice) - {""}


OF_PROFILE: Final = frozenset(
    {
        "arbitrary_mandatory_order",
        "desktop_runs_system_tasks",
        "expiry_notice_repeats",
        "honours_disabled_countdown",
        "leaked_drive_after_run",
        "package_servers_max",
        "polls_only_changed_file",
        "random_logon_server_search",
        "runs_newly_found_expired",
        "search_on_missing_file",
        "server_choice_always_random",
        "service_runs_optional",
        "sni_before_pck",
    }
)
"""The fields of a profile that `PcmBehaviour.of` takes."""


class PcmBehaviour(msgspec.Struct, frozen=True):
    """One PCM's behaviours. Spans in seconds. The defaults are those of a PCM without faults."""

    variant: PcmVariant = PcmVariant.WIN32

    random_server_bug: bool = False
    """Steps 1 to 3 of the server selection never match (Q165508; 32-bit PCM of 1.0 to 1.2 SP1)."""

    server_choice: ServerChoice = ServerChoice.DOCUMENTED
    """Which steps of the server selection are used at all."""

    package_servers_max: int = 10
    """Distribution servers of a record that are looked at (Q161310)."""

    skip_unchanged_instruction_file: bool = False
    """A poll that finds the file unchanged notices no offer or mandatory date that has come
    (Q163488); expiry it does notice.
    """

    search_on_missing_file: bool = False
    """No instruction file on the current logon server: look on the others (Q191293; PCMSVC32 from
    SP4).
    """

    random_logon_server_search: bool = False
    """After the current logon server, the others are tried in random order (Q153288; 1.0, 1.1),
    else as listed (Q171589).
    """

    countdown_s: float = 300.0
    """How long a desktop PCM counts down before it runs a mandatory package (Q185805)."""

    countdown_disabled: bool = False
    """`DisablePCMCountdown=TRUE` (Q185805)."""

    honours_disabled_countdown: bool = True
    """Whether that key of SMS.INI has an effect: it needs the PCM of SP4 (Q185805)."""

    arbitrary_mandatory_order: bool = False
    """Several due packages run in arbitrary order rather than by date (Q173388; 1.2 before SP4)."""

    runs_newly_found_expired: bool = False
    """A record found for the first time when it has already expired is run all the same (Q255284;
    1.2 SP4).
    """

    repeats_untaken_notices: bool = False
    """An expiry is reported again at every poll, until the last notice has been collected (Q188042;
    1.2 before SP4).
    """

    desktop_runs_system_tasks: bool = False
    """PCMWIN32 runs packages meant for the service (Q165147; 1.2 before SP2)."""

    service_runs_optional: bool = False
    """The service also runs packages that are not mandatory, once offered, if they want no input
    (Q174933; from SP3).
    """

    rerun_when_polled_under_s: float = 1200.0
    """The service runs a package again if it polls again sooner than this (Q166765); 0: never."""

    sni_before_pck: bool = False
    """A report's `.SNI` is written before its `.PCK` (Q138241), else after it (Q169491)."""

    between_files_s: float = 0.0
    """How long PCM takes between the two files of a report: the width of Q138241's race."""

    leaks_open_files: bool = False
    """Files an application leaves open when it ends stay open (Q163597); else PCM's disconnect
    closes them.
    """

    exit_code_counts: bool = True
    """A non-zero exit code is a failure. The archive only attests launch errors (Q149672); our
    reading, so a switch.
    """

    @property
    def is_service(self) -> bool:
        """Whether this is the NT service, which has no desktop."""
        return self.variant is PcmVariant.SERVICE

    @property
    def countdown(self) -> float:
        """Seconds between a mandatory package's turn and its start: none for the service or when
        disabled.
        """
        return 0.0 if self.is_service or self.countdown_disabled else self.countdown_s

    def with_sms_ini(self, ini: SmsIni) -> PcmBehaviour:
        """The behaviour as the machine's own SMS.INI changes it: `DisablePCMCountdown`,
        `DisableRandomPCMServers`.
        """
        word = fold(ini.get("Local", "DisableRandomPCMServers"))
        return replace(
            self,
            countdown_disabled=self.honours_disabled_countdown
            and ini.local_flag("DisablePCMCountdown", self.countdown_disabled),
            server_choice=ServerChoice(word) if word in _SERVER_CHOICES else self.server_choice,
        )

    @classmethod
    def of(cls, profile: Profile, variant: PcmVariant = PcmVariant.WIN32) -> PcmBehaviour:
        """The client's part of an SMS version's profile."""
        return cls(
            variant=variant,
            random_server_bug=profile.server_choice_always_random,
            skip_unchanged_instruction_file=profile.polls_only_changed_file,
            package_servers_max=profile.package_servers_max,
            sni_before_pck=profile.sni_before_pck,
            leaks_open_files=profile.leaked_drive_after_run,
            random_logon_server_search=profile.random_logon_server_search,
            arbitrary_mandatory_order=profile.arbitrary_mandatory_order,
            desktop_runs_system_tasks=profile.desktop_runs_system_tasks,
            service_runs_optional=profile.service_runs_optional,
            search_on_missing_file=profile.search_on_missing_file,
            honours_disabled_countdown=profile.honours_disabled_countdown,
            runs_newly_found_expired=profile.runs_newly_found_expired,
            repeats_untaken_notices=profile.expiry_notice_repeats,
        )
