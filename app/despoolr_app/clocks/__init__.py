"""Time of a process that runs: site time on an event loop, the machine's own clocks, and how far
another machine's clock is off.
"""
