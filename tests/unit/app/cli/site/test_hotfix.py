"""`despoolr hotfix`: what is told of what a site installed, and of what it refused."""

from __future__ import annotations

import pytest

from despoolr.console import run
from despoolr_app.site_client.errors import SiteUnreachable
from despoolr_core.articles import ARTICLES
from despoolr_core.share.site_api import HotfixInstalled, HotfixList, HotfixRow
from worlds.answer import data_of
from worlds.asked_site import NOW, URL, StagedSite, refusal

Said = pytest.CaptureFixture[str]
TITLE = ARTICLES["Q152229"].title


def test_what_is_applied_is_told_with_what_it_sets(asked: StagedSite, capsys: Said) -> None:
    fields = {"expiry_status": "", "retry_keeps_refresh": True, "attempts_max": 7}
    asked.answer("POST hotfixes/Q152229", HotfixInstalled("Q152229", TITLE, fields))
    assert run(["hotfix", "apply", "Q152229"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"Q152229 is applied at site BPC: {TITLE}",
        "the SMS Executive was stopped and started; now expiry_status = nothing, "
        "retry_keeps_refresh = true, attempts_max = 7",
    ]
    assert run(["hotfix", "apply", "Q152229", "--json"]) == 0
    assert data_of(capsys.readouterr().out) == {
        "site": "BPC",
        "article": "Q152229",
        "title": TITLE,
        "fields": fields,
    }


@pytest.mark.parametrize("error", [refusal("no article 'Q1'"), SiteUnreachable(URL, "refused")])
def test_what_cannot_be_applied_is_the_sites_own_line(
    asked: StagedSite, capsys: Said, error: Exception
) -> None:
    asked.answer("POST hotfixes/Q1%2F2", error)
    assert run(["hotfix", "apply", "Q1/2"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"despoolr: {error}"


def test_the_list_has_what_is_installed_and_what_could_be(asked: StagedSite, capsys: Said) -> None:
    could = HotfixRow("Q195936", ARTICLES["Q195936"].title, ["1.2"])
    asked.answer("GET hotfixes", HotfixList("BPC", "1.2", {"Q152229": NOW}, [could]))
    assert run(["hotfix", "list"]) == 0
    first, head, *rows = capsys.readouterr().out.splitlines()
    assert first == "site BPC, SMS 1.2" and head.split() == ["ARTICLE", "INSTALLED", "TITLE"]
    assert [" ".join(row.split()) for row in rows] == [
        f"Q152229 since 1996-06-03 08:00:00 {TITLE}",
        f"Q195936 could be applied {ARTICLES['Q195936'].title}",
    ]


def test_a_site_without_a_fault_and_without_a_hotfix_says_so(
    asked: StagedSite, capsys: Said
) -> None:
    asked.answer("GET hotfixes", HotfixList("BPC", "1.2", {}, []))
    assert run(["hotfix", "list"]) == 0
    assert capsys.readouterr().out.endswith(
        "No hotfix is installed, and none of the articles has its fault here.\n"
    )
    assert run(["hotfix", "list", "--json"]) == 0
    told = data_of(capsys.readouterr().out)
    assert (told["site"], told["installed"], told["available"]) == ("BPC", {}, [])
