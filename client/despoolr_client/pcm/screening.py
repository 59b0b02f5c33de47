"""Which records of the instruction file are for this machine and this PCM: "packages before filter,
after filter".

A record passes when its Operating System mask has the machine's bit, and the variant may run it
(Q166765, Q174933, Q165147): the service runs only unattended background tasks that are mandatory; a
desktop PCM leaves background tasks to the service. Where a record says that it is a background task
is our choice (`WorkstationInstruction.background`).
"""

from __future__ import annotations

from collections.abc import Sequence

from despoolr_client.pcm.behaviour import PcmBehaviour
from despoolr_core.formats.instructions.winst import WorkstationInstruction


def is_for_platform(record: WorkstationInstruction, platform: int) -> bool:
    """Whether the record's Operating System mask has one of the machine's bits."""
    return bool(record.operating_system & platform)


def is_for_service_only(record: WorkstationInstruction, behaviour: PcmBehaviour) -> bool:
    """Whether a desktop PCM must leave it to PCMSVC32."""
    return (
        not behaviour.is_service and record.background and not behaviour.desktop_runs_system_tasks
    )


def is_for_variant(record: WorkstationInstruction, behaviour: PcmBehaviour) -> bool:
    """Whether this PCM variant may run the record at all."""
    if not behaviour.is_service:
        return not is_for_service_only(record, behaviour)
    unattended = not record.user_input_flags and record.background
    return unattended and (bool(record.install_by_full) or behaviour.service_runs_optional)


def screen(
    records: Sequence[WorkstationInstruction], platform: int, behaviour: PcmBehaviour
) -> tuple[tuple[WorkstationInstruction, ...], tuple[WorkstationInstruction, ...]]:
    """The records that pass, and those a desktop PCM skips because they are the service's (each
    gets a log line).
    """
    ours = [record for record in records if is_for_platform(record, platform)]
    passed = tuple(record for record in ours if is_for_variant(record, behaviour))
    if len(passed) == len(records):
        passed = tuple(records)  # it may be one that other clients have as well
    return passed, tuple(record for record in ours if is_for_service_only(record, behaviour))
