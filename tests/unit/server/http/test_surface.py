"""Parameters are read strictly: what is not understood is refused by name."""

from __future__ import annotations

import pytest

from despoolr_server.http.problem import Refused
from despoolr_server.http.surface import switch, whole_number


def test_a_whole_number_is_taken_up_to_its_highest() -> None:
    assert whole_number("limit", "", 7) == 7
    assert whole_number("limit", "0", 7) == 0
    assert whole_number("limit", "10", 7, highest=10) == 10
    for wrong in ("11", "-1", "1.0", " 1", "x", "٣", "9" * 40):
        with pytest.raises(Refused, match="`limit` must be a whole number from 0 to 10"):
            whole_number("limit", wrong, 7, highest=10)


def test_a_switch_is_on_or_off_and_nothing_else() -> None:
    assert [switch("force", text) for text in ("true", "1", "Yes", "false", "0", "no", "")] == [True] * 3 + [False] * 4
    with pytest.raises(Refused, match="`force` must be"):
        switch("force", "maybe")
