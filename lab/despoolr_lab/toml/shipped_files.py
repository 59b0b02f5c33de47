"""The files that come with Despoolr: in a checkout `scenarios/`, in an installed wheel beside the
lab's packages.
"""

from __future__ import annotations

from pathlib import Path

from despoolr_core.suggest import suggestion
from despoolr_lab.toml.toml_text import ScenarioError


def shipped_directory(*parts: str) -> Path:
    """`scenarios`, or a directory in it. Raises `FileNotFoundError` if the installation is
    incomplete.
    """
    package = Path(__file__).resolve().parents[1]
    for candidate in (package / "scenarios", package.parents[1] / "scenarios"):
        if (found := candidate.joinpath(*parts)).is_dir():
            return found
    raise FileNotFoundError(
        "the scenarios that come with Despoolr are not installed; reinstall the package"
    )


def find_shipped(text: str, noun: str, *directories: Path) -> Path:
    """A file as a user names it: a path, or the name of one of `directories`. Raises
    `ScenarioError` that calls it `noun` and has the nearest right name.
    """
    if text and Path(text).is_dir():
        raise ScenarioError(f"{text} is a directory; name a {noun} file in it")
    if text and Path(text).exists():
        return Path(text)
    shipped = {
        path.stem: path for directory in directories for path in sorted(directory.glob("*.toml"))
    }
    name = text.removesuffix(".toml").replace("-", "_")
    if name in shipped and name + ".toml" != text.replace("-", "_"):
        return shipped[name]
    raise ScenarioError(
        f"there is no file {text}, and no {noun} of that name comes with "
        f"Despoolr{suggestion(name, sorted(shipped))}"
    )
