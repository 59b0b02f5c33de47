"""Messages wait for their machine, once, and no more of them than a bound allows."""

from __future__ import annotations

from despoolr_server.http.shares.server.messages import MESSAGES_MAX, MessageBoard


def test_a_message_is_told_once_to_its_own_machine() -> None:
    board = MessageBoard()
    board.post("WS1", "first")
    board.post("ws1", "second")
    board.post("WS2", "other")
    assert board.take("Ws1") == ["first", "second"]
    assert board.take("WS1") == []
    assert board.take("WS2") == ["other"]


def test_a_machine_that_never_asks_keeps_the_newest_few() -> None:
    board = MessageBoard()
    for number in range(MESSAGES_MAX + 1):
        board.post("WS1", f"{number}")
    assert board.take("WS1") == [f"{number}" for number in range(1, MESSAGES_MAX + 1)]


def test_of_too_many_machines_the_one_that_was_told_first_is_forgotten() -> None:
    board = MessageBoard(machines_max=2)
    for machine in ("A", "B", "A", "C"):
        board.post(machine, "x")
    assert [board.take(machine) for machine in "ABC"] == [[], ["x"], ["x"]]
