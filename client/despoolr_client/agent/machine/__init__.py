"""The client's own machine, as far as it is looked at: its Windows directory and inventory, and the
programs of packages, what they do, how they run, and how they treat files.
"""
