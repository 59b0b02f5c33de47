"""The shares' API: files, handles, chains, opens, and who may see what; in `server`, the calls
about the server itself.
"""
