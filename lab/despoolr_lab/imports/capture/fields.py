"""`tshark -T fields`: a line for each frame, its columns named by the first line.

The law: the columns are found by their names, whichever there are and in whichever order, and so is
what stands between them; without `frame.time_epoch` and `smb2.cmd` there is nothing to import.
Several values in a field are divided by a comma, or by `|` where our own tshark was asked, which no
file name has. Most frames carry one command: they are read on a path of their own, for a capture
may have millions.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Final

from despoolr_lab.imports.capture.frames import FIELDS, Command, Frame, frame_of
from despoolr_lab.imports.traces.source import ImportFailed, TraceFile

_FIRST: Final = re.compile(r"""^["']?[a-z][\w.]*["']?([^\w."'])""")
QUOTES: Final = frozenset("\"'")
NEEDED: Final = ("frame.time_epoch", "smb2.cmd")


def sniff(head: str) -> bool:
    """Whether a text begins with the header line of tshark's fields."""
    line = head.partition("\n")[0]
    return "frame.time_epoch" in line and separator_of(line) != ""


def separator_of(header: str) -> str:
    """What stands between the columns (`-E separator=`): what follows the first name; empty for a
    line with one column.
    """
    found = _FIRST.match(header)
    return found[1] if found is not None else ""


def read(source: TraceFile, lines: Iterable[str], divider: str = ",") -> Iterator[Frame]:
    """The frames of the lines. Raises `ImportFailed` where the header lacks what is needed."""
    rows = iter(lines)
    header = next(rows, "").rstrip("\r\n")
    separator = separator_of(header) or "\t"
    names = header.replace('"', "").split(separator)
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise ImportFailed(
            f"{source.name}: its first line has no column {' and no '.join(missing)}; write it "
            "with `tshark -T fields -E header=y` and at least those of `despoolr import --list`"
        )
    places = {name: place for place, name in enumerate(names) if name in FIELDS}
    width = max(places.values()) + 1
    simple = _Simple(places)
    cells_of = _splitter(separator)
    for number, line in enumerate(rows, 2):
        try:
            cells = cells_of(line)
        except csv.Error as error:
            source.damaged(f"line {number:,} is damaged ({error})")
            continue
        if len(cells) < width:
            if line.strip():
                source.damaged(f"line {number:,} has {len(cells)} columns of {len(names)}")
            continue
        try:
            if divider in cells[simple.command]:
                yield frame_of(
                    {
                        name: cells[place].split(divider)
                        for name, place in places.items()
                        if cells[place]
                    }
                )
            else:
                yield simple.frame(cells, divider)
        except (ValueError, IndexError, KeyError, OverflowError):
            source.damaged(f"line {number:,} holds what is no number")


def _splitter(separator: str) -> Callable[[str], list[str]]:
    """How a line becomes cells: quoted ones (`-E quote=d`) are taken out of their quotes, which
    raises `csv.Error` for what is none. Empty ones have none, so a line that begins with some is
    told by a number in quotes.
    """
    quoted = re.compile(rf"""{re.escape(separator)}(["'])\d[\d.]*\1(?:{re.escape(separator)}|$)""")

    def split(line: str) -> list[str]:
        mark = line[:1]
        if mark == separator and (found := quoted.search(line)) is not None:
            mark = found[1]
        if mark not in QUOTES:
            return line.split(separator)
        return next(csv.reader([line], delimiter=separator, quotechar=mark), [])

    return split


class _Simple:
    """Frames of one command, or none: each column has one value, but for the ranges of a lock."""

    def __init__(self, places: dict[str, int]) -> None:
        self._cells_of = itemgetter(*(places.get(name, -1) for name in FIELDS))
        self.command = places["smb2.cmd"]

    def frame(self, cells: list[str], divider: str) -> Frame:  # noqa: C901 - a millions-of-lines path
        """Raises `ValueError` for what is no number."""
        cells.append("")  # what the place -1 of a missing column stands for
        (
            number,
            at,
            source,
            destination,
            source6,
            destination6,
            source_port,
            destination_port,
            stream,
            fin,
            reset,
            session,
            tree,
            message,
            command_number,
            response,
            status,
            filename,
            disposition,
            action,
            access,
            share_mode,
            fid,
            info_level,
            delete_on_close,
            offset,
            length,
            lock_flags,
            tag,
            account,
            host,
            tree_name,
            transform,
            options,
        ) = self._cells_of(cells)
        frame = Frame(float(at), stream)
        frame.number = number
        frame.source = source or source6
        frame.destination = destination or destination6
        frame.source_port, frame.destination_port = source_port, destination_port
        if fin in ("1", "True"):
            frame.is_fin = True
        if reset in ("1", "True"):
            frame.is_reset = True
        if not command_number:
            frame.is_encrypted = bool(transform)
            return frame
        if (
            transform or divider in session
        ):  # encrypted, and tshark has the key: the wrapping tells the session as well
            session = session.rpartition(divider)[2]
            account, host = account.partition(divider)[0], host.partition(divider)[0]
        frame.account, frame.host = account, host
        command = Command(int(command_number), response in ("1", "True"), message)
        command.session, command.tree = session, tree
        command.filename, command.fid, command.tree_name = filename, fid, tree_name
        command.tags = tag
        if status:
            command.status = int(status, 0)
        if disposition:
            command.disposition = int(disposition)
        if action:
            command.action = int(action)
        if access and not command.is_response:
            command.access = int(access, 0)
        if share_mode:
            command.share_mode = int(share_mode, 0)
        if options:
            command.options = int(options, 0)
        if info_level:
            command.info_level = int(info_level, 0)
        if delete_on_close:
            command.delete_on_close = 1 if delete_on_close in ("1", "True") else 0
        if offset:
            command.offsets = offset.split(divider)
        if length:
            command.lengths = length.split(divider)
        if lock_flags:
            command.lock_flags = lock_flags.split(divider)
        frame.commands = (command,)
        return frame
