"""Asking a running site, or the records of a finished run, and giving a site orders."""
