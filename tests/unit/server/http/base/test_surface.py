"""Parameters are read strictly: what is not understood is refused by name."""

from __future__ import annotations

import pytest

from despoolr_server.http.base.problem import Refused
from despoolr_server.http.base.surface import switch, whole_number
from worlds.share_server import serving


def test_a_whole_number_is_taken_up_to_its_highest() -> None:
    assert whole_number("limit", "", 7) == 7
    assert whole_number("limit", "0", 7) == 0
    assert whole_number("limit", "10", 7, highest=10) == 10
    for wrong in ("11", "-1", "1.0", " 1", "x", "٣", "9" * 40):
        with pytest.raises(Refused, match="`limit` must be a whole number from 0 to 10"):
            whole_number("limit", wrong, 7, highest=10)


def test_a_switch_is_on_or_off_and_nothing_else() -> None:
    assert [switch("force", text) for text in ("true", "1", "Yes", "false", "0", "no", "")] == [
        True
    ] * 3 + [False] * 4
    with pytest.raises(Refused, match="`force` must be"):
        switch("force", "maybe")


async def test_a_parameter_without_a_value_is_refused_as_a_slip() -> None:
    async with serving() as site:
        for target in (
            "/api/v1/opens?machine=",
            "/api/v1/episodes?limit=",
            "/api/v1/why?path=&machine=PC07",
            "/SMS_SHR/x?stat=",
        ):
            reply = await site.ask("GET", target)
            assert (reply.status, "has no value" in reply.problem.detail) == (400, True), target


@pytest.mark.parametrize(
    "target",
    ["/SMS_SHR/a%0Ab", "/%0A/x", "/a%7Bb", "/a%7Bb/c", "//", "/api/v1/opens/%0A", "/api/%0A"],
)
async def test_whatever_stands_in_an_address_is_answered_with_a_problem(target: str) -> None:
    async with serving() as site:
        for method in ("GET", "PUT", "DELETE", "PROPFIND"):
            reply = await site.ask(method, target)
            assert 400 <= reply.status < 500
            assert reply.problem.status == reply.status, "not aiohttp's own text"
