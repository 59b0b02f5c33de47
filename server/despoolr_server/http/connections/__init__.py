"""Connections of a server: how many there may be, how slow each, and what went wrong on them."""
