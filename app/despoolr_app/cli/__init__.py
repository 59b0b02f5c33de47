"""The commands that run a site or ask it, one module each."""
