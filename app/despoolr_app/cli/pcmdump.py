"""`despoolr pcmdump`: print instruction files the way PCMDUMP.EXE did, or with true dates.

Every mistake is one line on standard error and exit code 2; in a whole box, one bad file does not
hide the others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from despoolr_app.cli.base.options import option
from despoolr_app.cli.base.output import EXIT_USAGE, echo_json, fail, json_option, put, put_prose
from despoolr_app.disk.bounded_file import read_bounded
from despoolr_core.errors import FormatError
from despoolr_core.formats.instructions.pcmdump import TOOLS, dump, summary, to_json
from despoolr_core.formats.instructions.winst import WinstFile
from despoolr_core.formats.instructions.winst_text import FILE_SIZE_MAX, parse_winst
from despoolr_core.rules.fold import fold


@click.command("pcmdump", short_help="Show a client's instruction file (WINST).")
@click.argument("arguments", nargs=-1, metavar="FILE | /r FILE | /a DIRECTORY | /l DIRECTORY")
@option(
    "--all", "box", metavar="DIRECTORY", help="Dump every .INS file of a box (the old tool's /a)."
)
@option(
    "--list", "listed", metavar="DIRECTORY", help="List a box, one line a file (the old tool's /l)."
)
@option(
    "--tool",
    type=click.Choice(tuple(TOOLS)),
    help="Print as the tool of that SMS version: 1.0 and 1.1 count months from 0, all print 2000 "
    "as 100. Default: true dates.",
)
@json_option
def command(
    arguments: tuple[str, ...], box: str | None, listed: str | None, tool: str | None, as_json: bool
) -> None:
    """Show a client's instruction file: what it is offered, from when, until when, from which
    servers.
    """
    wanted = (
        [("/a", box)] * (box is not None)
        + [("/l", listed)] * (listed is not None)
        + _switches(arguments)
    )
    if len(wanted) != 1:
        fail("give one of: FILE, /r FILE, --all DIRECTORY (/a), --list DIRECTORY (/l)")
    switch, name = wanted[0]
    assert name is not None
    files = [Path(name)] if switch == "/r" else _instruction_files(Path(name))
    read, errors = _read(files)
    if switch == "/r" and not read:
        fail(errors[0])
    if as_json:
        objects: list[dict[str, Any]] = [to_json(winst) for winst in read]
        echo_json(objects[0] if switch == "/r" else objects, source=name, notes=errors)
    elif switch == "/l":
        put(*([summary(winst) for winst in read] or [f"no instruction file (*.INS) in {name}"]))
    elif read or errors:
        put_prose("\n".join(_dumps(read, tool, errors)), nl=False)
    else:
        put(f"no instruction file (*.INS) in {name}")
    for line in errors:
        put(f"pcmdump: {line}", err=True)
    if errors:
        raise SystemExit(EXIT_USAGE)


def _read(files: list[Path]) -> tuple[list[WinstFile], list[str]]:
    """What could be read, and a line for each that could not."""
    read: list[WinstFile] = []
    errors: list[str] = []
    for file in files:
        try:
            read.append(parse_winst(read_bounded(file, FILE_SIZE_MAX)))
        except FormatError as error:
            errors.append(f"{file}: {error}")
        except OSError as error:
            is_directory = file.is_dir()
            why = "it is a directory; name the files in it" if is_directory else error.strerror
            errors.append(f"{file}: {why}")
    return read, errors


def _dumps(files: list[WinstFile], tool: str | None, errors: list[str]) -> list[str]:
    texts = []
    for winst in files:
        try:
            texts.append(dump(winst, tool))
        except FormatError as error:
            errors.append(f"{winst.file_name}: {error}")
    return texts


def _switches(arguments: tuple[str, ...]) -> list[tuple[str, str | None]]:
    """`FILE`, `/r FILE`, `/a DIRECTORY`, `/l DIRECTORY`, as the tool of 1.2 takes them (Q168724);
    `/d` (detailed) is the only way we print, so it changes nothing.
    """
    wanted: list[tuple[str, str | None]] = []
    rest = [argument for argument in arguments if argument.lower() != "/d"]
    while rest:
        word = rest.pop(0)
        if word.lower() not in ("/a", "/l", "/r"):
            wanted.append(("/r", word))
        elif rest:
            wanted.append((word.lower(), rest.pop(0)))
        else:
            fail(f"{word} needs a {'file' if word.lower() == '/r' else 'directory'} after it")
    return wanted


def _instruction_files(directory: Path) -> list[Path]:
    if not directory.is_dir():
        fail(f"{directory}: no such directory")
    found = [path for path in directory.iterdir() if fold(path.suffix) == ".INS" and path.is_file()]
    return sorted(found, key=lambda path: fold(path.name))
