"""Which numbers are watched, how boxes are called, and what memory is a process's due."""

from __future__ import annotations

from despoolr_lab.samples import FleetSample, ProcessSample, Sample, ShareSample, SiteSample
from despoolr_lab.soak.resources import (
    LIMITS,
    MEMORY,
    REMEMBERED_SIZES,
    RUN_SIZE,
    due_memory,
    limit_of,
    values_of,
)

SERVER = Sample(
    name="LOGON1",
    at=0.0,
    took_s=0.0,
    process=ProcessSample(memory=80e6, file_descriptors=40.0, tasks=9.0, cpu_s=3.0),
    share=ShareSample(
        opens=2.0,
        sessions=1.0,
        episodes_waiting=0.0,
        remembered={"opens": 1000.0, "episodes": 10.0, "other": 5.0},
        boxes={
            ("SMS_SHR", "PCMINS.BOX"): 60.0,
            ("SMS_SITE", "SMS_SITE"): 1.0,
            ("SMS_SHRD", "SITE.SRV/SENDER.BOX/TOSEND"): 3.0,
        },
    ),
    site=SiteSample(),
    fleet=FleetSample(),
)
FLEET = Sample(
    "FLEET1",
    0.0,
    0.0,
    ProcessSample(memory=50e6),
    ShareSample(),
    SiteSample(),
    FleetSample(runs=100.0),
)


def test_a_servers_resources_are_named_and_boxes_by_share_and_directory() -> None:
    values = values_of(SERVER)
    assert {name: value for name, value in values.items() if name != MEMORY} == {
        "descriptors": 40.0,
        "tasks": 9.0,
        "opens": 2.0,
        "sessions": 1.0,
        "waiting updates": 0.0,
        "box SMS_SHR/PCMINS.BOX": 60.0,
        "box SMS_SITE": 1.0,
        "box SMS_SHRD/TOSEND": 3.0,
    }


def test_what_is_remembered_on_purpose_is_taken_off_memory() -> None:
    assert (
        due_memory(SERVER) == 1000 * REMEMBERED_SIZES["opens"] + 10 * REMEMBERED_SIZES["episodes"]
    )
    assert values_of(SERVER)[MEMORY] == 80e6 - due_memory(SERVER)
    assert values_of(FLEET) == {MEMORY: 50e6 - 100 * RUN_SIZE}


def test_every_resource_has_a_limit() -> None:
    for name in (*values_of(SERVER), *values_of(FLEET), "unsent reports"):
        assert limit_of(name) in LIMITS.values()


def test_a_number_that_was_not_told_is_no_resource() -> None:
    assert (
        values_of(
            Sample("X", 0.0, 0.0, ProcessSample(), ShareSample(), SiteSample(), FleetSample())
        )
        == {}
    )
