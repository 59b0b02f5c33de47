"""The commands that study a site, one module each."""

from __future__ import annotations

from despoolr_lab.sim.certificates import read_certificates_late

read_certificates_late()
