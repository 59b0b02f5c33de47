"""Servers as processes: several machines in one, their metrics."""
