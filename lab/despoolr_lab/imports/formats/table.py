"""Every format that can be imported: what it proves, how it is told from the others, who reads it.

The law: a format is told by the content of a file, never by its name, for exports are renamed. The
grade says what it proves: A opens, closes, share modes and refusals; B no share modes; C samples of
what is open; D the side of whoever waits only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from despoolr_core.suggest import suggestion
from despoolr_lab.imports.capture import fields, layers, tshark
from despoolr_lab.imports.capture.dialogue import Dialogue
from despoolr_lab.imports.capture.frames import Frame, in_a_row
from despoolr_lab.imports.dav import access_log
from despoolr_lab.imports.samba import audit, log, status_json, status_text
from despoolr_lab.imports.traces.samples import OpenSample, Sampler
from despoolr_lab.imports.traces.seen import Seen
from despoolr_lab.imports.traces.source import ImportFailed, TraceFile, encoding_of
from despoolr_lab.imports.windows import openfiles, procmon, security, smb_open_file


class Format(NamedTuple):
    """One format. `clock` is `utc`, or `local` where its times have no zone; `how` is a line by
    which to record it.
    """

    name: str
    grade: str
    title: str
    clock: str
    how: str
    sniff: Callable[[bytes, str], bool]
    read: Callable[[TraceFile], Iterator[Seen]]
    samples: Callable[[TraceFile], Iterator[OpenSample]] | None = None
    """How its samples are read, for a format that has samples; several files are one story then."""
    gap: str = ""
    """What its samples cannot prove beside what no sample can."""
    has_refusals: bool = False
    system: str = ""
    """Which servers write it, where it is not any: `samba`, `windows`."""
    is_rotated: bool = False
    """Whether files of it that follow each other are the parts of one."""
    is_of_its_machine: bool = False
    """Whether it tells of the machine that it was written on, and does not name it."""
    hosts: Callable[[TraceFile], set[str]] | None = None
    """The servers that a file's first lines name, where it names them."""
    judge: Callable[[TraceFile], str] | None = None
    """The grade of a file, for a format that has several."""

    def grade_of(self, source: TraceFile) -> str:
        """What a file of this format proves. Raises `ImportFailed`."""
        return self.grade if self.judge is None else self.judge(source)


def _text(sniff: Callable[[str], bool]) -> Callable[[bytes, str], bool]:
    return lambda _head, text: sniff(text)


def _frames(
    frames_of: Callable[[TraceFile], Iterator[Frame]],
) -> Callable[[TraceFile], Iterator[Seen]]:
    return lambda source: Dialogue(source.ports).read(in_a_row(source, frames_of))


def _sampled(
    name: str,
    title: str,
    clock: str,
    how: str,
    sniff: Callable[[str], bool],
    samples: Callable[[TraceFile], Iterator[OpenSample]],
    gap: str,
    system: str,
) -> Format:
    return Format(
        name,
        "C",
        title,
        clock,
        how,
        _text(sniff),
        lambda source: Sampler(gap).read(samples(source)),
        samples,
        gap,
        system=system,
    )


FORMATS: Final = (
    Format(
        "capture",
        "A",
        "SMB2/3 packets (.pcapng, .pcap), by way of tshark",
        "utc",
        "tcpdump -i any -s 0 -w share.pcap port 445",
        lambda head, _text: tshark.sniff(head),
        _frames(tshark.read),
        has_refusals=True,
        is_rotated=True,
    ),
    Format(
        "tshark-json",
        "A",
        "output of tshark -T json",
        "utc",
        "tshark -n -r share.pcap -Y smb2 -T json > share.json",
        _text(layers.sniff_json),
        _frames(lambda source: layers.read_json(source, source.lines())),
        has_refusals=True,
        is_rotated=True,
    ),
    Format(
        "tshark-ek",
        "A",
        "output of tshark -T ek",
        "utc",
        "tshark -n -r share.pcap -Y smb2 -T ek > share.ndjson",
        _text(layers.sniff_ek),
        _frames(lambda source: layers.read_ek(source, source.lines())),
        has_refusals=True,
        is_rotated=True,
    ),
    Format(
        "tshark-fields",
        "A",
        "output of tshark -T fields, with a header line",
        "utc",
        "tshark -n -r share.pcap -Y smb2 -T fields -E header=y -E occurrence=a -e ...",
        _text(fields.sniff),
        _frames(lambda source: fields.read(source, source.lines())),
        has_refusals=True,
        is_rotated=True,
    ),
    Format(
        "full-audit",
        "B",
        "Samba's vfs_full_audit, as syslog or smbd writes it",
        "local",
        "smb.conf: vfs objects = full_audit; full_audit:prefix = %u|%I|%m|%S",
        _text(audit.sniff),
        audit.read,
        has_refusals=True,
        system="samba",
        is_rotated=True,
        hosts=audit.hosts_of,
    ),
    Format(
        "smbd-log",
        "A",
        "Samba's log: level 10 A, level 3 B with refusals, level 2 B without",
        "local",
        "smbcontrol smbd debug 10; smb.conf: debug pid = yes, debug hires timestamp = yes",
        _text(log.sniff),
        log.read,
        has_refusals=True,
        system="samba",
        judge=log.grade_of,
        is_rotated=True,
    ),
    Format(
        "procmon",
        "A",
        "Process Monitor's CSV, of one machine",
        "local",
        "Procmon: File > Save > CSV, with the column Date & Time",
        _text(procmon.sniff),
        procmon.read,
        has_refusals=True,
        is_of_its_machine=True,
    ),
    Format(
        "windows-security",
        "B",
        "Windows' Security log, events 4656, 4658, 5145, as XML",
        "utc",
        "wevtutil qe Security /f:xml > security.xml",
        _text(security.sniff),
        security.read,
        system="windows",
        is_rotated=True,
        hosts=security.hosts_of,
    ),
    _sampled(
        "smbstatus-json",
        "smbstatus --json, one sample or many",
        "utc",
        "smbstatus -j >> share.jsonl   # every second",
        status_json.sniff,
        status_json.read,
        status_json.GAP,
        "samba",
    ),
    _sampled(
        "smbstatus",
        "smbstatus -L, -S or without an option, as text",
        "local",
        "date; smbstatus",
        status_text.sniff,
        status_text.read,
        status_text.GAP,
        "samba",
    ),
    _sampled(
        "openfiles",
        "openfiles /query /fo csv /v",
        "local",
        "openfiles /query /fo csv /v > openfiles_2026-10-05_091000.csv",
        openfiles.sniff,
        openfiles.read,
        openfiles.GAP,
        "windows",
    ),
    _sampled(
        "smb-open-file",
        "Get-SmbOpenFile as JSON or CSV",
        "local",
        "Get-SmbOpenFile | ConvertTo-Json > smb_2026-10-05_091000.json",
        smb_open_file.sniff,
        smb_open_file.read,
        smb_open_file.GAP,
        "windows",
    ),
    Format(
        "access-log",
        "D",
        "access log of a WebDAV server (423)",
        "utc",
        "the server's access log, common, combined or JSON",
        _text(access_log.sniff),
        access_log.read,
        has_refusals=True,
        is_rotated=True,
    ),
)

BY_NAME: Final = {one.name: one for one in FORMATS}


def format_of(source: TraceFile, wanted: str = "") -> Format:
    """The format of a file: the one that is `wanted`, or the one it looks like. Raises
    `ImportFailed` for one that looks like none.
    """
    if wanted:
        found = BY_NAME.get(wanted)
        if found is None:
            raise ImportFailed(f"there is no format {wanted!r}{suggestion(wanted, BY_NAME)}")
        return found
    head = source.head()
    if not head.strip():
        raise ImportFailed(f"{source.path} is empty")
    text = head.decode(encoding_of(head), "replace").removeprefix("\ufeff")
    for one in FORMATS:
        if one.sniff(head, text):
            return one
    if "Microsoft-Windows-Security-Auditing" in text:
        raise ImportFailed(
            f"{source.path}: Event Viewer's CSV has neither fractions of a second nor a zone; "
            "save the events as XML"
        )
    raise ImportFailed(
        f"{source.path} looks like no format that can be imported; `despoolr import --list` has "
        "them, and --as FORMAT says which one it is"
    )
