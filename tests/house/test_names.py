"""One way to compare names: no module changes the case of a text but to read a word of its own, and
says which.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from worlds.import_graph import nodes_of, tree_of
from worlds.support import REPOSITORY

ROOMS = ("core", "server", "client", "app", "lab", "public")
CASES = ("upper", "lower", "casefold", "swapcase", "capitalize")

WORDS: dict[str, tuple[int, str]] = {
    "core/despoolr_core/rules/fold.py": (1, "the fold itself"),
    "core/despoolr_core/formats/instructions/winst_text.py": (2, "hexadecimal digits"),
    "core/despoolr_core/formats/instructions/pcmdump.py": (1, "hexadecimal digits"),
    "core/despoolr_core/formats/mif/language/tokens.py": (1, "the letter of an escape"),
    "core/despoolr_core/profile.py": (2, "true and false"),
    "server/despoolr_server/shares/base/problems.py": (
        1,
        "the address of a problem, from a status",
    ),
    "server/despoolr_server/http/openapi/routes.py": (1, "codings"),
    "server/despoolr_server/http/base/addresses.py": (2, "schemes and host names"),
    "server/despoolr_server/http/base/auth.py": (3, "schemes, localhost"),
    "server/despoolr_server/http/base/browser_guard.py": (3, "host names, schemes, media types"),
    "server/despoolr_server/http/shares/server/introspection.py": (
        1,
        "a status, from the address of a problem",
    ),
    "server/despoolr_server/http/openapi/document.py": (5, "methods, identifiers"),
    "server/despoolr_server/http/dav/request.py": (5, "host names, words of headers"),
    "server/despoolr_server/http/dav/answers.py": (1, "what a client calls itself"),
    "server/despoolr_server/http/base/problem.py": (2, "header names, codings"),
    "server/despoolr_server/http/base/surface.py": (2, "true and false"),
    "server/despoolr_server/http/connections/field_block.py": (
        2,
        "header names, Connection's word",
    ),
    "server/despoolr_server/http/connections/served.py": (1, "the word of Expect"),
    "server/despoolr_server/site/despooler/service.py": (
        3,
        "lines of a log, as the articles print them",
    ),
    "server/despoolr_server/files/path_index.py": (
        1,
        "what a file system that folds more would take for ours",
    ),
    "server/despoolr_server/files/beside/refold.py": (1, "the fold of older roots"),
    "server/despoolr_server/site/state/winst_box.py": (3, "lines of a log"),
    "client/despoolr_client/agent/agent.py": (2, "lines of a log"),
    "lab/despoolr_lab/soak/evidence.py": (1, "a file of ours on disk"),
    "lab/despoolr_lab/soak/stack.py": (5, "files of ours on disk"),
    "lab/despoolr_lab/soak/run.py": (1, "a file of ours on disk"),
    "app/despoolr_app/process/settings.py": (3, "words of options"),
    "app/despoolr_app/fleet/fleet.py": (1, "a host name: a machine's name is ASCII"),
    "lab/despoolr_lab/report/content/words.py": (1, "shown"),
    "lab/despoolr_lab/report/text.py": (1, "shown"),
    "lab/despoolr_lab/report/content/facts.py": (2, "a scenario's title"),
    "lab/despoolr_lab/report/content/verdict.py": (1, "shown"),
    "core/despoolr_core/records/live/words.py": (2, "words of another version, shown"),
    "lab/despoolr_lab/report/content/fixes.py": (1, "the first letter of a sentence"),
    "lab/despoolr_lab/report/html.py": (2, "the first letter of a sentence"),
    "core/despoolr_core/records/whatif/ladder.py": (1, "the first letter of a sentence"),
    "app/despoolr_app/process/logs/process_log.py": (2, "words of options, shown"),
    "app/despoolr_app/site_client/watch.py": (3, "shown"),
    "lab/despoolr_lab/sim/sockets.py": (4, "host names: a machine's name is ASCII"),
    "lab/despoolr_lab/sim/hosts.py": (11, "host names: a machine's name is ASCII"),
    "lab/despoolr_lab/scenario/surroundings/connections.py": (
        5,
        "host names: a machine's name is ASCII",
    ),
    "lab/despoolr_lab/scenario/world.py": (2, "host names: a machine's name is ASCII"),
    "lab/despoolr_lab/scenario/steps.py": (1, "host names: a machine's name is ASCII"),
    "app/despoolr_app/site_client/errors.py": (1, "shown"),
    "lab/despoolr_lab/oracle/connection.py": (1, "header names"),
    "server/despoolr_server/http/connections/heads.py": (1, "codings of a transfer"),
    "lab/despoolr_lab/oracle/cases.py": (1, "a word of a case"),
    "app/despoolr_app/cli/base/output.py": (2, "shown"),
    "app/despoolr_app/cli/pcmdump.py": (4, "switches"),
    "app/despoolr_app/cli/mif.py": (3, "shown"),
    "app/despoolr_app/cli/site/hotfix.py": (1, "shown"),
    "app/despoolr_app/cli/base/options.py": (1, "the name of an environment variable"),
    "lab/despoolr_lab/docs/semantics.py": (1, "shown"),
    "lab/despoolr_lab/bench/reports.py": (1, "host names: a machine's name is ASCII"),
}
"""Modules that change the case of something which is not a name: how often, and what it is."""


def cases_in(path: Path) -> int:
    """Calls in a file that change the case of a text, however they are reached (`map(str.upper,
    ...)` too).
    """
    return sum(
        isinstance(node, ast.Attribute) and node.attr in CASES for node in nodes_of(tree_of(path))
    )


@pytest.mark.slow
def test_whoever_compares_names_asks_the_one_fold() -> None:
    found = {
        path.relative_to(REPOSITORY).as_posix(): count
        for room in ROOMS
        for path in (REPOSITORY / room).rglob("*.py")
        if (count := cases_in(path))
    }
    more = {path: count for path, count in found.items() if count > WORDS.get(path, (0, ""))[0]}
    assert more == {}, (
        "compare names by despoolr_core.rules.fold; what is no name goes into the table, "
        "with what it is"
    )
    assert sorted(set(WORDS) - set(found)) == [], "these do it no more"


PRINTERS: dict[str, str] = {
    "app/despoolr_app/cli/base/output.py": "the one place that prints, and escapes",
    "app/despoolr_app/cli/mif.py": "rich tables, whose cells are escaped",
    "app/despoolr_app/cli/base/streams.py": "flushes, and closes what nobody reads",
    "lab/despoolr_lab/load/workers/worker.py": "JSON lines to the process that started it",
    "lab/despoolr_lab/docs/examples.py": "a file of the repository",
    "lab/despoolr_lab/docs/openapi.py": "a file of a release",
    "lab/despoolr_lab/docs/recordings.py": "a page of the repository",
    "lab/despoolr_lab/docs/semantics.py": "a page of the repository",
    "lab/despoolr_lab/docs/security.py": "a page of the repository",
    "lab/despoolr_lab/oracle/__main__.py": "cases of the repository",
    "app/despoolr_app/process/logs/process_log.py": "one record, one line: its formatters clean it",
}
"""Modules that write to a terminal, and why what they write is harmless. The benches print their
own figures.
"""


@pytest.mark.slow
def test_whatever_a_command_prints_is_escaped_in_one_place() -> None:
    prints = re.compile(
        r"\bclick\.(?:echo|secho)\(|(?<![\w.])print\(|\bConsole\(|\bsys\.std(?:out|err)\.(?:write|buffer|flush)"
    )
    found = {
        path.relative_to(REPOSITORY).as_posix()
        for room in ROOMS
        for path in (REPOSITORY / room).rglob("*.py")
        if "bench" not in path.parts and prints.search(path.read_text("utf-8"))
    }
    assert sorted(found - set(PRINTERS)) == [], "print by despoolr_app.cli.base.output"


@pytest.mark.slow
def test_what_is_wrapped_is_printed_as_prose() -> None:
    """`put` makes one line of all: a wrapped sentence would have `\\x0a` in it, on a terminal."""
    found = [
        f"{path.relative_to(REPOSITORY)}:{node.lineno}"
        for room in ROOMS
        for path in (REPOSITORY / room).rglob("*.py")
        for node in nodes_of(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "put"
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and part.id in ("wrapped", "wrapped_cell")
    ]
    assert found == []
