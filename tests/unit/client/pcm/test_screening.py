"""Packages before and after the filter: platform, and what is the service's (Q166765, Q165147,
Q174933).
"""

from __future__ import annotations

from typing import Any

import pytest

from despoolr_client.pcm.behaviour import PLATFORM, PcmBehaviour, PcmVariant
from despoolr_client.pcm.screening import screen
from despoolr_core.formats.instructions.winst import WorkstationInstruction


def record(number: int = 1, *, background: bool = False, **fields: Any) -> WorkstationInstruction:
    one = WorkstationInstruction(
        site_id="BPC",
        request_id=f"BPC000{number}",
        package_id="BPC00001",
        job_id="BPC00001",
        **{"operating_system": 0x7F, **fields},
    )
    return one.with_flags(background=background)


@pytest.mark.parametrize("variant", PcmVariant)
def test_a_record_for_other_platforms_is_left_out(variant: PcmVariant) -> None:
    behaviour = PcmBehaviour(variant=variant)
    mine = PLATFORM[variant]
    background = behaviour.is_service
    ours = record(1, operating_system=mine, background=background, install_by_full=1)
    theirs = record(2, operating_system=0x7F & ~mine, background=background, install_by_full=1)
    assert screen([ours, theirs], mine, behaviour)[0] == (ours,)


DESKTOP, SERVICE = PcmVariant.WIN32, PcmVariant.SERVICE
CASES = [
    # variant, background, mandatory, wants input, behaviour -> runs it
    (DESKTOP, False, False, False, {}, True),
    (DESKTOP, True, True, False, {}, False),
    (DESKTOP, True, True, False, {"desktop_runs_system_tasks": True}, True),
    (SERVICE, True, True, False, {}, True),
    (SERVICE, False, True, False, {}, False),
    (SERVICE, True, False, False, {}, False),
    (SERVICE, True, True, True, {}, False),
    (SERVICE, True, False, False, {"service_runs_optional": True}, True),
    (SERVICE, True, False, True, {"service_runs_optional": True}, False),
]


@pytest.mark.parametrize(
    ("variant", "background", "mandatory", "wants_input", "fields", "runs"), CASES
)
def test_the_service_and_the_desktop_share_the_work(
    variant: PcmVariant,
    background: bool,
    mandatory: bool,
    wants_input: bool,
    fields: dict[str, Any],
    runs: bool,
) -> None:
    one = record(
        background=background, install_by_full=int(mandatory), user_input_flags=int(wants_input)
    )
    passed, _ = screen([one], 0x02, PcmBehaviour(variant=variant, **fields))
    assert bool(passed) is runs


def test_a_desktop_names_what_it_leaves_to_the_service() -> None:
    one = record(background=True)
    assert screen([one], 0x02, PcmBehaviour())[1] == (one,)
    assert screen([one], 0x01 << 6, PcmBehaviour())[1] == (one,)
