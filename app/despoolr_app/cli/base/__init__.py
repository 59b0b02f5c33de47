"""What every command stands on: options and variables, output and streams, the envelope of
`--json`, and how a running site is found and asked. It knows no command.
"""
