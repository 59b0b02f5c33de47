"""The public face: it names the other rooms by their import paths and imports one only when it is
asked for.
"""
