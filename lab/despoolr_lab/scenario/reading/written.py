"""A scenario as a file again: with what a command line changed about it, so that the file alone
gives the same run.

The law: what is written is read back as the same scenario, to the last character of its files.
"""

from __future__ import annotations

import tomllib
from typing import Any, Final

import msgspec
import tomli_w

from despoolr_core.profile import FIELDS, Profile, profile_of
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.run import RunOptions, profiles_of

FILE: Final = "scenario.toml"
"""Its name beside the records of its run."""


def baked(scenario: Scenario, options: RunOptions) -> Scenario:
    """The scenario that runs without options as this one does with them; a copy of its own."""
    found = copy_of(scenario)
    if options.clients is not None:
        groups = [group for group in found.clients if group.count]
        if groups:
            groups[-1].count = options.clients
    if options.for_s:
        found.run.for_ = f"{options.for_s}s"
    if options.seed is not None:
        found.run.seed = options.seed
    for site in found.site:
        profile = profiles_of(scenario, options)[site.code]
        site.version = profile.version
        site.profile = _differences(profile)
    return found


def copy_of(scenario: Scenario) -> Scenario:
    """A copy that shares nothing with it that can be changed."""
    return msgspec.convert(msgspec.to_builtins(scenario), Scenario)


def to_toml(scenario: Scenario, comment: str = "") -> str:
    """The text of its file; each line of `comment` stands above it."""
    document: dict[str, Any] = msgspec.to_builtins(scenario)
    text = tomli_w.dumps(document, multiline_strings=True)
    if tomllib.loads(text) != document:  # a line that ends as Windows has it
        text = tomli_w.dumps(document)
    return "".join(f"# {line}".rstrip() + "\n" for line in comment.splitlines()) + text


def _differences(profile: Profile) -> dict[str, Any]:
    shipped = profile_of(profile.version)
    return {
        name: getattr(profile, name)
        for name in FIELDS
        if getattr(profile, name) != getattr(shipped, name)
    }
