"""The version of Despoolr, as `pyproject.toml` has it: asking what is installed for it takes a
fifth of `despoolr --version`.
"""

from __future__ import annotations

from typing import Final

PRODUCT_VERSION: Final = "0.1.0"
