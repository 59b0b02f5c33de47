"""Commands that put a stack under load, for minutes or for hours, and compare what came of it."""
