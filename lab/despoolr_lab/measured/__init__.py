"""What a measured run leaves, a load as well as a soak: its course as charts (`charts`), one page
that needs nothing else (`page`), and JUnit XML for a CI (`junit`).
"""
