"""`despoolr import FILE...`: what a real server saw becomes a run, which `why`, `locks` and
`report` read like any other.

The law: what was found is said for each file, and what cannot be known for the run. A file that
looks like nothing, or that cannot be read, is one line and exit 2, and leaves no run; damage inside
a file is told and the rest is used. A run in which nothing was found does not become `latest`.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from despoolr_app.cli.base.options import option, out_option
from despoolr_app.cli.base.output import (
    EXIT_OK,
    EXIT_USAGE,
    echo_json,
    echo_table,
    fail,
    json_option,
    put,
    put_prose,
    say,
    wrapped,
    wrapped_cell,
)
from despoolr_core.phrases import counted

if TYPE_CHECKING:
    from despoolr_lab.imports.importer import Import, ImportOptions

VERDICTS_MAX = 20
NOTES_MAX = 40


@click.command("import")
@click.argument("files", nargs=-1, metavar="FILE...", type=click.Path(path_type=Path))
@option("--as", "wanted", default="", metavar="FORMAT", help="Which format it is.")
@option(
    "--tz",
    default="",
    help="Zone of times that have none: +02:00, UTC, Europe/Berlin. Default: UTC.",
)
@option("--year", type=click.IntRange(1980, 2200), help="Year of times that have none (syslog).")
@option(
    "--map",
    "maps",
    multiple=True,
    metavar="ADDRESS=NAME",
    help="What a machine is called; repeatable.",
)
@option("--server", default="", metavar="NAME", help="What the server is called.")
@option(
    "--port",
    type=click.IntRange(1, 65535),
    help="The SMB server's port in a capture, where it is not 445 or 139.",
)
@option(
    "--anonymise",
    is_flag=True,
    help="Replace names of machines, users, shares and files, equal ones by equal ones.",
)
@option(
    "--salt",
    default="",
    help="With --anonymise: what keeps equal names equal over several runs. Keep it to yourself.",
)
@option("--list", "lists", is_flag=True, help="List the formats and how to record each.")
@out_option
@json_option
def command(
    files: tuple[Path, ...],
    wanted: str,
    tz: str,
    year: int | None,
    maps: tuple[str, ...],
    server: str,
    port: int | None,
    anonymise: bool,
    salt: str,
    lists: bool,
    out: Path,
    as_json: bool,
) -> int:
    """Make a run of what a real server saw: captures, Samba's logs and status, Windows' lists.

    Several files make one run, of one server or of several: each tells what it
    proves best.
    """
    from despoolr_lab.imports.importer import Import
    from despoolr_lab.imports.traces.source import ImportFailed, TraceFile

    if lists:
        _show_formats(as_json)
        return EXIT_OK
    if not files:
        fail("give at least one FILE; `despoolr import --list` says which formats there are")
    wishes = wishes_of(wanted, tz, year, maps, server, port, anonymise, salt)
    missing = [str(file) for file in files if not file.is_file()]
    if missing and Path(missing[0]).is_dir():
        fail(f"{missing[0]} is a directory: name the files in it")
    if missing:
        fail(f"there is no file {', '.join(missing[:3])}")
    try:
        imported = Import([TraceFile(file) for file in files], wishes)
        return _run(imported, files, out, as_json)
    except ImportFailed as error:
        fail(str(error))


def _run(imported: Import, files: tuple[Path, ...], out: Path, as_json: bool) -> int:
    from despoolr_app.clocks.time_source import wall_now
    from despoolr_app.runs.directory import RunDirectory, RunError, utc_stamp

    try:
        first = imported.names.hidden("file", files[0].stem)
        stamp, what = utc_stamp(wall_now()), f"import-{first}"
        with RunDirectory.create(out, stamp, what, None, is_latest=False) as run:
            notes: list[str] = []
            try:
                recorder = imported.run([run.listener, _into(notes)])
            except BaseException:
                run.discard()
                raise
            told = _told(imported, notes, run.path)
            run.write_summary(told)
            is_empty = not any(recorder.counts[of] for of in ("opens", "refusals", "sessions"))
            if not is_empty:
                run.make_latest()
            for note in run.notes:
                say(note)
    except RunError as error:
        fail(str(error))
    if as_json:
        echo_json(told, source=told["path"], at=recorder.last_at, notes=told["notes"])
    else:
        _show(told, is_empty=is_empty)
    if is_empty:
        say("nothing was found to import: no open and no refusal")
        return EXIT_USAGE
    return EXIT_OK


def _into(notes: list[str]) -> Any:
    """What of the records, beside the episodes, is told at the end: all else is in the run."""
    from despoolr_core.records.kinds.import_note import ImportNote

    def listen(record: Any) -> None:
        if isinstance(record.data, ImportNote):
            notes.append(record.data.text)

    return listen


def _told(imported: Import, notes: list[str], path: Path) -> dict[str, Any]:
    """The summary of the run, and what is printed of it."""
    recorder = imported.recorder
    assert recorder is not None, "it was run"
    why = recorder.ledger.why()
    episodes, verdicts = why.episodes, why.verdicts
    if verdicts:
        longest = max(range(len(episodes)), key=lambda n: episodes[n].blocked_s)
        verdict = verdicts[longest]
    elif not recorder.counts["opens"]:
        verdict = "Nothing was found in these sources: no open and no refusal."
    else:
        verdict = "Nobody was in the way, as far as these sources tell: no open was refused."
    return {
        "run": path.name,
        "kind": "import",
        "path": str(path),
        "scenario": path.name,
        "server": recorder.server,
        "grade": imported.grade,
        "files": imported.files(),
        "from": recorder.first_at,
        "to": recorder.last_at,
        "records": recorder.record_count,
        "opens": recorder.counts["opens"],
        "closes": recorder.counts["closes"],
        "refusals": recorder.counts["refusals"],
        "refused_for_rights": recorder.counts["rights"],
        "held_at_end": len(recorder.opens),
        "verdict": verdict,
        "episodes": episodes,
        "verdicts": verdicts,
        "notes": notes,
    }


def _show(told: dict[str, Any], *, is_empty: bool) -> None:
    echo_table(
        ["FILE", "FORMAT", "GRADE", "OPENS", "CLOSES", "REFUSALS", "DAMAGED"],
        [
            (
                one["file"],
                one["format"],
                one["grade"],
                f"{one['opens']:,}",
                f"{one['closes']:,}",
                f"{one['refusals']:,}",
                f"{one['damaged']:,}" if one["damaged"] else "-",
            )
            for one in told["files"]
        ],
    )
    if not is_empty:
        _show_story(told)
    put("")
    for note in told["notes"][:NOTES_MAX]:
        put_prose(wrapped(f"note: {note}"))
    if len(told["notes"]) > NOTES_MAX:
        put(f"{counted(len(told['notes']) - NOTES_MAX, 'more note')} in the run")
    put("", f"run: {told['path']}")
    if not is_empty:
        put(f"now: despoolr why {told['path']}")


def _show_story(told: dict[str, Any]) -> None:
    """What was found, beginning with the longest wait."""
    from despoolr_app.cli.base.output import moment
    from despoolr_lab.imports.importer import GRADES

    put("")
    put_prose(
        wrapped(
            f"{told['server']}, {moment(told['from'])} to {moment(told['to'])}, grade "
            f"{told['grade']}: {GRADES[told['grade']]}."
        )
    )
    put(
        f"{counted(told['opens'], 'open')}, {counted(told['refusals'], 'refusal')}, "
        f"{counted(len(told['episodes']), 'wait')}."
    )
    if told["verdicts"]:
        put("")
    pairs = list(zip(told["episodes"], told["verdicts"], strict=True))
    pairs.sort(key=lambda pair: -pair[0].blocked_s)
    for episode, sentence in pairs[:VERDICTS_MAX]:
        put_prose(wrapped(f"{episode.episode} ({episode.state}): {sentence}"))
    if len(pairs) > VERDICTS_MAX:
        put(f"{len(pairs) - VERDICTS_MAX:,} more: `despoolr why {told['path']}`")


def _show_formats(as_json: bool) -> None:
    from despoolr_lab.imports.capture.frames import FIELDS
    from despoolr_lab.imports.formats.table import FORMATS
    from despoolr_lab.imports.importer import GRADES

    if as_json:
        echo_json(
            {
                "grades": GRADES,
                "formats": [
                    {"name": one.name, "grade": one.grade, "what": one.title, "how": one.how}
                    for one in FORMATS
                ],
                "fields": FIELDS,
            }
        )
        return
    echo_table(["FORMAT", "GRADE", "OF"], [(one.name, one.grade, one.title) for one in FORMATS])
    put("", "How to record each:")
    for one in FORMATS:
        put(f"  {one.name}", f"    {one.how}")
    put("", "What a grade proves:")
    for grade, text in GRADES.items():
        put_prose(f"  {grade}  {wrapped_cell(text, 5)}")
    put("", "The fields of tshark that are read (-e NAME for each):")
    put_prose(wrapped("  " + " ".join(FIELDS)))


def wishes_of(
    wanted: str,
    tz: str,
    year: int | None,
    maps: tuple[str, ...],
    server: str,
    port: int | None,
    anonymise: bool,
    salt: str,
) -> ImportOptions:
    import secrets

    from despoolr_core.rules.text import why_unfit
    from despoolr_lab.imports.importer import ImportOptions

    names: dict[str, str] = {}
    for text in maps:
        address, equals, machine = text.partition("=")
        if not equals or not address.strip() or not machine.strip():
            fail(f"--map takes ADDRESS=NAME, not {text!r}")
        names[address.strip()] = machine.strip()
    for text in (server, *names.values()):
        if why := why_unfit(text):
            fail(f"the name {text[:40]!r} {why}")
    if salt and not anonymise:
        fail("--salt is for --anonymise")
    return ImportOptions(
        wanted=wanted,
        zone=_zone(tz) if tz else None,
        year=year or 0,
        names=names,
        server=server,
        port=port or 0,
        is_hidden=anonymise,
        salt=(salt.encode()[:64] if salt else secrets.token_bytes(16)) if anonymise else b"",
    )


def _zone(text: str) -> dt.tzinfo:
    """A zone by its distance from UTC, or by its name."""
    import re
    from zoneinfo import ZoneInfo

    found = re.fullmatch(r"([+-])(\d\d?)(?::?([0-5]\d))?", text)
    if found is not None and int(found[2]) < 24:
        ahead = dt.timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
        return dt.timezone(-ahead if found[1] == "-" else ahead)
    try:
        return dt.UTC if text == "Z" else ZoneInfo(text)
    except (ValueError, OSError, LookupError):
        fail(f"--tz {text!r} is no zone: give one such as +02:00, UTC or Europe/Berlin")
