"""Which fleet runs which clients: `ClientSlots`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from despoolr_server.database.migrations.types import number, words

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ClientSlots",
        sa.Column("Holder", words(64), nullable=False),
        sa.Column("First", number(), nullable=False),
        sa.Column("Count", number(), nullable=False),
        sa.PrimaryKeyConstraint("Holder"),
    )
