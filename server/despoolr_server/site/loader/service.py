r"""Inventory Data Loader: loads MIFs from `DATALOAD.BOX\DELTAMIF.COL` into the site database, each
exactly once.

The law: rows first, file after. A batch of MIFs becomes one transaction; only when that is safe are
the files deleted. A process that died between the two finds the files again, and the report numbers
in `LoadedReports` tell it that they count already. What does not parse goes to `BADMIFS` with a
reason and event 245; the rest goes on. What concerns a site above is copied to `SITEREP.BOX` before
the file goes (hop 6 of Q169491), whether it counted here or not.
"""

from __future__ import annotations

from typing import ClassVar, Final

import msgspec

from despoolr_core.formats.instructions.winst import OperatingSystem
from despoolr_core.formats.mif.language.findings import MifError
from despoolr_core.formats.mif.language.tokens import has_escaped_quote
from despoolr_core.formats.reports.job_mif import Inventory, JobReport
from despoolr_core.formats.reports.site_mif import (
    DeltaMif,
    PackageReport,
    SiteReport,
    read_delta_mif,
)
from despoolr_core.records.kinds.fact import Fact
from despoolr_core.records.kinds.site import (
    DetailStatusChanged,
    MifLoaded,
    MifRefused,
    PackageStatusChanged,
    PackageUnknown,
)
from despoolr_core.rules.fold import fold
from despoolr_core.share.contract import ShareError
from despoolr_server.database.protocol import Connection, Row, insert_into, set_where
from despoolr_server.site.jobs.model import DetailKind, DetailStatus
from despoolr_server.site.loader.detail_rows import DetailRows
from despoolr_server.site.services.box_service import PARSED_HERE, BoxService
from despoolr_server.site.state import boxes
from despoolr_server.site.state.concurrency import gather_all
from despoolr_server.site.state.context import SiteContext, event_logged, insert_event
from despoolr_server.site.state.mif_box import MifBox
from despoolr_server.site.state.rows import package_status, queries

BATCH_MAX: Final = 200
MIF_SIZE_MAX: Final = 5_000_000
"""Bytes of a MIF the loader takes (`Max MIF Size`, Q198766)."""
EVENT_NO_DETAIL_RECORD: Final = 41
EVENT_MIF_MOVED: Final = 245
EVENTS_TAKEN: Final = (0, 374)
"""The events a job-status MIF may ask to be logged: none, or that a workstation's installation
failed (Q169491).
"""

_STATUSES: Final = tuple(status.value for status in DetailStatus)
_ADD_LOADED: Final = insert_into("LoadedReports", "Report", "At")
_HEARD_OF: Final = ("Name", "FoldedName", "Domain", "SiteCode", "UpdatedAt")
"""What an inventory says of the machine itself."""
_FORGET_GROUP: Final = """
    DELETE FROM "MachineAttributes" WHERE "MachineID" = :machine AND "GroupName" = :group
"""
_ADD_ATTRIBUTE: Final = insert_into(
    "MachineAttributes", "MachineID", "GroupName", "Attribute", "Value", "UpdatedAt"
)


class _Loaded(msgspec.Struct, frozen=True):
    name: str
    mif: DeltaMif
    data: bytes


class _Batch:
    """What one transaction knows of reports and jobs, each asked for once."""

    def __init__(self, db: Connection, reports: list[JobReport]) -> None:
        self.db = db
        self.rows = DetailRows(db, reports)
        self._counted = queries.loaded_reports(db, [mif.report for mif in reports])
        self._new: list[str] = []
        self._jobs: dict[str, Row | None] = {}

    def counts(self, report: str) -> bool:
        """Whether a report is counted now, for the first time."""
        if report in self._counted:
            return False
        self._counted.add(report)
        self._new.append(report)
        return True

    def enter(self, tick: float) -> None:
        """Write what the rows say now, and remember for ever what was counted."""
        self.rows.write()
        if self._new:
            rows = [{"Report": report, "At": tick} for report in self._new]
            self.db.change_each(_ADD_LOADED, rows)

    def job(self, job_id: str) -> Row | None:
        """One job, or None."""
        if job_id not in self._jobs:
            self._jobs[job_id] = queries.job(self.db, job_id)
        return self._jobs[job_id]

    def forget(self, job_id: str) -> None:
        """A job was changed."""
        self._jobs.pop(job_id, None)
        self.rows.forget(job_id)


class DataLoader(BoxService):
    """The service SMS_INVENTORY_DATA_LOADER of one site."""

    component: ClassVar[str] = "SMS_INVENTORY_DATA_LOADER"
    box: ClassVar[str] = boxes.DELTA_MIFS
    bad: ClassVar[str] = boxes.BAD_MIFS

    def __init__(self, site: SiteContext) -> None:
        super().__init__(site)
        self._upward = MifBox(self._root, "L", boxes.SITE_REPORTS)

    async def started(self) -> None:
        if self.site.parent:
            await self._upward.started()

    async def cycle(self, tick: float) -> None:
        names = sorted(await self._waiting(), key=lambda name: (name[:1] != "I", name))
        for start in range(0, len(names), BATCH_MAX):
            await self._load_batch(names[start : start + BATCH_MAX], tick)

    async def _load_batch(self, names: list[str], tick: float) -> None:
        found = await self._root.read_all([f"{self.box}/{name}" for name in names])
        batch = [
            loaded
            for name, data in zip(names, found, strict=True)
            if (loaded := await self._take(name, data)) is not None
        ]
        if not batch:
            return
        facts = await self.site.database.run(lambda db: self._load_all(db, batch, tick))
        self.site.change_count += 1
        aside: dict[str, str] = {}
        for fact in facts:
            self.site.record(self.component, fact)
            if isinstance(fact, DetailStatusChanged):
                self.site.touched_jobs.add(fact.job)
            if isinstance(fact, PackageUnknown):
                self.warn(fact.reason)
                aside |= {fact.file: fact.reason} if fact.kept else {}
        await self._finish(batch, aside)

    async def _finish(self, batch: list[_Loaded], aside: dict[str, str]) -> None:
        """The rows are safe: pass on what concerns the parent, and let the files go (or keep them,
        for a reason).
        """
        await gather_all(
            self._upward.put_data(i.data, fold(i.name[-3:]))
            for i in batch
            if self._concerns_parent(i.mif)
        )
        await gather_all(
            self._refuse(i.name, i.data, aside[i.name]) for i in batch if i.name in aside
        )
        done = [f"{self.box}/{item.name}" for item in batch if item.name not in aside]
        for error in await self._root.delete_all(done):
            if error is not None:
                raise error

    async def _take(self, name: str, data: bytes | ShareError) -> _Loaded | None:
        """A MIF, if it can be read and is one."""
        if isinstance(data, ShareError):
            if data.is_refusal or data.is_missing:
                return None
            raise data
        try:
            if len(data) > MIF_SIZE_MAX:
                raise MifError(
                    f"{len(data):,} bytes are more than the {MIF_SIZE_MAX:,} of Max MIF Size"
                )
            is_small = len(data) <= PARSED_HERE
            parsed = (
                read_delta_mif(data) if is_small else await self._parsed_aside(read_delta_mif, data)
            )
            mif = _checked(parsed)
            if self._stumbles(mif, data):
                raise MifError('a literal has \\" in it', source="Q140810")
            return _Loaded(name, mif, data)
        except MifError as error:
            try:
                await self._refuse(name, data, str(error))
            except ShareError as refused:
                self.warn(
                    f"~Cannot move {name} to BADMIFS, Win32 Error = {refused.win32}. It stays "
                    "until there is room for it."
                )
            return None

    async def _refuse(self, name: str, data: bytes, reason: str) -> None:
        self.warn(f"~Bad MIF {name}: {reason}. Moved to BADMIFS.")
        await self._set_aside(name, data, reason, EVENT_MIF_MOVED)
        self.site.record(self.component, MifRefused(file=name, reason=reason))

    def _stumbles(self, mif: DeltaMif, data: bytes) -> bool:
        """Whether this version's loader cannot load what is right."""
        # Q140810: an escaped quote in a job status MIF. Keep it so.
        return (
            not self.site.profile.escaped_quote_in_mif_loads
            and isinstance(mif, JobReport)
            and has_escaped_quote(data)
        )

    def _concerns_parent(self, mif: DeltaMif) -> bool:
        """Whether a site above wants to know: of machines and sites always, of jobs and packages
        that are not this site's.
        """
        own = self.site.code
        if not self.site.parent:
            return False
        if isinstance(mif, JobReport):
            return mif.job_id[:3] != own and mif.status != DetailStatus.NONE
        return not isinstance(mif, PackageReport) or mif.package_id[:3] != own

    # -- inside the transaction

    def _load_all(self, db: Connection, batch: list[_Loaded], tick: float) -> list[Fact]:
        known = _Batch(db, [item.mif for item in batch if isinstance(item.mif, JobReport)])
        facts = [fact for item in batch for fact in self._load(known, item, tick)]
        known.enter(tick)
        return facts

    def _load(self, known: _Batch, item: _Loaded, tick: float) -> list[Fact]:
        mif, db = item.mif, known.db
        if isinstance(mif, JobReport):
            return self._load_job(known, item.name, mif)
        if isinstance(mif, PackageReport):
            return self._load_package(db, item.name, mif)
        if isinstance(mif, SiteReport):
            queries.set_site(db, mif)
            return [MifLoaded(file=item.name, report=mif.code, about="site")]
        return self._load_inventory(db, item.name, mif, tick)

    def _load_job(self, known: _Batch, name: str, mif: JobReport) -> list[Fact]:
        db = known.db
        if not known.counts(mif.report):
            return [MifRefused(file=name, reason=f"report {mif.report} has been counted already")]
        facts: list[Fact] = [MifLoaded(file=name, report=mif.report, about=mif.kind)]
        if mif.facts is not None and mif.site == self.site.code and known.job(mif.job_id) is None:
            queries.adopt_job(db, mif, mif.facts)
            known.forget(mif.job_id)
        if self.site.code not in (mif.job_id[:3], mif.site):
            return facts  # another site's job at another site: it only passes through here
        if known.job(mif.job_id) is None:
            event = self.site.event(self.component, EVENT_NO_DETAIL_RECORD, job=mif.job_id)
            insert_event(db, event)
            facts.append(event_logged(event))
            return facts
        if not known.rows.is_overtaken(mif):
            facts.append(self._set_row(known, mif))
        if mif.event:
            facts.append(self._load_event(db, mif))
        return facts

    def _set_row(self, known: _Batch, mif: JobReport) -> Fact:
        """The row of a job, and what follows from it."""
        db, was = known.db, known.rows.set(mif)
        if mif.kind == DetailKind.COMPLETION and mif.status == DetailStatus.CANCELED:
            known.rows.write()
            queries.cancel_details(db, mif.job_id, mif.site, mif.time)
            known.forget(mif.job_id)
        if mif.kind == DetailKind.SERVER and (
            mif.site == self.site.code or not self.site.profile.package_status_by_sta
        ):
            self._load_package_status(known, mif)
        return DetailStatusChanged(
            job=mif.job_id,
            detail=mif.kind,
            site=mif.site,
            machine=mif.machine,
            status=mif.status,
            was=was or "",
        )

    def _load_package_status(self, known: _Batch, mif: JobReport) -> None:
        job, db = known.job(mif.job_id), known.db
        assert job is not None
        queries.set_package_status(
            db, job.PackageID, mif.site, mif.machine, mif.status, mif.version, mif.time
        )

    def _load_package(self, db: Connection, name: str, mif: PackageReport) -> list[Fact]:
        """A package's status at a site, of a 1.x site's child. What one's own servers have is known
        from the job's rows.
        """
        facts: list[Fact] = [MifLoaded(file=name, report=mif.report, about="package")]
        if mif.site == self.site.code:
            return facts
        found, was = package_status.load(
            db, mif, resolves_marks=self.site.profile.marked_package_id_resolves
        )
        if found.package:
            facts.append(
                PackageStatusChanged(
                    package=found.package,
                    site=mif.site,
                    status=mif.result,
                    was=was,
                    job=mif.job_id,
                )
            )
        elif mif.package_id[:3] == self.site.code:
            text = (
                package_status.ambiguous(mif, found.candidates)
                if found.candidates
                else package_status.missing(mif.package_id)
            )
            facts.append(
                PackageUnknown(
                    said=mif.package_id,
                    site=mif.site,
                    result=mif.result,
                    file=name,
                    reason=text,
                    kept=found.is_ambiguous,
                )
            )
        return facts

    def _load_event(self, db: Connection, mif: JobReport) -> Fact:
        """Event 374: the Despooler made it, the loader stores it; its component is the Despooler
        (Q166833, Q169491).
        """
        event = self.site.event(
            "SMS_DESPOOLER",
            mif.event,
            mif.machine,
            mif.domain,
            mif.description,
            job=mif.job_id,
            machine=mif.machine,
            at=mif.time,
            site=mif.site,
        )
        insert_event(db, event)
        return event_logged(event)

    def _load_inventory(self, db: Connection, name: str, mif: Inventory, tick: float) -> list[Fact]:
        """The machine's row and its attributes. Same-named groups override; attributes left out
        become null (Q170440).
        """
        machine = mif.machine
        values = {
            "SMSID": machine.sms_id,
            "Name": machine.name,
            "FoldedName": fold(machine.name),
            "Domain": machine.domain,
            "SiteCode": machine.site,
            "UpdatedAt": tick,
        }
        if db.change(set_where("Machines", '"SMSID" = :SMSID', *_HEARD_OF), values) == 0:
            values["OperatingSystem"] = int(OperatingSystem.WIN32_X86)
            db.change(insert_into("Machines", *values), values)
        machine_id = db.value('SELECT "MachineID" FROM "Machines" WHERE "SMSID" = :SMSID', values)
        for group, attributes in mif.groups.items():
            db.change(_FORGET_GROUP, {"machine": machine_id, "group": group})
            rows = [
                {
                    "MachineID": machine_id,
                    "GroupName": group,
                    "Attribute": a,
                    "Value": None if v is None else str(v),
                    "UpdatedAt": tick,
                }
                for a, v in attributes.items()
            ]
            if rows:
                db.change_each(_ADD_ATTRIBUTE, rows)
        return [MifLoaded(file=name, report="", about="inventory")]


def _checked(mif: DeltaMif) -> DeltaMif:
    """The same; `MifError` for a report that says what no row can, or asks for an event no
    workstation's result can cause.
    """
    if isinstance(mif, JobReport) and mif.event not in EVENTS_TAKEN:
        raise MifError(f"Event is {mif.event}, not one of {', '.join(map(str, EVENTS_TAKEN))}")
    if isinstance(mif, JobReport) and mif.status not in _STATUSES:
        raise MifError(f"Status is {mif.status!r}, not one of {', '.join(_STATUSES)}")
    return mif
