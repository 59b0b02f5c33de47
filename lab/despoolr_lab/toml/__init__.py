"""TOML files of people: bounded, with the line of every mistake."""
