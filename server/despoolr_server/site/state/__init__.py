"""What the services of a site read and write: boxes, the registry, logs, the database (`rows`), and
the context that has them.
"""
