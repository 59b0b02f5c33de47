"""Commands that make a run of what real servers saw: from files that are imported, or from a share
that is watched.
"""
