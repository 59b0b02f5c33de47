"""What the tables of a scenario file say (`[[step]]`, `[[expect]]`, `[load]`): a struct for each
kind. `despoolr_lab.scenario.model` makes a scenario of them.
"""
