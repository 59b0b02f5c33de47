"""Sites of different versions in one hierarchy: jobs go down, reports come up hop by hop, each
once, whatever breaks.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from despoolr_core.records.kinds.site import DetailStatusChanged, InstructionExecuted, MifsSent
from despoolr_core.records.stream import of
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.reading.load import load_scenario
from despoolr_lab.scenario.run import RunResult
from despoolr_lab.toml.shipped_files import shipped_directory
from golden import write as golden
from worlds.scenario import failed, log, play

HIERARCHY = shipped_directory() / "hierarchy.toml"


def chain(
    *steps: dict[str, Any],
    versions: tuple[str, ...] = ("2.0", "1.2", "1.1"),
    expect: list[dict[str, Any]] | None = None,
    hours: float = 12.0,
    response: str = "Fast",
    packages: list[dict[str, Any]] | None = None,
) -> Scenario:
    """Sites S00 above S01 above S02 ..., each with a server D0, D1, ... and two clients; the
    package is the top's.
    """
    codes = [f"S0{n}" for n in range(len(versions))]
    return msgspec.convert(
        {
            "name": "chain",
            "title": "made in a test",
            "run": {"for": f"{hours}h"},
            "site": [
                {
                    "code": code,
                    "version": version,
                    "server": f"SRV{n}",
                    "domain": f"DOM{n}",
                    "parent": codes[n - 1] if n else "",
                    "response": response,
                }
                for n, (code, version) in enumerate(zip(codes, versions, strict=True))
            ],
            "server": [{"name": f"D{n}", "site": code} for n, code in enumerate(codes)],
            "clients": [
                {"names": [f"PC{n}A", f"PC{n}B"], "site": code, "poll_every": "30m"}
                for n, code in enumerate(codes)
            ],
            "package": packages or [{"name": "APP", "files": {"setup.exe": "x"}}],
            "program": [
                {
                    "command": "SETUP.EXE",
                    "runs": "2m",
                    "mif": {"status": "Success", "description": "done"},
                }
            ],
            "step": [{"at": "0s", **step} for step in steps],
            "expect": expect or [],
        },
        Scenario,
    )


RUN: dict[str, Any] = {
    "do": "job",
    "name": "RUN",
    "package": "APP",
    "command": "SETUP.EXE",
    "mandatory_after": "1m",
}


def rows(result: RunResult, site: str) -> dict[str, str]:
    """What a site's database says of the workstations in the end, from its loader's records."""
    return {
        fact.machine: fact.status
        for r, fact in of(result.records, DetailStatusChanged)
        if fact.detail == "Workstation" and r.actor.startswith(f"{site}/")
    }


def test_the_shipped_hierarchy_holds() -> None:
    result = play(load_scenario(HIERARCHY))
    assert failed(result) == []
    assert result.digest in golden.written().values(), "as it was played when that was written"


@pytest.mark.parametrize("response", ["Very Fast", "Slow"])
def test_a_job_from_the_top_runs_at_the_bottom_and_every_report_arrives_once(response: str) -> None:
    everyone = {f"PC{n}{letter}": "Complete" for n in range(3) for letter in "AB"}
    result = play(
        chain(
            RUN,
            hours=24,
            response=response,
            expect=[
                {"that": "workstations", "job": "RUN", "rows": everyone},
                {"that": "mifs", "job": "RUN", "status": "Complete", "count": 6},
                {"that": "job", "job": "RUN", "status": "Complete"},
            ],
        )
    )
    assert failed(result) == []
    assert rows(result, "S02") == {"PC2A": "Complete", "PC2B": "Complete"}
    assert set(rows(result, "S01")) == {"PC1A", "PC1B"}, (
        "what is between them only passes on what is not its own"
    )


def test_a_report_goes_through_every_box_on_its_way_up() -> None:
    result = play(chain(RUN, hours=12))
    hops = of(result.records, MifsSent)
    assert {(r.actor.partition("/")[0], fact.to) for r, fact in hops} == {
        ("S02", "S01"),
        ("S01", "S00"),
    }
    unpacked = [
        r
        for r, fact in of(result.records, InstructionExecuted)
        if "MIFs of site" in str(fact.result)
    ]
    assert {r.actor for r in unpacked} == {"S01/SMS_DESPOOLER", "S00/SMS_DESPOOLER"}


@pytest.mark.parametrize("site", ["S00", "S01", "S02"])
@pytest.mark.parametrize("second", [0, 2, 5])
def test_a_site_server_killed_in_the_middle_of_it_all_loses_nothing_and_doubles_nothing(
    site: str, second: int
) -> None:
    result = play(
        chain(
            RUN,
            {"do": "kill", "at": f"35m {second}s", "site": site, "down_for": "2h"},
            hours=24,
            expect=[
                {"that": "mifs", "job": "RUN", "status": "Complete", "count": 6},
                {"that": "job", "job": "RUN", "status": "Complete"},
            ],
        )
    )
    assert failed(result) == []


def test_a_link_that_is_down_for_more_than_a_week_delays_reports_and_loses_none() -> None:
    result = play(
        chain(
            RUN,
            {"do": "link", "at": "20m", "server": "SRV1", "other": "SRV2", "up": False},
            {"do": "link", "at": "9d", "server": "SRV1", "other": "SRV2", "up": True},
            hours=24 * 9 + 6,
            expect=[
                {
                    "that": "workstations",
                    "job": "RUN",
                    "rows": {"PC2A": "None", "PC1A": "Complete"},
                    "at": "8d 23h",
                },
                {
                    "that": "workstations",
                    "job": "RUN",
                    "rows": {"PC2A": "Complete", "PC2B": "Complete"},
                },
                {"that": "mifs", "job": "RUN", "status": "Complete", "count": 6},
            ],
        )
    )
    assert failed(result) == []


# -- Q235805 with other names, counts and versions


def shared(name: str, package: str, site: str, **more: Any) -> dict[str, Any]:
    return {"do": "job", "name": name, "package": package, "type": "share", "sites": [site], **more}


@pytest.mark.parametrize(
    ("top", "says"), [("2.0", "Not installed"), ("2.0 SP1", "Success"), ("1.2 SP4", "Success")]
)
@pytest.mark.parametrize("child", ["1.2", "1.2 SP4 + hotfixes"])
def test_whether_a_parent_learns_that_its_child_has_a_package(
    top: str, child: str, says: str
) -> None:
    result = play(
        chain(
            shared("SHARE", "APP", "S01"),
            versions=(top, child),
            hours=4,
            expect=[
                {"that": "package_status", "package": "APP", "of_site": "S01", "status": says},
                {"that": "job", "job": "SHARE", "site": "S01", "status": "Complete"},
            ],
        )
    )
    assert failed(result) == []
    unknown = log(
        result,
        "DISTRIBUTION_MANAGER",
        "This PkgID (S00Z0001) does not exist in the parent table, SMSPackages.",
    )
    assert len(unknown) == (1 if top == "2.0" else 0)


@pytest.mark.parametrize("top", ["2.0", "2.0 SP1"])
def test_a_1_1_child_marks_nothing_and_is_understood(top: str) -> None:
    expect = [{"that": "package_status", "package": "APP", "of_site": "S01", "status": "Success"}]
    assert (
        failed(
            play(
                chain(shared("SHARE", "APP", "S01"), versions=(top, "1.1"), hours=4, expect=expect)
            )
        )
        == []
    )


def test_sp1_resolves_ids_whose_fourth_character_is_not_zero_and_keeps_what_may_mean_two() -> None:
    packages: list[dict[str, Any]] = [
        {"name": "FAR", "id": "S0070006", "files": {"x": "1"}},
        {"name": "ONE", "id": "S0000008", "files": {"x": "1"}},
        {"name": "TWO", "id": "S0030008", "files": {"x": "1"}},
    ]
    result = play(
        chain(
            *(shared(f"J-{p['name']}", p["name"], "S01") for p in packages),
            versions=("2.0 SP1", "1.2"),
            packages=packages,
            hours=4,
            expect=[
                {"that": "package_status", "package": "FAR", "of_site": "S01", "status": "Success"},
                {
                    "that": "package_status",
                    "package": "ONE",
                    "of_site": "S01",
                    "status": "Not installed",
                },
                {
                    "that": "package_status",
                    "package": "TWO",
                    "of_site": "S01",
                    "status": "Not installed",
                },
                {
                    "that": "box",
                    "server": "SRV0",
                    "share": "SMS_SHRD",
                    "path": "INBOXES/DISTMGR.BOX/BAD",
                    "extension": ".STA",
                    "count": 2,
                },
            ],
        )
    )
    assert failed(result) == []
    assert (
        len(
            log(
                result,
                "DISTRIBUTION_MANAGER",
                "may be any of S0000008, S0030008: the status Success is kept",
            )
        )
        == 2
    )


def test_a_job_made_at_a_child_for_a_parents_package_is_reported_to_the_parent() -> None:
    result = play(
        chain(
            shared("SEND", "APP", "S01", distribute=False),
            {
                "do": "job",
                "at": "2h",
                "name": "LOCAL",
                "package": "APP",
                "type": "share",
                "site": "S01",
            },
            versions=("2.0 SP1", "1.2"),
            hours=5,
            expect=[
                {"that": "package_status", "package": "APP", "of_site": "S01", "status": "Success"},
                {"that": "job", "job": "LOCAL", "site": "S01", "status": "Complete"},
                {"that": "files", "package": "APP", "server": "D1", "files": {"setup.exe": "x"}},
            ],
        )
    )
    assert failed(result) == []


def test_a_cancelled_job_is_taken_back_at_every_site() -> None:
    result = play(
        chain(
            {**RUN, "mandatory_after": ""},
            {"do": "cancel", "at": "3h", "job": "RUN"},
            hours=8,
            expect=[
                {"that": "pcm", "machine": "PC2A", "pending": ["RUN"], "at": "2h 55m"},
                {"that": "job", "job": "RUN", "status": "Cancelled"},
                {
                    "that": "workstations",
                    "job": "RUN",
                    "rows": {"PC0A": "Canceled", "PC1A": "Canceled", "PC2B": "Canceled"},
                },
                {"that": "pcm", "machine": "PC2A", "pending": []},
            ],
        )
    )
    assert failed(result) == []
