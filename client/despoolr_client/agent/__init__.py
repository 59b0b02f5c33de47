"""One client: it polls, runs programs on its `machine`, reports, and keeps what it has open."""
