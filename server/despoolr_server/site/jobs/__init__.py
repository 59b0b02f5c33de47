"""Jobs: what they are, which statuses follow which, when a try is made again. Pure."""
