"""What an administrator does to a running site: its jobs, packages, machines, sites and clients,
hotfixes, and faults on purpose.
"""
