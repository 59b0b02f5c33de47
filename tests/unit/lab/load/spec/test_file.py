"""Load files: strict, and a mistake is one line that says where and what would be right."""

from __future__ import annotations

import re
import tomllib

import jsonschema
import msgspec
import pytest

from despoolr_core.share.fault_api import FAULTS_MAX, ClockJumps, HandleLeaks
from despoolr_lab.breaking.tables import asked
from despoolr_lab.load.spec.file import changed, find_load, parse_load, read_load
from despoolr_lab.load.spec.model import CLIENTS_MAX, schema, size_of
from despoolr_lab.scenario.tables import loads as tables
from despoolr_lab.toml.shipped_files import shipped_directory
from despoolr_lab.toml.toml_text import ScenarioError

BASE = """\
name = "small"
title = "A small load"

[load]
for = "10m"
warm_up = "1m"

[[clients]]
name = "A"
count = 30

[[clients]]
name = "B"
count = 10
poll_every = "5m"

[[package]]
name = "OFFICE"
files = 3

[[job]]
name = "FIRST"
package = "OFFICE"
command = "SETUP.EXE"
machines = ["A"]
"""
HOLDERS = '[[holders]]\nclients = "B"\ncount = 1\npackage = "OFFICE"\nat = "1m"\nfor = "1m"\n'


def refused(text: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        parse_load(text)
    return f"{caught.value.line}: {caught.value.reason}"


def test_a_load_is_read_with_its_defaults() -> None:
    load = parse_load(BASE)
    assert (load.client_count, load.target_count(load.job[0])) == (40, 30)
    assert load.members(["B"]) == [range(30, 40)] and load.members(["*"]) == [
        range(30),
        range(30, 40),
    ]
    assert load.clients[1].over_s == 300.0, "a shape takes as long as the polling interval"


def test_as_many_clients_as_stated_and_no_more() -> None:
    """Those of all groups together."""
    few = BASE.replace('poll_every = "5m"', 'poll_every = "10m"').replace(
        "count = 30", 'count = 30\npoll_every = "10m"', 1
    )
    parse_load(few.replace("count = 30", f"count = {CLIENTS_MAX - 10}", 1))
    assert "200,001 clients are more than 200,000" in refused(
        few.replace("count = 30", f"count = {CLIENTS_MAX - 9}", 1)
    )


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("warm_up", "warmup", "6: unknown key 'warmup'; did you mean 'warm_up'?"),
        ("poll_every", "pol_every", "15: unknown key 'pol_every'; did you mean 'poll_every'?"),
        (
            'machines = ["A"]',
            'machines = ["C"]',
            "25: there is no group of clients 'C'; there are A, B",
        ),
        (
            'package = "OFFICE"',
            'package = "OFICE"',
            "23: there is no package 'OFICE'; did you mean 'OFFICE'?",
        ),
        ('name = "B"', 'name = "a"', "13: there are two groups called 'a'"),
        (
            'warm_up = "1m"',
            'warm_up = "10m"',
            "4: the warm-up of 10m leaves nothing of a run of 10m to be measured",
        ),
        ('for = "10m"', 'for = "soon"', "'soon' is not a span of time"),
        (
            'poll_every = "5m"',
            'shape = "storm"',
            "there is no shape 'storm'; did you mean 'logon storm'?",
        ),
        ("count = 30", "count = 0", "`count` has to be at least 1"),
        ('name = "A"', 'name = "PC{n}"', "`name` cannot be 'PC{n}': letters, digits and _ . $ -"),
        ("files = 3", 'files = 1000\nsize = "1MB"', "more than 60 MiB"),
        ("files = 3", 'size = "large"', "'large' is not a size"),
        (
            'poll_every = "5m"',
            'at = "11m"',
            "15: 11m is after the end of the run, which goes for 10m",
        ),
        ('for = "10m"', 'for = "10m"\ntime = "virtual"', "real or scaled time"),
        ('poll_every = "5m"', 'poll_every = "0.1ms"', "polls are more than 20,000,000"),
        ('title = "A small load"', "", "there is no `title`"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(before: str, after: str, says: str) -> None:
    assert before in BASE
    said = refused(BASE.replace(before, after, 1))
    assert says in said and "\n" not in said


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (HOLDERS.replace("1", "11", 1), "B has 10 clients, so 11 of them"),
        (
            '[[expect]]\nthat = "polls"\npercentiles = {p95 = "1s", q99 = "1s"}',
            "'q99' is no percentile such as p95 or p99.9",
        ),
        (
            '[[expect]]\nthat = "polls"\np99 = "1s"\npercentiles = {"p99.0" = "2s"}',
            "p99.0 is said twice",
        ),
        ('[[expect]]\nthat = "polls"\npercentiles = {p0 = "1s"}', "'p0' is no percentile"),
        ('[[expect]]\nthat = "polls"\npercentiles = {p95 = "soon"}', "'soon'"),
        ('[[expect]]\nthat = "polls"\nclients = "A"', "say what is expected of them"),
        ('[[expect]]\nthat = "polls"\nfailed_share = 1.5', "`failed_share` has to be at most 1"),
        (
            '[[expect]]\nthat = "polls"\nfailed = 0\nclients = "A"\nserver = "LOGON1"',
            "say either clients or server",
        ),
        (
            '[[expect]]\nthat = "polls"\nfailed = 0\nclients = "C"',
            "there is no group of clients 'C'",
        ),
        (
            '[[holders]]\nclients = "B"\ncount = 1\npackage = "OFFICE"\nat = "1m"\nfor = '
            '"1m"\nfiles = "4"',
            "the files 1 to 3, not 4",
        ),
        (
            '[[update]]\nname = "FIRST"\npackage = "OFFICE"\nat = "1m"',
            "there are two jobs called 'FIRST'",
        ),
        (
            '[[update]]\nname = "U"\npackage = "OFFICE"\nat = "11m"',
            "11m is after the end of the run",
        ),
        (
            '[[expect]]\nthat = "poll"\np99 = "1s"',
            "there is no expectation 'poll'; did you mean 'polls'?",
        ),
        ('[[expect]]\nthat = "polls"\np95 = "1s"', "unknown key 'p95'; did you mean 'p99'?"),
        ('[[expect]]\nthat = "polls"', "say what is expected of them"),
        (
            '[[expect]]\nthat = "job"\njob = "FIRTS"',
            "there is no job 'FIRTS'; did you mean 'FIRST'?",
        ),
        (
            '[[expect]]\nthat = "job"\njob = "FIRST"\nstatus = "Done"',
            "there is no job status 'Done'",
        ),
        (
            '[[expect]]\nthat = "rows"\nkind = "Workstations"',
            "there is no kind of row 'Workstations'; did you mean",
        ),
        (
            '[[program]]\ncommand = "SETUP.EXE"\nmachines = ["WS1"]',
            "there is no group of clients 'WS1'",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_runs(more: str, says: str) -> None:
    said = refused(f"{BASE}\n{more}\n")
    assert says in said and "\n" not in said


@pytest.mark.parametrize(
    ("text", "size"), [("800", 800), ("12KB", 12288), ("1 mb", 1024 * 1024), ("0", 0)]
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert size_of(text) == size


def test_other_numbers_keep_the_mix() -> None:
    load = parse_load(
        BASE
        + '\n[[holders]]\nclients = "A"\ncount = 15\npackage = "OFFICE"\nat = "1m"\nfor = "1m"\n'
    )
    small = changed(load, clients=8, for_="5m", seed=7)
    assert [group.count for group in small.clients] == [6, 2]
    assert (small.holders[0].count, small.load.for_, small.load.seed) == (3, "5m", 7)
    assert changed(load, clients=123).client_count == 123
    with pytest.raises(ScenarioError, match="one of the 2 groups would have none"):
        changed(load, clients=1)
    with pytest.raises(ScenarioError, match="leaves nothing"):
        changed(load, for_="30s")


@pytest.mark.parametrize(
    "path", sorted(shipped_directory("load").glob("*.toml")), ids=lambda path: path.stem
)
def test_every_load_that_comes_with_despoolr_is_read_and_fits_the_schema(path) -> None:
    load = read_load(path)
    assert load.name == path.stem and find_load(load.name) == path
    jsonschema.Draft202012Validator(schema()).validate(
        msgspec.to_builtins(tomllib.loads(path.read_text()))
    )


def test_a_load_that_is_not_there_is_told_its_nearest() -> None:
    with pytest.raises(ScenarioError, match="did you mean 'night'"):
        find_load("nigth")


def test_the_night_of_q140389_is_twenty_thousand_machines_and_forty_thousand_reports() -> None:
    load = read_load(find_load("night"))
    assert load.client_count == 20_000
    assert sum(load.target_count(job) for job in load.job) == 40_000
    assert {type(e) for e in load.expect} >= {
        tables.RowsExpectation,
        tables.ReportsExpectation,
        tables.SettledExpectation,
    }


@pytest.mark.parametrize(
    ("when", "says"),
    [
        ('p99 = "1s", over = "601s"', "over is 1s to 600s, not 601s"),
        ('p99 = "1s", over = "500ms"', "over is 1s to 600s"),
        ('over = "10s"', "say when: failed_share or p99"),
        ("failed_share = 1.0", "< 1"),
    ],
)
def test_a_run_is_aborted_for_a_reason_that_can_be(when: str, says: str) -> None:
    with pytest.raises(ScenarioError, match=re.escape(says)):
        parse_load(BASE.replace("[load]", f"[load]\nabort_when = {{ {when} }}"))


@pytest.mark.parametrize("over", ["1s", "600s"])
def test_as_much_of_a_run_is_looked_at_as_stated(over: str) -> None:
    text = BASE.replace("[load]", f'[load]\nabort_when = {{ p99 = "1s", over = "{over}" }}')
    when = parse_load(text).load.abort_when
    assert when is not None and when.over == over


FAULT = '[[fault]]\nfault = "disk_full"\nserver = "LOGON1"\nat = "1m"\n'
LEAK = '[[fault]]\nfault = "handle_leaks"\nat = "1m"\npackage = "OFFICE"\n'
JUMP = '[[fault]]\nfault = "clock_jumps"\nat = "1m"\nby = "+2h"\n'


def test_a_load_says_what_is_broken_and_when() -> None:
    text = f'{BASE}{FAULT}for = "2m"\n{LEAK}file = "3"\n{JUMP}machine = "B"\n'
    full, leak, jump = parse_load(text).fault
    assert (full.name, full.at, full.for_, full.target) == ("disk_full", "1m", "2m", "LOGON1")
    assert asked(leak, package="BPC00001") == HandleLeaks(package="BPC00001", file="3")
    assert asked(jump, machine="PC1") == ClockJumps(machine="PC1", by="+2h")
    jsonschema.Draft202012Validator(schema()).validate(tomllib.loads(text))


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (FAULT.replace("1m", "11m"), "11m is after the end of the run"),
        (FAULT.replace("1m", "soon"), "'soon' is not a span of time"),
        (FAULT.replace("disk_full", "disk_ful"), "disk_ful"),
        (FAULT + 'delay = "2s"\n', "delay"),
        (FAULT + 'for = "0s"\n', "more than nothing, 366d at most"),
        (LEAK + 'file = "4"\n', "OFFICE has the files 1 to 3, not 4"),
        (LEAK + 'file = "a.dat"\n', "OFFICE has the files 1 to 3, not a.dat"),
        (LEAK.replace("OFFICE", "OFICE") + 'file = "1"\n', "there is no package 'OFICE'"),
        (JUMP + 'machine = "PC00001"\n', "there is no group of clients 'PC00001'"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_with_its_line(table: str, why: str) -> None:
    said = refused(f"{BASE}{table}")
    assert why in said and int(said.partition(":")[0]) > BASE.count("\n")


def test_a_load_has_so_many_faults_and_no_more() -> None:
    assert len(parse_load(BASE + FAULT * FAULTS_MAX).fault) == FAULTS_MAX
    assert "65 faults are more than 64" in refused(BASE + FAULT * (FAULTS_MAX + 1))
