"""One deliberate mistake each: every scenario here is refused with the line of its mistake, or
fails; none passes and none ends as a bug of ours.
"""

from __future__ import annotations

import pytest

from despoolr_lab.scenario.load import ScenarioError, parse_scenario
from despoolr_lab.scenario.run import RunOptions, run_scenario
from despoolr_lab.scenario.steps import StepError

BASE = """\
name = "base"
title = "One update"
[run]
for = "3h"
[[server]]
name = "LOGON1"
[[clients]]
names = ["PC1", "PC2"]
[[package]]
name = "OFFICE"
files = { "a.dat" = "one" }
[[program]]
command = "SETUP.EXE"
opens = ["a.dat"]
[[step]]
do = "job"
at = "0m"
name = "FIRST"
package = "OFFICE"
[[step]]
do = "hold"
at = "2h"
machine = "PC1"
package = "OFFICE"
file = "a.dat"
[[expect]]
that = "job"
job = "FIRST"
status = ["Active", "Complete"]
"""


def expected(text: str) -> str:
    return BASE + "[[expect]]\n" + text


def stepped(text: str) -> str:
    return BASE + "[[step]]\n" + text


REFUSED = {
    "a box on an unknown share": (
        expected('that = "box"\nserver = "SITE1"\nshare = "SMS_SHRX"\npath = ""\ncount = 0\n'),
        "SITE1 has no share 'SMS_SHRX'",
    ),
    "a share of another server": (
        expected('that = "box"\nserver = "LOGON1"\nshare = "SMS_SHRD"\npath = ""\ncount = 0\n'),
        "LOGON1 has no share 'SMS_SHRD'",
    ),
    "files of the site server": (
        expected('that = "files"\npackage = "OFFICE"\nserver = "SITE1"\nfiles = { "a" = false }\n'),
        "SITE1 is not a distribution server",
    ),
    "a span in words": (
        expected('that = "reached"\njob = "FIRST"\nstatus = "Complete"\nafter = "2 hours"\n'),
        "2 hours",
    ),
    "never, but after": (
        expected(
            'that = "reached"\njob = "FIRST"\nstatus = "Failed"\nnever = true\nafter = "1h"\n'
        ),
        "never",
    ),
    "deleting a missing file": (
        stepped('do = "source"\nat = "1h"\npackage = "OFFICE"\ndelete = ["b.dat"]\n'),
        "no file 'b.dat'",
    ),
    "deleting a file twice": (
        stepped('do = "source"\nat = "1h"\npackage = "OFFICE"\ndelete = ["A.DAT", "a.dat"]\n'),
        "no file 'a.dat'",
    ),
    "a source that does not change": (
        stepped('do = "source"\nat = "1h"\npackage = "OFFICE"\n'),
        "nothing would change",
    ),
    "a misspelt component": (
        expected('that = "log"\ncomponent = "SMS_DESPOLER"\ntext = "x"\ncount = 0\n'),
        "did you mean 'SMS_DESPOOLER'",
    ),
    "an empty text": (
        expected('that = "log"\ncomponent = "SMS_DESPOOLER"\ntext = ""\n'),
        "empty text",
    ),
    "an unknown package in a text": (
        expected(
            'that = "log"\ncomponent = "SMS_DESPOOLER"\ntext = "{package:OFICE}"\ncount = 0\n'
        ),
        "no package 'OFICE'",
    ),
    "an unknown job in a text": (
        expected('that = "log"\ncomponent = "SMS_DESPOOLER"\ntext = "{job:SECOND}"\ncount = 0\n'),
        "no job 'SECOND'",
    ),
    "a placeholder there is not": (
        expected('that = "log"\ncomponent = "SMS_DESPOOLER"\ntext = "{machine:PC1}"\ncount = 0\n'),
        "stands for nothing",
    ),
    "a placeholder in the path of a hold": (
        stepped(
            'do = "hold"\nat = "1h"\nmachine = "PC1"\nserver = "LOGON1"\nshare = "SMS_PKGD"\n'
            'path = "{package:OFICE}/a.dat"\n'
        ),
        "no package 'OFICE'",
    ),
    "a job in the path of a step, where only packages stand for IDs": (
        stepped(
            'do = "put"\nat = "1h"\nserver = "LOGON1"\nshare = "SMS_PKGD"\n'
            'path = "{job:FIRST}/a.dat"\n'
        ),
        "stands for nothing here",
    ),
    "an unknown package in the text of an event": (
        expected('that = "events"\ncode = 109\ntext = "{package:OFICE}"\ncount = 0\n'),
        "no package 'OFICE'",
    ),
    "a hold on an unknown share": (
        stepped(
            'do = "hold"\nat = "1h"\nmachine = "PC1"\nserver = "LOGON1"\nshare = "SMS_PKG"\n'
            'path = "a"\n'
        ),
        "LOGON1 has no share 'SMS_PKG'",
    ),
    "a misspelt status of MIFs": (
        expected('that = "mifs"\njob = "FIRST"\nstatus = "Failled"\ncount = 0\n'),
        "did you mean 'Failed'",
    ),
    "an unknown event": (
        expected('that = "events"\ncode = 9999\ncount = 0\n'),
        "no event has the code 9999",
    ),
    "no files": (
        expected('that = "files"\npackage = "OFFICE"\nfiles = {}\n'),
        "nothing would be checked",
    ),
    "no rows of workstations": (
        expected('that = "workstations"\njob = "FIRST"\nrows = {}\n'),
        "nothing would be checked",
    ),
    "no rows of servers": (
        expected('that = "servers"\njob = "FIRST"\nrows = {}\n'),
        "nothing would be checked",
    ),
    "nothing of a PCM": (
        expected('that = "pcm"\nmachine = "PC1"\n'),
        "nothing would be checked",
    ),
    "nothing of a master": (
        expected('that = "master"\npackage = "OFFICE"\n'),
        "none = true",
    ),
    "a master that is there and not": (
        expected('that = "master"\npackage = "OFFICE"\nnone = true\nfiles = { "a.dat" = "" }\n'),
        "none = true",
    ),
    "an impossible path": (
        expected('that = "files"\npackage = "OFFICE"\nfiles = { "a?.dat" = false }\n'),
        "no file can be called",
    ),
    "at least none": (
        expected('that = "events"\ncode = 109\nat_least = 0\n'),
        "always true",
    ),
    "a count and a contradiction": (
        expected('that = "events"\ncode = 109\ncount = 0\nat_least = 1\n'),
        "either count or at_least",
    ),
    "fewer than none": (
        expected('that = "expiries"\njob = "FIRST"\ncount = -1\n'),
        "fewer than none",
    ),
    "two numbers of attempts": (
        expected('that = "episode"\nattempts = 2\nattempts_at_least = 3\n'),
        "either attempts",
    ),
    "a span of an episode in words": (
        expected('that = "episode"\nblocked_at_least = "long"\n'),
        "long",
    ),
    "a disk on an unknown share": (
        stepped('do = "disk"\nat = "1h"\nserver = "LOGON1"\nshare = "SMS_PKGX"\nfree = 1\n'),
        "LOGON1 has no share 'SMS_PKGX'",
    ),
    "a put into an unknown share": (
        stepped('do = "put"\nat = "1h"\nserver = "SITE1"\nshare = "SMS_SHR"\npath = "a"\n'),
        "SITE1 has no share 'SMS_SHR'",
    ),
    "an unknown file in opens": (
        BASE.replace('opens = ["a.dat"]', 'opens = ["b.dat"]'),
        "no package has a file 'b.dat'",
    ),
    "a client called like a server": (
        BASE.replace('"PC2"]', '"logon1"]'),
        "both called 'logon1'",
    ),
    "a client called like the site server": (
        BASE.replace('"PC2"]', '"SITE1"]'),
        "both called 'SITE1'",
    ),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_mistake_is_refused_with_its_line(mistake: str) -> None:
    text, reason = REFUSED[mistake]
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text)
    assert reason in str(caught.value)
    assert caught.value.line > 1


FAILING = {
    "a hold that is refused": stepped(
        'do = "hold"\nat = "2h"\nmachine = "PC2"\npackage = "OFFICE"\nfile = "a.dat"\n'
        'access = "WRITE"\n'
    ),
    "a hold of a missing file": stepped(
        'do = "hold"\nat = "2h"\nmachine = "PC2"\npackage = "OFFICE"\nfile = "b.dat"\n'
    ),
    "a put that is refused": stepped(
        'do = "put"\nat = "2h"\nserver = "LOGON1"\nshare = "SMS_PKGD"\npath = "x/y/z"\n'
    ),
    "a box that is misspelt": expected(
        'that = "box"\nserver = "SITE1"\nshare = "SMS_SHRD"\npath = "SITE.SRV/DESPOLR.BOX"\n'
        "count = 0\n"
    ),
}


def test_the_scenario_that_the_mistakes_are_made_in_holds() -> None:
    assert run_scenario(parse_scenario(BASE), RunOptions()).passed


@pytest.mark.parametrize("mistake", FAILING)
def test_what_did_not_happen_fails_the_run(mistake: str) -> None:
    result = run_scenario(parse_scenario(FAILING[mistake]), RunOptions())
    assert [finding.ok for finding in result.findings].count(False) == 1, result.findings


@pytest.mark.parametrize("mistake", list(FAILING)[:3])
def test_what_is_said_to_be_allowed_to_fail_may(mistake: str) -> None:
    allowed = parse_scenario(FAILING[mistake] + "may_fail = true\n")
    assert run_scenario(allowed, RunOptions()).passed


def test_a_package_in_the_path_of_a_put_is_its_directory_and_braces_in_its_text_stay() -> None:
    text = stepped(
        'do = "put"\nat = "1h"\nserver = "LOGON1"\nshare = "SMS_PKGD"\n'
        'path = "{package:OFFICE}/note.txt"\ntext = "{not:ours}"\n'
    )
    text += '[[expect]]\nthat = "files"\npackage = "OFFICE"\n'
    result = run_scenario(
        parse_scenario(text + 'files = { "note.txt" = "{not:ours}" }\n'), RunOptions()
    )
    assert result.passed, result.findings


CANNOT = {
    "expectations for another version only": BASE.replace(
        'that = "job"', 'that = "job"\nversions = ["2.0"]'
    ),
    "a release of nothing": stepped('do = "release"\nat = "1h"\nmachine = "PC2"\n'),
}


@pytest.mark.parametrize("mistake", CANNOT)
def test_what_cannot_be_asked_or_done_ends_the_run(mistake: str) -> None:
    with pytest.raises(StepError):
        run_scenario(parse_scenario(CANNOT[mistake]), RunOptions())
