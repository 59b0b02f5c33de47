"""Every problem of this layer is whole: a status, a title, advice, and SMB's own word for it."""

from __future__ import annotations

import gzip
from http import HTTPStatus

import msgspec
import pytest
from multidict import CIMultiDict

from despoolr_core.share.modes import WIN32_CODE, NtStatus
from despoolr_core.share.wire import Problem
from despoolr_server.http.base.problem import KNOWN, answer, known
from despoolr_server.http.handling.single_write import SingleWriteResponse
from worlds.share_server import Site


@pytest.mark.parametrize("name", list(KNOWN))
def test_a_known_problem_says_what_happened_and_what_to_do(name: str) -> None:
    problem = known(name)
    assert HTTPStatus(problem.status) >= 400
    assert problem.type == f"/problems/{name}"
    assert problem.title
    assert problem.detail.endswith(".")
    assert problem.win32 == WIN32_CODE[NtStatus(problem.nt_status)]


def test_the_status_of_the_body_is_the_status_of_the_answer() -> None:
    response = answer(known("bad-request"), {"Allow": "GET"}, status=405)
    assert isinstance(response, SingleWriteResponse)
    told = {"Allow": "GET", "Content-Type": "application/problem+json"}
    assert (response.status, response.plain) == (405, told)
    assert msgspec.json.decode(response.content, type=Problem).status == 405


CODED = [
    ("PUT", "/SMS_SHR/A"),
    ("PROPFIND", "/SMS_SHR/"),
    ("PROPPATCH", "/SMS_SHR/A"),
    ("LOCK", "/SMS_SHR/A"),
    ("MKCOL", "/SMS_SHR/D"),
    ("MOVE", "/SMS_SHR/A"),
    ("POST", "/api/v1/sessions"),
    ("POST", "/api/v1/opens"),
    ("PATCH", "/api/v1/opens/O1"),
    ("POST", "/api/v1/opens/O1/locks"),
    ("PUT", "/api/v1/opens/O1/content"),
    ("POST", "/api/v1/chain"),
    ("POST", "/api/v1/episodes/E1/end"),
]


@pytest.mark.parametrize(("method", "target"), CODED)
async def test_a_body_in_a_coding_is_refused_and_never_decoded(
    site: Site, method: str, target: str
) -> None:
    whole = gzip.compress(b"{}")
    for body in (whole, whole[:-4], b"not gzip", b""):
        refused = await site.ask(method, target, body, Content_Encoding="gzip")
        assert (refused.status, refused.problem.type) == (415, "/problems/unsupported-media-type")
        assert refused.headers["Accept-Encoding"] == "identity"
    assert (await site.ask("GET", "/SMS_SHR/A")).status == 404


@pytest.mark.parametrize(
    "coding", ["x-gzip", "br", "deflate", "zstd", "GZIP", "identity, gzip", "gzip,gzip", "?", "%"]
)
async def test_whatever_the_coding_is_called(site: Site, coding: str) -> None:
    assert (await site.ask("PUT", "/SMS_SHR/A", b"x", Content_Encoding=coding)).status == 415


async def test_a_coding_in_a_second_header_is_seen_too(site: Site) -> None:
    headers = CIMultiDict({"Authorization": f"Bearer {site.token}"})
    headers.extend([("Content-Encoding", "identity"), ("Content-Encoding", "gzip")])
    async with site.http.put(f"{site.base}/SMS_SHR/A", data=b"x", headers=headers) as reply:
        assert reply.status == 415


@pytest.mark.parametrize("coding", ["identity", "Identity", "", " identity , identity"])
async def test_no_coding_is_none(site: Site, coding: str) -> None:
    assert (
        await site.ask("PUT", "/SMS_SHR/A", b"\x1f\x8bxyz", Content_Encoding=coding)
    ).status == 201
    assert (await site.ask("GET", "/SMS_SHR/A", Content_Encoding="gzip")).body == b"\x1f\x8bxyz"
