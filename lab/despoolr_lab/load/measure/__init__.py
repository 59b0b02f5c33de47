"""What was measured, second by second, and whether it holds what was expected."""
