"""`despoolr package` and `packages`: what is told of a package, and what cannot be one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from despoolr.console import run
from despoolr_app.site_client import upload
from despoolr_app.site_client.errors import SiteUnreachable
from despoolr_app.site_client.upload import UploadError
from despoolr_core.share.site_api import (
    PackageFacts,
    PackageList,
    PackageMade,
    PackageRow,
    PackageStatusRow,
)
from worlds.answer import data_of
from worlds.asked_site import NOW, URL, StagedSite, refusal

Said = pytest.CaptureFixture[str]
SOURCE = r"\\SITE1\PKGSRC\OFFICE"
AT_LOGON1 = PackageStatusRow("BPC", "LOGON1", "Complete", 2, NOW)
AT_SITE = PackageStatusRow("BPC", "", "Stored", 0, 0.0)


class StagedShare:
    """The package source share: what was done to it, and what it refuses."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str, list[str]]] = []
        self.refuses: Exception | None = None

    def __call__(self, _server: Any) -> StagedShare:
        return self

    def make(self, name: str, source: upload.SourceTree, progress: upload.Progress) -> None:
        self._do("make", name, source)
        progress(len(source.files), len(source.files), "a.dat")

    def replace(self, name: str, source: upload.SourceTree, _progress: upload.Progress) -> int:
        self._do("replace", name, source)
        return 3

    def remove(self, name: str) -> None:
        self.done.append(("remove", name, []))

    def _do(self, what: str, name: str, source: upload.SourceTree) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.done.append((what, name, list(source.files)))


@pytest.fixture
def share(asked: StagedSite, monkeypatch: pytest.MonkeyPatch) -> StagedShare:
    """There is one package, TOOLS, and a directory `office` of one file."""
    Path("office").mkdir()
    Path("office/a.dat").write_text("one")
    there = PackageRow("BPC00009", "TOOLS", r"\\SITE1\PKGSRC\TOOLS", 0, 0)
    asked.answer("GET packages", PackageList([there]))
    staged = StagedShare()
    monkeypatch.setattr(upload, "SourceShare", staged)
    return staged


def office(source: str = SOURCE, version: int = 2) -> PackageFacts:
    status = [AT_SITE, AT_LOGON1] if version else []
    return PackageFacts("BPC00001", "OFFICE", source, version, 1234 * version, status)


def test_a_package_is_shown_with_the_servers_that_have_it(asked: StagedSite, capsys: Said) -> None:
    asked.answer("GET packages/OFFICE", office())
    assert run(["package", "OFFICE"]) == 0
    first, second, _, *rows = capsys.readouterr().out.splitlines()
    assert (first, second) == (f"BPC00001 OFFICE, source {SOURCE}", "version 2, 2,468 bytes")
    assert [" ".join(row.split()) for row in rows] == [
        "BPC - Stored - -",
        "BPC LOGON1 Complete 2 1996-06-03 08:00:00",
    ]
    assert run(["package", "OFFICE", "--json"]) == 0
    told = data_of(capsys.readouterr().out)
    assert (told["site"], told["package"], len(told["status"])) == ("BPC", "BPC00001", 2)


def test_the_list_of_packages_is_a_table_or_one_object(
    asked: StagedSite, capsys: Said, share: StagedShare
) -> None:
    assert run(["packages"]) == 0
    _, row = capsys.readouterr().out.splitlines()
    assert row.split() == ["BPC00009", "TOOLS", "-", "0", r"\\SITE1\PKGSRC\TOOLS"]
    assert run(["packages", "--json"]) == 0
    assert [row["name"] for row in data_of(capsys.readouterr().out)["packages"]] == ["TOOLS"]
    asked.answer("GET packages", PackageList([]))
    assert run(["packages"]) == 0
    assert capsys.readouterr().out.startswith("There are no packages; make one with")
    assert share.done == []


def test_a_package_that_is_made_says_of_what_and_what_comes_next(
    asked: StagedSite, capsys: Said, share: StagedShare
) -> None:
    asked.answer("POST packages", PackageMade("BPC00001"))
    assert run(["package", "create", "OFFICE", "office"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"package BPC00001 OFFICE is made of 1 file (3 bytes) in {SOURCE}",
        "distribute it with `despoolr job create FIRST --package OFFICE`",
    ]
    assert share.done == [("make", "OFFICE", ["a.dat"])]
    assert run(["package", "create", "OFFICE", "office", "--json"]) == 0
    told = data_of(capsys.readouterr().out)
    assert (told["package"], told["files"], told["source"]) == ("BPC00001", 1, SOURCE)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("CON", "office"), "'CON' cannot be a package's name: 'CON' is a DOS device name"),
        (("A/B", "office"), "'A/B' cannot be a package's name: it is the name of one directory"),
        ((" ", "office"), "' ' cannot be a package's name: ' ' ends with a dot or a blank"),
        (("OFFICE", "nowhere"), "nowhere is not there"),
        (("tools", "office"), "there is a package BPC00009 TOOLS already"),
        (("OFFICE", "office", "--id", "bpc00009"), "PackageID BPC00009 is TOOLS's already"),
    ],
)
def test_what_cannot_be_made_is_one_line_and_sends_no_file(
    capsys: Said, share: StagedShare, arguments: tuple[str, ...], says: str
) -> None:
    assert run(["package", "create", *arguments]) == 2
    said = capsys.readouterr()
    assert says in said.err.splitlines()[-1] and not said.out and share.done == []


def test_a_package_that_the_site_refuses_leaves_no_files(
    asked: StagedSite, capsys: Said, share: StagedShare
) -> None:
    asked.answer("POST packages", refusal("'nonsense' is not a PackageID"))
    assert run(["package", "create", "OFFICE", "office", "--id", "nonsense"]) == 2
    assert "'nonsense' is not a PackageID" in capsys.readouterr().err
    assert [what for what, *_ in share.done] == ["make", "remove"]


@pytest.mark.parametrize(
    "error", [SiteUnreachable(URL, "Connection refused"), UploadError("a.dat changed")]
)
@pytest.mark.parametrize("command", ["create", "update"])
def test_files_that_cannot_be_sent_make_no_package(
    asked: StagedSite, capsys: Said, share: StagedShare, command: str, error: Exception
) -> None:
    asked.answer("GET packages/OFFICE", office())
    share.refuses = error
    assert run(["package", command, "OFFICE", "office"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"despoolr: {error}"
    assert not any(what.startswith("POST") for what, _ in asked.asked)


def test_an_update_says_what_is_gone_and_how_servers_get_it(
    asked: StagedSite, capsys: Said, share: StagedShare
) -> None:
    asked.answer("GET packages/OFFICE", office())
    assert run(["package", "update", "OFFICE", "office"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == ("the source of BPC00001 OFFICE is now 1 file (3 bytes), and 3 taken away")
    assert "despoolr job create UPDATE --package BPC00001 --send-even-if-sent" in second
    assert share.done == [("replace", "OFFICE", ["a.dat"])]
    assert run(["package", "update", "OFFICE", "office", "--json"]) == 0
    told = data_of(capsys.readouterr().out)
    assert (told["package"], told["files"], told["removed"]) == ("BPC00001", 1, 3)


@pytest.mark.parametrize(
    ("directory", "source", "says"),
    [
        ("nowhere", SOURCE, "nowhere is not there"),
        ("office", r"\\SRV9\PKGSRC\OFFICE", "which is not on this site server"),
        ("office", r"\\SITE1\ELSEWHERE\OFFICE", "which is not on this site server"),
    ],
)
def test_what_cannot_be_updated_is_one_line_and_sends_no_file(
    asked: StagedSite, capsys: Said, share: StagedShare, directory: str, source: str, says: str
) -> None:
    asked.answer("GET packages/OFFICE", office(source))
    assert run(["package", "update", "OFFICE", directory]) == 2
    assert says in capsys.readouterr().err.splitlines()[-1] and share.done == []
