"""What a store asks of the operating system: of an open file, and of two that change places."""
