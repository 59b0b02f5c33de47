"""`despoolr replay RUN`: a kept run made again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import click

from despoolr_app.cli.base.options import runs_option
from despoolr_app.cli.base.output import (
    EXIT_OK,
    echo_json,
    fail,
    json_option,
    moment,
    put,
    put_prose,
    wrapped_cell,
)
from despoolr_core.rules.text import escaped

EXIT_PARTED: Final = 1


@click.command(
    "replay",
    help="Make a kept run again from the scenario that lies beside it, and compare every record.",
)
@click.argument("run", default="latest")
@runs_option
@json_option
def command(run: str, root: Path, as_json: bool) -> None:
    """Exit 0 if it is the same run, 1 with the first record that differs if it is not."""
    from despoolr_app.runs.directory import RunError, find_run
    from despoolr_lab.cli.runs.running import read_scenario
    from despoolr_lab.explore.replay import replay
    from despoolr_lab.scenario.reading.written import FILE
    from despoolr_lab.scenario.steps import StepError

    try:
        kept = find_run(run, root)
        summary = kept.summary or {}
        if summary.get("time", "virtual") != "virtual":
            fail(f"{kept.path} went in {summary['time']} time; only virtual time can be repeated")
        if not (kept.path / FILE).is_file():
            fail(f"{kept.path} has no {FILE}: it was imported, or made by an older version")
        has_end = bool(summary) and not summary.get("interrupted")
        found = replay(read_scenario(str(kept.path / FILE)), kept.records(), has_end=has_end)
    except RunError as error:
        fail(str(error))
    except StepError as error:
        fail(f"{run} cannot be made again: {error}")
    sys.exit(_tell(found, kept.path, str(summary.get("digest", "")), has_end, as_json))


def _tell(found: Any, path: Path, digest: str, has_end: bool, as_json: bool) -> int:
    """The exit code; `digest` is the one that was kept."""
    if as_json:
        echo_json(_facts(found, digest), source=str(path))
    elif found.parting is None:
        put(f"{path}: the same {found.same:,} records", f"digest {found.digest or '-'}")
        if not has_end:
            put("The run did not come to its end; what it recorded until then is the same.")
    else:
        _print(str(path), found)
    return EXIT_OK if found.parting is None else EXIT_PARTED


def _facts(found: Any, digest: str) -> dict[str, Any]:
    parting = found.parting
    return {
        "same": parting is None,
        "records": found.same,
        "digest": found.digest,
        "kept_digest": digest,
        "first": None
        if parting is None
        else {
            "record": parting.number,
            "at": parting.at,
            "kept": _line(parting.kept),
            "now": _line(parting.now),
            "fields": [{"name": n, "kept": a, "now": b} for n, a, b in parting.fields],
        },
    }


def _print(path: str, found: Any) -> None:
    parting = found.parting
    put(
        f"{path}: {found.same:,} records are the same; number {parting.number:,} is not, at "
        f"{moment(parting.at)}",
        "",
    )
    put_prose(f"  kept  {wrapped_cell(_line(parting.kept), 8)}")
    put_prose(f"  now   {wrapped_cell(_line(parting.now), 8)}")
    for name, kept, now in parting.fields:
        put_prose(f"    {escaped(name)}: {wrapped_cell(f'{kept} -> {now}', 6 + len(name))}")


def _line(record: Any) -> str:
    """A record in one line."""
    if record is None:
        return "(no more records)"
    import msgspec

    data = msgspec.to_builtins(record.data)
    facts = ", ".join(f"{name} {value}" for name, value in data.items() if value not in ("", 0, []))
    return f"{record.actor} {record.kind}: {facts}"
