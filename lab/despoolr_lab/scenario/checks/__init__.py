"""What is checked of a scenario before it runs, beyond the shape of its tables: places that are
not there, subjects that cannot be as expected, moments that are too early or too late.
"""
