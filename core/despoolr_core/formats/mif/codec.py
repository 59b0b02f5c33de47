"""Bytes in, tree out: `parse` refuses, `check` lists.

Law: `parse(data, mode)` raises exactly when `check(data, mode)` has a finding from ERROR on that
comes from the format (for SMS, `check` also judges the kind: `sms.check_kind`). What a mode
tolerates is in `Mif.findings`, never silent.
"""

from __future__ import annotations

from typing import Final

import msgspec

from despoolr_core.formats.mif import fast, sms
from despoolr_core.formats.mif.checks import Checker
from despoolr_core.formats.mif.language.findings import (
    MifError,
    MifFinding,
    MifTooLarge,
    Mode,
    Severity,
)
from despoolr_core.formats.mif.language.model import Encoding, Mif
from despoolr_core.formats.mif.language.tokens import decode
from despoolr_core.formats.mif.parser import FINDINGS_MAX, Parser

SIZE_SOURCE: Final = "Q198766, Q319167"


def read(data: bytes, mode: Mode = Mode.LENIENT, *, size_max: int = sms.MIF_SIZE_MAX) -> Mif:
    """The tree of a MIF by grammar alone: meaning is not checked. For readers that look for one
    group and trust nothing.

    Raises `MifError` for what a reader of this mode cannot read, `MifTooLarge` for more than
    `size_max` bytes.
    """
    if len(data) > size_max:
        raise MifTooLarge(len(data), size_max, SIZE_SOURCE)
    return _read(data, mode, collect=False)[0]


def _read(data: bytes, mode: Mode, *, collect: bool) -> tuple[Mif, list[MifFinding]]:
    text, encoding, flaw = decode(data)
    if encoding is Encoding.LATIN_1:
        plain = fast.read(text)
        if plain is not None:
            return plain, []
    parser = Parser(text, mode, encoding, collect=collect)
    try:
        if flaw is not None and flaw[0] == "undecodable":
            parser.refuse(flaw[0], 0, flaw[1])
        if flaw is not None:
            parser.report(flaw[0], 0, flaw[1])
        mif = parser.file()
    except MifError as error:
        if not collect:
            raise
        raise _Unreadable(parser.findings, error) from None
    return msgspec.structs.replace(
        mif, findings=tuple(parser.findings)
    ) if parser.findings else mif, parser.findings


class _Unreadable(Exception):
    def __init__(self, findings: list[MifFinding], error: MifError) -> None:
        super().__init__(str(error))
        self.findings = findings
        self.error = error


def parse(data: bytes, mode: Mode = Mode.STRICT, *, size_max: int = sms.MIF_SIZE_MAX) -> Mif:
    """Read and check a MIF. Raises `MifError` (line, column, rule, source) at the first thing the
    mode does not allow.

    Raises `MifTooLarge` for more than `size_max` bytes. What is allowed but noteworthy is in
    `Mif.findings`.
    """
    mif = read(data, mode, size_max=size_max)
    found = _check_tree(mif, mode, None)
    if not found:
        return mif
    for finding in found:
        if finding.severity >= Severity.ERROR:
            raise MifError(finding.text, finding.line, finding.column, finding.rule, finding.source)
    return msgspec.structs.replace(mif, findings=_sorted([*mif.findings, *found]))


def check(
    data: bytes, mode: Mode = Mode.STRICT, *, size_max: int = sms.MIF_SIZE_MAX
) -> list[MifFinding]:
    """Everything there is to say about a MIF in a mode, in the order of the file; never raises."""
    return examine(data, mode, size_max=size_max)[1]


def examine(
    data: bytes, mode: Mode = Mode.STRICT, *, size_max: int = sms.MIF_SIZE_MAX
) -> tuple[Mif | None, list[MifFinding]]:
    """As `check`, with the tree that was read, mistakes stepped over; None where nothing can be
    read.
    """
    if len(data) > size_max:
        error = MifTooLarge(len(data), size_max, SIZE_SOURCE)
        return None, [MifFinding(0, 0, Severity.ERROR, "size", error.reason, error.source)]
    try:
        mif, found = _read(data, mode, collect=True)
    except _Unreadable as unreadable:
        return None, list(_sorted(_with_reason(unreadable.findings, unreadable.error)))
    return mif, list(_sorted([*found, *_check_tree(mif, mode, len(data))]))[:FINDINGS_MAX]


def _with_reason(findings: list[MifFinding], error: MifError) -> list[MifFinding]:
    if any(
        f.severity >= Severity.ERROR and f.line == error.line and f.column == error.column
        for f in findings
    ):
        return findings
    return [
        *findings,
        MifFinding(
            error.line, error.column, Severity.ERROR, error.rule, error.reason, error.source
        ),
    ]


def _check_tree(mif: Mif, mode: Mode, size: int | None) -> list[MifFinding]:
    checker = Checker(mif, mode, on_attribute=sms.check_attribute if mode is Mode.SMS else None)
    checker.file()
    if mode is Mode.SMS:
        sms.check_dialect(checker, mif)
        if size is not None:
            sms.check_kind(checker, mif, size)
    return checker.findings()


def _sorted(findings: list[MifFinding]) -> tuple[MifFinding, ...]:
    return tuple(sorted(findings, key=lambda f: (f.line, f.column)))
