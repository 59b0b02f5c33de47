"""One deliberate mistake each, in a scenario that holds: every one must be refused with its line,
end the run with its line, or fail; none passes, and none ends as a bug of ours.
"""

from __future__ import annotations

from typing import Final

BASE: Final = """\
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


def expected(lines: str) -> str:
    """The scenario with one more expectation; `; ` parts its lines, here as below."""
    return added(f"[[expect]]; {lines}")


def stepped(lines: str) -> str:
    """The scenario with one more step."""
    return added(f"[[step]]; {lines}")


def added(lines: str) -> str:
    """The scenario with more lines."""
    return BASE + lines.replace("; ", "\n") + "\n"


def changed(right: str, wrong: str) -> str:
    """The scenario with one part of it changed."""
    right, wrong = right.replace("; ", "\n"), wrong.replace("; ", "\n")
    assert BASE.count(right) == 1
    return BASE.replace(right, wrong)


FAILING: Final = {
    "a hold that is refused": stepped(
        'do = "hold"; at = "2h"; machine = "PC2"; package = "OFFICE"; file = "a.dat"; '
        'access = "WRITE"'
    ),
    "a hold of a missing file": stepped(
        'do = "hold"; at = "2h"; machine = "PC2"; package = "OFFICE"; file = "b.dat"'
    ),
    "a put that is refused": stepped(
        'do = "put"; at = "2h"; server = "LOGON1"; share = "SMS_PKGD"; path = "x/y/z"'
    ),
    "a delete of what is not there": stepped(
        'do = "delete"; at = "2h"; server = "LOGON1"; share = "SMS_PKGD"; '
        'path = "{package:OFFICE}/b"'
    ),
    "a delete of what is held": stepped(
        'do = "delete"; at = "2h 1m"; server = "LOGON1"; share = "SMS_PKGD"; '
        'path = "{package:OFFICE}/a.dat"'
    ),
    "a box that is misspelt": expected(
        'that = "box"; server = "SITE1"; share = "SMS_SHRD"; '
        'path = "SITE.SRV/DESPOLR.BOX"; count = 0'
    ),
    "another text": expected('that = "files"; package = "OFFICE"; files = {"a.dat"="two"}'),
    "a row of an unknown server": expected(
        'that = "servers"; job = "FIRST"; rows = {LOGON9="Complete"}'
    ),
    "a workstation among the servers": expected(
        'that = "servers"; job = "FIRST"; rows = {PC1="Complete"}'
    ),
    "an attribute that nobody reports": expected(
        'that = "attribute"; machine = "PC1"; group = "a"; attribute = "b"; value = "c"'
    ),
    "a line that nobody writes": expected(
        'that = "log"; component = "SMS_DESPOOLER"; text = "nothing like it"'
    ),
    "an episode where there is none": expected('that = "episode"'),
    "a server's status at a site": expected(
        'that = "package_status"; package = "OFFICE"; of_site = "BPC"; status = "Retrying"'
    ),
    "no master copy where there is one": expected(
        'that = "master"; package = "OFFICE"; none = true'
    ),
    "no files where there are some": expected('that = "files"; package = "OFFICE"; only = true'),
    "a hold before the package is there": stepped(
        'do = "hold"; at = "1s"; machine = "PC2"; package = "OFFICE"; file = "a.dat"'
    ),
    "a question to a site that is down": stepped(
        'do = "kill"; at = "1h"; down_for = "1h"; [[expect]]; at = "1h 10m"; '
        'that = "job"; job = "FIRST"; status = "Complete"'
    ),
    "a site that is down at the end": stepped('do = "kill"; at = "2h 30m"; down_for = "2h"'),
    "a box that is misspelt above a package's directory": expected(
        'that = "box"; server = "SITE1"; share = "SMS_SHRD"; '
        'path = "SITE.SRV/DESPOLR.BOX/{package:OFFICE}"; count = 0'
    ),
    "a range that somebody else has locked": stepped(
        'do = "hold"; at = "1h"; machine = "PC2"; package = "OFFICE"; file = "a.dat"; '
        'share_mode = "READ|WRITE"; for = "5m"; locks = [{ length = 9 }]; [[step]]; do = "hold"; '
        'at = "1h 1m"; machine = "PC1"; package = "OFFICE"; file = "a.dat"; '
        'share_mode = "READ|WRITE"; for = "1m"; locks = [{ offset = 3 }]'
    ),
    "a range of a file that is closed then": stepped(
        'do = "hold"; at = "1h"; machine = "PC2"; package = "OFFICE"; file = "a.dat"; '
        'for = "5m"; locks = [{ after = "10m" }]'
    ),
    "a put over a directory": stepped(
        'do = "put"; at = "1h"; server = "LOGON1"; share = "SMS_SHR"; path = "DESPOOLR.BOX"'
    ),
    "a delete of a full directory": stepped(
        'do = "delete"; at = "1h"; server = "LOGON1"; share = "SMS_PKGD"; path = "{package:OFFICE}"'
    ),
}
"""Run: one finding is not as expected."""

CANNOT: Final = {
    "expectations for another version only": changed(
        'that = "job"', 'that = "job"; versions = ["2.0"]'
    ),
    "the history of a client that has met nothing deleted": stepped(
        'do = "delete_history"; at = "1h"; machine = "PC2"'
    ),
    "a handle of a file that is not there yet": stepped(
        'do = "handle_leaks"; at = "1s"; package = "OFFICE"; file = "a.dat"'
    ),
    "a release of nothing": stepped('do = "release"; at = "1h"; machine = "PC2"'),
    "a job cancelled that is complete": stepped('do = "cancel"; at = "2h 30m"; job = "FIRST"'),
    "a hold of a machine without power": stepped(
        'do = "power"; at = "30m"; machine = "PC2"; on = false; [[step]]; do = "hold"; '
        'at = "1h"; machine = "PC2"; package = "OFFICE"; file = "a.dat"'
    ),
    "a release of another file": stepped(
        'do = "release"; at = "2h 10m"; machine = "PC1"; file = "b.dat"'
    ),
    "a release of a server that holds nothing": stepped(
        'do = "release"; at = "2h 10m"; machine = "SITE1"'
    ),
    "a poll of a machine without power": stepped(
        'do = "power"; at = "30m"; machine = "PC2"; on = false; [[step]]; do = "poll"; '
        'at = "1h"; machine = "PC2"'
    ),
    "a machine switched on that is on": stepped(
        'do = "power"; at = "1h"; machine = "PC1"; on = true'
    ),
    "a file put on a server that is cut off": stepped(
        'do = "link"; at = "30m"; server = "LOGON1"; up = false; [[step]]; do = "put"; '
        'at = "1h"; server = "LOGON1"; share = "SMS_SHR"; path = "a"'
    ),
    "a service resumed that goes": stepped(
        'do = "service"; at = "1h"; action = "resume"; service = "SMS_DESPOOLER"'
    ),
    "a site killed that is down": stepped(
        'do = "kill"; at = "1h"; down_for = "1h"; [[step]]; do = "kill"; at = "1h 10m"'
    ),
    "a job for a site that is down": stepped(
        'do = "kill"; at = "1h"; down_for = "1h"; [[step]]; do = "job"; at = "1h 10m"; '
        'name = "J"; package = "OFFICE"'
    ),
    "the disk of a directory that is not there": stepped(
        'do = "disk"; at = "1h"; server = "SITE1"; share = "SMS_SHRD"; '
        'path = "SITE.SRV/DESPOLR.BOX"; free = 1'
    ),
    "expectations for the world as written only, in another": changed(
        'that = "job"', 'that = "job"; exact_only = true'
    ).replace('for = "3h"', 'for = "3h"\nseed = 2'),
    "expectations for other settings only": changed(
        'that = "job"', 'that = "job"; when = {attempts_max=77}'
    ),
    "rights on a directory that is not there": stepped(
        'do = "acl"; at = "1h"; server = "LOGON1"; share = "SMS_PKGD"; path = "NOPE"; '
        'rights = "NONE"'
    ),
    "a command of another's": stepped(
        'do = "job"; at = "1h"; name = "RUN"; package = "OFFICE"; command = "SETUP.EXE"; '
        'machines = ["PC1"]; [[step]]; do = "execute"; at = "2h 30m"; machine = "PC2"; job = "RUN"'
    ),
    "a service paused that is paused": stepped(
        'do = "service"; at = "1h"; action = "pause"; service = "SMS_DESPOOLER"; [[step]]; '
        'do = "service"; at = "1h 1m"; action = "pause"; service = "SMS_DESPOOLER"'
    ),
}
"""Run: ended by a step that cannot be done, or because nothing would be asked."""
