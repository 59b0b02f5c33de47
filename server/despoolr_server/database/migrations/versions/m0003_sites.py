"""The sites below this one: `Sites`. (Report ids may be longer, too; no database enforces that.)"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from despoolr_server.database.migrations.types import words

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "Sites",
        sa.Column("SiteCode", words(3), nullable=False),
        sa.Column("ParentSiteCode", words(3), nullable=False),
        sa.Column("Server", words(32), nullable=False),
        sa.Column("Version", words(32), nullable=False),
        sa.Column("Servers", sa.Text(), nullable=False),
        sa.Column("UpdatedAt", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("SiteCode"),
    )
