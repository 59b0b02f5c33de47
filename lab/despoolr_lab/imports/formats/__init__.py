"""The table of formats: what each proves, how it is told by its content, and who reads it."""
