"""`despoolr`: every command by its import path, so that `serve` never imports the lab.

The law: `--help` imports nothing that a command needs (it answers in under 0.15 s), so the one-line
help of each command stands here.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Final, NamedTuple


class Subcommand(NamedTuple):
    """Where a command is, and what it is for.

    `keeps`: it keeps data, records or secrets, so the process makes what only its user can read
    (`despoolr_app.disk.privacy`).
    """

    place: str
    help: str
    keeps: bool = False


COMMANDS: Final[dict[str, Subcommand]] = {
    "demo": Subcommand(
        "despoolr_lab.cli.runs.demo:command",
        "The blocked update, live, in seconds: servers, 50 clients, verdict.",
        keeps=True,
    ),
    "kb": Subcommand(
        "despoolr_lab.cli.runs.kb:command",
        "Reproduce Knowledge Base articles: list, show, run.",
        keeps=True,
    ),
    "run": Subcommand(
        "despoolr_lab.cli.runs.run:command",
        "Run a scenario in virtual, scaled or real time.",
        keeps=True,
    ),
    "explore": Subcommand(
        "despoolr_lab.cli.reruns.explore:command",
        "Many worlds of a scenario, and what goes wrong in them.",
    ),
    "shrink": Subcommand(
        "despoolr_lab.cli.reruns.shrink:command",
        "Make a failing world small, as long as it fails in the same way.",
    ),
    "replay": Subcommand(
        "despoolr_lab.cli.reruns.replay:command",
        "Make a kept run again, and compare every record.",
    ),
    "scenario": Subcommand(
        "despoolr_lab.cli.runs.scenario:command",
        "Begin a scenario file; see what one leaves unchecked: new, lint.",
    ),
    "import": Subcommand(
        "despoolr_lab.cli.recordings.importing:command",
        "What a real server saw, as a run: captures, logs, lists of open files.",
        keeps=True,
    ),
    "watch": Subcommand(
        "despoolr_lab.cli.recordings.watching:command",
        "A real share while it is used: who is blocked, by whom, since when.",
        keeps=True,
    ),
    "serve": Subcommand(
        "despoolr_app.cli.processes.serve:command",
        "Run servers over real sockets: site, logon, all.",
        keeps=True,
    ),
    "fleet": Subcommand(
        "despoolr_app.cli.processes.fleet:command",
        "Run many clients in one process against running servers.",
        keeps=True,
    ),
    "load": Subcommand(
        "despoolr_lab.cli.loads.load:command",
        "Put the load of a file on a running stack, and judge the run.",
        keeps=True,
    ),
    "compare": Subcommand(
        "despoolr_lab.cli.loads.compare:command", "Compare two load runs: which differences matter."
    ),
    "clients": Subcommand(
        "despoolr_app.cli.site.clients:command",
        "The fleets of a site, and whether all wanted clients exist.",
        keeps=True,
    ),
    "soak": Subcommand(
        "despoolr_lab.cli.loads.soak:command",
        "Run a site for hours under faults: what grows, what is lost.",
        keeps=True,
    ),
    "hold": Subcommand(
        "despoolr_app.cli.opens.hold:command",
        "Open a file on a share and keep it, as a program does.",
    ),
    "top": Subcommand(
        "despoolr_app.cli.opens.top:command",
        "A running site in a terminal, twice a second: blocked, holders, jobs, clients.",
    ),
    "locks": Subcommand(
        "despoolr_app.cli.opens.ask:locks",
        "Who has which file open, since when, and whom that refused.",
    ),
    "release": Subcommand(
        "despoolr_app.cli.opens.release:command", "Close a file that somebody else holds open."
    ),
    "why": Subcommand(
        "despoolr_app.cli.opens.ask:why",
        "Who was refused what, by whom, how often; one sentence each.",
    ),
    "jobs": Subcommand(
        "despoolr_app.cli.opens.ask:jobs", "The jobs of a running site or a finished run."
    ),
    "job": Subcommand(
        "despoolr_app.cli.site.job:command", "One job and its details; create, cancel, watch."
    ),
    "packages": Subcommand(
        "despoolr_app.cli.site.package:packages", "The packages of a running site."
    ),
    "package": Subcommand(
        "despoolr_app.cli.site.package:command", "One package and where it is; create, update."
    ),
    "machines": Subcommand(
        "despoolr_app.cli.site.machine:machines", "The machines a running site knows."
    ),
    "machine": Subcommand(
        "despoolr_app.cli.site.machine:machine", "One machine and the attributes it reported."
    ),
    "sites": Subcommand(
        "despoolr_app.cli.site.sites:command", "The hierarchy as a tree: versions, servers."
    ),
    "hotfix": Subcommand(
        "despoolr_app.cli.site.hotfix:command",
        "Apply an article's hotfix to a running site; list them.",
    ),
    "fault": Subcommand(
        "despoolr_app.cli.site.fault:command",
        "Break a running site on purpose, and mend it: list, add, clear.",
    ),
    "events": Subcommand(
        "despoolr_app.cli.opens.ask:events", "The NT event log of a running site or a finished run."
    ),
    "health": Subcommand(
        "despoolr_app.cli.processes.health:command",
        "Whether servers answer: an open, a write, a read, a close.",
    ),
    "token": Subcommand(
        "despoolr_app.cli.processes.token:command",
        "A token signed by the site's secret: for Prometheus, for clients.",
    ),
    "mif": Subcommand("despoolr_app.cli.mif:mif", "Check and show MIF files."),
    "pcmdump": Subcommand(
        "despoolr_app.cli.pcmdump:command", "Show a client's instruction file (WINST)."
    ),
    "profiles": Subcommand(
        "despoolr_app.cli.profiles:command",
        "The behaviours of every SMS version, with their articles.",
    ),
    "schema": Subcommand(
        "despoolr_lab.cli.schema:command", "JSON Schemas: of scenario files, loads, answers."
    ),
    "runs": Subcommand(
        "despoolr_app.cli.runs:command", "The runs that are kept: list, show, serve, rm, gc."
    ),
    "whatif": Subcommand(
        "despoolr_lab.cli.reruns.whatif:command",
        "What would have fixed it: the run again, with one change at a time.",
        keeps=True,
    ),
    "report": Subcommand("despoolr_lab.cli.report:command", "A finished run as an HTML page."),
    "export": Subcommand(
        "despoolr_lab.cli.export:command",
        "A finished run for a trace viewer, a spreadsheet or CMTrace.",
    ),
    "completion": Subcommand(
        "despoolr_app.cli.completion:command",
        "A script that completes commands and options in bash, zsh or fish.",
    ),
}
"""Every command, in the order `--help` shows them."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command as this process and exit with its code: that of `run`."""
    import_module("despoolr_app.process.gc_tuning").collect_late()
    import_module("despoolr_app.cli.root").main(COMMANDS, arguments)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 all well, 1 a bug of ours, 2 usage, 10 an
    expectation failed, 11 an invariant was violated, 12 the run is invalid, 130 interrupted.
    """
    code: int = import_module("despoolr_app.cli.root").run(COMMANDS, arguments)
    return code
