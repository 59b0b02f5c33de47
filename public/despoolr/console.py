"""`despoolr`: the root of the command line. It knows the commands by name and imports one only when
it is called.

The law: `--help` imports nothing but click (it answers in under 0.15 s), so the one-line help of
each command stands here. Exit codes (design.md section 5): 0 all well, 1 our bug, 2 usage, 10 an
expectation failed, 11 an invariant was violated, 12 the run is invalid, 130 interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from types import FrameType
from typing import Final, NamedTuple

import click

from despoolr_app.cli.output import put, put_prose
from despoolr_app.cli.streams import OutputLost, finish, take_over

EXIT_OK: Final = 0
EXIT_BUG: Final = 1
EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130


class Subcommand(NamedTuple):
    """Where a command is, and what it is for."""

    place: str
    help: str


COMMANDS: Final[dict[str, Subcommand]] = {
    "demo": Subcommand(
        "despoolr_lab.cli.demo:command",
        "The blocked update, live, in seconds: servers, 50 clients, verdict.",
    ),
    "kb": Subcommand(
        "despoolr_lab.cli.kb:command", "Reproduce Knowledge Base articles: list, show, run."
    ),
    "run": Subcommand(
        "despoolr_lab.cli.run:command", "Run a scenario in virtual, scaled or real time."
    ),
    "serve": Subcommand(
        "despoolr_app.cli.serve:command", "Run servers over real sockets: site, logon, all."
    ),
    "fleet": Subcommand(
        "despoolr_app.cli.fleet:command", "Run many clients in one process against running servers."
    ),
    "load": Subcommand(
        "despoolr_lab.cli.load:command",
        "Make a load on a running stack, as a file says, and judge it.",
    ),
    "compare": Subcommand(
        "despoolr_lab.cli.compare:command", "Two load runs side by side: which differences matter."
    ),
    "clients": Subcommand(
        "despoolr_app.cli.clients:command",
        "Which fleets run which clients; whether all that were wanted exist.",
    ),
    "soak": Subcommand(
        "despoolr_lab.cli.soak:command",
        "Hours of work, churn, restarts and cut links: what grows, what is lost.",
    ),
    "hold": Subcommand(
        "despoolr_app.cli.hold:command", "Open a file on a share and keep it, as a program does."
    ),
    "locks": Subcommand(
        "despoolr_app.cli.ask:locks",
        "Who holds which file, since when, and whom that has kept out.",
    ),
    "why": Subcommand(
        "despoolr_app.cli.ask:why", "Who was refused what, by whom, how often; one sentence each."
    ),
    "jobs": Subcommand(
        "despoolr_app.cli.ask:jobs", "The jobs of a running site or a finished run."
    ),
    "job": Subcommand(
        "despoolr_app.cli.job:command", "One job and its details; create, cancel, watch."
    ),
    "packages": Subcommand("despoolr_app.cli.package:packages", "The packages of a running site."),
    "package": Subcommand(
        "despoolr_app.cli.package:command", "One package and where it is; create, update."
    ),
    "machines": Subcommand(
        "despoolr_app.cli.machine:machines", "The machines a running site knows."
    ),
    "machine": Subcommand(
        "despoolr_app.cli.machine:machine", "One machine and the attributes it reported."
    ),
    "sites": Subcommand(
        "despoolr_app.cli.sites:command", "The hierarchy as a tree: versions, servers."
    ),
    "hotfix": Subcommand(
        "despoolr_app.cli.hotfix:command", "Apply an article's hotfix to a running site; list them."
    ),
    "events": Subcommand(
        "despoolr_app.cli.ask:events", "The NT event log of a running site or a finished run."
    ),
    "health": Subcommand(
        "despoolr_app.cli.health:command",
        "Whether servers answer: an open, a write, a read, a close.",
    ),
    "token": Subcommand(
        "despoolr_app.cli.token:command",
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
        "despoolr_lab.cli.schema:command", "The JSON Schema of scenario files, for editors."
    ),
    "report": Subcommand("despoolr_lab.cli.report:command", "A finished run as an HTML page."),
}
"""Every command, in the order `--help` shows them."""

KEEPING: Final = (
    frozenset(("serve", "fleet", "clients", "run", "kb", "demo", "load", "soak", "whatif"))
    & COMMANDS.keys()
)
"""Those that keep data, records or secrets: from then on the process makes what only its user can
read (`privacy`).
"""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The table's order, not the alphabet's."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the one that is asked for."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].place.partition(":")
        if cmd_name in KEEPING:
            os.umask(os.umask(0o077) | 0o077)
        found = getattr(import_module(module), attribute)
        assert isinstance(found, click.Command), f"{COMMANDS[cmd_name].place} is no command"
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """An unknown command is told the nearest right one."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(name, COMMANDS, 1, 0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(COMMANDS)}"
            raise click.UsageError(f"no command {name!r}; {hint}", ctx)
        found, command, rest = super().resolve_command(ctx, args)
        return name if found else found, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table itself: no import."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        put(f"despoolr {version('despoolr')}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Show the version.",
)
def root() -> None:
    """Who blocked the update, for how long, and what would have fixed it?

    A Systems Management Server site you can run: servers, shares with Windows share modes, and any
    number of clients.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command as this process and exit with its code.

    A mistake of the user's is one line; a bug of ours says that it is one. Whatever ends the
    command's parent ends it.
    """
    if "DESPOOLR_SUPERVISOR" in os.environ:
        from despoolr_app.process.supervisor import end_with_parent

        end_with_parent()
    output = take_over()
    _take_sigterm_for_ctrl_c()
    try:
        code = run(arguments)
    except KeyboardInterrupt:  # one that came while the command was ending already
        code = EXIT_INTERRUPTED
    lost = finish(output)
    if lost is not None and not lost.is_quiet:
        put(f"despoolr: {lost}", err=True)
        code = code if code == EXIT_INTERRUPTED else EXIT_USAGE  # nobody has what it came to
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    try:
        result = root.main(args=arguments, prog_name="despoolr", standalone_mode=False)
        return result if type(result) is int else EXIT_OK
    except SystemExit as end:
        return end.code if type(end.code) is int else EXIT_OK if end.code is None else EXIT_BUG
    except click.exceptions.NoArgsIsHelpError as error:
        put_prose(error.format_message())
        return EXIT_USAGE
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "despoolr"
        put(f"{path}: {' '.join(error.format_message().split())} (see `{path} --help`)", err=True)
        return EXIT_USAGE
    except click.ClickException as error:
        put_prose(f"despoolr: {error.format_message()}", err=True)
        # click's default is 1, which is ours for bugs; whatever a command refuses is the asker's to
        # mend.
        return error.exit_code if error.exit_code != EXIT_BUG else EXIT_USAGE
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        put("despoolr: interrupted", err=True)
        return EXIT_INTERRUPTED
    except OutputLost as lost:
        # a reader (`head`) that has seen enough is no failure
        return EXIT_OK if lost.is_quiet else EXIT_USAGE
    except ExceptionGroup as group:
        lost_in_tasks, others = group.split(OutputLost)
        # `main` says what was lost
        return _explain(group) if lost_in_tasks is None or others is not None else EXIT_OK
    except Exception as error:
        return _explain(error)


def _take_sigterm_for_ctrl_c() -> None:
    """Whatever Ctrl-C does at a moment, SIGTERM does, unless the command has a handler of its
    own.
    """

    def act(_: int, frame: FrameType | None) -> None:
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler):
            handler(signal.SIGINT, frame)
        else:  # started with `&`, where a shell has Ctrl-C ignored
            raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, act)


def _explain(error: Exception) -> int:
    from despoolr_core.errors import FormatError
    from despoolr_core.profile import ProfileError

    if os.environ.get("DESPOOLR_DEBUG") == "1":
        raise error
    if isinstance(error, (FormatError, ProfileError)):
        put_prose(f"despoolr: {error}", err=True)
        return EXIT_USAGE
    reason = " ".join(str(error).split())
    text = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
    put(
        f"despoolr: {text[:500]}; this is a bug of Despoolr's (DESPOOLR_DEBUG=1 shows where)",
        err=True,
    )
    return EXIT_BUG


if __name__ == "__main__":
    main()
