"""The names in a directory, as JSON for programs and as a page for browsers; many of them in
pieces.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Final
from urllib.parse import quote

from despoolr_server.engine.rows import FileFacts
from despoolr_server.http.base.browser_guard import inline, page_headers
from despoolr_server.http.base.conditions import http_date
from despoolr_server.http.base.pieces import NO_HEADERS, check_size_of, in_pieces, json_texts
from despoolr_server.http.base.problem import Refused, known
from despoolr_server.http.handling.handler import Request, StreamResponse
from despoolr_server.loop.pace import batches, breathe
from despoolr_server.shares.base.network_share import entry_of
from despoolr_server.shares.base.principal import TooMany

_ENTRY_SIZE: Final = 256
"""Bytes of an entry, but for its name."""

_ADVICE: Final = (
    "No call shows so many long names at one time; ask for single names, or tidy the directory up."
)


async def listing_answer(
    request: Request,
    path: str,
    found: list[FileFacts] | TooMany,
    headers: Mapping[str, str] = NO_HEADERS,
) -> StreamResponse:
    """A directory as a `Listing`, in JSON, in pieces."""
    checked = await _checked(found, 3)
    texts = json_texts([("path", path), ("entries", (entry_of(facts) for facts in checked))])
    return await in_pieces(
        request, 200, "application/json", texts, headers, size_about=_ENTRY_SIZE * len(checked)
    )


async def listing_page(
    request: Request,
    share: str,
    path: str,
    found: list[FileFacts] | TooMany,
    headers: Mapping[str, str] = NO_HEADERS,
) -> StreamResponse:
    """The same as a page."""
    checked = await _checked(found, 16)
    texts = (text.encode("utf-8") for text in _page(share, path, checked))
    more = _PAGE_HEADERS | dict(headers)
    return await in_pieces(
        request, 200, "text/html; charset=utf-8", texts, more, size_about=_ENTRY_SIZE * len(checked)
    )


async def _checked(found: list[FileFacts] | TooMany, factor: int) -> list[FileFacts]:
    """Raises `Refused` (507) for more names, or more bytes, than one answer may have."""
    if isinstance(found, TooMany):
        raise Refused(
            known("answer-too-large", f"There are more than {found.found_max} names. {_ADVICE}")
        )
    size = 0
    for batch in batches(found):
        size += sum(factor * len(facts.path) + _ENTRY_SIZE for facts in batch)
        await breathe(len(batch))
    check_size_of(size, _ADVICE)
    return found


def _page(share: str, path: str, found: list[FileFacts]) -> Iterator[str]:
    here = f"/{quote(share)}/{quote(path)}".rstrip("/") + "/"
    title = escape(f"\\\\{share}\\{path}".rstrip("\\").replace("/", "\\"))
    yield _HEAD.format(title=title)
    if path:
        above = escape(here.rsplit("/", 2)[0])
        yield f'<tr><td><a href="{above}/">..</a></td><td></td><td></td></tr>\n'
    for facts in found:
        name = facts.path.rpartition("/")[2]
        href, slash = escape(here + quote(name)), "/" if facts.directory else ""
        size = "" if facts.directory else f"{facts.size:,}"
        yield (
            f'<tr><td><a href="{href}{slash}">{escape(name)}{slash}</a></td>'
            f"<td>{size}</td><td>{http_date(int(facts.modified_at))[5:-4]}</td></tr>\n"
        )
    yield _FOOT


_HEAD: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem }}
body {{ padding: 0 1rem }} table {{ border-collapse: collapse; width: 100% }}
td, th {{ text-align: left; padding: .2rem .8rem .2rem 0 }}
td:nth-child(2), th:nth-child(2) {{ text-align: right }}
</style>
<h1>{title}</h1>
<table><tr><th>Name</th><th>Size</th><th>Modified (site time)</th></tr>
"""

_PAGE_HEADERS: Final = page_headers(styles=inline(_HEAD.format(title=""), "style"))
"""Those of every such page, whatever it lists."""

_FOOT: Final = """</table>
</html>
"""
