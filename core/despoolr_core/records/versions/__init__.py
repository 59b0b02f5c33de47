"""Which version of a package lay on which server, when, and who ran it: read from records alone."""
