"""Values of a scenario file that no run could make sense of: paths, counts, texts.

The law: a value that is always or never true, or that nothing can have, is refused where it is
read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from despoolr_core.rules.fold import fold
from despoolr_core.share.modes import ShareMode, parse_flags
from despoolr_server.engine.names import BadName, parse_name

_DOMAIN: Final = re.compile(r"[A-Za-z0-9_.$-]{1,32}")
SEPS: Final = "/\\"
_PLACEHOLDER: Final = re.compile(r"\{[^{}/\\]*\}")


def check_paths(paths: Iterable[str]) -> None:
    """Raises `ValueError` for a path that no file of a share can have. `{package:NAME}` stands for
    some name in it.
    """
    for path in paths:
        parsed = parse_name(_PLACEHOLDER.sub("ID", path))
        if isinstance(parsed, BadName):
            raise ValueError(f"no file can be called {path!r}: {parsed.reason}")
        if not parsed.path:
            raise ValueError("an empty path is the share itself, and no file")


def check_package_paths(paths: Iterable[str]) -> None:
    """Raises `ValueError` for a path that no file of a package can have: as `check_paths`, and for
    one that begins or ends with a separator, which would be another path below the package.
    """
    for path in paths:
        check_paths([path])
        if path[0] in SEPS or path[-1] in SEPS:
            raise ValueError(f"{path!r} begins or ends with a separator: say {path.strip(SEPS)!r}")


def check_names_once(paths: Iterable[str]) -> None:
    """Raises `ValueError` for two names that are one file on a share."""
    seen: dict[str, str] = {}
    for path in paths:
        other = seen.setdefault(fold(path.replace("\\", "/")), path)
        if other != path:
            raise ValueError(f"{other!r} and {path!r} are one file on a share")


def check_tree(paths: Iterable[str]) -> None:
    """Raises `ValueError` for a path in a directory that is a file."""
    files = {fold(path.replace("\\", "/")): path for path in paths}
    for name, path in files.items():
        parts = name.split("/")
        for n in range(1, len(parts)):
            if (file := files.get("/".join(parts[:n]))) is not None:
                raise ValueError(f"{file!r} is a file, so there is no {path!r} in it")


def check_share_mode(text: str) -> None:
    """Raises `ValueError` for a share mode that there is not, and for none said."""
    if not text.strip():
        raise ValueError("share_mode is empty; for an open that lets others do nothing say NONE")
    if "NONE" in fold(text) and parse_flags(ShareMode, text):
        raise ValueError(f"{text!r} shares nothing and something: NONE stands alone")
    parse_flags(ShareMode, text)


def check_domain(text: str) -> None:
    """Raises `ValueError` for what is no domain's name; empty: the site's."""
    if text and not _DOMAIN.fullmatch(text):
        raise ValueError(f"domain {text!r} is no name: letters, digits, and _ . $ -")


def check_count(count: int | None, at_least: int | None = None) -> None:
    """Raises `ValueError` for counts that everything or nothing would fulfil."""
    if count is not None and count < 0:
        raise ValueError(f"count is {count}; there cannot be fewer than none")
    if at_least is None:
        return
    if at_least < 1:
        raise ValueError(f"at_least = {at_least} is always true; say at least 1, or count = 0")
    if count is not None:
        raise ValueError("say either count or at_least: they speak of the same number")


def check_latin(text: str) -> None:
    """Raises `ValueError` for a text that a file of the field (code page 1252's) cannot have."""
    try:
        text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise ValueError(f"{text[error.start]!r} is no character of Latin-1; say hex") from None
