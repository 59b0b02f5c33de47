"""Scenarios: a story in TOML, played by real servers and clients, and what is expected of it."""
