"""The fast lane's twins of `make test`, with a hundred thousand requests."""

from __future__ import annotations

from worlds.lane_twins import exchanges, play

ANSWERS = 100_000
SEED = 1_000_000
"""Of the first round; `make test` has small ones."""


def test_a_hundred_thousand_answers_are_the_same_with_the_lane_and_without() -> None:
    answer_count = lane_count = 0
    seed = SEED
    while answer_count < ANSWERS:
        said = exchanges(seed, 40)
        ours, theirs = play(said, lane=True), play(said, lane=False)
        for number, (one, other) in enumerate(zip(ours.answers, theirs.answers, strict=True)):
            assert one == other, (seed, number, said[number])
        assert ours.records == theirs.records, seed
        lane_count += ours.lane_count
        answer_count += sum(heard.count(b"HTTP/1.1 ") for heard in ours.answers)
        seed += 1
    assert lane_count > ANSWERS // 20
