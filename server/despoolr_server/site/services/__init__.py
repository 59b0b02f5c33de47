"""The services of a site server, one module each; the Despooler and the Data Loader
have packages of their own.
"""
