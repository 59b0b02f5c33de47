"""Reading a load file: TOML in, a `LoadFile` out, or one error that names the line and the nearest
right word.

The law: what cannot be meant is found before anything is asked of a stack: a name that is not there
or there twice, more holders than clients, what happens after the end, more polls than a run may
make.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from despoolr_core.rules.fold import fold
from despoolr_core.share.fault_api import FAULTS_MAX
from despoolr_core.suggest import suggestion
from despoolr_core.times import span_s
from despoolr_lab.breaking import tables
from despoolr_lab.load.spec import model
from despoolr_lab.load.spec.from_scenario import load_of
from despoolr_lab.load.spec.model import LoadFile
from despoolr_lab.scenario.reading.load import parse_scenario
from despoolr_lab.toml.shipped_files import find_shipped, shipped_directory
from despoolr_lab.toml.toml_text import (
    ScenarioError,
    parse_document,
    parse_tables,
    place,
    read_text,
)


def find_load(text: str) -> Path:
    """A load file as a user names it: a path, or the name of one that comes with Despoolr. Raises
    `ScenarioError`.
    """
    return find_shipped(text, "load", shipped_directory("load"))


def read_load(path: Path) -> LoadFile:
    """Read a load file. Raises `ScenarioError` (with the line) or `OSError`."""
    return parse_load(read_text(path))


def parse_load(text: str) -> LoadFile:
    """Read a load, or a scenario with a `[load]` part, from its text. Raises `ScenarioError`."""
    if _is_scenario(parse_document(text)):
        load = load_of(parse_scenario(text))
        check(load, "")
        return load
    load = parse_tables(text, LoadFile)
    check(load, text)
    return load


def _is_scenario(document: dict[str, Any]) -> bool:
    """A load has jobs and updates where a scenario has steps, and no site of its own."""
    return any(
        name in document for name in ("run", "site", "server", "step", "versions", "article")
    )


def changed(
    load: LoadFile, *, clients: int | None = None, for_: str = "", seed: int | None = None
) -> LoadFile:
    """The same load with other numbers: so many clients in all, each group its part, holders too.
    Raises `ScenarioError`.

    Rows that are expected by a number of their own stay as they are written.
    """
    groups, holders, table = load.clients, load.holders, load.load
    if clients is not None:
        before = load.client_count
        cuts = [0]
        for group in groups:
            cuts.append(cuts[-1] + group.count)
        scaled = [cut * clients // before for cut in cuts]
        if 0 in (end - begin for begin, end in pairwise(scaled)):
            raise ScenarioError(
                f"{clients:,} clients are too few: one of the {len(groups)} groups would have none"
            )
        counts = {
            g.name: end - begin for g, (begin, end) in zip(groups, pairwise(scaled), strict=True)
        }
        holders = [
            replace(h, count=max(1, min(counts[h.clients], h.count * clients // before)))
            for h in holders
        ]
        groups = [replace(group, count=counts[group.name]) for group in groups]
    try:
        table = replace(table, for_=for_ or table.for_, seed=table.seed if seed is None else seed)
    except ValueError as error:
        raise ScenarioError(str(error)) from None
    found = replace(load, clients=groups, holders=holders, load=table)
    check(found, "")
    return found


def check(load: LoadFile, text: str) -> None:
    """What the schema cannot say. Raises `ScenarioError`."""
    names = {
        "clients": [group.name for group in load.clients],
        "package": [package.name for package in load.package],
        "job": [*(job.name for job in load.job), *(update.name for update in load.update)],
    }
    for table, noun in (("clients", "group"), ("package", "package"), ("job", "job")):
        _refuse_twice(names[table], noun, table, text)
    for table in ("job", "holders", "update", "fault", "program", "expect"):
        rows: list[Any] = getattr(load, table)
        for index, row in enumerate(rows):
            for key, kind in (
                ("package", "package"),
                ("clients", "clients"),
                ("machines", "clients"),
                ("machine", "clients"),
                ("job", "job"),
            ):
                value = getattr(row, key, None)
                for word in value if isinstance(value, list) else [value]:
                    if word and word != "*" and word not in names[kind]:
                        noun = "group of clients" if kind == "clients" else kind
                        raise _error(
                            f"there is no {noun} {word!r}{suggestion(word, sorted(names[kind]))}",
                            [table, index, key],
                            text,
                        )
    _check_times(load, text)
    _check_counts(load, text)


def _check_times(load: LoadFile, text: str) -> None:
    end = span_s(load.load.for_)
    for table in ("clients", "job", "holders", "update", "fault"):
        rows: list[Any] = getattr(load, table)
        for index, row in enumerate(rows):
            if span_s(row.at) > end:
                reason = (
                    f"{row.at} is after the end of the run, which goes for {load.load.for_}; "
                    "let it go on longer ([load] for)"
                )
                raise _error(reason, [table, index, "at"], text)


def _check_counts(load: LoadFile, text: str) -> None:
    counts = {group.name: group.count for group in load.clients}
    sizes = {package.name: package.files for package in load.package}
    for index, row in enumerate(load.holders):
        if row.count > counts[row.clients]:
            reason = (
                f"{row.clients} has {counts[row.clients]:,} clients, so {row.count:,} of "
                "them cannot hold a file"
            )
            raise _error(reason, ["holders", index, "count"], text)
        if row.files != "*" and not 1 <= int(row.files) <= sizes[row.package]:
            reason = f"{row.package} has the files 1 to {sizes[row.package]:,}, not {row.files}"
            raise _error(reason, ["holders", index, "files"], text)
    if load.client_count > model.CLIENTS_MAX:
        raise _error(
            f"{load.client_count:,} clients are more than {model.CLIENTS_MAX:,}",
            ["clients", 0, "count"],
            text,
        )
    for index, leak in enumerate(load.fault):
        if isinstance(leak, tables.HandleLeaksTable):
            size = sizes[leak.package]
            if not leak.file.isdecimal() or not 1 <= int(leak.file) <= size:
                reason = f"{leak.package} has the files 1 to {size:,}, not {leak.file}"
                raise _error(reason, ["fault", index, "file"], text)
    if len(load.fault) > FAULTS_MAX:
        reason = f"{len(load.fault)} faults are more than {FAULTS_MAX}, which a server has at most"
        raise _error(reason, ["fault", FAULTS_MAX, "at"], text)
    end = span_s(load.load.for_)
    polls = sum(group.count * (1 + int(end / span_s(group.poll_every))) for group in load.clients)
    if polls > model.POLLS_MAX:
        reason = (
            f"{polls:,} polls are more than {model.POLLS_MAX:,}: fewer clients, a longer "
            "poll_every, or a shorter run"
        )
        raise _error(reason, ["load", "for"], text)


def _refuse_twice(names: list[str], noun: str, table: str, text: str) -> None:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if fold(name) in seen:
            raise _error(f"there are two {noun}s called {name!r}", [table, index, "name"], text)
        seen.add(fold(name))


def _error(reason: str, keys: list[str | int], text: str) -> ScenarioError:
    return ScenarioError(reason, *place(keys, text))
