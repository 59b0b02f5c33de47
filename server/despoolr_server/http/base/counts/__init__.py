"""What a server counts on the wire: how long its answers took, and what went wrong with callers."""
