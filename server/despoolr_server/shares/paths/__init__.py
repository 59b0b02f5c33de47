"""What is done to paths: single names (`paths`), polls that need no open (`polls`), listings
(`listings`) and whole trees (`trees`, which stands on `paths`).
"""
