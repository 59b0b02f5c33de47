"""`despoolr package` and `packages`: what there is to distribute, and the source files it is made
of.

The law: `create` and `update` look at every file before they send one; a package that cannot be
made leaves nothing behind.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from despoolr_app.cli.base.at_site import SITES, Whom, find_site, site_options
from despoolr_app.cli.base.options import option
from despoolr_app.cli.base.output import (
    EXIT_OK,
    ShowGroup,
    echo_table,
    fail,
    json_option,
    moment,
    put,
    put_over,
)
from despoolr_core.phrases import counted
from despoolr_core.rules.fold import fold

if TYPE_CHECKING:
    from despoolr_app.cli.base.at_site import AskedSite

BOUNDS = (
    "At most 10,000 files, 60 MiB in all, 30 directories deep; no symbolic links, no names "
    "Windows cannot store."
)
DIRECTORY = click.Path(path_type=Path, file_okay=False)


@click.group(
    "package",
    cls=ShowGroup,
    epilog="ID|NAME is a PackageID such as BPC00001, or the package's name in any case.",
)
def command() -> None:
    """One package. `despoolr package ID|NAME` shows it, `create` makes one, `update` changes its
    files.
    """


@command.command("show", epilog=SITES)
@click.argument("package", metavar="ID|NAME")
@site_options
@json_option
def show(whom: Whom, package: str, as_json: bool) -> int:
    """Show a package and where it is."""
    from urllib.parse import quote

    from msgspec import to_builtins

    from despoolr_core.share.site_api import PackageFacts

    site = find_site(whom, package)
    found = site.get(f"packages/{quote(package, safe='')}", PackageFacts)
    if as_json:
        site.echo_json(to_builtins(found))
        return EXIT_OK
    put(f"{found.package} {found.name}, source {found.source}")
    put(f"version {found.version}, {found.size:,} bytes" if found.version else "never sent yet")
    if found.status:
        echo_table(
            ["SITE", "SERVER", "STATUS", "VERSION", "SINCE"],
            [
                (
                    s.site,
                    s.server or "-",
                    s.status,
                    s.version or "-",
                    moment(s.updated_at or None),
                )
                for s in found.status
            ],
        )
    return EXIT_OK


@click.command("packages", epilog=SITES)
@site_options
@json_option
def packages(whom: Whom, as_json: bool) -> int:
    """List the packages of a running site."""
    from despoolr_core.share.site_api import PackageList

    site = find_site(whom)
    found = site.get("packages", PackageList).packages
    if as_json:
        site.echo_json({"packages": found})
    elif not found:
        put("There are no packages; make one with `despoolr package create NAME DIRECTORY`.")
    else:
        rows = [(p.package, p.name, p.version or "-", f"{p.size:,}", p.source) for p in found]
        echo_table(["PACKAGE", "NAME", "VERSION", "BYTES", "SOURCE"], rows)
    return EXIT_OK


@command.command("create", epilog=f"{BOUNDS} {SITES}")
@click.argument("name")
@click.argument("directory", type=DIRECTORY)
@option("--comment", default="", help="A line about the package.")
@option(
    "--id",
    "package_id",
    default="",
    metavar="ID",
    help="PackageID. Default: the site's next free one.",
)
@site_options
@json_option
def create(
    whom: Whom,
    name: str,
    directory: Path,
    comment: str,
    package_id: str,
    as_json: bool,
) -> int:
    """Make a package of a directory's files.

    They are put on the site server's package source share.
    """
    from despoolr_app.site_client.errors import SiteError
    from despoolr_app.site_client.upload import SourceShare, UploadError, read_source
    from despoolr_core.share.site_api import PackageMade, PackageSpec
    from despoolr_server.engine.names import BadName, parse_name
    from despoolr_server.site.state.boxes import SOURCE_SHARE

    bad = parse_name(name)
    if isinstance(bad, BadName) or not name.strip() or "/" in name or "\\" in name:
        reason = bad.reason if isinstance(bad, BadName) else "it is the name of one directory"
        fail(f"{name!r} cannot be a package's name: {reason}")
    try:
        source = read_source(directory)
    except UploadError as error:
        fail(str(error))
    site = find_site(whom)
    _check_free(site, name, package_id)
    share = SourceShare(site.server)
    try:
        with _Progress(directory, quiet=as_json) as progress:
            share.make(name, source, progress.update)
        place = rf"\\{site.facts.server}\{SOURCE_SHARE}\{name}"
        spec = PackageSpec(name, place, comment, package_id)
        try:
            made = site.post("packages", PackageMade, spec).package
        except click.ClickException:
            share.remove(name)
            raise
    except (SiteError, UploadError) as error:
        fail(str(error))
    if as_json:
        facts = {"files": len(source.files), "bytes": source.size}
        site.echo_json({"package": made, "name": name, "source": place, **facts})
    else:
        put(f"package {made} {name} is made of {_amount(source)} in {place}")
        put(f"distribute it with `despoolr job create FIRST --package {name}`")
    return EXIT_OK


def _check_free(site: AskedSite, name: str, package_id: str) -> None:
    from despoolr_core.share.site_api import PackageList

    for there in site.get("packages", PackageList).packages:
        if fold(there.name) == fold(name):
            fail(
                f"there is a package {there.package} {there.name} already: change its "
                "files with "
                f"`despoolr package update {there.name} DIRECTORY`, or choose another name"
            )
        if package_id and there.package == fold(package_id):
            fail(
                f"PackageID {there.package} is {there.name}'s already: leave --id out, or "
                "choose another"
            )


@command.command("update", epilog=f"{BOUNDS} {SITES}")
@click.argument("package", metavar="ID|NAME")
@click.argument("directory", type=DIRECTORY)
@site_options
@json_option
def update(whom: Whom, package: str, directory: Path, as_json: bool) -> int:
    """Replace a package's source files.

    Servers get them by a job that sends them even if sent before.
    """
    from urllib.parse import quote

    from despoolr_app.site_client.errors import SiteError
    from despoolr_app.site_client.upload import SourceShare, UploadError, read_source
    from despoolr_core.share.site_api import PackageFacts
    from despoolr_server.site.services.scheduler.package_source import split_unc

    try:
        source = read_source(directory)
    except UploadError as error:
        fail(str(error))
    site = find_site(whom, package)
    found = site.get(f"packages/{quote(package, safe='')}", PackageFacts)
    server, share, path = split_unc(found.source)
    if fold(server) != fold(site.facts.server) or fold(share) != "PKGSRC":
        fail(
            f"the source of {found.package} is {found.source}, which is not on this site "
            "server: change the files there"
        )
    try:
        with _Progress(directory, quiet=as_json) as progress:
            gone = SourceShare(site.server).replace(path, source, progress.update)
    except (SiteError, UploadError) as error:
        fail(str(error))
    if as_json:
        facts = {"files": len(source.files), "bytes": source.size, "removed": gone}
        site.echo_json(
            {
                "package": found.package,
                "name": found.name,
                "source": found.source,
                **facts,
            }
        )
    else:
        taken = f", and {gone:,} taken away" if gone else ""
        put(f"the source of {found.package} {found.name} is now {_amount(source)}{taken}")
        order = (
            f"despoolr job create UPDATE --package {found.package} --send-even-if-sent "
            "--refresh-existing"
        )
        put(f"bring it to the servers that have it with `{order}`")
    return EXIT_OK


def _amount(source: Any) -> str:
    return f"{counted(len(source.files), 'file')} ({source.size:,} bytes)"


class _Progress:
    """A line on a terminal that says how many files are over; nothing elsewhere."""

    def __init__(self, directory: Path, *, quiet: bool) -> None:
        self._directory = directory
        self._is_shown = sys.stderr.isatty() and not quiet

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_shown:
            put_over()

    def update(self, done: int, of: int, file: str) -> None:
        if self._is_shown and (done % 20 == 0 or done == of):
            text = f"{self._directory}: {done:,} of {of:,} files  {file[-40:]}"
            put_over(text, done / max(of, 1))
