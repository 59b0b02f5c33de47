"""What all readers stand on: the file that they read (`source`), what they say (`seen`), samples
and their differences (`samples`), access masks in the words of tools (`access`), and where a
server's shares lie (`roots`).
"""
