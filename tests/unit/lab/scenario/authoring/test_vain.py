"""What `scenario lint` says of what a scenario says in vain."""

from __future__ import annotations

import pytest

from despoolr_lab.kb import gallery
from despoolr_lab.scenario.authoring.lint import VAIN, remarks
from despoolr_lab.scenario.reading.load import parse_scenario
from worlds.mistakes import added, changed

SOURCE = '[[step]]; do = "source"; at = "1h"; package = "OFFICE"; files = { "a.dat" = '
OFF = '[[clients]]; names = ["PC9"]; on = false; '
RUN = (
    '[[step]]; do = "job"; at = "1h"; name = "RUN"; package = "OFFICE"; command = "SETUP.EXE"; '
    'machines = ["*"]; '
)
NEVER_RAN = '[[expect]]; that = "runs"; job = "RUN"; machine = "PC9"; count = 0; '
ON_AT = '[[step]]; do = "power"; machine = "PC9"; on = true; at = '


def vain(text: str) -> list[str]:
    return [remark.text for remark in remarks(parse_scenario(text)) if remark.kind == VAIN]


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (
            '[[step]]; do = "set"; at = "1h"; response = "Fast"; profile = { attempts_max = 100 }',
            "set: the site has these settings already",
        ),
        (SOURCE + '"one" }', "source of OFFICE: the files are as they were"),
        (
            SOURCE + '"two" }; ' + SOURCE.replace("1h", "2h") + '"two" }',
            "source of OFFICE: the files are as they were",
        ),
        (
            RUN + 'mandatory_after = "9h"',
            "mandatory_after of job RUN: it does not run by itself before the end of the run",
        ),
        (
            RUN + 'offer_after = "2h 1m"',
            "offer_after of job RUN: nobody is offered it before the end of the run",
        ),
        (
            RUN + 'expires_after = "1997-01-01"',
            "expires_after of job RUN: it does not expire before the end of the run",
        ),
        (
            '[[step]]; do = "poll"; at = "1h 1h"; machine = "PC1"',
            "at = '1h 1h' names a unit twice",
        ),
        (
            '[[step]]; do = "poll"; at = "1m30min"; machine = "PC1"',
            "at = '1m30min' names a unit twice",
        ),
        (
            '[[expect]]; that = "episode"; at = "1h"; blocker = "PC1"; none = true',
            "episode: by then there could be none",
        ),
        (
            '[[expect]]; that = "open"; at = "1h"; machine = "PC1"; count = 0',
            "open: by then there could be none",
        ),
        (
            '[[package]]; name = "SPARE"; '
            '[[expect]]; that = "master"; package = "SPARE"; none = true',
            "master: by then there could be none",
        ),
        (OFF + RUN + NEVER_RAN, "runs: PC9 is off until then"),
        (
            OFF + RUN + NEVER_RAN + 'at = "90m"; ' + ON_AT + '"2h"',
            "runs: PC9 is off until then",
        ),
    ],
)
def test_what_is_said_in_vain_is_told(lines: str, text: str) -> None:
    assert vain(added(lines)) == [text]


@pytest.mark.parametrize(
    "lines",
    [
        '[[step]]; do = "set"; at = "1h"; profile = { attempts_max = 7 }; '
        '[[step]]; do = "set"; at = "2h"; profile = { attempts_max = 100 }',
        '[[step]]; do = "hotfix"; at = "1h"; article = "Q147819"; '
        '[[step]]; do = "set"; at = "2h"; response = "Fast"',
        SOURCE + '"two" }; ' + SOURCE.replace("1h", "2h") + '"one" }',
        SOURCE + '"two" }; versions = ["1.2"]; ' + SOURCE.replace("1h", "2h") + '"one" }',
        '[[step]]; do = "put"; at = "30m"; server = "SITE1"; share = "PKGSRC"; '
        'path = "OFFICE/a.dat"; text = "two"; ' + SOURCE + '"one" }',
        RUN + 'mandatory_after = "1h 59m"; expires_after = "2h"',
        '[[step]]; do = "poll"; at = "1h 1m 1s"; machine = "PC1"',
        '[[step]]; do = "put"; at = "1h"; server = "SITE1"; share = "SMS_SITE"; path = "x"; '
        'text = "1h 1h"',
        '[[expect]]; that = "episode"; at = "2h"; blocker = "PC1"; none = true',
        '[[expect]]; that = "episode"; at = "1h"; none = true',
        '[[expect]]; that = "episode"; at = "1h"; blocker = "SITE1"; none = true',
        '[[expect]]; that = "open"; at = "1h"; machine = "SITE1"; count = 0',
        RUN + '[[expect]]; that = "episode"; blocker = "PC2"; none = true',
        RUN + '[[expect]]; that = "open"; machine = "PC2"; count = 0',
        '[[expect]]; that = "events"; at = "1h"; code = 108; count = 0',
        OFF + RUN + NEVER_RAN + ON_AT + '"2h"',
    ],
)
def test_what_may_come_to_something_is_not_told(lines: str) -> None:
    assert vain(added(lines)) == []


def test_an_event_that_nobody_could_have_logged_yet_is_told() -> None:
    later = changed('at = "0m"', 'at = "30m"').replace("; ", "\n")
    expected = '\n[[expect]]\nthat = "events"\nat = "10m"\ncode = 108\ncount = 0\n'
    assert vain(later + expected) == ["events: by then there could be none"]


def test_the_articles_of_the_gallery_say_nothing_in_vain() -> None:
    assert {path.name: vain(path.read_text("utf-8")) for _, path in gallery.entries()} == {
        path.name: [] for _, path in gallery.entries()
    }
