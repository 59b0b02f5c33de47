"""Versions are data: one named field per behaviour, one `Profile` per SMS version.

No code asks for a version; it asks for the field. A run may override any field (`--set
name=value`), put an article's fault in (`--bug Q147819`) or take it out (`--fix Q147819`). `FIELDS`
says of each field what it decides and where that is written; `despoolr profiles` prints the table
and `docs/fidelity.md` is checked against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from despoolr_core.rules.remedies import COPY_STRATEGIES
from despoolr_core.suggest import hint, nearest, suggestion

_about: Final[list[Mapping[str, Any]]] = []
"""What is said of each behaviour, in the order of the fields."""


def _behaviour(default: Any, source: str, meaning: str, choices: tuple[str, ...] = ()) -> Any:
    _about.append({"source": source, "meaning": meaning, "choices": choices})
    return default


GIVE_UP_RULES: Final = ("count", "time", "first")


class Profile(msgspec.Struct, frozen=True):
    """How one SMS version behaves. The defaults are those of 1.2 as shipped."""

    version: str

    # -- the Despooler's update
    copy_strategy: str = _behaviour(
        "delete_then_copy",
        "Q128458, Q184489",
        "how the Despooler replaces the files of a package on a distribution server",
        tuple(COPY_STRATEGIES),
    )
    refresh_every_file: bool = _behaviour(
        True, "Q184512", "files that did not change are written again all the same"
    )
    partial_retry_list_lost: bool = _behaviour(
        False,
        "Q153576",
        "when some of several servers failed, the retry instruction lists none and ends "
        "as complete",
    )
    run_job_refreshes_specified: bool = _behaviour(
        False,
        "Q140051",
        "a Run Command job with only Put on Specified Distribution Servers refreshes those that "
        "have the package",
    )
    retry_keeps_refresh: bool = _behaviour(
        False,
        "Q195936",
        "the retry instruction after a failed store keeps Refresh Existing Distribution Servers",
    )

    # -- giving up
    give_up_rule: str = _behaviour(
        "count",
        "Q140374 (100 times), Q147819 and Q182414 (a week): the sources disagree",
        "what ends the retries: the number of attempts, the time since the first, or whichever "
        "comes first",
        GIVE_UP_RULES,
    )
    attempts_max: int = _behaviour(
        100, "Q140374", "attempts the Despooler makes before the job is Failed"
    )
    give_up_after_s: float = _behaviour(
        7 * 86400.0,
        "Q147819, Q182414",
        "seconds of retrying before the job is Failed (rules time, first)",
    )
    retry_count_step: int = _behaviour(1, "Q191360", "how far one retry moves the retry count")
    restart_resets_retry_count: bool = _behaviour(
        True, "Q140374", "restarting the Despooler sets the retry counts to zero"
    )

    # -- forced disconnect
    forced_disconnect_available: bool = _behaviour(
        True, "Q128458", "the registry values of forced disconnect have an effect"
    )
    use_forced_disconnect: bool = _behaviour(
        False, "Q128458", "registry value Use Forced Disconnect"
    )
    forced_disconnect_retries: int = _behaviour(
        12, "Q128458", "registry value Number Of Retries Before Forced Disconnection"
    )
    forced_disconnect_delay_min: int = _behaviour(
        5, "Q128458", "registry value Forced Disconnection Delay In Minutes"
    )
    forced_disconnect_restores_rights: bool = _behaviour(
        False, "Q182414", "access is restored after a forced disconnect"
    )

    copy_failure_says_disk_full: bool = _behaviour(
        True,
        "Q193766",
        "the event of any failed copy is 109, out of disk space, with blank numbers",
    )

    # -- job status
    results_wait_for_client_date: bool = _behaviour(
        True,
        "Q172899",
        "a client's report whose date lies ahead waits in RECEIVE until then",
    )
    expiry_status: str = _behaviour(
        "",
        "Q152229",
        "the workstation status an expiry notification wrongly causes (empty: none, the last "
        "reported status stays)",
        ("", "Retrying", "Canceled"),
    )
    failed_mif_status: str = _behaviour(
        "Retrying",
        "Q166833, Q169491",
        "the workstation status a Failed status MIF gives",
        ("Retrying", "Failed"),
    )
    failed_mif_logs_event: bool = _behaviour(
        True,
        "Q166833, Q169491",
        "a Failed status MIF with a description causes event 374 (false: the other reading "
        "of Q166833)",
    )
    malformed_mif_is_success: bool = _behaviour(
        True, "Q190135", "a status MIF that does not parse counts as success"
    )
    escaped_quote_in_mif_loads: bool = _behaviour(
        True, "Q140810", 'a job status MIF with \\" in a literal is loaded'
    )
    job_stays_retrying: bool = _behaviour(
        True,
        "Q150026",
        "a job stays Retrying while other workstations have not reported, after the retrying "
        "ones are done",
    )
    send_only_never_completes: bool = _behaviour(
        True,
        "Q185649",
        "a Run Command job that only sends stays Active after its package has arrived",
    )
    unrun_job_ends_when_sent: bool = _behaviour(
        False,
        "Q221945",
        "a Run Command job without a run phase is Complete once it is sent, while no server has "
        "reported",
    )
    failed_removal_is_sent_again: bool = _behaviour(
        False,
        "Q185179",
        "a Remove Package job that could not be sent is sent again",
    )
    removal_forgets_netware_name: bool = _behaviour(
        False,
        "Q153637",
        "what a Remove Package job could not delete on a NetWare server is remembered under a "
        "garbled name",
    )
    site_job_skips_unsupported: bool = _behaviour(
        False,
        "Q156250",
        "a job for all machines of a site leaves out those on which no Package Command Manager "
        "runs",
    )
    success_marks_package_id: bool = _behaviour(
        True,
        "Q235805",
        "a successful Share Package On Server job puts Z in the fourth place of the package ID "
        "it reports",
    )
    package_status_by_sta: bool = _behaviour(
        False,
        "Q235805",
        "package status from child sites goes through .STA files and Distribution Manager",
    )
    marked_package_id_resolves: bool = _behaviour(
        True, "Q235805", "the parent finds the package behind a marked ID"
    )
    repeat_keeps_mandatory_date: bool = _behaviour(
        False, "Q141192", "every repetition of a job keeps the mandatory date of the first"
    )
    pending_instance_blocks_next: bool = _behaviour(
        False,
        "Q153533",
        "while one instance of a repeating job is Pending, the next is not activated",
    )

    # -- the client
    server_choice_always_random: bool = _behaviour(
        True, "Q165508", "PCM never matches its logon server or drives, always picks at random"
    )
    polls_only_changed_file: bool = _behaviour(
        True, "Q163488", "PCM parses its instruction file only when it changed"
    )
    sni_before_pck: bool = _behaviour(True, "Q138241", "PCM writes the .SNI before the .PCK")
    leaked_drive_after_run: bool = _behaviour(
        True, "Q163597", "files an application leaves open stay open after the run"
    )
    random_logon_server_search: bool = _behaviour(
        False,
        "Q153288, Q171589",
        "after its current logon server fails, a client tries the others in random order",
    )
    arbitrary_mandatory_order: bool = _behaviour(
        True, "Q173388", "packages due at one time run in arbitrary order"
    )
    desktop_runs_system_tasks: bool = _behaviour(
        True, "Q165147", "PCMWIN32 runs packages meant for the PCM service"
    )
    service_runs_optional: bool = _behaviour(
        False, "Q174933", "the PCM service also runs packages that are not mandatory"
    )
    search_on_missing_file: bool = _behaviour(
        False,
        "Q191293",
        "a client without an instruction file on its logon server looks on the others",
    )
    honours_disabled_countdown: bool = _behaviour(
        False, "Q185805", "DisablePCMCountdown in SMS.INI has an effect"
    )
    runs_newly_found_expired: bool = _behaviour(
        False, "Q255284", "a record first found after it expired runs all the same"
    )
    expiry_notice_repeats: bool = _behaviour(
        True,
        "Q188042",
        "PCM reports an expiry again at every poll, until its last notice has been collected",
    )
    package_servers_max: int = _behaviour(
        10, "Q161310", "distribution servers a WINST record lists"
    )

    # -- logs and tools
    log_layout: str = _behaviour(
        "sms1", "Q193784, Q244405", "how a line of a service's log file looks", ("sms1", "sms2")
    )
    dump_months_from_zero: bool = _behaviour(False, "Q153369", "PCMDUMP prints months 0-11")
    dump_year_2000_is_100: bool = _behaviour(True, "Q249578", "PCMDUMP prints the year 2000 as 100")


FIELDS: Final = dict(zip(Profile.__struct_fields__[1:], _about, strict=True))
"""For each behaviour: `source`, `meaning`, and `choices` (empty: any value of the field's type)."""

_V12: Final = Profile("1.2")
_V11: Final = replace(
    _V12,
    version="1.1",
    copy_strategy="stop_at_first_lock",
    copy_failure_says_disk_full=False,
    partial_retry_list_lost=True,
    removal_forgets_netware_name=True,
    forced_disconnect_available=False,
    expiry_status="Canceled",
    escaped_quote_in_mif_loads=False,
    send_only_never_completes=False,
    expiry_notice_repeats=False,
    polls_only_changed_file=False,
    dump_months_from_zero=True,
    random_logon_server_search=True,
    arbitrary_mandatory_order=False,
    desktop_runs_system_tasks=False,
    success_marks_package_id=False,
    repeat_keeps_mandatory_date=True,
    pending_instance_blocks_next=True,
)
_SP2: Final = replace(
    _V12,
    version="1.2 SP2",
    retry_count_step=2,
    server_choice_always_random=False,
    polls_only_changed_file=False,
    leaked_drive_after_run=False,
    desktop_runs_system_tasks=False,
)
_SP3: Final = replace(_SP2, version="1.2 SP3", service_runs_optional=True)
_SP4: Final = replace(
    _SP3,
    version="1.2 SP4",
    copy_strategy="delete_then_copy_checked",
    refresh_every_file=False,
    retry_count_step=1,
    restart_resets_retry_count=False,
    results_wait_for_client_date=False,
    send_only_never_completes=False,
    unrun_job_ends_when_sent=True,
    forced_disconnect_restores_rights=True,
    arbitrary_mandatory_order=False,
    search_on_missing_file=True,
    honours_disabled_countdown=True,
    expiry_notice_repeats=False,
    runs_newly_found_expired=True,
)
_HOTFIXED: Final = replace(
    _SP4,
    version="1.2 SP4 + hotfixes",
    retry_keeps_refresh=True,
    malformed_mif_is_success=False,
    failed_removal_is_sent_again=True,
    unrun_job_ends_when_sent=False,
    runs_newly_found_expired=False,
)
_V20: Final = replace(
    _HOTFIXED,
    version="2.0",
    failed_mif_status="Failed",
    success_marks_package_id=False,
    package_status_by_sta=True,
    marked_package_id_resolves=False,
    sni_before_pck=False,
    log_layout="sms2",
)

PROFILES: Final[dict[str, Profile]] = {
    p.version: p
    for p in (
        replace(_V11, version="1.0", expiry_status="Retrying"),
        _V11,
        _V12,
        replace(_V12, version="1.2 SP1", retry_count_step=2),
        _SP2,
        _SP3,
        _SP4,
        _HOTFIXED,
        _V20,
        replace(_V20, version="2.0 SP1", marked_package_id_resolves=True),
    )
}
"""Every version Despoolr knows, oldest first."""


class ProfileError(ValueError):
    """A version, field, value or article there is not; the message names the nearest right one."""


def profile_of(version: str) -> Profile:
    """The profile of a version such as `1.1` or `1.2 SP4`. Raises `ProfileError`."""
    try:
        return PROFILES[version]
    except KeyError:
        raise ProfileError(f"no SMS version {version!r}{suggestion(version, PROFILES)}") from None


def with_overrides(profile: Profile, overrides: dict[str, Any]) -> Profile:
    """The profile with some fields changed. Values may be strings as typed on a command line.
    Raises `ProfileError`.
    """
    changes: dict[str, Any] = {}
    for name, value in overrides.items():
        if name not in FIELDS:
            there = hint(nearest(name, FIELDS), "; `despoolr profiles` lists all there are")
            raise ProfileError(f"no behaviour {name!r}{there}")
        changes[name] = _coerce(name, value, getattr(profile, name))
    return replace(profile, **changes)


def _coerce(name: str, value: Any, current: Any) -> Any:
    kind = type(current)
    choices = FIELDS[name]["choices"]
    if kind is bool:
        words = {
            "true": True,
            "1": True,
            "yes": True,
            "on": True,
            "false": False,
            "0": False,
            "no": False,
            "off": False,
        }
        if isinstance(value, bool):
            return value
        if str(value).lower() in words:
            return words[str(value).lower()]
        raise ProfileError(f"{name} is true or false, not {value!r}")
    if kind in (int, float):
        try:
            number = kind(value)
        except (TypeError, ValueError, OverflowError):
            number = inf
        if not abs(number) < inf:
            raise ProfileError(f"{name} is a number, not {value!r}")
        if number < 0:
            raise ProfileError(f"{name} cannot be negative")
        return number
    text = str(value)
    if choices and text not in choices:
        there = suggestion(text, filter(None, choices))
        raise ProfileError(f"{name} cannot be {text!r}{there}")
    return text
