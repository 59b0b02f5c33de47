"""What every process stands on: settings, clocks, logs, metrics, and how processes find and
supervise each other.
"""
