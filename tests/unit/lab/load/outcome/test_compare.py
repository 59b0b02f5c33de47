"""Two runs: what was not made alike is named, and a difference matters only beyond what a run
differs within itself.
"""

from __future__ import annotations

import copy
from random import Random
from typing import Any

import pytest

from despoolr_lab.load.measure.histogram import Histogram
from despoolr_lab.load.outcome.compare import (
    BLOCKS_MAX,
    SECONDS_MIN,
    ComparedRun,
    compare,
    differences,
    warnings,
)


def seconds(seed: int, ms: float, count: int = 60) -> list[Histogram]:
    """So many seconds of fifty polls each, around `ms`, some seconds worse than others."""
    rng = Random(seed)
    found = []
    for _ in range(count):
        second, worse = Histogram(), rng.uniform(0.8, 1.3)
        for _ in range(50):
            second.add(rng.expovariate(1 / (ms * worse)) / 1e3)
        found.append(second)
    return found


SUMMARY: dict[str, Any] = {
    "load": "storm",
    "time": "x60",
    "valid": True,
    "interrupted": False,
    "reasons": [],
    "polls": {"max_ms": 9.0, "per_s": 50.0, "failed": 0},
    "refusals": [{"share": "SMS_PKGD", "program": "SMS_DESPOOLER", "count": 3}],
    "settled_s": None,
    "reports": {"sent": 10, "counted": 10},
    "generator": {"cpu_shares": [0.2]},
    "file": {"load": {"for": "5m"}, "clients": [{"name": "A", "count": 10}]},
}


def sample(seed: int, ms: float, count: int = 60, **changes: Any) -> ComparedRun:
    return ComparedRun(
        f"run{seed}", {**copy.deepcopy(SUMMARY), **changes}, seconds(seed, ms, count)
    )


def matters(a: ComparedRun, b: ComparedRun) -> dict[str, bool | None]:
    return {line.name: line.matters for line in compare([a], [b])}


@pytest.mark.slow
def test_two_runs_of_one_stack_do_not_differ() -> None:
    found = matters(sample(1, 5), sample(2, 5))
    assert not any(found.values())


@pytest.mark.slow
@pytest.mark.parametrize("count", [SECONDS_MIN, 60, BLOCKS_MAX * 5 + 1])
def test_a_server_that_takes_twice_as_long_matters_in_every_percentile(count: int) -> None:
    found = matters(sample(1, 5, count), sample(2, 10, count))
    assert [found[f"poll {name}"] for name in ("p50", "p90", "p99")] == [True, True, True]
    assert matters(sample(1, 10, count), sample(2, 5, count))["poll p50"]


@pytest.mark.slow
def test_one_bad_second_is_no_difference_between_two_stacks() -> None:
    bad = sample(2, 5)
    second = Histogram()
    for _ in range(50):
        second.add(0.5)
    line = compare([sample(1, 5)], [ComparedRun(bad.name, bad.summary, [*bad.seconds, second])])[2]
    assert line.name == "poll p99" and line.ratio is not None and line.ratio > 10
    assert line.matters is False, "drawn anew, that second is often not there"


@pytest.mark.slow
def test_a_difference_too_small_to_care_about_does_not_matter() -> None:
    assert matters(sample(1, 5, 300), sample(1, 5.15, 300))["poll p50"] is False


def test_too_few_seconds_decide_nothing() -> None:
    line = compare([sample(1, 5, SECONDS_MIN - 1)], [sample(2, 50)])[0]
    assert line.matters is None and "fewer than 10 seconds" in line.why
    assert line.ratio is not None and line.ratio > 5


@pytest.mark.slow
def test_what_should_be_nothing_matters_as_soon_as_it_is_something() -> None:
    lost = sample(
        2, 5, reports={"sent": 10, "counted": 9}, polls={"max_ms": 9.0, "per_s": 50.0, "failed": 1}
    )
    found = matters(sample(1, 5), lost)
    assert found["failed polls"] and found["reports not counted"]


@pytest.mark.slow
def test_a_comparison_is_the_same_every_time() -> None:
    assert compare([sample(1, 5)], [sample(2, 6)]) == compare([sample(1, 5)], [sample(2, 6)])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"load": "night"}, "load is storm in A and night in B"),
        ({"time": "real"}, "time is x60 in A and real in B"),
        (
            {"file": {"load": {"for": "5m"}, "clients": [{"name": "A", "count": 20}]}},
            "clients differ: A count is 10 in A, 20 in B",
        ),
        (
            {
                "file": {
                    "load": {"for": "5m"},
                    "clients": [{"name": "A", "count": 10, "shape": "ramp"}],
                }
            },
            "clients differ: A shape is the default in A, ramp in B",
        ),
        ({"file": {"load": {"for": "5m"}, "clients": []}}, "clients differ: there are not as many"),
        (
            {"file": {"load": {"for": "9m"}, "clients": SUMMARY["file"]["clients"]}},
            "[load] for is 5m in A, 9m in B",
        ),
    ],
)
def test_what_was_not_made_alike_is_named(change: dict[str, Any], says: str) -> None:
    assert differences(SUMMARY, {**SUMMARY, **change}) == [says]


def test_another_seed_is_comparable_and_an_invalid_run_is_doubtful() -> None:
    other = {**SUMMARY, "seed": 7, "file": {**SUMMARY["file"], "load": {"for": "5m", "seed": 7}}}
    assert differences(SUMMARY, other) == []
    bad = sample(2, 5, valid=False, reasons=["the generator was the bottleneck"])
    assert warnings([[sample(1, 5)], [bad]]) == ["B is invalid: the generator was the bottleneck"]
    assert warnings([[sample(1, 5, interrupted=True, valid=False)], [sample(2, 5)]]) == [
        "A was interrupted"
    ]


@pytest.mark.slow
def test_several_runs_a_side_must_lie_apart_for_a_difference_to_matter() -> None:
    """Each pair would do; the runs of one side differ among themselves as much."""
    a = [sample(n, ms) for n, ms in enumerate((5, 5, 6))]
    b = [sample(n, ms) for n, ms in enumerate((5.5, 8, 8), 10)]
    mixed = next(line for line in compare(a, b) if line.name == "poll p50")
    assert mixed.matters is False and mixed.why.startswith("A ")
    slow = [sample(3, 15), sample(4, 18)]
    found = next(line for line in compare(a, slow) if line.name == "poll p50")
    assert found.matters and found.is_worse
    back = next(line for line in compare(slow, a) if line.name == "poll p50")
    assert back.matters and not back.is_worse, "B is the faster"


@pytest.mark.slow
@pytest.mark.parametrize(("b", "matters"), [((30.0, 33.0), True), ((19.0, 33.0), False)])
def test_of_several_runs_a_number_that_each_has_once_can_matter(
    b: tuple[float, float], matters: bool
) -> None:
    before = [sample(1, 5, settled_s=18.0), sample(2, 5, settled_s=20.0)]
    after = [sample(n, 5, settled_s=told) for n, told in enumerate(b, 3)]
    (line,) = [line for line in compare(before, after) if line.name == "settled after"]
    assert (line.matters, line.is_worse) == (matters, matters)
    (alone,) = [x for x in compare(before[:1], after[:1]) if x.name == "settled after"]
    assert alone.matters is None, "one run each decides nothing of it"


@pytest.mark.slow
def test_how_busy_the_machine_was_stands_beside_and_decides_nothing() -> None:
    idle = sample(1, 5, machine={"busy_share": 0.3, "stolen_share": 0.0})
    busy = sample(2, 5, machine={"busy_share": 0.95, "stolen_share": 0.2})
    (line,) = [x for x in compare([idle] * 2, [busy] * 2) if x.name == "machine busy"]
    assert (line.a, line.b, line.matters, line.is_worse) == (0.3, 0.95, None, False)


def test_runs_with_and_without_faults_are_not_one_load_and_it_is_said_which_has_which() -> None:
    full = {"fault": "disk_full", "at": "1m", "server": "LOGON1", "share": "", "for": "2m"}
    slow = {"fault": "slow_share", "at": "30s", "server": "LOGON1", "delay": "2s"}
    calm, broken = sample(1, 5.0), sample(2, 5.0)
    broken.summary["file"]["fault"] = [full, slow]
    assert differences(calm.summary, broken.summary) == [
        "broken on purpose is nothing in A, slow_share at 30s (server LOGON1, delay 2s), "
        "disk_full at 1m (server LOGON1, for 2m) in B"
    ]
    calm.summary["file"]["fault"] = [slow, full]
    assert differences(calm.summary, broken.summary) == []
    calm.summary["file"]["fault"] = [slow, full | {"at": "61s"}]
    assert "disk_full at 61s" in differences(calm.summary, broken.summary)[0]


def test_a_difference_beyond_the_faults_that_are_told_is_a_difference() -> None:
    one, other = sample(1, 5.0), sample(2, 5.0)
    slow = {"fault": "slow_share", "server": "LOGON1", "delay": "2s"}
    for run, last in ((one, "9m"), (other, "10m")):
        run.summary["file"]["fault"] = [
            slow | {"at": at} for at in ("1m", "2m", "3m", "4m", "5m", last)
        ]
    (said,) = differences(one.summary, other.summary)
    assert said.count("2 more") == 2
