"""Mistakes in tables that are no steps: the text of each whole scenario, and what is said of it."""

from __future__ import annotations

from typing import Final

from worlds.mistakes import added, changed

OPENS: Final = 'command = "SETUP.EXE"; opens = ["a.dat"]'

TABLES: Final = {
    "an unknown file in opens": (
        changed('opens = ["a.dat"]', 'opens = ["b.dat"]'),
        "no package has a file 'b.dat'",
    ),
    "a start with a zone": (
        changed('for = "3h"', 'for = "3h"; start = 1996-06-03T08:00:00+02:00'),
        "has a zone, and a site's calendar has none",
    ),
    "a run that is stopped after its end": (
        changed('for = "3h"', 'for = "3h"; stop_after = "4h"'),
        "a run of 3h cannot be stopped after 4h",
    ),
    "a run that is stopped at its start": (
        changed('for = "3h"', 'for = "3h"; stop_after = "0s"'),
        "a run of 3h cannot be stopped after 0s",
    ),
    "a logon server of SMS.INI that nobody has": (
        changed(
            'names = ["PC1", "PC2"]',
            'names = ["PC1", "PC2"]; sms_ini = ["[Servers]", "Server1=LOGON7"]',
        ),
        "there is no logon server 'LOGON7'",
    ),
    "a current logon server of SMS.INI that is none": (
        changed(
            'names = ["PC1", "PC2"]',
            'names = ["PC1", "PC2"]; sms_ini = ["[Local]", "CurrentLogonServer=SITE1"]',
        ),
        "there is no logon server 'SITE1'",
    ),
    "a place for results that nobody has": (
        changed(
            'names = ["PC1", "PC2"]',
            'names = ["PC1", "PC2"]; '
            "sms_ini = ['[Package Command Manager]', 'ResultSharePoint=\\\\LOGON1\\RESULTS\\BOX']",
        ),
        "results cannot go to \\\\LOGON1\\RESULTS\\BOX: there is no such share",
    ),
    "a version twice": (
        changed('title = "One update"', 'title = "One update"; versions = ["1.1", "1.1"]'),
        "versions names '1.1' twice",
    ),
    "a role twice": (
        changed('name = "LOGON1"', 'name = "LOGON1"; roles=["logon", "logon", "distribution"]'),
        "roles names 'LOGON' twice",
    ),
    "a program that shares nothing and something": (
        changed('opens = ["a.dat"]', 'opens = ["a.dat"]; share_mode = "NONE|READ"'),
        "NONE stands alone",
    ),
    "a program that opens a file by its path on the share": (
        changed('opens = ["a.dat"]', 'opens = ["/a.dat"]'),
        "begins or ends with a separator: say 'a.dat'",
    ),
    "a package's file that begins with a separator": (
        changed('files = { "a.dat" = "one" }', 'files = { "/a.dat" = "one" }'),
        "begins or ends with a separator: say 'a.dat'",
    ),
    "a package's file without a name": (
        changed('files = { "a.dat" = "one" }', 'files = { "" = "one" }'),
        "an empty path is the share itself",
    ),
    "a client called like a server": (
        changed('names = ["PC1", "PC2"]', 'names = ["PC1", "logon1"]'),
        "both called 'logon1'",
    ),
    "a client called like the site server": (
        changed('names = ["PC1", "PC2"]', 'names = ["PC1", "SITE1"]'),
        "both called 'SITE1'",
    ),
    "clocks wrong both ways": (
        changed('names = ["PC1", "PC2"]', 'names = ["PC1", "PC2"]; clock_offset = "+-2h"'),
        "'-2h' is not a span of time such as 90m",
    ),
    "clocks that are in no year": (
        changed('names = ["PC1", "PC2"]', 'names = ["PC1", "PC2"]; clock_offset = "-2000w"'),
        "-2000w is no time in the years 1970 to 2999",
    ),
    "a run in no year": (
        changed('for = "3h"', 'for = "3h"; start = "1969-12-31 23:59"'),
        "a run starts in the years 1970 to 2999",
    ),
    "a run past the last year": (
        changed('for = "3h"', 'for = "3h"; start = "2999-12-31 23:00"'),
        "the run would not end in the years 1970 to 2999",
    ),
    "a site of an unknown version": (
        changed('title = "One update"', 'title = "One update"; [[site]]; version = "3"'),
        "no SMS version '3'",
    ),
    "two servers of one name": (
        changed('name = "LOGON1"', 'name = "LOGON1"; [[server]]; name="LOGON1"'),
        "there are two servers called 'LOGON1'",
    ),
    "a role there is not": (
        changed('name = "LOGON1"', 'name = "LOGON1"; roles=["logn"]'),
        "role 'logn' is not one of logon",
    ),
    "a server for nothing": (
        changed('name = "LOGON1"', 'name = "LOGON1"; roles=[]'),
        "a server is a logon server",
    ),
    "clients without a logon server": (
        changed('name = "LOGON1"', 'name = "LOGON1"; roles=["distribution"]'),
        "site BPC has no logon server for its clients to ask",
    ),
    "packages without a distribution server": (
        changed('name = "LOGON1"', 'name = "LOGON1"; roles=["logon"]'),
        "there is no distribution server for OFFICE to lie on",
    ),
    "packages on the logon share": (
        changed('name = "LOGON1"', 'name = "LOGON1"; package_share="SMS_SHR"'),
        "SMS_SHR is the logon share",
    ),
    "a program that another hides": (
        added('[[program]]; command = "SETUP.EXE"; runs = "1m"'),
        "a later table for SETUP.EXE takes its place on every machine",
    ),
    "a program with a parameter": (
        added('[[program]]; command = "SETUP.EXE /q"'),
        "command is the first word of the command line",
    ),
    "a program without a name": (
        added('[[program]]; command = ""'),
        "command is the first word of the command line",
    ),
    "a status MIF with a status there is not": (
        changed('opens = ["a.dat"]', 'opens = ["a.dat"]; mif={status="Ok"}'),
        "there is no status of a status MIF 'Ok'",
    ),
    "a status MIF older and newer": (
        changed('opens = ["a.dat"]', 'opens = ["a.dat"]; mif={offset="--2h"}'),
        "'-2h' is not a span of time such as 90m",
    ),
    "a status MIF with two contents": (
        changed('opens = ["a.dat"]', 'opens = ["a.dat"]; mif={raw="x", status="Failed"}'),
        "a file has one content",
    ),
    "programs that close at once": (
        changed('names = ["PC1", "PC2"]', 'names = ["PC1", "PC2"]; closes_idle_after = "0s"'),
        "no program could use a file",
    ),
    "a server that closes at once": (
        changed('name = "LOGON1"', 'name = "LOGON1"; reaps_after = "0m"'),
        "nobody could have a file open",
    ),
    "clients that log on at another site": (
        added(
            '[[site]]; code = "BPC"; [[site]]; code = "LOW"; server = "BRANCH"; '
            'parent = "BPC"; [[server]]; '
            'name = "LOGON2"; site = "LOW"; [[clients]]; names = ["LC1"]; site = "LOW"; '
            'logon_server = "LOGON1"'
        ),
        "LOGON1 is no logon server of site LOW",
    ),
    "clients without names": (
        changed('names = ["PC1", "PC2"]', ""),
        "say either names = [...] or count = N",
    ),
    "many clients of one name": (
        added('[[clients]]; name = "X"; count = 2'),
        "there are two machines called 'X'",
    ),
    "clients that log on to no logon server": (
        changed('names = ["PC1", "PC2"]', 'names = ["PC1", "PC2"]; logon_server="SITE1"'),
        "there is no logon server 'SITE1'",
    ),
    "polls without a pause": (
        changed('names = ["PC1", "PC2"]', 'names = ["PC1", "PC2"]; poll_every="0s"'),
        "poll_every is how long until the next poll",
    ),
    "another site's PackageID": (
        changed('name = "OFFICE"', 'name = "OFFICE"; id="XYZ00001"'),
        "package OFFICE is site BPC's",
    ),
    "two packages with one PackageID": (
        changed(
            'files = { "a.dat" = "one" }; [[program]]; command = "SETUP.EXE"; '
            'opens = ["a.dat"]; [[step]]; do = "job"; at = "0m"; name = "FIRST"; '
            'package = "OFFICE"; [[step]]; do = "hold"; at = "2h"; '
            'machine = "PC1"; package = "OFFICE"; file = "a.dat"; [[expect]]; '
            'that = "job"; job = "FIRST"; status = ["Active", "Complete"]',
            'id="BPC00001"; files = { "a.dat" = "one" }; [[program]]; '
            'command = "SETUP.EXE"; opens = ["a.dat"]; [[step]]; do = "job"; '
            'at = "0m"; name = "FIRST"; package = "OFFICE"; [[step]]; '
            'do = "hold"; at = "2h"; machine = "PC1"; package = "OFFICE"; '
            'file = "a.dat"; [[expect]]; that = "job"; job = "FIRST"; '
            'status = ["Active", "Complete"]; [[package]]; name="B"; '
            'id="BPC00001"; files={"x"="y"}',
        ),
        "there are two packages BPC00001",
    ),
    "two packages of one name": (
        added('[[package]]; name = "office"; files = {"x"="y"}'),
        "there are two packages called 'office'",
    ),
    "a run that ends at once": (
        changed('for = "3h"', 'for = "0s"'),
        "2h is after the end of the run",
    ),
    "a site above itself": (
        changed('title = "One update"', 'title = "One update"; [[site]]; parent = "BPC"'),
        "site BPC would be above itself",
    ),
    "a response there is not": (
        changed('title = "One update"', 'title = "One update"; [[site]]; response = "Quick"'),
        "response 'Quick' is not one of Very Fast",
    ),
    "a misspelt behaviour": (
        changed(
            'title = "One update"', 'title = "One update"; [[site]]; profile = {attempt_max=3}'
        ),
        "no behaviour 'attempt_max'",
    ),
    "a behaviour with a value it cannot have": (
        changed(
            'title = "One update"', 'title = "One update"; [[site]]; profile = {attempts_max=-3}'
        ),
        "attempts_max cannot be negative",
    ),
    "no TOML at all": (
        added("[[expect"),
        "not TOML",
    ),
    "an unknown table": (
        added("[[steps]]"),
        "unknown key 'steps'",
    ),
    "a program that hangs and runs for a while": (
        changed(OPENS, OPENS + '; hangs = true; runs = "5m"'),
        "runs is about a program's end",
    ),
    "a program that hangs and ends with a code": (
        changed(OPENS, OPENS + "; hangs = true; exit_code = 1"),
        "exit_code is about a program's end",
    ),
    "a program that does not start and leaves a MIF": (
        changed(OPENS, OPENS + '; launch_error = 2; mif = { status = "Failed" }'),
        "mif is about a program that runs",
    ),
    "a program that does not start and hangs": (
        changed(OPENS, OPENS + "; launch_error = 2; hangs = true"),
        "does not start cannot hang",
    ),
    "an exit code that a restart loses": (
        changed(OPENS, OPENS + "; restarts = true; exit_code = 3"),
        "exit_code is lost",
    ),
    "a next outcome that runs for a span in words": (
        changed(OPENS, OPENS + '; [[program.then]]; runs = "a while"'),
        "a while",
    ),
    "a next outcome with a command": (
        changed(OPENS, OPENS + '; [[program.then]]; command = "A.EXE"'),
        "unknown key 'command'",
    ),
    "a PCM there is not": (
        changed('names = ["PC1", "PC2"]', 'names = ["PC1", "PC2"]; pcm = "PCMSVC"'),
        "did you mean 'PCMSVC32'",
    ),
    "a command run from the window of a service": (
        changed('names = ["PC1", "PC2"]', 'names = ["PC1", "PC2"]; pcm = "PCMSVC32"')
        + '[[step]]\ndo = "job"\nat = "1h"\nname = "RUN"\npackage = "OFFICE"\n'
        'command = "SETUP.EXE"\n[[step]]\ndo = "execute"\nat = "2h"\nmachine = "PC1"\n'
        'job = "RUN"\n',
        "PC1 has PCMSVC32, a service",
    ),
    "a file in a file": (
        changed('{ "a.dat" = "one" }', '{ "a.dat" = "one", "a.dat/x" = "two" }'),
        "'a.dat' is a file, so there is no 'a.dat/x' in it",
    ),
    "a domain that no directory can be": (
        changed('names = ["PC1", "PC2"]', 'names = ["PC1", "PC2"]; domain = "a/b"'),
        "domain 'a/b' is no name",
    ),
    "a server's domain that no directory can be": (
        changed('name = "LOGON1"', 'name = "LOGON1"; domain = "a b"'),
        "domain 'a b' is no name",
    ),
    "a platform there is not": (
        changed('name = "LOGON1"', 'name = "LOGON1"; platform = "Netware"'),
        "did you mean 'NetWare'",
    ),
    "a status MIF where PCM does not look": (
        changed(OPENS, OPENS + '; mif = { file = "x/y.mif" }'),
        "PCM looks in the Windows directory alone",
    ),
    "a description of two lines": (
        changed(OPENS, OPENS + '; mif = { description = "a\\nb" }'),
        "description has the character U+000A",
    ),
    "an exit code that no process has": (
        changed(OPENS, OPENS + "; exit_code = 4294967296"),
        "`exit_code` has to be at most 4294967295",
    ),
    "a file opened under two names": (
        changed('opens = ["a.dat"]', 'opens = ["a.dat", "A.DAT"]'),
        "are one file on a share",
    ),
    "a program that says nothing of sharing": (
        changed(OPENS, OPENS + '; share_mode = ""'),
        "share_mode is empty",
    ),
    "one machine twice": (
        changed('names = ["PC1", "PC2"]', 'names = ["PC1", "pc1"]'),
        "two machines called 'pc1'",
    ),
    "a run for ever": (
        changed('for = "3h"', 'for = "99999999w"'),
        "a run goes for 36525d at most",
    ),
    "a pattern that names one machine": (
        changed('names = ["PC1", "PC2"]', 'name = "PC{i}"; count = 3'),
        "two machines called 'PC{i}'",
    ),
    "a site that is a device": (
        changed('title = "One update"', 'title = "One update"; [[site]]; code = "CON"'),
        "is a device name",
    ),
    "a world that is too far off": (
        added('[worlds]; jitter = "large"'),
        "there is no jitter 'large'",
    ),
}
