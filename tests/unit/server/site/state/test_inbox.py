"""A box is looked into only when something may have come."""

from __future__ import annotations

from despoolr_server.site.state.inbox import Inbox
from worlds.share import World


async def test_a_box_at_rest_is_listed_again_when_a_file_comes() -> None:
    share = World().share()
    await share.make_directory("BOX")
    inbox = Inbox(share, "BOX")
    assert await inbox.files() == []
    inbox.rest()
    await share.write("BOX/A.SNI", b"")
    assert [entry.name for entry in await inbox.files()] == ["A.SNI"]


async def test_a_file_that_came_between_the_listing_and_the_rest_is_seen() -> None:
    share = World().share()
    await share.make_directory("BOX")
    inbox = Inbox(share, "BOX")
    await inbox.files()
    await share.write("BOX/A.SNI", b"")
    inbox.rest()
    assert [entry.name for entry in await inbox.files()] == ["A.SNI"]


async def test_at_rest_only_who_insists_or_wakes_it_sees_the_files() -> None:
    share = World().share()
    await share.make_directory("BOX")
    await share.write("BOX/A.SNI", b"")
    inbox = Inbox(share, "BOX")
    assert await inbox.files()
    inbox.rest()
    assert await inbox.files() == []
    assert await inbox.files(anyway=True)
    inbox.rest()
    inbox.wake()
    assert await inbox.files()


async def test_a_box_that_is_not_there_has_no_files() -> None:
    assert await Inbox(World().share(), "NOWHERE").files() == []


async def test_the_root_of_a_share_can_be_a_box() -> None:
    share = World().share()
    inbox = Inbox(share, "")
    assert await inbox.files() == []
    inbox.rest()
    await share.write("A.INS", b"")
    assert [entry.name for entry in await inbox.files()] == ["A.INS"]
