"""The tables of version 0.1.0, which made them without migrations: a database that has them is
taken to be here.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from despoolr_server.database.migrations.types import number, words

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "Counters",
        sa.Column("Name", words(32), nullable=False),
        sa.Column("Value", number(), nullable=False),
        sa.PrimaryKeyConstraint("Name"),
    )
    op.create_table(
        "Events",
        sa.Column("ID", number(), autoincrement=True, nullable=False),
        sa.Column("At", sa.Float(), nullable=False),
        sa.Column("Code", number(), nullable=False),
        sa.Column("Severity", words(24), nullable=False),
        sa.Column("Component", words(40), nullable=False),
        sa.Column("MachineName", words(32), nullable=False),
        sa.Column("SiteCode", words(3), nullable=False),
        sa.Column("JobID", words(8), nullable=False),
        sa.Column("Text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("ID"),
    )
    op.create_index("EventsByCode", "Events", ["Code", "JobID"], unique=False)
    op.create_table(
        "JobDetails",
        sa.Column("ID", number(), autoincrement=True, nullable=False),
        sa.Column("JobID", words(8), nullable=False),
        sa.Column("Kind", words(16), nullable=False),
        sa.Column("SiteCode", words(3), nullable=False),
        sa.Column("Domain", words(32), nullable=False),
        sa.Column("MachineName", words(32), nullable=False),
        sa.Column("MachineID", number(), nullable=False),
        sa.Column("Status", words(16), nullable=False),
        sa.Column("UpdatedAt", sa.Float(), nullable=False),
        sa.Column("Description", words(255), nullable=False),
        sa.PrimaryKeyConstraint("ID"),
        sa.UniqueConstraint("JobID", "Kind", "SiteCode", "MachineName", name="OneRowPerTarget"),
    )
    op.create_index("JobDetailsMachine", "JobDetails", ["MachineID"], unique=False)
    op.create_table(
        "Jobs",
        sa.Column("JobID", words(8), nullable=False),
        sa.Column("Name", words(64), nullable=False),
        sa.Column("Type", words(32), nullable=False),
        sa.Column("PackageID", words(8), nullable=False),
        sa.Column("RequestID", words(7), nullable=False),
        sa.Column("Status", words(16), nullable=False),
        sa.Column("SendingStatus", words(16), nullable=False),
        sa.Column("WorkingStatus", words(16), nullable=False),
        sa.Column("CancelStatus", words(16), nullable=False),
        sa.Column("Priority", number(), nullable=False),
        sa.Column("CreatedAt", sa.Float(), nullable=False),
        sa.Column("ActivateAt", sa.Float(), nullable=False),
        sa.Column("RepeatEvery", sa.Float(), nullable=False),
        sa.Column("RepeatOf", words(8), nullable=False),
        sa.Column("StatusAt", sa.Float(), nullable=False),
        sa.Column("Spec", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("JobID"),
    )
    op.create_table(
        "LoadedReports",
        sa.Column("Report", words(64), nullable=False),
        sa.Column("At", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("Report"),
    )
    op.create_table(
        "MachineAttributes",
        sa.Column("MachineID", number(), nullable=False),
        sa.Column("GroupName", words(255), nullable=False),
        sa.Column("Attribute", words(255), nullable=False),
        sa.Column("Value", words(255), nullable=True),
        sa.Column("UpdatedAt", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("MachineID", "GroupName", "Attribute"),
    )
    op.create_table(
        "Machines",
        sa.Column("MachineID", number(), autoincrement=True, nullable=False),
        sa.Column("SMSID", words(8), nullable=False),
        sa.Column("Name", words(32), nullable=False),
        sa.Column("Domain", words(32), nullable=False),
        sa.Column("SiteCode", words(3), nullable=False),
        sa.Column("OperatingSystem", number(), nullable=False),
        sa.Column("UpdatedAt", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("MachineID"),
        sa.UniqueConstraint("SMSID"),
    )
    op.create_table(
        "PackageStatus",
        sa.Column("PkgID", words(8), nullable=False),
        sa.Column("SiteCode", words(3), nullable=False),
        sa.Column("Server", words(32), nullable=False),
        sa.Column("Status", words(16), nullable=False),
        sa.Column("Version", number(), nullable=False),
        sa.Column("UpdatedAt", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("PkgID", "SiteCode", "Server"),
    )
    op.create_table(
        "SMSPackages",
        sa.Column("PkgID", words(8), nullable=False),
        sa.Column("Name", words(64), nullable=False),
        sa.Column("Comment", words(255), nullable=False),
        sa.Column("SourcePath", words(255), nullable=False),
        sa.Column("StoredVersion", number(), nullable=False),
        sa.Column("SourceSize", number(), nullable=False),
        sa.Column("SourceCompSize", number(), nullable=False),
        sa.PrimaryKeyConstraint("PkgID"),
    )
