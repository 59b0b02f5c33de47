"""What despooler instructions ask for: a client's report (`WireRemove`) and a job's work at a site
(`Install`).

Both are views of a `DespoolerInstruction`: `to_instruction` writes one, `from_instruction` takes it
apart again and refuses, with the line, what is missing or makes no sense. Times are site seconds.

A WIREMOVE reads like Q172899's: type, site, an 8-character ID (*the JOBID*, says the article) and
last the client's SMSID; what the article leaves out between them is UNKNOWN, ours is the result.
The archive names two minijob types (INVENTORY, CONFIG) and none for packages: INSTALL, SHARE,
REMOVE and CANCEL are our names, and so are all fields.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final
from zlib import crc32

import msgspec

from despoolr_core.formats.dates import DateError, parse_date_time
from despoolr_core.formats.instructions.instruction_file import (
    CONFIG,
    INVENTORY,
    WIREMOVE,
    DespoolerInstruction,
    InstructionError,
    are_plain,
    heading,
    parse_instruction,
    render_flag,
    render_instruction,
    render_time,
    with_end,
)
from despoolr_core.rules.text import NAME_SIZE_MAX, why_unfit

__all__ = [
    "CONFIG",
    "INVENTORY",
    "MINIJOB",
    "WIREMOVE",
    "DespoolerInstruction",
    "Install",
    "InstallKind",
    "InstructionError",
    "MifTransfer",
    "PackageTarget",
    "Result",
    "RetryOf",
    "TargetWorkstation",
    "WireRemove",
    "parse_instruction",
    "render_instruction",
]

MINIJOB: Final = "MICROSOFT|SMS|MINIJOBINSTRUCTION|"


class Result(StrEnum):
    """What a client reports of a package. Success and Failed are the words of the status MIF
    (Q169491); Expired is ours.
    """

    SUCCESS = "Success"
    FAILED = "Failed"
    EXPIRED = "Expired"


class InstallKind(StrEnum):
    """What a job's instruction asks for; the last word of its type. All four are our names."""

    INSTALL = "INSTALL"
    """Run Command On Workstation: put the package on servers, write WINST records."""
    SHARE = "SHARE"
    """Share Package On Server."""
    REMOVE = "REMOVE"
    """Remove Package From Server."""
    CANCEL = "CANCEL"
    """Take the request out of the clients' instruction files again."""

    @property
    def type(self) -> str:
        """The type string of an instruction, e.g. `MICROSOFT|SMS|MINIJOBINSTRUCTION|INSTALL`."""
        return MINIJOB + self.value


class RetryOf(StrEnum):
    """What a retry instruction repeats: nothing (it is the first), the copy to the servers it
    lists, or the whole after a failed store of the master package (Q195936). Our names.
    """

    NOTHING = ""
    SERVERS = "Servers"
    STORE = "Store"


_RESULTS: Final = {result.value: result for result in Result}
_NAMES: Final = ("RequestID", "PackageID", "MachineName", "Domain", "User", "ReportID", "MIF")
"""Fields of a report that are told of in records by name; its description is prose."""
_REPORT_ID: Final = _NAMES.index("ReportID")
_SHORT: Final = rf"(?: ([ -~]{{0,{NAME_SIZE_MAX}}}))?\n"
_REPORT: Final = re.compile(
    r"The execution time is M/D/Y ([0-9:. -]+)\nThe number of retries is 0\n"
    rf"{re.escape(WIREMOVE)} ([!-~]+) ([!-~]+) ([A-Za-z]+) ([!-~]+)\n"
    rf"RequestID ={_SHORT}PackageID ={_SHORT}MachineName ={_SHORT}Domain ={_SHORT}User ={_SHORT}"
    rf"ReportID ={_SHORT}Finished = \1\nMIF ={_SHORT}Description =(?: ([ -~]*))?\n"
    r"End of instruction, 12 lines, CRC ([0-9A-F]{8})\n"
)
"""A report as `WireRemove.render` writes it, if nothing in it is escaped."""
READ_SIZE_MAX: Final = 4096
"""Bytes of a report that is read so."""
_END_SIZE: Final = len("End of instruction, 12 lines, CRC 1A2B3C4D\n")


class WireRemove(msgspec.Struct, frozen=True, kw_only=True):
    """A client's report on one package: it ran (well or not), or it expired (Q169491, Q152229).

    `report_id` is unique, so that a report that arrives twice counts once. `mif_file` names the
    `.PCK` that came with it, or is empty; `description` is what the client knows of the outcome.
    `finished_at` is on the client's clock.
    """

    site: str
    request_id: str
    job_id: str
    package_id: str
    sms_id: str
    machine: str
    domain: str = ""
    user: str = ""
    result: Result
    report_id: str
    finished_at: float
    mif_file: str = ""
    description: str = ""

    def to_instruction(
        self, *, execute_at: float | None = None, retries: int = 0
    ) -> DespoolerInstruction:
        """The report as an instruction. Raises `DateError` for a time outside 1970 to 9999."""
        return DespoolerInstruction(
            WIREMOVE,
            (self.site, self.job_id, self.result.value, self.sms_id),
            {
                "RequestID": self.request_id,
                "PackageID": self.package_id,
                "MachineName": self.machine,
                "Domain": self.domain,
                "User": self.user,
                "ReportID": self.report_id,
                "Finished": render_time(self.finished_at),
                "MIF": self.mif_file,
                "Description": self.description,
            },
            execute_at=execute_at,
            retries=retries,
        )

    def render(self) -> bytes:
        """The report as a file, to be executed from the client's time on (Q172899): what
        `render_instruction` makes of it, in two thirds of the time, where nothing in it is escaped.
        Raises as that does.
        """
        said = (
            *(self.request_id, self.package_id, self.machine, self.domain),
            *(self.user, self.report_id, self.mif_file, self.description),
        )
        words = self.site, self.job_id, self.result.value, self.sms_id
        at = self.finished_at
        if not are_plain(words, said):
            return render_instruction(self.to_instruction(execute_at=at))
        request, package, machine, domain, user, report, mif, description = (
            f" {value}" if value else "" for value in said
        )
        return with_end(
            f"{heading(at)}{WIREMOVE} {' '.join(words)}\n"
            f"RequestID ={request}\nPackageID ={package}\nMachineName ={machine}\n"
            f"Domain ={domain}\nUser ={user}\nReportID ={report}\n"
            f"Finished = {render_time(at)}\nMIF ={mif}\nDescription ={description}\n",
            12,
        )

    def without_fields(self) -> DespoolerInstruction:
        """The first lines of its file, in which it says when it is to be executed, and what it
        is.
        """
        words = self.site, self.job_id, self.result.value, self.sms_id
        return DespoolerInstruction(WIREMOVE, words, execute_at=self.finished_at)

    @classmethod
    def read(cls, data: bytes) -> WireRemove | None:
        """The report that a file is, to be executed from `finished_at` on, as `from_instruction`
        would make it in twice the time; None: ask there, be it a report or not.
        """
        if len(data) > READ_SIZE_MAX or not data.isascii() or b"&" in data:
            return None
        found = _REPORT.fullmatch(data.decode("ascii"))
        if found is None or int(found[14], 16) != crc32(data[:-_END_SIZE]):
            return None
        time, *words, description, _ = found.groups("")
        try:
            finished_at = parse_date_time(time)
        except DateError:
            return None
        names = words[4:]
        if finished_at is None or words[2] not in _RESULTS or not names[_REPORT_ID]:
            return None
        return cls._made(words[:4], names, finished_at, description)

    @classmethod
    def from_instruction(cls, instruction: DespoolerInstruction) -> WireRemove:
        """The report that an instruction is. Raises `InstructionError` for another type, a missing
        or senseless value.
        """
        _expect(instruction, (WIREMOVE,), 4)
        result = instruction.words[2]
        if result not in _RESULTS:
            raise InstructionError(f"{result!r} is not one of {', '.join(Result)}", 3, 1)
        finished_at = instruction.time("Finished")
        if finished_at is None:
            raise instruction.wrong("Finished", "is not a time")
        names = [instruction.text(key) for key in _NAMES]
        if not "".join(names).isprintable() or max(map(len, names)) > NAME_SIZE_MAX:
            for key, name in zip(_NAMES, names, strict=True):
                if reason := why_unfit(name):
                    raise instruction.wrong(key, reason)
        if not names[_REPORT_ID]:
            raise instruction.wrong("ReportID", "must not be empty")
        return cls._made(instruction.words, names, finished_at, instruction.text("Description"))

    @classmethod
    def _made(
        cls, words: Sequence[str], names: Sequence[str], finished_at: float, description: str
    ) -> WireRemove:
        """Of the words of its first line, and what `_NAMES` name."""
        site, job_id, result, sms_id = words
        request_id, package_id, machine, domain, user, report_id, mif_file = names
        return cls(
            site=site,
            request_id=request_id,
            job_id=job_id,
            package_id=package_id,
            sms_id=sms_id,
            machine=machine,
            domain=domain,
            user=user,
            result=_RESULTS[result],
            report_id=report_id,
            finished_at=finished_at,
            mif_file=mif_file,
            description=description,
        )


class PackageTarget(msgspec.Struct, frozen=True):
    """A distribution server and the share there: `SRV1`, `SMS_PKGD` (or a nested name,
    `APPS\\WIN\\EXCEL`: Q107245).
    """

    server: str
    share: str

    def __str__(self) -> str:
        return f"\\\\{self.server}\\{self.share}"


class TargetWorkstation(msgspec.Struct, frozen=True):
    """A client that is to get a WINST record."""

    machine: str
    sms_id: str
    domain: str

    def __str__(self) -> str:
        return f"{self.sms_id} {self.domain}\\{self.machine}"


class Install(msgspec.Struct, frozen=True, kw_only=True):
    """A job's work at one site: install or update, share, remove, cancel.

    An empty `command_line` means that the job has no Run phase. `offer_after`, `mandatory_after`
    and `expires_after` are on the clients' clocks. `report_to` is the site that gets the status.
    `package_file` lies beside the instruction, or is empty. With `retry_of` SERVERS, `servers` are
    those that failed, and no others are meant; `first_attempt_at` is the site's time. With
    `put_on_specified` and no `servers`, the site's default servers are meant: all it has.
    `users_warned`: a forced disconnect has revoked access and told the holders; this attempt closes
    their files (Q128458). `early_for`: it is tried before its time; when that is.
    """

    kind: InstallKind
    site: str
    job_id: str
    package_id: str
    package_version: int = 1
    package_file: str = ""
    request_id: str = ""
    servers: tuple[PackageTarget, ...] = ()
    refresh_existing: bool = False
    put_on_specified: bool = False
    send_even_if_previously_sent: bool = False
    workstations: tuple[TargetWorkstation, ...] = ()
    command_line: str = ""
    command_name: str = ""
    package_name: str = ""
    comments: str = ""
    offer_after: float | None = None
    mandatory_after: float | None = None
    expires_after: float | None = None
    operating_system: int = 0x0F
    user_input_required: bool = False
    background: bool = False
    report_to: str = ""
    retry_of: RetryOf = RetryOf.NOTHING
    first_attempt_at: float | None = None
    users_warned: bool = False
    job_name: str = ""
    package_source: str = ""
    early_for: float | None = None

    def to_instruction(
        self, *, execute_at: float | None = None, retries: int = 0
    ) -> DespoolerInstruction:
        """The work as an instruction. Raises `InstructionError` for a name that has a backslash
        where it cannot.
        """
        for target in self.servers:
            if not target.server or not target.share or "\\" in target.server:
                raise InstructionError(f"{str(target)!r} is not a server and a share")
        for workstation in self.workstations:
            if " " in workstation.sms_id or "\\" in workstation.domain + workstation.machine:
                raise InstructionError(
                    f"{str(workstation)!r} is not an SMSID, a domain and a machine"
                )
        return DespoolerInstruction(
            self.kind.type,
            (self.site, self.job_id, self.package_id),
            {
                "RequestID": self.request_id,
                "ReportTo": self.report_to,
                "JobName": self.job_name,
                "PackageName": self.package_name,
                "PackageSource": self.package_source,
                "PackageVersion": str(self.package_version),
                "PackageFile": self.package_file,
                "SendEvenIfPreviouslySent": render_flag(self.send_even_if_previously_sent),
                "PutOnSpecified": render_flag(self.put_on_specified),
                "RefreshExisting": render_flag(self.refresh_existing),
                "CommandLine": self.command_line,
                "CommandName": self.command_name,
                "Comments": self.comments,
                "OfferAfter": render_time(self.offer_after),
                "MandatoryAfter": render_time(self.mandatory_after),
                "ExpiresAfter": render_time(self.expires_after),
                "OperatingSystem": str(int(self.operating_system)),
                "UserInputRequired": render_flag(self.user_input_required),
                "SystemTask": render_flag(self.background),
                "RetryOf": self.retry_of.value,
                "FirstAttempt": render_time(self.first_attempt_at),
                "UsersWarned": render_flag(self.users_warned),
                **({} if self.early_for is None else {"EarlyFor": render_time(self.early_for)}),
            },
            tuple(map(str, self.servers)),
            tuple(map(str, self.workstations)),
            execute_at,
            retries,
        )

    @classmethod
    def from_instruction(cls, instruction: DespoolerInstruction) -> Install:
        """The work that an instruction asks for. Raises `InstructionError` for another type, a
        missing or senseless value.
        """
        _expect(instruction, tuple(kind.type for kind in InstallKind), 3)
        site, job_id, package_id = instruction.words
        return cls(
            kind=InstallKind(instruction.type.removeprefix(MINIJOB)),
            site=site,
            job_id=job_id,
            package_id=package_id,
            package_version=instruction.integer("PackageVersion"),
            package_file=instruction.text("PackageFile"),
            request_id=instruction.text("RequestID"),
            servers=tuple(map(_target, instruction.servers)),
            refresh_existing=instruction.flag("RefreshExisting"),
            put_on_specified=instruction.flag("PutOnSpecified"),
            send_even_if_previously_sent=instruction.flag("SendEvenIfPreviouslySent"),
            workstations=tuple(map(_workstation, instruction.workstations)),
            command_line=instruction.text("CommandLine"),
            command_name=instruction.text("CommandName"),
            package_name=instruction.text("PackageName"),
            comments=instruction.text("Comments"),
            offer_after=instruction.time("OfferAfter"),
            mandatory_after=instruction.time("MandatoryAfter"),
            expires_after=instruction.time("ExpiresAfter"),
            operating_system=instruction.integer("OperatingSystem"),
            user_input_required=instruction.flag("UserInputRequired"),
            background=instruction.flag("SystemTask"),
            report_to=instruction.text("ReportTo"),
            retry_of=_retry_of(instruction),
            first_attempt_at=instruction.time("FirstAttempt")
            if "FirstAttempt" in instruction.fields
            else None,
            users_warned="UsersWarned" in instruction.fields and instruction.flag("UsersWarned"),
            job_name=instruction.fields.get("JobName", ""),
            package_source=instruction.fields.get("PackageSource", ""),
            early_for=instruction.time("EarlyFor") if "EarlyFor" in instruction.fields else None,
        )


class MifTransfer(msgspec.Struct, frozen=True, kw_only=True):
    """MIFs of a site on their way to its parent: `package_file` holds them, compressed, and lies
    beside the instruction.

    The type is Q153246's minijob INVENTORY; what such an instruction says is UNKNOWN, the fields
    are ours.
    """

    site: str
    request_id: str
    package_file: str
    count: int

    def to_instruction(self) -> DespoolerInstruction:
        """The transfer as an instruction."""
        fields = {"PackageFile": self.package_file, "Count": str(self.count)}
        return DespoolerInstruction(INVENTORY, (self.site, self.request_id), fields)

    @classmethod
    def from_instruction(cls, instruction: DespoolerInstruction) -> MifTransfer:
        """The transfer that an instruction is. Raises `InstructionError` for another type, a
        missing or senseless value.
        """
        _expect(instruction, (INVENTORY,), 2)
        site, request_id = instruction.words
        return cls(
            site=site,
            request_id=request_id,
            package_file=instruction.text("PackageFile"),
            count=instruction.integer("Count"),
        )


def _retry_of(instruction: DespoolerInstruction) -> RetryOf:
    try:
        return RetryOf(instruction.fields.get("RetryOf", ""))
    except ValueError:
        raise instruction.wrong("RetryOf", f"is not one of {', '.join(RetryOf)}") from None


def _expect(instruction: DespoolerInstruction, types: tuple[str, ...], word_count: int) -> None:
    if instruction.type not in types:
        raise InstructionError(f"{instruction.type} is not {' or '.join(types)}", 3, 1)
    if len(instruction.words) != word_count:
        raise InstructionError(
            f"{instruction.type} takes {word_count} words, not {len(instruction.words)}", 3, 1
        )


def _target(unc: str) -> PackageTarget:
    server, _, share = unc.removeprefix("\\\\").partition("\\")
    if not unc.startswith("\\\\") or not server or not share:
        raise InstructionError(
            f"Server = {unc!r} is not a server and a share like \\\\SRV1\\SMS_PKGD"
        )
    return PackageTarget(server, share)


def _workstation(text: str) -> TargetWorkstation:
    sms_id, _, rest = text.partition(" ")
    domain, _, machine = rest.partition("\\")
    if not sms_id or not machine:
        raise InstructionError(
            f"Workstation = {text!r} is not an SMSID, a domain and a machine like "
            "BPC00005 SALES\\PC5"
        )
    return TargetWorkstation(machine, sms_id, domain)
