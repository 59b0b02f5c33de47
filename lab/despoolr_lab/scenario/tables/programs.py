"""`[[program]]`: what command lines do on clients, and what becomes of each start."""

from typing import Annotated

from msgspec import Meta

from despoolr_client.agent.machine.programs import first_word
from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import Access, parse_flags
from despoolr_core.suggest import one_of
from despoolr_core.times import signed_span_s, span_s
from despoolr_lab.toml.tables import Span, Table
from despoolr_lab.toml.values import (
    check_latin,
    check_names_once,
    check_package_paths,
    check_paths,
    check_share_mode,
)


class StatusMifSpec(Table, kw_only=True):
    """The status MIF a program writes into the Windows directory."""

    status: str = "Success"
    description: str = ""
    file: str = "SETUP.MIF"
    offset: str = "0s"
    raw: str = ""

    def __post_init__(self) -> None:
        one_of(self.status, ("Success", "Failed"), "status of a status MIF")
        check_paths([self.file])
        if "/" in self.file or "\\" in self.file:
            raise ValueError(f"PCM looks in the Windows directory alone, so not for {self.file!r}")
        check_latin(self.description)
        if self.raw and (self.description or self.status != "Success"):
            raise ValueError("say either raw or what a good MIF says: a file has one content")
        signed_span_s(self.offset)


class ProgramOutcome(Table, kw_only=True):
    """What becomes of one start of a program."""

    runs: Span = "2m"
    exit_code: Annotated[int, Meta(ge=-(2**31), le=2**32 - 1)] = 0
    launch_error: Annotated[int, Meta(ge=0, le=65535)] = 0
    """Other than 0: it does not start, and this is the code of `Execution error #N detected.`"""
    hangs: bool = False
    restarts: bool = False
    leaves_open: bool = False
    mif: StatusMifSpec | None = None

    def __post_init__(self) -> None:
        span_s(self.runs)
        said = {
            key: getattr(self, key) != default
            for key, default in (
                ("runs", "2m"),
                ("exit_code", 0),
                ("mif", None),
                ("leaves_open", False),
                ("restarts", False),
            )
        }
        if self.launch_error and self.hangs:
            raise ValueError("a program that does not start cannot hang")
        for key in said:
            if said[key] and self.launch_error:
                raise ValueError(
                    f"{key} is about a program that runs; with launch_error it does not"
                )
            if said[key] and self.hangs:
                raise ValueError(f"{key} is about a program's end, and this one hangs")
        if self.restarts and (self.exit_code or self.leaves_open):
            key = "exit_code" if self.exit_code else "leaves_open"
            raise ValueError(f"{key} is lost when the machine restarts: PCM never sees it")


class Program(ProgramOutcome, kw_only=True):
    """`[[program]]`: what a command line does on a client: how long it runs, what it opens, how it
    ends.
    """

    command: str
    machines: list[str] = []
    opens: list[str] = []
    access: str = "READ"
    share_mode: str = "READ"
    then: list[ProgramOutcome] = []
    """What becomes of its second start on a machine, its third, and so on; the last stays."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if first_word(self.command) != fold(self.command) or not self.command:
            raise ValueError(
                f"command is the first word of the command line, not {self.command!r}; "
                f"say {first_word(self.command) or 'SETUP.EXE'!r}"
            )
        if not parse_flags(Access, self.access):
            raise ValueError("an open must ask for some access, such as READ")
        check_share_mode(self.share_mode)
        check_package_paths(self.opens)
        check_names_once(self.opens)
