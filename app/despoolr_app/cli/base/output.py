"""How commands speak: one JSON object for machines, tables for people, one line for what went
wrong.

The law: results go to standard output, everything else to standard error; what stands on a terminal
fits its width, and nothing is cut off for it; nothing heavy is imported before it is needed. Every
command prints through `put` and its kin, which escape what came from outside: a name drives no
terminal and forges no line (`despoolr_core.rules.text`). A house test holds them to it.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from despoolr_app.cli.base.options import option
from despoolr_core import times
from despoolr_core.again import Again
from despoolr_core.phrases import counted
from despoolr_core.rules.text import escaped, escaped_json, escaped_prose

if TYPE_CHECKING:
    from rich.console import Console

EXIT_OK = 0
EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_EXPECTATION = 10
EXIT_INVALID = 12
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143
"""SIGTERM ended it before its work was done: what shells say of a process that the signal
killed.
"""

GAP = 2
"""Cells between two columns of a table."""
LAST_WIDTH_MIN = 24
"""Cells the last column of a table is wrapped to at least."""
INDENT = "    "
"""What stands before the rest of a row whose first cell has a line of its own."""
AT_ONCE = 500
"""Rows of a long answer that are drawn and printed together."""
STATES = {
    **dict.fromkeys(("Failed", "failed", "drift", "no", "NO"), "red"),
    **dict.fromkeys(("Retrying", "Waiting", "waiting", "unclear"), "yellow"),
    **dict.fromkeys(("Complete", "holds", "steady"), "green"),
}
"""The colours of cells that say how something is; the word says it, too."""


class Failure(click.ClickException):
    """What a user asked for cannot be done: one line that says what to do, and exit code 2."""

    exit_code = EXIT_USAGE


def fail(message: str) -> NoReturn:
    """End the command with one line on standard error and exit code 2. Raises `Failure`, which
    click shows.
    """
    raise Failure(message)


def say(message: str) -> None:
    """One line for a person, on standard error."""
    put(message, err=True)


def put(*lines: str, err: bool = False, nl: bool = True) -> None:
    """Lines on standard output, each one line whatever it holds."""
    click.echo("\n".join(map(escaped, lines)), err=err, nl=nl)


def put_prose(text: str, *, err: bool = False, nl: bool = True) -> None:
    """A text that was laid out in lines by whoever made it of clean parts."""
    click.echo(escaped_prose(text), err=err, nl=nl)


def put_json(text: str) -> None:
    """JSON on standard output: the same JSON, without what a terminal would obey."""
    click.echo(escaped_json(text))


def put_screen(draw: Callable[[], None]) -> None:
    """Clear the terminal of standard output and draw it anew."""
    from rich.control import Control

    console = _console()
    console.control(Control.clear(), Control.home())
    draw()


def put_over(text: str = "", share: float | None = None) -> None:
    """A line of progress on the terminal of standard error, over the one before; nothing but an
    empty line without a text. `share` (0 to 1) draws a bar before it.
    """
    from rich.control import Control
    from rich.progress_bar import ProgressBar
    from rich.segment import ControlType, Segments
    from rich.table import Table
    from rich.text import Text

    console = _console(err=True)
    console.control(Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2)))
    if not text:
        return
    line = Table.grid(padding=(0, 1))
    words = Text(escaped(text), no_wrap=True, overflow="ellipsis")
    if share is None:
        line.add_row(words)
    else:
        line.add_row(ProgressBar(total=1.0, completed=share, width=20), words)
    options = console.options.update(width=console.width - 1)  # the last column would wrap
    console.print(Segments(console.render_lines(line, options, pad=False)[0]), end="")


def echo_json(
    data: Any,
    *,
    source: str = "",
    at: float | None = None,
    notes: Sequence[str] = (),
    in_a_line: bool = False,
) -> None:
    """Print one JSON object on standard output, in the envelope of `despoolr_app.cli.base.answer`:
    whoever was asked (`source`), the site time of the answer (`at`, in seconds), the answer.
    `in_a_line`: it is one of several.
    """
    from despoolr_app.cli.base.answer import Answered, site_time

    context = click.get_current_context(silent=True)
    command = "" if context is None else context.command_path.removeprefix("despoolr").strip()
    answer = Answered(command, source, site_time(at), list(notes), data)
    _put_answer(answer, in_a_line=in_a_line)


def echo_failure(command: str, message: str, exit_code: int) -> None:
    """Say on standard output, in the same envelope, why a command has no answer."""
    from despoolr_app.cli.base.answer import Failed, Reason

    _put_answer(Failed(command, "", None, [], Reason(message, exit_code)))


class _Told:
    """Whether this command has printed its JSON object: there is one, also where it fails later."""

    yet = False


def begin_answer() -> None:
    """A command begins, and has not answered."""
    _Told.yet = False


def has_answered() -> bool:
    """Whether the command has printed a JSON object."""
    return _Told.yet


def _put_answer(answer: Any, *, in_a_line: bool = False) -> None:
    data = getattr(answer, "data", None)
    _Told.yet = True
    if isinstance(data, dict) and any(isinstance(value, Again) for value in data.values()):
        _put_pieces(_pieces_of(answer, data))
    elif in_a_line:
        put_json(_json(answer).decode())
    else:
        put_json(_laid_out(answer))


def _json(value: Any) -> bytes:
    import msgspec

    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:  # the name of a file that is no text
        return msgspec.json.encode(_of_text(msgspec.to_builtins(value)))


def _laid_out(value: Any, indent: str = "") -> str:
    import msgspec

    return msgspec.json.format(_json(value), indent=2).decode().replace("\n", f"\n{indent}")


_NO_DATA: Final = '"data": null\n}'


def _pieces_of(answer: Any, data: dict[str, Any]) -> Iterator[str]:
    """An answer laid out as ever, without the rows of an `Again` all in memory."""
    from msgspec.structs import replace

    around = _laid_out(replace(answer, data=None))
    assert around.endswith(_NO_DATA)
    yield around.removesuffix("null\n}")
    before = "{"
    for key, value in data.items():
        yield f"{before}\n    {_json(key).decode()}: "
        before = ","
        if isinstance(value, Again):
            yield from _rows_of(value)
        else:
            yield _laid_out(value, "    ")
    yield "\n  }\n}\n"


def _rows_of(rows: Again[Any]) -> Iterator[str]:
    before = "["
    for row in rows:
        yield f"{before}\n      {_laid_out(row, '      ')}"
        before = ","
    yield "[]" if before == "[" else "\n    ]"


def _put_pieces(pieces: Iterator[str]) -> None:
    while some := "".join(islice(pieces, AT_ONCE)):
        click.echo(escaped_json(some), nl=False)


def _of_text(value: Any) -> Any:
    """The same values, their texts as a terminal shows them."""
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, dict):
        return {_of_text(key): _of_text(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_of_text(one) for one in value]
    return value


def echo_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    gives_way: Sequence[str] = (),
    is_wide: bool = False,
) -> None:
    """A table on standard output: within the terminal's width, as wide as it is elsewhere and
    where `is_wide`.

    Where it does not fit, columns of `gives_way` are left out, the first ones first, and counted
    below it: as many as let it fit, or let it fit where the first column has a line of its own.
    Where that does not help, none is.
    """
    every = rows if isinstance(rows, Again | list | tuple) else list(rows)
    console = _console()
    width_max = console.width - 1 if console.is_terminal and not is_wide else 0
    widths = _widths(columns, map(_cells, every))
    left_out: Sequence[str] = ()
    if width_max and not _fits(widths, width_max):
        by_name = dict(zip(columns, widths, strict=True))
        others = dict(islice(by_name.items(), 1, None))
        left_out = _left_out(by_name, width_max, gives_way)
        if not left_out and not _can_wrap(widths, width_max):
            left_out = _left_out(others, width_max - len(INDENT), gives_way)
    kept = [number for number, column in enumerate(columns) if column not in left_out]
    lines = table_lines(
        [columns[number] for number in kept],
        ([row[number] for number in kept] for row in map(_cells, every)),
        width_max,
        [widths[number] for number in kept],
    )
    while some := "\n".join(islice(lines, AT_ONCE)):
        click.echo(some)
    if left_out:
        click.echo(f"{counted(len(left_out), 'column')} left out: --wide")


def _cells(row: Sequence[object]) -> list[str]:
    return ["" if cell is None else escaped(str(cell)) for cell in row]


def _widths(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[int]:
    from rich.cells import cell_len

    widths = [*map(cell_len, columns)]
    for row in rows:
        widths = [*map(max, widths, map(cell_len, row))]
    return widths


def _left_out(widths: dict[str, int], width_max: int, gives_way: Sequence[str]) -> Sequence[str]:
    """The fewest of `gives_way` without which a table fits; none where all are not enough."""
    for count in range(len(gives_way) + 1):
        kept = [width for column, width in widths.items() if column not in gives_way[:count]]
        if _fits(kept, width_max):
            return gives_way[:count]
    return ()


def _fits(widths: Sequence[int], width_max: int) -> bool:
    return sum(widths) + GAP * (len(widths) - 1) <= width_max


def _can_wrap(widths: Sequence[int], width_max: int) -> bool:
    """Whether a table fits once its last column is wrapped."""
    return _fits([*widths[:-1], min(widths[-1], LAST_WIDTH_MIN)], width_max)


def table_lines(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    width_max: int = 0,
    widths: Sequence[int] = (),
) -> Iterator[str]:
    """A table in lines of at most `width_max` cells (0: any), from which nothing is cut; with
    colours where standard output is a terminal. `widths`: those of its columns, where they are
    known; else the rows are gone through twice.

    Where it is too wide the last column is wrapped; where that leaves too little, the first column
    has lines of its own, above a table of the others; where that is still too wide, the others
    become a sentence.
    """
    widths = widths or _widths(columns, rows)
    rows = iter(rows)
    if width_max and not _can_wrap(widths, width_max):
        if _fits(widths[1:], width_max - len(INDENT)):
            yield from _grouped(columns, rows, width_max, widths)
        else:
            yield from _stacked(columns, rows, width_max)
        return
    if width_max:
        lead = sum(widths[:-1]) + GAP * (len(columns) - 1)
        widths = [*widths[:-1], min(widths[-1], width_max - lead)]
    yield from _drawn(columns, islice(rows, AT_ONCE), widths)
    while some := [*islice(rows, AT_ONCE)]:
        yield from _drawn(columns, some, widths, has_header=False)


def _drawn(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    widths: Sequence[int],
    *,
    has_header: bool = True,
) -> list[str]:
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, GAP, 0, 0),
        header_style="bold",
        show_header=has_header,
    )
    for column, width in zip(columns, widths, strict=True):
        table.add_column(Text(column), width=width, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, STATES.get(cell, "")) for cell in row))
    console = _console(width=sum(widths) + GAP * len(widths))
    with console.capture() as drawn:
        console.print(table)
    return [line.rstrip() for line in drawn.get().splitlines()]


def _console(*, err: bool = False, width: int | None = None) -> Console:
    """Standard output or error as rich draws on it: colours on a terminal, none elsewhere."""
    from rich.console import Console

    return Console(stderr=err, width=width, highlight=False, markup=False, emoji=False)


def _grouped(
    columns: Sequence[str], rows: Iterator[Sequence[str]], width_max: int, widths: Sequence[int]
) -> Iterator[str]:
    """The first column in lines of its own, said once for rows that follow each other."""
    from despoolr_app import cells

    yield columns[0]
    yield from (INDENT + line for line in _drawn(columns[1:], [], widths[1:]))
    group: str | None = None
    while some := [*islice(rows, AT_ONCE)]:
        lines = _drawn(columns[1:], [row[1:] for row in some], widths[1:], has_header=False)
        for row, line in zip(some, lines, strict=True):
            if row[0] != group:
                group = row[0]
                yield from cells.wrap(group, width_max) or [""]
            yield INDENT + line


def _stacked(
    columns: Sequence[str], rows: Iterable[Sequence[str]], width_max: int
) -> Iterator[str]:
    from despoolr_app import cells

    first, *others = columns
    header = f"{first}: {', '.join(name.lower() for name in others)}"
    yield from cells.wrap(header, width_max, rest=INDENT)
    for row in rows:
        facts = ", ".join(
            f"{name.lower()} {cell}" for name, cell in zip(others, row[1:], strict=True) if cell
        )
        yield from cells.wrap(row[0], width_max)
        yield from cells.wrap(facts, width_max, INDENT, INDENT)


def moment(at: float | None) -> str:
    """A point of site time for people: `1996-06-03 08:30:12`; `-` for none."""
    if at is None:
        return "-"
    try:
        return times.moment(at, seconds=True)
    except (ValueError, OverflowError, OSError):
        return f"{at:.0f} s"


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--json`, which a command gets as `as_json`."""
    return option("--json", "as_json", is_flag=True, help="Print one JSON object.")(command)


def wide_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--wide`, which a command gets as `is_wide`."""
    return option(
        "--wide", "is_wide", is_flag=True, help="All columns, however wide the terminal is."
    )(command)


def yes_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--yes`, which a command gets as `is_sure`."""
    return option("--yes", "is_sure", is_flag=True, help="Do it without asking.")(command)


def confirm(question: str, is_sure: bool) -> None:
    """Ask a person before what cannot be undone. Raises `Failure` for any answer but yes, and where
    nobody can be asked.
    """
    if is_sure:
        return
    if not sys.stdin.isatty():
        fail(f"{escaped(question)} Nobody can be asked here; give --yes to do it")
    if not click.confirm(escaped(question), err=True):
        fail("nothing was done")


def page_width(elsewhere: int) -> int:
    """Columns of a page: the terminal's without its last, or `elsewhere` where none is."""
    return shutil.get_terminal_size().columns - 1 if sys.stdout.isatty() else elsewhere


def wrapped(text: str) -> str:
    """A long sentence in lines of the terminal's width; one line where it goes into a pipe."""
    text = escaped(text)
    if not sys.stdout.isatty():
        return text
    from despoolr_app import cells

    return cells.fill(text, max(60, shutil.get_terminal_size().columns - 1), rest=INDENT)


def wrapped_cell(text: str, indent: int) -> str:
    """A long sentence in the last column of a table, which begins at `indent`; one line where it
    goes into a pipe.
    """
    text = escaped(text)
    width = shutil.get_terminal_size().columns - 1 - indent
    if not sys.stdout.isatty() or width < 30:
        return text
    from despoolr_app import cells

    return cells.fill(text, width).replace("\n", "\n" + " " * indent)


class ShowGroup(click.Group):
    """A group whose first word may be what its `show` command is to show: `despoolr job UPDATE` is
    `job show UPDATE`.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `show` before what is no command's name."""
        is_named = bool(args) and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if is_named else ["show", *args])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """`show` for any other word."""
        return super().get_command(ctx, cmd_name) or super().get_command(ctx, "show")

    def collect_usage_pieces(self, _ctx: click.Context) -> list[str]:
        """What a person types, `show` left out."""
        return ["ID|NAME [OPTIONS]  or  COMMAND ..."]
