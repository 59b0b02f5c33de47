"""Every parser of `despoolr_core.formats`: any bytes in, a value or its documented error out, in
time linear in their number.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from despoolr_core.errors import FormatError
from despoolr_core.formats.dates import parse_date_time, parse_sms_date
from despoolr_core.formats.instructions.instruction_file import parse_instruction
from despoolr_core.formats.instructions.winst_text import parse_winst
from despoolr_core.formats.mif.codec import check, parse, read
from despoolr_core.formats.mif.language.findings import Mode
from despoolr_core.formats.mif.render import render_verbatim
from despoolr_core.formats.reports.job_mif import read_inventory_mif, read_plain_job_mif
from despoolr_core.formats.reports.site_mif import read_delta_mif
from despoolr_core.formats.reports.sta import parse_sta
from despoolr_core.formats.reports.status_mif import read_status_mif
from despoolr_core.formats.sms_id import parse_sms_id
from despoolr_core.formats.sms_ini import parse_sms_ini
from worlds.mif_samples import read_job_mif, would_sms_take

Parser = Callable[[bytes], Any]


def of_text(parser: Callable[[str], Any]) -> Parser:
    """A parser of texts, asked with bytes that any of its callers may have read."""
    return lambda data: parser(data.decode("utf-8", "surrogateescape"))


PARSERS: Final[dict[str, Parser]] = {
    "sms date": of_text(parse_sms_date),
    "date time": of_text(parse_date_time),
    "sms id": of_text(parse_sms_id),
    "instruction": parse_instruction,
    "winst": parse_winst,
    "sms.ini": parse_sms_ini,
    "sta": parse_sta,
    "mif, read": read,
    "mif, strict": parse,
    "mif, sms": lambda data: parse(data, Mode.SMS),
    "mif, all findings": lambda data: [check(data, mode) for mode in Mode],
    "mif, verdict": would_sms_take,
    "mif, comments": lambda data: (
        read(data).comments,
        read(data).delta_headers,
        render_verbatim(read(data)),
    ),
    "job mif": read_job_mif,
    "plain job mif": read_plain_job_mif,
    "inventory mif": read_inventory_mif,
    "delta mif": read_delta_mif,
    "status mif": read_status_mif,
}

GROUP: Final = (
    b'START GROUP\nNAME="G"\nID=1\nCLASS="A|B|1"\nKEY=1\n'
    b'START ATTRIBUTE\nNAME="A"\nID=1\nTYPE=INTEGER\nVALUE=1\nEND ATTRIBUTE\nEND GROUP\n'
)
PIECES: Final = [
    GROUP,
    b"START GROUP\n",
    b"END GROUP\n",
    b"START TABLE\n{1}\nEND TABLE\n",
    b'START ENUM\nNAME="E"\nTYPE=INTEGER\n0="a"\nEND ENUM\n',
    b'TYPE="E"\n',
    b"START\n",
    b'NAME = "C"\n',
    b'"',
    b"\\",
    b"//",
    b"// x<y>\n",
    b"{",
    b",",
    b"=",
    b"\n",
    b" ",
    b"[x]\n",
    b"a=b\n",
    b"\xff",
    b"\xfe\xff",
    b"\x00",
    b"\x1a",
    b"9",
    b"A",
    b"File Name: x\n",
    b"~",
    b"<>",
    b"$$<",
    b"06/03/96 ",
    b'{"a":',
    b"[",
]
"""What inputs are made of: parts of the formats, and what stands in nobody's way."""

FRAMES: Final = [
    (b"", b""),
    (b'START COMPONENT\nNAME="C"\n', b"END COMPONENT\n"),
    (b"[Local]\n", b""),
]


@pytest.mark.parametrize("parser", PARSERS)
@settings(max_examples=30, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.tuples(
            st.sampled_from(FRAMES),
            st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=3)), max_size=12),
        ).map(lambda drawn: drawn[0][0] + b"".join(drawn[1]) + drawn[0][1]),
    )
)
def test_any_bytes_are_a_value_or_the_documented_error(parser: str, data: bytes) -> None:
    try:
        PARSERS[parser](data)
    except FormatError:
        pass


def cost(parser: Parser, data: bytes, times: int = 1) -> float:
    """Processor seconds, the least of some. Where it is asked for several, each begins without the
    garbage of the one before, whose memory it would otherwise be charged for.
    """
    best = float("inf")
    for _ in range(times):
        if times > 1:
            gc.collect()
        gc.disable()
        began = time.process_time()
        try:
            parser(data)
        except FormatError:
            pass
        finally:
            best = min(best, time.process_time() - began)
            gc.enable()
    return best


BYTES_FEW, TIMES, RATIO_MAX = 20_000, 4, 7
SECONDS_SEEN = 0.04
"""What takes less at four times the size is not worth a ratio."""
MEASURED = [
    "instruction",
    "winst",
    "sms.ini",
    "sta",
    "mif, all findings",
    "mif, comments",
    "inventory mif",
    "delta mif",
]
REPEATED = [GROUP, *PIECES[1:5], b'"', b"\\", b"// x<y>\n", b"{", b"\n", b"[x]\n", b"a=b\n", b"9"]


@pytest.mark.parametrize("parser", MEASURED)
def test_four_times_the_bytes_take_about_four_times_as_long(parser: str) -> None:
    head, tail = FRAMES[1 if "mif" in parser else 2 if "ini" in parser else 0]
    for piece in REPEATED:
        count = max(1, BYTES_FEW // len(piece))
        few, many = (head + piece * n + tail for n in (count, count * TIMES))
        more = cost(PARSERS[parser], many)
        if more > SECONDS_SEEN and more / cost(PARSERS[parser], few) > RATIO_MAX:
            less, more = cost(PARSERS[parser], few, 5), cost(PARSERS[parser], many, 5)
            assert more / less <= RATIO_MAX, f"{piece!r}: {less:.3f} s, then {more:.3f} s"
