"""The site's API: jobs, packages, machines, setup, and the client numbers that fleets lease."""
