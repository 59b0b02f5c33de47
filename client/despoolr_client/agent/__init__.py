"""One client machine: it polls, runs programs, reports, and keeps what it has open."""
