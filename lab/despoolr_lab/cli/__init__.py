"""The commands that study a site, one module each."""
