"""What services ask the site database and write into it: packages, machines, job rows, what is
known of a package at a site, and which fleet runs which client.
"""
