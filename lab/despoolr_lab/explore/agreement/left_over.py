"""What lies in a box for hours was forgotten there.

The law: a retry instruction waits in its own box, and so do reports that are not due yet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Final

from despoolr_core.errors import FormatError
from despoolr_core.formats.instructions.instruction import WireRemove, parse_instruction
from despoolr_core.formats.instructions.instruction_file import WIREMOVE
from despoolr_core.rules.fold import fold
from despoolr_lab.explore.agreement.tables import Disagreement, SiteTables, base, content, entries
from despoolr_lab.explore.rules.breach import Breach, without_ids
from despoolr_lab.explore.rules.calm import SETTLED_S
from despoolr_server.site.state import boxes

LEFT_IN_BOX: Final = "left in a box"
PASSED_ON: Final = (
    (boxes.ROOT_SHARE, boxes.LAN_OUTBOX),
    (boxes.ROOT_SHARE, boxes.DELTA_MIFS),
    (boxes.ROOT_SHARE, boxes.SITE_REPORTS),
    (boxes.ROOT_SHARE, boxes.INVENTORY),
    (boxes.ROOT_SHARE, boxes.DISTRIBUTION_MANAGER),
    (boxes.SITE_SHARE, ""),
)
"""The boxes of a site server from which a service takes whatever lies there."""


def waiting_reports(tables: SiteTables) -> dict[str, str]:
    """The client reports that are not due yet: the name of their files to their number."""
    store = tables.store(boxes.SITE_SHARE)
    found: dict[str, str] = {}
    waits = tables.machine.setup.profile.results_wait_for_client_date
    for facts in entries(store, "") if waits else ():
        name, _, extension = fold(facts.path).rpartition(".")
        if extension != "SNI" or name.endswith("_R"):
            continue
        with suppress(FormatError):
            instruction = parse_instruction(content(store, facts.path) or b"")
            if instruction.type == WIREMOVE and (instruction.execute_at or 0.0) > tables.now:
                found[name] = WireRemove.from_instruction(instruction).report_id
    return found


def left_over(tables: SiteTables, waiting: Collection[str]) -> Iterator[Disagreement]:
    """What was left in the boxes of a site server, but for the reports `waiting`."""
    setup = tables.machine.setup
    for share, box in PASSED_ON:
        for facts in entries(tables.store(share), box):
            name = base(facts.path)
            report, _, extension = fold(name).rpartition(".")
            if facts.directory or fold(name).endswith("_R.SNI") or report in waiting:
                continue
            if tables.now - facts.modified_at > SETTLED_S:
                text = f"{facts.path} lies in {share} of {setup.server} for hours"
                where = without_ids(base(box) or share)
                kind = f"{LEFT_IN_BOX}: {name.rpartition('.')[2][:3]}"
                breach = Breach(kind, text, tables.now, 0, where, "")
                is_mif = extension == "PCK" and setup.profile.sni_before_pck
                late = (setup.code, report, facts.modified_at) if is_mif else None
                yield Disagreement(breach, is_of_rest=True, late=late)
