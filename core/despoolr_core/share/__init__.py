"""The interface of a share: modes and rights, the bodies of its API, chains of calls."""
