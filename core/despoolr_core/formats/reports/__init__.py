"""Files that say what came of something: status MIFs and NOIDMIFs of clients, and what a site's
services tell its database and the sites above about jobs and packages.
"""
