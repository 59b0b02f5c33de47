"""`python -m despoolr`: the console script, for whoever has no script on the path."""

from __future__ import annotations

from despoolr.console import main

if __name__ == "__main__":
    main()
