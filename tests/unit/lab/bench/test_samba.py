"""What smbtorture tells is read as it tells it, and the CPU time of a server that forks is all of
it.
"""

from __future__ import annotations

from despoolr_lab.bench.samba import ticks, tree_ticks

SAID = (
    b"Opening 2 connections\nRunning for 3 seconds\n"
    b"1.00 second: open[num/s=3709,avslat=0.000290,minlat=0.000104,maxlat=0.010943] "
    b"close[num/s=3708,avslat=0.000261,minlat=0.000065,maxlat=0.019948]     \r"
    b"2.01 second: open[num/s=2361,avslat=0.000431,minlat=0.000104,maxlat=0.009543] "
    b"close[num/s=2360,avslat=0.000414,minlat=0.000068,maxlat=0.008608]     \r"
)


def stat(pid: int, parent: int, *ticks: int) -> str:
    """A line of `/proc/*/stat`: its 14th to 17th fields are CPU ticks, the process's own and its
    ended children's.
    """
    return f"{pid} (a (b) c) S {parent} " + "0 " * 9 + " ".join(map(str, ticks)) + " 20 0 1 0"


def test_each_second_is_told_once_with_what_was_closed_in_it() -> None:
    assert ticks(SAID) == [(1.0, 3708), (2.01, 2360)]


def test_a_second_that_is_told_by_half_is_not_counted() -> None:
    for end in range(len(SAID) - 7, SAID.index(b"2.01"), -7):
        assert ticks(SAID[:end])[:1] == [(1.0, 3708)]
    assert ticks(SAID[: SAID.index(b"maxlat=0.008608")]) == [(1.0, 3708)]
    assert ticks(b"") == []


def test_the_children_a_server_had_and_has_count_and_nobody_elses_do() -> None:
    lines = [
        stat(7, 1, 10, 20, 300, 400),
        stat(8, 7, 1, 2, 50, 60),
        stat(9, 8, 1000, 1000, 0, 0),
        stat(10, 1, 500, 500, 0, 0),
    ]
    assert tree_ticks(lines, 7) == 10 + 20 + 300 + 400 + 1 + 2


def test_a_child_that_ends_takes_none_of_its_time_along() -> None:
    before = tree_ticks([stat(7, 1, 10, 20, 0, 0), stat(8, 7, 5, 6, 0, 0)], 7)
    assert tree_ticks([stat(7, 1, 10, 20, 5, 6)], 7) == before
