"""Three short lines: who, how long, what would have fixed it."""

from __future__ import annotations

from despoolr_lab.report.content.facts import read_facts
from despoolr_lab.report.content.verdict import NOBODY, durations, verdict_of
from worlds.report import HOUR, Site, blocked_update


def test_the_lines_say_who_how_long_and_what_would_have_fixed_it() -> None:
    facts = read_facts(blocked_update(3, resolved=False))
    who, how_long, fixed = verdict_of(facts, {}).lines
    assert who == "WINWORD.EXE on WS1 kept SMS_DESPOOLER on SITE1 from b.dat."
    assert how_long.startswith("Refused 3 times: ")
    assert fixed == "Closing that file would let the update through if nobody else is in the way."


def test_what_a_what_if_found_is_the_third_line() -> None:
    facts = read_facts(blocked_update())
    assert verdict_of(facts, {}, "Copying aside would have done it.").lines[2] == (
        "Copying aside would have done it."
    )


def test_every_duration_says_from_what_to_what_it_counts() -> None:
    site = Site().step().hold("WS1").at(2).refuse().at(5).refuse().at(6).close().at(7).write()
    facts = read_facts(site.at(9).step().records)
    (episode,) = facts.episodes
    labels = {one.label: one.seconds for one in durations(facts, episode)}
    assert labels == {
        "from first to last refusal": episode.last_refused_at - episode.first_refused_at,
        "from first refusal until it got through": episode.blocked_s,
        "held open": 6 * HOUR,
    }
    assert list(labels.values()) == [3 * HOUR, 5 * HOUR, 6 * HOUR]


def test_a_run_in_which_nobody_waited_keeps_its_own_sentence() -> None:
    quiet = read_facts(Site().step().records)
    assert verdict_of(quiet, {}).lines == (NOBODY,)
    assert verdict_of(quiet, {"verdict": "Two rows were lost."}).lines == ("Two rows were lost.",)
    told = verdict_of(quiet, {"verdict": "Two rows were lost."}, "Later expiry keeps them.")
    assert told.lines == ("Two rows were lost.", "Later expiry keeps them.")


def test_an_interrupted_run_decided_nothing() -> None:
    facts = read_facts(blocked_update())
    summary = {"interrupted": True, "verdict": "Interrupted: nothing was decided."}
    assert verdict_of(facts, summary).lines == ("Interrupted: nothing was decided.",)
