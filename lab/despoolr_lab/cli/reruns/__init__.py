"""Commands that make a run again: in many worlds, as it was, made small, or with one change at a
time.
"""
