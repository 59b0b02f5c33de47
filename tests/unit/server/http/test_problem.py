"""Every problem of this layer is whole: a status, a title, advice, and SMB's own word for it."""

from __future__ import annotations

from http import HTTPStatus

import msgspec
import pytest

from despoolr_core.sharing import WIN32_CODE, NtStatus
from despoolr_core.wire import Problem
from despoolr_server.http.problem import KNOWN, answer, known


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
    assert (response.status, response.headers["Allow"], response.content_type) == (405, "GET", "application/problem+json")
    assert isinstance(response.body, bytes)
    assert msgspec.json.decode(response.body, type=Problem).status == 405
