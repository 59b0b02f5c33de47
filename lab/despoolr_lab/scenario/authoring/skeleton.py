"""A scenario to begin with: it runs and holds as it stands, and each line says what it is for."""

from __future__ import annotations

import re
from typing import Final

SCHEMA_FILE: Final = "despoolr-scenario.schema.json"
"""What the first line of a new scenario calls the schema that lies beside it."""

_TEXT: Final = """\
#:schema ./{schema}
# The line above tells editors what may stand here. `despoolr run FILE` runs this file,
# `despoolr scenario lint FILE` says what in it is never used and never checked, and
# docs/scenarios.md explains every key.

name = "{name}"
title = "An open file stops an update until it is closed"
# article = "Q147819"           # the Knowledge Base article that it reproduces
# versions = ["1.1", "1.2"]     # the versions that the article speaks of

[run]
for = "5h"                      # the clock stands at 0s here; services wake every 5 minutes

# -- who is there

[[site]]
code = "BPC"
version = "1.1"                 # see `despoolr profiles`

[[server]]
name = "LOGON1"                 # a logon server and a distribution server

[[clients]]
names = ["WS1", "WS2"]
poll_every = "1h"

[[package]]
name = "OFFICE"
files = {{ "setup.exe" = "version 1", "b.dat" = "old" }}

[[program]]                     # what SETUP.EXE does where a job starts it
command = "SETUP.EXE"
runs = "2m"
opens = ["setup.exe"]

# -- what happens

[[step]]
do = "job"                      # the package goes out, and WS2 runs its command
at = "0s"
name = "FIRST"
package = "OFFICE"
command = "SETUP.EXE /q"
machines = ["WS2"]
mandatory_after = "10m"

[[step]]
do = "hold"                     # somebody works with a file of it
at = "50m"
machine = "WS1"
package = "OFFICE"
file = "b.dat"
for = "1h"

[[step]]
do = "source"                   # the package changes ...
at = "1h"
package = "OFFICE"
files = {{ "b.dat" = "new" }}

[[step]]
do = "job"                      # ... and goes out again
at = "1h"
name = "UPDATE"
package = "OFFICE"
type = "share"
send = "even if previously sent"
refresh_existing = true

# -- what must be true

[[expect]]
that = "workstations"           # without `at`: at the end
job = "FIRST"
rows = {{ WS2 = "Complete" }}

[[expect]]
that = "job"
at = "2h"
job = "UPDATE"
status = "Retrying"

[[expect]]
that = "job"
job = "UPDATE"
status = "Complete"

[[expect]]
that = "episode"                # who was refused what, by whom
path = "b.dat"
blocker = "WS1"
state = "resolved"

[[expect]]
that = "files"
package = "OFFICE"
files = {{ "b.dat" = "new" }}

# Other steps: {steps}.
# Other expectations: {expectations}.
"""


def skeleton(file_name: str, steps: list[str], expectations: list[str]) -> str:
    """The text of a new scenario that is called as its file; `steps` and `expectations` are the
    words there are.
    """
    name = re.sub(r"[^A-Za-z0-9_.$-]+", "-", file_name).strip("-")[:32] or "scenario"
    used = set(re.findall(r'^(?:do|that) = "(\w+)"', _TEXT, re.MULTILINE))
    return _TEXT.format(
        schema=SCHEMA_FILE,
        name=name,
        steps=_wrapped([word for word in steps if word not in used]),
        expectations=_wrapped([word for word in expectations if word not in used]),
    )


def _wrapped(words: list[str]) -> str:
    lines, line = [], ""
    for word in words:
        if len(line) + len(word) > 70:
            lines.append(line.rstrip())
            line = ""
        line += f"{word}, "
    return "\n#   ".join([*lines, line]).removesuffix(", ")
