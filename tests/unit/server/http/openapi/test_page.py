"""The page of the description: a title that is only text, and the script that its policy names."""

from __future__ import annotations

import base64
import gzip
import hashlib

from despoolr_server.http.openapi.page import SCRIPT_HASH, compressed_script, render, script


def test_a_title_is_only_text() -> None:
    assert b"<title>&lt;script&gt;&amp;</title>" in render("<script>&")


def test_the_hash_in_the_policy_is_that_of_the_script() -> None:
    digest = base64.b64encode(hashlib.sha256(script()).digest()).decode()
    assert f"sha256-{digest}" == SCRIPT_HASH
    assert gzip.decompress(compressed_script()) == script()
