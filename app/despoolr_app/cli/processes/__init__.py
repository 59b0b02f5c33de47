"""Servers and fleets as processes: started, served until a signal, asked for their health, and
given the tokens that they ask for.
"""
