"""What holders of a scenario may do beside what shipped: each changes who is in the way, and
when.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from despoolr_core.rules.remedies import HOLDER_CHANGES
from despoolr_lab.scenario.model import Clients, HoldStep, Server
from despoolr_lab.scenario.reading.load import ScenarioError, parse_scenario
from despoolr_lab.scenario.run import RunOptions, RunResult, run_scenario
from despoolr_lab.scenario.steps import StepError
from worlds.support import REPOSITORY

BASE = """
name = "holders"
title = "A file is held while its update comes"
[run]
for = "10h"
[[site]]
profile = { copy_strategy = "STRATEGY" }
[[server]]
name = "LOGON1"
SERVER
[[clients]]
names = ["WS1", "WS2"]
CLIENTS
[[package]]
name = "OFFICE"
files = { "a.dat" = "old a", "b.dat" = "old b" }
[[step]]
at = "0s"
do = "job"
name = "FIRST"
package = "OFFICE"
type = "share"
[[step]]
at = "30m"
do = "hold"
machine = "WS1"
package = "OFFICE"
file = "b.dat"
HOLD
[[step]]
at = "1h"
do = "source"
package = "OFFICE"
files = { "a.dat" = "new a", "b.dat" = "new b" }
[[step]]
at = "1h"
do = "job"
name = "UPDATE"
package = "OFFICE"
type = "share"
send = "even if previously sent"
refresh_existing = true
MORE
"""


def story(
    hold: str = "",
    clients: str = "",
    server: str = "",
    more: str = "",
    strategy: str = "skip_locked_and_retry",
) -> RunResult:
    text = BASE.replace("HOLD", hold).replace("CLIENTS", clients)
    text = text.replace("SERVER", server).replace("MORE", more)
    text = text.replace("STRATEGY", strategy)
    result = run_scenario(parse_scenario(text), RunOptions())
    assert result.passed, result.findings
    return result


def held_s(result: RunResult, machine: str = "WS1") -> list[tuple[float, str]]:
    """How long each of a machine's files was open, in seconds, and why it was closed."""
    begun: dict[str, float] = {}
    found: list[tuple[float, str]] = []
    for record in result.records:
        fact: dict[str, Any] = msgspec.to_builtins(record.data)
        if fact.get("machine") != machine:
            continue
        if record.kind == "open.granted":
            begun[fact["open"]] = record.at
        if record.kind == "open.closed":
            found.append((round(record.at - begun[fact["open"]]), fact["reason"]))
    return found


RELEASED = """
[[step]]
at = "8h"
do = "release"
machine = "WS1"
file = "b.dat"
"""


@pytest.mark.parametrize("where", ["hold", "clients"])
@pytest.mark.parametrize(
    ("key", "seconds"), [('closes_idle_after = "40m"', 2400), ("copies_first = true", 5)]
)
def test_a_habit_closes_a_file_before_its_release(where: str, key: str, seconds: int) -> None:
    assert held_s(story(more=RELEASED)) == [(27000, "closed")]
    assert held_s(story(**{where: key}, more=RELEASED)) == [(seconds, "closed")]


def test_a_hold_that_ends_before_its_habit_would_end_it_is_as_it_was() -> None:
    assert held_s(story('for = "10m"\ncloses_idle_after = "40m"')) == [(600, "closed")]


def test_a_server_with_a_reaper_closes_what_clients_have_had_open_for_too_long() -> None:
    result = story(server='reaps_after = "2h"', more=RELEASED)
    ((seconds, reason),) = held_s(result)
    assert 7200 <= seconds <= 7500
    assert reason == "open for too long"


MARKED = """
[[step]]
at = "20m"
do = "put"
server = "LOGON1"
share = "SMS_PKGD"
path = "{package:OFFICE}.LCK"
text = "an update waits"
"""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["hold", "clients"])
def test_who_honours_a_marker_opens_nothing_while_it_lies_there(where: str) -> None:
    assert held_s(story('for = "10m"', more=MARKED)) == [(600, "closed")]
    key = 'for = "10m"\nhonours_marker = true' if where == "hold" else 'for = "10m"'
    clients = "honours_marker = true" if where == "clients" else ""
    assert held_s(story(key, clients, more=MARKED)) == []
    assert held_s(story(key, clients, more=MARKED + RELEASED)) == [], "it waited in vain"


LATECOMER = """
[[step]]
at = "90m"
do = "hold"
machine = "WS2"
package = "OFFICE"
file = "a.dat"
for = "1h"
"""


@pytest.mark.parametrize(("honours", "done_at"), [("true", 2.0), ("false", 2.5)])
def test_an_update_that_asks_for_its_files_gets_them_sooner_from_who_honours_it(
    honours: str, done_at: float
) -> None:
    result = story(
        'for = "90m"',
        clients=f"honours_marker = {honours}",
        more=LATECOMER,
        strategy="quiesce_marker",
    )
    copied = [record.at for record in result.records if record.kind == "copy.ended"]
    assert round((copied[-1] - result.records[0].at) / 3600, 1) == done_at
    opened = [record.at for record in result.records if record.kind == "open.granted"]
    assert (opened[-1] > copied[-1]) is (honours == "true"), "WS2 waits for the copy"


@pytest.mark.slow
def test_a_share_of_the_machines_honours_a_marker_whoever_else_there_is() -> None:
    def deaf(count: int, share: str) -> set[str]:
        text = BASE.replace("STRATEGY", "quiesce_marker").replace("HOLD", 'for = "5h"')
        text = text.replace("CLIENTS", f"honours_marker = {share}").replace("SERVER", "")
        names = [f"WS{number}" for number in range(1, count + 1)]
        text = text.replace('["WS1", "WS2"]', str(names))
        text = text.replace("MORE", "".join(map(LATE.format, names[1:])))
        records = run_scenario(parse_scenario(text), RunOptions()).records
        return {
            msgspec.to_builtins(record.data)["machine"]
            for record in records
            if record.kind == "open.granted" and 7000 < record.at - records[0].at < 7300
        }

    some = deaf(12, "0.5")
    assert 0 < len(some) < 11
    assert some == {name for name in deaf(14, "0.5") if name not in ("WS13", "WS14")}
    assert deaf(12, "0") == deaf(12, "false") > some
    assert deaf(12, "1") == deaf(12, "1.0") == set()


LATE = """
[[step]]
at = "2h"
do = "hold"
machine = "{}"
package = "OFFICE"
file = "a.dat"
for = "10m"
"""


RESTART = """
[[step]]
at = "5h"
do = "kill"
server = "LOGON1"
down_for = "5m"
[[expect]]
at = "4h"
that = "job"
job = "UPDATE"
status = "Complete"
[[expect]]
at = "4h"
that = "files"
package = "OFFICE"
files = { "a.dat" = "new a", "b.dat" = "old b" }
[[expect]]
that = "files"
package = "OFFICE"
files = { "a.dat" = "new a", "b.dat" = "new b" }
only = true
"""


def test_a_file_in_use_is_new_when_its_server_was_started_again_and_reported_before() -> None:
    result = story(more=RESTART, strategy="at_restart")
    renamed = [msgspec.to_builtins(r.data) for r in result.records if r.kind == "file.renamed"]
    at_start = [fact["new_path"] for fact in renamed if fact["program"] == "SMSS.EXE"]
    assert at_start == ["BPC00001/b.dat"]


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ('site = "BPC"\nserver = "LOGON1"', "either site or server"),
        ('server = "LOGON9"', "LOGON9"),
    ],
)
def test_a_kill_of_what_is_not_there_is_refused_with_its_line(step: str, reason: str) -> None:
    with pytest.raises(ScenarioError, match=reason):
        story(more=f'[[step]]\nat = "5h"\ndo = "kill"\n{step}\n')


def test_a_site_server_is_killed_by_its_site_and_no_server_twice() -> None:
    for server, reason in (("SITE1", "name its site"), ("LOGON1", "down already")):
        kill = f'[[step]]\nat = "5h"\ndo = "kill"\nserver = "{server}"\ndown_for = "1h"\n'
        again = kill.replace("5h", "5h 10m")
        with pytest.raises(StepError, match=reason):
            story(more=kill + again)


@pytest.mark.slow
def test_the_story_on_the_page_of_remedies_holds() -> None:
    page = (REPOSITORY / "docs" / "remedies.md").read_text("utf-8")
    (text,) = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    result = run_scenario(parse_scenario(text), RunOptions())
    assert result.passed, result.findings
    without = text.replace("honours_marker = true", "honours_marker = false")
    assert not run_scenario(parse_scenario(without), RunOptions()).passed


def test_every_change_of_holders_is_a_key_of_the_tables_that_it_is_for() -> None:
    for name, change in HOLDER_CHANGES.items():
        tables = (Server,) if change.name == "reaps_after" else (Clients, HoldStep)
        assert all(name in table.__struct_fields__ for table in tables), name


@pytest.mark.parametrize(
    "keys", [{"hold": 'closes_idle_after = "soon"'}, {"server": 'reaps_after = "soon"'}]
)
def test_a_span_that_is_none_is_refused_with_its_line(keys: dict[str, str]) -> None:
    with pytest.raises(ScenarioError, match="soon"):
        story(**keys)
