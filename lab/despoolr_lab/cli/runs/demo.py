"""`despoolr demo`: the blocked update, in seconds, told to somebody who has never heard of SMS."""

from __future__ import annotations

import re
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import click

from despoolr_app.cli.base.options import out_option
from despoolr_app.cli.base.output import echo_json, json_option, page_width, put_prose
from despoolr_app.cli.base.streams import OutputLost
from despoolr_core.records.whatif.ladder import Ladder
from despoolr_core.times import span

if TYPE_CHECKING:
    from despoolr_lab.scenario.run import RunResult

SCALES = 3000.0, 750.0, 150.0
"""How much faster than real the first half runs: where this machine is too slow for one, the next
one.
"""

WIDTH_MIN = 60
WIDTH_ELSEWHERE = 110
"""Columns of the story where it goes into a pipe."""
_LEAD = re.compile(r"\s*(?:\S.*?\s{2,})?")
"""What a line begins with: blanks, or a word and more than one."""

INTRODUCTION = """\
Despoolr: who blocked the update, for how long, and what would have fixed it?

In 1996 companies installed software over the network with Systems Management
Server (SMS). A site server copied each package to a file share; PCs ran it
from there. If one PC kept one file open, the next update of that package
failed, and nobody could see why. This is Microsoft's article Q147819, alive:
real servers, real HTTP, and a refusal that happens because a file is open, not
because somebody wrote it down.
"""

FIRST = """\
1. LIVE: a site server, a distribution server and 50 PCs, over HTTP on this
   machine, {scale:.0f} times faster. A package of three files (a.dat, b.dat, c.dat)
   lies on the share. One PC opens b.dat. Then an update comes.
"""

AGAIN = """
   That did not go as it should: this machine may be too busy for it.
   Once more, {scale:.0f} times faster than real:
"""

SECOND = """\
2. NOBODY CLOSES IT: the same in virtual time (no sockets, no waiting), until
   the site gives up.
"""

NEXT = """\
What next?
  despoolr whatif latest
      everything that could have fixed it
  despoolr kb run Q147819 --version 1.2
      the same on a version that empties the folder first
  despoolr kb run Q152229 --version 1.1
      expired jobs wipe out what PCs reported
  despoolr serve all --version 1.1 --response "Very Fast" --time x60
      a site that stays, where a minute is a second: block an update yourself
  despoolr run scenarios/demo_live.toml
      the scenario above is a file you can change
"""


THIRD = """\
3. WHAT WOULD HAVE FIXED IT? The same again, with one thing changed at a time.
"""

WORLDS = 2
KNOBS: dict[str, tuple[str, ...]] = {
    "copy_strategy": ("new_folder_and_switch", "rename_aside"),
    "retry_interval": ("Very Fast",),
    "closes_when_idle": ("480",),
    "forced_disconnect": ("3",),
}
"""What the demo asks: reruns that are over in seconds, and two that the sharing rule answers."""


def fitted(text: str) -> str:
    """A text of which no line is wider than the terminal: the rest of one stands below its words,
    to the right of its date or heading.
    """
    width = max(WIDTH_MIN, page_width(WIDTH_ELSEWHERE))
    lines = []
    for line in text.split("\n"):
        found = _LEAD.match(line)
        lead = found[0] if found and len(line) > width else line
        lines.append(
            textwrap.fill(
                line[len(lead) :],
                width,
                initial_indent=lead,
                subsequent_indent=" " * len(lead),
                break_on_hyphens=False,
            )
            or line
        )
    return "\n".join(lines)


def remedy_lines(ladder: Ladder) -> Iterator[str]:
    """What the demo tells of a ladder."""
    for row in ladder.rows:
        found = row.why or row.effects.told()
        when = f"through after {span(row.goal_after_s)}" if row.goal_after_s is not None else ""
        about = "; ".join(part for part in (when, found) if part)
        yield f"   {row.word:<12} {row.change}"
        yield f"{'':16}{about}"
    yield ""


def _run_live(
    out: Path, say: Callable[[str], None], tell: Callable[[str], None]
) -> tuple[RunResult, Path]:
    """The first half, at a pace that this machine can keep up with."""
    from despoolr_core.timing import Timing
    from despoolr_lab.cli.runs.narrator import Narrator
    from despoolr_lab.cli.runs.running import StepRefused, read_scenario, run_and_keep
    from despoolr_lab.scenario.run import RunOptions
    from despoolr_lab.toml.shipped_files import shipped_directory

    scenario = read_scenario(str(shipped_directory() / "demo_live.toml"))

    def at(scale: float) -> tuple[RunResult, Path]:
        options = RunOptions(timing=Timing(scale))
        narrator = Narrator(tell, until=scenario.end)
        return run_and_keep(scenario, options, out, quiet=True, listeners=[narrator])

    for scale, next_one in pairwise(SCALES):
        with suppress(StepRefused):  # a step came before what it needs was there
            live, directory = at(scale)
            if live.passed:
                return live, directory
        say(AGAIN.format(scale=next_one))
    return at(SCALES[-1])


@click.command(
    "demo",
    help="See a blocked update live, in seconds: servers, 50 clients, verdict, report; then in "
    "virtual time, where nobody ever closes the file, and what would have fixed it.",
)
@json_option
@out_option
def command(as_json: bool, out: Path) -> None:
    """Exit 0 if both halves went as Microsoft said."""
    from despoolr_lab.cli.runs.narrator import Narrator
    from despoolr_lab.cli.runs.remedy import find_remedy
    from despoolr_lab.cli.runs.running import read_scenario, run_and_keep
    from despoolr_lab.scenario.reading.written import baked
    from despoolr_lab.scenario.run import RunOptions
    from despoolr_lab.toml.shipped_files import shipped_directory
    from despoolr_lab.whatif.ladder import Question

    def say(text: str) -> None:
        if not as_json:
            put_prose(fitted(text))

    def tell(text: str) -> None:
        # a run must not end in its middle because nobody reads; what follows it does
        with suppress(OutputLost):
            say(text)

    def say_verdict(text: str) -> None:
        say(f"\n   VERDICT  {text}\n")

    started = time.perf_counter()
    say(INTRODUCTION)
    say(FIRST.format(scale=SCALES[0]))
    live, live_directory = _run_live(out, say, tell)
    say_verdict(live.verdict)
    say(SECOND)
    scenario = read_scenario(str(shipped_directory() / "demo_nobody_closes.toml"))
    gone, gone_directory = run_and_keep(
        scenario,
        RunOptions(),
        out,
        quiet=True,
        listeners=[Narrator(tell, brief=True, until=scenario.end)],
    )
    say_verdict(gone.verdict)
    say(THIRD)
    again = baked(read_scenario(str(shipped_directory() / "demo_nobody_closes.toml")), RunOptions())
    question = Question(knobs=KNOBS, worlds=WORLDS)
    ladder = find_remedy(again, gone_directory, question, quiet=True)
    for line in remedy_lines(ladder):
        say(line)
    passed = live.passed and gone.passed
    if as_json:
        runs = {"live": live.to_json(), "virtual": gone.to_json()}
        echo_json({"passed": passed, **runs, "whatif": ladder}, source=str(out))
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
