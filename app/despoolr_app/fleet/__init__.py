"""Fleets: processes of many clients that lease their numbers from a site."""
