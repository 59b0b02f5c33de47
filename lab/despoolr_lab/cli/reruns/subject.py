"""What a command that runs scenarios again is asked about: a kept run, a file, an article."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from despoolr_app.cli.base.output import fail, say
from despoolr_app.runs.directory import RunError, find_run, load_run, write_whole
from despoolr_core.profile import ProfileError, profile_of
from despoolr_lab.cli.runs.running import read_scenario, run_and_keep
from despoolr_lab.kb.gallery import entry
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.reading.load import load_scenario
from despoolr_lab.scenario.reading.written import FILE, baked, to_toml
from despoolr_lab.scenario.run import RunOptions
from despoolr_lab.whatif.recording.staged_scenario import FILE as STAGED
from despoolr_lab.whatif.recording.staged_scenario import CannotStage, staged

_ARTICLE: Final = re.compile(r"[qQ]?[0-9]{6}")


@dataclass(frozen=True, slots=True)
class Subject:
    """A scenario with its options baked in, and the directory of a run of it. None: the run has no
    scenario (it was imported, or is older than they are kept).
    """

    scenario: Scenario | None
    directory: Path
    is_staged: bool = False
    """Whether it was made of a recording."""
    notes: tuple[str, ...] = ()
    """What of the recording it cannot show, or had to assume."""


def scenario_of(
    subject: str, root: Path, *, version: str, seed: int | None, quiet: bool
) -> Subject:
    """The scenario of a run that was kept, or of one that is made and kept now. Ends the command
    where there is none.
    """
    is_file = subject.endswith(".toml")
    if is_file or _ARTICLE.fullmatch(subject):
        try:
            scenario = read_scenario(subject) if is_file else load_scenario(entry(subject)[1])
            if version:
                profile_of(version)
        except ProfileError as error:
            fail(str(error))
        options = RunOptions(version=version or _version(scenario), seed=seed)
        whole = baked(scenario, options)
        _, directory = run_and_keep(scenario, options, root, quiet=quiet)
        return Subject(whole, directory)
    if version or seed is not None:
        fail("a run has its version and world already: give them with a scenario or an article")
    try:
        run = find_run(subject, root)
    except RunError as error:
        fail(str(error))
    path = run.path / FILE
    if not path.is_file():
        return Subject(None, run.path)
    return Subject(read_scenario(str(path)), run.path)


def staged_of(recording: Path, root: Path, *, quiet: bool) -> Subject:
    """A recording as a scenario, which is written beside it, and a run of that. Ends the command
    where none can be made of it.
    """
    try:
        found = staged(recording.name, load_run(recording).records)
        path = recording / STAGED
        write_whole(path, to_toml(found.scenario, found.scenario.story).encode())
    except (CannotStage, RunError) as error:
        fail(str(error))
    if not quiet:
        say(f"simulated: {path}")
    scenario = read_scenario(str(path))
    options = RunOptions(version=_version(scenario))
    _, directory = run_and_keep(scenario, options, root, quiet=quiet)
    return Subject(baked(scenario, options), directory, is_staged=True, notes=found.notes)


def _version(scenario: Scenario) -> str:
    return scenario.site[0].version
