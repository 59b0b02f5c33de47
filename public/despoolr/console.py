"""`despoolr`: every command by its import path, so that `serve` never imports the lab.

The law: `--help` imports nothing that a command needs (it answers in under 0.15 s), so the one-line
help of each command stands here, with its examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Final, NamedTuple

BEGIN: Final = "Begin here"
BLOCKED: Final = "Who blocks whom, and what would have fixed it"
OWN_SHARE: Final = "A Samba or Windows server of your own"
SITE: Final = "Run a site"
ADMINISTER: Final = "Administer it"
TRY: Final = "Load it, soak it, look for faults"
FORMATS: Final = "Versions, formats, shells"


class Subcommand(NamedTuple):
    """Where a command is, what it is for, below which heading `--help` lists it, and lines that
    show it at work.

    `keeps`: it keeps data, records or secrets, so the process makes what only its user can read
    (`despoolr_app.disk.privacy`).
    """

    place: str
    help: str
    topic: str
    examples: tuple[str, ...]
    keeps: bool = False


COMMANDS: Final[dict[str, Subcommand]] = {
    "demo": Subcommand(
        "despoolr_lab.cli.runs.demo:command",
        "See a blocked update, live, and what would have fixed it.",
        BEGIN,
        ("despoolr demo",),
        keeps=True,
    ),
    "kb": Subcommand(
        "despoolr_lab.cli.runs.kb:command",
        "Reproduce Knowledge Base articles: list, show, run.",
        BEGIN,
        (
            "despoolr kb list",
            "despoolr kb show Q147819",
            "despoolr kb run Q147819 --version 1.1",
            "despoolr kb run --all",
        ),
        keeps=True,
    ),
    "run": Subcommand(
        "despoolr_lab.cli.runs.run:command",
        "Run a scenario in virtual, scaled or real time.",
        BEGIN,
        (
            "despoolr run demo_live",
            "despoolr run my_update.toml --time x2000",
            "despoolr run my_update.toml --set copy_strategy=skip_locked_and_retry",
        ),
        keeps=True,
    ),
    "scenario": Subcommand(
        "despoolr_lab.cli.runs.scenario:command",
        "Begin a scenario file, or check one: new, lint.",
        BEGIN,
        (
            "despoolr scenario new my_update.toml",
            "despoolr scenario lint my_update.toml",
        ),
    ),
    "why": Subcommand(
        "despoolr_app.cli.opens.ask:why",
        "Say who was refused what, by whom, how often: one sentence each.",
        BLOCKED,
        (
            "despoolr why latest",
            "despoolr why --machine PC07",
            "despoolr why latest --path '*.dat' --at +2h",
        ),
    ),
    "locks": Subcommand(
        "despoolr_app.cli.opens.ask:locks",
        "List who has which file open, since when, and whom that refused.",
        BLOCKED,
        (
            "despoolr locks",
            "despoolr locks --by holder",
            "despoolr locks latest --at +2h",
        ),
    ),
    "whatif": Subcommand(
        "despoolr_lab.cli.reruns.whatif:command",
        "Find what would have fixed it: one change at a time.",
        BLOCKED,
        (
            "despoolr whatif latest",
            "despoolr whatif Q147819 --version 1.1 --knob copy_strategy",
            "despoolr whatif --site http://127.0.0.1:8801",
        ),
        keeps=True,
    ),
    "report": Subcommand(
        "despoolr_lab.cli.report:command",
        "Write a finished run as an HTML page.",
        BLOCKED,
        (
            "despoolr report latest",
            "despoolr report latest --text",
        ),
    ),
    "export": Subcommand(
        "despoolr_lab.cli.export:command",
        "Write a run for a trace viewer, a spreadsheet or CMTrace.",
        BLOCKED,
        (
            "despoolr export perfetto",
            "despoolr export csv latest --table jobs",
        ),
    ),
    "runs": Subcommand(
        "despoolr_app.cli.runs:command",
        "Look through the runs that are kept: list, show, serve, rm, gc.",
        BLOCKED,
        (
            "despoolr runs list --limit 10",
            "despoolr runs show latest",
            "despoolr runs serve",
            "despoolr runs rm 20261126T011919Z-night-seed1",
            "despoolr runs gc --keep 20",
        ),
    ),
    "top": Subcommand(
        "despoolr_app.cli.opens.top:command",
        "Watch a running site in a terminal: blocked, holders, jobs, clients.",
        BLOCKED,
        (
            "despoolr top",
            "despoolr top --filter excel",
        ),
    ),
    "hold": Subcommand(
        "despoolr_app.cli.opens.hold:command",
        "Open a file on a share and keep it, as a program does.",
        BLOCKED,
        (
            "despoolr hold SMS_PKGD/BPC00001/b.dat",
            "despoolr hold SMS_PKGD/BPC00001/b.dat --machine PC07 --for 1d",
        ),
    ),
    "release": Subcommand(
        "despoolr_app.cli.opens.release:command",
        "Close a file that somebody else holds open.",
        BLOCKED,
        (
            "despoolr release LOGON1/O3",
            "despoolr release --path b.dat --machine PC07",
        ),
    ),
    "import": Subcommand(
        "despoolr_lab.cli.recordings.importing:command",
        "Make a run of what a real server saw: captures, logs, lists.",
        OWN_SHARE,
        (
            "despoolr import --list",
            "despoolr import share.pcap --server FS1",
            "despoolr import audit.log audit.log.1 status.jsonl --tz Europe/Berlin",
        ),
        keeps=True,
    ),
    "watch": Subcommand(
        "despoolr_lab.cli.recordings.watching:command",
        "Watch a real share while it is used: who blocks whom.",
        OWN_SHARE,
        (
            "despoolr watch --audit /var/log/samba/audit.log",
            "despoolr watch --audit /var/log/samba/audit.log --serve",
            "despoolr watch --arrivals samples",
        ),
        keeps=True,
    ),
    "serve": Subcommand(
        "despoolr_app.cli.processes.serve:command",
        "Run servers over real sockets: site, logon, all.",
        SITE,
        (
            "despoolr serve all --version 1.1 --time x60 --clients 50",
            "despoolr serve logon --common common --name LOGON1",
            "despoolr serve site --common common --logon LOGON1=http://127.0.0.1:8802",
        ),
        keeps=True,
    ),
    "fleet": Subcommand(
        "despoolr_app.cli.processes.fleet:command",
        "Run many clients in one process against running servers.",
        SITE,
        (
            "despoolr fleet --clients 500 --poll-every 1h",
            "despoolr fleet --lease --clients 250",
        ),
        keeps=True,
    ),
    "clients": Subcommand(
        "despoolr_app.cli.site.clients:command",
        "List the fleets of a site; do all wanted clients exist?",
        SITE,
        (
            "despoolr clients",
            "despoolr clients --expect 500 --within 60s",
        ),
        keeps=True,
    ),
    "health": Subcommand(
        "despoolr_app.cli.processes.health:command",
        "Ask whether servers answer: open, write, read, close.",
        SITE,
        (
            "despoolr health",
            "despoolr health --url http://127.0.0.1:8802",
        ),
    ),
    "token": Subcommand(
        "despoolr_app.cli.processes.token:command",
        "Make a token: for Prometheus, for a client of your own.",
        SITE,
        (
            "despoolr token PC07 --user ALICE --data despoolr-data/all",
            "despoolr token PROMETHEUS --data despoolr-data/all",
        ),
    ),
    "fault": Subcommand(
        "despoolr_app.cli.site.fault:command",
        "Break a running site on purpose, and mend it: list, add, clear.",
        SITE,
        (
            "despoolr fault add disk_full --server LOGON1 --share SMS_PKGD --for 2h",
            "despoolr fault add link_down --server LOGON1 --for 30m",
            "despoolr fault list",
            "despoolr fault clear --all",
        ),
    ),
    "job": Subcommand(
        "despoolr_app.cli.site.job:command",
        "Show a job and its details; create, cancel, watch one.",
        ADMINISTER,
        (
            "despoolr job create FIRST --package OFFICE --watch",
            "despoolr job create ALL --package OFFICE --command SETUP.EXE --machines '*'",
            "despoolr job UPDATE --watch",
            "despoolr job BPC00002 latest",
            "despoolr job cancel UPDATE",
        ),
    ),
    "jobs": Subcommand(
        "despoolr_app.cli.opens.ask:jobs",
        "List the jobs of a running site or a finished run.",
        ADMINISTER,
        (
            "despoolr jobs",
            "despoolr jobs latest",
        ),
    ),
    "package": Subcommand(
        "despoolr_app.cli.site.package:command",
        "Show a package and where it is; create, update one.",
        ADMINISTER,
        (
            "despoolr package create OFFICE ./office",
            "despoolr package update OFFICE ./office",
            "despoolr package OFFICE",
        ),
    ),
    "packages": Subcommand(
        "despoolr_app.cli.site.package:packages",
        "List the packages of a running site.",
        ADMINISTER,
        ("despoolr packages",),
    ),
    "machine": Subcommand(
        "despoolr_app.cli.site.machine:machine",
        "Show a machine and the attributes it reported.",
        ADMINISTER,
        ("despoolr machine PC00007",),
    ),
    "machines": Subcommand(
        "despoolr_app.cli.site.machine:machines",
        "List the machines that a running site knows.",
        ADMINISTER,
        ("despoolr machines --limit 100",),
    ),
    "sites": Subcommand(
        "despoolr_app.cli.site.sites:command",
        "Show the hierarchy of sites as a tree: versions, servers.",
        ADMINISTER,
        ("despoolr sites",),
    ),
    "hotfix": Subcommand(
        "despoolr_app.cli.site.hotfix:command",
        "List and apply hotfixes on a running site.",
        ADMINISTER,
        (
            "despoolr hotfix list",
            "despoolr hotfix apply Q195936",
        ),
    ),
    "events": Subcommand(
        "despoolr_app.cli.opens.ask:events",
        "List the NT event log of a running site or a finished run.",
        ADMINISTER,
        (
            "despoolr events --code 109",
            "despoolr events latest",
        ),
    ),
    "load": Subcommand(
        "despoolr_lab.cli.loads.load:command",
        "Put the load of a file on a running site, and judge the run.",
        TRY,
        (
            "despoolr load logon_storm",
            "despoolr load night --clients 1000 --processes 2",
            "despoolr load night --workers-from 0.0.0.0:8810 --workers 4",
            "despoolr load join http://director:8810 --workers 2",
        ),
        keeps=True,
    ),
    "compare": Subcommand(
        "despoolr_lab.cli.loads.compare:command",
        "Compare load runs: which differences matter?",
        TRY,
        (
            "despoolr compare 20261126T011919Z-night-seed1 latest",
            "despoolr compare before1,before2,before3 after1,after2,after3",
        ),
    ),
    "soak": Subcommand(
        "despoolr_lab.cli.loads.soak:command",
        "Run a site for hours under faults: what grows, what is lost?",
        TRY,
        (
            "despoolr soak --clients 500 --for 8h",
            "despoolr soak --judge latest",
        ),
        keeps=True,
    ),
    "explore": Subcommand(
        "despoolr_lab.cli.reruns.explore:command",
        "Run many worlds of a scenario; list what goes wrong in them.",
        TRY,
        ("despoolr explore demo_live --seeds 1-20",),
    ),
    "shrink": Subcommand(
        "despoolr_lab.cli.reruns.shrink:command",
        "Make a failing world small, as long as it fails in the same way.",
        TRY,
        (
            "despoolr shrink demo_live --set copy_strategy=skip_locked_and_retry",
            "despoolr shrink latest --to small.toml",
        ),
    ),
    "replay": Subcommand(
        "despoolr_lab.cli.reruns.replay:command",
        "Make a kept run again, and compare every record.",
        TRY,
        ("despoolr replay latest",),
    ),
    "profiles": Subcommand(
        "despoolr_app.cli.profiles:command",
        "List the behaviours of every SMS version, with their articles.",
        FORMATS,
        ("despoolr profiles --version 1.1 --version 1.2",),
    ),
    "schema": Subcommand(
        "despoolr_lab.cli.schema:command",
        "Print JSON Schemas: of scenario files, loads, answers.",
        FORMATS,
        (
            "despoolr schema",
            "despoolr schema load",
            "despoolr schema answer kb run",
        ),
    ),
    "mif": Subcommand(
        "despoolr_app.cli.mif:mif",
        "Check and show MIF files.",
        FORMATS,
        (
            "despoolr mif check status.mif --mode sms",
            "despoolr mif show status.mif",
        ),
    ),
    "pcmdump": Subcommand(
        "despoolr_app.cli.pcmdump:command",
        "Show a client's instruction file (WINST).",
        FORMATS,
        (
            "despoolr pcmdump BPC00001.INS",
            "despoolr pcmdump --all despoolr-data/all/LOGON1/SMS_SHR/PCMINS.BOX",
        ),
    ),
    "completion": Subcommand(
        "despoolr_app.cli.completion:command",
        "Print a script that completes commands in bash, zsh or fish.",
        FORMATS,
        ("despoolr completion bash",),
    ),
}
"""Every command, in the order `--help` shows them."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command as this process and exit with its code: that of `run`."""
    collector = import_module("despoolr_app.process.gc_tuning")
    collector.collect_late()
    collector.end_without_gc()
    import_module("despoolr_app.cli.root").main(COMMANDS, arguments)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 all well, 1 a bug of ours, 2 usage, 10 an
    expectation failed, 11 an invariant was violated, 12 the run is invalid, 130 interrupted.
    """
    code: int = import_module("despoolr_app.cli.root").run(COMMANDS, arguments)
    return code
