"""A share server over real sockets, used as people use it: with curl, as docs/share-api.md
shows.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from worlds.process import Workshop
from worlds.share_server import Site, serving
from worlds.support import program

DOCUMENT = Path(__file__).parents[2] / "docs" / "share-api.md"


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving() as site:
        yield site


@dataclass
class Example:
    """One command of the document, and the answer it shows (None: a setting without one)."""

    line: int
    command: str
    shown: str | None


def examples(text: str) -> Iterator[Example]:
    """The commands of the ```sh and ```console blocks, in order."""
    language = ""
    current: Example | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            if current is not None:
                yield current
                current = None
            language = "" if language else (line[3:].strip() or "text")
        elif language == "sh":
            yield Example(number, line, None)
        elif language == "console" and line.startswith("$ "):
            if current is not None:
                yield current
            current = Example(number, line[2:], "")
        elif language == "console":
            assert current is not None, f"line {number}: an answer before any command"
            current.shown = f"{current.shown}{line}\n"


def as_shown(shown: str, got: str) -> bool:
    """Whether an answer is the one shown, `...` standing for anything."""
    pattern = ".*?".join(re.escape(part) for part in shown.rstrip("\n").split("..."))
    return re.fullmatch(pattern, got.replace("\r", "").rstrip("\n"), re.DOTALL) is not None


async def run(script: str, **environment: str) -> tuple[int, str]:
    """A script's exit code and output. They all use curl."""
    program("curl", "curl")
    shell = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        script,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        stdin=asyncio.subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **environment},
    )
    output, _ = await shell.communicate()
    return shell.returncode or 0, output.decode()


async def test_every_example_of_the_document_answers_as_shown(site: Site) -> None:
    await answer_as_shown(site.base, site.token, site.client_token)


async def test_they_do_on_a_server_that_is_started_as_the_document_says(
    workshop: Workshop,
) -> None:
    serve, *make = re.findall(r"despoolr ((?:serve|token) .*?)\)?$", DOCUMENT.read_text(), re.M)
    workshop.start(*serve.replace(":8085", ":0").split())
    tokens = [workshop.run(*one.split()).stdout.strip() for one in make]
    await answer_as_shown(workshop.servers()["LOGON1"].url, *tokens)


async def answer_as_shown(base: str, service: str, pc07: str) -> None:
    told = list(examples(DOCUMENT.read_text("utf-8")))
    assert len([example for example in told if example.shown is not None]) > 30
    mark = "--- end of the answer ---"
    script = "set -u\n" + "\n".join(
        example.command if example.shown is None else f"{example.command}\necho; echo '{mark}'"
        for example in told
    )
    code, output = await run(script, BASE=base, SERVICE_TOKEN=service, PC07_TOKEN=pc07)
    assert code == 0, output
    answers = output.split(mark)[:-1]
    shown = [example for example in told if example.shown is not None]
    assert len(answers) == len(shown), output
    for example, answer in zip(shown, answers, strict=True):
        assert example.shown is not None
        assert as_shown(example.shown, answer.lstrip("\n")), (
            f"docs/share-api.md:{example.line}\n$ {example.command}\nshown: {example.shown}\ngot: "
            f"  {answer.strip()}"
        )


def test_an_answer_other_than_the_one_shown_is_noticed() -> None:
    assert as_shown('{"a":...,"b":1}\n', '{"a":17,"b":1}\n')
    assert not as_shown('{"a":...,"b":1}\n', '{"a":17,"b":2}\n')
    assert not as_shown("", "something")


async def test_curl_uploads_with_basic_and_keeps_a_hold_across_connections(site: Site) -> None:
    script = r"""
    set -e
    printf data | curl -sf -u "PC07:$TOKEN" -T - "$BASE/SMS_SHR/N%C3%A4me.TXT"
    session=$(curl -sf -u "PC07:$TOKEN" -d '{}' "$BASE/api/v1/sessions" |
      sed 's/.*"session":"\([^"]*\)".*/\1/')
    ask="{\"session\":\"$session\",\"share\":\"SMS_SHR\",\"path\":\"Näme.TXT\"}"
    curl -sf -u "PC07:$TOKEN" -d "$ask" "$BASE/api/v1/opens" >/dev/null
    curl -s -u "PC07:$TOKEN" -X DELETE -o /dev/null -w '%{http_code} ' "$BASE/SMS_SHR/n%C3%A4me.txt"
    curl -sf -u "PC07:$TOKEN" -X DELETE "$BASE/api/v1/sessions/$session"
    curl -s -u "PC07:$TOKEN" -X DELETE -o /dev/null -w '%{http_code}' "$BASE/SMS_SHR/n%C3%A4me.txt"
    """
    assert await run(script, BASE=site.base, TOKEN=site.client_token) == (0, "423 204")


async def test_what_is_not_http_is_refused_and_disturbs_nobody(site: Site) -> None:
    host, port = site.base.removeprefix("http://").split(":")
    too_long = b"GET /" + b"x" * 9000 + b" HTTP/1.1"
    for rubbish, status in (
        (b"\x16\x03\x01\x02\x00\x01", b"400"),
        (b"GET / HTTP/9.9", b"400"),
        (too_long, b"414"),
    ):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(rubbish + b"\r\n\r\n")
        assert (await reader.readline()).split()[1] == status
        writer.close()
        await writer.wait_closed()
    assert (await site.ask("GET", "/SMS_SHR/")).status == 200


async def test_a_caller_that_leaves_in_the_middle_of_a_body_leaves_no_file(site: Site) -> None:
    host, port = site.base.removeprefix("http://").split(":")
    head = (
        "PUT /SMS_SHR/HALF HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
        f"{site.token}\r\nContent-Length: 500\r\n\r\n"
    )
    _, writer = await asyncio.open_connection(host, int(port), family=socket.AF_INET)
    writer.write(head.encode() + b"x" * 100)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await site.ask("PUT", "/SMS_SHR/WHOLE", b"x")).status == 201
    assert [entry["name"] for entry in (await site.ask("GET", "/SMS_SHR/")).json["entries"]] == [
        "WHOLE"
    ]
    assert not site.host.opens()
