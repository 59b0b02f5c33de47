"""Scenarios with one deliberate mistake each in a step, and a part of what is said of it."""

from __future__ import annotations

from typing import Final

from worlds.mistakes import stepped

COMMAND: Final = 'do = "job"; at = "1h"; name = "J"; package = "OFFICE"; command = "SETUP.EXE"; '

STEPS: Final = {
    "a machine twice": (
        stepped(COMMAND + 'machines = ["PC1", "PC1"]'),
        "machines names 'PC1' twice",
    ),
    "all machines and one of them": (
        stepped(COMMAND + 'machines = ["*", "PC1"]'),
        "names some beside '*'",
    ),
    "a server twice": (
        stepped(COMMAND + 'put_on = ["LOGON1", "LOGON1"]'),
        "put_on names 'LOGON1' twice",
    ),
    "a command that is mandatory before it is offered": (
        stepped(COMMAND + 'offer_after = "1h"; mandatory_after = "30m"'),
        "mandatory at 30m, before it is offered, 1h",
    ),
    "a command that expires before it is mandatory": (
        stepped(COMMAND + 'mandatory_after = "1h"; expires_after = "1h"'),
        "would expire, 1h, before it is mandatory, 1h",
    ),
    "an offer in a zone": (
        stepped(COMMAND + 'offer_after = "1996-06-03 09:30Z"'),
        "has a zone",
    ),
    "a hold of nobody's": (
        stepped(
            'do = "hold"; at = "1h"; machine = "PC2"; package = "OFFICE"; file = "a.dat"; '
            'program = " "'
        ),
        "program is empty",
    ),
    "a hold of a file that ends with a separator": (
        stepped('do = "hold"; at = "1h"; machine = "PC2"; package = "OFFICE"; file = "a.dat/"'),
        "begins or ends with a separator",
    ),
    "a source that begins with a separator": (
        stepped('do = "source"; at = "1h"; package = "OFFICE"; files = { "/a.dat" = "two" }'),
        "begins or ends with a separator",
    ),
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
        "`name` has to have at most 32 characters",
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
    "settings that change nothing": (
        stepped('do = "set"; at = "1h"'),
        "nothing would change; say response or profile",
    ),
    "an unknown setting": (
        stepped('do = "set"; at = "1h"; profile = {copy_stratgy="x"}'),
        "no behaviour 'copy_stratgy'",
    ),
    "a Response that there is not": (
        stepped('do = "set"; at = "1h"; response = "Fsat"'),
        "there is no response 'Fsat'; did you mean 'Fast'?",
    ),
    "a setting of clients that run": (
        stepped('do = "set"; at = "1h"; profile = {service_runs_optional=true}'),
        "is a behaviour of clients, and settled when they start",
    ),
    "settings of an unknown site": (
        stepped('do = "set"; at = "1h"; site = "XYZ"; response = "Slow"'),
        "there is no site 'XYZ'",
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
        "`on` is text in quotes, and has to be true or false",
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
    "a clock that is in no year": (
        stepped('do = "clock"; at = "1h"; machine = "PC1"; offset = "99999w"'),
        "99999w is no time in the years 1970 to 2999",
    ),
    "a clock that jumps further than clocks do": (
        stepped('do = "clock_jumps"; at = "1h"; machine = "PC1"; by = "-3661d"'),
        "a clock jumps by 3660d at most, not -3661d",
    ),
    "a job that is offered in no year": (
        stepped(
            'do = "job"; at = "1h"; name = "J"; package = "OFFICE"; command = "SETUP.EXE"; '
            'offer_after = "3000-01-01"'
        ),
        "3000-01-01 is no time in the years 1970 to 2999",
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
        "there is no `at` in [[step]]",
    ),
    "an unknown key of a step": (
        stepped('do = "poll"; at = "1h"; machin = "PC1"'),
        "unknown key 'machin'",
    ),
    "a hold that is closed at once": (
        stepped(
            'do = "hold"; at = "2h"; machine = "PC2"; package = "OFFICE"; file = "a.dat"; '
            'closes_idle_after = "0s"'
        ),
        "nothing would be held",
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
    "a source file under two names": (
        stepped('do = "source"; at = "1h"; package = "OFFICE"; files = {"b" = "1", "B" = "2"}'),
        "are one file on a share",
    ),
    "a source file in a source file": (
        stepped('do = "source"; at = "1h"; package = "OFFICE"; files = {"b" = "1", "b/c" = "2"}'),
        "'b' is a file, so there is no 'b/c' in it",
    ),
    "a disk that is full twice": (
        stepped(
            'do = "disk_full"; at = "1h"; server = "LOGON1"; [[step]]; do = "disk_full"; '
            'at = "2h"; server = "logon1"; for = "10m"'
        ),
        "there is no server 'logon1'",
    ),
    "a disk that is full already": (
        stepped(
            'do = "disk_full"; at = "1h"; server = "LOGON1"; [[step]]; do = "disk_full"; '
            'at = "2h"; server = "LOGON1"; for = "10m"'
        ),
        "disk_full is there already, from 1h on to the end of the run",
    ),
    "a line that is cut while it is cut": (
        stepped(
            'do = "link_down"; at = "2h"; server = "LOGON1"; for = "10m"; [[step]]; '
            'do = "link_down"; at = "1h"; server = "LOGON1"; for = "61m"'
        ),
        "link_down is there already, from 2h on for 10m",
    ),
    "habits of a server's program": (
        stepped(
            'do = "hold"; at = "1h"; machine = "SITE1"; package = "OFFICE"; file = "a.dat"; '
            "copies_first = true"
        ),
        "copies_first is about programs of clients",
    ),
    "a hold that says nothing of sharing": (
        stepped(
            'do = "hold"; at = "1h"; machine = "PC2"; package = "OFFICE"; file = "a.dat"; '
            'share_mode = " "'
        ),
        "share_mode is empty",
    ),
    "a step that moves and does not": (
        stepped('do = "poll"; at = "1h"; machine = "PC1"; jitter = "5m"; exact = true'),
        "say either jitter or exact",
    ),
    "a way out of a share": (
        stepped('do = "put"; at = "1h"; server = "LOGON1"; share = "SMS_SHR"; path = "../x"'),
        "'..' is not a name",
    ),
    "a site and a server killed": (
        stepped('do = "kill"; at = "1h"; site = "BPC"; server = "LOGON1"'),
        "say either site or server",
    ),
    "a package in a path that has no end": (
        stepped(
            'do = "put"; at = "1h"; server = "LOGON1"; share = "SMS_PKGD"; '
            'path = "{package:OFFICE/x"'
        ),
        "no file can be called",
    ),
    "a sender that dies twice": (
        stepped('do = "sender_dies"; at = "1h"; [[step]]; do = "sender_dies"; at = "2h"'),
        "sender_dies is there already, from 1h on to the end of the run",
    ),
}
