"""House rules that a reader would otherwise have to check by eye: tests for every module, lengths,
words, clocks, chance.
"""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from support import REPOSITORY, program

ROOTS = (
    "core/despoolr_core",
    "server/despoolr_server",
    "client/despoolr_client",
    "app/despoolr_app",
    "lab/despoolr_lab",
    "public/despoolr",
)
LINES_MAX = 670

SEEN_THROUGH: dict[str, tuple[str, str]] = {
    "despoolr.__main__": ("tests/process/test_cli.py", "`python -m despoolr`, as tests start it"),
    "despoolr_client.pcm.chance": (
        "tests/unit/client/pcm/test_servers.py",
        "what every choice among servers is given",
    ),
    "despoolr_core.share.chain": (
        "tests/unit/server/http/shares/test_chain.py",
        "the bodies of a call, as a server takes and answers them",
    ),
    "despoolr_core.share.site_api": (
        "tests/house/test_openapi.py",
        "structs, checked against answers",
    ),
    "despoolr_core.share.fleet_api": (
        "tests/unit/server/http/site/test_slots.py",
        "the bodies of the calls, as a server takes and answers them",
    ),
    "despoolr_client.transport.http_share": (
        "tests/contract/test_share_http.py",
        "one of the two carriers of a share",
    ),
    "despoolr_core.formats.mif.build": (
        "tests/unit/core/formats/test_mif_render.py",
        "parts of `despoolr_core.formats.mif`, which is one door",
    ),
    "despoolr_core.formats.mif.checks": (
        "tests/unit/core/formats/test_mif_checks.py",
        "behind that door",
    ),
    "despoolr_core.formats.mif.codec": (
        "tests/unit/core/formats/test_mif_parser.py",
        "behind that door",
    ),
    "despoolr_core.formats.mif.rules": (
        "tests/contract/test_mif_files.py",
        "a table, checked against files",
    ),
    "despoolr_core.formats.mif.tables": (
        "tests/unit/core/formats/test_mif_parser.py",
        "behind that door",
    ),
    "despoolr_core.formats.mif.values": (
        "tests/unit/core/formats/test_mif_parser.py",
        "behind that door",
    ),
    "despoolr_core.formats.mif.words": (
        "tests/unit/core/formats/test_mif_tokens.py",
        "a table of words",
    ),
    "despoolr_lab.bench.__main__": (
        "tests/unit/lab/bench/test_load.py",
        "prints what the benches measured; measuring is not for tests",
    ),
    "despoolr_lab.bench.dav": ("tests/unit/lab/bench/test_load.py", "a measurement"),
    "despoolr_lab.bench.holders": ("tests/unit/lab/bench/test_load.py", "a measurement"),
    "despoolr_lab.bench.reports": ("tests/unit/lab/bench/test_load.py", "a measurement"),
    "despoolr_lab.bench.share_bench": ("tests/unit/lab/bench/test_load.py", "a measurement"),
    "despoolr_lab.bench.sim_events": ("tests/unit/lab/bench/test_load.py", "a measurement"),
    "despoolr_app.cli.clients": (
        "tests/process/test_fleets.py",
        "a command, asked of fleets that run",
    ),
    "despoolr_lab.cli.demo": ("tests/process/test_cli.py", "a command, run as one"),
    "despoolr_app.cli.hotfix": (
        "tests/process/test_administering.py",
        "a command, run against a site",
    ),
    "despoolr_app.cli.job": (
        "tests/process/test_administering.py",
        "a command, run against a site",
    ),
    "despoolr_lab.cli.compare": (
        "tests/process/test_load.py",
        "a command, asked about runs that were made",
    ),
    "despoolr_lab.cli.load": (
        "tests/process/test_load.py",
        "a command, run against servers that run",
    ),
    "despoolr_app.cli.machine": (
        "tests/process/test_administering.py",
        "a command, run against a site",
    ),
    "despoolr_app.cli.package": (
        "tests/process/test_administering.py",
        "a command, run against a site",
    ),
    "despoolr_app.cli.hold": (
        "tests/process/test_fleets.py",
        "a command, run against servers that run",
    ),
    "despoolr_lab.cli.kb": ("tests/house/test_docs.py", "a command, run as the documents print it"),
    "despoolr_lab.cli.narrator": ("tests/process/test_cli.py", "what the demo prints"),
    "despoolr_lab.cli.options": ("tests/house/test_docs.py", "options of commands that are run"),
    "despoolr_app.cli.output": ("tests/process/test_cli.py", "what commands print"),
    "despoolr_app.cli.profiles": (
        "tests/house/test_docs.py",
        "a command, run as the documents print it",
    ),
    "despoolr_lab.cli.run": (
        "tests/house/test_docs.py",
        "a command, run as the documents print it",
    ),
    "despoolr_lab.cli.running": (
        "tests/process/test_interrupted.py",
        "what run, kb and demo have in common",
    ),
    "despoolr_lab.cli.schema": (
        "tests/house/test_docs.py",
        "a command, run as the documents print it",
    ),
    "despoolr_lab.cli.soak": ("tests/process/test_soak.py", "a command, run as one"),
    "despoolr_lab.soak.holders": ("tests/process/test_soak.py", "users of a soak that runs"),
    "despoolr_lab.soak.run": ("tests/process/test_soak.py", "a soak, run"),
    "despoolr_lab.soak.stack": (
        "tests/process/test_soak.py",
        "processes, started, killed and started again",
    ),
    "despoolr_lab.soak.work": ("tests/process/test_soak.py", "orders to a site that runs"),
    "despoolr_app.fleet.fleet": ("tests/process/test_serve.py", "a process, started as one"),
    "despoolr_app.fleet.metrics": (
        "tests/process/test_metrics.py",
        "as a fleet that runs answers, and as Prometheus reads it",
    ),
    "despoolr_app.fleet.page": (
        "tests/process/test_fleets.py",
        "the two calls of a fleet that runs",
    ),
    "despoolr_app.process.runtime": ("tests/process/test_serve.py", "what the processes stand on"),
    "despoolr_lab.load.workers.protocol": (
        "tests/unit/lab/load/test_plan.py",
        "what is told to processes, made and read",
    ),
    "despoolr_lab.load.stage": (
        "tests/process/test_load.py",
        "a site that runs, asked and given work",
    ),
    "despoolr_lab.load.workers.worker": (
        "tests/process/test_load.py",
        "a process, started as one, stopped, killed",
    ),
    "despoolr_lab.load.workers.workers": (
        "tests/process/test_load.py",
        "those processes, directed",
    ),
    "despoolr_app.process.metrics": (
        "tests/process/test_metrics.py",
        "as every process answers, and as Prometheus reads it",
    ),
    "despoolr_lab.oracle.__main__": ("tests/process/test_oracle.py", "a command, run as one"),
    "despoolr_lab.oracle.connection": (
        "tests/process/test_oracle.py",
        "what that command asks with",
    ),
    "despoolr_lab.oracle.server": ("tests/process/test_oracle.py", "the process that it asks"),
    "despoolr_app.servers.servers": ("tests/process/test_serve.py", "processes, started as such"),
    "despoolr_lab.report.facts": ("tests/unit/lab/report/test_text.py", "what a report is made of"),
    "despoolr_lab.report.lanes": ("tests/unit/lab/report/test_html.py", "a part of the page"),
    "despoolr_lab.report.shapes": ("tests/unit/lab/report/test_html.py", "a part of the page"),
    "despoolr_lab.report.story": ("tests/unit/lab/report/test_html.py", "a part of the page"),
    "despoolr_lab.report.timeline": ("tests/unit/lab/report/test_html.py", "a part of the page"),
    "despoolr_lab.scenario.expectation_tables": (
        "tests/house/test_docs.py",
        "every key of every expectation, against the document",
    ),
    "despoolr_lab.scenario.programs": (
        "tests/unit/lab/scenario/test_run.py",
        "the programs of every run",
    ),
    "despoolr_lab.scenario.step_tables": (
        "tests/house/test_docs.py",
        "every key of every step, against the document",
    ),
    "despoolr_lab.toml.tables": ("tests/unit/lab/scenario/test_load.py", "what all tables refuse"),
    "despoolr_lab.scenario.verdict": ("tests/scenarios/test_articles.py", "the sentence of a run"),
    "despoolr_lab.scenario.world": (
        "tests/unit/lab/scenario/test_run.py",
        "the machines of every run",
    ),
    "despoolr_app.servers.metrics": (
        "tests/process/test_metrics.py",
        "as servers that run answer, and as Prometheus reads it",
    ),
    "despoolr_server.http.site.setup": (
        "tests/process/test_serve.py",
        "calls that only processes make",
    ),
    "despoolr_app.cli.at_site": (
        "tests/process/test_administering.py",
        "whom commands ask, against sites that run",
    ),
    "despoolr_app.cli.secret": ("tests/process/test_load.py", "what commands sign tokens with"),
    "despoolr_app.site_client.blocking": (
        "tests/contract/test_site_client.py",
        "one of the two carriers of a call",
    ),
    "despoolr_app.site_client.errors": (
        "tests/contract/test_site_client.py",
        "what a call comes to without an answer",
    ),
    "despoolr_app.site_client.live": (
        "tests/unit/app/cli/test_ask.py",
        "as a running server answers, and as its records do",
    ),
    "despoolr_app.site_client.over_aiohttp": (
        "tests/contract/test_site_client.py",
        "one of the two carriers of a call",
    ),
    "despoolr_app.site_client.client": (
        "tests/process/test_fleets.py",
        "how fleets ask a site that starts, refuses, is gone",
    ),
    "despoolr_server.http.shares.handle_calls": (
        "tests/house/test_openapi.py",
        "a table, checked against routes and answers",
    ),
    "despoolr_server.http.shares.server_calls": (
        "tests/house/test_openapi.py",
        "a table, checked against routes and answers",
    ),
    "despoolr_server.http.shares.share_calls": (
        "tests/house/test_openapi.py",
        "a table, checked against routes and answers",
    ),
    "despoolr_server.http.site.calls": (
        "tests/house/test_openapi.py",
        "a table, checked against routes and answers",
    ),
    "despoolr_server.http.site.answers": (
        "tests/house/test_openapi.py",
        "answers, checked against structs",
    ),
    "despoolr_server.http.site.routes": (
        "tests/unit/server/site/test_administrator.py",
        "every call, as an administrator makes it",
    ),
    "despoolr_server.shares.gate": (
        "tests/unit/server/shares/test_host.py",
        "what the host is built on",
    ),
    "despoolr_server.shares.closing": (
        "tests/unit/server/shares/test_host.py",
        "what follows when opens and sessions end",
    ),
    "despoolr_server.shares.base.limits": (
        "tests/unit/server/shares/test_host.py",
        "each limit at its edge",
    ),
    "despoolr_server.shares.base.network_share": (
        "tests/unit/server/shares/test_paths.py",
        "listings, and directories renamed too far down",
    ),
    "despoolr_server.shares.base.refusals": (
        "tests/unit/server/shares/test_host.py",
        "the records and the words of refusals",
    ),
    "despoolr_server.shares.sessions": (
        "tests/unit/server/shares/test_host.py",
        "leases, claims, leaving a share and coming back",
    ),
    "despoolr_server.shares.base.principal": (
        "tests/unit/server/shares/test_paths.py",
        "who calls, in every test of the host",
    ),
    "despoolr_server.shares.base.audit": (
        "tests/unit/server/shares/test_host.py",
        "the records the host makes",
    ),
    "despoolr_server.engine.table": ("tests/property/test_share_engine.py", "inside the engine"),
    "despoolr_server.shares.base.problems": (
        "tests/unit/server/http/base/test_problem.py",
        "the words of every refusal",
    ),
    "despoolr_server.files.attributes": (
        "tests/contract/test_file_store.py",
        "beside the files on disk",
    ),
    "despoolr_server.files.journal.records": (
        "tests/contract/test_journal.py",
        "any history, worked out and redone",
    ),
    "despoolr_server.files.journal.recovery": (
        "tests/contract/test_journal.py",
        "crashes in the middle of everything",
    ),
    "despoolr_server.files.journal.segments": (
        "tests/contract/test_journal.py",
        "group commits, full segments, damaged ones",
    ),
    "despoolr_server.files.journal.journalled": (
        "tests/contract/test_journal.py",
        "the third twin",
    ),
    "despoolr_server.files.layout": (
        "tests/unit/server/site/bench.py",
        "makes the directories of every bench",
    ),
    "despoolr_server.database.migrations.env": (
        "tests/unit/server/database/test_migration.py",
        "what alembic runs",
    ),
    "despoolr_server.database.migrations.types": (
        "tests/unit/server/database/test_migration.py",
        "the types that migrations name",
    ),
    "despoolr_server.database.migrations.versions.m0001_first": (
        "tests/unit/server/database/test_migration.py",
        "a step of all",
    ),
    "despoolr_server.database.migrations.versions.m0002_client_slots": (
        "tests/unit/server/database/test_migration.py",
        "a step of all",
    ),
    "despoolr_server.database.migrations.versions.m0003_sites": (
        "tests/unit/server/database/test_migration.py",
        "a step of all",
    ),
    "despoolr_server.database.migrations.versions.m0004_detail_status": (
        "tests/unit/server/database/test_migration.py",
        "a step of all",
    ),
}
"""Modules that no test imports by name: the test that shows what they do, and why there."""

CLOCKS_AND_CHANCE = {
    "time.time": {"app/despoolr_app/clocks/time_source.py"},
    "time.monotonic": {"app/despoolr_app/clocks/time_source.py"},
    "random.random": set(),
    "uuid.uuid4": set(),
    "os.urandom": set(),
    "datetime.now": set(),
    "datetime.utcnow": set(),
}
"""What only composition roots may ask, and which."""


@cache
def modules() -> dict[str, Path]:
    """Dotted name to file, packages by their `__init__.py` where that has more than a front
    page.
    """
    found: dict[str, Path] = {}
    for root in ROOTS:
        base = REPOSITORY / Path(root).parts[0]
        for path in sorted((REPOSITORY / root).rglob("*.py")):
            if path.name == "__init__.py" and len(ast.parse(path.read_text("utf-8")).body) <= 1:
                continue
            parts = path.relative_to(base).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imported_by_tests() -> set[str]:
    """Every module some test imports."""
    found: set[str] = set()
    for path in sorted((REPOSITORY / "tests").rglob("*.py")):
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
        # as `python -m`, or in a table of modules
        found |= set(re.findall(r"\bdespoolr_\w+(?:\.\w+)+", text))
    return found


@cache
def has_mirror(name: str) -> bool:
    """Whether `tests/unit` has the test file that mirrors a module."""
    package, *parts = name.split(".")
    mirror = REPOSITORY / "tests" / "unit" / package.removeprefix("despoolr_")
    return mirror.joinpath(*parts[:-1], f"test_{(parts or [package])[-1]}.py").is_file()


def untested() -> set[str]:
    return {name for name in modules() if name not in imported_by_tests() and not has_mirror(name)}


def code_of(path: Path) -> str:
    return path.read_text("utf-8")


def test_every_module_has_its_test_or_a_reason() -> None:
    assert untested() - set(SEEN_THROUGH) == set()


def test_what_is_seen_through_another_test_is_a_module_and_the_test_is_there() -> None:
    for name, (test, reason) in SEEN_THROUGH.items():
        assert name in modules(), name
        assert (REPOSITORY / test).is_file(), test
        assert reason, name


@pytest.mark.parametrize("root", ["core", "server", "client", "app", "lab", "public", "tests"])
def test_no_module_is_longer_than_a_person_reads(root: str) -> None:
    for path in sorted((REPOSITORY / root).rglob("*.py")):
        assert len(code_of(path).splitlines()) <= LINES_MAX, path


def test_modules_open_with_their_law() -> None:
    for name, path in modules().items():
        doc = ast.get_docstring(ast.parse(code_of(path)))
        assert doc and len(doc) > 30, name


def test_no_code_asks_for_a_version() -> None:
    asks = re.compile(
        r"\b(profile|site|sms)?_?version\s*(>=|<=|<|>|==|!=)\s*[\"'(]|\bprofile\.version\s*(>=|<=|<|>|==|!=)"
    )
    for name, path in modules().items():
        for number, line in enumerate(code_of(path).splitlines(), 1):
            assert not asks.search(line.partition("#")[0]), f"{name}:{number}: {line.strip()}"


def test_nothing_is_left_to_be_done() -> None:
    words = re.compile("|".join(("TO" + "DO", "FIX" + "ME")))
    for root in (*ROOTS, "tests", "scenarios", "docs"):
        for path in sorted((REPOSITORY / root).rglob("*")):
            if path.suffix in (".py", ".toml", ".md", ".j2", ".html"):
                for number, line in enumerate(code_of(path).splitlines(), 1):
                    assert not re.search(rf"\b(?:{words.pattern})\b", line), (
                        f"{path}:{number}: {line.strip()}"
                    )


@pytest.mark.parametrize("call", CLOCKS_AND_CHANCE)
def test_time_and_chance_are_arguments(call: str) -> None:
    asked = re.compile(rf"(?<![\w.]){re.escape(call)}\(|(?<![\w.])datetime\.{re.escape(call)}\(")
    allowed = CLOCKS_AND_CHANCE[call]
    found = {
        str(path.relative_to(REPOSITORY))
        for path in modules().values()
        if any(asked.search(line.partition("#")[0]) for line in code_of(path).splitlines())
    }
    assert found <= allowed, f"{call} outside {sorted(allowed)}"


def test_no_module_draws_from_the_generator_all_share() -> None:
    drawn = re.compile(
        r"(?<![\w.])random\.(choice|choices|shuffle|randint|uniform|sample|randrange|seed|gauss)\("
    )
    for name, path in modules().items():
        assert not drawn.search(code_of(path)), name


def test_test_names_are_sentences() -> None:
    for path in sorted((REPOSITORY / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(code_of(path))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
                "test_"
            ):
                words = node.name.split("_")[1:]
                assert len(words) >= 2, f"{path.name}: {node.name}"
                assert not words[-1].isdigit() or len(words) > 3, f"{path.name}: {node.name}"


def test_no_test_sleeps_on_the_wall_clock_or_is_left_out() -> None:
    """Process tests may wait for another process; a test is left out by `support.leave_out` alone,
    which CI does not allow.
    """
    for path in sorted((REPOSITORY / "tests").rglob("*.py")):
        text = code_of(path)
        if (
            # tests/data has programs that tests start, and no tests
            not {"process", "data"} & set(path.parts)
            and path.name not in ("process_world.py", "test_poison.py")
            and path.name != Path(__file__).name
        ):
            assert "time.sleep(" not in text, path
        for marker in ("mark.skip", "mark.xfail", "pytest.skip(", "importorskip"):
            assert path.name in (Path(__file__).name, "support.py") or marker not in text, (
                f"{path}: {marker}"
            )


def test_the_tests_are_no_packages() -> None:
    assert list((REPOSITORY / "tests").rglob("__init__.py")) == []


def test_no_file_names_a_machine_of_ours() -> None:
    place = re.compile(r"(?<![\w.])/(root|home|Users)/\w")
    for root in (*ROOTS, "tests", "scenarios", "docs"):
        for path in sorted((REPOSITORY / root).rglob("*")):
            if path.suffix in (".py", ".toml", ".md") and path != Path(__file__):
                for number, line in enumerate(code_of(path).splitlines(), 1):
                    assert not place.search(line), f"{path}:{number}: {line.strip()}"


def test_a_program_that_is_missing_leaves_a_test_out_and_says_what_to_install_but_not_in_ci(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Path(program("sh", "dash")).name == "sh"
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="on Debian: apt-get install telepathy-tools"):
        program("telepathy", "telepathy-tools")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(
        pytest.fail.Exception, match="CI leaves nothing out: telepathy is not installed"
    ):
        program("telepathy", "telepathy-tools")


def test_no_file_has_a_mark_of_a_merge() -> None:
    named = subprocess.run(
        ["git", "grep", "-lE", "^(<{7}|>{7}) |={7} [A-Z]", "--", ":!tests/data"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert named.stdout == ""
