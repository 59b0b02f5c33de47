"""`despoolr profiles`: what each SMS version does, behaviour by behaviour, with the article that
says so.
"""

from __future__ import annotations

import click

from despoolr_app.cli.base.options import option
from despoolr_app.cli.base.output import echo_json, json_option, put_prose, wrapped, wrapped_cell


@click.command("profiles", help="Print the table of behaviours: field, value per version, article.")
@option("--version", "versions", multiple=True, help="Only this version, e.g. 1.1; repeatable.")
@json_option
def command(versions: tuple[str, ...], as_json: bool) -> None:
    """The profiles as they are in the code: `despoolr_core.profile`."""
    from despoolr_core.profile import FIELDS, PROFILES, ProfileError, profile_of

    try:
        chosen = [profile_of(v) for v in versions] or list(PROFILES.values())
    except ProfileError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        fields = {
            name: {"source": meta["source"], "meaning": meta["meaning"]}
            for name, meta in FIELDS.items()
        }
        values = {p.version: {name: getattr(p, name) for name in FIELDS} for p in chosen}
        echo_json({"fields": fields, "profiles": values})
        return
    for name, meta in FIELDS.items():
        put_prose(wrapped(f"{name}  [{meta['source']}]"))
        put_prose(f"    {wrapped_cell(meta['meaning'], 4)}")
        groups: dict[str, list[str]] = {}
        for profile in chosen:
            groups.setdefault(str(getattr(profile, name)) or "(none)", []).append(profile.version)
        for value, where in groups.items():
            versions_ = ", ".join(where) if len(groups) > 1 else "all versions"
            put_prose(f"    {value:<28} {wrapped_cell(versions_, 33)}")
