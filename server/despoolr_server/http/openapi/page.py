"""The page at `/docs`: RapiDoc, kept beside this module, shows the document; nothing comes from
elsewhere.

The law: a browser runs the one script whose hash the page's policy names, and that script asks this
server alone. Its style attributes are allowed; style sheets of a page are not.
"""

from __future__ import annotations

from html import escape
from typing import Final

SCRIPT_PATH: Final = "/docs/rapidoc-min.js"
SCRIPT_HASH: Final = "sha256-r/vRc6Zehw4Y85LMqWMRO82vtuUOiM0vaoNKZbItuU0="
"""Of the script, not of its compressed file (W3C, Subresource Integrity)."""
STYLE_HASHES: Final = (
    "sha256-jJXLXsMbK44of9f9zj7i4SZ6dlaZy0aK4ZJ0OqJwxoo=",
    "sha256-G8iuHPOcOeF01fKUmnNCCPvdg6IDpuFfDwd1ylbdDZE=",
)
"""Of the style sheets, light and dark, that the script makes of the attributes below; a browser
says the new one in its console when either has changed.
"""
POLICY: Final = (
    f"default-src 'none'; script-src '{SCRIPT_HASH}'; "
    f"style-src {' '.join(map(repr, STYLE_HASHES))}; "
    "style-src-attr 'unsafe-inline'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page's Content-Security-Policy."""

_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<script src="{path}" integrity="{digest}" defer></script>
</head>
<body>
<rapi-doc spec-url="/openapi.json" render-style="focused" load-fonts="false" schema-style="table"
  show-header="false" allow-server-selection="false" allow-spec-url-load="false"
  allow-spec-file-load="false" allow-spec-file-download="true" sort-endpoints-by="none"
  show-method-in-nav-bar="as-colored-text" use-path-in-nav-bar="false" persist-auth="false"
  regular-font="system-ui, sans-serif" mono-font="ui-monospace, monospace"
  primary-color="#2f6f9f"></rapi-doc>
<noscript>This page needs JavaScript; the description itself is
<a href="/openapi.json">/openapi.json</a>.</noscript>
</body>
</html>
"""


def render(title: str) -> bytes:
    """The page, for a document of this title."""
    page = _PAGE.format(title=escape(title), path=SCRIPT_PATH, digest=SCRIPT_HASH)
    return page.encode()


def compressed_script() -> bytes:
    """The script as a gzip file."""
    from importlib.resources import files  # noqa: PLC0415 - a run in virtual time has no page

    viewer = files("despoolr_server.http.openapi").joinpath("viewer")
    return viewer.joinpath("rapidoc-min.js.gz").read_bytes()


def script() -> bytes:
    """The script itself, for whoever takes no gzip."""
    import gzip  # noqa: PLC0415 - nearly everybody takes it compressed

    return gzip.decompress(compressed_script())
