"""NetWare servers as machines of the site's inventory (Q156270): the Maintenance Manager takes
theirs, since no client runs there.

The law: a server keeps its SMSID, and one that is known already is only brought up to date. Their
SMSIDs are of a range that no logon server hands out to clients.
"""

from __future__ import annotations

from typing import Final

from despoolr_core.formats.sms_id import SmsId
from despoolr_core.rules.fold import fold
from despoolr_server.database.protocol import Connection
from despoolr_server.site.state.context import SiteContext
from despoolr_server.site.state.rows import queries

RANGE: Final = 36**2 - 1
"""The last range of SMSIDs."""


def take_inventory(db: Connection, site: SiteContext) -> None:
    """Make the site's NetWare servers known, as machines on which no Package Command Manager
    runs.
    """
    there = [role for role in site.servers if role.is_netware]
    if not there:
        return
    machines = queries.machines(db)
    known = {fold(machine.name): machine.sms_id for machine in machines}
    taken = {machine.sms_id for machine in machines}  # two machines may have one name
    free = (str(SmsId(site.code, RANGE, number)) for number in range(36**3))
    queries.set_machines(
        db,
        [
            queries.KnownMachine(
                0,
                role.name,
                known.get(fold(role.name)) or next(one for one in free if one not in taken),
                role.domain or site.domain,
                queries.NO_PCM,
                site.code,
            )
            for role in there
        ],
    )
