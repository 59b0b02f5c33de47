"""Faults of a stack that runs, as files say them: tables `[[fault]]`, and whoever causes them at
their moments. `tables` is what a file may say, `stack` breaks and mends.
"""
