"""Rules that the engine, the episodes, the reports and the client have in common: how names are
folded, what a name may hold.
"""
