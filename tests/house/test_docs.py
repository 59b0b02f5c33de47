"""The documents say what is true: their examples parse and run, their links and names lead
somewhere, nothing is left out.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import textwrap
import tomllib
from collections.abc import Iterator, Set
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import click
import jsonschema
import msgspec
import pytest

from despoolr.console import COMMANDS, run
from despoolr_app.cli.root import root_of
from despoolr_core.profile import PROFILES
from despoolr_core.response import POLLING_S, retry_interval_s
from despoolr_lab.scenario import model
from despoolr_lab.scenario.reading.load import load_scenario, parse_scenario
from despoolr_lab.scenario.run import RunOptions, run_scenario
from worlds.support import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGES = sorted([*REPOSITORY.glob("*.md"), *DOCS.rglob("*.md")])
SCENARIOS = sorted(
    path for path in (REPOSITORY / "scenarios").rglob("*.toml") if path.parent.name != "load"
)

BASE = """\
name = "base"
title = "What the fragments of docs/scenarios.md stand on"

[run]
for = "2w"

[[clients]]
names = ["WS1", "WS2", "WS3", "WS4", "WS5"]

[[package]]
name = "OFFICE"
files = { "a.dat" = "a", "b.dat" = "b", "old.dat" = "old" }

[[package]]
name = "PATCH"
files = { "setup.exe" = "a patch" }

[[step]]
at = "0s"
do = "job"
name = "UPDATE"
package = "OFFICE"

[[step]]
at = "0s"
do = "job"
name = "PATCH-ALL"
package = "PATCH"
command = "SETUP.EXE"
"""

CHEAP = (["kb", "list"], ["kb", "show"], ["profiles"], ["schema"], ["--help"], ["--version"])
"""Commands that only look at themselves: every one in the docs is run."""


class Block(NamedTuple):
    """A fenced block of a page. `line` is that of its first line."""

    page: Path
    language: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(REPOSITORY)}:{self.line}"


def blocks(language: str, pages: list[Path] = PAGES) -> Iterator[Block]:
    for page in pages:
        lines = page.read_text("utf-8").splitlines()
        start, inside = 0, ""
        for number, line in enumerate(lines):
            fence = line.lstrip()
            if not fence.startswith("```"):
                continue
            if inside:
                if inside == language:
                    text = textwrap.dedent("\n".join(lines[start:number])) + "\n"
                    yield Block(page, language, start + 1, text)
                inside = ""
            else:
                start, inside = number + 1, fence[3:].strip() or "none"
        assert not inside, f"{page}: a fenced block that does not end"


def name_of(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


# -- scenarios in the docs

OTHER_FILES = ("load.md", "soak.md")
"""Pages whose examples are of other files, and read elsewhere (`test_load_docs`, `test_file` of
faults).
"""
TOML = [block for block in blocks("toml") if block.page.name not in OTHER_FILES]


def is_whole(block: Block) -> bool:
    return block.text.startswith("name = ")


def without_twins(base: str, fragment: str) -> str:
    """The base without the tables, packages, servers and jobs that the fragment makes itself."""
    made = {
        name
        for table in tomllib.loads(fragment).values()
        if isinstance(table, list)
        for name in (t.get("name") for t in table)
    }
    alone = [f"[{name}]" for name, table in tomllib.loads(fragment).items() if type(table) is dict]
    parts = [part for part in base.split("\n\n") if part.split("\n")[0] not in alone]
    return "\n\n".join(
        part for part in parts if not any(f'name = "{name}"' in part for name in made if name)
    )


@pytest.mark.parametrize("block", TOML, ids=str)
def test_every_toml_example_is_a_scenario_or_a_part_of_one(block: Block) -> None:
    text = block.text if is_whole(block) else f"{without_twins(BASE, block.text)}\n{block.text}"
    parse_scenario(text)
    plain = msgspec.to_builtins(tomllib.loads(text))
    errors = [
        error.message
        for error in jsonschema.Draft202012Validator(model.schema()).iter_errors(plain)
    ]
    assert not errors


@pytest.mark.parametrize("block", [b for b in TOML if is_whole(b)], ids=str)
def test_every_whole_example_runs_and_its_expectations_hold(block: Block) -> None:
    result = run_scenario(parse_scenario(block.text), RunOptions())
    assert result.findings
    assert [f"{f.name}: {f.actual}" for f in result.findings if not f.ok] == []


def test_the_example_fails_on_1_2_as_its_page_says() -> None:
    whole = next(b for b in TOML if is_whole(b) and b.page.name == "scenarios.md")
    result = run_scenario(parse_scenario(whole.text), RunOptions(version="1.2"))
    assert [f.ok for f in result.findings] == [False, True, True, True]


# -- docs/scenarios.md has the whole format, with its defaults

TABLES: dict[str, Any] = {
    "The top of the file": model.Scenario,
    "`[run]`": model.Run,
    "`[worlds]`": model.Worlds,
    "`[[site]]`": model.Site,
    "`[[server]]`": model.Server,
    "`[[clients]]`": model.Clients,
    "`[[package]]`": model.Package,
    "`[[program]]`": model.Program,
}
TAGGED: dict[str, list[Any]] = {
    "Steps": [kind for kind in model.Step.__args__ if not issubclass(kind, model.FaultStep)],
    "Faults": list(model.Fault.__args__),
    "Expectations": list(model.Expectation.__args__),
}
IN_COMMON = {
    "Steps": {"at", "versions", "jitter", "exact"},
    "Faults": {"at", "versions", "jitter", "exact"},
    "Expectations": {"at", "name", "versions", "when", "site", "exact_only"},
}
OWN_TABLES = {
    "run",
    "worlds",
    "load",
    "site",
    "server",
    "clients",
    "package",
    "program",
    "step",
    "expect",
}


@cache
def sections() -> dict[str, str]:
    """`Steps` or `Steps/hold` to the text below that heading of docs/scenarios.md, sub-headings
    left out.
    """
    found: dict[str, str] = {}
    upper = ""
    name = ""
    for line in (DOCS / "scenarios.md").read_text("utf-8").splitlines():
        if line.startswith("## "):
            upper = name = line[3:]
        elif line.startswith("### "):
            title = line[4:]
            name = f"{upper}/{title.strip('`')}" if upper in TAGGED else title
        found[name] = found.get(name, "") + line + "\n"
    return found


def rows(text: str) -> dict[str, str]:
    r"""The tables `| key | default | meaning |` of a section: key to default. (`\|` stands for a
    bar inside a cell.)
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 3 and cells[0].startswith("`"):
            found[cells[0].strip("`")] = cells[1].strip("`")
    return found


def default_of(field: msgspec.structs.FieldInfo) -> str:
    if field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
    elif field.default is not msgspec.NODEFAULT:
        value = field.default
    else:
        return "required"
    return "none" if value is None else msgspec.json.encode(value).decode().replace(",", ", ")


def documented(cls: Any, text: str, without: Set[str] = frozenset()) -> None:
    told = rows(text)
    wanted = {
        f.encode_name: default_of(f)
        for f in msgspec.structs.fields(cls)
        if f.encode_name not in without
    }
    assert {key: told.get(key) for key in wanted} == wanted


@pytest.mark.parametrize("title", TABLES)
def test_every_key_of_a_table_is_explained_with_its_default(title: str) -> None:
    documented(
        TABLES[title], sections()[title], OWN_TABLES if title == "The top of the file" else set()
    )
    if title == "`[[program]]`":
        own, _, mif = sections()[title].partition("`mif` is a table")
        documented(model.Program, own)
        documented(model.StatusMifSpec, mif)
        assert {field.name for field in msgspec.structs.fields(model.ProgramOutcome)} <= set(
            rows(own)
        )


@pytest.mark.parametrize(
    ("upper", "cls"),
    [(u, c) for u, them in TAGGED.items() for c in them],
    ids=lambda x: getattr(x, "__name__", x),
)
def test_every_step_and_expectation_has_a_section_an_example_and_its_keys(
    upper: str, cls: Any
) -> None:
    tag = cls.__struct_config__.tag
    text = sections()[f"{upper}/{tag}"]
    documented(cls, text, IN_COMMON[upper])
    key = "that" if upper == "Expectations" else "do"
    assert f'{key} = "{tag}"' in text, "an example of its own"


def test_what_steps_and_expectations_have_in_common_is_explained_once() -> None:
    assert set(rows(sections()["Steps"])) == {*IN_COMMON["Steps"], "do"}
    assert set(rows(sections()["Expectations"])) == {*IN_COMMON["Expectations"], "that"}


def test_no_section_explains_what_is_not_there() -> None:
    tags = {f"{upper}/{c.__struct_config__.tag}" for upper, them in TAGGED.items() for c in them}
    assert {name for name in sections() if "/" in name} == tags
    for name in tags:
        upper, _, tag = name.partition("/")
        cls = next(c for c in TAGGED[upper] if c.__struct_config__.tag == tag)
        assert set(rows(sections()[name])) <= set(cls.__struct_encode_fields__)


def test_the_response_table_is_that_of_the_code() -> None:
    told = dict(
        re.findall(r"^\| `(Very Fast|Fast|Medium|Slow)` \| (.*) \|$", sections()["Time"], re.M)
    )
    for response, polling_s in POLLING_S.items():
        retry_s = retry_interval_s(response)
        retry = f"{retry_s / 60:.0f} min" if retry_s < 3600 else f"{retry_s / 3600:.0f} h"
        days, hours = divmod(round(retry_s * 100 / 3600), 24)
        hundred = f"{days} d {hours} h" if hours else f"{days} d"
        assert told[response] == f"{polling_s / 60:.0f} min | {retry} | {hundred}"


# -- the first contribution


@pytest.mark.parametrize("block", list(blocks("diff")), ids=str)
def test_a_change_that_a_page_walks_through_can_be_made(block: Block) -> None:
    before, after, *lines = block.text.splitlines()
    assert before.removeprefix("--- a/") == after.removeprefix("+++ b/")
    code = (REPOSITORY / after.removeprefix("+++ b/")).read_text("utf-8")
    old = "\n".join(line[1:] for line in lines if not line.startswith("+"))
    new = "\n".join(line[1:] for line in lines if not line.startswith("-"))
    assert code.count(f"{old}\n") == 1 and new not in code


# -- commands in the docs


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every `despoolr ...` of a console block, and of the examples in help: where it stands, and
    its words.
    """
    for name, entry in COMMANDS.items():
        for line in entry.examples:
            yield f"{name} --help: {line}", shlex.split(line)[1:]
    for block in blocks("console"):
        for number, line in enumerate(block.text.splitlines()):
            if not line.startswith("$ "):
                continue
            for part in re.split(r"(?:\|\|?|;|&&)(?=(?:[^'\"]|'[^']*'|\"[^\"]*\")*$)", line[2:]):
                if part.strip().startswith("despoolr "):
                    asked = re.split(r"\s[0-9]?[<>]|\s&", part.strip())[0]
                    yield f"{name_of(block.page)}:{block.line + number}", shlex.split(asked)[1:]


COMMAND_LINES = list(commands())


@pytest.mark.parametrize(
    ("place", "words"), COMMAND_LINES, ids=[place for place, _ in COMMAND_LINES]
)
def test_every_command_in_the_docs_is_one_the_program_has(place: str, words: list[str]) -> None:
    context: click.Context = click.Context(root_of(COMMANDS), info_name="despoolr")
    command = context.command
    rest = words
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.get_command(context, rest[0])
        assert found is not None, f"{place}: despoolr has no command {rest[0]!r}"
        context, command, rest = click.Context(found, context, rest[0]), found, rest[1:]
    known = {
        option
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
    }
    for word in rest:
        if word.startswith("--"):
            assert word.partition("=")[0] in {*known, "--help"}, (
                f"{place}: {command.name} has no option {word}"
            )
    if not any(isinstance(p, click.Option) and p.callback for p in command.params):
        command.make_parser(context).parse_args(list(rest))


@pytest.mark.parametrize(
    ("place", "words"),
    [c for c in COMMAND_LINES if any(c[1][: len(x)] == x for x in CHEAP)],
    ids=str,
)
def test_cheap_commands_in_the_docs_run(
    place: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 0, place
    assert capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_somewhere_in_the_docs(name: str) -> None:
    everything = "\n".join(page.read_text("utf-8") for page in PAGES)
    assert re.search(rf"despoolr {name}\b|`{name}`", everything), (
        f"no page speaks of `despoolr {name}`"
    )


def test_every_make_target_in_the_docs_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text("utf-8"), re.M))
    for page in PAGES:
        told = set(re.findall(r"(?:`|\$ )make ([a-z-]+)", page.read_text("utf-8")))
        assert told <= targets, f"{name_of(page)}: make {told - targets}"


# -- links and names

LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    found = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text("utf-8")):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name_of(page)} links to {link}, which is not there"
        if anchor:
            assert anchor in headings(target), f"{name_of(page)}: {link} has no such heading"


def test_every_page_is_reached_from_the_readme_or_the_architecture() -> None:
    reached: set[Path] = set()
    for start in (REPOSITORY / "README.md", DOCS / "architecture.md"):
        for link in LINK.findall(start.read_text("utf-8")):
            if "://" not in link:
                reached.add((start.parent / link.partition("#")[0]).resolve())
    missing = [name_of(page) for page in DOCS.rglob("*.md") if page.resolve() not in reached]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_modules_and_files_that_are_named_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    for dotted in set(re.findall(r"`(despoolr_(?:core|server|client|app|lab)[\w.]*)`", text)):
        assert resolves(dotted), f"{name_of(page)} speaks of {dotted}"
    for path in set(
        re.findall(
            r"`((?:core|server|client|app|lab|public|tests|scenarios|docs|deploy)/[\w./-]+\.\w+)`",
            text,
        )
    ):
        assert (REPOSITORY / path).exists(), f"{name_of(page)} speaks of {path}"


def resolves(dotted: str) -> bool:
    """Whether this is a module, or something in one."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        try:
            spec = importlib.util.find_spec(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        if spec is not None:
            found: Any = importlib.import_module(".".join(parts[:count]))
            for name in parts[count:]:
                if not hasattr(found, name):
                    return False
                found = getattr(found, name)
            return True
    return False


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_shipped_scenario_is_read_and_has_its_row_in_the_fidelity_ledger(path: Path) -> None:
    scenario = load_scenario(path)
    assert set(scenario.versions) <= set(PROFILES)
    ledger = DOCS / "fidelity.md"
    if ledger.exists():
        assert path.stem in ledger.read_text("utf-8") or path.name in ledger.read_text("utf-8")


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(page.name[:4]) for page in sorted((DOCS / "decisions").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))
    for page in sorted((DOCS / "decisions").glob("*.md")):
        first = page.read_text("utf-8").splitlines()[0]
        assert first.startswith(f"# {int(page.name[:4])}. "), page.name


# -- what must not be in any file

FORBIDDEN = {
    "a path of somebody's machine": re.compile(
        r"(?<![\w.~$}])/(?:root|home/\w+|Users/\w+|work/[a-z]+)(?=[/\s\"'`]|$)"
    ),
    "a path of somebody's Windows": re.compile(r"[A-Z]:\\\\?Users\\"),
    "a package registry": re.compile(
        "|".join(
            [
                "py" + r"pi\.org",
                "python" + r"hosted\.org",
                "--(?:extra-)?index" + "-url[ =]http",
                "arti" + "factory",
            ]
        )
    ),
}


def committed_files() -> list[Path]:
    """What is, or would be, in the repository; everything but what is made here, where there is no
    git.
    """
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=REPOSITORY,
            capture_output=True,
            check=True,
        ).stdout.decode()
        paths = [REPOSITORY / name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        made = {
            ".venv",
            "runs",
            ".git",
            ".mypy_cache",
            ".ruff_cache",
            ".pytest_cache",
            ".hypothesis",
            "__pycache__",
        }
        paths = [path for path in REPOSITORY.rglob("*") if not made & set(path.parts)]
    return [path for path in paths if path.is_file()]


@pytest.mark.slow
@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_committed_file_contains(what: str) -> None:
    found = []
    for path in committed_files():
        try:
            text = path.read_text("utf-8")
        except (UnicodeDecodeError, OSError):
            continue
        found += [
            f"{name_of(path)}:{text.count(chr(10), 0, m.start()) + 1}: {m[0]}"
            for m in FORBIDDEN[what].finditer(text)
        ]
    assert not found


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a path of somebody's machine", "see /ro" + "ot/x and more"),
        ("a path of somebody's machine", '"/ho' + 'me/me/despoolr"'),
        ("a package registry", "https://py" + "pi.org/simple"),
    ],
)
def test_the_search_for_them_finds_them(what: str, text: str) -> None:
    assert FORBIDDEN[what].search(text)
