r"""The Inventory Agent's part that the articles need: NOIDMIFs go to `INVENTRY.BOX` as `.RAW` files
when they change.

A NOIDMIF says nothing of whose it is; the agent adds the identification (Q199229, Q170440). A file
is written as `.TMP` and renamed when it is whole (Q181630), under the SMSID; further NOIDMIFs of
one machine get names of their own, so that none overwrites another that is still waiting. Q162557:
before its hotfix the agent chose a free name and created it later, and two clients could choose the
same; ours never choose, so there is no gap to keep.
"""

from __future__ import annotations

from typing import Final

from despoolr_client.agent.machine.windows import Windows
from despoolr_core.formats.mif.language.findings import MifError, MifTooLarge
from despoolr_core.formats.reports.job_mif import Machine, add_identification
from despoolr_core.formats.sms_id import to_base36
from despoolr_core.share.contract import Share

INVENTORY: Final = "INVENTRY.BOX"


def raw_name(sms_id: str, index: int) -> str:
    """The name of a machine's `index`th file without extension: the SMSID, then range, sequence and
    a counter. Raises `IdError` for one of more than three digits.
    """
    return sms_id if index == 0 else sms_id[3:] + to_base36(index, 3)


async def send_noidmifs(share: Share, machine: Machine, files: Windows) -> list[str]:
    """Send all NOIDMIFs of a machine; a reason for each that is no NOIDMIF and stays behind.

    Raises `ShareUnreachable` or `ShareError`; then all are sent again with the next poll.
    """
    refused: list[str] = []
    # before the work: what changes meanwhile is sent with the next poll
    files.noidmifs_changed = False
    try:
        index = 0
        for name, file in sorted(files.noidmifs.items()):
            try:
                data = add_identification(file.data, machine)
            except (MifError, MifTooLarge) as error:
                refused.append(f"{name} is not sent: {error}")
                continue
            path = f"{INVENTORY}/{raw_name(machine.sms_id, index)}"
            await share.write(f"{path}.TMP", data)
            await share.rename(f"{path}.TMP", f"{path}.RAW", replace=True)
            index += 1
    except BaseException:
        files.noidmifs_changed = True
        raise
    return refused
