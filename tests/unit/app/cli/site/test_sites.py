"""The hierarchy as a tree: every site once, below its parent."""

from __future__ import annotations

from typing import Any

from despoolr_app.cli.site.sites import tree


def row(
    code: str, parent: str = "", servers: tuple[str, ...] = (), version: str = "1.2"
) -> dict[str, Any]:
    return {
        "site": code,
        "parent": parent,
        "server": f"{code}SRV",
        "version": version,
        "servers": list(servers),
    }


def test_children_stand_below_their_parents() -> None:
    below = [row("LOW", "CHD"), row("CHD", "PAR", ("L1", "L2")), row("OTH", "PAR", version="")]
    assert tree(row("PAR"), below) == [
        "PAR  SMS 1.2, PARSRV",
        "+- CHD  SMS 1.2, CHDSRV, with L1, L2",
        "|  `- LOW  SMS 1.2, LOWSRV",
        "`- OTH  version not known, OTHSRV",
    ]


def test_a_site_whose_parent_is_not_known_hangs_from_the_top() -> None:
    assert tree(row("PAR"), [row("LOW", "GONE")])[1] == "`- LOW  SMS 1.2, LOWSRV"


def test_sites_that_say_they_are_below_each_other_are_not_lost() -> None:
    lines = tree(row("PAR"), [row("ONE", "TWO"), row("TWO", "ONE"), row("SLF", "SLF")])
    assert sorted(line.split("  SMS")[0].split()[-1] for line in lines) == [
        "ONE",
        "PAR",
        "SLF",
        "TWO",
    ]
