"""Mistakes in steps and other tables: the text of each whole scenario, and what is said of it."""

from __future__ import annotations

from typing import Final

from worlds.mistakes import added, changed, stepped

OPENS: Final = 'command = "SETUP.EXE"; opens = ["a.dat"]'

TABLES: Final = {
    "deleting a missing file": (
        stepped('do = "source"; at = "1h"; package = "OFFICE"; delete = ["b.dat"]'),
        "no file 'b.dat'",
    ),
    "deleting a file twice": (
        stepped('do = "source"; at = "1h"; package = "OFFICE"; delete = ["A.DAT", "a.dat"]'),
        "no file 'a.dat'",
    ),
    "a source file written and deleted": (
        stepped(
            'do = "source"; at = "1h"; package = "OFFICE"; files = {"a.dat"="x"}; '
            'delete = ["A.DAT"]'
        ),
        "is written and deleted at once",
    ),
    "a source that does not change": (
        stepped('do = "source"; at = "1h"; package = "OFFICE"'),
        "nothing would change",
    ),
    "a placeholder in the path of a hold": (
        stepped(
            'do = "hold"; at = "1h"; machine = "PC1"; server = "LOGON1"; '
            'share = "SMS_PKGD"; path = "{package:OFICE}/a.dat"'
        ),
        "no package 'OFICE'",
    ),
    "a job in the path of a step, where only packages stand for IDs": (
        stepped(
            'do = "put"; at = "1h"; server = "LOGON1"; share = "SMS_PKGD"; '
            'path = "{job:FIRST}/a.dat"'
        ),
        "stands for nothing here",
    ),
    "a hold on an unknown share": (
        stepped(
            'do = "hold"; at = "1h"; machine = "PC1"; server = "LOGON1"; '
            'share = "SMS_PKG"; path = "a"'
        ),
        "LOGON1 has no share 'SMS_PKG'",
    ),
    "a disk on an unknown share": (
        stepped('do = "disk"; at = "1h"; server = "LOGON1"; share = "SMS_PKGX"; free = 1'),
        "LOGON1 has no share 'SMS_PKGX'",
    ),
    "a put into an unknown share": (
        stepped('do = "put"; at = "1h"; server = "SITE1"; share = "SMS_SHR"; path = "a"'),
        "SITE1 has no share 'SMS_SHR'",
    ),
    "an unknown file in opens": (
        changed('opens = ["a.dat"]', 'opens = ["b.dat"]'),
        "no package has a file 'b.dat'",
    ),
    "a client called like a server": (
        changed('names = ["PC1", "PC2"]', 'names = ["PC1", "logon1"]'),
        "both called 'logon1'",
    ),
    "a client called like the site server": (
        changed('names = ["PC1", "PC2"]', 'names = ["PC1", "SITE1"]'),
        "both called 'SITE1'",
    ),
    "machines for no command": (
        stepped('do = "job"; at = "1h"; name = "J"; package = "OFFICE"; machines = ["PC1"]'),
        "machines is about a command",
    ),
    "a command for no machine": (
        stepped(
            'do = "job"; at = "1h"; name = "J"; package = "OFFICE"; machines = []; '
            'command = "SETUP.EXE"'
        ),
        "a command runs on machines",
    ),
    "a misspelt command": (
        stepped('do = "job"; at = "1h"; name = "J"; package = "OFFICE"; command = "SETPU.EXE"'),
        "there is no program 'SETPU.EXE'",
    ),
    "a command in a share job": (
        stepped(
            'do = "job"; at = "1h"; name = "J"; package = "OFFICE"; type = "share"; '
            'command = "SETUP.EXE"'
        ),
        "only a job of type run has a command",
    ),
    "an offer of no command": (
        stepped('do = "job"; at = "1h"; name = "J"; package = "OFFICE"; offer_after = "3h"'),
        "offer_after is about a command",
    ),
    "a priority there is not": (
        stepped('do = "job"; at = "1h"; name = "J"; package = "OFFICE"; priority = 9'),
        "priority 9 is none of 1",
    ),
    "repeated in words": (
        stepped('do = "job"; at = "1h"; name = "J"; package = "OFFICE"; repeat_every = "daily"'),
        "'daily' is not a span of time such as 90m",
    ),
    "repeated at once": (
        stepped('do = "job"; at = "1h"; name = "J"; package = "OFFICE"; repeat_every = "0s"'),
        "repeat_every is how long until the next one",
    ),
    "put on servers without being distributed": (
        stepped(
            'do = "job"; at = "1h"; name = "J"; package = "OFFICE"; distribute = false; '
            'put_on = ["LOGON1"]'
        ),
        "distribute = false",
    ),
    "put on a server for no packages": (
        stepped('do = "job"; at = "1h"; name = "J"; package = "OFFICE"; put_on = ["SITE1"]'),
        "there is no distribution server 'SITE1'",
    ),
    "two jobs of one name": (
        stepped('do = "job"; at = "1h"; name = "FIRST"; package = "OFFICE"'),
        "there are two jobs called 'FIRST'",
    ),
    "a name that is too long": (
        stepped(
            'do = "job"; at = "1h"; '
            'name = "JJJJJJJJJJJJJJJJJJJJJJJJJJJJJJJJJJJJJJJJJJJJJJ"; package = "OFFICE"'
        ),
        "Expected `str` of length <= 32",
    ),
    "a type of job there is not": (
        stepped('do = "job"; at = "1h"; name = "J"; package = "OFFICE"; type = "copy"'),
        "type 'copy' is not one of run",
    ),
    "a way to send there is not": (
        stepped('do = "job"; at = "1h"; name = "J"; package = "OFFICE"; send = "always"'),
        "send 'always' is not one of 'only if not previously sent'",
    ),
    "an unknown job cancelled": (
        stepped('do = "cancel"; at = "1h"; job = "FRIST"'),
        "there is no job 'FRIST'",
    ),
    "a hotfix for an unknown article": (
        stepped('do = "hotfix"; at = "1h"; article = "Q999999"'),
        "no article 'Q999999'",
    ),
    "the source of an unknown package": (
        stepped('do = "source"; at = "1h"; package = "OFICE"; files = {"a.dat"="x"}'),
        "there is no package 'OFICE'",
    ),
    "a source file that cannot be called so": (
        stepped('do = "source"; at = "1h"; package = "OFFICE"; files = {"a?.dat"="x"}'),
        "no file can be called 'a?.dat'",
    ),
    "a hold of no file": (
        stepped('do = "hold"; at = "1h"; machine = "PC1"; package = "OFFICE"'),
        "which file of the package? Say file",
    ),
    "a path without a server": (
        stepped('do = "hold"; at = "1h"; machine = "PC1"; share = "SMS_PKGD"; path = "x"'),
        "a path is on a share of a server",
    ),
    "a path without a share": (
        stepped('do = "hold"; at = "1h"; machine = "PC1"; server = "LOGON1"; path = "x"'),
        "a path is on a share of a server",
    ),
    "a package's file on a share": (
        stepped(
            'do = "hold"; at = "1h"; machine = "PC1"; package = "OFFICE"; file = "a.dat"; '
            'share = "SMS_SHR"'
        ),
        "which file of the package? Say file",
    ),
    "a package's file on a server for none": (
        stepped(
            'do = "hold"; at = "1h"; machine = "PC1"; package = "OFFICE"; file = "a.dat"; '
            'server = "SITE1"'
        ),
        "SITE1 is not a distribution server",
    ),
    "an access there is not": (
        stepped(
            'do = "hold"; at = "1h"; machine = "PC1"; package = "OFFICE"; file = "a.dat"; '
            'access = "RAED"'
        ),
        "'RAED' is not one of NONE",
    ),
    "a share mode there is not": (
        stepped(
            'do = "hold"; at = "1h"; machine = "PC1"; package = "OFFICE"; file = "a.dat"; '
            'share_mode = "NOBODY"'
        ),
        "'NOBODY' is not one of NONE",
    ),
    "an open for no access": (
        stepped(
            'do = "hold"; at = "1h"; machine = "PC1"; package = "OFFICE"; file = "a.dat"; '
            'access = ""'
        ),
        "an open must ask for some access",
    ),
    "a disposition there is not": (
        stepped(
            'do = "hold"; at = "1h"; machine = "PC1"; package = "OFFICE"; file = "a.dat"; '
            'disposition = "MAKE"'
        ),
        "there is no disposition 'MAKE'",
    ),
    "a hold for a while": (
        stepped(
            'do = "hold"; at = "1h"; machine = "PC1"; package = "OFFICE"; file = "a.dat"; '
            'for = "a while"'
        ),
        "'a while' is not a span of time such as 90m",
    ),
    "a hold for no time": (
        stepped(
            'do = "hold"; at = "1h"; machine = "PC1"; package = "OFFICE"; file = "a.dat"; '
            'for = "0s"'
        ),
        "a hold for no time holds nothing",
    ),
    "a hold of an unknown machine": (
        stepped('do = "hold"; at = "1h"; machine = "PC9"; package = "OFFICE"; file = "a.dat"'),
        "there is no machine or server 'PC9'",
    ),
    "a connection to an unknown server": (
        stepped('do = "connect"; at = "1h"; machine = "PC1"; server = "LOGON9"'),
        "there is no server 'LOGON9'",
    ),
    "a server that connects like a client": (
        stepped('do = "connect"; at = "1h"; machine = "LOGON1"'),
        "there is no machine 'LOGON1'",
    ),
    "a poll of an unknown machine": (
        stepped('do = "poll"; at = "1h"; machine = "PC9"'),
        "there is no machine 'PC9'",
    ),
    "power in words": (
        stepped('do = "power"; at = "1h"; machine = "PC1"; on = "no"'),
        "Expected `bool`",
    ),
    "a job without a command executed": (
        stepped('do = "execute"; at = "1h"; machine = "PC1"; job = "FIRST"'),
        "job FIRST has no command",
    ),
    "a clock wrong in words": (
        stepped('do = "clock"; at = "1h"; machine = "PC1"; offset = "wrong"'),
        "'wrong' is not a span of time such as 90m",
    ),
    "a clock wrong both ways": (
        stepped('do = "clock"; at = "1h"; machine = "PC1"; offset = "-+2h"'),
        "'+2h' is not a span of time such as 90m",
    ),
    "clocks wrong both ways": (
        changed('names = ["PC1", "PC2"]', 'names = ["PC1", "PC2"]; clock_offset = "+-2h"'),
        "'-2h' is not a span of time such as 90m",
    ),
    "a clock that is in no year": (
        stepped('do = "clock"; at = "1h"; machine = "PC1"; offset = "99999w"'),
        "99999w is no time in the years 1970 to 2999",
    ),
    "a clock that jumps to before all years": (
        stepped('do = "clock_jumps"; at = "1h"; machine = "PC1"; by = "-2000w"'),
        "-2000w is no time in the years 1970 to 2999",
    ),
    "clocks that are in no year": (
        changed('names = ["PC1", "PC2"]', 'names = ["PC1", "PC2"]; clock_offset = "-2000w"'),
        "-2000w is no time in the years 1970 to 2999",
    ),
    "a job that is offered in no year": (
        stepped(
            'do = "job"; at = "1h"; name = "J"; package = "OFFICE"; command = "SETUP.EXE"; '
            'offer_after = "3000-01-01"'
        ),
        "3000-01-01 is no time in the years 1970 to 2999",
    ),
    "a run in no year": (
        changed('for = "3h"', 'for = "3h"; start = "1969-12-31 23:59"'),
        "a run starts in the years 1970 to 2999",
    ),
    "a run past the last year": (
        changed('for = "3h"', 'for = "3h"; start = "2999-12-31 23:00"'),
        "the run would not end in the years 1970 to 2999",
    ),
    "a NOIDMIF that no file of the field is": (
        stepped('do = "noidmif"; at = "1h"; machine = "PC1"; group = "G"; attributes = {a="€"}'),
        "is no character of Latin-1",
    ),
    "a NOIDMIF that says nothing": (
        stepped('do = "noidmif"; at = "1h"; machine = "PC1"; group = "G"; attributes = {}'),
        "a NOIDMIF has a group with a name",
    ),
    "a file with two contents": (
        stepped(
            'do = "put"; at = "1h"; server = "LOGON1"; share = "SMS_SHR"; path = "a"; '
            'text = "x"; hex = "00"'
        ),
        "say either text or hex",
    ),
    "hexadecimal that is none": (
        stepped(
            'do = "put"; at = "1h"; server = "LOGON1"; share = "SMS_SHR"; path = "a"; hex = "0g"'
        ),
        "non-hexadecimal number found in fromhex",
    ),
    "a text that no file of the field has": (
        stepped(
            'do = "put"; at = "1h"; server = "LOGON1"; share = "SMS_SHR"; path = "a"; text = "Ж"'
        ),
        "'Ж' is no character of Latin-1",
    ),
    "a file without a name": (
        stepped('do = "put"; at = "1h"; server = "LOGON1"; share = "SMS_SHR"; path = ""'),
        "an empty path is the share itself",
    ),
    "a misspelt service": (
        stepped('do = "service"; at = "1h"; action = "pause"; service = "SMS_DESPOLER"'),
        "there is no service 'SMS_DESPOLER'",
    ),
    "what cannot be done to a service": (
        stepped('do = "service"; at = "1h"; action = "stop"; service = "SMS_DESPOOLER"'),
        "action 'stop' is not one of pause",
    ),
    "an unknown site killed": (
        stepped('do = "kill"; at = "1h"; site = "ZZZ"'),
        "there is no site 'ZZZ'",
    ),
    "an unknown server cut off": (
        stepped('do = "link"; at = "1h"; server = "LOGON9"; up = false'),
        "there is no server 'LOGON9'",
    ),
    "a server cut off itself": (
        stepped('do = "link"; at = "1h"; server = "LOGON1"; other = "LOGON1"; up = false'),
        "there is no link between a server and itself",
    ),
    "a link mended that was never cut": (
        stepped('do = "link"; at = "1h"; server = "LOGON1"; up = true'),
        "this link was never cut",
    ),
    "a directory without a share": (
        stepped('do = "disk"; at = "1h"; server = "SITE1"; path = "SITE.SRV"; free = 1'),
        "a path is on a share",
    ),
    "a step after the end": (
        stepped('do = "poll"; at = "4h"; machine = "PC1"'),
        "4h is after the end of the run",
    ),
    "an unknown step": (
        stepped('do = "pol"; at = "1h"; machine = "PC1"'),
        "there is no step 'pol'",
    ),
    "a step at no time": (
        stepped('do = "poll"; machine = "PC1"'),
        "object missing required field `at` in [[step]]",
    ),
    "an unknown key of a step": (
        stepped('do = "poll"; at = "1h"; machin = "PC1"'),
        "unknown key 'machin'",
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
    "a hold that is closed at once": (
        stepped(
            'do = "hold"; at = "2h"; machine = "PC2"; package = "OFFICE"; file = "a.dat"; '
            'closes_idle_after = "0s"'
        ),
        "nothing would be held",
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
    "cancelled before it is made": (
        stepped(
            'do = "cancel"; at = "1h"; job = "LATER"; [[step]]; do = "job"; at = "2h"; '
            'name = "LATER"; package = "OFFICE"'
        ),
        "job LATER is made at 2h",
    ),
    "a job activated after the end": (
        stepped(
            'do = "job"; at = "2h"; name = "J"; package = "OFFICE"; type = "share"; '
            'activate_after = "2h"'
        ),
        "activated after the end",
    ),
    "an activation in words": (
        stepped(
            'do = "job"; at = "2h"; name = "J"; package = "OFFICE"; type = "share"; '
            'activate_after = "tomorrow"'
        ),
        "tomorrow",
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
    "a file deleted from an unknown share": (
        stepped('do = "delete"; at = "1h"; server = "LOGON1"; share = "SMS_PKGX"; path = "a"'),
        "LOGON1 has no share 'SMS_PKGX'",
    ),
    "nothing deleted": (
        stepped('do = "delete"; at = "1h"; server = "LOGON1"; share = "SMS_PKGD"; path = ""'),
        "an empty path is the share itself",
    ),
    "a file of an unknown package deleted": (
        stepped(
            'do = "delete"; at = "1h"; server = "LOGON1"; share = "SMS_PKGD"; '
            'path = "{package:OFICE}/a.dat"'
        ),
        "no package 'OFICE'",
    ),
    "the history of a server deleted": (
        stepped('do = "delete_history"; at = "1h"; machine = "LOGON1"'),
        "no machine 'LOGON1'",
    ),
    "rights there are not": (
        stepped('do = "acl"; at = "1h"; server = "LOGON1"; share = "SMS_PKGD"; rights = "CHNGE"'),
        "did you mean 'CHANGE'",
    ),
    "rights of a role there is not": (
        stepped(
            'do = "acl"; at = "1h"; server = "LOGON1"; share = "SMS_PKGD"; role = "user"; '
            'rights = "READ"'
        ),
        "no role 'user'",
    ),
    "rights on an unknown share": (
        stepped('do = "acl"; at = "1h"; server = "SITE1"; share = "SMS_PKGD"; rights = "READ"'),
        "SITE1 has no share 'SMS_PKGD'",
    ),
    "rights without the rights": (
        stepped('do = "acl"; at = "1h"; server = "LOGON1"; share = "SMS_PKGD"'),
        "rights",
    ),
    "a fault for no time": (
        stepped('do = "sender_dies"; at = "1h"; for = "0s"'),
        "a fault for no time is none",
    ),
    "a fault of an unknown site": (
        stepped('do = "sender_dies"; at = "1h"; site = "XXX"'),
        "no site 'XXX'",
    ),
    "a fault there is not": (
        stepped('do = "sender_die"; at = "1h"'),
        "did you mean 'sender_dies'",
    ),
    "a handle of a file that no package has": (
        stepped('do = "handle_leaks"; at = "1h"; package = "OFFICE"; file = "b.dat"'),
        "OFFICE never has a file 'b.dat'",
    ),
    "a handle leaked by a service there is not": (
        stepped(
            'do = "handle_leaks"; at = "1h"; package = "OFFICE"; file = "a.dat"; '
            'service = "SMS_DESPOLER"'
        ),
        "did you mean 'SMS_DESPOOLER'",
    ),
    "a handle on the site server": (
        stepped(
            'do = "handle_leaks"; at = "1h"; package = "OFFICE"; file = "a.dat"; server = "SITE1"'
        ),
        "SITE1 is not a distribution server",
    ),
    "a full disk of a path on no share": (
        stepped('do = "disk_full"; at = "1h"; server = "LOGON1"; path = "a"'),
        "a path is on a share",
    ),
    "a full disk of an unknown share": (
        stepped('do = "disk_full"; at = "1h"; server = "LOGON1"; share = "SMS_SHRD"'),
        "LOGON1 has no share 'SMS_SHRD'",
    ),
    "a clock that jumps both ways": (
        stepped('do = "clock_jumps"; at = "1h"; machine = "PC1"; by = "+-2h"'),
        "'-2h' is not a span of time such as 90m",
    ),
    "a clock that jumps by nothing": (
        stepped('do = "clock_jumps"; at = "1h"; machine = "PC1"; by = "0s"'),
        "jumps by nothing",
    ),
    "the clock of a server": (
        stepped('do = "clock_jumps"; at = "1h"; machine = "LOGON1"; by = "1h"'),
        "no machine 'LOGON1'",
    ),
    "a link of a server to itself": (
        stepped('do = "link_down"; at = "1h"; server = "LOGON1"; other = "LOGON1"'),
        "no link between a server and itself",
    ),
    "a share slower than slow": (
        stepped('do = "slow_share"; at = "1h"; server = "LOGON1"; delay = "2d"'),
        "1h at most",
    ),
}
