"""What helps to write a scenario file: `skeleton` is one to begin with, `lint` says what in one is
never used, in vain and never checked.
"""
