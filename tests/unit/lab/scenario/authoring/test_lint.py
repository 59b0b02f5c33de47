"""What `scenario lint` says of a scenario: what is never used, and what is never checked."""

from __future__ import annotations

import pytest

from despoolr_lab.kb import gallery
from despoolr_lab.scenario.authoring.lint import UNCHECKED, UNUSED, remarks
from despoolr_lab.scenario.reading.load import parse_scenario
from worlds.mistakes import BASE, added, changed, stepped

HOLD = '[[expect]]; that = "open"; at = "2h 30m"; machine = "PC1"; path = "a.dat"; '
USED = changed('command = "SETUP.EXE"; opens = ["a.dat"]; ', 'command = "SETUP.EXE"; ')
RUN = (
    '[[step]]; do = "job"; at = "1h"; name = "RUN"; package = "OFFICE"; '
    'command = "SETUP.EXE"; [[expect]]; that = "workstations"; job = "RUN"; '
    "rows = { PC1 = true, PC2 = true }; "
)
CLEAN = added(HOLD + RUN)


def said(text: str) -> list[tuple[str, str]]:
    return [(remark.kind, remark.text) for remark in remarks(parse_scenario(text))]


def more(lines: str) -> str:
    return CLEAN + lines.replace("; ", "\n") + "\n"


def test_nothing_is_said_of_a_scenario_that_uses_and_checks_all_it_has() -> None:
    assert said(CLEAN) == []


def test_what_the_smallest_scenario_leaves_open_is_said() -> None:
    assert said(BASE) == [
        (UNUSED, "program SETUP.EXE: no job has it as its command"),
        (UNUSED, "clients PC2: no step, no job and no expectation names them"),
        (
            UNCHECKED,
            "hold of a.dat by PC1: no episode and no open is expected of it",
        ),
    ]


@pytest.mark.parametrize(
    ("lines", "kind", "text"),
    [
        (
            '[[package]]; name = "SPARE"; files = { "x" = "y" }',
            UNUSED,
            "package SPARE: no job sends it",
        ),
        (
            '[[program]]; command = "OTHER.EXE"',
            UNUSED,
            "program OTHER.EXE: no job has it as its command",
        ),
        (
            '[[step]]; do = "source"; at = "2h"; package = "OFFICE"; files = { "a.dat" = "two" }',
            UNUSED,
            'source of OFFICE: no later job sends it (send = "even if previously sent")',
        ),
        (
            '[[step]]; do = "poll"; at = "2h"; machine = "PC1"; versions = ["2.0"]',
            UNUSED,
            "poll PC1: only for 2.0, which it never runs as",
        ),
        (
            '[[expect]]; that = "job"; job = "RUN"; status = "Failed"; when = { attempts_max = 7 }',
            UNUSED,
            "job RUN: no version that it runs as has attempts_max = 7",
        ),
        (
            '[[step]]; do = "job"; at = "2h"; name = "MORE"; package = "OFFICE"; type = "share"',
            UNCHECKED,
            "job MORE: no expectation asks about it",
        ),
        (
            '[[step]]; do = "hold"; at = "2h"; machine = "PC2"; package = "OFFICE"; '
            'file = "a.dat"; program = "EXCEL.EXE"',
            UNCHECKED,
            "hold of a.dat by PC2: no episode and no open is expected of it",
        ),
        (
            '[[program]]; command = "BAD.EXE"; exit_code = 1; [[step]]; do = "job"; at = "2h"; '
            'name = "BAD"; package = "OFFICE"; command = "BAD.EXE"; [[expect]]; that = "servers"; '
            'job = "BAD"; rows = { LOGON1 = true }',
            UNCHECKED,
            "program BAD.EXE: nobody looks what comes of it",
        ),
    ],
)
def test_what_is_added_and_not_used_or_checked_is_said(lines: str, kind: str, text: str) -> None:
    assert said(more(lines)) == [(kind, text)]


def test_a_package_that_is_looked_at_checks_the_last_job_that_sends_it() -> None:
    lines = (
        '[[package]]; name = "SPARE"; files = { "x" = "y" }; '
        '[[step]]; do = "job"; at = "2h"; name = "MORE"; package = "SPARE"; type = "share"; '
        '[[expect]]; that = "files"; package = "SPARE"; files = { "x" = "y" }'
    )
    assert said(more(lines)) == []


def test_the_articles_of_the_gallery_use_what_they_have() -> None:
    for _, path in gallery.entries():
        text = path.read_text("utf-8")
        unused = [text for kind, text in said(text) if kind == UNUSED]
        spare = [text for text in unused if text.startswith(("package", "program", "source"))]
        assert not spare, f"{path.name}: {spare}"


def test_a_remark_stands_where_its_thing_stands() -> None:
    remark = list(remarks(parse_scenario(stepped('do = "poll"; at = "1h"; machine = "PC1"'))))[-1]
    assert remark.where[0] == "step"
