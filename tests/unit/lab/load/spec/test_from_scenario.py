"""A scenario with a [load] part is a load: by its numbers, and nothing that a load cannot do is
left out in silence.
"""

from __future__ import annotations

import pytest

from despoolr_core.share.fault_api import ClockJumps, DiskFull, HandleLeaks
from despoolr_lab.breaking.tables import asked
from despoolr_lab.load.spec.file import parse_load
from despoolr_lab.scenario.reading.load import parse_scenario
from despoolr_lab.scenario.run import RunOptions, run_scenario
from despoolr_lab.toml.toml_text import ScenarioError

SCENARIO = """\
name = "both"
title = "A scenario that is a load as well"

[load]
for = "4h"
shape = "logon storm"
over = "15m"

[[load.expect]]
that = "job"
job = "UPDATE"

[[clients]]
name = "WS{n}"
count = 20

[[clients]]
names = ["BOSS"]
poll_every = "5m"

[[package]]
name = "OFFICE"
files = {"a.dat" = "a one", "b.dat" = "b one and more"}

[[program]]
command = "SETUP.EXE"
machines = ["BOSS"]
opens = ["b.dat"]

[[step]]
at = "0s"
do = "job"
name = "FIRST"
package = "OFFICE"
command = "SETUP.EXE"
mandatory_after = "10m"

[[step]]
at = "1h"
do = "hold"
machine = "WS7"
package = "OFFICE"
file = "b.dat"

[[step]]
at = "70m"
do = "source"
package = "OFFICE"
files = {"b.dat" = "b two"}

[[step]]
at = "70m"
do = "job"
name = "UPDATE"
package = "OFFICE"
type = "share"
send = "even if previously sent"
refresh_existing = true

[[step]]
at = "2h"
do = "release"
machine = "WS7"
"""


def refused(text: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        parse_load(text)
    return caught.value.reason


def test_its_clients_packages_jobs_updates_and_holds_are_those_of_the_load() -> None:
    load = parse_load(SCENARIO)
    assert [(g.count, g.poll_every, g.shape, g.over) for g in load.clients] == [
        (20, "60m", "logon storm", "15m"),
        (1, "5m", "logon storm", "15m"),
    ]
    assert (load.package[0].files, load.package[0].size) == (2, "14")
    assert load.program[0].machines == ["G2"] and load.program[0].opens == ["F00002.DAT"]
    (job,) = load.job
    assert (job.machines, float(job.mandatory_after.rstrip("s")), load.target_count(job)) == (
        ["*"],
        600.0,
        21,
    )
    assert [(update.name, float(update.at.rstrip("s"))) for update in load.update] == [
        ("UPDATE", 4200.0)
    ]
    (hold,) = load.holders
    assert (hold.clients, hold.files, float(hold.at.rstrip("s")), float(hold.for_.rstrip("s"))) == (
        "G1",
        "2",
        3600.0,
        3600.0,
    )
    assert len(load.expect) == 1


@pytest.mark.slow
def test_the_load_part_means_nothing_to_a_run_of_the_scenario() -> None:
    assert run_scenario(parse_scenario(SCENARIO), RunOptions()).findings == []


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (
            'do = "release"',
            'do = "power"\non = false',
            "the step 'power' at 2h is nothing a load can do",
        ),
        (
            'poll_every = "5m"',
            'clock_offset = "5m"',
            "[[clients]] clock_offset cannot be used in a load",
        ),
        (
            'mandatory_after = "10m"',
            'machines = ["WS1"]',
            "job FIRST is for WS1, but not for all of its [[clients]]",
        ),
        ('file = "b.dat"', 'file = "c.dat"', "OFFICE has no file 'c.dat' for WS7 to hold"),
        ("[load]", "[run]", "unknown key 'shape'"),
        ('over = "15m"', 'ovr = "15m"', "unknown key 'ovr'; did you mean 'over'?"),
        ('shape = "logon storm"', 'shape = "storm"', "there is no shape 'storm'"),
    ],
)
def test_what_a_load_cannot_do_is_refused_by_name(before: str, after: str, says: str) -> None:
    assert says in refused(SCENARIO.replace(before, after, 1))


def test_a_scenario_without_a_load_part_is_told_what_it_lacks() -> None:
    text = 'name = "x"\ntitle = "x"\n[[clients]]\ncount = 2\n[run]\nfor = "1h"\n'
    assert "has no [load] part; run it with `despoolr run`" in refused(text)


FAULTS = """
[[step]]
at = "90m"
do = "clock_jumps"
machine = "BOSS"
by = "+1h"
for = "30m"

[[step]]
at = "2h"
do = "handle_leaks"
package = "OFFICE"
file = "b.dat"

[[server]]
name = "LOGON1"

[[step]]
at = "3h"
do = "disk_full"
server = "LOGON1"
share = "SMS_PKGD"
"""


def test_its_faults_are_those_of_the_load_by_its_numbers() -> None:
    jump, leak, full = parse_load(SCENARIO + FAULTS).fault
    assert (float(jump.at.rstrip("s")), asked(jump)) == (
        5400.0,
        ClockJumps(machine="G2", by="+1h", for_="30m"),
    )
    assert asked(leak) == HandleLeaks(package="OFFICE", file="2")
    assert asked(full) == DiskFull(server="LOGON1", share="SMS_PKGD")
    inner = FAULTS + 'path = "{package:OFFICE}"\n'
    assert "the step 'disk_full' at 3h is about a package's directory" in refused(SCENARIO + inner)
