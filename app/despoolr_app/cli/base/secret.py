"""The secret that a command was given, and the token that is made of it."""

from __future__ import annotations

import os
from pathlib import Path


def secret_token() -> str:
    """An administrator's token made from a configured secret, or nothing. Raises `ConfigError`."""
    secret = configured_secret()
    if secret is None:
        return ""
    from despoolr_core.share.modes import Role
    from despoolr_server.http.base.auth import Auth

    return Auth(secret).issue("ADMIN1", "Administrator", Role.ADMIN)


def configured_secret() -> bytes | None:
    """The secret that `DESPOOLR_SECRET`, `DESPOOLR_SECRET_FILE` or `DESPOOLR_COMMON` names, or
    None. Raises `ConfigError`.
    """
    from despoolr_app.process.private_file import given_secret
    from despoolr_app.process.stack_dir import common_secret

    file, common = os.environ.get("DESPOOLR_SECRET_FILE"), os.environ.get("DESPOOLR_COMMON")
    secret = given_secret(os.environ.get("DESPOOLR_SECRET"), Path(file) if file else None)
    return common_secret(Path(common)) if secret is None and common else secret
