"""The NOIDMIF a `noidmif` step puts on a client: one group of text attributes (Q170440's shape)."""

from __future__ import annotations

from despoolr_core.formats.mif.build import build_attribute, build_group, build_mif
from despoolr_core.formats.mif.render import render
from despoolr_core.rules.fold import fold


def render_noidmif(group: str, attributes: dict[str, str]) -> bytes:
    """A component `Machine` with one group, class `MICROSOFT|<GROUP>|1.0`."""
    rows = [
        build_attribute(name, number, value, size=max(64, len(value)))
        for number, (name, value) in enumerate(attributes.items(), 1)
    ]
    return render(
        build_mif("Machine", [build_group(group, 1, f"MICROSOFT|{fold(group)}|1.0", rows)])
    )
