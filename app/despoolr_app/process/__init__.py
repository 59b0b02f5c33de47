"""What every process stands on: settings, clocks, metrics, what it keeps on disk, and how processes
find each other. `logs` is what it says while it runs, `children` are processes that it starts.
"""
