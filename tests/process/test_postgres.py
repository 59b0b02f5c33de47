"""A site server whose database is PostgreSQL: it does the same work, survives a kill, and keeps a
second server out.
"""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from despoolr_app.process.runtime import StartError
from despoolr_app.process.settings import ConfigError
from despoolr_app.servers import postgresql
from despoolr_app.servers.database_url import SiteDatabase, open_site_database
from despoolr_app.site_client.blocking_client import ask
from despoolr_app.site_client.errors import SiteError
from despoolr_server.database.protocol import DatabaseLost
from worlds.postgres import Postgres
from worlds.process import Administrator, Workshop, until
from worlds.support import free_port

PACE = ("--time", "x2000", "--common", "common")


def silent(text: str) -> None:
    """Nobody listens."""


async def opened(url: str, password: str = "") -> SiteDatabase:
    return await open_site_database(url, Path("unused"), password, "BPC", silent)


def test_a_site_on_postgresql_that_is_killed_in_mid_run_loses_nothing(
    workshop: Workshop, postgres: Postgres
) -> None:
    url, port = postgres.create(), free_port()
    workshop.start("serve", "logon", "--listen", "127.0.0.1:0", "--data", "logon", *PACE)
    logon = workshop.servers()["LOGON1"].url
    site = (
        "serve",
        "site",
        "--listen",
        f"127.0.0.1:{port}",
        "--data",
        "site",
        "--database",
        url,
        "--response",
        "Very Fast",
        *PACE,
    )
    arguments = (*site, "--logon", f"LOGON1={logon},distribution")
    first = workshop.start(*arguments)
    administrator = Administrator(workshop.servers()["SITE1"])
    workshop.start("fleet", "--clients", "40", "--poll-every", "1h", ready="first poll of all")
    job = administrator.run_everywhere("FIRST", administrator.make_package("OFFICE", a="a one"))
    until(lambda: "Complete" in administrator.statuses(job).values(), "the first client is done")
    first.kill()
    second = workshop.start(*arguments)
    until(lambda: administrator.job(job)["job"]["status"] == "Complete", "the job completes")
    assert len(administrator.statuses(job)) == 40 and set(administrator.statuses(job).values()) == {
        "Complete"
    }
    assert second.terminate()[0] == 0
    assert list((workshop.path / "site").glob("*.db*")) == [], "nothing is kept in a file"
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            """SELECT count(*) FROM "JobDetails" WHERE "Kind" = 'Workstation'"""
        ).fetchone()
        reports = connection.execute("""SELECT count(*) FROM "LoadedReports" """).fetchone()
    assert rows == (40,) and reports is not None and reports[0] >= 41


def test_a_site_whose_database_goes_away_ends_with_one_line_and_goes_on_when_it_is_started_again(
    workshop: Workshop, postgres: Postgres
) -> None:
    url, port = postgres.create(), free_port()
    site = ("serve", "site", "--listen", f"127.0.0.1:{port}", "--data", "site", "--database", url)
    first = workshop.start(*site)
    administrator = Administrator(workshop.servers()["SITE1"])
    package = administrator.make_package("OFFICE", a="a one")
    postgres.cut_off(url)
    with pytest.raises(SiteError):
        administrator.make_package("TOOLS", a="a one")
    until(lambda: first.process.poll() is not None, "it ends")
    assert first.process.returncode == 2
    assert "the site database is lost: terminating connection" in first.said.splitlines()[-1]
    workshop.start(*site)
    assert [p["package"] for p in ask(administrator.site, "packages", dict)["packages"]] == [
        package
    ]


async def test_a_second_site_server_waits_and_then_says_who_is_in_the_way(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "WAIT_S", 0.0)
    url = postgres.create()
    one = await opened(url)
    with pytest.raises(StartError, match="another site server uses it") as refused:
        await opened(url)
    assert postgres.password not in str(refused.value)
    await one.close()
    monkeypatch.undo()  # PostgreSQL takes a moment to see that a connection has ended
    await (await opened(url)).close()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://nobody:wrong@127.0.0.1:{port}/postgres", "authentication failed"),
        ("postgresql://despoolr:{password}@127.0.0.1:{port}/nosuch", "does not exist"),
        ("mysql://despoolr:{password}@127.0.0.1/x", "no site database can be mysql"),
        ("what:{password}", "cannot be read"),
    ],
)
async def test_a_database_that_cannot_be_used_is_one_line_without_the_password(
    postgres: Postgres, url: str, says: str
) -> None:
    with pytest.raises((StartError, ConfigError), match=says) as refused:
        await opened(url.format(port=postgres.port, password=postgres.password))
    assert (
        "\n" not in str(refused.value)
        and postgres.password not in str(refused.value)
        and "wrong" not in str(refused.value)
    )


async def test_a_server_that_does_not_answer_is_waited_for_and_then_named(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "WAIT_S", 0.0)
    with pytest.raises(StartError, match="could not be reached for"):
        await opened(f"postgresql://despoolr@127.0.0.1:{free_port()}/x")


async def test_a_connection_that_is_lost_on_the_way_is_told_as_what_it_was(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(_place: object, claim: Connection, _work: object) -> None:
        postgresql._let_go(claim)
        cause = OperationalError("SELECT 1", None, Exception("terminating connection"))
        raise DatabaseLost("the site database is lost: terminating connection") from cause

    monkeypatch.setattr(postgresql, "WAIT_S", 0.0)
    monkeypatch.setattr(postgresql, "_opened", lose)
    with pytest.raises(StartError, match=r"for 0 s: terminating connection$"):
        await opened(postgres.create())


async def test_a_later_versions_database_is_told_with_what_to_do_once(postgres: Postgres) -> None:
    url = postgres.create()
    one = await opened(url)
    await one.database.run(lambda db: db.change("UPDATE alembic_version SET version_num = '9999'"))
    await one.close()
    with pytest.raises(StartError, match=r"it was made by a later.*; use that ver"):
        await opened(url)


async def test_a_password_may_come_from_the_common_directory(postgres: Postgres) -> None:
    url = postgres.create().replace(f":{postgres.password}@", "@")
    await (await opened(url, postgres.password)).close()
