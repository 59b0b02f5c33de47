"""`despoolr release`: what is closed is asked for first, closed by its handle, and told why."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from click.testing import CliRunner

from despoolr_app.cli.opens.release import REASON, REASON_MAX, command
from despoolr_core.records.kinds.share import OpenClosed
from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import Role
from worlds.answer import data_of
from worlds.share_server import Site, serving

Ask = Callable[..., Awaitable[tuple[int, str]]]


def asking(site: Site, role: Role = Role.ADMIN) -> Ask:
    """Run the command in a thread: exit code and all it says."""
    token = site.auth.issue("ADMIN1", "Administrator", role)

    async def ask(*words: str) -> tuple[int, str]:
        done = await asyncio.to_thread(
            CliRunner().invoke, command, [*words, "--url", site.base, "--token", token]
        )
        return done.exit_code, done.output

    return ask


def closed(site: Site) -> list[tuple[str, str]]:
    return [
        (record.data.open, record.data.reason)
        for record in site.records
        if isinstance(record.data, OpenClosed)
    ]


@pytest.fixture
async def site():
    async with serving() as site:
        await site.ask("PUT", "/SMS_SHR/a.dat", b"one")
        await site.ask("PUT", "/SMS_SHR/b.dat", b"one")
        yield site


async def test_an_open_is_closed_by_its_handle_and_the_reason_is_on_record(site):
    one, other = await site.hold("a.dat"), await site.hold("a.dat")
    code, said = await asking(site)(f"logon1/{one}", "--yes", "--reason", "month's end")
    assert code == 0 and "Closed 1 of 1." in said and other not in said
    assert closed(site)[-1] == (one, "month's end")
    assert await asking(site)(other, "--yes") != (0, "")
    assert closed(site)[-1] == (other, REASON)


async def test_all_that_a_filter_names_are_closed(site):
    await site.hold("a.dat")
    other = await site.hold("b.dat")
    code, said = await asking(site)("--path", "b.*", "--json", "--yes")
    assert code == 0
    assert data_of(said) == {"closed": [f"LOGON1/{other}"], "refused": {}, "reason": REASON}


async def test_nothing_is_closed_unasked(site):
    await site.hold("a.dat")
    before = closed(site)
    code, said = await asking(site)("--path", "a.dat")
    assert code == 2 and "a.dat" in said and "Close this open?" in said and "--yes" in said
    assert closed(site) == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "name what to close"),
        (("O99", "--yes"), "nothing is open as O99"),
        (("--path", "z.dat", "--yes"), "nothing of that kind is open"),
        (("--path", "a.dat", "--reason", ""), "--reason takes"),
        (("--path", "a.dat", "--reason", "x" * (REASON_MAX + 1)), "--reason takes"),
        (("--path", "a.dat", "--reason", "a\x1bb"), "--reason takes"),
    ],
)
async def test_what_cannot_be_is_one_line_and_closes_nothing(site, words, says):
    await site.hold("a.dat")
    before = closed(site)
    code, said = await asking(site)(*words)
    assert code == 2 and says in said and closed(site) == before


async def test_a_handle_that_several_servers_have_is_no_name(site):
    async with serving() as second:
        await second.ask("PUT", "/SMS_SHR/a.dat", b"one")
        await second.ask("PUT", "/SMS_SHR/b.dat", b"one")
        one = await site.hold("a.dat")
        assert await second.hold("a.dat") == one
        before = closed(site), closed(second)
        code, said = await asking(site)(one, "--yes", "--url", second.base)
        assert (code, closed(site), closed(second)) == (2, *before)
    assert f"{fold(one)} is open on several servers" in said


async def test_one_that_may_not_see_others_opens_closes_none(site):
    one = await site.hold("a.dat")
    code, said = await asking(site, Role.CLIENT)(one, "--yes")
    assert code == 2 and (one, REASON) not in closed(site) and "nothing is open" in said
