"""Knowledge Base articles as switches: which values of which behaviours have an article's fault,
which do not, and what Microsoft offered against it.

`--bug Q147819` puts an article's fault into a run, `--fix Q147819` takes it out, `despoolr hotfix
apply` does the latter to a running site. What an article says happens is in its scenario
(`scenarios/kb`); how true that is, in `docs/fidelity.md`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec

from despoolr_core.profile import Profile, ProfileError
from despoolr_core.rules.fold import fold
from despoolr_core.suggest import hint, nearest

NEAR: Final = 0.85
"""The least likeness of two numbers that differ by one digit, or by two in the wrong order."""


class Topic(StrEnum):
    """The part of SMS that an article complains of."""

    DESPOOLER = "Despooler"
    PCM = "Package Command Manager"
    STATUS = "Job status"


class Remedy(StrEnum):
    """What Microsoft offered against a fault."""

    HOTFIX = "hotfix"
    VERSION = "later version"
    SETTING = "setting"
    NONE = "none"


class Article(msgspec.Struct, frozen=True):
    """One article as a switch: the values of behaviours that have its fault, and those that do not.

    `versions` are those it speaks of, `affected` those of them that have the fault, whatever a
    profile says. `also` are other values of a behaviour in `bug` that are the
    fault as well. `cure` says what to do, in the words of an administrator.
    """

    kb: str
    title: str
    topic: Topic
    bug: dict[str, Any]
    fix: dict[str, Any]
    versions: tuple[str, ...]
    affected: tuple[str, ...]
    remedy: Remedy
    cure: str
    also: dict[str, tuple[Any, ...]] = msgspec.field(default_factory=dict)

    def has_fault(self, profile: Profile) -> bool:
        """Whether the profile behaves as the article complains."""
        return any(
            getattr(profile, name) in (value, *self.also.get(name, ()))
            for name, value in self.bug.items()
        )

    def cured_by(self, profile: Profile) -> dict[str, Any]:
        """The fields that the fix sets to other values than the profile has, by name; none where
        the profile does not have the fault.
        """
        if not self.has_fault(profile):
            return {}
        return {name: value for name, value in self.fix.items() if getattr(profile, name) != value}


_V12 = ("1.2", "1.2 SP1", "1.2 SP2", "1.2 SP3", "1.2 SP4", "1.2 SP4 + hotfixes")

ARTICLES: Final[dict[str, Article]] = {
    a.kb: a
    for a in (
        Article(
            "Q128458",
            "SMS Despooler Does Not Support Forced Installation and Upgrade",
            Topic.DESPOOLER,
            bug={"forced_disconnect_available": False},
            fix={"forced_disconnect_available": True, "use_forced_disconnect": True},
            versions=("1.0", "1.1", "1.2"),
            affected=("1.0", "1.1"),
            remedy=Remedy.SETTING,
            cure="upgrade to SMS 1.2 and set the registry value Use Forced Disconnect of "
            "SMS_Despooler; it is off by default",
        ),
        Article(
            "Q138241",
            "PCM Reports Failed Job as Complete",
            Topic.PCM,
            bug={"sni_before_pck": True},
            fix={"sni_before_pck": False},
            versions=("1.0", "1.1", "1.2"),
            affected=("1.0", "1.1", "1.2"),
            remedy=Remedy.NONE,
            cure="no SMS 1.x cures it; look into the log of the setup itself",
        ),
        Article(
            "Q140051",
            "Run Command Job Does Not Refresh Partial Server Group",
            Topic.DESPOOLER,
            bug={"run_job_refreshes_specified": False},
            fix={"run_job_refreshes_specified": True},
            versions=("1.1", "1.2", "1.2 SP4"),
            affected=("1.1", "1.2", "1.2 SP4"),
            remedy=Remedy.NONE,
            cure="choose Refresh Existing Distribution Servers, which refreshes all servers that "
            "have the package, or use a Share Package job",
        ),
        Article(
            "Q140374",
            "SMS Jobs Continue to Retry and Do Not Fail",
            Topic.DESPOOLER,
            bug={"restart_resets_retry_count": True},
            fix={"restart_resets_retry_count": False},
            versions=("1.1", "1.2", "1.2 SP4"),
            affected=("1.1", "1.2"),
            remedy=Remedy.VERSION,
            cure="install SMS 1.2 SP4; until then do not restart the Despooler while a job retries",
        ),
        Article(
            "Q140810",
            'Job Status MIF with \\" Is Not Loaded',
            Topic.STATUS,
            bug={"escaped_quote_in_mif_loads": False},
            fix={"escaped_quote_in_mif_loads": True},
            versions=("1.0", "1.1", "1.2"),
            affected=("1.0", "1.1"),
            remedy=Remedy.VERSION,
            cure="upgrade to SMS 1.2; until then use no quotation marks in descriptions",
        ),
        Article(
            "Q147819",
            "Update Job Fails If Clients Are Logged On to the Share",
            Topic.DESPOOLER,
            bug={"use_forced_disconnect": False},
            fix={
                "forced_disconnect_available": True,
                "use_forced_disconnect": True,
                "forced_disconnect_restores_rights": True,
            },
            versions=("1.0", "1.1", "1.2"),
            affected=("1.0", "1.1", "1.2"),
            remedy=Remedy.SETTING,
            cure="close users' connections before the update; from SMS 1.2 on, set the registry "
            "value Use Forced Disconnect (Q128458)",
        ),
        Article(
            "Q152229",
            "Expired Jobs Alter Detailed Job Status",
            Topic.STATUS,
            bug={"expiry_status": "Canceled"},
            also={"expiry_status": ("Retrying",)},
            fix={"expiry_status": ""},
            versions=("1.0", "1.1", "1.2"),
            affected=("1.0", "1.1"),
            remedy=Remedy.VERSION,
            cure="upgrade to SMS 1.2; until then use later expiration dates, or report by NOIDMIF",
        ),
        Article(
            "Q153576",
            "Despooler Fails to Retry After Package Distribution Errors",
            Topic.DESPOOLER,
            bug={"partial_retry_list_lost": True},
            fix={"partial_retry_list_lost": False},
            versions=("1.0", "1.1", "1.2"),
            affected=("1.0", "1.1"),
            remedy=Remedy.VERSION,
            cure="upgrade to SMS 1.2; until then send the job again",
        ),
        Article(
            "Q153637",
            "Remove Package From Server Job Fails If Files Are in Use",
            Topic.DESPOOLER,
            bug={"removal_forgets_netware_name": True},
            fix={"removal_forgets_netware_name": False},
            versions=("1.0", "1.1", "1.2"),
            affected=("1.0", "1.1"),
            remedy=Remedy.VERSION,
            cure="upgrade to SMS 1.2; until then delete by hand what is left on NetWare servers",
        ),
        Article(
            "Q156250",
            "Job Status Remains Active When Sent to an Entire Site",
            Topic.STATUS,
            bug={"site_job_skips_unsupported": False},
            fix={"site_job_skips_unsupported": True},
            versions=("1.0", "1.1", "1.2", "1.2 SP4"),
            affected=("1.0", "1.1", "1.2", "1.2 SP4"),
            remedy=Remedy.NONE,
            cure="let jobs go to machine groups, queries or single clients, not to a whole site",
        ),
        Article(
            "Q163488",
            "PCM Processes .INS File Only When It Is Modified",
            Topic.PCM,
            bug={"polls_only_changed_file": True},
            fix={"polls_only_changed_file": False},
            versions=("1.2", "1.2 SP1", "1.2 SP2"),
            affected=("1.2", "1.2 SP1"),
            remedy=Remedy.VERSION,
            cure="install SMS 1.2 SP2; until then send a dummy package at the date, or use dates "
            "that lie before the package arrives",
        ),
        Article(
            "Q166833",
            "Failed Status MIF Does Not Update Job Status",
            Topic.STATUS,
            bug={"failed_mif_status": "Retrying"},
            fix={"failed_mif_status": "Failed"},
            versions=_V12,
            affected=("1.2", "1.2 SP1", "1.2 SP2", "1.2 SP3", "1.2 SP4", "1.2 SP4 + hotfixes"),
            remedy=Remedy.NONE,
            cure="look for event 374, which tells of the failure",
        ),
        Article(
            "Q172899",
            "Despooler Instruction (.SNI) Files Are Not Processed",
            Topic.DESPOOLER,
            bug={"results_wait_for_client_date": True},
            fix={"results_wait_for_client_date": False},
            versions=("1.2", "1.2 SP3", "1.2 SP4"),
            affected=("1.2", "1.2 SP3"),
            remedy=Remedy.HOTFIX,
            cure="install SMS 1.2 SP4, or the hotfix of 22 June 1998; until then set the clients' "
            "clocks by NET TIME, and delete the instructions with dates that lie ahead",
        ),
        Article(
            "Q182414",
            "Despooler Force-Disconnect Setting Alters Directory Rights",
            Topic.DESPOOLER,
            bug={"forced_disconnect_restores_rights": False},
            fix={"forced_disconnect_restores_rights": True},
            versions=("1.2", "1.2 SP3", "1.2 SP4"),
            affected=("1.2", "1.2 SP3"),
            remedy=Remedy.VERSION,
            cure="install SMS 1.2 SP4; until then reset the NTFS rights of the package directory "
            "by hand on every distribution server",
        ),
        Article(
            "Q184489",
            "Despooler May Delete Package Directory Contents If Files Are in Use",
            Topic.DESPOOLER,
            bug={"copy_strategy": "delete_then_copy"},
            fix={"copy_strategy": "delete_then_copy_checked"},
            versions=("1.2", "1.2 SP3", "1.2 SP4"),
            affected=("1.2", "1.2 SP3"),
            remedy=Remedy.HOTFIX,
            cure="install the hotfix of 2 April 1998 (Smsinst.dll) or SMS 1.2 SP4, or use forced "
            "disconnect (Q128458)",
        ),
        Article(
            "Q184512",
            "Despooler Refreshes Every File in the Package Directory",
            Topic.DESPOOLER,
            bug={"refresh_every_file": True},
            fix={"refresh_every_file": False},
            versions=("1.2", "1.2 SP3", "1.2 SP4"),
            affected=("1.2", "1.2 SP3"),
            remedy=Remedy.VERSION,
            cure="install SMS 1.2 SP4",
        ),
        Article(
            "Q185179",
            "No Retry for Remove Package Jobs",
            Topic.STATUS,
            bug={"failed_removal_is_sent_again": False},
            fix={"failed_removal_is_sent_again": True},
            versions=("1.1", "1.2", "1.2 SP4 + hotfixes"),
            affected=("1.1", "1.2"),
            remedy=Remedy.HOTFIX,
            cure="install the hotfix of 24 April 1998 (Base4.dll); until then make the job again",
        ),
        Article(
            "Q185649",
            "Run Command Job with Send Phase Only Never Shows Complete",
            Topic.STATUS,
            bug={"send_only_never_completes": True},
            fix={"send_only_never_completes": False},
            versions=("1.2", "1.2 SP2", "1.2 SP4"),
            affected=("1.2", "1.2 SP2"),
            remedy=Remedy.VERSION,
            cure="install SMS 1.2 SP4; until then see that the package has arrived, and cancel "
            "the job",
        ),
        Article(
            "Q188042",
            "Logon Servers Are Flooded with .SNI Files",
            Topic.PCM,
            bug={"expiry_notice_repeats": True},
            fix={"expiry_notice_repeats": False},
            versions=("1.2", "1.2 SP4"),
            affected=("1.2",),
            remedy=Remedy.VERSION,
            cure="install SMS 1.2 SP4; until then cancel jobs, and let none expire",
        ),
        Article(
            "Q190135",
            "Despooler Errors: Compilation Failed, Error Code = CB",
            Topic.STATUS,
            bug={"malformed_mif_is_success": True},
            fix={"malformed_mif_is_success": False},
            versions=("1.2", "1.2 SP4", "1.2 SP4 + hotfixes"),
            affected=("1.2", "1.2 SP4"),
            remedy=Remedy.HOTFIX,
            cure="install the hotfix of 10 July 1998 (Base.dll); until then check the MIFs that "
            "setup scripts write",
        ),
        Article(
            "Q191360",
            "Despooler Retry Count Increments by 2 and Not by 1",
            Topic.DESPOOLER,
            bug={"retry_count_step": 2},
            fix={"retry_count_step": 1},
            versions=("1.2", "1.2 SP1", "1.2 SP2", "1.2 SP4"),
            affected=("1.2 SP1", "1.2 SP2"),
            remedy=Remedy.VERSION,
            cure="install SMS 1.2 SP4",
        ),
        Article(
            "Q193766",
            "Despooler Reports Out of Disk Space in Event Log",
            Topic.DESPOOLER,
            bug={"copy_failure_says_disk_full": True},
            fix={"copy_failure_says_disk_full": False},
            versions=("1.2", "1.2 SP4"),
            affected=("1.2", "1.2 SP4"),
            remedy=Remedy.NONE,
            cure="look into the Despooler's log for the Win32 error, and make whoever holds the "
            "file let go: a user, a backup, a virus scanner",
        ),
        Article(
            "Q195936",
            "Distribution Fails If Updating of the Master Package Fails",
            Topic.DESPOOLER,
            bug={"retry_keeps_refresh": False},
            fix={"retry_keeps_refresh": True},
            versions=_V12,
            affected=("1.2", "1.2 SP1", "1.2 SP2", "1.2 SP3", "1.2 SP4"),
            remedy=Remedy.HOTFIX,
            cure="install the hotfix of 28 September 1998 (Smsinst.dll)",
        ),
        Article(
            "Q221945",
            "Job Status Goes Complete Before Server Processing Completes",
            Topic.STATUS,
            bug={"unrun_job_ends_when_sent": True},
            fix={"unrun_job_ends_when_sent": False},
            versions=("1.2 SP4", "1.2 SP4 + hotfixes"),
            affected=("1.2 SP4",),
            remedy=Remedy.HOTFIX,
            cure="install the hotfix of 8 March 1999 (Base4.dll)",
        ),
        Article(
            "Q235805",
            "Package Job Status Not Reported from a 1.2 Child to a 2.0 Parent",
            Topic.STATUS,
            bug={"marked_package_id_resolves": False},
            fix={"marked_package_id_resolves": True},
            versions=("2.0", "2.0 SP1"),
            affected=("2.0",),
            remedy=Remedy.VERSION,
            cure="install SMS 2.0 SP1",
        ),
        Article(
            "Q255284",
            "PCM Incorrectly Runs Newly Available Expired Jobs",
            Topic.PCM,
            bug={"runs_newly_found_expired": True},
            fix={"runs_newly_found_expired": False},
            versions=("1.2 SP4", "1.2 SP4 + hotfixes"),
            affected=("1.2 SP4",),
            remedy=Remedy.HOTFIX,
            cure="install the hotfix of 22 April 2000 for the Package Command Managers",
        ),
    )
}
"""The articles that can be switched with `--bug` and `--fix`, by number."""


def article_of(kb: str) -> Article:
    """The switch of an article such as `Q147819`. Raises `ProfileError`."""
    name = fold(kb) if kb[:1] in "qQ" else f"Q{kb}"
    try:
        return ARTICLES[name]
    except KeyError:
        near = nearest(name, ARTICLES, NEAR)
        told = hint(near, " (despoolr kb list shows them)")
        raise ProfileError(f"no article {kb!r}{told}") from None
