"""The services of a site server, one module each; the Scheduler has a folder, the Despooler and the
Data Loader have packages of their own.
"""
