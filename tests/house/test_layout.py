"""House rules that a reader would otherwise have to check by eye: lengths, words, clocks,
chance.
"""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from worlds.import_graph import tree_of
from worlds.support import REPOSITORY, program

ROOTS = (
    "core/despoolr_core",
    "server/despoolr_server",
    "client/despoolr_client",
    "app/despoolr_app",
    "lab/despoolr_lab",
    "public/despoolr",
)
LINES_MAX = 600
TEST_LINES_MAX = 670

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
            if path.name == "__init__.py" and len(tree_of(path).body) <= 1:
                continue
            parts = path.relative_to(base).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def code_of(path: Path) -> str:
    return path.read_text("utf-8")


@pytest.mark.parametrize("root", ["core", "server", "client", "app", "lab", "public", "tests"])
def test_no_module_is_longer_than_a_person_reads(root: str) -> None:
    for path in sorted((REPOSITORY / root).rglob("*.py")):
        most = TEST_LINES_MAX if root == "tests" else LINES_MAX
        assert len(code_of(path).splitlines()) <= most, path


def test_modules_open_with_their_law() -> None:
    for name, path in modules().items():
        doc = ast.get_docstring(tree_of(path))
        assert doc and len(doc) > 30, name


@pytest.mark.slow
def test_no_code_asks_for_a_version() -> None:
    asks = re.compile(
        r"\b(profile|site|sms)?_?version\s*(>=|<=|<|>|==|!=)\s*[\"'(]|\bprofile\.version\s*(>=|<=|<|>|==|!=)"
    )
    for name, path in modules().items():
        for number, line in enumerate(code_of(path).splitlines(), 1):
            assert not asks.search(line.partition("#")[0]), f"{name}:{number}: {line.strip()}"


@pytest.mark.slow
def test_nothing_is_left_to_be_done() -> None:
    words = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME")) + r")\b")
    for root in (*ROOTS, "tests", "scenarios", "docs"):
        for path in sorted((REPOSITORY / root).rglob("*")):
            if path.suffix in (".py", ".toml", ".md", ".j2", ".html"):
                text = code_of(path)
                found = words.search(text)
                assert not found, f"{path}:{text.count(chr(10), 0, found.start()) + 1}: {found[0]}"


@pytest.mark.parametrize("call", CLOCKS_AND_CHANCE)
def test_time_and_chance_are_arguments(call: str) -> None:
    asked = re.compile(rf"(?<![\w.]){re.escape(call)}\(|(?<![\w.])datetime\.{re.escape(call)}\(")
    allowed = CLOCKS_AND_CHANCE[call]
    found = {
        str(path.relative_to(REPOSITORY))
        for path in modules().values()
        if call in code_of(path)
        and any(asked.search(line.partition("#")[0]) for line in code_of(path).splitlines())
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
        for name in re.findall(r"^ *(?:async )?def (test_\w+)", code_of(path), re.MULTILINE):
            words = name.split("_")[1:]
            assert len(words) >= 2, f"{path.name}: {name}"
            assert not words[-1].isdigit() or len(words) > 3, f"{path.name}: {name}"


def test_no_test_sleeps_on_the_wall_clock_or_is_left_out() -> None:
    """Process tests may wait for another process; a test is left out by `support.leave_out` alone,
    which CI does not allow.
    """
    for path in sorted((REPOSITORY / "tests").rglob("*.py")):
        text = code_of(path)
        if (
            # tests/data has programs that tests start, and no tests
            not {"process", "data"} & set(path.parts)
            and path.name not in ("process.py", "samba.py", "test_poison.py")
            and path.name != Path(__file__).name
        ):
            assert "time.sleep(" not in text, path
        for marker in ("mark.skip", "mark.xfail", "pytest.skip(", "importorskip"):
            assert path.name in (Path(__file__).name, "support.py") or marker not in text, (
                f"{path}: {marker}"
            )


def test_no_test_gives_up_on_what_should_happen_in_less_than_a_minute() -> None:
    """A machine with much to do takes its time, and a test that passes waits no longer for it. What
    is to run out is a limit of the product, or 0.
    """
    for path in sorted((REPOSITORY / "tests").rglob("*.py")):
        for seconds in re.findall(r"asyncio\.timeout\((\d[\d.]*)\)", code_of(path)):
            assert float(seconds) == 0 or float(seconds) >= 60, f"{path}: {seconds}"


def test_what_tests_stand_on_lies_in_one_place() -> None:
    """A file that is no test is one of `tests/worlds`, or a program of its own directory."""
    programs = {"api", "containers", "data", "golden", "mutants", "seen", "worlds"}
    for path in sorted((REPOSITORY / "tests").rglob("*.py")):
        is_test = path.name.startswith(("test_", "conftest"))
        if not is_test and path.name not in ("wire_traffic.py", "dead_code_allowed.py"):
            assert path.relative_to(REPOSITORY).parts[1] in programs, path


def test_the_tests_are_no_packages() -> None:
    assert list((REPOSITORY / "tests").rglob("__init__.py")) == []


@pytest.mark.slow
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
