"""The gallery: the articles that have a scenario, and where their files are.

In a checkout the files are `scenarios/kb/*.toml`; in an installed wheel they lie beside this
package.
"""

from __future__ import annotations

from pathlib import Path

from despoolr_core.articles import ARTICLES, article_of
from despoolr_core.profile import ProfileError
from despoolr_core.rules.fold import fold
from despoolr_lab.toml.shipped_files import find_shipped, shipped_directory
from despoolr_lab.toml.toml_text import ScenarioError


def entries() -> list[tuple[str, Path]]:
    """KB number and scenario file of every article in the gallery, by number."""
    found = []
    for path in sorted(shipped_directory("kb").glob("q*.toml")):
        kb = fold(path.name.partition("_")[0])
        if kb in ARTICLES:
            found.append((kb, path))
    return found


def entry(kb: str) -> tuple[str, Path]:
    """One article's number and file; `147819` and `q147819` will do. Raises `ProfileError` with the
    nearest right one.
    """
    wanted = article_of(kb).kb
    for number, path in entries():
        if number == wanted:
            return number, path
    raise ProfileError(
        f"{wanted} has no scenario yet; there are {', '.join(number for number, _ in entries())}"
    )


def find_scenario(text: str) -> Path:
    """A scenario file as a user names it: a path, the name of one that comes with Despoolr, or an
    article's number. Raises `ScenarioError`.
    """
    if text[:1] in "qQ" and text[1:].isdecimal() and not Path(text).exists():
        try:
            return entry(text)[1]
        except ProfileError as error:
            raise ScenarioError(str(error)) from None
    return find_shipped(text, "scenario", shipped_directory(), shipped_directory("kb"))
