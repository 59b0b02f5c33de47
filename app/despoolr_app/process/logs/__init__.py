"""What a process that stays says while it runs: one line a fact, and which records become lines."""
