"""A reader finds their way: few modules in a folder, and a front page in each."""

from __future__ import annotations

import ast
from collections import defaultdict

from worlds.import_graph import modules, room_of

MODULES_MAX = 14

LARGE = {
    "despoolr_app.cli": "a module a command, in the order of `despoolr --help`",
    "despoolr_core.formats": "a module a file format of the field",
    "despoolr_core.formats.mif": "one door, `despoolr_core.formats.mif`, with its parts behind it",
}
"""Folders of more, and why a reader finds their way in them all the same."""


def folders() -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for module in modules():
        if room_of(module) != module:
            found[room_of(module)].append(module)
    return found


def test_a_folder_has_few_modules() -> None:
    large = {folder for folder, inside in folders().items() if len(inside) > MODULES_MAX}
    assert large == set(LARGE)


def test_a_folder_has_a_front_page() -> None:
    for module, path in modules().items():
        if room_of(module) == module:
            page = ast.get_docstring(ast.parse(path.read_text("utf-8")))
            assert page and len(page) > 30, module


NAMESAKES = {
    "Clients": "those of one process; the `[[clients]]` of a scenario",
    "Connection": "of a server's caller; of the oracle's client; of the benchmark's client",
    "Connections": "all of a server; all of a client machine",
    "Facts": "what a load run came to; what a report draws",
    "Finding": "in a MIF; of a load's expectation; of a scenario's expectation",
    "Folder": "a remembered directory of a store; a folder of the PCM window",
    "Found": "a resource of WebDAV; what a soak counted",
    "Group": "of a MIF; of a load file; of lanes in a picture",
    "Hold": "one blocker's part in an episode; a file that a user keeps open",
    "Holders": "the opens of a file, summed up; the users of a soak; a table of a load file",
    "JobExpectation": "of a scenario, at its time; of a load, in the end",
    "JobFacts": "an answer of the site API; a job MIF's; a job at the end of a load",
    "Judgement": "of one series of a soak; of a whole soak",
    "Layout": "of an instruction file's listing; of a load's clients over its processes",
    "Line": "of a comparison; of a chart; of a record's story; of the story of examples",
    "Link": "of the journal's chain; a soak's way to a server; a way of the simulated network",
    "LockElement": "of a request on the wire; of the engine",
    "Machine": "in an inventory MIF; as the site knows it",
    "Mark": "a record of the journal; a sign in a picture",
    "Member": "of a MIF's enumeration; a process of a soak's stack",
    "Network": "the simulated one; whatever a scenario's servers are reached over",
    "Outcome": "of a journal; of an attempt; of a load; of a cell; of an oracle's case",
    "Package": "of a load, made; of a scenario file",
    "Place": "of an address; where a load is played",
    "Plan": "of an open; of a soak",
    "Program": "what one does on a client; the `[[program]]` of a scenario",
    "RangeLocks": "every lock of a file in the engine; the calls of a share about them",
    "Reading": "of journals; of a changed instruction file",
    "Refusals": "counted for metrics; told and recorded by a share host",
    "Reply": "to a client's exchange; to an oracle's question",
    "Row": "of a MIF's table; of Job Details, counted; a second of a load",
    "Run": "the `[run]` of a scenario; what a verdict's sentence is made of",
    "Runner": "of an HTTP application; of a client's programs",
    "Sample": "of a process at a moment; of a run that is compared",
    "Server": "as a client sees it; the `[[server]]` of a scenario; of the oracle",
    "Severity": "of an NT event; of a finding in a MIF",
    "Source": "whatever can be asked; a package's directory",
    "State": "of a resource under WebDAV's `If`; of a data directory",
    "Table": "of a MIF; of a scenario file",
    "Turn": "of a package in a client's queue; of a machine in a churn",
    "Verdict": "on a MIF; on a request's conditions; on a series of a soak",
    "Watch": "of a soak; of a load",
    "Worker": "the process itself; the process as its director sees it",
}
"""Names of several classes, none to be confused with another: what each is of."""


def namesakes() -> dict[str, list[str]]:
    """Names that several classes have, and the modules of those."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for module, path in modules().items():
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(module)
    return {name: where for name, where in found.items() if len(where) > 1}


def test_a_name_is_that_of_one_class_or_the_table_tells_them_apart() -> None:
    found = namesakes()
    assert {name: found[name] for name in found.keys() - NAMESAKES.keys()} == {}
    assert NAMESAKES.keys() - found.keys() == set(), "there is one of each now"
    for name, told in NAMESAKES.items():
        assert len(told.split("; ")) == len(found[name]), (name, found[name])
