"""`despoolr token MACHINE`: a token of the site's, signed by its secret, for whoever must ask
without an administrator.

The secret is the one this process was given (`DESPOOLR_SECRET`, `DESPOOLR_SECRET_FILE`,
`DESPOOLR_COMMON`), or that of a data directory. The token goes to standard output and nowhere else.
"""

from __future__ import annotations

from pathlib import Path

import click

from despoolr_app.cli.base.options import option
from despoolr_app.cli.base.output import EXIT_OK, fail, put


@click.command("token")
@click.argument("machine")
@option("--user", default="", help="The user that the token names. Default: none.")
@option(
    "--role",
    type=click.Choice(["client", "service", "admin"]),
    default="client",
    help="What whoever shows it may do.",
)
@option(
    "--data",
    type=click.Path(path_type=Path),
    help="Data directory whose secret signs it. Default: the secret configured.",
)
def command(machine: str, user: str, role: str, data: Path | None) -> int:
    """Print a token for MACHINE: for Prometheus, for a client of your own, for a colleague."""
    from despoolr_app.cli.base.secret import configured_secret
    from despoolr_app.process.private_file import read_secret
    from despoolr_app.process.settings import ConfigError, parse_machine
    from despoolr_core.share.modes import Role
    from despoolr_server.http.base.auth import Auth

    try:
        secret = configured_secret() if data is None else read_secret(data / "secret")
        name = parse_machine(machine)
    except ConfigError as error:
        fail(str(error))
    if secret is None:
        fail(
            "there is no secret to sign with: give --data DIR, DESPOOLR_SECRET_FILE or "
            "DESPOOLR_COMMON"
        )
    if len(user) > 64 or not user.isprintable():
        fail("--user takes up to 64 printable characters")
    put(Auth(secret).issue(name, user, Role(role)))
    return EXIT_OK
