"""The shares' API: files, handles, chains, opens, messages, and who may see what."""
