"""An index for the Scheduler, which asks every cycle how many rows of a job have which status."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("JobDetailsStatus", "JobDetails", ["JobID", "Kind", "Status"])
