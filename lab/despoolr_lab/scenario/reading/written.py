"""A scenario as a file again: with what a command line changed about it, so that the file alone
gives the same run.

The law: what is written is read back as the same scenario, to the last character of its files.
"""

from __future__ import annotations

from copy import copy
from typing import Any, Final

import msgspec
import tomli_w

from despoolr_core.profile import FIELDS, Profile, profile_of
from despoolr_lab.scenario.model import Scenario
from despoolr_lab.scenario.run import RunOptions, profiles_of

FILE: Final = "scenario.toml"
"""Its name beside the records of its run."""
_CHANGEABLE: Final = (list, dict, msgspec.Struct)


def baked(scenario: Scenario, options: RunOptions) -> Scenario:
    """The scenario that runs without options as this one does with them; a copy of its own."""
    found = copy_of(scenario)
    if options.clients is not None:
        groups = [group for group in found.clients if group.count]
        if groups and options.clients:
            groups[-1].count = options.clients
        elif groups:  # a group of nobody cannot be written
            found.clients.remove(groups[-1])
    if options.for_s:
        found.run.last(options.for_s)
    if options.seed is not None:
        found.run.seed = options.seed
    for site in found.site:
        profile = profiles_of(scenario, options)[site.code]
        site.version = profile.version
        site.profile = _differences(profile)
    return found


def copy_of(scenario: Scenario) -> Scenario:
    """A copy that shares nothing with it that can be changed. Nothing is checked anew: that takes
    ten times as long, and a what-if makes some fifty copies.
    """
    found: Scenario = _copy(scenario)
    return found


def _copy(value: Any) -> Any:
    if isinstance(value, list):
        return [_copy(one) if isinstance(one, _CHANGEABLE) else one for one in value]
    if isinstance(value, dict):
        return {
            key: _copy(one) if isinstance(one, _CHANGEABLE) else one for key, one in value.items()
        }
    found = copy(value)
    for name in found.__struct_fields__:
        inner = getattr(found, name)
        if isinstance(inner, _CHANGEABLE):
            setattr(found, name, _copy(inner))
    return found


def to_toml(scenario: Scenario, comment: str = "", *, is_short: bool = False) -> str:
    """The text of its file; each line of `comment` stands above it. `is_short`: no key says what
    would be so without it.
    """
    has_windows_lines = b"\\r\\n" in msgspec.json.encode(scenario)
    said = msgspec.to_builtins(scenario)
    if is_short:
        said = _shortened(scenario, said)
    text = tomli_w.dumps(said, multiline_strings=not has_windows_lines)
    return "".join(f"# {line}".rstrip() + "\n" for line in comment.splitlines()) + text


def _shortened(value: Any, plain: Any) -> Any:
    """`plain` is `value` in builtins, without the keys that say a default: msgspec leaves out those
    alone that are the very object.
    """
    if isinstance(value, list):
        return [_shortened(*pair) for pair in zip(value, plain, strict=True)]
    if not isinstance(value, msgspec.Struct):
        return plain
    found = dict(plain)
    for field in msgspec.structs.fields(value):
        key, inner = field.encode_name, getattr(value, field.name)
        if key not in found:
            continue
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        if inner == default:
            del found[key]
        else:
            found[key] = _shortened(inner, found[key])
    return found


def _differences(profile: Profile) -> dict[str, Any]:
    shipped = profile_of(profile.version)
    return {
        name: getattr(profile, name)
        for name in FIELDS
        if getattr(profile, name) != getattr(shipped, name)
    }
