"""Processes that another one started: what they say, and how they end with the one that started
them.
"""
