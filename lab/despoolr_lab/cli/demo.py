"""`despoolr demo`: the blocked update, in seconds, told to somebody who has never heard of SMS."""

from __future__ import annotations

import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path

import click

from despoolr_app.cli.output import echo_json, put_prose
from despoolr_app.cli.streams import OutputLost

SCALE = 3000.0

INTRODUCTION = """\
Despoolr: who blocked the update, for how long, and what would have fixed it?

In 1996 companies installed software over the network with Systems Management Server (SMS). A site
server copied each package to a file share; PCs ran it from there. If one PC kept one file open, the
next update of that package failed, and nobody could see why. This is Microsoft's article Q147819,
alive: real servers, real HTTP, and a refusal that happens because a file is open, not because
somebody wrote it down.
"""

FIRST = """\
1. LIVE: a site server, a distribution server and 50 PCs, over HTTP on this machine,
   {scale:.0f} times faster. A package of three files (a.dat, b.dat, c.dat) lies on the share.
   One PC opens b.dat. Then an update comes.
"""

SECOND = """\
2. NOBODY CLOSES IT: the same in virtual time (no sockets, no waiting), until the site gives up.
"""

NEXT = """\
What next?
  despoolr kb run Q147819 --version 1.2     the same on a version that empties the folder first
  despoolr kb run Q152229 --version 1.1     expired jobs wipe out what PCs reported
  despoolr serve all --clients 20 --version 1.1 --response "Very Fast" --time x60
                                            a site that stays, where a minute is a second:
                                            block an update yourself
  despoolr run scenarios/demo_live.toml     the scenario above is a file you can change
"""


@click.command(
    "demo", help="The blocked update, live, in seconds: servers, 50 clients, verdict, report."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the story.")
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    default="runs",
    show_default=True,
    help="Where runs are kept.",
)
def command(as_json: bool, out: str) -> None:
    """Exit 0 if both halves went as Microsoft said."""
    from despoolr_core.timing import Timing
    from despoolr_lab.cli.narrator import Narrator
    from despoolr_lab.cli.running import read_scenario, run_and_keep
    from despoolr_lab.scenario.run import RunOptions
    from despoolr_lab.toml.shipped import shipped_directory

    def say(text: str) -> None:
        if not as_json:
            put_prose(text)

    def tell(text: str) -> None:
        # a run must not end in its middle because nobody reads; what follows it does
        with suppress(OutputLost):
            say(text)

    def say_verdict(text: str) -> None:
        say(
            "\n"
            + textwrap.fill(
                text, 110, initial_indent="   VERDICT  ", subsequent_indent="            "
            )
            + "\n"
        )

    started = time.perf_counter()
    say(INTRODUCTION)
    say(FIRST.format(scale=SCALE))
    scenario = read_scenario(str(shipped_directory() / "demo_live.toml"))
    live, live_directory = run_and_keep(
        scenario,
        RunOptions(timing=Timing(SCALE)),
        Path(out),
        quiet=True,
        listeners=[Narrator(tell, until=scenario.end)],
    )
    say_verdict(live.verdict)
    say(SECOND)
    scenario = read_scenario(str(shipped_directory() / "demo_nobody_closes.toml"))
    gone, gone_directory = run_and_keep(
        scenario,
        RunOptions(),
        Path(out),
        quiet=True,
        listeners=[Narrator(tell, brief=True, until=scenario.end)],
    )
    say_verdict(gone.verdict)
    passed = live.passed and gone.passed
    if as_json:
        echo_json({"passed": passed, "live": live.to_json(), "virtual": gone.to_json()}, source=out)
        sys.exit(0 if passed else 10)
    checks = [*live.findings, *gone.findings]
    for finding in checks:
        say(
            f"   {'ok ' if finding.ok else 'NOT'} {finding.name}"
            + ("" if finding.ok else f": found {finding.actual}")
        )
    say(
        f"\n   {sum(f.ok for f in checks)} of {len(checks)} as Microsoft said, in "
        f"{time.perf_counter() - started:.0f} s."
    )
    say(
        f"   Pictures: {live_directory / 'report.html'}\n             "
        f"{gone_directory / 'report.html'}\n"
    )
    say(NEXT)
    sys.exit(0 if passed else 10)
