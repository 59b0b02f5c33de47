"""Files that a process reads or keeps beside its shares: bounded, private, replaced as a whole."""
