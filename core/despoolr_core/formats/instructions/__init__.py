"""Files that ask for something: despooler instructions, and WINST files with a client's commands,
as bytes, as text, and as PCMDUMP prints them.
"""
