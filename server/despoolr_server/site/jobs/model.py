"""What a job is: its type, its phases, its states. Pure vocabulary of the SMS Administrator program
(`domain.md` d.1).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from despoolr_core.formats.instructions.instruction import InstallKind


class JobType(StrEnum):
    """The job types an administrator creates (Q128458)."""

    RUN_COMMAND = "Run Command On Workstation"
    SHARE_PACKAGE = "Share Package On Server"
    REMOVE_PACKAGE = "Remove Package From Server"


INSTALL_KINDS: Final = {
    JobType.RUN_COMMAND: InstallKind.INSTALL,
    JobType.SHARE_PACKAGE: InstallKind.SHARE,
    JobType.REMOVE_PACKAGE: InstallKind.REMOVE,
}
"""What a job's instruction asks a site to do."""
JOB_TYPES: Final = {
    "run": JobType.RUN_COMMAND,
    "share": JobType.SHARE_PACKAGE,
    "remove": JobType.REMOVE_PACKAGE,
}
"""By the words of orders and of scenario files."""


class JobStatus(StrEnum):
    """Overall, sending and working status (Q186414, Q150026)."""

    NONE = "None"
    PENDING = "Pending"
    ACTIVE = "Active"
    RETRYING = "Retrying"
    COMPLETE = "Complete"
    FAILED = "Failed"
    CANCELLING = "Cancelling"
    CANCELLED = "Cancelled"


ENDED: Final = frozenset({JobStatus.COMPLETE, JobStatus.FAILED, JobStatus.CANCELLED})
UNDER_WAY: Final = (JobStatus.ACTIVE, JobStatus.RETRYING, JobStatus.CANCELLING)
"""The statuses that the rows of Job Details decide."""


class DetailKind(StrEnum):
    """The kinds of row in Job Details (Q167007, Q221945, Q152229)."""

    SITE_ARRIVAL = "Site Arrival"
    COMPLETION = "Completion"
    SERVER = "Server"
    WORKSTATION = "Workstation"


class DetailStatus(StrEnum):
    """What a row can say. `Canceled` is spelled with one l for a workstation (Q152229), `Cancelled`
    for a job (Q186414).
    """

    NONE = "None"
    ACTIVE = "Active"
    COMPLETE = "Complete"
    RETRYING = "Retrying"
    FAILED = "Failed"
    CANCELED = "Canceled"


NOT_INSTALLED: Final = "Not installed"
"""What a package's status at a site is until the site reports. Our words: the archive prints
none.
"""


class SendPhase(StrEnum):
    """Send: changed source files reach a site only with the second (Q160567, Q197016)."""

    ONLY_IF_NOT_SENT = "Only if not previously sent"
    EVEN_IF_SENT = "Even if previously sent"


class DistributePhase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Put on Specified Distribution Servers, and Refresh Existing Distribution Servers (Q140051,
    Q235157).

    `put_on` names servers; `["*"]` are each site's default servers, all it has. With neither, the
    job only sends.
    """

    put_on: tuple[str, ...] = ()
    refresh_existing: bool = False


class RunPhase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Run Workstation Command. Times are site seconds; `mandatory_after`/`expires_after` None:
    never.
    """

    command: str
    command_name: str = ""
    offer_after: float = 0.0
    mandatory_after: float | None = None
    expires_after: float | None = None
    operating_system: int = 0x0F
    user_input_required: bool = False
    background: bool = False


class JobSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A job as the administrator fills it in.

    `machines` are the target workstations by name (`["*"]`: every machine the site knows) and
    matter with a run phase only. `sites` are the target sites; if none is named they follow from
    the targets: the sites of the workstations of a run phase, the sites of the servers that are
    named, and this one. `activate_at` is site time; `repeat_every_s` 0 does not repeat.
    """

    name: str
    package: str
    type: JobType = JobType.RUN_COMMAND
    sites: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    send: SendPhase = SendPhase.ONLY_IF_NOT_SENT
    distribute: DistributePhase = DistributePhase()
    run: RunPhase | None = None
    priority: int = 2
    activate_at: float = 0.0
    repeat_every_s: float = 0.0

    @property
    def is_send_only(self) -> bool:
        """Whether the job has neither a distribute nor a run phase."""
        distribute = self.distribute
        is_for_servers = (
            self.type == JobType.REMOVE_PACKAGE or distribute.put_on or distribute.refresh_existing
        )
        return not is_for_servers and self.run is None
