"""`/{share}/{path}` over HTTP: files, directories, conditions, ranges, names."""

from __future__ import annotations

from urllib.parse import quote

import pytest
