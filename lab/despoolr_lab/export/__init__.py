"""A finished run for other people's tools: `perfetto` for a trace viewer, `tables` for
spreadsheets, `log` for CMTrace.

Everything here is a function of the records: equal runs give equal files. The answers are pieces of
bytes, so that a file is written as it is made.
"""
