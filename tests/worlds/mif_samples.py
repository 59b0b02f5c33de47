"""Small MIFs for tests: one group, one attribute, with one thing changed."""

from __future__ import annotations

from despoolr_core.formats.job_mif import JobReport, job_report
from despoolr_core.formats.mif.codec import read
from despoolr_core.formats.mif.findings import Mode


def read_job_mif(data: bytes) -> JobReport:
    """The report of a job-details MIF, by the same two steps as the Data Loader."""
    return job_report(read(data, Mode.STRICT).component)


def attribute(
    number: str = "1",
    *,
    type_: str = "STRING(8)",
    value: str | None = '"v"',
    name: str = '"a"',
    extra: str = "",
) -> str:
    """One attribute; texts stand as written. `value` None: no VALUE."""
    stated = "" if value is None else f" VALUE={value}"
    return f"START ATTRIBUTE NAME={name} ID={number} {extra} TYPE={type_}{stated} END ATTRIBUTE\n"


def group(
    *attributes: str, head: str = 'ID=1 CLASS="DMTF|ComponentID|1.0"', name: str = '"g"'
) -> str:
    """One group of these attributes (one plain one if none)."""
    return (
        f"START GROUP NAME={name} {head}\n" + "".join(attributes or (attribute(),)) + "END GROUP\n"
    )


def mif(*blocks: str, before: str = "", after: str = "") -> bytes:
    """A file of these blocks (one plain group if none)."""
    body = "".join(blocks or (group(),))
    return f'{before}START COMPONENT NAME="c"\n{body}END COMPONENT{after}\n'.encode("latin-1")


def with_value(value: str, type_: str = "STRING(600)") -> bytes:
    """A file whose one attribute has this value."""
    return mif(group(attribute(type_=type_, value=value)))


# What stands around a piece of a file.

HEAD = b'START COMPONENT NAME="c"\n'
_GROUP = b'START GROUP NAME="g" ID=1 CLASS="a|b|c"\n'
_ATTRIBUTE = b'START ATTRIBUTE NAME="x" ID=1 TYPE=INTEGER VALUE=0 END ATTRIBUTE\n'
_TAIL = b"END GROUP END COMPONENT"


def wrap_block(block: bytes) -> bytes:
    """A file with this block before its one group."""
    return HEAD + block + b"\n" + _GROUP + _ATTRIBUTE + _TAIL


def wrap_attribute(attribute: bytes) -> bytes:
    """A file whose one group has this attribute."""
    return HEAD + _GROUP + attribute + b"\n" + _TAIL
