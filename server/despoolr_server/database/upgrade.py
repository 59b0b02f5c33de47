"""What alembic does for `migration`, its only caller: the migrations that a database lacks, one
after the other.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

FIRST: Final = "0001"
"""What version 0.1.0 made, which kept no account."""


def upgrade(connection: Connection, tables: Collection[str]) -> str:
    """Bring a database that has these tables up to date, in its transaction; or why alembic does
    not know what it is at, and then nothing is changed.
    """
    config = Config()
    config.set_main_option("script_location", "despoolr_server.database:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        if "Jobs" in tables and "alembic_version" not in tables:
            command.stamp(config, FIRST)
        command.upgrade(config, "head")
    except CommandError as error:
        return str(error)
    return ""
