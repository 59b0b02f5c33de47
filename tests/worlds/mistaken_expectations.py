"""Mistakes in expectations: the text of each whole scenario, and what is said of it."""

from __future__ import annotations

from typing import Final

from worlds.mistakes import expected

EXPECTATIONS: Final = {
    "the window of a machine that is never on": (
        expected('that = "pcm"; machine = "PC2"; pending = []').replace(
            'names = ["PC1", "PC2"]', 'names = ["PC1"]\n[[clients]]\nnames = ["PC2"]\non = false'
        ),
        "PC2 is not switched on by then",
    ),
    "no episode because of a machine before it is on": (
        expected('that = "episode"; blocker = "PC2"; none = true; at = "1h"').replace(
            'names = ["PC1", "PC2"]', 'names = ["PC1"]\n[[clients]]\nnames = ["PC2"]\non = false'
        )
        + '[[step]]\ndo = "power"\nat = "2h"\nmachine = "PC2"\non = true\n',
        "PC2 is not switched on by then",
    ),
    "an episode longer than the run so far": (
        expected('that = "episode"; at = "2h"; none = true; blocked_at_least = "2h 1m"'),
        "nothing lasted 2h 1m by then",
    ),
    "a program that failed of a job without one": (
        expected('that = "events"; code = 374; job = "FIRST"; count = 0'),
        "job FIRST has no command",
    ),
    "an extension with a star": (
        expected(
            'that = "box"; server = "SITE1"; share = "SMS_SHRD"; path = "SITE.SRV/DESPOOLR.BOX"; '
            'extension = "*.SNI"; count = 0'
        ),
        "no name ends with '*.SNI'",
    ),
    "a file that begins with a separator": (
        expected('that = "files"; package = "OFFICE"; files = { "/a.dat" = "one" }'),
        "begins or ends with a separator",
    ),
    "a box on an unknown share": (
        expected('that = "box"; server = "SITE1"; share = "SMS_SHRX"; path = ""; count = 0'),
        "SITE1 has no share 'SMS_SHRX'",
    ),
    "a share of another server": (
        expected('that = "box"; server = "LOGON1"; share = "SMS_SHRD"; path = ""; count = 0'),
        "LOGON1 has no share 'SMS_SHRD'",
    ),
    "files of the site server": (
        expected('that = "files"; package = "OFFICE"; server = "SITE1"; files = { "a" = false }'),
        "SITE1 is not a distribution server",
    ),
    "a span in words": (
        expected('that = "reached"; job = "FIRST"; status = "Complete"; after = "2 hours"'),
        "2 hours",
    ),
    "never, but after": (
        expected('that = "reached"; job = "FIRST"; status = "Failed"; never = true; after = "1h"'),
        "never",
    ),
    "a misspelt component": (
        expected('that = "log"; component = "SMS_DESPOLER"; text = "x"; count = 0'),
        "did you mean 'SMS_DESPOOLER'",
    ),
    "an empty text": (
        expected('that = "log"; component = "SMS_DESPOOLER"; text = ""'),
        "text is empty",
    ),
    "an unknown package in a text": (
        expected('that = "log"; component = "SMS_DESPOOLER"; text = "{package:OFICE}"; count = 0'),
        "no package 'OFICE'",
    ),
    "an unknown job in a text": (
        expected('that = "log"; component = "SMS_DESPOOLER"; text = "{job:SECOND}"; count = 0'),
        "no job 'SECOND'",
    ),
    "a placeholder there is not": (
        expected('that = "log"; component = "SMS_DESPOOLER"; text = "{machine:PC1}"; count = 0'),
        "stands for nothing",
    ),
    "an unknown package in the text of an event": (
        expected('that = "events"; code = 109; text = "{package:OFICE}"; count = 0'),
        "no package 'OFICE'",
    ),
    "a misspelt status of MIFs": (
        expected('that = "mifs"; job = "FIRST"; status = "Failled"; count = 0'),
        "did you mean 'Failed'",
    ),
    "an unknown event": (
        expected('that = "events"; code = 9999; count = 0'),
        "no event has the code 9999",
    ),
    "no files": (
        expected('that = "files"; package = "OFFICE"; files = {}'),
        "nothing would be checked",
    ),
    "no rows of workstations": (
        expected('that = "workstations"; job = "FIRST"; rows = {}'),
        "nothing would be checked",
    ),
    "no rows of servers": (
        expected('that = "servers"; job = "FIRST"; rows = {}'),
        "nothing would be checked",
    ),
    "nothing of a PCM": (
        expected('that = "pcm"; machine = "PC1"'),
        "nothing would be checked",
    ),
    "nothing of a master": (
        expected('that = "master"; package = "OFFICE"'),
        "none = true",
    ),
    "a master that is there and not": (
        expected('that = "master"; package = "OFFICE"; none = true; files = { "a.dat" = "" }'),
        "none = true",
    ),
    "an impossible path": (
        expected('that = "files"; package = "OFFICE"; files = { "a?.dat" = false }'),
        "no file can be called",
    ),
    "at least none": (
        expected('that = "events"; code = 109; at_least = 0'),
        "always true",
    ),
    "a count and a contradiction": (
        expected('that = "events"; code = 109; count = 0; at_least = 1'),
        "either count or at_least",
    ),
    "fewer than none": (
        expected('that = "expiries"; job = "FIRST"; count = -1'),
        "fewer than none",
    ),
    "two numbers of attempts": (
        expected('that = "episode"; attempts = 2; attempts_at_least = 3'),
        "either attempts",
    ),
    "a span of an episode in words": (
        expected('that = "episode"; blocked_at_least = "long"'),
        "long",
    ),
    "no files of a kind that there never is": (
        expected(
            'that = "box"; server = "SITE1"; share = "SMS_SHRD"; '
            'path = "SITE.SRV/DESPOOLR.BOX"; extension = ".SNX"; count = 0'
        ),
        "no file's name ever ends with '.SNX'",
    ),
    "a box whose path no directory can have": (
        expected('that = "box"; server = "SITE1"; share = "SMS_SHRD"; path = "a?b"; count = 0'),
        "no file can be called 'a?b'",
    ),
    "a file gone that never was": (
        expected('that = "files"; package = "OFFICE"; files = {"b.dat"=false}'),
        "OFFICE never has a file 'b.dat'",
    ),
    "no status at all": (
        expected('that = "job"; job = "FIRST"; status = []'),
        "status is empty, so no job could have it",
    ),
    "all of the statuses": (
        expected(
            'that = "job"; job = "FIRST"; '
            'status = ["Pending","Active","Retrying","Complete","Failed","Cancelling","Cancelled"]'
        ),
        "these are all the statuses, so every job has one",
    ),
    "a status that is a number": (
        expected('that = "job"; job = "FIRST"; status = 3'),
        "`status` is a whole number, and has to be text in quotes or a list",
    ),
    "before what it is after": (
        expected(
            'that = "reached"; job = "FIRST"; status = "Complete"; after = "2h"; before = "1h"'
        ),
        "nothing is before 1h and after 2h",
    ),
    "reached after the end of the run": (
        expected('that = "reached"; job = "FIRST"; status = "Complete"; after = "9h"'),
        "nothing happens after 9h",
    ),
    "reached before the start": (
        expected(
            'that = "reached"; job = "FIRST"; status = "Complete"; before = "1995-01-01 00:00"'
        ),
        "nothing happens before 1995-01-01 00",
    ),
    "asked after the end": (
        expected('that = "job"; job = "FIRST"; status = "Complete"; at = "4h"'),
        "4h is after the end of the run",
    ),
    "asked before the start": (
        expected('that = "job"; job = "FIRST"; status = "Complete"; at = "1990-01-01 00:00"'),
        "1990-01-01 00",
    ),
    "a moment in words": (
        expected('that = "job"; job = "FIRST"; status = "Complete"; at = "noon"'),
        "'noon' is not a span of time such as 90m",
    ),
    "expected of an unknown version": (
        expected('that = "job"; job = "FIRST"; status = "Complete"; versions = ["9"]'),
        "no SMS version '9'",
    ),
    "expected of an unknown behaviour": (
        expected('that = "job"; job = "FIRST"; status = "Complete"; when = {nosuch=1}'),
        "no behaviour 'nosuch'",
    ),
    "expected of a value there is not": (
        expected('that = "job"; job = "FIRST"; status = "Complete"; when = {attempts_max="many"}'),
        "attempts_max is a number",
    ),
    "asked at an unknown site": (
        expected('that = "job"; job = "FIRST"; status = "Complete"; site = "XYZ"'),
        "there is no site 'XYZ'",
    ),
    "an unknown job": (
        expected('that = "job"; job = "FRIST"; status = "Complete"'),
        "there is no job 'FRIST'",
    ),
    "an attribute of an unknown machine": (
        expected('that = "attribute"; machine = "PC9"; group = "a"; attribute = "b"; value = "c"'),
        "there is no machine 'PC9'",
    ),
    "an unknown job in a PCM window": (
        expected('that = "pcm"; machine = "PC1"; pending = ["NO"]'),
        "there is no job 'NO'",
    ),
    "a job without a command in a PCM window": (
        expected('that = "pcm"; machine = "PC1"; pending = ["FIRST"]'),
        "job FIRST has no command",
    ),
    "MIFs of an unknown machine": (
        expected('that = "mifs"; job = "FIRST"; machine = "PC9"; count = 0'),
        "there is no machine 'PC9'",
    ),
    "MIFs with a status that no MIF has": (
        expected('that = "mifs"; job = "FIRST"; status = "None"; count = 0'),
        "there is no status of a MIF about a workstation 'None'",
    ),
    "MIFs about a job without a command": (
        expected('that = "mifs"; job = "FIRST"; count = 0'),
        "job FIRST has no command",
    ),
    "expiries of a job without a command": (
        expected('that = "expiries"; job = "FIRST"; count = 0'),
        "job FIRST has no command",
    ),
    "workstations of a job without a command": (
        expected('that = "workstations"; job = "FIRST"; rows = {PC9="None"}'),
        "job FIRST has no command",
    ),
    "events of an unknown job": (
        expected('that = "events"; code = 109; job = "NOPE"; count = 0'),
        "there is no job 'NOPE'",
    ),
    "a component that writes no log": (
        expected('that = "log"; component = "PCM"; text = "x"; count = 0'),
        "there is no component that writes a log 'PCM'",
    ),
    "half a line": (
        expected('that = "log"; component = "SMS_DESPOOLER"; text = "x"; count = 0.5'),
        "`count` is a number, and has to be a whole number",
    ),
    "no episode on a file that there is not": (
        expected('that = "episode"; path = "nosuch.dat"; none = true'),
        "nothing is ever called 'nosuch.dat'",
    ),
    "no episode with an unknown machine": (
        expected('that = "episode"; blocker = "PC9"; none = true'),
        "there is no machine or server 'PC9'",
    ),
    "no episode of a misspelt program": (
        expected('that = "episode"; program = "WINWRD.EXE"; none = true'),
        "nobody runs 'WINWRD.EXE'",
    ),
    "an episode without an attempt": (
        expected('that = "episode"; attempts = 0'),
        "an episode has at least one attempt",
    ),
    "an episode longer than it is": (
        expected(
            'that = "episode"; path = "a.dat"; blocked_at_least = "3h"; blocked_at_most = "1h"'
        ),
        "nothing is blocked at least 3h and at most 1h",
    ),
    "a package at an unknown site": (
        expected(
            'that = "package_status"; package = "OFFICE"; of_site = "XXX"; status = "Success"'
        ),
        "there is no site 'XXX'",
    ),
    "a package on a client": (
        expected(
            'that = "package_status"; package = "OFFICE"; of_site = "BPC"; server = "PC1"; '
            'status = "Complete"'
        ),
        "there is no server 'PC1'",
    ),
    "the status of an unknown package": (
        expected('that = "package_status"; package = "OFICE"; of_site = "BPC"; status = "Success"'),
        "there is no package 'OFICE'",
    ),
    "an unknown expectation": (
        expected('that = "jobs"; job = "FIRST"; status = "Complete"'),
        "there is no expectation 'jobs'",
    ),
    "an unknown key of an expectation": (
        expected('that = "job"; job = "FIRST"; state = "Complete"'),
        "unknown key 'state'",
    ),
    "an expectation of nothing": (
        expected('job = "FIRST"; status = "Complete"'),
        "there is no `that` in [[expect]]",
    ),
    "files of an unknown server": (
        expected('that = "files"; package = "OFFICE"; server = "LOGON2"; files = {"a.dat"=true}'),
        "there is no server 'LOGON2'",
    ),
    "a file outside of its package": (
        expected('that = "files"; package = "OFFICE"; files = {"../x"=false}'),
        "no file can be called '../x'",
    ),
    "one file under two names": (
        expected('that = "files"; package = "OFFICE"; files = {"a.dat"=true, "A.DAT"=true}'),
        "'a.dat' and 'A.DAT' are one file on a share",
    ),
    "asked before the job is made": (
        expected(
            'that = "job"; job = "LATER"; status = "Complete"; at = "1h"; [[step]]; '
            'do = "job"; at = "2h"; name = "LATER"; package = "OFFICE"'
        ),
        "job LATER is made at 2h",
    ),
    "a row that is one of none": (
        expected('that = "servers"; job = "FIRST"; rows = { LOGON1 = { one_of = [] } }'),
        "say either one_of",
    ),
    "a row that is one of these and not those": (
        expected(
            'that = "servers"; job = "FIRST"; '
            'rows = { LOGON1 = { one_of = ["Active"], not = "Failed" } }'
        ),
        "say either one_of",
    ),
    "a row that is not a misspelt status": (
        expected('that = "servers"; job = "FIRST"; rows = { LOGON1 = { not = "Faild" } }'),
        "did you mean 'Failed'",
    ),
    "a row that is one of all statuses": (
        expected(
            'that = "servers"; job = "FIRST"; rows = { LOGON1 = { one_of = ["None", "Active", '
            '"Complete", "Retrying", "Failed", "Canceled"] } }'
        ),
        "leave some out",
    ),
    "no row of an unknown server": (
        expected('that = "servers"; job = "FIRST"; rows = { LOGON9 = false }'),
        "so it never has a row; did you mean 'LOGON1'",
    ),
    "no completion of an unknown site": (
        expected('that = "completions"; job = "FIRST"; rows = { BCP = false }'),
        "so it never has a row; did you mean 'BPC'",
    ),
    "no arrival anywhere": (
        expected('that = "arrivals"; job = "FIRST"; rows = {}'),
        "rows is empty",
    ),
    "an instance of a job that is made once": (
        expected('that = "job"; job = "FIRST#2"; status = "Complete"'),
        "job FIRST is made once",
    ),
    "an instance of a job there is not": (
        expected('that = "job"; job = "SECOND#2"; status = "Complete"'),
        "no job 'SECOND'",
    ),
    "an instance that comes after the end": (
        expected(
            'that = "job"; job = "DAILY#3"; status = "Complete"; [[step]]; do = "job"; '
            'at = "0m"; name = "DAILY"; package = "OFFICE"; type = "share"; repeat_every = "1d"'
        ),
        "DAILY#3 is made when the one before it goes out",
    ),
    "an instance in a text of a job that is made once": (
        expected('that = "log"; component = "SMS_SCHEDULER"; text = "{job:FIRST#2}"; count = 0'),
        "job FIRST is made once",
    ),
    "an instance of a package": (
        expected('that = "log"; component = "SMS_SCHEDULER"; text = "{package:OFFICE#2}"'),
        "no package 'OFFICE#2'",
    ),
    "runs of a job without a command": (
        expected('that = "runs"; job = "FIRST"; count = 0'),
        "job FIRST has no command",
    ),
    "runs from an unknown server": (
        expected('that = "runs"; job = "FIRST"; server = "LOGON9"; count = 0'),
        "no distribution server 'LOGON9'",
    ),
    "runs on an unknown machine": (
        expected('that = "runs"; job = "FIRST"; machine = "PC9"; count = 0'),
        "no machine 'PC9'",
    ),
    "runs, exactly and at least": (
        expected('that = "runs"; job = "FIRST"; count = 1; at_least = 1'),
        "say either count or at_least",
    ),
    "an order of nothing": (
        expected('that = "run_order"; machine = "PC1"; jobs = []'),
        "jobs is empty",
    ),
    "an order of unknown jobs": (
        expected('that = "run_order"; machine = "PC1"; jobs = ["SECOND"]'),
        "no job 'SECOND'",
    ),
    "an order of jobs without commands": (
        expected('that = "run_order"; machine = "PC1"; jobs = ["FIRST"]'),
        "job FIRST has no command",
    ),
    "anything open": (
        expected('that = "open"; count = 0'),
        "whose open, or of what",
    ),
    "a file open that there is not": (
        expected('that = "open"; path = "zzz.dat"; count = 0'),
        "nothing is ever called 'zzz.dat'",
    ),
    "a program open that nobody runs": (
        expected('that = "open"; program = "EXCEL.EXE"; count = 0'),
        "nobody runs 'EXCEL.EXE'",
    ),
    "an open of an unknown machine": (
        expected('that = "open"; machine = "PC9"; count = 0'),
        "no machine or server 'PC9'",
    ),
    "a job in a text that has no end": (
        expected('that = "log"; component = "SMS_DESPOOLER"; text = "{job:FIRST"; count = 0'),
        "{job: has no end",
    ),
    "reached before it is after": (
        expected(
            'that = "reached"; job = "FIRST"; status = "Complete"; after = "2h"; before = "1h"'
        ),
        "nothing is before 1h and after 2h",
    ),
    "a server that never has a row": (
        expected('that = "servers"; job = "FIRST"; rows = {LOGON9 = false}'),
        "so it never has a row",
    ),
    "the second of one job": (
        expected('that = "job"; job = "FIRST#2"; status = "Pending"'),
        "job FIRST is made once",
    ),
    "an episode that is longer than it is": (
        expected(
            'that = "episode"; path = "a.dat"; blocked_at_least = "2h"; blocked_at_most = "1h"; '
            "none = true"
        ),
        "nothing is blocked at least 2h and at most 1h",
    ),
    "a log of no line": (
        expected('that = "log"; component = "SMS_DESPOOLER"; text = "a\\nb"; count = 0'),
        "text has the character U+000A",
    ),
}
