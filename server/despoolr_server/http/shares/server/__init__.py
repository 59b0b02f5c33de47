"""Calls about a share server itself, not about its files: who holds what and why, what Server
Manager does from afar, messages, and whether the server does its work.
"""
