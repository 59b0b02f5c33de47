"""`despoolr token`: signed by the site's secret, of the role that was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from despoolr_app.cli.processes.token import command
from despoolr_core.share.modes import Role
from despoolr_server.http.base.auth import Auth

SECRET = b"0123456789abcdef0123456789abcdef"


def ask(*words: str, **environment: str) -> tuple[int, str]:
    done = CliRunner().invoke(
        command, words, env={"DESPOOLR_SECRET": None, "DESPOOLR_COMMON": None, **environment}
    )
    return done.exit_code, done.output.strip()


def test_a_token_is_one_that_the_site_takes() -> None:
    code, token = ask("prometheus", "--user", "watcher", DESPOOLR_SECRET=SECRET.decode())
    who = Auth(SECRET).check(f"Bearer {token}")
    assert code == 0 and who is not None
    assert (who.machine, who.user, who.role) == ("PROMETHEUS", "watcher", Role.CLIENT)


def test_the_secret_of_a_data_directory_signs(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(SECRET)
    code, token = ask("PC07", "--role", "admin", "--data", str(tmp_path))
    who = Auth(SECRET).check(f"Bearer {token}")
    assert code == 0 and who is not None and who.role is Role.ADMIN


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("PC07",), "no secret to sign with"),
        (("PC 07",), "is not a machine name"),
        (("PC07", "--data", "/nowhere"), "cannot read the secret"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(words: tuple[str, ...], says: str) -> None:
    code, said = ask(*words)
    assert code == 2 and says in said and len(said.splitlines()) == 1
