"""What a run leaves: its directory, report and charts, and two of them side by side."""
