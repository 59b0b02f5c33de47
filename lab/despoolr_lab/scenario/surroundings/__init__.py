"""What the machines of a scenario stand in, whatever they are: clock, network, files, rows, logs;
and who of them is connected to whom.
"""
