"""What the services of a site read and write: boxes, rows, the registry, logs, and the context that
has them.
"""
