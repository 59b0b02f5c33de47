"""Finished runs: their directories, their logs, their records."""
