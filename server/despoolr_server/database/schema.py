"""The site database: SMS's own table and column names, so that a user who opens the file finds what
the field calls it.

Times are site seconds since 1970 (REAL). Sources: `Jobs`/`JobDetails` (Q162558, Q167007, Q186414),
`SMSPackages` (Q326045), machine groups and attributes (Q138021). The rest is ours and says so.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

METADATA: Final = MetaData()

JOBS: Final = Table(
    "Jobs",
    METADATA,
    Column("JobID", String(8), primary_key=True),
    Column("Name", String(64), nullable=False),
    Column("Type", String(32), nullable=False),
    Column("PackageID", String(8), nullable=False),
    Column("RequestID", String(7), nullable=False),
    Column("Status", String(16), nullable=False),
    Column("SendingStatus", String(16), nullable=False, default="None"),
    Column("WorkingStatus", String(16), nullable=False, default="None"),
    Column("CancelStatus", String(16), nullable=False, default="None"),
    Column("Priority", Integer, nullable=False, default=2),
    Column("CreatedAt", Float, nullable=False),
    Column("ActivateAt", Float, nullable=False),
    Column("RepeatEvery", Float, nullable=False, default=0.0),
    Column("RepeatOf", String(8), nullable=False, default=""),
    Column("StatusAt", Float, nullable=False),
    Column("Spec", Text, nullable=False),
)
"""`Status` is the overall status; `Spec` holds the phases (send, distribute, run) as JSON."""
Index("JobsStatus", JOBS.c.Status)

JOB_DETAILS: Final = Table(
    "JobDetails",
    METADATA,
    Column("ID", Integer, primary_key=True, autoincrement=True),
    Column("JobID", String(8), nullable=False),
    Column("Kind", String(16), nullable=False),
    Column("SiteCode", String(3), nullable=False),
    Column("Domain", String(32), nullable=False, default=""),
    Column("MachineName", String(32), nullable=False, default=""),
    Column("MachineID", Integer, nullable=False, default=0),
    Column("Status", String(16), nullable=False),
    Column("UpdatedAt", Float, nullable=False),
    Column("Description", String(255), nullable=False, default=""),
    UniqueConstraint("JobID", "Kind", "SiteCode", "MachineName", name="OneRowPerTarget"),
)
"""`Kind`: Site Arrival, Completion, Server or Workstation (Q167007, Q221945, Q152229)."""
Index("JobDetailsMachine", JOB_DETAILS.c.MachineID)
Index("JobDetailsStatus", JOB_DETAILS.c.JobID, JOB_DETAILS.c.Kind, JOB_DETAILS.c.Status)

PACKAGES: Final = Table(
    "SMSPackages",
    METADATA,
    Column("PkgID", String(8), primary_key=True),
    Column("Name", String(64), nullable=False),
    Column("Comment", String(255), nullable=False, default=""),
    Column("SourcePath", String(255), nullable=False),
    Column("StoredVersion", Integer, nullable=False, default=0),
    Column("SourceSize", Integer, nullable=False, default=0),
    Column("SourceCompSize", Integer, nullable=False, default=0),
)

PACKAGE_STATUS: Final = Table(
    "PackageStatus",
    METADATA,
    Column("PkgID", String(8), primary_key=True),
    Column("SiteCode", String(3), primary_key=True),
    Column("Server", String(32), primary_key=True),
    Column("Status", String(16), nullable=False),
    Column("Version", Integer, nullable=False, default=0),
    Column("UpdatedAt", Float, nullable=False),
)
"""Which distribution server holds which version: the package location data."""

MACHINES: Final = Table(
    "Machines",
    METADATA,
    Column("MachineID", Integer, primary_key=True, autoincrement=True),
    Column("SMSID", String(8), nullable=False, unique=True),
    Column("Name", String(32), nullable=False),
    Column("Domain", String(32), nullable=False),
    Column("SiteCode", String(3), nullable=False),
    Column("OperatingSystem", Integer, nullable=False, default=2),
    Column("UpdatedAt", Float, nullable=False, default=0.0),
    Column("FoldedName", String(32), nullable=False, server_default=""),
)
"""`FoldedName` is ours: the name as it is looked for, so that one machine among many is found by an
index.
"""
Index("MachinesFoldedName", MACHINES.c.FoldedName)

Table(
    "MachineAttributes",
    METADATA,
    Column("MachineID", Integer, primary_key=True),
    Column("GroupName", String(255), primary_key=True),
    Column("Attribute", String(255), primary_key=True),
    Column("Value", String(255), nullable=True),
    Column("UpdatedAt", Float, nullable=False),
)

SITES: Final = Table(
    "Sites",
    METADATA,
    Column("SiteCode", String(3), primary_key=True),
    Column("ParentSiteCode", String(3), nullable=False, default=""),
    Column("Server", String(32), nullable=False),
    Column("Version", String(32), nullable=False, default=""),
    Column("Servers", Text, nullable=False, default=""),
    Column("UpdatedAt", Float, nullable=False, default=0.0),
)
"""The sites below this one (Q319189 names the table); `Servers` are the distribution servers a job
there can name.
"""

EVENTS: Final = Table(
    "Events",
    METADATA,
    Column("ID", Integer, primary_key=True, autoincrement=True),
    Column("At", Float, nullable=False),
    Column("Code", Integer, nullable=False),
    Column("Severity", String(24), nullable=False),
    Column("Component", String(40), nullable=False),
    Column("MachineName", String(32), nullable=False),
    Column("SiteCode", String(3), nullable=False),
    Column("JobID", String(8), nullable=False, default=""),
    Column("Text", Text, nullable=False),
)
Index("EventsByCode", EVENTS.c.Code, EVENTS.c.JobID)

# Reports already counted: a file that comes a second time after a crash changes nothing. Ours; SMS
# counted twice.
Table(
    "LoadedReports",
    METADATA,
    Column("Report", String(96), primary_key=True),
    Column("At", Float, nullable=False),
)

# The next job, package and request numbers. SMS kept them in the registry.
Table(
    "Counters",
    METADATA,
    Column("Name", String(32), primary_key=True),
    Column("Value", Integer, nullable=False),
)

# Which fleet runs which clients. Ours; SMS's clients were real.
Table(
    "ClientSlots",
    METADATA,
    Column("Holder", String(64), primary_key=True),
    Column("First", Integer, nullable=False),
    Column("Count", Integer, nullable=False),
)


def _portable() -> None:
    """Sizes are those the field's tables had; SQLite enforces none of them, so PostgreSQL must not
    either.
    """
    for table in METADATA.tables.values():
        for column in table.columns:
            if isinstance(column.type, String):
                column.type = column.type.with_variant(Text(), "postgresql")
            elif isinstance(column.type, Integer):
                column.type = column.type.with_variant(BigInteger(), "postgresql")


_portable()
