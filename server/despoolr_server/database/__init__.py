"""The site database: its tables, its twins (SQLite and PostgreSQL) and how an older one is brought
up to date.
"""
