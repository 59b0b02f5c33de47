"""A frame with SMB2 commands, as tshark tells it: one `Command` for each of a compound.

The law: tshark gives a field of a compound as the list of those commands that have it, so a value
belongs to the next command of a kind that has such a field. Values that do not come out even are
left out, never guessed at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from despoolr_lab.imports.traces.source import TraceFile

FIELDS: Final = (
    "frame.number",
    "frame.time_epoch",
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.stream",
    "tcp.flags.fin",
    "tcp.flags.reset",
    "smb2.sesid",
    "smb2.tid",
    "smb2.msg_id",
    "smb2.cmd",
    "smb2.flags.response",
    "smb2.nt_status",
    "smb2.filename",
    "smb2.create.disposition",
    "smb2.create.action",
    "smb.access_mask",
    "smb.share_access",
    "smb2.fid",
    "smb2.file_info.infolevel",
    "smb2.disposition.delete_on_close",
    "smb2.file_offset",
    "smb2.lock_length",
    "smb2.lock_flags",
    "smb2.tag",
    "smb2.acct",
    "smb2.host",
    "smb2.tree",
    "smb2.header.transform.flags",
    "smb.create_options",
)
"""What tshark is asked for; of what others wrote, those that are there are used."""

SESSION_SETUP: Final = 1
LOGOFF: Final = 2
TREE_CONNECT: Final = 3
TREE_DISCONNECT: Final = 4
CREATE: Final = 5
CLOSE: Final = 6
READ: Final = 8
WRITE: Final = 9
LOCK: Final = 10
SET_INFO: Final = 17
BREAK: Final = 18

AT_MAX: Final = 253_370_764_800.0
"""The year 9999: from then on it is in no calendar in some zone."""
COMMANDS_MAX: Final = 256
"""Commands of a frame; a frame that says it has more is damaged."""
_WITH_HANDLE: Final = frozenset([CLOSE, READ, WRITE, LOCK, SET_INFO, BREAK, 7, 11, 14, 15, 16])
"""Commands whose request names the file by its id."""


class Command:
    """One SMB2 command of a frame. Texts are empty, and numbers -1, where the frame has none."""

    __slots__ = (
        "access",
        "action",
        "command",
        "delete_on_close",
        "disposition",
        "fid",
        "filename",
        "info_level",
        "is_response",
        "lengths",
        "lock_flags",
        "message",
        "offsets",
        "options",
        "session",
        "share_mode",
        "status",
        "tags",
        "tree",
        "tree_name",
    )

    def __init__(self, command: int, is_response: bool, message: str) -> None:
        self.command = command
        self.is_response = is_response
        self.message = message
        self.session = self.tree = self.filename = self.fid = self.tree_name = ""
        self.status = self.access = self.share_mode = self.disposition = self.action = -1
        self.info_level = self.delete_on_close = self.options = -1
        self.offsets: Sequence[str] = ()
        self.lengths: Sequence[str] = ()
        self.lock_flags: Sequence[str] = ()
        self.tags = ""


class Frame:
    """A frame of a TCP stream. `account` and `host` are those that its session logged on with."""

    __slots__ = (
        "account",
        "at",
        "commands",
        "destination",
        "destination_port",
        "host",
        "is_encrypted",
        "is_fin",
        "is_reset",
        "number",
        "source",
        "source_port",
        "stream",
    )

    def __init__(self, at: float, stream: str) -> None:
        """Raises `ValueError` for a time that no calendar has."""
        if not 0.0 <= at < AT_MAX:
            raise ValueError(f"no time: {at}")
        self.at = at
        self.stream = stream
        self.number = self.source = self.destination = self.account = self.host = ""
        self.source_port = self.destination_port = ""
        self.is_fin = self.is_reset = self.is_encrypted = False
        self.commands: Sequence[Command] = ()


def in_a_row(
    source: TraceFile, frames_of: Callable[[TraceFile], Iterator[Frame]]
) -> Iterator[Frame]:
    """The frames of a source, and of one file after the other where it has several: each numbers
    its connections anew, so they are told by their ends.
    """
    if len(source.parts) == 1:
        yield from frames_of(source)
        return
    for number, part in enumerate(source.parts):
        for frame in frames_of(part):
            if frame.source_port and frame.destination_port:
                ends = (
                    f"{frame.source}:{frame.source_port}",
                    (f"{frame.destination}:{frame.destination_port}"),
                )
                frame.stream = "-".join(sorted(ends))
            else:
                frame.stream = f"{number}:{frame.stream}"
            yield frame


Values = dict[str, list[str]]
"""A frame's fields by tshark's names, each with its values in order."""


def frame_of(values: Values) -> Frame:
    """A frame of what tshark says of it. Raises `ValueError`, `KeyError` or `IndexError` for one
    that has no time, or holds what is no number.
    """
    frame = Frame(float(values["frame.time_epoch"][0]), _first(values, "tcp.stream"))
    frame.number = _first(values, "frame.number")
    frame.source = _first(values, "ip.src") or _first(values, "ipv6.src")
    frame.destination = _first(values, "ip.dst") or _first(values, "ipv6.dst")
    frame.source_port = _first(values, "tcp.srcport")
    frame.destination_port = _first(values, "tcp.dstport")
    frame.is_fin = _is_set(values, "tcp.flags.fin")
    frame.is_reset = _is_set(values, "tcp.flags.reset")
    frame.account, frame.host = _some(values, "smb2.acct"), _some(values, "smb2.host")
    numbers = values.get("smb2.cmd") or []
    if len(numbers) > COMMANDS_MAX:
        raise ValueError(f"{len(numbers)} commands")
    frame.is_encrypted = not numbers and bool(values.get("smb2.header.transform.flags"))
    if numbers:
        frame.commands = _commands(values, numbers)
    return frame


def _commands(values: Values, numbers: list[str]) -> list[Command]:
    messages = values.get("smb2.msg_id") or []
    flags = values.get("smb2.flags.response") or []
    found = [
        Command(int(number, 0), _at(flags, n) in ("1", "True", "true"), _at(messages, n))
        for n, number in enumerate(numbers)
    ]
    for name, attribute in (("smb2.sesid", "session"), ("smb2.tid", "tree")):
        of_each = values.get(name) or []
        # an encrypted frame tells the session of its wrapping first
        ahead = max(0, len(of_each) - len(found))
        for n, command in enumerate(found):
            setattr(command, attribute, _at(of_each, n + ahead) or _at(of_each, len(of_each) - 1))
    responses = [command for command in found if command.is_response]
    _deal(values, "smb2.nt_status", responses, "status")
    requests = [command for command in found if not command.is_response]
    creates = [command for command in requests if command.command == CREATE]
    named = [c for c in requests if c.command in (CREATE, SET_INFO)]
    if len(values.get("smb2.filename") or ()) == len(creates):
        named = creates
    if len(named) == 1:  # a name may have the character in it that divides values
        named[0].filename = ",".join(values.get("smb2.filename") or ())
    else:
        _deal(values, "smb2.filename", named, "filename", is_text=True)
    _deal(values, "smb2.create.disposition", creates, "disposition")
    _deal(values, "smb.access_mask", creates, "access")
    _deal(values, "smb.share_access", creates, "share_mode")
    _deal(values, "smb.create_options", creates, "options")
    granted = [c for c in responses if c.command == CREATE and c.status == 0]
    _deal(values, "smb2.create.action", granted, "action")
    holders = [c for c in requests if c.command in _WITH_HANDLE]
    holders += granted + [c for c in responses if c.command == BREAK]
    _deal_ids(values.get("smb2.fid") or [], holders, requests, creates)
    set_infos = [c for c in found if c.command == SET_INFO]
    _deal(values, "smb2.file_info.infolevel", set_infos, "info_level")
    _deal(values, "smb2.disposition.delete_on_close", set_infos, "delete_on_close")
    for command in found:
        if command.command in (LOCK, READ, WRITE) and not command.is_response:
            command.offsets = values.get("smb2.file_offset") or ()
            command.lengths = values.get("smb2.lock_length") or ()
            command.lock_flags = values.get("smb2.lock_flags") or ()
        elif command.command == CREATE and (command.is_response or len(creates) == 1):
            command.tags = " ".join(values.get("smb2.tag") or ())
        elif command.command == TREE_CONNECT:
            command.tree_name = _some(values, "smb2.tree")
    return found


def _deal_ids(
    fids: list[str], holders: list[Command], requests: list[Command], creates: list[Command]
) -> None:
    """Ids of files to the commands that have one. Those more of them are of the durable handle that
    a CREATE asks for: the first is the CREATE's.
    """
    more = len(fids) - len(holders)
    if len(creates) == 1 and more > 0:
        place = sum(c.command in _WITH_HANDLE for c in requests[: requests.index(creates[0])])
        creates[0].fid = fids[place]
        fids = fids[:place] + fids[place + more :]
    for holder, fid in zip(holders, fids, strict=False):
        holder.fid = fid


def _deal(
    values: Values, name: str, commands: Sequence[Command], attribute: str, is_text: bool = False
) -> None:
    """Hand a field's values out to the commands that have it, in order."""
    of_field = values.get(name)
    if not of_field:
        return
    for command, value in zip(commands, of_field, strict=False):
        if value:
            setattr(command, attribute, value if is_text else _number(value))


def _number(value: str) -> int:
    if value in ("True", "true"):
        return 1
    if value in ("False", "false"):
        return 0
    return int(value, 0)


def _first(values: Values, name: str) -> str:
    found = values.get(name)
    return found[0] if found else ""


def _some(values: Values, name: str) -> str:
    return next((value for value in values.get(name) or () if value), "")


def _at(values: Sequence[str], index: int) -> str:
    return values[index] if 0 <= index < len(values) else ""


def _is_set(values: Values, name: str) -> bool:
    return _first(values, name) in ("1", "True", "true")
