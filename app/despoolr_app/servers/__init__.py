"""Servers as processes: several machines in one, their site database, their metrics."""
