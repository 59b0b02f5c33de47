"""The share host: who may do what to which path, handle, lock or tree, decided by the engine and
kept in a store.
"""
