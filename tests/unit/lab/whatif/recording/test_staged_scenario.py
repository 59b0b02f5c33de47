"""A recording as a scenario: run as it is, it refuses whom the recording saw refused, at the same
times, because of the same holders.
"""

from __future__ import annotations

from typing import Any

import pytest

from despoolr_core.records.kinds.share import LockGranted, LockReleased, OpenGranted, OpenRefused
from despoolr_core.records.stream import Record, of
from despoolr_lab.scenario.model import HoldStep, Scenario
from despoolr_lab.scenario.reading.load import parse_scenario
from despoolr_lab.scenario.reading.written import to_toml
from despoolr_lab.scenario.run import RunOptions, run_scenario
from despoolr_lab.whatif.recording import staged_scenario as module
from despoolr_lab.whatif.recording.staged_scenario import CannotStage, Staged, staged
from worlds.share_story import Story
from worlds.traces import Found, Truth, imported

pytestmark = pytest.mark.slow

SAME_S = 0.05
GRADE_A = [
    ("1-one-holder-blocks", "tshark-fields.tsv"),
    ("2-nobody-closes", "smbd.log"),
    ("8-connection-dies", "tshark-fields.tsv"),
    ("9-open-read-close-loop", "tshark-fields.tsv"),
    ("11-forty-clients", "tshark-fields.tsv"),
    ("12-new-folder-pointer", "tshark-fields.tsv"),
    ("13-silent-ghost", "tshark-fields.tsv"),
]


def stage(name: str, file: str) -> tuple[Found, Staged]:
    truth = Truth.of(name)
    found = imported([truth.file(file)], **truth.wishes())
    return found, staged(name, lambda: iter(found.records))


def played(scenario: Scenario) -> list[Record]:
    return run_scenario(scenario, RunOptions()).records


def refusals(records: list[Record], site: bool = False) -> list[tuple[float, str, list[str]]]:
    return [
        (record.at, fact.machine, sorted(one.machine for one in fact.blockers))
        for record, fact in of(records, OpenRefused)
        if (fact.machine == "SITE1") == site and not (fact.purpose and not site)
    ]


def near(one: Any, other: Any) -> bool:
    return len(one) == len(other) and all(
        a[1:] == b[1:] and abs(a[0] - b[0]) <= SAME_S for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize(("name", "file"), GRADE_A)
def test_what_is_staged_refuses_as_the_recording_did(name: str, file: str) -> None:
    found, made = stage(name, file)
    records = played(made.scenario)
    assert near(refusals(records), refusals(found.records))
    assert refusals(found.records)
    first = refusals(found.records)[0]
    assert abs(refusals(records, site=True)[0][0] - first[0]) <= SAME_S
    read = parse_scenario(to_toml(made.scenario, made.scenario.story))
    assert read == made.scenario


def test_holds_have_the_access_the_mode_and_the_times_of_the_recording() -> None:
    found, made = stage("11-forty-clients", "tshark-fields.tsv")
    held = {
        (fact.machine, round(record.at, 1), fact.access, fact.share_mode)
        for record, fact in of(played(made.scenario), OpenGranted)
        if fact.machine.startswith("PC")
    }
    real = {
        (fact.machine, round(record.at, 1), fact.access, fact.share_mode)
        for record, fact in of(found.records, OpenGranted)
    }
    assert len(held - real) <= len(held) // 50 and len(held) > 100  # one ms may round up


def test_ranges_are_locked_when_they_were() -> None:
    story = Story(1_000_000_000.0)
    word = story.hold("O1", 1, 400, share_mode="READ|WRITE")
    story.lock("O1", 5, 25, offset=10, length=90)
    story.refuse(20, word, share_mode="NONE")
    made = staged("story", story.read)
    records = played(made.scenario)
    (locked,) = [(record.at, fact) for record, fact in of(records, LockGranted)]
    (freed,) = [(record.at, fact) for record, fact in of(records, LockReleased)]
    assert (locked[1].lock, locked[1].offset, locked[1].length) == ("EXCLUSIVE", 10, 90)
    assert abs(locked[0] - 1_000_000_005) < SAME_S and abs(freed[0] - 1_000_000_025) < SAME_S


def test_what_is_older_than_a_day_begins_a_day_before() -> None:
    story = Story(1_000_000_000.0)
    old = story.hold("O1", -500_000)
    story.refuse(20, old)
    made = staged("story", story.read)
    assert near(refusals(played(made.scenario)), [(1_000_000_020.0, "SRV2", ["WS1"])])


def test_names_that_no_machine_can_have_are_replaced_and_unknown_modes_told() -> None:
    story = Story(1_000_000_000.0)
    one = story.hold("O1", 1, machine="a very long machine name", share_mode="")
    story.refuse(20, one)
    made = staged("story", story.read)
    assert [step.machine for step in made.scenario.step if isinstance(step, HoldStep)] == [
        "PC1",
        "SRV2",
    ]
    assert made.notes == ("1 open whose share mode nobody told: sharing READ here.",)


def test_holds_past_the_bound_are_left_out_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEPS_MAX", 2)
    story = Story(1_000_000_000.0)
    story.refuse(20, story.hold("O1", 1))
    story.refuse(25, story.hold("O2", 22, 30, machine="WS2"))
    made = staged("story", story.read)
    assert "2 opens past the bound." in made.notes
    assert sum(isinstance(step, HoldStep) for step in made.scenario.step) == 2


@pytest.mark.parametrize(
    ("name", "file", "why"),
    [
        ("4-no-block", "tshark-fields.tsv", "no open was refused"),
        ("1-one-holder-blocks", "smbstatus.jsonl", "no open was refused"),
        ("7-byte-range", "tshark-fields.tsv", "no open was refused"),
    ],
)
def test_without_a_refused_open_there_is_nothing_to_stage(name: str, file: str, why: str) -> None:
    with pytest.raises(CannotStage, match=why):
        stage(name, file)
