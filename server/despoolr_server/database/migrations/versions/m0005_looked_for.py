"""What is looked for by an index: a machine by its folded name, jobs by their status."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from despoolr_core.rules.fold import fold
from despoolr_server.database.migrations.types import words

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("Machines", sa.Column("FoldedName", words(32), nullable=False, server_default=""))
    machines = sa.table(
        "Machines", sa.column("MachineID"), sa.column("Name"), sa.column("FoldedName")
    )
    db = op.get_bind()
    named = [
        {"machine": row.MachineID, "folded": fold(row.Name)}
        for row in db.execute(sa.select(machines.c.MachineID, machines.c.Name))
    ]
    if named:
        db.execute(
            sa.update(machines)
            .where(machines.c.MachineID == sa.bindparam("machine"))
            .values(FoldedName=sa.bindparam("folded")),
            named,
        )
    op.create_index("MachinesFoldedName", "Machines", ["FoldedName"])
    op.create_index("JobsStatus", "Jobs", ["Status"])
