"""The root of the command line: it is given a table of commands (`despoolr.console`), imports one
when it is called, and ends the process with its exit code.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from itertools import groupby
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

import click

from despoolr_app.cli.base.output import (
    EXIT_BUG,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_USAGE,
    ShowGroup,
    begin_answer,
    echo_failure,
    has_answered,
    put,
    put_prose,
)
from despoolr_app.cli.base.streams import OutputLost, finish, take_over

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

PATH_SHOWN_MAX: Final = 200
"""Characters of a path that an error shows."""
PURPOSE: Final = """Who blocked the update, for how long, and what would have fixed it?

A Systems Management Server site you can run: servers, shares with Windows share modes, and any
number of clients.
"""


class Listed(Protocol):
    """What the table says of a command (`despoolr.console.Subcommand`)."""

    @property
    def place(self) -> str:
        """Where the command is: `module:attribute`, imported when it is asked for."""

    @property
    def help(self) -> str:
        """What the list of commands says of it, in one line."""

    @property
    def topic(self) -> str:
        """The heading that the list of commands has it below."""

    @property
    def examples(self) -> tuple[str, ...]:
        """Command lines that show it at work."""

    @property
    def keeps(self) -> bool:
        """Whether it keeps data, records or secrets."""


Table = Mapping[str, Listed]


class LazyGroup(click.Group):
    """A group of the commands of a table, each imported when it is called."""

    def __init__(self, table: Table, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._table = table

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """The table's order, not the alphabet's."""
        return list(self._table)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the one that is asked for. Raises `click.ClickException` where the room that has
        it is not installed.
        """
        entry = self._table.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.place.partition(":")
        if entry.keeps:
            os.umask(os.umask(0o077) | 0o077)
        try:
            found = getattr(import_module(module), attribute)
        except ModuleNotFoundError as error:
            room = module.partition(".")[0]
            if error.name != room:
                raise
            raise click.ClickException(
                f"`despoolr {cmd_name}` needs {room}, which is not installed here; install all of "
                "Despoolr"
            ) from None
        assert isinstance(found, click.Command), f"{entry.place} is no command"
        _show_examples(found, f"despoolr {cmd_name}", entry.examples)
        return found

    def shell_complete(self, _ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The table's names: no import."""
        from click.shell_completion import CompletionItem

        return [
            CompletionItem(name, help=entry.help)
            for name, entry in self._table.items()
            if name.startswith(incomplete)
        ]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """An unknown command is told the nearest right one. Raises `click.UsageError`."""
        name = args[0]
        if name not in self._table and not name.startswith("-"):
            from despoolr_core.suggest import suggestion

            raise click.UsageError(f"no command {name!r}{suggestion(name, self._table)}", ctx)
        found, command, rest = super().resolve_command(ctx, args)
        return name if found else found, command, rest

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table itself: no import."""
        width = max(map(len, self._table))
        for topic, entries in groupby(self._table.items(), lambda item: item[1].topic):
            with formatter.section(topic):
                formatter.write_dl([(f"{name:{width}}", entry.help) for name, entry in entries])


def _show_examples(command: click.Command, called: str, examples: Sequence[str]) -> None:
    """The help of a command ends with its examples, and that of each command in a group with its
    own: what none of them is called by is the group's `show`.
    """
    if examples:
        text = "\n".join(["\b", "Examples:", *(f"  {line}" for line in examples)])
        told = (command.epilog or "").removesuffix(text)
        command.epilog = f"{told.strip()}\n\n{text}"
    if isinstance(command, click.Group):
        left = list(examples)
        for name, inner in command.commands.items():
            own = [line for line in left if f"{line} ".startswith(f"{called} {name} ")]
            left = [line for line in left if line not in own]
            _show_examples(inner, f"{called} {name}", own)
        if isinstance(command, ShowGroup):
            _show_examples(command.commands["show"], f"{called} show", left)


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from despoolr_core.version import PRODUCT_VERSION

        put(f"despoolr {PRODUCT_VERSION}")
        ctx.exit()


def root_of(table: Table) -> LazyGroup:
    """`despoolr` with the commands of a table."""
    version = click.Option(
        ["--version"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_print_version,
        help="Show the version.",
    )
    return LazyGroup(
        table,
        name="despoolr",
        help=PURPOSE,
        epilog="`despoolr COMMAND --help` has the options of a command, and examples.",
        params=[version],
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def main(table: Table, arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command as this process and exit with its code.

    A mistake of the user's is one line; a bug of ours says that it is one. Whatever ends the
    command's parent ends it.
    """
    if "DESPOOLR_SUPERVISOR" in os.environ:
        from despoolr_app.process.children.supervisor import end_with_parent

        end_with_parent()
    output = take_over()
    _take_sigterm_for_ctrl_c()
    try:
        code = run(table, arguments)
    except KeyboardInterrupt:  # one that came while the command was ending already
        code = EXIT_INTERRUPTED
    lost = finish(output)
    if lost is not None and not lost.is_quiet:
        put(f"despoolr: {lost}", err=True)
        code = code if code == EXIT_INTERRUPTED else EXIT_USAGE  # nobody has what it came to
    sys.exit(code)


def run(table: Table, arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    begin_answer()
    try:
        code, message = _run(table, arguments)
        if message and "--json" in words and not has_answered():
            echo_failure(_named(table, words), message, code)
    except OutputLost as lost:
        # a reader (`head`) that has seen enough is no failure
        return EXIT_OK if lost.is_quiet else EXIT_USAGE
    return code


def _named(table: Table, words: Sequence[str]) -> str:
    """The command that a line names, as far as it names one."""
    found: list[str] = []
    command: click.Command | None = root_of(table)
    for word in words:
        if not isinstance(command, click.Group) or word.startswith("-"):
            break
        with click.Context(command) as context:
            if word not in command.list_commands(context):
                word = "show" if isinstance(command, ShowGroup) else ""
            command = command.get_command(context, word) if word else None
        found += [word] if word else []
    return " ".join(found)


def _run(table: Table, arguments: Sequence[str] | None) -> tuple[int, str]:
    """The exit code, and what went wrong, which standard error has been told; empty where the
    command says itself what it came to. Raises `OutputLost`.
    """
    try:
        result = root_of(table).main(args=arguments, prog_name="despoolr", standalone_mode=False)
        return result if type(result) is int else EXIT_OK, ""
    except SystemExit as end:
        code = end.code if type(end.code) is int else EXIT_OK if end.code is None else EXIT_BUG
        return code, ""
    except click.exceptions.NoArgsIsHelpError as error:
        put_prose(error.format_message())
        return EXIT_USAGE, ""
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "despoolr"
        message = " ".join(error.format_message().split())
        help_ = "" if "despoolr " in message else f" (see `{path} --help`)"
        put(f"{path}: {message}{help_}", err=True)
        return EXIT_USAGE, message
    except click.ClickException as error:
        message = error.format_message()
        put_prose(f"despoolr: {message}", err=True)
        # click's default is 1, which is ours for bugs; whatever a command refuses is the asker's to
        # mend.
        return error.exit_code if error.exit_code != EXIT_BUG else EXIT_USAGE, message
    except click.exceptions.Exit as error:
        return error.exit_code, ""
    except (click.Abort, KeyboardInterrupt):
        put("despoolr: interrupted", err=True)
        return EXIT_INTERRUPTED, "interrupted"
    except OutputLost:
        raise
    except ExceptionGroup as group:
        lost_in_tasks, others = group.split(OutputLost)
        # `main` says what was lost
        is_ours = lost_in_tasks is None or others is not None
        return _explain(group) if is_ours else (EXIT_OK, "")
    except Exception as error:
        words = sys.argv[1:] if arguments is None else arguments
        return _explain_path(error, words) or _explain(error)


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


def _explain_path(error: Exception, words: Sequence[str]) -> tuple[int, str] | None:
    """What the system says of a path that the command line names, or of one below it: no bug of
    ours. None if the error is anything else.
    """
    if not isinstance(error, OSError) or not isinstance(error.filename, str | bytes):
        return None
    path = os.fsdecode(error.filename)
    named = [word.partition("=")[2] if word.startswith("--") else word for word in words]
    if os.environ.get("DESPOOLR_DEBUG") == "1" or not any(
        path.startswith(word) for word in named if word
    ):
        return None
    shown = path if len(path) <= PATH_SHOWN_MAX else f"{path[:PATH_SHOWN_MAX]}..."
    message = f"cannot use {shown}: {error.strerror}"
    put(f"despoolr: {message}", err=True)
    return EXIT_USAGE, message


def _explain(error: Exception) -> tuple[int, str]:
    from despoolr_core.errors import FormatError
    from despoolr_core.profile import ProfileError

    if os.environ.get("DESPOOLR_DEBUG") == "1":
        raise error
    if isinstance(error, (FormatError, ProfileError)):
        put_prose(f"despoolr: {error}", err=True)
        return EXIT_USAGE, str(error)
    reason = " ".join(str(error).split())
    text = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
    message = f"{text[:500]}; this is a bug of Despoolr's (DESPOOLR_DEBUG=1 shows where)"
    put(f"despoolr: {message}", err=True)
    return EXIT_BUG, message
