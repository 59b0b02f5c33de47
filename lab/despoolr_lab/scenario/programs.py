"""What a command line does on a client, from the words of a file (`[[program]]`): scenarios and
loads mean the same by them.

The law: a file says what a program opens, how long it runs and how it ends; what comes of that,
clients and servers decide.
"""

from __future__ import annotations

from msgspec.structs import replace

from despoolr_client.agent.machine.programs import ClientProgram, FileUse, MifToWrite
from despoolr_core.share.modes import Access, ShareMode, parse_flags
from despoolr_core.times import signed_span_s, span_s
from despoolr_lab.scenario import model


def program_of(spec: model.Program) -> ClientProgram:
    """The program; its spans are site time."""
    access = Access(parse_flags(Access, spec.access))
    share_mode = ShareMode(parse_flags(ShareMode, spec.share_mode))
    files = tuple(FileUse(path, access, share_mode) for path in spec.opens) or (FileUse(),)
    first, *later = (_outcome(outcome, files) for outcome in (spec, *spec.then))
    return replace(first, then=tuple(later))


def _outcome(spec: model.ProgramOutcome, files: tuple[FileUse, ...]) -> ClientProgram:
    mif = None
    if spec.mif is not None:
        mif = MifToWrite(
            status=spec.mif.status,
            description=spec.mif.description,
            file_name=spec.mif.file,
            modified_offset_s=signed_span_s(spec.mif.offset) or None,
            data=spec.mif.raw.encode() or None,
        )
    return ClientProgram(
        duration_s=span_s(spec.runs),
        exit_code=spec.exit_code,
        launch_error=spec.launch_error,
        files=files,
        leaks_handles=spec.leaves_open,
        hangs=spec.hangs,
        restarts=spec.restarts,
        status_mif=mif,
    )
