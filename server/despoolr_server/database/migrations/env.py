"""What alembic runs: the migrations, on the connection it was handed. It makes none of its own, and
reads no file of settings.

`despoolr_server.database.upgrade` is the only caller.
"""

from __future__ import annotations

from alembic import context

from despoolr_server.database.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
