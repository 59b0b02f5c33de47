"""Orders become jobs: what is left out is what the SMS Administrator had ticked, and contradictions
are named.
"""

from __future__ import annotations

from typing import Any

import pytest

from despoolr_app.site_client.job_request import Order, OrderError, job_of
from despoolr_server.site.jobs.model import DistributePhase, JobType, SendPhase

NOW = 833_788_800.0  # 1996-06-03 08:00
HOUR = 3600.0


def order(**words: Any) -> Order:
    return Order(**{"name": "J", "package": "OFFICE", **words})


def test_a_job_without_a_command_shares_the_package_on_each_sites_servers_now() -> None:
    job = job_of(order(), NOW)
    assert (job.type, job.distribute, job.send) == (
        JobType.SHARE_PACKAGE,
        DistributePhase(("*",)),
        SendPhase.ONLY_IF_NOT_SENT,
    )
    assert (job.run, job.activate_at, job.repeat_every_s, job.sites) == (None, 0.0, 0.0, ())


def test_a_command_makes_it_a_run_job_and_times_count_from_its_beginning() -> None:
    words: dict[str, Any] = {
        "command": "SETUP.EXE",
        "machines": ("WS1,WS2", "WS1"),
        "at": "1d",
        "offer_after": "2h",
    }
    job = job_of(
        order(
            **words,
            mandatory_after="+3h",
            expires_after="1996-07-01",
            background=True,
            user_input=True,
        ),
        NOW,
    )
    assert (
        job.type == JobType.RUN_COMMAND
        and job.machines == ("WS1", "WS2")
        and job.activate_at == NOW + 24 * HOUR
    )
    run = job.run
    assert run is not None and (run.offer_after, run.mandatory_after) == (
        NOW + 26 * HOUR,
        NOW + 27 * HOUR,
    )
    assert run.expires_after == 836_179_200.0 and run.background and run.user_input_required


def test_a_run_job_that_is_never_mandatory_and_never_expires_says_so() -> None:
    run = job_of(order(command="S", machines=("*",)), NOW).run
    assert run is not None and (run.offer_after, run.mandatory_after, run.expires_after) == (
        0.0,
        None,
        None,
    )


def test_refreshing_names_no_servers_unless_some_are_named() -> None:
    assert job_of(order(refresh_existing=True), NOW).distribute == DistributePhase((), True)
    assert job_of(
        order(refresh_existing=True, put_on=("L1,L2",)), NOW
    ).distribute == DistributePhase(("L1", "L2"), True)


def test_send_only_has_no_other_phase() -> None:
    job = job_of(order(send_only=True, sites=("chd",), send_even_if_sent=True), NOW)
    assert job.is_send_only and job.sites == ("CHD",) and job.send is SendPhase.EVEN_IF_SENT


def test_a_remove_job_is_for_every_server_that_has_it() -> None:
    job = job_of(order(type="remove"), NOW)
    assert job.type == JobType.REMOVE_PACKAGE and job.distribute == DistributePhase()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"type": "run"}, "needs the command"),
        ({"machines": ("WS1",)}, "needs the command"),
        ({"command": "x"}, "needs target machines"),
        (
            {"type": "share", "command": "x"},
            "--command is about running a command, and a share job runs none",
        ),
        ({"type": "remove", "expires_after": "1h"}, "--expires-after is about running"),
        ({"background": True}, "--background is about running"),
        (
            {"send_only": True, "put_on": ("L1",)},
            "--send-only sends the package to its sites and no further",
        ),
        ({"type": "remove", "refresh_existing": True}, "a remove job takes a package away"),
        ({"at": "soon"}, "--at 'soon' is neither a span such as 2h or 1d 4h nor a date"),
        ({"at": "1996-13-01"}, "--at '1996-13-01' is neither"),
        ({"repeat_every": "daily"}, "--repeat-every 'daily' is not a span"),
    ],
)
def test_words_that_cannot_be_are_named(words: dict[str, Any], says: str) -> None:
    with pytest.raises(OrderError) as told:
        job_of(order(**words), NOW)
    assert says in str(told.value)
