"""The kinds of records: one frozen struct each, by who writes it.

    share        a share server: sessions, opens, refusals, closes, locks, files
    site         a site's services: jobs, their details, instructions, copies, MIFs, events, logs
    client       a PCM client: polls, commands, programs, reports
    run          a run of a scenario: its steps, its faults, what was expected, its end
    import_note  an import of what a real server saw: what its sources prove, and what not

A new kind is a new struct in one of them. `KINDS` has them all by name.
"""

from __future__ import annotations

from typing import Final

from despoolr_core.records.kinds import client, import_note, run, share, site
from despoolr_core.records.kinds.fact import Fact

KINDS: Final[dict[str, type[Fact]]] = {
    kind.KIND: kind
    for module in (share, site, client, run, import_note)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Fact) and kind.KIND
}
