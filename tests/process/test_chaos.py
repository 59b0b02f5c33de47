"""Kills of a real logon server under writers, and damage to all that it keeps: what was answered is
there, exactly.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from random import Random

import pytest

from despoolr_app.site_client.blocking_client import call
from despoolr_app.site_client.client import ServerAddress
from worlds.chaos import DAMAGES, Writer, check_copies, newest, over_http, write_for
from worlds.process import Process, Workshop
from worlds.support import free_port

pytestmark = pytest.mark.long

ROUNDS, KILLS, DAMAGES_EACH = 3, 5, 3
"""Fifteen kills, and every damage in each round; `make nightly` has two hundred, with every damage
after each.
"""
SHARE = "despoolr-data/logon/LOGON1/SMS_SHR"


def start(workshop: Workshop, port: int) -> tuple[Process, ServerAddress]:
    process = workshop.start("serve", "logon", "--roles", "logon", "--listen", f"127.0.0.1:{port}")
    return process, workshop.servers()["LOGON1"]


def chaos(workshop: Workshop, kills: int, seed: int, *, damages_each: int) -> int:
    """That many kills, each followed by a look at copies with that many damages; how many answered
    changes held.
    """
    rng, port, root = Random(seed), free_port(), workshop.path / SHARE
    writers = [Writer(number, Random(f"{seed}/{number}")) for number in range(4)]
    names = list(DAMAGES)
    for kill in range(kills):
        process, server = start(workshop, port)
        for writer in writers:
            writer.check(*over_http(server.url, server.token, writer), goes_on=True)
        write_for(writers, server.url, server.token, process.kill, rng.randrange(150, 400))
        chosen = [
            names[(kill * damages_each + index) % len(names)] for index in range(damages_each)
        ]
        has_properties = any(writer.properties for writer in writers)
        check_copies(
            root,
            workshop.path / "copy",
            writers,
            [d for d in chosen if has_properties or "propert" not in d],
        )
    return sum(writer.answered for writer in writers)


@pytest.mark.parametrize("seed", range(1, 1 + ROUNDS))
def test_five_kills_of_fifteen_and_every_damage_lose_double_and_bring_back_nothing(
    workshop: Workshop, seed: int
) -> None:
    assert len(DAMAGES) <= KILLS * DAMAGES_EACH
    assert chaos(workshop, KILLS, seed, damages_each=DAMAGES_EACH) >= KILLS * 150


def test_a_damaged_share_is_served_as_it_is_and_told_of_until_a_person_has_decided(
    workshop: Workshop,
) -> None:
    port, root = free_port(), workshop.path / SHARE
    process, server = start(workshop, port)
    writers = [Writer(0, Random(7))]
    write_for(writers, server.url, server.token, process.kill, 100)
    check_copies(root, workshop.path / "copy", writers, [])
    DAMAGES["a byte of a middle frame"](root)
    before = newest(root).read_bytes()
    process, server = start(workshop, port)
    writers[0].check(*over_http(server.url, server.token, writers[0]))
    assert (
        "nothing on SMS_SHR of LOGON1 can be changed: journal 1 is damaged at byte" in process.said
    )
    with pytest.raises(Exception, match="can be changed"):
        call(server, "PUT", "/SMS_SHR/CCR.BOX/new", b"x")
    health = json.loads(call(server, "GET", "/healthz"))
    assert health["status"] == "damaged" and health["damages"][0].startswith(
        "SMS_SHR: journal 1 is damaged"
    )
    done = workshop.run("health", "--url", server.url, "--token", server.token)
    assert done.returncode == 1 and "SMS_SHR: journal 1 is damaged" in done.stdout, done
    assert process.terminate()[0] == 0
    records = (workshop.path / "despoolr-data/logon/records.jsonl").read_text()
    assert '"kind":"share.damaged"' in records
    assert newest(root).read_bytes() == before
    (root / ".despoolr/journal").rename(workshop.path / "aside")
    process, server = start(workshop, port)
    writers[0].check(*over_http(server.url, server.token, writers[0]))
    call(server, "PUT", "/SMS_SHR/CCR.BOX/new", b"x")
    assert workshop.run("health", "--url", server.url, "--token", server.token).returncode == 0
    assert process.terminate()[0] == 0


def test_what_a_server_cannot_trust_beside_its_shares_is_one_line_and_nothing_is_written_over(
    workshop: Workshop,
) -> None:
    site = ("serve", "site", "--listen", "127.0.0.1:0", "--database", "")
    workshop.start(*site).terminate()
    data = workshop.path / "despoolr-data/site"

    def refused(file: Path, content: bytes, said: str) -> None:
        whole = file.read_bytes()
        file.write_bytes(content)
        done = workshop.run(*site)
        assert done.returncode == 2, done
        (line,) = [line for line in done.stderr.splitlines() if "no --logon" not in line]
        assert said in line and str(file.name) in line, line
        assert file.read_bytes() == content
        file.write_bytes(whole)

    refused(data / "BPC.db", b"", "it is empty")
    refused(data / "BPC.db", b"CREATE TABLE" * 500, "cannot be used")
    refused(data / "state.json", b"", "is damaged")
    state = json.loads((data / "state.json").read_bytes())
    refused(
        data / "state.json",
        json.dumps(state | {"starts": 7}).encode(),
        "is damaged (its checksum is that of other values)",
    )
    (data / "records.jsonl").write_bytes(b"{}\n")
    (data / "state.json").rename(data / "moved")
    done = workshop.run(*site)
    assert done.returncode == 2 and "state.json is gone, and records.jsonl" in done.stderr, done
    assert not (data / "state.json").exists(), "nothing is counted"
    (data / "moved").rename(data / "state.json")
    refused(data / "secret", b"", "secret")
    refused(data / "secret", bytes(44), "is one byte, 44 times")
    temporary = data / "SITE1/PKGSRC/.despoolr/tmp"
    shutil.rmtree(temporary)
    temporary.write_bytes(b"")
    refused(temporary, b"in its place", "File exists (")
    temporary.unlink()
    (workshop.path / ".despoolr").mkdir(exist_ok=True)
    (workshop.path / ".despoolr/servers.json").write_text("{}")
    refused(workshop.path / ".despoolr/servers.json", b"{", "is damaged")
    shutil.rmtree(workshop.path / ".despoolr")
    process = workshop.start(*site)
    assert "there is no" not in process.said and process.terminate()[0] == 0
    (data / "BPC.db").unlink()
    process = workshop.start(*site)
    assert "BPC.db: the site begins without jobs and machines" in process.said
    assert process.terminate()[0] == 0
